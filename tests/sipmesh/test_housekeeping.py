"""sipmesh.signalling.housekeeping: changed tables are read until they could be; what is idle is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from sipcore.timers import Timers
from sipmesh.signalling.housekeeping import IDLE_S, Housekeeping
from sipmesh.store import StoreError


class World:
    """Nothing but tables whose version is ``version``."""

    def __init__(self, reload: Callable[[], None]) -> None:
        self.version, self.forgotten = 1, 0
        nothing = SimpleNamespace(after=lambda seen: ([], seen), sweep=lambda before: None)
        store: Any = SimpleNamespace(config_version=lambda: self.version, commands=nothing)
        policy: Any = SimpleNamespace(take_recent=lambda: None, watch=lambda: None)
        calls: Any = SimpleNamespace(older_than=lambda age_s: [], end_unconfirmed=lambda: None)
        ender: Any = None
        self.timers = Timers(0.0, 1000.0)
        Housekeeping(store, self.timers, calls, ender, reload, self.forget, policy).start()

    def forget(self) -> None:
        self.forgotten += 1

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.timers.advance(self.timers.now + 1.0, self.timers.wall + 1.0)


def test_tables_that_could_not_be_read_are_read_again() -> None:
    reloads: list[bool] = []

    def reload() -> None:
        reloads.append(not reloads)
        if reloads[-1]:
            raise StoreError("no room")

    world = World(reload)
    world.version = 2
    world.run(5)
    assert reloads == [True, False]


def test_what_is_idle_is_forgotten_again_and_again() -> None:
    world = World(lambda: None)
    world.run(round(3 * IDLE_S))
    assert world.forgotten == 3
