"""When the engine looks at its timers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from sipcore.transport.engine import Engine
from sipcore.transport.settings import TransportSettings

SETTINGS = TransportSettings(tick_s=0.05, idle_tick_s=0.25)


class Planned:
    def __init__(self, delay_s: float, callback: Callable[[], None]) -> None:
        self.delay_s, self.callback, self.cancelled = delay_s, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """The last that was planned, and how often that was done."""

    def __init__(self) -> None:
        self.last = Planned(0.0, lambda: None)
        self.count = 0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Planned:
        self.last = Planned(delay_s, callback)
        self.count += 1
        return self.last


def engine_on(loop: Any) -> Engine:
    engine = Engine((), defaultdict(int), SETTINGS)
    engine.loop = loop
    return engine


def wait_for(engine: Engine, delay_s: float) -> None:
    engine.timers.after(delay_s, lambda _: None, None)


def test_without_timers_nothing_is_planned() -> None:
    loop = Loop()
    engine_on(loop).run(lambda: None)
    assert loop.count == 0


def test_a_busy_engine_looks_often_and_plans_no_look_twice() -> None:
    loop = Loop()
    engine = engine_on(loop)
    for looks in range(5):
        for _ in range(10):
            engine.run(wait_for, engine, 10.0)
        assert (loop.count, loop.last.delay_s, engine.idle) == (looks + 1, 0.05, False)
        loop.last.callback()  # which plans the next


def test_an_idle_one_looks_seldom_until_something_happens() -> None:
    loop = Loop()
    engine = engine_on(loop)
    engine.run(wait_for, engine, 10.0)
    loop.last.callback()
    assert loop.last.delay_s == 0.05
    for _ in range(3):
        loop.last.callback()
        assert (loop.last.delay_s, engine.idle) == (0.25, True)
    late = loop.last
    engine.run(wait_for, engine, 0.1)
    assert (late.cancelled, loop.last.delay_s, engine.idle) == (True, 0.05, False)


def test_an_unreachable_address_is_told_of_soon_by_an_idle_one() -> None:
    loop = Loop()
    engine = engine_on(loop)
    engine.run(wait_for, engine, 10.0)
    for _ in range(2):
        loop.last.callback()
    assert engine.idle
    engine.unreachable_later(0, ("192.0.2.1", 5060))
    assert (loop.last.delay_s, engine.idle) == (0.05, False)
