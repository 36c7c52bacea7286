"""``python -m media``: the relay daemon alone, for proxies that speak ng over UDP."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys

import uvloop

from media.daemon import MediaDaemon
from media.errors import ConfigError
from media.fast_path import open_fast_path
from media.raw import close_raw, open_raw
from media.settings import LOOPBACK, Interface, MediaSettings, RecordingSettings, parse_address, parse_ports
from native.relay import Relay

log = logging.getLogger("media")


def main() -> int:
    arguments = _parser().parse_args()
    form = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=arguments.log.upper(), format=form, stream=sys.stderr)
    try:
        settings = _settings(arguments)
        gc.collect()
        gc.freeze()
        gc.set_threshold(5_000, 20, 1_000_000_000)  # calls leave no cycles behind: the oldest need never be looked at
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, arguments))
    except (ConfigError, OSError) as cause:
        print(f"media: {cause}", file=sys.stderr)
        return 2 if isinstance(cause, ConfigError) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m media", description=__doc__)
    parser.add_argument("--ng", default="127.0.0.1:2223", metavar="ADDRESS:PORT", help="serve ng over UDP here")
    parser.add_argument("--ng-allow", action="append", metavar="NETWORK", help="who may use it; default loopback only")
    parser.add_argument("--unix", default="", metavar="PATH", help="serve ng on this seqpacket socket too, with events")
    parser.add_argument("--address", action="append", metavar="[NAME=]ADDRESS[!ADVERTISED]", help="relay RTP on it; repeatable")
    parser.add_argument("--ports", default="30000-39999", metavar="FIRST-LAST", help="UDP ports of RTP and RTCP")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="S", help="end a call without packets after so long")
    parser.add_argument("--max-calls", type=int, default=0, metavar="N", help="calls at once; 0: no limit")
    parser.add_argument("--max-cpu", type=float, default=0.0, metavar="PERCENT", help="of the machine, then no new calls")
    parser.add_argument("--max-load", type=float, default=0.0, metavar="LOAD", help="average of a minute, then no new calls")
    parser.add_argument("--max-bandwidth", type=int, default=0, metavar="BYTES", help="received a second, then no new calls")
    parser.add_argument("--recording-dir", default="", metavar="FOLDER", help="where calls are recorded; empty: they are not")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="relay threads")
    raw = "send by raw sockets where CAP_NET_RAW allows them; --no-raw: each stream by its own"
    parser.add_argument("--raw", action=argparse.BooleanOptionalAction, default=True, help=raw)
    fast = "let the kernel relay plain RTP by itself (eBPF) where CAP_BPF and CAP_NET_ADMIN allow it"
    parser.add_argument("--fast-path", action=argparse.BooleanOptionalAction, default=False, help=fast)
    parser.add_argument("--max-streams", type=int, default=8192, metavar="N", help="media lines at once")
    parser.add_argument("--log", default="info", choices=("debug", "info", "warning", "error"), help="what to log")
    return parser


def _settings(arguments: argparse.Namespace) -> MediaSettings:
    first, last = parse_ports(arguments.ports)
    return MediaSettings(
        interfaces=tuple(_interface(text) for text in arguments.address or ["127.0.0.1"]),
        first_port=first,
        last_port=last,
        ng=parse_address(arguments.ng),
        ng_allow=tuple(arguments.ng_allow or LOOPBACK),
        unix_path=arguments.unix,
        max_calls=arguments.max_calls,
        max_cpu_percent=arguments.max_cpu,
        max_load_average=arguments.max_load,
        max_bytes_per_s=arguments.max_bandwidth,
        recording=RecordingSettings(folder=arguments.recording_dir),
        timeout_s=arguments.timeout,
    )


def _interface(text: str) -> Interface:
    name, equals, rest = text.partition("=")
    address, _, advertise = (rest if equals else text).partition("!")
    return Interface(address, advertise, name if equals else "default")


async def _serve(settings: MediaSettings, arguments: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    addresses = [interface.address for interface in settings.interfaces]
    raw = open_raw(addresses if arguments.raw else [], settings.dscp, arguments.threads)
    fast = open_fast_path(addresses, arguments.max_streams) if arguments.fast_path else None
    relay = Relay(threads=arguments.threads, capacity=arguments.max_streams, raw=raw, fast=fast.for_relay() if fast else None)
    close_raw(raw)
    relay.start()
    try:
        daemon = MediaDaemon(settings, relay)
        await daemon.start()
        log.info("ng on %s, %d of %d relay threads with SCHED_FIFO", daemon.ng_address, relay.fifo_threads, relay.threads)
        await daemon.run(stopping)
    finally:
        relay.stop()
        if fast:
            fast.close()


if __name__ == "__main__":
    sys.exit(main())
