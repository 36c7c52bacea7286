"""TLS between a socket and the connection above it, which sees a transport like any other."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import TYPE_CHECKING, Any, cast

from sipcore.timers import Timer
from sipcore.transport.tls_context import ListenerTls, identities_of

if TYPE_CHECKING:
    from sipcore.transport.connection import TcpConnection
    from sipcore.transport.engine import Engine
    from sipcore.transport.handshakes import Handshakes

MAX_HANDSHAKE_BYTES = 65536  # a peer may send before it has ended its handshake
READ_BYTES = 65536
RECORD_TYPES = range(20, 24)  # RFC 8446 section 5.1
HEADER_BYTES = 5
MAX_RECORD_BYTES = HEADER_BYTES + 16384 + 2048  # RFC 5246 section 6.2.3


class IdentityError(Exception):
    """The server is certified, but not for the name we looked for."""


class TlsLayer(asyncio.Protocol):
    """While it shakes hands, ``_tls`` belongs to the thread of ``handshakes``, and what arrives waits in ``_received``."""

    __slots__ = (
        *("_awaited", "_connection", "_engine", "_handshakes", "_incoming", "_open", "_outgoing", "_received", "_server_name"),
        *("_settings", "_socket", "_stepping", "_timer", "_tls"),
    )

    def __init__(self, connection: TcpConnection, engine: Engine, handshakes: Handshakes, server_name: str = "") -> None:
        """``server_name``: who must answer when we connect (RFC 5922 section 7.3)."""
        self._connection = connection
        self._engine = engine
        self._handshakes = handshakes
        self._server_name = server_name
        self._settings: ListenerTls = engine.tls[connection.listener.index]
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._received = bytearray()
        self._awaited = 1
        self._stepping = False
        self._open = False
        self._socket: asyncio.Transport | None = None
        self._timer: Timer | None = None

    # asyncio.Protocol, below

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = cast(asyncio.Transport, transport)
        if not self._connection.accepted(self):
            return
        self._engine.run(self._watch)
        if self._connection.outgoing:
            self._step()

    def data_received(self, data: bytes) -> None:
        if self._open:
            self._incoming.write(data)
            self._read()
            return
        self._received += data
        if len(self._received) > MAX_HANDSHAKE_BYTES:
            self._fail("protocol", "too many bytes")
        elif not self._stepping:
            self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._open and self._socket is not None:
            self._fail("closed", "closed by the peer")
        self._forget()
        self._connection.connection_lost(error)

    # asyncio.Transport, above

    def write(self, data: bytes) -> None:
        assert self._tls is not None
        view = memoryview(data)
        try:
            while view:
                view = view[self._tls.write(view) :]
        except ssl.SSLError:
            self._connection.abort("tls")
            return
        self._flush()

    def close(self) -> None:
        socket = self._socket
        if socket is None:
            return
        if self._open and self._tls is not None:
            with contextlib.suppress(ssl.SSLError):  # it would wait for the answer to our close_notify
                self._tls.unwrap()
            self._flush()
        socket.close()

    def abort(self) -> None:
        if self._socket is not None:
            self._socket.abort()
        self._forget()

    def get_write_buffer_size(self) -> int:
        return self._socket.get_write_buffer_size() if self._socket is not None else 0

    def get_extra_info(self, name: str) -> Any:
        assert self._socket is not None
        return self._socket.get_extra_info(name)

    # the handshake

    def _watch(self) -> None:
        self._timer = self._engine.timers.after(self._engine.settings.handshake_s, self._too_slow, None)

    def _too_slow(self, _: None) -> None:
        self._timer = None
        self._fail("timeout", "handshake took too long")

    def _go_on(self) -> None:
        """With whole records only: a peer that sends a byte at a time gets little of our time."""
        if whole_records(self._received):
            self._await(1)
            self._step()
        elif self._received:
            self._await(missing_bytes(self._received))

    def _await(self, count: int) -> None:
        """The kernel tells us of no fewer bytes than that (socket(7), SO_RCVLOWAT)."""
        if count != self._awaited and self._socket is not None:
            self._awaited = count
            self._socket.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)

    def _step(self) -> None:
        self._stepping = True
        end = whole_records(self._received)
        self._incoming.write(self._received[:end])
        del self._received[:end]
        self._handshakes.submit(self._advance, self._advanced)

    def _advance(self) -> Exception | bool:
        """In the thread: as far as what was received allows; True at the end."""
        if self._socket is None:
            return False
        try:
            if self._tls is None:
                self._tls = self._begin()
            self._tls.do_handshake()
            self._connection.identities = identities_of(self._tls.getpeercert())
        except ssl.SSLWantReadError:
            return False
        except (OSError, ValueError) as error:
            return error
        if self._server_name and self._server_name not in self._connection.identities:
            names = ", ".join(sorted(self._connection.identities)) or "no SIP domain"
            return IdentityError(f"the certificate is for {names}, not for {self._server_name}")
        return True

    def _begin(self) -> ssl.SSLObject:
        if self._connection.outgoing:
            return self._settings.client.wrap_bio(self._incoming, self._outgoing, server_hostname=self._server_name)
        return self._settings.server.wrap_bio(self._incoming, self._outgoing, server_side=True)

    def _advanced(self, outcome: Exception | bool) -> None:
        self._stepping = False
        if self._socket is None:
            return
        self._flush()
        if isinstance(outcome, Exception):
            self._fail(reason_of(outcome), str(outcome))
        elif outcome:
            self._established()
        else:
            self._go_on()

    def _established(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._open = True
        self._engine.counters["sip_tls_handshakes_total"] += 1
        self._connection.opened(self)
        self._incoming.write(self._received)
        self._received.clear()
        self._read()

    def _fail(self, reason: str, why: str) -> None:
        self._engine.counters[f"sip_tls_handshakes_failed_total|reason={reason}"] += 1
        self._connection.handshake_failed(why)
        if self._socket is not None:
            self._socket.close()  # lets our alert leave
        self._forget()
        self._connection.abort("handshake")

    # afterwards

    def _read(self) -> None:
        """All that is there, as one batch."""
        assert self._tls is not None
        pieces: list[bytes] = []
        ended = broken = False
        try:
            while not ended:
                piece = self._tls.read(READ_BYTES)
                pieces.append(piece)
                ended = not piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            broken = True
        self._flush()
        if data := b"".join(pieces):
            self._connection.data_received(data)
        if broken:
            self._connection.abort("tls")
        elif ended:
            self.close()

    def _flush(self) -> None:
        if self._outgoing.pending and self._socket is not None:
            self._socket.write(self._outgoing.read())

    def _forget(self) -> None:
        self._socket = None
        self._received.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def reason_of(error: Exception) -> str:
    """The name of its counter."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate"
    return "identity" if isinstance(error, IdentityError) else "protocol"


def whole_records(data: bytes | bytearray) -> int:
    """How many bytes at the beginning of ``data`` are complete records; all, when something in them is no TLS."""
    end = 0
    while end < len(data):
        if data[end] not in RECORD_TYPES:
            return len(data)
        header = data[end : end + HEADER_BYTES]
        length = HEADER_BYTES + int.from_bytes(header[3:], "big")
        if length > MAX_RECORD_BYTES:
            return len(data)
        if len(header) < HEADER_BYTES or end + length > len(data):
            break
        end += length
    return end


def missing_bytes(begun: bytes | bytearray) -> int:
    """Of the record that ``begun``, which is less than one, begins; of its header while that is not whole."""
    if len(begun) < HEADER_BYTES:
        return HEADER_BYTES - len(begun)
    return HEADER_BYTES + int.from_bytes(begun[3:HEADER_BYTES], "big") - len(begun)
