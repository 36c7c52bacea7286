"""Quality over time: every few seconds, of all streams at once, from the relay's table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.quality import ARRAYS, NO_SOUND, SINGLE, Quality, clock_of, codec_of, rated
from media.summary import FIGURES, MOS, TRIP, TRIP_KNOWN, Floats, Scores, Summary, summary_of
from media.table import Sources
from native.relay import STATIC_ENCODINGS, ComponentStats

CodecName = Callable[[int, int], str]
"""(stream, payload type) to its encoding name, "" when unknown."""

LEAST_PACKETS = 20  # of a sample; fewer say little of loss, and count with the next
_UNIT_MS = 2
_UNIT_OF_VIDEO_MS = 1000 / 90_000 + 1e-6  # RFC 3551 section 5; no sound has a clock as fast


@dataclass(frozen=True, slots=True)
class History:
    """Of what one side of a stream sent, by whatever SSRCs."""

    average: Quality
    lowest: Quality
    lowest_at: int  # Unix time, s
    highest: Quality
    highest_at: int
    samples: int


class QualitySampler:
    """Rows are stream and side. ``silent_rounds``: how many samples in a row one side sent and the other did not."""

    def __init__(self, capacity: int, codec_name: CodecName) -> None:
        self._codec_name = codec_name
        rows = capacity, 2
        self._first_ns = np.zeros(rows, dtype=np.uint64)  # first packet's time: another stream begins anew
        self._seen = np.zeros(rows, dtype=np.int64)  # packets at the last look
        self._before = np.zeros((*rows, 3), dtype=np.int64)  # packets, lost, gaps at the last sample
        self._type = np.full(rows, -1, dtype=np.int16)
        self._codec = np.zeros((*rows, 3))  # Ie, Bpl, and at _UNIT_MS milliseconds a timestamp unit
        self._count = np.zeros(rows, dtype=np.int64)
        self._weight = np.zeros(rows)  # packets of all samples
        self._sum = np.zeros((*rows, FIGURES))  # each times its packets
        self._lowest = np.zeros((*rows, FIGURES))
        self._highest = np.zeros((*rows, FIGURES))
        self._at = np.zeros((*rows, 2))  # of lowest and highest
        self.silent_rounds = np.zeros(capacity, dtype=np.int64)
        self.silent_side = np.zeros(capacity, dtype=np.int8)
        self.summary = Summary()
        self.scores = Scores()

    def take(self, sources: Sources, now_s: float) -> None:
        """One sample of each source that had packets enough since its last; ``now_s``: Unix time."""
        streams = sources.streams
        self._begin_new(sources)
        self._know_codecs(sources)
        heard = sources.packets > self._seen[streams]
        self._seen[streams] = sources.packets
        counted = np.stack([sources.packets, sources.lost, sources.gaps], axis=-1)
        gained = np.maximum(counted - self._before[streams], 0).astype(np.float64)
        enough = gained[..., 0] >= LEAST_PACKETS
        self._before[streams] = np.where(enough[..., None], counted, self._before[streams])
        trip_us = sources.round_trip_us.sum(axis=1, keepdims=True)
        codec = np.moveaxis(self._codec[streams], -1, 0)
        each = rated(codec, np.moveaxis(gained, -1, 0), sources.jitter, trip_us, ARRAYS)
        figures = np.stack(np.broadcast_arrays(*each), axis=-1)
        self._add(streams, np.where(enough, gained[..., 0], 0), figures, now_s)
        self._watch_silence(streams, heard)
        sound = figures[enough & (self._codec[streams][..., _UNIT_MS] > _UNIT_OF_VIDEO_MS)]
        self.summary = summary_of(sound)
        self.scores = self.scores.with_more(sound[:, MOS])

    def history(self, stream: int, side: int, stats: ComponentStats, trip_us: int) -> History | None:
        """With what came since the last sample; None before the first. ``trip_us``: between the parties, 0 unknown."""
        if not self._count[stream, side] or self._first_ns[stream, side] != stats.first_ns:
            return None
        before = self._before[stream, side].tolist()
        packets, *losses = (
            max(now - then, 0) for now, then in zip((stats.packets, stats.lost, stats.gaps), before, strict=True)
        )
        last = rated(self._codec[stream, side].tolist(), (packets, *losses), stats.jitter, trip_us, SINGLE)
        whole = [so_far + figure * packets for so_far, figure in zip(self._sum[stream, side].tolist(), last, strict=True)]
        weight = float(self._weight[stream, side]) + packets
        average = [figure / weight for figure in whole]
        average[TRIP] = whole[TRIP] / whole[TRIP_KNOWN] if whole[TRIP_KNOWN] else trip_us / 1000
        lowest_at, highest_at = self._at[stream, side]
        return History(
            average=_quality(average),
            lowest=_quality(self._lowest[stream, side].tolist()),
            lowest_at=int(lowest_at),
            highest=_quality(self._highest[stream, side].tolist()),
            highest_at=int(highest_at),
            samples=int(self._count[stream, side]),
        )

    def _begin_new(self, sources: Sources) -> None:
        streams = sources.streams
        new = sources.first_ns != self._first_ns[streams]
        self._first_ns[streams] = sources.first_ns
        for array, value in (
            (self._count, 0),
            (self._seen, 0),
            (self._weight, 0),
            (self._sum, 0),
            (self._lowest, 0),
            (self._highest, 0),
            (self._before, 0),
            (self._type, -1),
        ):
            array[streams] = np.where(new if array.ndim == 2 else new[..., None], value, array[streams])
        self.silent_rounds[streams[new.any(axis=-1)]] = 0

    def _know_codecs(self, sources: Sources) -> None:
        """Row by row, but only where the payload type changed."""
        streams = sources.streams
        for row, side in np.argwhere(sources.payload_type != self._type[streams]):
            stream, payload_type = int(streams[row]), int(sources.payload_type[row, side])
            encoding = self._codec_name(stream, payload_type)
            known = self._type[stream, side] >= 0
            if known and encoding.lower().partition("/")[0] in NO_SOUND:
                continue
            codec = codec_of(encoding)
            clock_hz = clock_of(encoding if "/" in encoding else STATIC_ENCODINGS.get(payload_type, encoding))
            self._type[stream, side] = payload_type
            self._codec[stream, side] = codec.impairment, codec.robustness, 1000.0 / clock_hz

    def _add(self, streams: NDArray[np.int64], packets: Floats, figures: Floats, now_s: float) -> None:
        """``packets``: what each sample weighs; 0: it is none."""
        taken = packets > 0
        first = taken & (self._count[streams] == 0)
        worse = taken & (first | (figures[..., MOS] < self._lowest[streams][..., MOS]))
        better = taken & (first | (figures[..., MOS] > self._highest[streams][..., MOS]))
        self._lowest[streams] = np.where(worse[..., None], figures, self._lowest[streams])
        self._highest[streams] = np.where(better[..., None], figures, self._highest[streams])
        self._at[streams] = np.where(np.stack([worse, better], axis=-1), now_s, self._at[streams])
        self._sum[streams] += figures * packets[..., None]
        self._weight[streams] += packets
        self._count[streams] += taken

    def _watch_silence(self, streams: NDArray[np.int64], heard: NDArray[np.bool_]) -> None:
        one_way = heard[:, 0] != heard[:, 1]
        side = np.where(heard[:, 0], 1, 0)
        same = one_way & (self.silent_side[streams] == side)
        rounds = np.where(same, self.silent_rounds[streams] + 1, one_way)
        self.silent_rounds[:] = 0  # also of streams that are gone
        self.silent_rounds[streams] = rounds
        self.silent_side[streams] = side


def _quality(figures: list[float]) -> Quality:
    score, jitter_ms, loss, trip_ms, *_ = figures
    return Quality(round(10 * score), round(jitter_ms), round(loss), round(1000 * trip_ms))
