"""Clauses of docs/rfc.md's table that need a whole node."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from pathlib import Path

import pytest

from sipcore.transport.resolver import ResolverSettings
from sipmesh.config import Limits, Trunk, TrunkTarget
from sipmesh.store import Command
from tests.sipcore.dns_server import DnsServer
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import call, run


def test_clause_32_every_request_of_our_own_has_a_from_tag(tmp_path: Path) -> None:
    """Probes of trunks, pings through NATs, and BYE in a party's name."""

    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        trunk = Trunk(name="carrier", targets=(TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}"),), probe_s=0.2)
        async with LiveNode(tmp_path, trunks=(trunk,), limits=Limits(nat_ping_s=0.3)) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            carol = await node.phone("carol", register=False)
            behind_nat = carol.request("REGISTER", "sip:example.com", to=f"<{carol.aor}>", contact="<sip:carol@10.9.8.7>")
            assert (await carol.ask(behind_nat)).status == 200
            ours = [await carrier.incoming("OPTIONS"), await carol.incoming("OPTIONS")]
            _, answered = await call(alice, bob, "sip:bob@example.com")
            key = next(iter(node.store.calls.all()))[0]
            node.store.commands.put(Command(verb="end", key=key))
            byes = await asyncio.gather(alice.incoming("BYE"), bob.incoming("BYE"))
            for phone, bye in zip((alice, bob), byes, strict=True):
                phone.answer(bye, 200)
            assert [(bye.from_tag, bye.to_tag) for bye in byes] == [
                (answered.to_tag, answered.from_tag),
                (answered.from_tag, answered.to_tag),
            ]
            assert all(len(message.from_tag or "") >= 8 for message in ours)
            for message in (*ours, *byes):
                message.check()
        carrier.close()

    run(scenario())


def dead_ports(count: int) -> list[int]:
    """UDP ports that nobody listens at."""
    held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def test_clause_48_nine_dead_servers_of_twelve_cost_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a DNS server, datagrams and the ICMP that comes back for them."""

    async def scenario() -> None:
        living = await Phone("living", "", ("127.0.0.1", 9)).start()
        ports = [*dead_ports(9), living.port, *dead_ports(2)]
        records = [f"{priority} 0 {port} host.carrier.test." for priority, port in enumerate(ports)]
        server = DnsServer({("_sip._udp.carrier.test", "SRV"): records, ("host.carrier.test", "A"): ["127.0.0.1"]})
        await server.start()
        asked_here = partial(ResolverSettings, nameservers=("127.0.0.1",), port=server.port)
        monkeypatch.setattr("sipcore.transport.resolver.ResolverSettings", asked_here)
        async with LiveNode(tmp_path) as node:
            living.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            asking = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:+31@carrier.test")))
            living.answer(await living.incoming("INVITE"), 486)
            assert (await asking).status == 486
            assert node.counters["sip_icmp_errors_total|known=yes"] == 9
        server.stop()
        living.close()

    run(scenario())
