"""sipmesh.signalling.gate: who is not even answered."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import Message
from sipcore.timers import Timers
from sipmesh.signalling.gate import Exempt, Gate
from sipmesh.signalling.rates import Rates

EXEMPT = Exempt((ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")))


class World:
    def __init__(self, per_s: float = 0.0, *, refuse_scanners: bool = True) -> None:
        self.timers = Timers(100.0, 0.0)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.gate = Gate(EXEMPT, Rates(per_s) if per_s else None, self.timers, self.counters, refuse_scanners=refuse_scanners)

    def send(self, source: str, agent: str | None = None, method: str = "OPTIONS") -> bool:
        headers = [("Via", "SIP/2.0/UDP x;branch=z9hG4bK1"), *([("User-Agent", agent)] if agent is not None else [])]
        flow: Any = SimpleNamespace(remote=(source, 5060))
        return self.gate(Message.request(method, "sip:x@y", headers), flow)


@pytest.mark.parametrize("agent", ["friendly-scanner", "SIPVicious 0.3", "sipcli/v1.8", "a friendly-request", "SIP-Scan"])
def test_scanners_are_dropped(agent: str, caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    assert not world.send("203.0.113.9", agent)
    assert not world.send("203.0.113.9", agent)
    assert world.counters == {"sip_requests_dropped_total|why=scanner": 2}
    assert [record.message for record in caplog.records] == ["requests dropped, a scanner: 203.0.113.9"]
    world.timers.now += 60
    world.send("203.0.113.9", agent)
    assert caplog.records[-1].message.endswith("203.0.113.9 (1 more since the last line)")


@pytest.mark.parametrize("agent", [None, "", "Asterisk PBX 20.1", "SIPp", "sipsak 0.9.8", "Linphone", "x" * 300 + "sipcli"])
def test_others_are_not(agent: str | None) -> None:
    assert World().send("203.0.113.9", agent)


def test_scanners_are_let_in_from_exempt_networks_and_where_nobody_minds() -> None:
    assert World().send("127.0.0.2", "sipcli/v1.8")
    assert World().send("2001:db8::1", "sipcli/v1.8")
    assert World(refuse_scanners=False).send("203.0.113.9", "sipcli/v1.8")


def test_a_source_that_sends_too_much(caplog: pytest.LogCaptureFixture) -> None:
    world = World(per_s=10.0)
    assert sum(world.send("203.0.113.9") for _ in range(1000)) == 10
    assert world.send("203.0.113.10")
    assert world.send("203.0.113.9", method="ACK")
    assert all(world.send("127.0.0.1") for _ in range(1000))
    assert world.counters == {"sip_requests_dropped_total|why=source": 990}
    assert len(caplog.records) == 1
    world.timers.now += 1.0
    assert sum(world.send("203.0.113.9") for _ in range(100)) == 10
