"""sipmesh.signalling.rates: how often somebody may, in bounded memory."""

from __future__ import annotations

from sipmesh.signalling.rates import MAX_PAUSE_S, Backoff, Rates, Recent


def test_a_burst_then_the_rate() -> None:
    rates: Rates[str] = Rates(10.0)
    assert [rates.take("a", 100.0) for _ in range(12)] == [True] * 10 + [False] * 2
    assert rates.take("b", 100.0)
    assert [rates.take("a", 100.1), rates.take("a", 100.1)] == [True, False]
    assert sum(rates.take("a", 200.0 + step / 100) for step in range(1000)) in range(108, 111)  # ten seconds and a burst


def test_a_slow_rate_lets_a_small_burst_through() -> None:
    rates: Rates[str] = Rates(0.5)
    assert [rates.take("a", 0.0) for _ in range(6)] == [True] * 5 + [False]
    assert [rates.take("a", 1.9), rates.take("a", 2.1), rates.take("a", 2.2)] == [False, True, False]


def test_what_is_remembered_is_bounded_and_what_is_in_use_stays() -> None:
    recent: Recent[int, int] = Recent(max_keys=10)
    for number in range(1000):
        recent.put(-1, number)
        recent.put(number, number)
        assert len(recent) <= 20
        assert recent.get(-1) == number
    assert recent.get(0) is None
    recent.drop(-1)
    assert recent.get(-1) is None


def test_a_flood_of_keys_does_not_free_one_that_goes_on() -> None:
    rates: Rates[int] = Rates(1.0, used_up=Recent(max_keys=10))
    taken = 0
    for number in range(1000):
        rates.take(number + 1, 0.0)
        taken += rates.take(0, 0.0)
    assert taken == 5


def test_pauses_double_up_to_a_limit_and_end_with_success() -> None:
    backoff: Backoff[str] = Backoff(3, 10.0)
    assert [backoff.failed("a", 0.0) for _ in range(3)] == [False, False, True]
    assert backoff.pause_left_s("a", 4.0) == 6.0
    assert backoff.pause_left_s("b", 4.0) == 0.0
    assert backoff.pause_left_s("a", 10.0) == 0.0
    assert backoff.failed("a", 10.0)
    assert backoff.pause_left_s("a", 10.0) == 20.0
    for _ in range(100):
        backoff.failed("a", 10.0)
    assert backoff.pause_left_s("a", 10.0) == MAX_PAUSE_S
    backoff.succeeded("a")
    assert backoff.pause_left_s("a", 10.0) == 0.0
    assert not backoff.failed("a", 11.0)
