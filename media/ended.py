"""What was told of calls when they were deleted, for proxies that ask once more (Kamailio's ``$rtpstat``)."""

from collections import OrderedDict

from media import bencode
from media.clock import Clock
from media.ng import Body

KEPT_S = 30  # as long as rtpengine keeps a deleted call
MAX_BYTES = 16 * 1024 * 1024  # Call-IDs included: of more, the oldest go first
_AROUND_BYTES = 300  # what Python has around an entry
_NS = 1_000_000_000


class EndedCalls:
    """By Call-ID, for KEPT_S."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told = OrderedDict[str, tuple[int, bytes]]()  # until when, and the reply in bencode; the oldest first
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._told)

    def keep(self, call_id: str, body: Body) -> None:
        """``body``: the reply to its ``delete``."""
        self._drop(call_id)
        told = bencode.encode(body)
        if len(told) > bencode.MAX_SIZE_BYTES:
            return
        self._told[call_id] = (self._clock.monotonic_ns() + KEPT_S * _NS, told)
        self.size_bytes += _size_bytes(call_id, told)
        self.scan()

    def told(self, call_id: str) -> Body | None:
        until_ns, told = self._told.get(call_id, (0, b""))
        if until_ns <= self._clock.monotonic_ns():
            return None
        body: Body = bencode.decode(told)
        return body | {"tags": {tag: bencode.encode(party) for tag, party in body.get("tags", {}).items()}}  # as reports are

    def scan(self) -> None:
        """Forgets what is too old or too much."""
        now_ns = self._clock.monotonic_ns()
        while self._told:
            oldest = next(iter(self._told))
            if self.size_bytes <= MAX_BYTES and self._told[oldest][0] > now_ns:
                return
            self._drop(oldest)

    def _drop(self, call_id: str) -> None:
        entry = self._told.pop(call_id, None)
        if entry is not None:
            self.size_bytes -= _size_bytes(call_id, entry[1])


def _size_bytes(call_id: str, told: bytes) -> int:
    return 4 * len(call_id) + len(told) + _AROUND_BYTES
