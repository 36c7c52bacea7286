"""Calls of a signal node over trunks, with real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from native.sip import Message
from sipmesh.config import Route, Trunk, TrunkTarget
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import SDP, call, hang_up, run


@pytest.mark.parametrize(
    ("privacy", "shown"), [(None, True), ("none", True), ("header", True), ("id", False), ("header; ID", False)]
)
def test_an_asserted_identity_stays_private_when_asked(tmp_path: Path, privacy: str | None, shown: bool) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, trunks=(Trunk(name="carrier", sources=("127.0.0.1/32",)),)) as node:
            bob, carrier = await node.phone("bob"), await node.phone("gateway", domain="carrier.example", register=False)
            message = carrier.request("MESSAGE", "sip:bob@example.com", P_Asserted_Identity="<sip:+4420@carrier.example>")
            if privacy is not None:
                message.append("Privacy", privacy)
            sent = asyncio.ensure_future(carrier.ask(message))
            received = await bob.incoming("MESSAGE")
            assert received.has("P-Asserted-Identity") == shown
            bob.answer(received, 200)
            assert (await sent).status == 200

    run(scenario())


def test_a_user_calls_out_and_the_trunk_calls_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9), domain="carrier.example").start()
        trunk = Trunk(
            name="carrier", targets=(TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}"),), sources=("127.0.0.0/8",), probe_s=0.0
        )
        routes = (
            Route(match="00*", strip=2, prefix="+", to="trunk:carrier"),
            Route(match="+44100", to="user:alice@example.com"),
        )
        async with LiveNode(tmp_path, trunks=(trunk,), routes=routes) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            invite, answered = await call(alice, carrier, "sip:004420@example.com")
            assert invite.request_uri_text == f"sip:+4420@127.0.0.1:{carrier.port}"
            assert node.gauges["sip_trunk_calls|trunk=carrier"]() == 1
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            assert node.gauges["sip_trunk_calls|trunk=carrier"]() == 0
            _, answered = await call(carrier, alice, f"sip:+44100@127.0.0.1:{node.port}", trusted=True)
            await hang_up(carrier, alice, carrier.within("BYE", answered, 5))
            back = await carrier.ask(carrier.request("INVITE", f"sip:00331@127.0.0.1:{node.port}"))
            assert (back.status, back.reason) == (403, "Trunk Reaches Our Users Only")
            carrier.close()

    run(scenario())


SILENCE_S, PROBE_S = 30.0, 10.0  # pass when a test says so


def two_targets(name: str = "carrier", **options: Any) -> tuple[socket.socket, Any]:
    """A UDP socket nobody answers at, and a maker of a trunk that tries it before ``living``, after ``SILENCE_S``."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    silent.setblocking(False)

    def make(living: Phone) -> Trunk:
        targets = (
            TrunkTarget(uri=f"sip:127.0.0.1:{silent.getsockname()[1]}"),
            TrunkTarget(uri=f"sip:127.0.0.1:{living.port}", weight=0),
        )
        return Trunk(name=name, targets=targets, first_response_s=SILENCE_S, **options)

    return silent, make


def test_a_silent_target_is_left_for_the_next_and_taken_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        silent, make = two_targets(probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(make(carrier),), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            calling = asyncio.create_task(call(alice, carrier, "sip:900@example.com"))
            tried = await asyncio.get_running_loop().sock_recv(silent, 65536)
            node.pass_time(SILENCE_S)
            _, answered = await calling
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            _, answered = await call(alice, carrier, "sip:901@example.com")
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            up = {name: read() for name, read in node.gauges.items() if name.startswith("sip_trunk_target_up")}
            assert sorted(up.values()) == [0.0, 1.0]
            assert tried.startswith(b"INVITE sip:900@")
            later = {Message(data).request_uri_text.partition("@")[0] for data in drained(silent)}
            assert later <= {"sip:900"}  # retransmissions of that one; the second call went past it
        carrier.close()
        silent.close()

    run(scenario())


def test_clause_38_a_target_whose_503_names_a_time_is_left_alone_so_long(tmp_path: Path) -> None:
    async def scenario() -> None:
        busy, other = [await Phone(name, "", ("127.0.0.1", 9)).start() for name in ("busy", "other")]
        targets = tuple(TrunkTarget(uri=f"sip:127.0.0.1:{port}", weight=w) for port, w in ((busy.port, 1), (other.port, 0)))
        carrier = Trunk(name="carrier", targets=targets, probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(carrier,), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            busy.node = other.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            first = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:900@example.com", body=SDP)))
            busy.send((await busy.incoming("INVITE")).reply(503, to_tag="x", headers=[("Retry-After", "30")]))
            other.answer(await other.incoming("INVITE"), 486)
            assert (await first).status == 486
            second = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:901@example.com", body=SDP)))
            other.answer(await other.incoming("INVITE"), 486)
            assert (await second).status == 486
            assert busy.inbox.empty() or (await busy.incoming("ACK"))
            assert not [message for message in busy.kept if message.method == "INVITE"]
        busy.close()
        other.close()

    run(scenario())


def test_probes_take_a_target_out_and_bring_it_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        silent, make = two_targets(probe_s=PROBE_S)
        async with LiveNode(tmp_path, trunks=(make(carrier),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            dead, living = [
                f"sip_trunk_target_up|trunk=carrier,target=sip:127.0.0.1:{port}"
                for port in (silent.getsockname()[1], carrier.port)
            ]
            carrier.answer(await carrier.incoming("OPTIONS"), 404)
            await node.until(lambda: node.counters["sip_trunk_probes_total|trunk=carrier,status=404"] == 1)
            unanswered = Message(await asyncio.get_running_loop().sock_recv(silent, 65536))
            assert node.gauges[dead]() == 1.0
            node.pass_time(SILENCE_S)
            assert node.gauges[dead]() == 0.0
            assert node.gauges[living]() == 1.0
            node.pass_time(PROBE_S)
            probes = [unanswered, Message(await asyncio.get_running_loop().sock_recv(silent, 65536))]
            while probes[-1].via.branch == unanswered.via.branch:  # one that was repeated
                probes.append(Message(await asyncio.get_running_loop().sock_recv(silent, 65536)))
            assert all(each.method == "OPTIONS" for each in probes)
            silent.sendto(probes[-1].reply(200, to_tag="x").to_bytes(), ("127.0.0.1", node.port))
            await node.until(lambda: node.gauges[dead]() == 1.0)
        carrier.close()
        silent.close()

    run(scenario())


def drained(sock: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(65536))
    return found


def test_a_trunk_takes_no_more_calls_than_its_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        trunk = Trunk(name="carrier", targets=(TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}"),), max_calls=1, probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(trunk,), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice, bob = await node.phone("alice"), await node.phone("bob")
            _, answered = await call(alice, carrier, "sip:900@example.com")
            refused = await bob.ask(bob.request("INVITE", "sip:901@example.com", body=SDP))
            assert (refused.status, refused.reason) == (503, "Trunk Call Limit Reached")
            assert refused.get("Retry-After")
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            _, answered = await call(bob, carrier, "sip:901@example.com")
        carrier.close()

    run(scenario())
