"""Quality over time: every few seconds, of all streams at once, from the relay's table."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from media.quality import NO_SOUND, Quality, burst_ratio, clock_of, codec_of, mos
from media.table import Sources

Floats = NDArray[np.float64]
CodecName = Callable[[int, int], str]
"""(stream, payload type) to its encoding name, "" when unknown."""

POOR_MOS = 3.1  # "nearly all users dissatisfied" begins here (G.107 annex B, R = 60)
_MOS, _JITTER, _LOSS, _TRIP, _BURSTS, _FIGURES = 0, 1, 2, 3, 4, 5


@dataclass(frozen=True, slots=True)
class History:
    """Of one source since it began."""

    average: Quality
    lowest: Quality
    lowest_at: int  # Unix time, s
    highest: Quality
    highest_at: int
    samples: int


@dataclass(frozen=True, slots=True)
class Summary:
    """The last interval over all streams that had packets."""

    streams: int = 0
    poor_streams: int = 0
    mos: float = 0.0
    loss_percent: float = 0.0
    jitter_ms: float = 0.0
    burst_ratio: float = 0.0  # mean length of runs of loss to that of random loss; of streams that lost anything
    round_trip_ms: float = 0.0  # of streams whose parties tell it


class QualitySampler:
    """Rows are stream and side. ``silent_rounds``: how many samples in a row one side sent and the other did not."""

    def __init__(self, capacity: int, codec_name: CodecName) -> None:
        self._codec_name = codec_name
        rows = capacity, 2
        self._source = np.zeros((*rows, 2), dtype=np.uint64)  # first packet's time and SSRC: another one begins anew
        self._before = np.zeros((*rows, 3), dtype=np.int64)  # packets, lost, gaps
        self._type = np.full(rows, -1, dtype=np.int16)
        self._codec = np.zeros((*rows, 3))  # Ie, Bpl, milliseconds a timestamp unit
        self._count = np.zeros(rows, dtype=np.int64)
        self._sum = np.zeros((*rows, _FIGURES))
        self._lowest = np.zeros((*rows, _FIGURES))
        self._highest = np.zeros((*rows, _FIGURES))
        self._at = np.zeros((*rows, 2))  # of lowest and highest
        self.silent_rounds = np.zeros(capacity, dtype=np.int64)
        self.silent_side = np.zeros(capacity, dtype=np.int8)
        self.summary = Summary()

    def take(self, sources: Sources, now_s: float) -> None:
        """One sample of each source that had packets since the last; ``now_s``: Unix time."""
        streams = sources.streams
        self._begin_new(sources)
        self._know_codecs(sources)
        counted = np.stack([sources.packets, sources.lost, sources.gaps], axis=-1)
        gained = np.maximum(counted - self._before[streams], 0).astype(np.float64)
        self._before[streams] = counted
        packets, lost, gaps = gained[..., 0], gained[..., 1], gained[..., 2]
        heard = packets > 0
        figures = self._figures(sources, packets, lost, gaps)
        self._add(streams, heard, figures, now_s)
        self._watch_silence(streams, heard)
        self.summary = _summary(figures[heard])

    def history(self, stream: int, side: int) -> History | None:
        """None before the first sample."""
        count = int(self._count[stream, side])
        if not count:
            return None
        lowest_at, highest_at = self._at[stream, side]
        return History(
            average=_quality(self._sum[stream, side] / count),
            lowest=_quality(self._lowest[stream, side]),
            lowest_at=int(lowest_at),
            highest=_quality(self._highest[stream, side]),
            highest_at=int(highest_at),
            samples=count,
        )

    def _begin_new(self, sources: Sources) -> None:
        streams = sources.streams
        source = np.stack([sources.first_ns, sources.ssrc], axis=-1)
        new = (source != self._source[streams]).any(axis=-1)
        other_stream = source[..., 0] != self._source[streams][..., 0]
        self._source[streams] = source
        for array, value in ((self._count, 0), (self._sum, 0), (self._lowest, 0), (self._highest, 0)):
            array[streams] = np.where(new if array.ndim == 2 else new[..., None], value, array[streams])
        self._before[streams] = np.where(other_stream[..., None], 0, self._before[streams])
        self._type[streams] = np.where(new, -1, self._type[streams])
        self.silent_rounds[streams[other_stream.any(axis=-1)]] = 0

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
            self._type[stream, side] = payload_type
            self._codec[stream, side] = codec.impairment, codec.robustness, 1000.0 / clock_of(encoding)

    def _figures(self, sources: Sources, packets: Floats, lost: Floats, gaps: Floats) -> Floats:
        impairment, robustness, unit_ms = np.moveaxis(self._codec[sources.streams], -1, 0)
        loss = 100.0 * lost / np.maximum(packets + lost, 1)
        jitter_ms = sources.jitter * unit_ms
        trip_ms = sources.round_trip_us.sum(axis=1, keepdims=True) / 1000 * np.ones_like(loss)
        bursts = burst_ratio(lost, gaps, loss)
        score = mos(loss, bursts, jitter_ms, trip_ms, impairment, np.maximum(robustness, 1.0))
        return np.stack([score, jitter_ms, loss, trip_ms, bursts], axis=-1)

    def _add(self, streams: NDArray[np.int64], heard: NDArray[np.bool_], figures: Floats, now_s: float) -> None:
        first = heard & (self._count[streams] == 0)
        worse = heard & (first | (figures[..., _MOS] < self._lowest[streams][..., _MOS]))
        better = heard & (first | (figures[..., _MOS] > self._highest[streams][..., _MOS]))
        self._lowest[streams] = np.where(worse[..., None], figures, self._lowest[streams])
        self._highest[streams] = np.where(better[..., None], figures, self._highest[streams])
        self._at[streams] = np.where(np.stack([worse, better], axis=-1), now_s, self._at[streams])
        self._sum[streams] += np.where(heard[..., None], figures, 0)
        self._count[streams] += heard

    def _watch_silence(self, streams: NDArray[np.int64], heard: NDArray[np.bool_]) -> None:
        one_way = heard[:, 0] != heard[:, 1]
        side = np.where(heard[:, 0], 1, 0)
        same = one_way & (self.silent_side[streams] == side)
        rounds = np.where(same, self.silent_rounds[streams] + 1, one_way)
        self.silent_rounds[:] = 0  # also of streams that are gone
        self.silent_rounds[streams] = rounds
        self.silent_side[streams] = side


def _quality(figures: Floats) -> Quality:
    score, jitter_ms, loss, trip_ms, _ = figures
    return Quality(round(10 * score), round(jitter_ms), round(loss), round(1000 * trip_ms))


def _summary(figures: Floats) -> Summary:
    if not len(figures):
        return Summary()
    means = figures.mean(axis=0)
    poor = int((figures[:, _MOS] < POOR_MOS).sum())
    bursts = _mean(figures[figures[:, _LOSS] > 0, _BURSTS])
    trip_ms = _mean(figures[figures[:, _TRIP] > 0, _TRIP])
    return Summary(len(figures), poor, float(means[_MOS]), float(means[_LOSS]), float(means[_JITTER]), bursts, trip_ms)


def _mean(figures: Floats) -> float:
    return float(figures.mean()) if len(figures) else 0.0
