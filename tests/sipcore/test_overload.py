"""sipcore.overload: what waits, what is served and what is refused, alone and in a simulated server."""

from __future__ import annotations

from random import Random

import pytest

from sipcore.overload import Backlog
from sipcore.overload_signs import BUSY_AFTER, CALM_AFTER, INTERVAL_S, MAX_WAITING, MIN_WAITING, PATIENCE_S, ROOM_S
from tests.sipcore.overload_world import CAPACITY, Server

SETTLED_S, UNTIL_S = 1.0, 4.0


def still() -> float:
    """How long a process has run that doesn't."""
    return 0.0


def busy_backlog() -> Backlog[str]:
    """At time 10, empty, after waits that got longer and longer."""
    backlog: Backlog[str] = Backlog(still)
    for number in range(BUSY_AFTER + 1):
        at = 10.0 - (BUSY_AFTER + 1 - number) * (INTERVAL_S + 0.001)
        assert backlog.put("x", "x", at - 0.05 - 0.01 * number, goes_on=False)
        assert backlog.next(at) == "x"
        assert not backlog.busy
    assert backlog.is_busy(10.0)
    return backlog


def test_what_waits_is_served_in_order_and_what_goes_on_first() -> None:
    backlog: Backlog[str] = Backlog(still)
    for key in ("a", "b", "C", "D"):
        assert backlog.put(key, key, 1.0, goes_on=key.isupper())
    assert len(backlog) == 4
    assert "a" in backlog
    assert [backlog.next(1.0) for _ in range(5)] == ["C", "D", "a", "b", None]
    assert len(backlog) == 0


def test_what_waits_can_be_taken_out() -> None:
    backlog: Backlog[str] = Backlog(still)
    backlog.put("a", "A", 1.0, goes_on=False)
    assert backlog.drop("a") == "A"
    assert backlog.drop("a") is None
    assert backlog.next(1.0) is None


def test_a_burst_is_worked_off_and_nobody_is_refused() -> None:
    backlog: Backlog[int] = Backlog(still)
    for number in range(500):
        assert backlog.put(str(number), number, 1.0, goes_on=False)
    for number in range(500):
        now = 1.0 + number * 0.0002
        assert list(backlog.late(now)) == []
        assert backlog.next(now) == number


def test_nobody_waits_so_long_that_he_repeats_it() -> None:
    backlog: Backlog[str] = Backlog(still)
    backlog.put("a", "a", 1.0, goes_on=False)
    assert list(backlog.late(1.0 + PATIENCE_S)) == []
    assert list(backlog.late(1.001 + PATIENCE_S)) == ["a"]
    assert backlog.share(1.05 + PATIENCE_S + INTERVAL_S) == 1.0


def test_a_queue_that_stands_is_overload_and_gets_short() -> None:
    backlog = busy_backlog()
    took = sum(backlog.put(str(number), "x", 10.0, goes_on=False) for number in range(1000))
    assert took == MIN_WAITING
    assert backlog.room(10.0) == 0
    assert backlog.put("credentials", "x", 10.0, goes_on=True)  # has room of its own
    assert list(backlog.late(9.999 + PATIENCE_S)) == []
    assert len(list(backlog.late(10.001 + PATIENCE_S))) == MIN_WAITING + 1


def test_who_waits_when_overload_is_seen_is_served() -> None:
    server = Server(((UNTIL_S, 2.0 * CAPACITY),), Backlog(still)).run()
    assert server.refusal_delays(0.0)[-1] <= 0.02


def test_a_queue_that_stands_gets_no_longer_than_is_served_in_time() -> None:
    backlog: Backlog[str] = Backlog(still)
    for number in range(300):  # one each millisecond, each after a longer wait
        at = 10.0 + number / 1000
        backlog.put(str(number), "x", at - 0.05 - number / 10_000, goes_on=False)
        backlog.next(at)
    assert not backlog.busy
    assert MIN_WAITING < backlog.room(10.31) < 1000 * PATIENCE_S


def test_a_queue_that_gets_shorter_is_none() -> None:
    backlog: Backlog[str] = Backlog(still)
    for number in range(20):
        at = 10.0 + number * 0.11
        backlog.put("x", "x", at - 0.35 + 0.01 * number, goes_on=False)
        backlog.next(at)
    assert not backlog.is_busy(13.0)


def test_neither_is_one_that_gets_empty_now_and_then() -> None:
    backlog: Backlog[str] = Backlog(still)
    for number in range(20):
        at = 10.0 + number * 0.11
        backlog.put("x", "x", at - (0.1 + 0.01 * number if number % BUSY_AFTER else 0.0), goes_on=False)
        backlog.next(at)
    assert not backlog.is_busy(13.0)


def test_in_overload_as_many_may_wait_as_are_served_meanwhile() -> None:
    backlog, ran = busy_backlog(), 0.0
    backlog.ran = lambda: ran
    for number in range(1000):  # one each millisecond, of which the process runs a half
        now, ran = 10.0 + number / 1000, number / 2000
        backlog.put(str(number), "x", now - 0.02, goes_on=False)
        backlog.refused(1, now)
        assert backlog.next(now) == "x"
    assert backlog.room(11.0) == pytest.approx(2000 * ROOM_S, abs=2)


