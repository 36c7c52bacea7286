"""The relay's stream table, read in place with numpy: sums over all streams at once."""

import mmap
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from native import relay

_HEADER = struct.Struct("<8sIIII")  # magic, version, stream size, capacity, offset of the first
_ACTIVE = 1


@dataclass(frozen=True, slots=True)
class Sources:
    """What both sides of the active RTP streams sent: arrays of (stream, side), copied."""

    streams: NDArray[np.int64]  # their numbers
    packets: NDArray[np.int64]
    lost: NDArray[np.int64]
    gaps: NDArray[np.int64]
    jitter: NDArray[np.float64]  # timestamp units
    round_trip_us: NDArray[np.float64]
    ssrc: NDArray[np.uint64]
    payload_type: NDArray[np.int16]
    first_ns: NDArray[np.uint64]


class StreamTable:
    """A read-only mapping of ``Relay.table_fd``. ValueError when its layout is not this version's.

    ``has_streams``: whether any is active, where that is known without a look at the table, which is long."""

    def __init__(self, table_fd: int, has_streams: Callable[[], bool] = lambda: True) -> None:
        self._has_streams = has_streams
        self._map = mmap.mmap(table_fd, os.fstat(table_fd).st_size, prot=mmap.PROT_READ)
        _, version, stream_size, capacity, offset = _HEADER.unpack_from(self._map)
        dtype = np.dtype(relay.STREAM_DTYPE)
        if version != relay.TABLE_VERSION or stream_size != dtype.itemsize:
            raise ValueError(f"stream table of version {version} with entries of {stream_size} bytes")
        self._streams: NDArray[np.void] = np.frombuffer(self._map, dtype=dtype, count=capacity, offset=offset)

    def received(self) -> tuple[int, int, int]:
        """(packets, bytes, errors) of all active streams so far."""
        if not self._has_streams():
            return 0, 0, 0
        active = self._streams["state"] == _ACTIVE
        flow = self._streams["component"]["flow"]
        rare = self._streams["rare"]
        errors = rare["send_errors"][active].sum() + rare["malformed"][active].sum()
        return int(flow["packets"][active].sum()), int(flow["bytes"][active].sum()), int(errors)

    def sources(self) -> Sources:
        numbers = np.flatnonzero((self._streams["state"] == _ACTIVE) & (self._streams["kind"] == relay.RTP))
        streams = self._streams[numbers]
        flow, rare = streams["component"]["flow"][:, 0], streams["rare"][:, 0]
        signed = {name: flow[name].astype(np.int64) for name in ("extended_max", "base_sequence", "received", "lost_before")}
        run = signed["extended_max"] - signed["base_sequence"] + 1 - signed["received"]
        return Sources(
            streams=numbers,
            packets=flow["packets"].astype(np.int64),
            lost=np.where(flow["started"] != 0, signed["lost_before"] + run, 0),
            gaps=rare["gaps"].astype(np.int64),
            jitter=flow["jitter_16"] / 16,
            round_trip_us=streams["report"]["round_trip_us"].astype(np.float64),
            ssrc=flow["ssrc"].astype(np.uint64),
            payload_type=flow["payload_type"].astype(np.int16),
            first_ns=rare["first_ns"].astype(np.uint64),
        )

    @property
    def capacity(self) -> int:
        return len(self._streams)

    @property
    def active(self) -> int:
        """Streams in use."""
        return int((self._streams["state"] == _ACTIVE).sum()) if self._has_streams() else 0
