"""sipmesh.policy.runner: hooks that raise, that run too long, that eat memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop

from sipmesh.policy.runner import Overrun, Runner

FOR_EVER_S = 3600.0


def made(limit_ms: float = 60_000, memory_mb: int = 64, max_overruns: int = 3) -> tuple[Runner, defaultdict[str, int]]:
    counters: defaultdict[str, int] = defaultdict(int)
    return Runner(limit_ms, memory_mb, max_overruns, counters), counters


@pytest.fixture(autouse=True)
def the_alarm_stays_as_it_was() -> Iterator[None]:
    """pytest-timeout uses it too: a hook must leave both its handler and its time."""
    before = signal.getsignal(signal.SIGALRM), resource.getrlimit(resource.RLIMIT_DATA)
    yield
    assert not Runner.hook_runs
    assert resource.getrlimit(resource.RLIMIT_DATA) == before[1]


def spin(_: Any) -> None:
    while True:
        pass


def sleep(_: Any) -> None:
    time.sleep(FOR_EVER_S)


def backtrack(_: Any) -> None:
    re.match(r"(a+)+$", "a" * 40 + "b")


def catch_all(_: Any) -> None:
    while True:
        with contextlib.suppress(Exception):
            time.sleep(FOR_EVER_S)


def test_a_good_hook() -> None:
    runner, counters = made()
    seen: list[object] = []
    assert runner.call("on_route", seen.append, "view")
    assert seen == ["view"]
    assert not counters


@pytest.mark.parametrize("hook", [spin, sleep, backtrack, catch_all])
def test_a_hook_that_runs_too_long_is_stopped(hook: Callable[[Any], None]) -> None:
    runner, counters = made(limit_ms=50)
    assert not runner.call("on_route", hook, None)
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=overrun": 1}


def test_after_one_that_was_stopped_the_next_is_called() -> None:
    runner, _ = made(limit_ms=2000)
    assert not runner.call("on_route", sleep, None)
    assert runner.call("on_route", lambda view: None, None)


def test_one_that_catches_everything_once_is_stopped_the_next_time() -> None:
    def stubborn(_: Any) -> None:
        with contextlib.suppress(BaseException):
            time.sleep(FOR_EVER_S)
        time.sleep(FOR_EVER_S)

    runner, counters = made(limit_ms=50)
    assert not runner.call("on_route", stubborn, None)
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=overrun": 1}


def test_after_several_overruns_the_hook_is_off() -> None:
    runner, _ = made(limit_ms=5)
    for _ in range(2):
        runner.call("on_route", sleep, None)
    assert not runner.disabled
    runner.call("on_request", sleep, None)
    runner.call("on_route", sleep, None)
    assert runner.disabled == {"on_route"}


def test_an_error_is_logged_with_its_traceback_once_a_place(caplog: pytest.LogCaptureFixture) -> None:
    def first(_: Any) -> None:
        raise ValueError("odd")

    def second(_: Any) -> None:
        sys.exit("bye")

    runner, counters = made()
    with caplog.at_level(logging.ERROR):
        for hook in (first, first, second, first):
            assert not runner.call("on_route", hook, None)
    assert len(caplog.records) == 2
    assert "ValueError: odd" in caplog.text
    assert "in first" in caplog.text
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=error": 4}


@pytest.mark.parametrize("error", [asyncio.CancelledError, GeneratorExit, KeyboardInterrupt])
def test_nothing_that_a_hook_raises_gets_further(error: type[BaseException]) -> None:
    def raising(_: Any) -> None:
        raise error

    runner, counters = made()
    assert not runner.call("on_route", raising, None)
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=error": 1}


def test_a_hook_that_takes_too_much_memory_at_once() -> None:
    def greedy(_: Any) -> None:
        bytearray(1 << 30)

    runner, counters = made()
    assert not runner.call("on_route", greedy, None)
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=error": 1}
    assert len(bytearray(100 << 20)) == 100 << 20


def test_a_hook_that_takes_it_bit_by_bit() -> None:
    def greedy(_: Any) -> None:
        taken: list[object] = []
        while True:
            taken.append([taken])

    runner, counters = made(memory_mb=16)
    assert not runner.call("on_route", greedy, None)
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=error": 1}


def test_a_failure_nobody_had_memory_to_trace(caplog: pytest.LogCaptureFixture) -> None:
    runner, counters = made()
    runner._raised("on_route", MemoryError())
    assert counters == {"policy_hook_failures_total|hook=on_route,kind=error": 1}
    assert "on_route failed at an unknown line" in caplog.text


def test_hooks_that_keep_too_much_together() -> None:
    runner, _ = made(memory_mb=32)
    assert runner.watch_memory()
    kept = [bytearray(b"x" * (12 << 20)) for _ in range(4)]
    assert not runner.watch_memory()
    assert len(kept) == 4


def test_under_the_event_loop_of_the_worker() -> None:
    async def scenario() -> None:
        runner, counters = made(limit_ms=50)
        assert not runner.call("on_route", spin, None)
        await asyncio.sleep(0.1)
        assert sum(counters.values()) == 1

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop:
        loop.run(scenario())


def test_an_alarm_that_comes_too_late_hits_nobody() -> None:
    runner, _ = made()
    other = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        runner.call("on_route", lambda view: None, None)
        assert signal.getsignal(signal.SIGALRM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGALRM, other)
    assert not issubclass(Overrun, Exception)
