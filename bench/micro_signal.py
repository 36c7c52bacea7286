"""What the signal worker spends on an exchange: ``python -m bench.micro_signal [--json] [--profile]``.

The whole node (sockets, transactions, proxy, policy, store) runs in this process over loopback; only its turns of the event
loop count, not the phones'. ``us`` is CPU time of the best of several rounds, because the machine's other work only adds.
``functions`` counts the Python and C functions called; it is the same in every run, so it shows small changes that time hides.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import platform
import pstats
import socket
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from bench.fake_relay import FakeRelay
from bench.meter import Meter
from bench.signal_exchanges import CLOSED, OPEN, PASSWORD, USERS, Exchanges, Phone
from interop.certificates import Authority
from sipmesh.config import Config, Domain, Limits, Listen, Media, Node, Route, Trunk, TrunkTarget, User
from sipmesh.signalling.node import SignalNode
from sipmesh.store import Store
from sipmesh.worker import listeners_of

OVER_TRUNKS = ("call_in", "call_trunk", "call_trunk_spare", "call_unrouted", "call_out")
BEHIND_NAT = ("call_nat", "call_nat_relayed")
WITHIN = ("call_info", "call_updated", "call_reinvited")
CALLS = (
    "call",
    "call_relayed",
    "call_digest",
    "call_limited",
    "call_beside_tls",
    "call_private",
    "call_forked",
    *WITHIN,
    *BEHIND_NAT,
    *OVER_TRUNKS,
)
EXCHANGES = (*CALLS, "register", "register_digest", "options")


def signal_meter() -> Meter:
    return Meter(time.thread_time_ns, looks=3)


async def measure(name: str, rounds: int, count: int, batch: int, profiled: bool) -> dict[str, Any]:
    meter = signal_meter()
    with tempfile.TemporaryDirectory(prefix="bench-signal-") as folder:
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        plain.bind(("127.0.0.1", 0))
        port = plain.getsockname()[1]
        exchanges = Exchanges(port, meter.turn, batch)
        config = configured(name, Path(folder), port, exchanges.callee.port)
        exchanges.relay = relay = FakeRelay(ng_path(config)) if config.media.anchor else None
        if name == "call_forked":
            exchanges.second = Phone(port)
        if name in BEHIND_NAT:
            exchanges.host = "10.9.8.7"
        store, node = prepared(config)
        streams = [socket.create_server(("127.0.0.1", 0)) for _ in config.listen[1:]]
        await node.start(dict(enumerate([plain, *streams])))
        try:
            for _ in range(2 + USERS // batch):
                await exchanges.register()
            exchange = getattr(exchanges, name)
            for _ in range(max(1, 200 // batch)):
                await exchange()
            best = float("inf")
            for _ in range(rounds):
                gc.collect()
                meter.spent_ns = 0
                for _ in range(count // batch):
                    await exchange()
                best = min(best, meter.spent_ns / 1000 / (count // batch * batch))
            functions, table = await profile(meter, exchange, batch)
        finally:
            exchanges.close()
            await node.stop()
            store.close()
            if relay is not None:
                relay.close()
    if profiled:
        table.sort_stats("tottime").print_stats(60)
    return {"us": round(best, 1), "functions": round(functions, 1)}


async def profile(meter: Meter, exchange: Callable[[], Any], batch: int) -> tuple[float, pstats.Stats]:
    """Functions called in one exchange, and the table of them."""
    meter.profile = cProfile.Profile()
    runs = max(1, 400 // batch)
    for _ in range(runs):
        await exchange()
    table = pstats.Stats(meter.profile)
    meter.profile = None
    return table.total_calls / (runs * batch), table  # type: ignore[attr-defined]


def configured(name: str, folder: Path, port: int, callee_port: int = 0) -> Config:
    """For the exchange of that name."""
    trunks: tuple[Trunk, ...] = ()
    if name in OVER_TRUNKS:
        targets = [TrunkTarget(uri=f"sip:127.0.0.1:{callee_port}")]
        if name == "call_trunk_spare":
            targets.append(TrunkTarget(uri="sip:127.0.0.1:9", weight=0))
        trunks = (
            Trunk(name="caller", sources=("127.0.0.1/32",), transit=True),
            Trunk(name="callee", targets=tuple(targets), probe_s=0.0, max_calls=10_000),
        )
    listen = [Listen(transport="udp", address=f"127.0.0.1:{port}")]
    if name == "call_beside_tls":
        files = Authority(folder).issue("node", "IP:127.0.0.1")
        listen.append(Listen(transport="tls", address="127.0.0.1:5061", certificate=files.certificate, key=files.key))
    return Config(
        node=Node(name="bench", data=str(folder)),
        listen=tuple(listen),
        domain=(Domain(name=OPEN, auth=False), Domain(name=CLOSED, digest=("MD5",))),
        user=tuple(User(aor=f"user{n}@{domain}", password=PASSWORD) for n in range(USERS) for domain in (OPEN, CLOSED)),
        trunk=trunks,
        route=(Route(match="9*", to="trunk:callee", strip=1),) if trunks else (),
        media=Media(anchor=name in ("call_relayed", "call_nat_relayed")),
        limits=Limits(exempt=(), invites_per_user_per_s=1e6 if name == "call_limited" else 0.0),
    )


def ng_path(config: Config) -> Path:
    return Path(config.node.data) / "ng.sock"


def prepared(config: Config) -> tuple[Store, SignalNode]:
    store = Store.open(Path(config.node.data))
    store.directory.apply(config)
    return store, SignalNode(config, store, listeners_of(config), str(ng_path(config)), defaultdict(int), {})


def commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.micro_signal", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--profile", action="store_true", help="show the functions that cost most")
    parser.add_argument("--only", default=",".join(EXCHANGES), help="which exchanges, separated by commas")
    parser.add_argument("--batch", type=int, default=4, help="exchanges at once, so messages a wake-up")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--count", type=int, default=400, help="exchanges a round")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.only.split(","):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            results[name] = runner.run(measure(name, arguments.rounds, arguments.count, arguments.batch, arguments.profile))
    if arguments.json:
        machine = f"Linux {platform.release()}, Python {platform.python_version()}"
        print(json.dumps({**results, "batch": arguments.batch, "commit": commit(), "machine": machine}))
        return
    for name, row in results.items():
        print(f"{name:16} {row['us']:8.1f} µs {row['functions']:8.1f} functions called")


if __name__ == "__main__":
    main()
