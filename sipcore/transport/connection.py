"""One TCP or TLS connection: framing (RFC 3261 section 18.3), keep-alives (RFC 5626 section 4.4.1), limits of time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Protocol, cast

from native.sip import MAX_MESSAGE_BYTES, Address, ParseError, frame_length
from sipcore.timers import Timer

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine
    from sipcore.transport.tcp import TcpEndpoint

log = logging.getLogger(__name__)

CR, LF = 0x0D, 0x0A
LIMITS = frozenset({"connections", "connections per source", "handshakes per source", "unsent"})  # reasons to close
FLOOD_BYTES = 32768  # in one read: so many messages that more may wait


class StreamTransport(Protocol):
    """What is used of ``asyncio.Transport``; ``sipcore.transport.tls`` is another one."""

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def get_extra_info(self, name: str) -> Any: ...


class TcpConnection(asyncio.Protocol):
    """One connection, being opened, open or closed; a Flow."""

    reliable = True

    def __init__(self, endpoint: TcpEndpoint, remote: Address, *, outgoing: bool, name: str = "") -> None:
        self.listener = endpoint.listener
        self.remote = remote
        self.local_host = endpoint.listener.host
        self.connection_id = endpoint.engine.new_connection_id()
        self.closed = False
        self.outgoing = outgoing
        self.name = name
        self.half_open = False  # accepted, in its TLS handshake
        self.for_size = False  # opened only because a request was too long for a datagram
        self.identities: frozenset[str] = frozenset()  # SIP domains that the peer's certificate stands for
        self.may_alias = False  # RFC 5923 section 8.2
        self.reuse: set[tuple[Address, str]] = set()  # addresses, with the name wanted there, that it leads to
        self._endpoint = endpoint
        self._engine: Engine = endpoint.engine
        self._transport: StreamTransport | None = None
        self._open = False
        self._buffer = bytearray()  # the beginning of a message
        self._half_ping = False  # one CRLF of a CRLF CRLF was there
        self._had_message = outgoing
        self._last_used_s = 0.0
        self._out: list[bytes] = []
        self._out_bytes = 0
        self._closing = False  # nothing is read any more; closed when what is queued has left
        self._partial_timer: Timer | None = None
        self._idle_timer: Timer | None = None

    # Flow

    def send(self, data: bytes) -> None:
        if self.closed:
            self._engine.counters[f"sip_send_failed_total|transport={self.listener.transport}"] += 1
            return
        if not self._out and self._open:
            self._engine.flush_later(self)
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > self._engine.settings.max_unsent_bytes:
            self.abort("unsent")

    def flush(self) -> None:
        transport = self._transport
        if transport is None or not self._open:
            return
        if self._out:
            transport.write(self._out[0] if len(self._out) == 1 else b"".join(self._out))
            self._out.clear()
            self._out_bytes = 0
            self._last_used_s = self._engine.timers.now
            if transport.get_write_buffer_size() > self._engine.settings.max_unsent_bytes:
                self.abort("unsent")
                return
        if self._closing:
            transport.close()

    def discard(self) -> None:
        """A stream can't leave a message out and be trusted; its peer begins anew."""
        self.abort("batch lost")

    def abort(self, reason: str) -> None:
        """Closes at once; ``reason`` names the counter."""
        engine = self._engine
        engine.counters[f"sip_connections_closed_total|reason={reason}"] += 1
        if reason in LIMITS:
            engine.quiet.warning(f"connections closed, limit of {reason}", engine.timers.now, self.remote[0])
        if self._transport is not None:
            self._transport.abort()
        self._lost()

    def close(self) -> None:
        """Sends what is queued, then closes; at once when it isn't open yet."""
        self._closing = True
        if not self._open and self._transport is not None:
            self.abort("stopped")
        self.flush()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(StreamTransport, transport)
        if self.accepted(stream):
            self.opened(stream)

    def accepted(self, transport: StreamTransport) -> bool:
        """The other side is there, though maybe not to talk yet; False when a limit forbids it."""
        self._transport = transport
        self.local_host = transport.get_extra_info("sockname")[0]
        if self.outgoing:
            return True
        self.remote = transport.get_extra_info("peername")[:2]
        reason = self._endpoint.admit(self)
        if reason:
            self.abort(reason)
        return not reason

    def opened(self, transport: StreamTransport) -> None:
        """Messages can come and go."""
        self._transport = transport
        self._open = True
        self._endpoint.opened(self)
        if self._engine.siblings is not None:
            self._engine.siblings.connection_opened(self.connection_id)
        self._engine.begin()
        self._last_used_s = self._engine.timers.now
        self._watch_idle(None)
        if self._out:
            self._engine.flush_later(self)
        self._engine.end()

    def data_received(self, data: bytes) -> None:
        if self.closed or self._closing:
            return
        engine = self._engine
        engine.begin()
        if len(data) >= FLOOD_BYTES:
            engine.flooded()
        self._last_used_s = engine.timers.now
        try:
            self._take(data)
        except Exception:
            engine.report("a connection's bytes")
            self.abort("internal error")
        engine.end()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost()

    def handshake_failed(self, why: str) -> None:
        """The reason to be told where somebody looks for it: calls of ours that don't get through."""
        if self.outgoing:
            log.warning("no TLS with %s port %d: %s", *self.remote, why)

    # inside

    def _take(self, data: bytes | bytearray) -> None:
        if self._buffer:
            self._buffer += data
            data = self._buffer
        start, end = 0, len(data)
        try:
            while start < end:
                if data[start] == CR and (start + 1 == end or data[start + 1] == LF):
                    if start + 1 == end:
                        break
                    self._take_crlf()
                    start += 2
                    continue
                length = frame_length(data, start)
                if length == 0:
                    break
                self._take_message(bytes(data[start : start + length]))
                start += length
                if self.closed:
                    return
            if end - start > MAX_MESSAGE_BYTES:
                raise _too_long()
        except ParseError as error:
            self._take_garbage(bytes(data[start:]), error)
            return
        self._keep(data, start, end)

    def _take_message(self, data: bytes) -> None:
        self._half_ping = False
        self._had_message = True
        if self.may_alias and b"alias" in data:
            self._endpoint.alias(self, data)
        try:
            self._engine.receive(data, self)
        except Exception:
            self._engine.report("a message")

    def _take_crlf(self) -> None:
        """A CRLF before a start line is ignored (RFC 3261 section 7.5); two of them are a ping (RFC 5626 section 4.4.1)."""
        self._half_ping = not self._half_ping
        if not self._half_ping:
            self._engine.counters[f"sip_keepalives_total|transport={self.listener.transport}"] += 1
            self.send(b"\r\n")

    def _take_garbage(self, data: bytes, error: ParseError) -> None:
        """Where the next message begins is unknown for ever: answer what can be answered, and close."""
        self._engine.ingress.refuse(data[:MAX_MESSAGE_BYTES], self, error)
        self._engine.counters["sip_connections_closed_total|reason=framing"] += 1
        self._buffer.clear()
        self._closing = True
        self._engine.flush_later(self)

    def _keep(self, data: bytes | bytearray, start: int, end: int) -> None:
        """Keeps an incomplete message, for a limited time."""
        if data is self._buffer:
            del self._buffer[:start]
        else:
            self._buffer += data[start:end]
        if start == 0 and self._partial_timer is not None and self._buffer:
            return  # still the same message
        if self._partial_timer is not None:
            self._partial_timer.cancel()
            self._partial_timer = None
        if self._buffer:
            self._partial_timer = self._engine.timers.after(self._engine.settings.partial_s, self._abort_slow, None)

    def _abort_slow(self, _: None) -> None:
        self._partial_timer = None
        self.abort("slow")

    def _watch_idle(self, _: None) -> None:
        """Comes back every ``idle_s``, so an idle connection lives at most twice as long."""
        settings, timers = self._engine.settings, self._engine.timers
        limit_s = settings.idle_s if self._had_message else settings.first_message_s
        if self._idle_timer is not None and (not self._had_message or timers.now - self._last_used_s >= limit_s):
            self._idle_timer = None
            self.abort("idle")
            return
        self._idle_timer = timers.after(limit_s, self._watch_idle, None)

    def _lost(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._open = False
        self._transport = None
        self._buffer.clear()
        self._out.clear()
        for timer in (self._partial_timer, self._idle_timer):
            if timer is not None:
                timer.cancel()
        self._partial_timer = self._idle_timer = None
        self._endpoint.remove(self)
        if self._engine.siblings is not None:
            self._engine.siblings.connection_lost(self.connection_id)
        self._engine.run(self._engine.layer.flow_failed, self)


def _too_long() -> ParseError:
    error = ParseError("message too long")
    error.reason, error.header, error.status = "message too long", None, 513
    return error
