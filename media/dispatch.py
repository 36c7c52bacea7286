"""From a datagram to its reply: framing, retransmissions, errors. Knows no socket."""

import logging

from media import ng
from media.addresses import is_loopback
from media.clock import Clock
from media.commands import OWN, Commands
from media.errors import DecodeError, FrameError
from media.reply_cache import ReplyCache
from media.shorten import shorten

log = logging.getLogger(__name__)

_NS = 1_000_000_000


class Dispatcher:
    """Nothing that arrives ends the daemon: what is no ng message gets no answer, everything else gets one."""

    def __init__(self, commands: Commands, clock: Clock, counters: dict[str, int], short_bytes: int) -> None:
        self._commands = commands
        self._clock = clock
        self._counters = counters
        self._short_bytes = short_bytes
        self._cache = ReplyCache(clock.monotonic_ns() / _NS)

    def datagram(self, data: bytes, source: tuple[str, int], max_reply_bytes: int) -> bytes | None:
        """The reply to a datagram from ``source``, the stored one for a retransmission; None: no ng message."""
        try:
            message = ng.split(data)
        except FrameError as cause:
            self._refuse(data, cause)
            return None
        now = self._clock.monotonic_ns() / _NS
        key = (source[0], source[1], message.cookie)
        reply = self._cache.get(key, now)
        if reply is not None:
            self._counters["media_ng_retransmissions_total"] += 1
            return reply
        reply = self._serve(message, source[0], max_reply_bytes)
        self._cache.put(key, reply)
        return reply

    def packet(self, data: bytes, max_reply_bytes: int) -> bytes | None:
        """The same from this node's own proxy, over a connection that loses and repeats nothing."""
        try:
            return self._serve(ng.split(data), OWN, max_reply_bytes)
        except FrameError as cause:
            self._refuse(data, cause)
            return None

    def _refuse(self, data: bytes, cause: FrameError) -> None:
        self._counters["media_ng_malformed_total"] += 1
        log.info("ng: %s in %d bytes", cause, len(data))

    def _serve(self, message: ng.Message, host: str, max_reply_bytes: int) -> bytes:
        """What goes to another host is shortened if it can be."""
        try:
            reply = self._commands.serve(message, host)
        except DecodeError as cause:
            self._counters["media_ng_malformed_total"] += 1
            log.info("ng: %s", cause.reason)
            reply = ng.error(cause.reason)
        except Exception:
            self._counters["media_ng_failures_total"] += 1
            log.exception("ng request %s failed", message.cookie)
            reply = ng.error("Internal error")
        data = message.reply(reply)
        if len(data) > self._short_bytes and host != OWN and not is_loopback(host):
            data = message.reply(shorten(reply, self._short_bytes, lambda body: len(message.reply(body))))
        if len(data) > max_reply_bytes:
            data = message.reply(ng.error(f"The reply has {len(data)} bytes, more than the {max_reply_bytes} that fit"))
        return data
