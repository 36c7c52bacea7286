"""sipmesh.signalling.nat_pings: every phone behind a NAT once in an interval, evenly."""

from __future__ import annotations

from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from sipcore.location import Binding
from sipcore.timers import Timers
from sipmesh.signalling.nat_pings import STEP_S, NatPings

WALL = 1000.0


def binding(number: int, **more: Any) -> Binding:
    where = {"remote_host": "203.0.113.9", "remote_port": 1000 + number}
    fields: dict[str, Any] = {"natted": True, "expires_at": WALL + 3600, **where}
    return Binding(contact=f"sip:{number}@10.0.0.1", call_id="c", cseq=1, **(fields | more))


class World:
    def __init__(self, *phones: Binding, interval_s: float = 30.0) -> None:
        self.phones = phones
        self.timers = Timers(0.0, WALL)
        self.asked: list[tuple[float, str]] = []
        self.done: list[Any] = []
        self.counters: defaultdict[str, int] = defaultdict(int)
        flows: Any = SimpleNamespace(flow_of=self.flow_of)
        requester: Any = SimpleNamespace(send=self.send, new_call_id=lambda: "ping-1")
        NatPings(self, flows, requester, self.timers, self.counters, interval_s, lambda: "sip:us").start()

    def count(self) -> int:
        return len(self.phones)

    def part(self, start: bytes, limit: int) -> tuple[list[list[Binding]], bytes]:
        first = int(start or b"0")
        last = first + limit
        return [[phone] for phone in self.phones[first:last]], str(last).encode() if last < len(self.phones) else b""

    def flow_of(self, listener: int, remote: tuple[str, int], connection: int) -> Any:
        return SimpleNamespace(remote=remote, reliable=listener == 1)

    def send(self, method: str, uri: str, headers: Any, done: Any, flow: Any) -> None:
        assert method == "OPTIONS"
        assert flow.remote == ("203.0.113.9", 1000 + int(uri[4:].partition("@")[0]))
        self.asked.append((self.timers.now, uri))
        self.done.append(done)

    def run(self, for_s: float) -> None:
        for _ in range(round(for_s / STEP_S)):
            self.timers.advance(self.timers.now + STEP_S, self.timers.wall + STEP_S)


def test_each_is_asked_once_an_interval_and_never_many_at_once() -> None:
    world = World(*(binding(number) for number in range(600)))
    world.run(31.0)
    assert len({uri for _, uri in world.asked}) == 600
    assert max(Counter(at for at, _ in world.asked).values()) <= 3
    world.run(29.0)
    assert len(world.asked) == pytest.approx(1200, abs=6)


def test_one_phone_alone_is_asked_as_often() -> None:
    world = World(binding(1), interval_s=5.0)
    world.run(51.0)
    assert len(world.asked) == 10


@pytest.mark.parametrize("more", [{"natted": False}, {"connection_id": 7}, {"expires_at": WALL}, {"listener": 1}])
def test_others_are_left_alone(more: dict[str, Any]) -> None:
    world = World(binding(1, **more), interval_s=1.0)
    world.run(5.0)
    assert world.asked == []


def test_answers_are_counted() -> None:
    world = World(binding(1), interval_s=1.0)
    world.run(3.5)
    for done, status in zip(world.done, (200, 404, 408), strict=True):
        done(status, None)
    assert world.counters == {"sip_nat_pings_total|answered=yes": 2, "sip_nat_pings_total|answered=no": 1}
