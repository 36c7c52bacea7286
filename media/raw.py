"""Raw sockets for the relay to send by (docs/relay.md). Only opening them takes a privilege: whoever still has it does."""

import logging
import socket
from collections.abc import Iterable

from media.addresses import family_of, is_wildcard
from native.relay import RAW_ADDRESSES, Relay

SO_SNDBUFFORCE = 32  # <asm/socket.h>; more than the system's limit takes CAP_NET_ADMIN
BUFFER_BYTES = 4 << 20  # what one may have waiting in the kernel, in the place of a buffer for each stream

log = logging.getLogger(__name__)


def open_raw(addresses: Iterable[str], dscp: int, threads: int) -> list[socket.socket]:
    """A socket for each relay thread on each address; none on a wildcard address, which says not where packets come from, and
    none at all if the kernel does not let us: then each stream sends by its own."""
    opened: list[socket.socket] = []
    bound = [address for address in dict.fromkeys(addresses) if not is_wildcard(address)]
    try:
        for address in bound[:RAW_ADDRESSES]:
            opened += [_open(address, dscp) for _ in range(threads)]
    except OSError as error:
        log.info("no raw sockets for relaying, which would cost less with CAP_NET_RAW: %s", error.strerror)
        close_raw(opened)
        return []
    return opened


def close_raw(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def _open(address: str, dscp: int) -> socket.socket:
    six = family_of(address) == 6
    opened = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    try:
        opened.bind((address, 0))
        marks = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS) if six else (socket.IPPROTO_IP, socket.IP_TOS)
        opened.setsockopt(*marks, dscp << 2)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # nothing is to be read: its least
        _enlarge(opened)
    except OSError:
        opened.close()
        raise
    return opened


def _enlarge(opened: socket.socket) -> None:
    for option in (SO_SNDBUFFORCE, socket.SO_SNDBUF):
        try:
            opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
        except PermissionError:
            continue
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
            log.warning("%d of %d raw sockets were refused what others may send: streams send by their own there",
                        raw.given_up, raw.given_up + raw.sockets)  # fmt: skip
            self._counters["media_raw_given_up_total"] += raw.given_up - self._told
            self._told = raw.given_up
