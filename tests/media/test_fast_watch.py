"""When streams are looked at for the fast path, and what of that is told."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from typing import Any, cast

import pytest

from media.fast_watch import CHANGES_S, PAUSE_S, TOLD_S, FastWatch
from native.relay import FastStatus, Relay

NOTHING = FastStatus(0, 0, 0, 0, 0, 0, 0)


class FakeRelay:
    """Needs ``slices`` for each look."""

    def __init__(self, slices: int) -> None:
        self.fast_changes_fd, self.told_by = os.pipe()
        self.fast = NOTHING
        self.slices = self.left = slices
        self.begun: list[bool] = []

    def scan_fast(self, begin: bool) -> bool:
        self.begun.append(begin)
        self.left = self.slices - 1 if begin else max(0, self.left - 1)
        return self.left > 0


class FakeLoop:
    """Timers and the reader, to be fired by hand."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Any]] = []
        self.reader: Any = None

    def call_later(self, delay_s: float, callback: Any) -> asyncio.TimerHandle:
        self.timers.append((delay_s, callback))
        return asyncio.TimerHandle(0, callback, (), cast(asyncio.AbstractEventLoop, self))

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self.timers = []

    def get_debug(self) -> bool:
        return False

    def add_reader(self, fd: int, callback: Any) -> None:
        self.reader = callback

    def remove_reader(self, fd: int) -> None:
        self.reader = None

    def fire(self) -> float:
        delay_s, callback = self.timers.pop(0)
        callback()
        return delay_s


@pytest.fixture
def relay() -> Iterator[FakeRelay]:
    made = FakeRelay(3)
    yield made
    os.close(made.fast_changes_fd)
    os.close(made.told_by)


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def watch(relay: FakeRelay, loop: FakeLoop) -> FastWatch:
    made = FastWatch(cast(Relay, relay))
    made.start(cast(asyncio.AbstractEventLoop, loop))
    return made


def test_a_look_goes_on_in_the_pauses_of_the_loop(watch: FastWatch, relay: FakeRelay, loop: FakeLoop) -> None:
    watch.look()
    watch.look()  # one that is late begins anew, and is not gone on with twice
    assert [loop.fire(), loop.fire()] == [PAUSE_S, PAUSE_S]
    assert relay.begun == [True, True, False, False]
    assert loop.timers == []


def test_routes_that_change_are_looked_at_at_once_but_not_all_the_time(
    watch: FastWatch, relay: FakeRelay, loop: FakeLoop
) -> None:
    loop.reader()
    assert relay.begun == [False]
    assert loop.reader is None
    assert loop.fire() == CHANGES_S
    assert loop.reader is not None


def test_nothing_goes_on_after_the_end(watch: FastWatch, loop: FakeLoop) -> None:
    watch.look()
    watch.stop()
    watch.stop()
    assert (loop.reader, loop.timers) == (None, [])


def test_a_line_each_minute_when_it_has_changed(watch: FastWatch, relay: FakeRelay, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    relay.fast = FastStatus(5, 2, 0, 0, 3, 0, 0)
    for _ in range(2 * TOLD_S):
        watch.look()
    assert caplog.messages == ["streams on the fast path: 5, others: 2 unsettled, 3 route"]
    assert watch.status.on == 5
    relay.fast = FastStatus(7, 0, 0, 0, 0, 0, 0)
    for _ in range(TOLD_S):
        watch.look()
    assert caplog.messages[1:] == ["streams on the fast path: 7, others: none"]


def test_without_a_fast_path_nothing_is_looked_at() -> None:
    relay = Relay(threads=1, capacity=4, fifo=False)
    watch = FastWatch(relay)
    watch.start(cast(asyncio.AbstractEventLoop, None))
    watch.look()
    watch.stop()
    assert (relay.fast_changes_fd, watch.status, relay.fast) == (-1, NOTHING, NOTHING)
