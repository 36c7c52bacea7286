"""When the engine wakes up for its timers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from sipcore.transport.engine import Engine
from sipcore.transport.settings import TransportSettings

LATE_S, LONGEST_S = 0.03, 2000.0
STALL_S = 4000.0  # no machine that runs these tests stands still for so long
SETTINGS = TransportSettings(turn_s=0.0, tick_late_s=LATE_S, tick_max_s=LONGEST_S, stall_s=STALL_S)


class Planned:
    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.delay_s, self.callback, self.cancelled = delay_s, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """What was planned."""

    def __init__(self) -> None:
        self.planned: list[Planned] = []

    @property
    def last(self) -> Planned:
        return self.planned[-1]

    @property
    def count(self) -> int:
        return len(self.planned)

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Planned:
        self.planned.append(Planned(delay_s, callback))
        return self.last


def engine_on(loop: Any) -> Engine:
    engine = Engine((), defaultdict(int), SETTINGS)
    engine.loop = loop
    return engine


def stalled(engine: Engine, fired: list[str]) -> None:
    """A timer is late: nothing ran meanwhile."""
    engine.timers.after(-2 * STALL_S, fired.append, "fired")


def wait_for(engine: Engine, delay_s: float) -> None:
    engine.timers.after(delay_s, lambda _: None, None)


def test_without_timers_nothing_is_planned() -> None:
    loop = Loop()
    engine_on(loop).run(lambda: None)
    assert loop.count == 0


def test_it_wakes_up_for_the_soonest_and_plans_nothing_twice() -> None:
    loop = Loop()
    engine = engine_on(loop)
    engine.run(wait_for, engine, 1000.0)
    soonest = loop.last
    assert soonest.delay_s == pytest.approx(1000.0 + LATE_S)
    for _ in range(10):
        engine.run(wait_for, engine, 1500.0)
    assert loop.last is soonest
    engine.run(wait_for, engine, 500.0)
    assert (soonest.cancelled, loop.count) == (True, 2)
    assert loop.last.delay_s == pytest.approx(500.0 + LATE_S)


def test_what_fires_beside_a_message_needs_no_tick() -> None:
    loop = Loop()
    engine = engine_on(loop)
    engine.run(wait_for, engine, 1e-9)
    engine.run(wait_for, engine, 1000.0)
    assert [each.cancelled for each in loop.planned] == [True, False]
    assert loop.last.delay_s == pytest.approx(1000.0 + LATE_S)


def test_an_idle_one_looks_now_and_then() -> None:
    """For what was started outside of a batch."""
    loop = Loop()
    engine = engine_on(loop)
    engine.run(wait_for, engine, 1e6)
    for count in range(1, 4):
        assert (loop.count, loop.last.delay_s) == (count, LONGEST_S)
        loop.last.callback()


def test_after_a_stall_timers_wait_until_the_sockets_have_been_looked_at() -> None:
    loop, fired = Loop(), list[str]()
    engine = engine_on(loop)
    engine.run(stalled, engine, fired)
    for _ in range(3):
        engine.run(lambda: None)  # what came in
    assert (fired, loop.count, loop.last.delay_s) == ([], 1, SETTINGS.catch_up_s)
    loop.last.callback()
    assert (fired, engine.counters["sip_stalls_total"]) == (["fired"], 1)


def test_a_message_that_came_in_a_stall_stops_the_timer() -> None:
    loop, fired = Loop(), list[str]()
    engine = engine_on(loop)
    timer = engine.timers.after(-2 * STALL_S, fired.append, "fired")
    engine.run(lambda: None)
    engine.run(timer.cancel)
    loop.last.callback()
    assert fired == []
    engine.run(stalled, engine, fired)
    assert engine.counters["sip_stalls_total"] == 2  # each is looked for


def test_what_starts_while_it_catches_up_fires_too() -> None:
    loop, fired = Loop(), list[str]()
    engine = engine_on(loop)
    engine.run(stalled, engine, fired)
    engine.run(wait_for, engine, 1e6)
    assert loop.count == 1
    loop.last.callback()
    assert loop.last.delay_s == LONGEST_S
