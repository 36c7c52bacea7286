"""Local UDP ports: an even one for RTP and the next for RTCP (RFC 3550 section 11), out of a range, per address."""

import errno
import logging
import random
from collections.abc import Callable

from media.errors import OutOfPortsError
from native.relay import PortPoolBase

log = logging.getLogger(__name__)

Bind = Callable[[str, int, int, int], tuple[tuple[int, int], ...]]
"""(host, first port, pairs, DSCP) to bound descriptors, of all or none; native.relay.bind_pairs."""

_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class PortPool(PortPoolBase):
    """The pairs of one address. They are handed out in a ring from a random start, so a port rests as long as it can.

    ``take`` and ``give_back`` are the base's (native/crelay/relay_pool_type.c), which calls the methods here."""

    __slots__ = ("_host", "ports")
    _host: str
    ports: range

    def __new__(cls, host: str, first: int, last: int, dscp: int, bind: Bind) -> "PortPool":
        pool = super().__new__(cls, host, first, last, dscp, bind, random.getrandbits(31))
        pool._host = host
        pool.ports = range(first + first % 2, last, 2)  # of RTP
        return pool

    def may_try_next(self, cause: OSError) -> None:
        """After a port that can't be bound. OutOfPortsError when no other one can be either."""
        if cause.errno in _TAKEN:
            return
        if cause.errno not in _EXHAUSTED:  # the interface is down, perhaps
            log.error("can't bind %s: %s", self._host, cause.strerror)
        raise OutOfPortsError from cause

    def ran_out(self) -> None:
        """No pair, or no run of them, is left."""
        raise OutOfPortsError
