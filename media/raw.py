"""Raw sockets for the relay to send by (docs/relay.md). Only opening them takes a privilege: whoever still has it does."""

import contextlib
import ctypes
import logging
import socket
import struct
from collections.abc import Iterable

from media.addresses import family_of, is_wildcard
from native.relay import Relay

IP_FREEBIND, IPV6_FREEBIND = 15, 78  # <linux/in.h>, <linux/in6.h>
SO_SNDBUFFORCE, SO_ATTACH_FILTER, SO_LOCK_FILTER = 32, 26, 44  # <asm/socket.h>
BUFFER_BYTES = 4 << 20  # what one may have waiting in the kernel, in the place of a buffer for each stream
NOWHERE = {4: "192.0.0.8", 6: "100::1"}  # addresses nothing is sent to (RFC 7600 section 4.8, RFC 6666)
TAKE_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)  # classic BPF: return 0

log = logging.getLogger(__name__)


def open_raw(addresses: Iterable[str], dscp: int, threads: int) -> list[socket.socket]:
    """A socket for each relay thread and family of these addresses; none for wildcard addresses, which say not where packets
    come from, and none at all if the kernel does not let us: then each stream sends by its own."""
    opened: list[socket.socket] = []
    try:
        for family in sorted({family_of(address) for address in addresses if not is_wildcard(address)}):
            opened += [_open(family, dscp) for _ in range(threads)]
    except OSError as error:
        log.info("no raw sockets for relaying, which CAP_NET_RAW would make steadier: %s", error.strerror)
        close_raw(opened)
        return []
    return opened


def close_raw(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _open(family: int, dscp: int) -> socket.socket:
    """It sends whatever it is given as UDP; bound to nowhere, it is handed no packet that comes in."""
    opened = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    try:
        _close_for_reading(opened)
        if family == 6:
            opened.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
        else:
            opened.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
        opened.bind((NOWHERE[family], 0))
        _enlarge(opened)
    except OSError:
        opened.close()
        raise
    return opened


def _close_for_reading(opened: socket.socket) -> None:
    """For good: nobody who gets hold of it hears what is sent to other sockets of this machine."""
    program = ctypes.create_string_buffer(TAKE_NOTHING)
    described = struct.pack("@HP", len(TAKE_NOTHING) // 8, ctypes.addressof(program))
    opened.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)
    opened.setsockopt(socket.SOL_SOCKET, SO_LOCK_FILTER, 1)
    with contextlib.suppress(BlockingIOError):
        while True:  # what came before there was a filter
            opened.recv(1, socket.MSG_DONTWAIT)


def _enlarge(opened: socket.socket) -> None:
    for option in (SO_SNDBUFFORCE, socket.SO_SNDBUF):  # more than the system's limit takes CAP_NET_ADMIN
        with contextlib.suppress(PermissionError):
            opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
            return


class RawWatch:
    """Tells once when relay threads gave raw sockets up, and counts them."""

    def __init__(self, relay: Relay, counters: dict[str, int]) -> None:
        self._relay = relay
        self._counters = counters
        self._told = 0

    def look(self) -> None:
        raw = self._relay.raw
        if raw.given_up > self._told:
            every = raw.given_up + raw.sockets
            log.warning("%d of %d raw sockets were refused what others may send: streams use their own", raw.given_up, every)
            self._counters["media_raw_given_up_total"] += raw.given_up - self._told
            self._told = raw.given_up
