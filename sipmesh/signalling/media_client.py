"""The node's own ng client: requests to the media daemon and the events it sends unasked.

No socket and no clock of its own: ``Link`` carries datagrams, ``Timers`` tells the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Protocol

from media import bencode
from media.errors import BencodeError
from native.sip import MediaClientBase
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

    def request(self, data: bytes, answered: Answered, /) -> None:
        """``data``: a dictionary in bencode."""


class MediaClient(MediaClientBase):
    """Requests keep their cookie when repeated, so that whichever reply comes first is theirs.

    Asking, repeating and the replies that simply let a message go on are the base's (native/csip/sip_media_client.c)."""

    def __init__(self, link: Link, instance: str, timers: Timers, counters: Counters, on_event: Callable[[Body], None]) -> None:
        super().__init__(link, instance.encode(), timers, counters, ANSWER_S, ATTEMPTS, MAX_PENDING)
        self._on_event = on_event

    # ``request`` is the base's: ``answered`` is called once, with the reply, or with None after ATTEMPTS * ANSWER_S seconds

    @property
    def pending(self) -> int:
        return len(self._pending)

    def refused(self, answered: Answered) -> None:
        """Too many requests wait."""
        self._counters["ng_requests_refused_total"] += 1
        answered(None)

    # ``received`` is the base's

    def look_at(self, cookie: bytes, data: bytes) -> None:
        """A packet that is no plain assent."""
        try:
            body = bencode.decode(data)
        except BencodeError as error:
            self._counters["ng_malformed_total"] += 1
            log.warning("the media daemon sent what is not ng: %s", error)
            return
        answered = self.settle(cookie)
        if answered is not None:
            answered(body if isinstance(body, dict) else None)
        elif isinstance(body, dict) and "event" in body:
            self._on_event(body)
        else:
            self._counters["ng_late_replies_total"] += 1

    def connected(self) -> None:
        """The link is up again: what waits for an answer is sent at once, before its time."""
        for pending in self._pending.values():
            self._link.send(pending.packet)

    def unanswered(self, answered: Answered) -> None:
        """It was asked as often as may be."""
        self._counters["ng_timeouts_total"] += 1
        answered(None)
