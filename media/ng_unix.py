"""ng over a Unix seqpacket socket, for this node's own proxy; events go the other way on the same connection.

A packet holds one message in either direction. An event has a cookie of its own and the key ``event``; it is not answered.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections import deque

from media import bencode
from media.dispatch import Dispatcher
from media.ng import Body

log = logging.getLogger(__name__)

MAX_PACKET_BYTES = bencode.MAX_SIZE_BYTES + 1024
MAX_REPLY_BYTES = 128 * 1024  # a packet must fit into the kernel's default send buffer
MAX_WAITING = 1000  # packets for a peer that does not read
PAUSE_S = 0.5  # without accepting, when there is no descriptor left for a connection that waits


class NgUnixServer:
    """Serves every connection to ``listener``, which is bound, listening and non-blocking."""

    def __init__(self, dispatcher: Dispatcher, listener: socket.socket) -> None:
        self._dispatcher = dispatcher
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._connections: set[_Connection] = set()
        self._event_number = 0
        listener.setblocking(False)
        self._listen()

    @property
    def connections(self) -> int:
        return len(self._connections)

    @property
    def waiting(self) -> int:
        """Packets that peers have not read yet."""
        return sum(connection.waiting for connection in self._connections)

    def emit(self, event: Body) -> None:
        """Pushes ``event`` to every connection."""
        self._event_number += 1
        packet = b"event%d %b" % (self._event_number, bencode.encode(event))
        for connection in list(self._connections):
            connection.send(packet)

    def close(self) -> None:
        """Idempotent."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for connection in list(self._connections):
            connection.close()

    def _listen(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as cause:
            log.warning("ng: can't accept a connection: %s", cause)
            self._loop.remove_reader(self._listener.fileno())
            self._loop.call_later(PAUSE_S, self._listen)
            return
        sock.setblocking(False)
        self._connections.add(_Connection(sock, self._dispatcher, self._loop, self._connections))


class _Connection:
    __slots__ = ("_buffer", "_dispatcher", "_loop", "_others", "_sock", "_waiting")

    def __init__(
        self, sock: socket.socket, dispatcher: Dispatcher, loop: asyncio.AbstractEventLoop, others: "set[_Connection]"
    ) -> None:
        self._sock = sock
        self._dispatcher = dispatcher
        self._loop = loop
        self._others = others
        self._waiting: deque[bytes] = deque()
        self._buffer = memoryview(
            bytearray(MAX_PACKET_BYTES)
        )  # an object of that size for each packet would be mapped and unmapped
        loop.add_reader(sock.fileno(), self._readable)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def send(self, packet: bytes) -> None:
        """Now or when the peer reads again; a peer that reads nothing is let go."""
        if self._waiting or not self._try_send(packet):
            self._waiting.append(packet)
        if len(self._waiting) > MAX_WAITING:
            log.warning("ng: a peer does not read its replies: connection closed")
            self.close()

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._sock.close()
        self._waiting.clear()
        self._others.discard(self)

    def _readable(self) -> None:
        try:
            size = self._sock.recv_into(self._buffer)
        except BlockingIOError:
            return
        except OSError:
            size = 0
        if not size:
            self.close()
            return
        reply = self._dispatcher.packet(bytes(self._buffer[:size]), MAX_REPLY_BYTES)
        if reply is not None:
            self.send(reply)

    def _try_send(self, packet: bytes) -> bool:
        if self._sock.fileno() < 0:
            return True
        try:
            self._sock.send(packet, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            self._loop.add_writer(self._sock.fileno(), self._writable)
            return False
        except OSError:
            self.close()
        return True

    def _writable(self) -> None:
        self._loop.remove_writer(self._sock.fileno())
        while self._waiting:
            if not self._try_send(self._waiting[0]):
                return
            if self._waiting:
                self._waiting.popleft()


def listen(path: str) -> socket.socket:
    """A listening seqpacket socket at ``path``, for its owner only; a stale one there is replaced. OSError."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(64)
    except OSError:
        sock.close()
        raise
    return sock
