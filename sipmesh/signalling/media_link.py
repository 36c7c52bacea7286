"""The Unix seqpacket socket to the media daemon, opened again whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable

from sipcore.ports import Counters

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0
MAX_DATAGRAM_BYTES = 256 * 1024
MAX_READS = 64  # of one wake-up

log = logging.getLogger(__name__)


class MediaLink:
    """``wire`` says who gets the datagrams, before ``open``."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop, counters: Counters) -> None:
        self._path = path
        self._loop = loop
        self._counters = counters
        self._socket: socket.socket | None = None
        self._buffer = memoryview(bytearray(MAX_DATAGRAM_BYTES))  # an object of that size for each would be mapped and unmapped
        self._retry_s = FIRST_RETRY_S
        self._closed = False
        self._run: Callable[..., None]
        self._received: Callable[[bytes], None]
        self._connected: Callable[[], None]

    def wire(self, run: Callable[..., None], received: Callable[[bytes], None], connected: Callable[[], None]) -> None:
        """``received`` gets each datagram, ``connected`` is called after each opening; both inside ``run`` (Engine.run)."""
        self._run, self._received, self._connected = run, received, connected

    @property
    def up(self) -> bool:
        return self._socket is not None

    def open(self) -> None:
        """Connects, or tries again later; the daemon may start after us."""
        if self._closed:
            return
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        try:
            opened.connect(self._path)
        except OSError as error:
            opened.close()
            if self._retry_s == FIRST_RETRY_S:
                log.info("the media daemon is not there yet (%s: %s)", self._path, error.strerror)
            self._loop.call_later(self._retry_s, self.open)
            self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
            return
        self._socket = opened
        self._retry_s = FIRST_RETRY_S
        self._loop.add_reader(opened.fileno(), self._readable)
        self._run(self._connected)

    def send(self, datagram: bytes) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(datagram)
        except BlockingIOError:
            self._counters["ng_send_drops_total"] += 1
        except OSError as error:
            self._lost(error.strerror or str(error))

    def close(self) -> None:
        self._closed = True
        self._drop()

    def _readable(self) -> None:
        self._run(self._drain)

    def _drain(self) -> None:
        for _ in range(MAX_READS):
            if self._socket is None:
                return
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError as error:
                self._lost(error.strerror or str(error))
                return
            if not size:
                self._lost("closed by the daemon")
                return
            self._received(bytes(self._buffer[:size]))

    def _lost(self, why: str) -> None:
        if self._socket is None:
            return
        log.warning("the link to the media daemon broke: %s", why)
        self._counters["ng_link_losses_total"] += 1
        self._drop()
        self._loop.call_later(self._retry_s, self.open)

    def _drop(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None
