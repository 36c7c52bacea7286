"""sipmesh.signalling.shared_recent: several workers that count together."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from sipmesh.signalling import shared_recent
from sipmesh.signalling.rates import Backoff, Rates
from sipmesh.signalling.shared_recent import PLACES, SETS, SharedRecent, forget_all, spot

WORKERS = 4
BURST = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.limits"


def test_each_sees_what_the_others_put(path: Path) -> None:
    one, other = SharedRecent[str](path), SharedRecent[str](path)
    assert other.get("a") is None
    one.put("a", 1.5)
    other.put("b", 2.5)
    assert (other.get("a"), one.get("b")) == (1.5, 2.5)
    one.put("a", 3.5)
    assert other.get("a") == 3.5
    other.drop("a")
    assert (one.get("a"), one.get("b")) == (None, 2.5)


def test_of_a_full_set_the_one_longest_unused_is_forgotten(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_recent, "spot", lambda key: (0, spot(key)[1]))
    recent = SharedRecent[int](path)
    for number in range(PLACES):
        recent.put(number, float(number))
    recent.put(0, 0.5)
    recent.put(PLACES, 9.0)
    assert [recent.get(number) for number in range(PLACES + 1)] == [0.5, None, *map(float, range(2, PLACES)), 9.0]


def test_keys_spread_and_stay_apart(path: Path) -> None:
    recent = SharedRecent[tuple[str, str]](path)
    keys = [(f"192.0.2.{number % 250}", f"user{number}") for number in range(5000)]
    for number, key in enumerate(keys):
        recent.put(key, float(number))
    assert sum(recent.get(key) == number for number, key in enumerate(keys)) >= 4990
    assert len({spot(key)[0] for key in keys}) > 0.8 * len(keys)
    assert path.stat().st_size == SETS * shared_recent.SET_BYTES


def test_a_rate_holds_for_all_workers_together(path: Path) -> None:
    workers = [Rates[str](10.0, used_up=SharedRecent(path)) for _ in range(WORKERS)]
    taken = sum(workers[step % WORKERS].take("a", 100.0 + step / 100) for step in range(1000))
    assert taken in range(108, 111)  # ten seconds and a burst
    assert workers[0].take("b", 110.0)


def test_a_rate_holds_for_workers_that_ask_in_the_same_instant(path: Path) -> None:
    with ProcessPoolExecutor(WORKERS, multiprocessing.get_context("fork")) as pool:
        taken = list(pool.map(takes, [path] * WORKERS, [1000] * WORKERS))
    assert sum(taken) == BURST


def takes(path: Path, count: int) -> int:
    """How many of ``count`` requests at one time a worker lets pass."""
    rates = Rates[str](float(BURST), used_up=SharedRecent(path))
    return sum(rates.take("a", 100.0) for _ in range(count))


def test_a_lock_that_is_never_released_stops_nobody(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_recent, "TRIES", 3)
    reading, writing = os.pipe()
    if (stopped := os.fork()) == 0:
        SharedRecent[str](path).hold("a")
        os.write(writing, b".")
        signal.pause()
    try:
        assert os.read(reading, 1) == b"."
        assert Rates[str](1.0, used_up=SharedRecent(path)).take("a", 100.0)
    finally:
        os.kill(stopped, signal.SIGKILL)
        os.waitpid(stopped, 0)


def test_failures_count_for_all_workers_together(path: Path, tmp_path: Path) -> None:
    ends = tmp_path / "pauses.limits"
    workers = [Backoff[str](3, 10.0, counts=SharedRecent(path), ends=SharedRecent(ends)) for _ in range(WORKERS)]
    assert [worker.failed("a", 5.0) for worker in workers] == [False, False, True, True]
    assert {worker.pause_left_s("a", 5.0) for worker in workers} == {20.0}
    workers[1].succeeded("a")
    assert workers[2].pause_left_s("a", 5.0) == 0.0
    assert not workers[3].failed("a", 5.0)


def test_a_new_start_forgets(path: Path) -> None:
    SharedRecent[str](path).put("a", 1.0)
    (path.parent / "keys.json").write_text("{}")
    forget_all(path.parent)
    assert [each.name for each in path.parent.iterdir()] == ["keys.json"]
    assert SharedRecent[str](path).get("a") is None
