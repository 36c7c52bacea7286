"""What the signal workers of a node remember together, so that a limit holds for the node and not for each of them.

A file of fixed size that all of them map: sets of a few places, in each set the newest first. Who changes what he has read
holds the set's lock. It is the kernel's, so it ends with the worker; and since a worker that was stopped while it had one must
not stop the others, they try for a moment only: then somebody may do something once more.
"""

from __future__ import annotations

import contextlib
import fcntl
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
TRIES = 1000  # to get a lock, some milliseconds

Key = TypeVar("Key")


class SharedRecent(Generic[Key]):
    """The interface of ``Recent``, for values that are numbers; a key that others pushed out of its set is forgotten."""

    __slots__ = ("_descriptor", "_map", "_spot")

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._descriptor, SETS * SET_BYTES)
        self._map = mmap.mmap(self._descriptor, SETS * SET_BYTES)
        self._spot = lru_cache(MAX_KEYS)(spot)

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError):  # it could not be opened
            os.close(self._descriptor)

    def hold(self, key: Key) -> None:
        start, _ = self._spot(key)
        for _ in range(TRIES):
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, SET_BYTES, start)
                return
            except BlockingIOError:
                os.sched_yield()

    def release(self, key: Key) -> None:
        start, _ = self._spot(key)
        fcntl.lockf(self._descriptor, fcntl.LOCK_UN, SET_BYTES, start)

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
