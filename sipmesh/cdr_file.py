"""The CDR file: append, rotation, and what a process before this one left in it.

A line is in the file for good before its CDR leaves the outbox, and the outbox knows how far the file was when it last left.
So after a crash all that may be in both places is what stands behind that mark.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sipmesh.cdr import CSV_HEAD, identity, read_line
from sipmesh.config import CdrFiles
from sipmesh.store import CdrPlace


class CdrFile:
    """OSError when the disk does not do what it should; nothing is then left half written."""

    def __init__(self, settings: CdrFiles) -> None:
        self.path = Path(settings.file)
        self._settings = settings
        self._fd = -1

    def prepare(self, now: float) -> CdrPlace:
        """Opens the file that the next ``append`` goes to; says where it ends. ``now``: Unix time."""
        self._open_current(now)
        return self._place()

    def append(self, lines: list[str]) -> CdrPlace:
        """Writes and syncs, after ``prepare``; says where the file ends then."""
        size = os.fstat(self._fd).st_size
        torn = "\n" if size and os.pread(self._fd, 1, size - 1) != b"\n" else ""
        head = CSV_HEAD if self._settings.format == "csv" and not size else ""
        data = (torn + head + "".join(lines)).encode()
        try:
            written = 0
            while written < len(data):
                written += os.write(self._fd, data[written:])
            os.fsync(self._fd)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, size)
            raise
        return self._place()

    def close(self) -> None:
        """The next ``prepare`` opens the file by its name again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def written_since(self, place: CdrPlace) -> set[tuple[str, str]] | None:
        """Identities of the CDRs behind ``place``, after a torn last line was cut off; None when that file is not there."""
        file = self._file_with(place.inode)
        if file is None:
            return None
        with file.open("r+b") as opened:
            known = place.size_bytes if place.size_bytes <= file.stat().st_size else 0  # somebody has emptied it since
            opened.seek(known)
            whole, newline, _ = opened.read().rpartition(b"\n")
            opened.truncate(known + len(whole) + len(newline))
        lines = whole.decode("utf-8", "replace").split("\n")
        found = (read_line(line, self._settings.format) for line in lines)
        return {identity(fields) for fields in found if fields is not None}

    def rotated(self) -> list[Path]:
        """The file, and those moved aside under its name with something after it, the newest first."""
        with contextlib.suppress(FileNotFoundError):
            others = [each for each in self.path.parent.glob(f"{self.path.name}*") if each != self.path]
            others.sort(key=lambda each: (each.stat().st_mtime_ns, each.name), reverse=True)
            return [self.path, *others]
        return [self.path]

    def _file_with(self, inode: int) -> Path | None:
        for file in self.rotated():
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_ino == inode:
                    return file
        return None

    def _open_current(self, now: float) -> None:
        """The file of that name, which may be another than before; a full one, and one of another format, is moved aside."""
        if self._fd >= 0 and not self._is_current():
            self.close()
        if self._fd < 0:
            self._open()
        if self._is_over(now) or not self._is_ours():
            self.close()
            self.path.rename(self._free_name(now))
            self._open()

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _place(self) -> CdrPlace:
        status = os.fstat(self._fd)
        return CdrPlace(status.st_ino, status.st_size)

    def _is_current(self) -> bool:
        """Whether nobody moved or deleted the file."""
        try:
            return os.stat(self.path).st_ino == os.fstat(self._fd).st_ino
        except FileNotFoundError:
            return False

    def _is_over(self, now: float) -> bool:
        status = os.fstat(self._fd)
        if not status.st_size:
            return False
        limit = self._settings.rotate_bytes
        return bool(limit and status.st_size >= limit) or (self._settings.rotate_daily and day(status.st_mtime) < day(now))

    def _is_ours(self) -> bool:
        head = os.pread(self._fd, len(CSV_HEAD), 0)
        return not head or (head == CSV_HEAD.encode() if self._settings.format == "csv" else head.startswith(b"{"))

    def _free_name(self, now: float) -> Path:
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        return next(name for name in names(f"{self.path}.{stamp}") if not name.exists())


def names(stem: str) -> Iterator[Path]:
    yield Path(stem)
    for number in range(2, 1_000_000):
        yield Path(f"{stem}.{number}")


def day(unix_s: float) -> int:
    return int(unix_s // 86400)


def last_cdrs(settings: CdrFiles, count: int) -> list[dict[str, Any]]:
    """The last ``count`` CDRs, oldest first, from the file and as many of the older ones as it takes."""
    found: deque[dict[str, Any]] = deque()
    for file in CdrFile(settings).rotated():
        if len(found) >= count:
            break
        try:
            with file.open(encoding="utf-8", errors="replace", newline="\n") as opened:
                rows = (read_line(line, settings.format) for line in opened)
                last = deque((row for row in rows if row is not None), count - len(found))
        except FileNotFoundError:  # none yet, or just moved
            continue
        found.extendleft(reversed(last))
    return list(found)
