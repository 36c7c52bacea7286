"""What the signal worker does once a second: changed tables, commands from people, calls past their time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from sipcore.timers import Timers
from sipmesh.signalling.call_ender import CallEnder
from sipmesh.signalling.calls import Calls
from sipmesh.store import StoreError

if TYPE_CHECKING:
    from sipmesh.policy.host import PolicyHost
    from sipmesh.store import Store

INTERVAL_S = 1.0
IDLE_S = 15.0  # what nobody asked for so long is not kept any more
COMMAND_LIFE_S = 60.0  # a worker that starts again meanwhile still finds it
LONGEST_CALL_S = 24 * 3600.0  # a call that nobody ended for so long is forgotten; relayed ones end by silence before
OPERATOR = 'SIP;cause=487;text="Ended By Operator"'

log = logging.getLogger(__name__)


class Housekeeping:
    """``reload`` reads the tables again; ``forget_idle`` lets go of what nobody asked for lately."""

    def __init__(
        self,
        store: Store,
        timers: Timers,
        calls: Calls,
        ender: CallEnder,
        reload: Callable[[], None],
        forget_idle: Callable[[], None],
        policy: PolicyHost,
    ) -> None:
        self._store = store
        self._timers = timers
        self._calls = calls
        self._ender = ender
        self._reload = reload
        self._forget = forget_idle
        self._policy = policy
        self._version = store.config_version()
        self._seen = b""  # of the commands

    def start(self) -> None:
        self._timers.after(INTERVAL_S, self._tick, None)
        self._timers.after(IDLE_S, self._forget_idle, None)

    def _forget_idle(self, _: None) -> None:
        self._timers.after(IDLE_S, self._forget_idle, None)
        self._forget()

    def _tick(self, _: None) -> None:
        self._timers.after(INTERVAL_S, self._tick, None)
        try:
            self._look_at_store()
        except StoreError as error:
            log.error("%s", error)
        self._policy.watch()
        for key in self._calls.older_than(LONGEST_CALL_S):
            self._calls.end(key, "expired")
        self._calls.end_unconfirmed()

    def _look_at_store(self) -> None:
        version = self._store.config_version()
        if version != self._version:
            self._reload()
            self._version = version  # not before: what fails now is read again in a second
            log.info("tables reloaded, version %d", version)
        recent = self._policy.take_recent()
        if recent is not None:
            self._store.recent_routes.put(recent)
        commands, self._seen = self._store.commands.after(self._seen)
        for command in commands:
            if command.verb == "policy":
                config = self._store.config()
                self._policy.reload(config.policy if config else None)
            elif not self._ender.end(command.key, "operator", OPERATOR) and self._store.calls.get(command.key) is None:
                log.info("no call %s to end, here or at another worker", command.key)
        self._store.commands.sweep(self._timers.wall - COMMAND_LIFE_S)
