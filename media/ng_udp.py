"""ng over UDP, for proxies on allowed networks."""

import asyncio
import ipaddress
import logging
import socket
from typing import cast

from media.dispatch import Dispatcher

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 65507  # UDP payload over IPv4
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024  # for a burst of offers; the kernel takes what it allows


class NgUdpProtocol(asyncio.DatagramProtocol):
    """Strangers get no answer at all: the protocol has no authentication, so its replies are not theirs to see."""

    def __init__(self, dispatcher: Dispatcher, allowed: tuple[str, ...], counters: dict[str, int]) -> None:
        self._dispatcher = dispatcher
        self._networks = [ipaddress.ip_network(network) for network in allowed]
        self._allowed: dict[str, bool] = {}
        self._counters = counters
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)  # uvloop's is one by its methods only

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self._is_allowed(addr[0]):
            self._counters["media_ng_refused_total"] += 1
            return
        reply = self._dispatcher.datagram(data, addr, MAX_REPLY_BYTES)
        if reply is not None and self._transport is not None:
            self._transport.sendto(reply, addr)

    def error_received(self, exc: Exception) -> None:
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
