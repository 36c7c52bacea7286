"""Refusals: counted, logged and answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sipcore.errors import PeerError
from sipcore.ports import Counters
from sipcore.timers import Timers

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

MAX_LOGGED = 20  # a second

log = logging.getLogger(__name__)


class Refusals:
    __slots__ = ("_counters", "_logged", "_second", "_timers")

    def __init__(self, timers: Timers, counters: Counters) -> None:
        self._timers = timers
        self._counters = counters
        self._second = 0
        self._logged = 0

    def refuse(self, request: InboundRequest, error: PeerError) -> None:
        method = request.message.method
        kind = "sip_registrations_total" if method == "REGISTER" else "sip_refused_total"
        self._counters[f"{kind}|status={error.status}"] += 1
        if error.status not in (401, 407) and self._may_log():
            log.info(
                "%s from %s refused: %d %s",
                *(method, request.source[0], error.status, error.reason),
                extra={"call_id": request.message.call_id},
            )
        headers = error.headers
        if error.status == 400:
            headers = (*headers, ("Warning", f'399 {request.listener.sent_by} "{error.reason}"'))
        request.reply(error.status, None if error.status in (400, 401, 407) else error.reason or None, headers)

    def _may_log(self) -> bool:
        """So that a scanner fills neither the log nor our time; the counters miss nothing."""
        second = int(self._timers.now)
        if second != self._second:
            self._second, self._logged = second, 0
        self._logged += 1
        return self._logged <= MAX_LOGGED
