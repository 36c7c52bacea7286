"""What the signal workers of a node remember together, so that a limit holds for the node and not for each of them.

A file of fixed size that all of them map: sets of a few places, in each set the newest first. Nobody takes a lock: of two
workers that write one set in the same instant one may undo what the other wrote; then somebody may do something once more.
"""

from __future__ import annotations

import mmap
import os
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from struct import Struct
from typing import Generic, TypeVar

from sipmesh.signalling.rates import MAX_KEYS

SETS = 1 << 14
PLACES = 4  # of a set
TAG_BYTES = 8
VALUE = Struct("<d")
PLACE_BYTES = TAG_BYTES + VALUE.size
SET_BYTES = PLACES * PLACE_BYTES
SUFFIX = ".limits"

Key = TypeVar("Key")


class SharedRecent(Generic[Key]):
    """The interface of ``Recent``, for values that are numbers; a key that others pushed out of its set is forgotten."""

    __slots__ = ("_map", "_spot")

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, SETS * SET_BYTES)
            self._map = mmap.mmap(descriptor, SETS * SET_BYTES)
        finally:
            os.close(descriptor)
        self._spot = lru_cache(MAX_KEYS)(spot)

    def get(self, key: Key) -> float | None:
        start, tag = self._spot(key)
        for at in range(start, start + SET_BYTES, PLACE_BYTES):
            if self._map[at : at + TAG_BYTES] == tag:
                return float(VALUE.unpack_from(self._map, at + TAG_BYTES)[0])
        return None

    def put(self, key: Key, value: float) -> None:
        start, tag = self._spot(key)
        self._map[start : start + SET_BYTES] = (tag + VALUE.pack(value) + self._others(start, tag))[:SET_BYTES]

    def drop(self, key: Key) -> None:
        start, tag = self._spot(key)
        if self.get(key) is not None:  # else nothing is written: what others read stays in their caches
            self._map[start : start + SET_BYTES] = self._others(start, tag).ljust(SET_BYTES, b"\0")

    def _others(self, start: int, tag: bytes) -> bytes:
        """The places of a set that are not this key's."""
        places = (self._map[at : at + PLACE_BYTES] for at in range(start, start + SET_BYTES, PLACE_BYTES))
        return b"".join(place for place in places if not place.startswith(tag))


def spot(key: object) -> tuple[int, bytes]:
    """Where the key's set starts, and by what it is known there."""
    digest = blake2b(repr(key).encode(), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little") % SETS * SET_BYTES, digest[8:]


def forget_all(folder: Path) -> None:
    """Before a node starts: the times in these files are those of a clock that begins anew with the machine."""
    for path in folder.glob(f"*{SUFFIX}"):
        path.unlink()
