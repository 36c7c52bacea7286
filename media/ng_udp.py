"""ng over UDP, for proxies on allowed networks."""

import asyncio
import ipaddress
import logging
import socket

from media.chains import Chains
from media.dispatch import Dispatcher
from native.relay import NgUdpBase

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 65536
MAX_REPLY_BYTES = 65507  # UDP payload over IPv4
QUIET_S = 1.0  # after a stranger was named in the log: whoever makes sources up has many of them
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # for a burst of offers; the kernel takes what it allows


class NgUdpServer(NgUdpBase):
    """Serves ``sock``, which is bound, a datagram at a time: the loop comes back for the next, and no burst keeps the other
    sockets waiting (native/crelay/relay_ng_udp_type.c). Strangers get no answer at all: the protocol has no authentication, so
    its replies are not theirs to see. What comes from a port of ``chains`` is a party's, who told us this socket's address as
    its own."""

    __slots__ = ("_allowed", "_chains", "_counters", "_loop", "_networks", "_quiet_until", "_socket")
    _allowed: dict[str, bool]
    _chains: Chains
    _counters: dict[str, int]
    _loop: asyncio.AbstractEventLoop
    _networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
    _quiet_until: float
    _socket: socket.socket

    def __new__(
        cls, dispatcher: Dispatcher, sock: socket.socket, allowed: tuple[str, ...], counters: dict[str, int], chains: Chains
    ) -> "NgUdpServer":
        known: dict[str, bool] = {}
        self = super().__new__(cls, sock.fileno(), dispatcher, chains, known, MAX_REQUEST_BYTES, MAX_REPLY_BYTES)
        self._chains = chains
        self._socket = sock
        self._networks = [ipaddress.ip_network(network) for network in allowed]
        self._allowed = known
        self._counters = counters
        self._loop = asyncio.get_running_loop()
        self._quiet_until = self._loop.time()
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self.readable)
        return self

    @property
    def address(self) -> tuple[str, int]:
        name = self._socket.getsockname()
        return str(name[0]), int(name[1])

    def close(self) -> None:
        """Idempotent."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def is_stranger(self, host: str, port: int) -> bool:
        """Whether nothing from there is answered."""
        if not self._is_allowed(host):
            self._counters["media_ng_refused_total"] += 1
            return True
        if self._chains.has(host, port):
            self._counters["media_ng_relayed_total"] += 1
            return True
        return False

    def unsent(self) -> None:
        """A reply could not be sent: the proxy asks again, and is answered from the cache."""
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
            if not known and self._loop.time() >= self._quiet_until:
                self._quiet_until = self._loop.time() + QUIET_S
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
