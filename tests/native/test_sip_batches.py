"""When timers fire, and for which the loop is asked to wake the engine up."""

import pytest

from native.sip import Batches, Timers

AN_HOUR = 3600.0


class Engine(Batches):
    def __init__(self, turn_s: float = 0.0) -> None:
        super().__init__(Timers(0.0, 0.0), None, turn_s)
        self.armed: list[float] = []
        self.fired: list[str] = []
        self.in_batches: list[bool] = []
        self.batch()

    def arm_tick(self, deadline: float) -> None:
        self.armed.append(deadline)
        self.tick = object()

    def batch(self) -> None:
        self.begin()
        self.end()

    def start(self, name: str, delay_s: float) -> float:
        self.timers.after(delay_s, self._fire, name)
        return self.timers.now + delay_s

    def _fire(self, name: str) -> None:
        self.fired.append(name)
        self.in_batches.append(self.in_batch)


def test_those_due_fire_in_any_batch() -> None:
    engine = Engine()
    engine.start("now", 0.0)
    engine.start("later", AN_HOUR)
    engine.batch()
    assert (engine.fired, engine.in_batches) == (["now"], [True])


def test_not_before_it_is_their_turn() -> None:
    engine = Engine(turn_s=AN_HOUR)
    engine.start("first", 0.0)
    engine.batch()
    turn = engine.timers.now + AN_HOUR
    engine.start("second", 0.0)
    engine.batch()
    assert engine.fired == ["first"]
    assert engine.armed == [turn]


def test_what_is_started_while_they_fire_waits() -> None:
    engine = Engine()
    engine.timers.after(0.0, lambda _: engine.start("another", 0.0), None)
    engine.batch()
    assert engine.fired == []
    engine.batch()
    assert engine.fired == ["another"]


def test_the_loop_is_asked_once_for_the_soonest() -> None:
    engine = Engine()
    assert engine.armed == []
    soonest = engine.start("soonest", AN_HOUR)
    engine.start("later", 2 * AN_HOUR)
    for _ in range(3):
        engine.batch()
    assert engine.armed == [soonest]
    engine.start("later still", 1.5 * AN_HOUR)
    sooner = engine.start("sooner", AN_HOUR / 2)
    engine.batch()
    assert engine.armed == [soonest, sooner]


def test_it_is_asked_anew_when_it_woke_us_and_when_they_fired_before() -> None:
    engine = Engine()
    later = engine.start("later", AN_HOUR)
    engine.batch()
    engine.tick = None
    engine.batch()
    assert engine.armed == [later] * 2
    engine.start("now", 0.0)
    engine.batch()
    assert engine.fired == ["now"]
    assert engine.armed == [later] * 3


def test_an_error_that_nobody_takes_leaves_the_batch() -> None:
    engine = Engine()
    engine.timers.after(0.0, lambda _: 1 / 0, None)
    engine.begin()
    with pytest.raises(ZeroDivisionError):
        engine.end()
