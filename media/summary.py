"""What samples of quality say together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# the figures of a sample: MOS, jitter (ms), loss (%), round trip (ms), burst ratio, whether the round trip is known (0 or 1)
MOS, JITTER, LOSS, TRIP, BURSTS, TRIP_KNOWN, FIGURES = range(7)
POOR_MOS = 3.1  # "nearly all users dissatisfied" begins here (G.107 annex B, R = 60)


@dataclass(frozen=True, slots=True)
class Summary:
    """The last interval over all sources of sound that had packets enough."""

    streams: int = 0
    poor_streams: int = 0
    mos: float = 0.0
    loss_percent: float = 0.0
    jitter_ms: float = 0.0
    burst_ratio: float = 0.0  # mean length of runs of loss to that of random loss; of streams that lost anything
    round_trip_ms: float = 0.0  # of streams whose parties tell it


@dataclass(frozen=True, slots=True)
class Scores:
    """MOS of all samples of sound since the start, summed up."""

    samples: int = 0
    total: float = 0.0
    squares: float = 0.0

    def with_more(self, scores: Floats) -> "Scores":
        squares = float((scores * scores).sum())
        return Scores(self.samples + len(scores), self.total + float(scores.sum()), self.squares + squares)


def summary_of(figures: Floats) -> Summary:
    """``figures``: a row each sample."""
    if not len(figures):
        return Summary()
    means = figures.mean(axis=0)
    poor = int((figures[:, MOS] < POOR_MOS).sum())
    bursts = _mean(figures[figures[:, LOSS] > 0, BURSTS])
    trip_ms = _mean(figures[figures[:, TRIP] > 0, TRIP])
    return Summary(len(figures), poor, float(means[MOS]), float(means[LOSS]), float(means[JITTER]), bursts, trip_ms)


def _mean(figures: Floats) -> float:
    return float(figures.mean()) if len(figures) else 0.0
