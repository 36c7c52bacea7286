"""sipmesh.signalling.rates: how often somebody may, in bounded memory."""

from __future__ import annotations

from typing import Any

import pytest

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


def test_what_is_remembered_outlives_one_change_of_generations() -> None:
    recent: Recent[str, int] = Recent(max_keys=1)
    for number, key in enumerate(("a", "b")):
        recent.put(key, number)
    assert (recent.get("a"), len(recent)) == (0, 2)
    recent.put("c", 2)  # "a" came back by being asked for; "b" did not
    assert (recent.get("b"), recent.get("a")) == (None, 0)


class Broken:
    """Numbers that can't be read."""

    def __init__(self) -> None:
        self.held: list[str] = []

    def hold(self, key: str, /) -> None:
        self.held.append(key)

    def release(self, key: str, /) -> None:
        self.held.remove(key)

    def get(self, key: str, /) -> float | None:
        raise OSError("the file is gone")

    def put(self, key: str, value: float, /) -> None:
        raise OSError("the file is gone")

    def drop(self, key: str, /) -> None:
        raise OSError("the file is gone")


def test_numbers_that_cannot_be_read_are_let_go_of() -> None:
    numbers = Broken()
    with pytest.raises(OSError, match="the file is gone"):
        Rates[str](1.0, used_up=numbers).take("a", 0.0)
    backoff = Backoff[str](3, 10.0, counts=numbers, ends=numbers)
    for call in (backoff.succeeded, lambda key: backoff.pause_left_s(key, 0.0), lambda key: backoff.failed(key, 0.0)):
        with pytest.raises(OSError, match="the file is gone"):
            call("a")
    assert numbers.held == []


@pytest.mark.parametrize("arguments", [(), ("a",), ("a", "now"), ([], 1.0)])
def test_what_is_no_key_and_no_time_is_refused(arguments: tuple[Any, ...]) -> None:
    for call in (Rates[Any](1.0).take, Backoff[Any](1, 1.0).pause_left_s):
        with pytest.raises(TypeError):
            call(*arguments)
