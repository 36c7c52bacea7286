"""Timers: order, cancelling, re-arming, and that cancelled or odd lengths don't pile up."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipcore.timers import Timer, Timers

IDLE_QUEUES = 64  # SIP_IDLE_QUEUES


def test_fires_once_when_its_time_has_come() -> None:
    timers, fired = Timers(100.0, 1e9), []
    timers.after(0.5, fired.append, "a")
    timers.advance(100.49, 1e9)
    assert fired == []
    timers.advance(100.5, 1e9 + 0.5)
    timers.advance(200.0, 1e9 + 100)
    assert fired == ["a"]


def test_clock_is_what_advance_said() -> None:
    timers, seen = Timers(0.0, 50.0), []
    timers.after(1.0, lambda argument: seen.append((timers.now, timers.wall)), None)
    timers.advance(1.25, 51.25)
    assert seen == [(1.25, 51.25)]
    assert (timers.now, timers.wall) == (1.25, 51.25)


def test_lengths_are_merged_in_order_of_deadline() -> None:
    timers, fired = Timers(0.0, 0.0), []
    for delay in (3.0, 1.0, 2.0, 1.0):
        timers.after(delay, fired.append, delay)
    timers.advance(0.5, 0.5)
    timers.after(1.0, fired.append, 1.5)
    timers.advance(10.0, 10.0)
    assert fired == [1.0, 1.0, 1.5, 2.0, 3.0]


def test_cancel_before_during_and_after() -> None:
    timers, fired = Timers(0.0, 0.0), []
    victims: list[Timer] = []
    timers.after(1.0, lambda argument: victims[0].cancel(), None)
    victims.append(timers.after(2.0, fired.append, "cancelled by the first of the same advance"))
    early = timers.after(1.0, fired.append, "cancelled at once")
    early.cancel()
    early.cancel()
    late = timers.after(1.0, fired.append, "fires")
    timers.advance(5.0, 5.0)
    late.cancel()
    assert fired == ["fires"]
    assert timers.next_deadline() is None


def test_a_timer_started_by_a_timer_waits_for_the_next_advance() -> None:
    timers, fired = Timers(0.0, 0.0), []

    def again(count: int) -> None:
        fired.append((timers.now, count))
        timers.after(1.0, again, count + 1)

    timers.after(1.0, again, 1)
    timers.advance(1.0, 1.0)
    timers.advance(1.5, 1.5)
    timers.advance(2.0, 2.0)
    assert fired == [(1.0, 1), (2.0, 2)]


def test_a_failing_callback_does_not_take_the_others_with_it() -> None:
    errors: list[str] = []
    timers, fired = Timers(0.0, 0.0, lambda: errors.append("reported")), []
    timers.after(1.0, fired.append, "before")
    timers.after(1.0, lambda argument: 1 / argument, 0)
    timers.after(1.0, fired.append, "after")
    timers.advance(1.0, 1.0)
    assert (fired, errors) == (["before", "after"], ["reported"])


def test_without_an_error_handler_the_exception_leaves() -> None:
    timers = Timers(0.0, 0.0)
    timers.after(1.0, lambda argument: 1 / argument, 0)
    with pytest.raises(ZeroDivisionError):
        timers.advance(1.0, 1.0)


def test_next_deadline_skips_cancelled_ones() -> None:
    timers = Timers(10.0, 0.0)
    assert timers.next_deadline() is None
    first = timers.after(1.0, print, None)
    timers.after(4.0, print, None)
    assert timers.next_deadline() == 11.0
    first.cancel()
    assert timers.next_deadline() == 14.0


def test_a_cancelled_timer_lets_go_of_what_it_held_at_once() -> None:
    timers = Timers(0.0, 0.0)
    held = object()
    before = sys.getrefcount(held)
    running = [timers.after(180.0, print, held) for _ in range(100)]
    assert sys.getrefcount(held) == before + 100
    for timer in running:
        timer.cancel()
    assert sys.getrefcount(held) == before
    assert timers.next_deadline() is None


def test_timers_that_run_to_the_end_of_their_clock_are_let_go() -> None:
    held = object()
    before = sys.getrefcount(held)
    timers = Timers(0.0, 0.0)
    last = [timers.after(delay, print, held) for delay in (1.0, 1.0, 2.0)][-1]
    del timers
    assert sys.getrefcount(held) == before
    last.cancel()


def test_a_failing_timer_without_an_error_handler_leaves_the_others_for_the_next_advance() -> None:
    timers, fired = Timers(0.0, 0.0), []
    timers.after(1.0, lambda argument: 1 / argument, 0)
    timers.after(1.0, fired.append, "after")
    with pytest.raises(ZeroDivisionError):
        timers.advance(1.0, 1.0)
    assert fired == []
    assert timers.next_deadline() == 1.0
    timers.advance(1.0, 1.0)
    assert fired == ["after"]


def test_an_error_handler_sees_the_error_as_an_except_block_does() -> None:
    seen: list[object] = []
    timers = Timers(0.0, 0.0, lambda: seen.append(sys.exception()))
    timers.after(1.0, lambda argument: 1 / argument, 0)
    timers.advance(1.0, 1.0)
    assert isinstance(seen[0], ZeroDivisionError)
    assert seen[0].__traceback__ is not None
    assert sys.exception() is None


@pytest.mark.parametrize("arguments", [(), (1.0,), (1.0, print), ("soon", print, None)])
def test_what_is_no_timer_is_refused(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        Timers(0.0, 0.0).after(*arguments)


def test_a_delay_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="a delay is a number"):
        Timers(0.0, 0.0).after(float("nan"), print, None)


def test_many_lengths_work_and_the_used_up_ones_are_forgotten() -> None:
    timers, fired = Timers(0.0, 0.0), []
    for step in range(10 * IDLE_QUEUES):
        timers.after(0.001 + step / 1e6, fired.append, step)
        timers.advance(float(step + 1), 0.0)
    assert len(fired) == 10 * IDLE_QUEUES
    assert timers.lengths <= IDLE_QUEUES


@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0, 4.0, 32.0]), st.floats(0, 3), st.booleans()), max_size=60))
def test_agrees_with_a_sorted_list(steps: list[tuple[float, float, bool]]) -> None:
    timers, fired, expected = Timers(0.0, 0.0), [], []
    for number, (delay, gap, cancelled) in enumerate(steps):
        timer = timers.after(delay, fired.append, number)
        if cancelled:
            timer.cancel()
        else:
            expected.append((timers.now + delay, number))
        timers.advance(timers.now + gap, 0.0)
    timers.advance(timers.now + 100, 0.0)
    assert sorted(fired) == sorted(number for _, number in expected)
    assert timers.next_deadline() is None
