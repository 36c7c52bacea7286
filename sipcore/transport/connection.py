"""One TCP or TLS connection: framing (RFC 3261 section 18.3), keep-alives (RFC 5626 section 4.4.1), limits of time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

from native.sip import MAX_MESSAGE_BYTES, Address, ParseError, StreamFlow
from sipcore.timers import Timer

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine
    from sipcore.transport.tcp import TcpEndpoint

log = logging.getLogger(__name__)

LIMITS = frozenset({"connections", "connections per source", "handshakes per source", "unsent"})  # reasons to close


class StreamTransport(Protocol):
    """What is used of ``asyncio.Transport``; ``sipcore.transport.tls`` is another one."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def get_extra_info(self, name: str) -> Any: ...


class TcpConnection(StreamFlow, asyncio.Protocol):
    """One connection, being opened, open or closed; a Flow. The way of a message is in C (``native.sip.StreamFlow``)."""

    reliable = True

    def __init__(self, endpoint: TcpEndpoint, remote: Address, *, outgoing: bool, name: str = "") -> None:
        engine, listener = endpoint.engine, endpoint.listener
        super().__init__(engine, listener, remote, listener.host, engine.settings.max_unsent_bytes)
        self.connection_id = engine.new_connection_id()
        self.outgoing = outgoing
        self.name = name
        self.half_open = False  # accepted, in its TLS handshake
        self.for_size = False  # opened only because a request was too long for a datagram
        self.identities: frozenset[str] = frozenset()  # SIP domains that the peer's certificate stands for
        self.reuse: set[tuple[Address, str]] = set()  # addresses, with the name wanted there, that it leads to
        self.had_message = outgoing
        self._endpoint = endpoint
        self._engine: Engine = engine
        self._idle_timer: Timer | None = None

    def discard(self) -> None:
        """A stream can't leave a message out and be trusted; its peer begins anew."""
        self.abort("batch lost")

    def abort(self, reason: str) -> None:
        """Closes at once; ``reason`` names the counter."""
        engine = self._engine
        engine.counters[f"sip_connections_closed_total|reason={reason}"] += 1
        if reason in LIMITS:
            engine.quiet.warning(f"connections closed, limit of {reason}", engine.timers.now, self.remote[0])
        if self.transport is not None:
            self.transport.abort()
        self._lost()

    def close(self) -> None:
        """Sends what is queued, then closes; at once when it isn't open yet."""
        self.closing = True
        if not self.is_open and self.transport is not None:
            self.abort("stopped")
        self.flush()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(StreamTransport, transport)
        if self.accepted(stream):
            self.opened(stream)

    def accepted(self, transport: StreamTransport) -> bool:
        """The other side is there, though maybe not to talk yet; False when it is gone again, or a limit forbids it."""
        self.transport = transport
        near, far = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
        if near is None or far is None:  # reset before we looked
            self.abort("reset")
            return False
        self.local_host = near[0]
        if self.outgoing:
            return True
        self.remote = far[:2]
        reason = self._endpoint.admit(self)
        if reason:
            self.abort(reason)
        return not reason

    def opened(self, transport: StreamTransport) -> None:
        """Messages can come and go."""
        self.transport = transport
        self.is_open = True
        self._endpoint.opened(self)
        if self._engine.siblings is not None:
            self._engine.siblings.connection_opened(self.connection_id)
        self._engine.begin()
        self.last_used_s = self._engine.timers.now
        self._watch_idle(None)
        if self.is_waiting:
            self._engine.flush_later(self)
        self._engine.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()

    def handshake_failed(self, why: str) -> None:
        """The reason to be told where somebody looks for it: calls of ours that don't get through."""
        if self.outgoing:
            log.warning("no TLS with %s port %d: %s", *self.remote, why)

    # from the flow

    def alias(self, data: bytes) -> None:
        if b"alias" in data:
            self._endpoint.alias(self, data)

    def take_crlf(self) -> None:
        """A CRLF before a start line is ignored (RFC 3261 section 7.5); two of them are a ping (RFC 5626 section 4.4.1)."""
        self.half_ping = not self.half_ping
        if not self.half_ping:
            self._engine.counters[f"sip_keepalives_total|transport={self.listener.transport}"] += 1
            self.send(b"\r\n")

    def take_garbage(self, data: bytes, error: ParseError) -> None:
        """Where the next message begins is unknown for ever: answer what can be answered, and close."""
        self._engine.ingress.refuse(data[:MAX_MESSAGE_BYTES], self, error)
        self._engine.counters["sip_connections_closed_total|reason=framing"] += 1
        self.closing = True
        self._engine.flush_later(self)

    def watch_partial(self, kept: bool) -> None:
        """The beginning of another message is ``kept``, for a limited time, or nothing is."""
        if self.partial_timer is not None:
            self.partial_timer.cancel()
        timers, settings = self._engine.timers, self._engine.settings
        self.partial_timer = timers.after(settings.partial_s, self._abort_slow, None) if kept else None

    def count_unsent(self) -> None:
        """Somebody sends over it, and it is closed."""
        self._engine.counters[f"sip_send_failed_total|transport={self.listener.transport}"] += 1

    # inside

    def _abort_slow(self, _: None) -> None:
        self.partial_timer = None
        self.abort("slow")

    def _watch_idle(self, _: None) -> None:
        """Comes back every ``idle_s``, so an idle connection lives at most twice as long."""
        settings, timers = self._engine.settings, self._engine.timers
        limit_s = settings.idle_s if self.had_message else settings.first_message_s
        if self._idle_timer is not None and (not self.had_message or timers.now - self.last_used_s >= limit_s):
            self._idle_timer = None
            self.abort("idle")
            return
        self._idle_timer = timers.after(limit_s, self._watch_idle, None)

    def _lost(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.is_open = False
        self.transport = None
        self.forget()
        for timer in (self.partial_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self.partial_timer = self._idle_timer = None
        self._endpoint.remove(self)
        if self._engine.siblings is not None:
            self._engine.siblings.connection_lost(self.connection_id)
        self._engine.run(self._engine.layer.flow_failed, self)
