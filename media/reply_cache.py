"""Replies by cookie, so that a retransmitted request is answered again and not done twice.

Two generations: the older is dropped each GENERATION_S, so a reply lives between one and two of them. Requests are served to
their end in the order of their arrival, so a retransmission always finds the reply of the first.
"""

GENERATION_S = 10.0  # proxies try again each second, five times, before they take another relay
MAX_GENERATION_BYTES = 8 * 1024 * 1024

Key = tuple[str, int, bytes]
"""The client's host and port and its cookie: two clients may count alike, and a retransmission comes from the same socket."""


class ReplyCache:
    __slots__ = ("_bytes", "_new", "_old", "_swap_at")

    def __init__(self, now: float) -> None:
        self._new: dict[Key, bytes] = {}
        self._old: dict[Key, bytes] = {}
        self._bytes = 0
        self._swap_at = now + GENERATION_S

    def get(self, key: Key, now: float) -> bytes | None:
        if now >= self._swap_at or self._bytes >= MAX_GENERATION_BYTES:
            self._turn(now)
        return self._new.get(key) or self._old.get(key)

    def put(self, key: Key, reply: bytes) -> None:
        """After a ``get`` that found nothing."""
        self._new[key] = reply
        self._bytes += len(reply)

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def _turn(self, now: float) -> None:
        idle = now >= self._swap_at + GENERATION_S
        self._old = {} if idle else self._new
        self._new = {}
        self._bytes = 0
        self._swap_at = now + GENERATION_S
