"""sipcore.overload: what waits, what is served and what is refused, alone and in a simulated server."""

from __future__ import annotations

import pytest

from sipcore.overload import BUSY_AFTER_S, BUSY_PATIENCE_S, CALM_AFTER_S, MAX_WAITING, MIN_WAITING, PATIENCE_S, Backlog
from tests.sipcore.overload_world import CAPACITY, Server

SETTLED_S, UNTIL_S = 1.0, 4.0


def busy_backlog() -> Backlog[str]:
    """At time 10, empty."""
    backlog: Backlog[str] = Backlog()
    for at in (9.75, 9.85, 9.95):
        assert not backlog.busy
        assert backlog.put("x", "x", at, goes_on=False)
        assert backlog.next(at + 0.05) == "x"
    assert backlog.busy
    return backlog


def test_what_waits_is_served_in_order_and_what_goes_on_first() -> None:
    backlog: Backlog[str] = Backlog()
    for key in ("a", "b", "C", "D"):
        assert backlog.put(key, key, 1.0, goes_on=key.isupper())
    assert len(backlog) == 4
    assert "a" in backlog
    assert [backlog.next(1.0) for _ in range(5)] == ["C", "D", "a", "b", None]
    assert len(backlog) == 0


def test_what_waits_can_be_taken_out() -> None:
    backlog: Backlog[str] = Backlog()
    backlog.put("a", "A", 1.0, goes_on=False)
    assert backlog.drop("a") == "A"
    assert backlog.drop("a") is None
    assert backlog.next(1.0) is None


def test_a_burst_is_worked_off_and_nobody_is_refused() -> None:
    backlog: Backlog[int] = Backlog()
    for number in range(500):
        assert backlog.put(str(number), number, 1.0, goes_on=False)
    for number in range(500):
        now = 1.0 + number * 0.0002
        assert list(backlog.late(now)) == []
        assert backlog.next(now) == number


def test_nobody_waits_so_long_that_he_repeats_it() -> None:
    backlog: Backlog[str] = Backlog()
    backlog.put("a", "a", 1.0, goes_on=False)
    assert list(backlog.late(1.0 + PATIENCE_S)) == []
    assert list(backlog.late(1.001 + PATIENCE_S)) == ["a"]
    assert backlog.share(1.0 + PATIENCE_S + 0.6) == 1.0


def test_a_queue_that_stands_is_overload_and_gets_short() -> None:
    backlog = busy_backlog()
    took = sum(backlog.put(str(number), "x", 10.0, goes_on=False) for number in range(1000))
    assert took == MIN_WAITING
    assert backlog.room(10.0) == 0
    assert backlog.put("credentials", "x", 10.0, goes_on=True)  # has room of its own
    assert len(list(backlog.late(10.001 + BUSY_PATIENCE_S))) == MIN_WAITING + 1


def test_in_overload_as_many_may_wait_as_are_served_meanwhile() -> None:
    backlog = busy_backlog()
    for number in range(1000):  # one each millisecond
        now = 10.0 + number / 1000
        backlog.put(str(number), "x", now - 0.02, goes_on=False)
        assert backlog.next(now) == "x"
    assert backlog.room(11.0) == pytest.approx(1000 * BUSY_PATIENCE_S, abs=2)


def test_overload_ends_when_nobody_waits_for_long() -> None:
    backlog = busy_backlog()
    backlog.put("long", "x", 9.98, goes_on=False)
    backlog.next(10.0)
    for at in (10.0, 10.5, 9.99 + CALM_AFTER_S):
        assert backlog.room(at) == MIN_WAITING
        backlog.put("short", "x", at, goes_on=False)
        backlog.next(at)
    assert backlog.room(10.0 + CALM_AFTER_S) == MAX_WAITING
    assert not backlog.busy


def test_the_share_is_that_of_the_last_window() -> None:
    backlog: Backlog[str] = Backlog()
    assert backlog.share(0.0) == 0.0
    for number in range(4):
        backlog.put(str(number), "x", 1.0, goes_on=False)
        backlog.next(1.0)
    backlog.refused(12, 1.1)
    assert backlog.share(1.6) == pytest.approx(0.75)
    assert backlog.share(9.0) == 0.0


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 1.5, 2.0, 3.0, 4.0])
def test_goodput_stays_whatever_is_offered(factor: float) -> None:
    server = Server(((UNTIL_S, factor * CAPACITY),), Backlog()).run()
    goodput = server.completed_per_s(SETTLED_S, UNTIL_S)
    assert goodput >= 0.9 * min(factor, 1.0) * CAPACITY
    assert server.lost == 0
    if factor < 1:
        assert server.refusal_delays(0.0) == []
    if factor >= 1.5:
        delays = server.refusal_delays(SETTLED_S)
        assert delays[len(delays) * 99 // 100] <= 0.05
        assert server.refusal_delays(0.0)[-1] <= BUSY_AFTER_S + 0.05


@pytest.mark.parametrize("factor", [1.1, 2.0, 4.0])
def test_goodput_does_not_swing(factor: float) -> None:
    server = Server(((UNTIL_S, factor * CAPACITY),), Backlog()).run()
    parts = [server.completed_per_s(start / 4, start / 4 + 0.25) for start in range(4, 16)]
    assert min(parts) >= 0.85 * max(parts)


def test_the_same_server_without_it_collapses() -> None:
    server = Server(((UNTIL_S, 2.0 * CAPACITY),), None).run()
    assert server.completed_per_s(SETTLED_S, UNTIL_S) < 0.6 * CAPACITY


def test_calm_after_overload_refuses_nobody() -> None:
    server = Server(((2.0, 3.0 * CAPACITY), (6.0, 0.8 * CAPACITY)), Backlog()).run()
    assert server.refusal_delays(2.1) == []
    assert server.completed_per_s(3.0, 6.0) == pytest.approx(0.8 * CAPACITY, rel=0.05)
