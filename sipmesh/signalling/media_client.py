"""The node's own ng client: requests to the media daemon and the events it sends unasked.

No socket and no clock of its own: ``Link`` carries datagrams, ``Timers`` tells the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from media import bencode
from media.errors import BencodeError
from sipcore.ports import Counters
from sipcore.timers import Timers

ANSWER_S = 1.0  # silence after which a request is sent again; then once more for the answer to the repetition
ATTEMPTS = 2
MAX_PENDING = 20_000  # requests without answer; more than a worker starts in ATTEMPTS * ANSWER_S

Body = dict[str, Any]
Answered = Callable[[Body | None], None]
"""Gets the reply, or None when the daemon gave none."""

log = logging.getLogger(__name__)


class Link(Protocol):
    def send(self, datagram: bytes) -> None:
        """Sends or loses ``datagram``; never blocks."""


class Media(Protocol):
    """What the calls' glue asks of the media daemon."""

    def request(self, body: Body, answered: Answered) -> None: ...


class _Pending:
    __slots__ = ("answered", "attempts", "cookie", "datagram")

    def __init__(self, cookie: bytes, datagram: bytes, answered: Answered) -> None:
        self.cookie = cookie
        self.datagram = datagram
        self.answered = answered
        self.attempts = 1


class MediaClient:
    """Requests keep their cookie when repeated, so that the daemon answers a repetition from its memory."""

    def __init__(self, link: Link, instance: str, timers: Timers, counters: Counters, on_event: Callable[[Body], None]) -> None:
        self._link = link
        self._instance = instance
        self._timers = timers
        self._counters = counters
        self._on_event = on_event
        self._serial = 0
        self._pending: dict[bytes, _Pending] = {}

    @property
    def pending(self) -> int:
        return len(self._pending)

    def request(self, body: Body, answered: Answered) -> None:
        """``answered`` is called once: with the reply, or with None after ATTEMPTS * ANSWER_S seconds."""
        if len(self._pending) >= MAX_PENDING:
            self._counters["ng_requests_refused_total"] += 1
            answered(None)
            return
        self._serial += 1
        cookie = f"{self._instance}_{self._serial}".encode()
        pending = _Pending(cookie, cookie + b" " + bencode.encode(body), answered)
        self._pending[cookie] = pending
        self._link.send(pending.datagram)
        self._timers.after(ANSWER_S, self._silent, pending)

    def received(self, datagram: bytes) -> None:
        cookie, _, data = datagram.partition(b" ")
        try:
            body = bencode.decode(data)
        except BencodeError as error:
            self._counters["ng_malformed_total"] += 1
            log.warning("the media daemon sent what is not ng: %s", error)
            return
        pending = self._pending.pop(cookie, None)
        if pending is not None:
            pending.answered(body if isinstance(body, dict) else None)
        elif isinstance(body, dict) and "event" in body:
            self._on_event(body)
        else:
            self._counters["ng_late_replies_total"] += 1

    def connected(self) -> None:
        """The link is up again: what waits for an answer is sent at once, before its time."""
        for pending in self._pending.values():
            self._link.send(pending.datagram)

    def _silent(self, pending: _Pending) -> None:
        if pending.cookie not in self._pending:
            return
        if pending.attempts < ATTEMPTS:
            pending.attempts += 1
            self._counters["ng_retransmissions_total"] += 1
            self._link.send(pending.datagram)
            self._timers.after(ANSWER_S, self._silent, pending)
            return
        del self._pending[pending.cookie]
        self._counters["ng_timeouts_total"] += 1
        pending.answered(None)
