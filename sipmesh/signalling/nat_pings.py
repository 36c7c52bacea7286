"""OPTIONS to registered phones behind a NAT, over UDP: their routers keep the way to them open as long as something passes.

All are asked once in an interval, a few at a time, so that thousands of them make no burst.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Protocol

from native.sip import Message
from sipcore.flow import FlowTable
from sipcore.location import Binding
from sipcore.ports import Counters
from sipcore.timers import Timers
from sipmesh.signalling.requester import TIMEOUT, UNREACHABLE, Requester

STEP_S = 0.1
MAX_A_STEP = 200  # AORs


class Walk(Protocol):
    """The bindings of all AORs, part by part, round and round."""

    def count(self) -> int: ...

    def part(self, start: bytes, limit: int) -> tuple[list[list[Binding]], bytes]:
        """Bindings of up to ``limit`` AORs from ``start`` on, and where the next part starts; b"": at the beginning."""


class NatPings:
    """``interval_s``: between two OPTIONS to one phone. ``local_uri``: who asks."""

    def __init__(
        self,
        walk: Walk,
        flows: FlowTable,
        requester: Requester,
        timers: Timers,
        counters: Counters,
        interval_s: float,
        local_uri: Callable[[], str],
    ) -> None:
        self._walk = walk
        self._flows = flows
        self._requester = requester
        self._timers = timers
        self._counters = counters
        self._interval_s = interval_s
        self._local_uri = local_uri
        self._next = b""
        self._due = 0.0  # AORs to look at

    def start(self) -> None:
        self._timers.after(STEP_S, self._step, None)

    def _step(self, _: None) -> None:
        self._timers.after(STEP_S, self._step, None)
        self._due = min(self._due + self._walk.count() * STEP_S / self._interval_s, MAX_A_STEP)
        if self._due < 1.0:
            return
        parts, self._next = self._walk.part(self._next, int(self._due))
        self._due -= int(self._due)
        for bindings in parts:
            for binding in bindings:
                if binding.natted and not binding.connection_id and binding.expires_at > self._timers.wall:
                    self._ping(binding)

    def _ping(self, binding: Binding) -> None:
        flow = self._flows.flow_of(binding.listener, (binding.remote_host, binding.remote_port), 0)
        if flow is None or flow.reliable:
            return
        us = self._local_uri()
        headers = [
            ("From", f"<{us}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{binding.contact}>"),
            ("Call-ID", self._requester.new_call_id()),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<{us}>"),
        ]
        self._requester.send("OPTIONS", binding.contact, headers, partial(NatPings._answered, self), flow=flow)

    def _answered(self, status: int, response: Message | None) -> None:
        answered = "no" if status in (TIMEOUT, UNREACHABLE) else "yes"
        self._counters[f"sip_nat_pings_total|answered={answered}"] += 1
