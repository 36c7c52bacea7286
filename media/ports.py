"""Local UDP ports: an even one for RTP and the next for RTCP (RFC 3550 section 11), out of a range, per address."""

import errno
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from media.errors import OutOfPortsError

log = logging.getLogger(__name__)

Sockets = tuple[tuple[int, int], ...]
"""(RTP, RTCP) descriptors per pair."""
Bind = Callable[[str, int, int, int], Sockets]
"""(host, first port, pairs, DSCP) to bound descriptors, of all or none; native.relay.bind_pairs."""

_TAKEN = frozenset({errno.EADDRINUSE, errno.EACCES})
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class PortBlock(NamedTuple):
    """Consecutive even/odd pairs from ``port`` on. The descriptors belong to whoever took the block."""

    port: int
    sockets: Sockets  # per pair


class PortPool:
    """The pairs of one address. They are handed out in a ring from a random start, so a port rests as long as it can."""

    __slots__ = ("_bind", "_dscp", "_free", "_host", "last_taken", "ports")

    def __init__(self, host: str, first: int, last: int, dscp: int, bind: Bind) -> None:
        self._host = host
        self._bind = bind
        self._dscp = dscp
        self.ports = range(first + first % 2, last, 2)  # of RTP
        self.last_taken = 0  # of them
        self._free = deque(self.ports)
        if self._free:
            self._free.rotate(-random.randrange(len(self._free)))  # noqa: S311

    @property
    def free(self) -> int:
        """How many pairs are left."""
        return len(self._free)

    def take(self, count: int = 1) -> PortBlock:
        """``count`` consecutive bound pairs. OutOfPortsError when there are none, or when the host can't be bound."""
        ring = self._free
        free = set(ring) if count > 1 else None
        for _ in range(len(ring)):
            port = ring[0]
            further = () if free is None else range(port + 2, port + 2 * count, 2)
            block = self._bind_run(port, count) if free is None or free.issuperset(further) else None
            if block is not None:
                self.last_taken = ring.popleft()
                for taken in further:
                    ring.remove(taken)
                return block
            ring.rotate(-1)
        raise OutOfPortsError

    def give_back(self, block: PortBlock) -> None:
        """The block's sockets are closed already."""
        self._free.extend(range(block.port, block.port + 2 * len(block.sockets), 2))

    def _bind_run(self, port: int, count: int) -> PortBlock | None:
        """None when someone else has one of these ports."""
        try:
            return PortBlock(port, self._bind(self._host, port, count, self._dscp))
        except OSError as cause:
            if cause.errno in _TAKEN:
                return None
            if cause.errno not in _EXHAUSTED:  # the interface is down, perhaps
                log.error("can't bind %s: %s", self._host, cause.strerror)
            raise OutOfPortsError from cause
