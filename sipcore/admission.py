"""What comes in when more does than can be handled: new requests wait in the ``Backlog``, the rest goes on at once.

Nothing is sorted as long as the transports find less than they could take in one look (``sorting`` is False): then a message
costs nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

from native.sip import Message
from sipcore.flow import Flow
from sipcore.overload import Backlog
from sipcore.ports import Counters
from sipcore.timers import Timers
from sipcore.transaction import TransactionLayer, refusal_tag

TURN = 8  # requests served before the transports are looked at again
LOG_INTERVAL_S = 5.0

log = logging.getLogger(__name__)


class Admission:
    """``backlog`` holds (request, flow). The shell sets ``sorting`` when it finds more than it can take at once, and asks for
    ``due`` while ``has_due``. Requests whose server key is in one of ``held`` are no news. ``ran`` says how many seconds the
    process has run so far. What a request is to it that begins nothing is the base of Ingress to say."""

    __slots__ = ("_counters", "_layer", "_log_at", "_refused", "_timers", "backlog", "held", "sorting")

    def __init__(self, layer: TransactionLayer, timers: Timers, counters: Counters, ran: Callable[[], float]) -> None:
        self.backlog: Backlog[tuple[Message, Flow]] = Backlog(ran)
        self.held: tuple[dict[str, Any], ...] = (layer.servers, *self.backlog.queues)
        self.sorting = False
        self._layer = layer
        self._timers = timers
        self._counters = counters
        self._log_at = 0.0
        self._refused = 0  # since the last line in the log

    def takes(self, request: Message, flow: Flow) -> bool:
        """Whether ``request``, which begins something, waits or is done with; else it goes on to the transaction layer."""
        key = request.server_key
        if key in self._layer.servers:
            return False
        backlog = self.backlog
        if key in backlog:
            self._counters["sip_requests_waiting_repeated_total"] += 1
            return True  # the answer to the first will do for both
        goes_on = request.has("Authorization") or request.has("Proxy-Authorization")
        if not backlog.put(key, (request, flow), self._timers.now, goes_on=goes_on):
            self._refuse(request, flow)
        return True

    def cancel(self, request: Message) -> None:
        """The INVITE, if it still waits, is answered as if it had been let in before (RFC 3261 section 9.2)."""
        key = request.server_key.removesuffix("CANCEL") + "INVITE"
        entry = self.backlog.drop(key)
        if entry is not None:
            invite, flow = entry
            self._layer.respond_statelessly(invite, flow, invite.reply(487, to_tag=refusal_tag(key)))

    def due(self) -> Iterator[tuple[Message, Flow]]:
        """What is to be served in this turn; refuses what waited for too long."""
        now = self._timers.now
        for request, flow in self.backlog.late(now):
            self._refuse(request, flow)
        for _ in range(TURN):
            entry = self.backlog.next(now)
            if entry is None:
                break
            yield entry

    def has_due(self) -> bool:
        """Whether there are turns to be taken; goes on sorting as long as there are, or it is overload."""
        waiting = len(self.backlog) > 0
        self.sorting = waiting or self.backlog.is_busy(self._timers.now)
        return waiting

    def shed(self, count: int) -> None:
        """A transport refused so many by itself, as ``backlog.room`` allowed."""
        self.backlog.refused(count, self._timers.now)
        self._note(count)

    def _refuse(self, request: Message, flow: Flow) -> None:
        self._layer.refuse(request, flow)
        self._note(1)

    def _note(self, refused: int) -> None:
        self._counters["sip_requests_shed_total"] += refused
        self._refused += refused
        now = self._timers.now
        if now >= self._log_at:
            log.warning("more comes in than can be handled: new requests refused: %d since the last line", self._refused)
            self._log_at, self._refused = now + LOG_INTERVAL_S, 0
