"""The relay's stream table, read in place with numpy: sums over all streams at once."""

import mmap
import os
import struct

import numpy as np
from numpy.typing import NDArray

from native import relay

_HEADER = struct.Struct("<8sIIII")  # magic, version, stream size, capacity, offset of the first
_ACTIVE = 1


class StreamTable:
    """A read-only mapping of ``Relay.table_fd``. ValueError when its layout is not this version's."""

    def __init__(self, table_fd: int) -> None:
        self._map = mmap.mmap(table_fd, os.fstat(table_fd).st_size, prot=mmap.PROT_READ)
        _, version, stream_size, capacity, offset = _HEADER.unpack_from(self._map)
        dtype = np.dtype(relay.STREAM_DTYPE)
        if version != relay.TABLE_VERSION or stream_size != dtype.itemsize:
            raise ValueError(f"stream table of version {version} with entries of {stream_size} bytes")
        self._streams: NDArray[np.void] = np.frombuffer(self._map, dtype=dtype, count=capacity, offset=offset)

    def received(self) -> tuple[int, int, int]:
        """(packets, bytes, errors) of all active streams so far."""
        active = self._streams["state"] == _ACTIVE
        flow = self._streams["component"]["flow"]
        rare = self._streams["rare"]
        errors = rare["send_errors"][active].sum() + rare["malformed"][active].sum()
        return int(flow["packets"][active].sum()), int(flow["bytes"][active].sum()), int(errors)

    @property
    def active(self) -> int:
        """Streams in use."""
        return int((self._streams["state"] == _ACTIVE).sum())
