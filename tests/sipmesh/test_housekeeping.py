"""sipmesh.signalling.housekeeping: changed tables are read until they could be."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sipcore.timers import Timers
from sipmesh.signalling.housekeeping import Housekeeping
from sipmesh.store import StoreError


def test_tables_that_could_not_be_read_are_read_again() -> None:
    versions = SimpleNamespace(now=1)
    nothing = SimpleNamespace(after=lambda seen: ([], seen), sweep=lambda before: None)
    store: Any = SimpleNamespace(config_version=lambda: versions.now, commands=nothing)
    policy: Any = SimpleNamespace(take_recent=lambda: None, watch=lambda: None)
    calls: Any = SimpleNamespace(older_than=lambda age_s: [], end_unconfirmed=lambda: None)
    ender: Any = None
    reloads: list[bool] = []

    def reload() -> None:
        reloads.append(not reloads)
        if reloads[-1]:
            raise StoreError("no room")

    timers = Timers(0.0, 1000.0)
    Housekeeping(store, timers, calls, ender, reload, policy).start()
    versions.now = 2
    for second in range(1, 6):
        timers.advance(float(second), 1000.0 + second)
    assert reloads == [True, False]
