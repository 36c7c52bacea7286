"""From a datagram to its reply: framing, retransmissions, errors. Knows no socket."""

import logging

from media import ng
from media.addresses import is_loopback
from media.clock import Clock
from media.commands import OWN, Commands
from media.errors import DecodeError, FrameError
from media.ng import Body
from media.options import Options
from media.reply_cache import ReplyCache
from media.request import Request, read_source
from media.shorten import shorten
from native.relay import DispatcherBase

log = logging.getLogger(__name__)

_NS = 1_000_000_000


class Dispatcher(DispatcherBase):
    """Nothing that arrives ends the daemon: what is no ng message gets no answer, everything else gets one.

    ``datagram`` and ``packet`` are the base's (native/crelay/relay_dispatch.c), with the usual way of a request: in bencode,
    with options that came before. The methods here are for what is not usual."""

    def __init__(self, commands: Commands, clock: Clock, counters: dict[str, int], short_bytes: int) -> None:
        self._kept = ReplyCache(clock.monotonic_ns() / _NS)
        self._clock = clock
        super().__init__(
            functions=commands.functions,
            known=commands.reader.known,
            request_type=Request,
            read_address=read_source,
            monotonic_ns=clock.monotonic_ns,
            counts=commands.proxies.by_host,
            counters=counters,
            replies=self._kept,
            own=OWN,
            short_bytes=short_bytes,
        )
        self._commands = commands
        self._counters = counters
        self._short_bytes = short_bytes

    def scan(self) -> None:
        """Gives back what replies take that nobody asks for any more, though no request comes."""
        self._kept.scan(self._clock.monotonic_ns() / _NS)

    def general(self, data: bytes, host: str, most_bytes: int) -> bytes | None:
        """The reply to any ng message, None to what is none."""
        try:
            message = ng.split(data)
        except FrameError as cause:
            self._counters["media_ng_malformed_total"] += 1
            log.info("ng: %s in %d bytes", cause, len(data))
            return None
        try:
            body = self._commands.serve(message, host)
        except DecodeError as cause:
            self._counters["media_ng_malformed_total"] += 1
            log.info("ng: %s", cause.reason)
            body = ng.error(cause.reason)
        except Exception as cause:
            return self.broke(data, cause)
        return self.fitted(data, body, message.reply(body), host, most_bytes)

    def fitted(self, data: bytes, body: Body, reply: bytes, host: str, most_bytes: int) -> bytes:
        """``reply``, of ``body``, no longer than may be, shortened if it can be; what goes to another host is to fit into one
        datagram."""
        message = ng.split(data)
        near = host == OWN or is_loopback(host)
        limit_bytes = most_bytes if near else min(self._short_bytes, most_bytes)
        if len(reply) > limit_bytes:
            reply = message.reply(shorten(body, limit_bytes, lambda shorter: len(message.reply(shorter))))
        if len(reply) > most_bytes:
            reply = message.reply(ng.error(f"The reply has {len(reply)} bytes, more than the {most_bytes} that fit"))
        return reply

    def refusal(self, request: Request, cause: Exception) -> Body:
        """What a request is answered that raised ``cause``."""
        return self._commands.refusal(request.options.command, request, cause)

    def broke(self, data: bytes, cause: BaseException) -> bytes:
        """The reply where the fault is ours."""
        message = ng.split(data)
        self._counters["media_ng_failures_total"] += 1
        log.error("ng request %s failed", message.cookie, exc_info=cause)
        return message.reply(ng.error("Internal error"))

    def count(self, host: str, command: str, failed: bool, duration_ns: int) -> None:
        """The first request of that command from that host."""
        self._commands.count(host, command, failed, duration_ns)

    def repeated(self) -> None:
        """A request came again, and gets its reply again."""
        self._counters["media_ng_retransmissions_total"] += 1

    def note_ignored(self, options: Options) -> None:
        """It asks for what is not served here."""
        self._commands.log_ignored(options)
