"""ng over UDP, for proxies on allowed networks."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable

from media.dispatch import Dispatcher

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 65536
MAX_REPLY_BYTES = 65507  # UDP payload over IPv4
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # for a burst of offers; the kernel takes what it allows


class NgUdpServer:
    """Serves ``sock``, which is bound. Strangers get no answer at all: the protocol has no authentication, so its
    replies are not theirs to see. ``is_relayed``: by host and port, what comes from there is a party's, who told us this
    socket's address as its own."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        sock: socket.socket,
        allowed: tuple[str, ...],
        counters: dict[str, int],
        is_relayed: Callable[[str, int], bool],
    ) -> None:
        self._dispatcher = dispatcher
        self._is_relayed = is_relayed
        self._socket = sock
        self._buffer = memoryview(bytearray(MAX_REQUEST_BYTES))
        self._networks = [ipaddress.ip_network(network) for network in allowed]
        self._allowed: dict[str, bool] = {}
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    @property
    def address(self) -> tuple[str, int]:
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """Idempotent."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def _readable(self) -> None:
        """One datagram: the loop comes back for the next, and no burst keeps the other sockets waiting."""
        try:
            size, source = self._socket.recvfrom_into(self._buffer)
        except OSError:  # nothing there after all
            return
        if not (self._allowed.get(source[0]) or self._is_allowed(source[0])):
            self._counters["media_ng_refused_total"] += 1
            return
        if self._is_relayed(source[0], source[1]):
            self._counters["media_ng_relayed_total"] += 1
            return
        reply = self._dispatcher.datagram(bytes(self._buffer[:size]), source, MAX_REPLY_BYTES)
        if reply is None:
            return
        try:
            self._socket.sendto(reply, source)
        except OSError:  # the proxy asks again, and is answered from the cache
            self._counters["media_ng_send_errors_total"] += 1

    def _is_allowed(self, host: str) -> bool:
        """Remembered per host, and forgotten as a whole before strangers can make it grow."""
        known = self._allowed.get(host)
        if known is None:
            address = ipaddress.ip_address(host.partition("%")[0])
            address = getattr(address, "ipv4_mapped", None) or address
            known = any(address in network for network in self._networks if network.version == address.version)
            if len(self._allowed) >= 1000:
                self._allowed.clear()
            self._allowed[host] = known
            if not known:
                log.warning("ng from %s refused: not in ng_allow", host)
        return known


def bind(address: tuple[str, int]) -> socket.socket:
    """A non-blocking UDP socket bound to ``address``. OSError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock
