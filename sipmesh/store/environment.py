"""One LMDB environment: opening, transactions, growth of its map, translation of its errors.

The first write opens the write transaction; ``commit`` ends it. Reads in between see the writes; other processes see them after
the commit. One thread only.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, NoReturn

import lmdb

from native.sip import EnvironmentBase

FIRST_MAP_BYTES = 32 << 20
GROWTH_CHECK_BYTES = FIRST_MAP_BYTES // 16  # written between two looks at how full the map is
MAX_KEY_BYTES = 480  # LMDB takes 511
MAX_READERS = 512

log = logging.getLogger(__name__)


class StoreError(Exception):
    """The store can't be opened, read or written; the text says why and where."""


class StoreFullError(StoreError):
    """No room left: the limit of the store, or the disk. What was written since the last commit is lost."""


def key_of(text: str) -> bytes:
    """``text`` as a key; the end of a very long one is replaced by its hash."""
    key = text.encode("utf-8", "surrogateescape")
    if len(key) > MAX_KEY_BYTES:
        return key[: MAX_KEY_BYTES - 33] + b"\0" + blake2b(key, digest_size=32).digest()
    return key


class Environment(EnvironmentBase):
    """``tables`` are opened by name; ``table(name)`` gives the handle the other methods take.

    ``get``, ``put``, ``delete`` and ``commit`` are the base's, which calls the methods here for what is not usual.
    """

    def __init__(
        self, path: Path, tables: tuple[str, ...], *, synced: bool, readonly: bool = False, max_map_bytes: int = 64 << 30
    ) -> None:
        self.path = path
        self._max_map_bytes = max_map_bytes
        self._preallocate = not synced
        try:
            if not readonly:
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._env = lmdb.open(
                str(path),
                map_size=FIRST_MAP_BYTES,
                max_dbs=len(tables),
                max_readers=MAX_READERS,
                mode=0o600,
                readonly=readonly,
                writemap=not synced,
                sync=synced,
                metasync=synced,
            )
            if self._preallocate and not readonly:
                allocate(path / "data.mdb", FIRST_MAP_BYTES)
            self._env.reader_check()
            self._tables = {name: self._env.open_db(name.encode(), create=not readonly) for name in tables}
        except (lmdb.Error, OSError) as error:
            raise StoreError(f"the store {path} can't be opened: {error}") from error

    def table(self, name: str) -> Any:
        return self._tables[name]

    def read_in_batches(self, *, staged: bool = False) -> None:
        """From now on ``get`` reads one state until ``renew``, which is to be called often: pages of that state stay in use.

        ``staged``: writes wait in memory until ``commit``. Then several processes that write hold the lock for a moment each,
        not for their whole batch; an error that ``put`` would have told of comes at the commit.
        """
        self._keeps_read = True
        self._stages = staged

    def items(self, table: Any, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """(key, value) in the order of keys, from ``start`` on. Iterate to the end or close it before the next write."""
        self.write_staged()
        with contextlib.ExitStack() as stack:
            txn = self._write
            if txn is None:
                txn = self.begin_read()
                stack.callback(txn.abort)
            cursor = stack.enter_context(txn.cursor(table))
            if cursor.set_range(start) if start else cursor.first():
                yield from cursor

    def count(self, table: Any) -> int:
        self.write_staged()
        txn = self._write
        if txn is not None:
            return int(txn.stat(table)["entries"])
        txn = self.begin_read()
        try:
            return int(txn.stat(table)["entries"])
        finally:
            txn.abort()

    def write_failed(self, error: Exception) -> NoReturn:
        """Ends the transaction; ``commit`` tells of it if others had written in it before."""
        if not isinstance(error, lmdb.Error):
            raise error
        lost = self._lost or self._dirty
        self.abort()
        self._lost = lost
        raise self._translated(error) from error

    def commit_failed(self, error: Exception) -> NoReturn:
        raise self._translated(error) if isinstance(error, lmdb.Error) else error

    def tell_lost(self) -> NoReturn:
        """At the commit."""
        self.abort()
        raise StoreError(f"the store {self.path} lost what was written before an error")

    def abort(self) -> None:
        """Forgets what was written since the last commit."""
        self.renew()
        self._staged.clear()
        txn, self._write = self._write, None
        self._dirty = self._lost = False
        if txn is not None:
            txn.abort()

    def begin(self, room_bytes: int = 0) -> None:
        """Opens the write transaction now, so that what is read next can't change before ``commit``.
        ``room_bytes``: what it will write, when that may be much."""
        self.write_staged()
        if self._write is None:
            self.begin_write(room_bytes)

    def forget_dead_readers(self) -> None:
        """Frees the reader slots of processes that were killed; they would keep old pages from being used again."""
        self._env.reader_check()

    def sync(self) -> None:
        self._env.sync(True)

    def close(self) -> None:
        self.abort()
        self._env.close()

    def begin_read(self) -> Any:
        try:
            return self._env.begin()
        except lmdb.MapResizedError:
            self._resize(0)
            return self._env.begin()
        except lmdb.Error as error:
            raise self._translated(error) from error

    def begin_write(self, room_bytes: int = 0) -> None:
        if self._spare_bytes <= room_bytes:
            self._spare_bytes = GROWTH_CHECK_BYTES
            self._grow_for(room_bytes)
        try:
            self._write = self._env.begin(write=True)
        except lmdb.MapResizedError:
            self._resize(0)
            self._write = self._env.begin(write=True)
        except lmdb.Error as error:
            raise self._translated(error) from error

    def _grow_for(self, room_bytes: int) -> None:
        """Doubles the map until a quarter of it and ``room_bytes`` are free; no transaction may be open."""
        info = self._env.info()
        size = grown = int(info["map_size"])
        wanted = (int(info["last_pgno"]) + 1) * int(self._env.stat()["psize"]) + room_bytes
        while wanted > grown * 3 // 4 and grown < self._max_map_bytes:
            grown = min(grown * 2, self._max_map_bytes)
        if grown == size:
            return
        if self._preallocate:
            try:
                allocate(self.path / "data.mdb", grown)
            except OSError as error:  # what is left of the map still serves
                log.error("the store can't grow", extra={"path": self.path, "size_bytes": grown, "reason": error.strerror})
                return
        self._resize(grown)

    def _resize(self, size_bytes: int) -> None:
        """0: to what another process made of it. The map may move, so nothing may be reading."""
        self.renew()
        self._env.set_mapsize(size_bytes)

    def _translated(self, error: lmdb.Error) -> StoreError:
        if isinstance(error, (lmdb.MapFullError, lmdb.DiskError)) or "No space left" in str(error):
            return StoreFullError(f"the store {self.path} is full: {error}")
        return StoreError(f"the store {self.path}: {error}")


def allocate(file: Path, size_bytes: int) -> None:
    """Gives the file real blocks: a write through the memory map into a hole of a full disk would kill the process (SIGBUS)."""
    with file.open("r+b") as opened:
        if os.fstat(opened.fileno()).st_blocks * 512 < size_bytes:
            os.posix_fallocate(opened.fileno(), 0, size_bytes)