def test_overload_ends_when_refusals_are_the_exception() -> None:
    backlog = busy_backlog()
    for number in range(1, CALM_AFTER + 2):
        at = 10.0 + number * (INTERVAL_S + 0.001)
        assert backlog.room(at) == MIN_WAITING
        backlog.refused(1 if number == 4 else 0, at)
    assert backlog.room(10.0 + (CALM_AFTER + 2) * (INTERVAL_S + 0.001)) == MAX_WAITING
    assert not backlog.busy


def test_overload_ends_when_nobody_comes() -> None:
    backlog = busy_backlog()
    assert backlog.is_busy(10.0 + (CALM_AFTER - 1) * INTERVAL_S)
    assert not backlog.is_busy(11.0 + 2 * CALM_AFTER * INTERVAL_S)


def test_the_share_is_that_of_the_last_interval() -> None:
    backlog: Backlog[str] = Backlog(still)
    assert backlog.share(0.0) == 0.0
    for number in range(4):
        backlog.put(str(number), "x", 1.0, goes_on=False)
        backlog.next(1.0)
    backlog.refused(12, 1.05)
    assert backlog.share(1.11) == pytest.approx(0.75)
    assert backlog.share(9.0) == 0.0


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.5, 2.0, 3.0, 4.0])
def test_goodput_stays_whatever_is_offered(factor: float) -> None:
    server = Server(((UNTIL_S, factor * CAPACITY),), Backlog(still)).run()
    goodput = server.completed_per_s(SETTLED_S, UNTIL_S)
    assert goodput >= 0.9 * min(factor, 1.0) * CAPACITY
    assert server.lost == 0
    if factor < 1:
        assert server.refusal_delays(0.0) == []
    if factor >= 1.5:
        delays = server.refusal_delays(SETTLED_S)
        assert delays[len(delays) * 99 // 100] <= 0.05


@pytest.mark.parametrize("factor", [1.1, 2.0, 4.0])
def test_goodput_does_not_swing(factor: float) -> None:
    server = Server(((UNTIL_S, factor * CAPACITY),), Backlog(still)).run()
    parts = [server.completed_per_s(start / 4, start / 4 + 0.25) for start in range(4, 16)]
    assert min(parts) >= 0.85 * max(parts)


def test_the_same_server_without_it_collapses() -> None:
    server = Server(((UNTIL_S, 2.0 * CAPACITY),), None).run()
    assert server.completed_per_s(SETTLED_S, UNTIL_S) < 0.6 * CAPACITY


def stolen(length_s: float, every_s: float, seed: int) -> tuple[tuple[float, float], ...]:
    """Pauses at random times, until ``UNTIL_S``."""
    random, at, pauses = Random(seed), 0.3, []
    while at < UNTIL_S - 0.5:
        pauses.append((at, length_s * random.uniform(0.7, 1.3)))
        at += every_s * random.uniform(0.5, 1.5)
    return tuple(pauses)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("load", "length_s", "every_s"), [(0.8, 0.1, 1.0), (0.8, 0.15, 1.2), (0.5, 0.2, 0.7), (0.9, 0.1, 2.5)])
def test_a_pause_of_the_process_is_no_overload(load: float, length_s: float, every_s: float, seed: int) -> None:
    server = Server(((UNTIL_S, load * CAPACITY),), Backlog(still), seed, stolen(length_s, every_s, seed)).run()
    assert server.refusal_delays(0.0) == []
    assert server.lost == 0


@pytest.mark.parametrize("seed", range(3))
def test_a_pause_of_a_second_refuses_those_who_repeated_only(seed: int) -> None:
    server = Server(((UNTIL_S, 0.8 * CAPACITY),), Backlog(still), seed, ((1.0, 1.0),)).run()
    assert len(server.refusal_delays(0.0)) <= CAPACITY  # what came in that second at most
    assert server.completed_per_s(UNTIL_S - 1.0, UNTIL_S) == pytest.approx(0.8 * CAPACITY, rel=0.1)


@pytest.mark.parametrize("period_s", [0.01, 0.1])
@pytest.mark.parametrize("factor", [0.8, 1.2, 2.0, 4.0])
def test_a_quarter_of_a_core_is_used_to_the_full(factor: float, period_s: float) -> None:
    pauses = tuple((period_s * (number + 0.25), period_s * 0.75) for number in range(int(UNTIL_S / period_s)))
    capacity = CAPACITY / 4
    server = Server(((UNTIL_S, factor * capacity),), Backlog(still), pauses=pauses).run()
    assert server.completed_per_s(SETTLED_S, UNTIL_S) >= 0.92 * min(factor, 1.0) * capacity
    if factor < 1:
        assert server.refusal_delays(0.0) == []
    elif factor >= 2:
        delays = server.refusal_delays(SETTLED_S)
        assert delays[len(delays) * 99 // 100] <= 0.75 * period_s + ROOM_S


def test_calm_after_overload_refuses_nobody() -> None:
    server = Server(((2.0, 3.0 * CAPACITY), (6.0, 0.8 * CAPACITY)), Backlog(still)).run()
    assert server.refusal_delays(2.1) == []
    assert server.completed_per_s(3.0, 6.0) == pytest.approx(0.8 * CAPACITY, rel=0.05)
