"""What the media daemon spends on a call's ng requests: ``python -m bench.micro_ng [--json] [--profile]``.

The whole daemon (UDP socket, dispatcher, offer/answer, ports, relay thread) runs in this process over loopback; only its turns
of the event loop count, not the proxy's. ``us`` is CPU time of all threads, the kernel's work for us included, in the best of
several rounds, because the machine's other work only adds. ``functions`` counts the Python and C functions called; it is the
same in every run, so it shows small changes that time hides.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import itertools
import json
import logging
import pstats
import socket
import tempfile
import time
from typing import Any

import uvloop

from bench.meter import Meter
from bench.own_proxy import OwnProxy
from bench.relay.report import commit, machine
from media import bencode
from media.daemon import MediaDaemon
from media.settings import Interface, MediaSettings
from native.relay import Relay

COMMANDS = ("offer", "answer", "delete")
CALLER = """v=0\r
o=alice {session} 1 IN IP4 192.168.1.20\r
s=-\r
c=IN IP4 192.168.1.20\r
t=0 0\r
m=audio {port} RTP/AVP 96 9 8 0 101\r
a=rtpmap:96 opus/48000/2\r
a=fmtp:96 useinbandfec=1\r
a=rtpmap:9 G722/8000\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:0 PCMU/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-16\r
a=ptime:20\r
a=sendrecv\r
"""
CALLEE = """v=0\r
o=- {session} 2 IN IP4 203.0.113.9\r
s=call\r
c=IN IP4 203.0.113.9\r
t=0 0\r
m=audio {port} RTP/AVP 8 101\r
a=rtpmap:8 PCMA/8000\r
a=rtpmap:101 telephone-event/8000\r
a=fmtp:101 0-15\r
a=sendrecv\r
"""


class Proxy:
    """Requests as Kamailio's rtpengine module writes them."""

    def __init__(self, server: tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(server)
        self._cookies = itertools.count(1)

    def send(self, command: str, call: int) -> None:
        body = getattr(self, f"_{command}")(call)
        names = {"call-id": f"{call:08x}-7@192.168.1.20", "from-tag": f"{call:08x}a", "to-tag": f"{call:08x}b"}
        if command == "offer":
            del names["to-tag"]
        message = {"supports": ["load limit"], **body, **names, "command": command}
        self._socket.send(b"19_4711_%d " % next(self._cookies) + bencode.encode(message))

    def receive(self) -> None:
        reply = bencode.decode(self._socket.recv(65536, socket.MSG_DONTWAIT).partition(b" ")[2])
        if reply["result"] != "ok":
            raise RuntimeError(reply)

    def close(self) -> None:
        self._socket.close()

    @staticmethod
    def _offer(call: int) -> dict[str, Any]:
        return {
            "sdp": CALLER.format(session=3_900_000_000 + call, port=10000 + call % 20000 * 2),
            "ICE": "remove",
            "flags": ["trust-address", "SIP-source-address"],
            "replace": ["origin"],
            "received-from": ["IP4", "198.51.100.7"],
            "sip-message-type": "sip_request",
        }

    @staticmethod
    def _answer(call: int) -> dict[str, Any]:
        return {
            "sdp": CALLEE.format(session=1_700_000_000 + call, port=20000 + call % 20000 * 2),
            "ICE": "remove",
            "flags": ["trust-address"],
            "replace": ["origin"],
            "received-from": ["IP4", "203.0.113.9"],
            "sip-message-type": "sip_reply",
        }

    @staticmethod
    def _delete(call: int) -> dict[str, Any]:
        return {"received-from": ["IP4", "198.51.100.7"], "sip-message-type": "sip_request"}


def _meter() -> Meter:
    return Meter(time.process_time_ns, looks=2)


async def measure(rounds: int, count: int, profiled: bool, own: bool) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(prefix="bench-ng-") as folder:
        return await _measure(f"{folder}/ng.sock", rounds, count, profiled, own)


async def _measure(path: str, rounds: int, count: int, profiled: bool, own: bool) -> dict[str, dict[str, float]]:
    settings = MediaSettings((Interface("127.0.0.1"),), 30000, 49999, ng=("127.0.0.1", 0), unix_path=path)
    relay = Relay(threads=1, capacity=8192, fifo=False)
    relay.start()
    daemon = MediaDaemon(settings, relay)
    try:
        await daemon.start()
        assert daemon.ng_address is not None
        proxy = OwnProxy(path, (CALLER, CALLEE)) if own else Proxy(daemon.ng_address)
        try:
            return await _rounds(proxy, rounds, count, profiled)
        finally:
            proxy.close()
    finally:
        daemon.close()
        relay.stop()


async def _rounds(proxy: Proxy | OwnProxy, rounds: int, count: int, profiled: bool) -> dict[str, dict[str, float]]:
    calls = itertools.count(1)
    best = dict.fromkeys(COMMANDS, float("inf"))
    await _calls(proxy, calls, 100, {command: _meter() for command in COMMANDS})
    for _ in range(rounds):
        meters = {command: _meter() for command in COMMANDS}
        gc.collect()
        await _calls(proxy, calls, count, meters)
        best = {command: min(best[command], meters[command].spent_ns / 1000 / count) for command in COMMANDS}
    results = {command: {"us": round(best[command], 1)} for command in COMMANDS}
    for command in COMMANDS:
        meters = {each: _meter() for each in COMMANDS}
        meters[command].profile = cProfile.Profile()
        await _calls(proxy, calls, count, meters)
        table = pstats.Stats(meters[command].profile)
        results[command]["functions"] = round(table.total_calls / count, 1)  # type: ignore[attr-defined]
        if profiled:
            table.sort_stats("tottime").print_stats(50)
    return results


async def _calls(proxy: Proxy | OwnProxy, numbers: itertools.count[int], count: int, meters: dict[str, Meter]) -> None:
    """So many calls, each command of all of them in turn: ``count`` are up at once."""
    batch = list(itertools.islice(numbers, count))
    for command in COMMANDS:
        for call in batch:
            proxy.send(command, call)
            await meters[command].turn()
            proxy.receive()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro_ng", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--profile", action="store_true", help="show the functions that cost most")
    parser.add_argument("--own", action="store_true", help="as this node's own proxy asks, over the seqpacket socket")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=200, help="calls a round, all up at once")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        results = runner.run(measure(arguments.rounds, arguments.count, arguments.profile, arguments.own))
    whole = {what: round(sum(row[what] for row in results.values()), 1) for what in ("us", "functions")}
    if arguments.json:
        print(json.dumps({**results, "call": whole, "commit": commit(), "machine": machine()}))
        return
    for name, row in [*results.items(), ("call", whole)]:
        print(f"{name:8} {row['us']:8.1f} µs {row['functions']:8.1f} functions called")


if __name__ == "__main__":
    main()
