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
    payload_type: NDArray[np.int16]
    first_ns: NDArray[np.uint64]


class StreamTable:
    """A read-only mapping of ``Relay.table_fd``. ValueError when its layout is not this version's.

    ``has_streams``: whether any is active, where that is known without a look at the table, which is long. ``fast_legs_fd``:
    ``Relay.fast_legs_fd``, where the RTP of streams on the fast path is counted."""

    def __init__(self, table_fd: int, has_streams: Callable[[], bool] = lambda: True, fast_legs_fd: int = -1) -> None:
        self._has_streams = has_streams
        self._map = mmap.mmap(table_fd, os.fstat(table_fd).st_size, prot=mmap.PROT_READ)
        _, version, stream_size, capacity, offset = _HEADER.unpack_from(self._map)
        dtype = np.dtype(relay.STREAM_DTYPE)
        if version != relay.TABLE_VERSION or stream_size != dtype.itemsize:
            raise ValueError(f"stream table of version {version} with entries of {stream_size} bytes")
        self._streams: NDArray[np.void] = np.frombuffer(self._map, dtype=dtype, count=capacity, offset=offset)
        self._fast: NDArray[np.void] | None = None  # by stream and side
        if fast_legs_fd >= 0:
            legs = np.dtype(relay.FAST_LEG_DTYPE)
            mapped = mmap.mmap(fast_legs_fd, capacity * 2 * legs.itemsize, prot=mmap.PROT_READ)
            by_leg: NDArray[np.void] = np.frombuffer(mapped, dtype=legs, count=capacity * 2)
            self._fast = by_leg.reshape(capacity, 2)

    def received(self) -> tuple[int, int, int]:
        """(packets, bytes, errors) of all active streams so far."""
        if not self._has_streams():
            return 0, 0, 0
        active = self._streams["state"] == _ACTIVE
        rare = self._streams["rare"]
        errors = rare["send_errors"][active].sum() + rare["malformed"][active].sum()
        rtp, _ = self._rtp(np.flatnonzero(active))
        rtcp = self._streams["component"]["flow"][active, 1]
        packets, size = (int(rtp[name].sum()) + int(rtcp[name].sum()) for name in ("packets", "bytes"))
        return packets, size, int(errors)

    def sources(self) -> Sources:
        numbers = np.flatnonzero((self._streams["state"] == _ACTIVE) & (self._streams["kind"] == relay.RTP))
        streams = self._streams[numbers]
        rare = streams["rare"][:, 0]
        flow, gaps = self._rtp(numbers)
        signed = {name: flow[name].astype(np.int64) for name in ("extended_max", "base_sequence", "received", "lost_before")}
        run = signed["extended_max"] - signed["base_sequence"] + 1 - signed["received"]
        return Sources(
            streams=numbers,
            packets=flow["packets"].astype(np.int64),
            lost=np.where(flow["started"] != 0, signed["lost_before"] + run, 0),
            gaps=gaps,
            jitter=flow["jitter_16"] / 16,
            round_trip_us=streams["report"]["round_trip_us"].astype(np.float64),
            payload_type=flow["payload_type"].astype(np.int16),
            first_ns=rare["first_ns"].astype(np.uint64),
        )

    def _rtp(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.int64]]:
        """What was counted of the RTP of these streams, and the gaps in it, by stream and side; copied."""
        flow = self._streams["component"]["flow"][numbers, 0]
        gaps = self._streams["rare"]["gaps"][numbers, 0].astype(np.int64)
        if self._fast is not None:
            legs = self._fast[numbers]
            on = legs["on"] != 0
            flow[on] = legs["flow"][on]
            gaps[on] += legs["gaps"][on]
        return flow, gaps

    @property
    def capacity(self) -> int:
        return len(self._streams)

    @property
    def active(self) -> int:
        """Streams in use."""
        return int((self._streams["state"] == _ACTIVE).sum()) if self._has_streams() else 0
