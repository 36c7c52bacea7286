"""How a stream sounds: the E-model of ITU-T G.107 with the codecs' figures of G.113 appendix I.

All functions take floats or numpy arrays alike.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from native.relay import ComponentStats

Numbers = Any  # a float or an array of floats

_R_BEST = 93.2  # all other parameters at their defaults (G.107 table 2)
_PACKETISATION_MS = 20.0
_DELAY_KNEE_MS = 177.3


@dataclass(frozen=True, slots=True)
class Codec:
    impairment: float  # Ie
    robustness: float  # Bpl, with the codec's loss concealment


PCM = Codec(0.0, 25.1)
# G.113 has no narrow-band figures for wide-band codecs: they count as G.711, which flatters none of them
CODECS = {
    "pcmu": PCM,
    "pcma": PCM,
    "g729": Codec(11.0, 19.0),
    "g723": Codec(15.0, 16.1),
    "gsm": Codec(20.0, 43.0),
    "gsm-efr": Codec(5.0, 10.0),
    "amr": Codec(5.0, 10.0),
    "ilbc": Codec(11.0, 32.0),
    "g726-32": Codec(7.0, 25.1),
    "g726-24": Codec(25.0, 25.1),
    "g728": Codec(7.0, 17.0),
}
NO_SOUND = frozenset({"telephone-event", "cn", "red"})  # what only comes between the sound


@dataclass(frozen=True, slots=True)
class Quality:
    mos_x10: int  # 10 to 45
    jitter_ms: int
    loss_percent: int
    round_trip_us: int


def codec_of(encoding: str) -> Codec:
    """By an encoding name with or without its clock rate."""
    return CODECS.get(encoding.lower().partition("/")[0], PCM)


def clock_of(encoding: str) -> int:
    """RTP clock in Hz of ``opus/48000/2``; a name alone is that of a static type of 8 kHz."""
    rate = encoding.split("/")[1] if "/" in encoding else ""
    return int(rate) if rate.isdigit() and 0 < len(rate) < 9 and int(rate) else 8000


def estimate(stats: ComponentStats, clock_hz: int, encoding: str = "") -> Quality:
    """Of what one side sent us since the stream began."""
    codec = codec_of(encoding)
    lost = max(stats.lost, 0)
    expected = stats.packets + lost
    loss = 100.0 * lost / expected if expected else 0.0
    jitter_ms = 1000.0 * stats.jitter / clock_hz if clock_hz else 0.0
    score = mos(
        loss, burst_ratio(lost, stats.gaps, loss), jitter_ms, stats.round_trip_us / 1000, codec.impairment, codec.robustness
    )
    return Quality(round(10 * float(score)), round(jitter_ms), round(loss), stats.round_trip_us)


def burst_ratio(lost: Numbers, gaps: Numbers, loss_percent: Numbers) -> Numbers:
    """Mean length of the runs of lost packets to that of random loss (G.107 section 7.4); 1 when they are no longer."""
    return np.maximum(lost / np.maximum(gaps, 1) * (1 - loss_percent / 100), 1.0)


def mos(
    loss_percent: Numbers, bursts: Numbers, jitter_ms: Numbers, round_trip_ms: Numbers, impairment: Numbers, robustness: Numbers
) -> Numbers:
    """1 to 4.5 (G.107 section 7 and annex B). The receiver's buffer is taken to hold twice the jitter."""
    delay_ms = _PACKETISATION_MS + 2 * jitter_ms + round_trip_ms / 2
    r = _R_BEST - 0.024 * delay_ms - 0.11 * np.maximum(delay_ms - _DELAY_KNEE_MS, 0.0)
    r = r - impairment - (95.0 - impairment) * loss_percent / (loss_percent / bursts + robustness)
    r = np.clip(r, 0.0, 100.0)
    return np.maximum(1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6, 1.0)
