"""How a stream sounds: the E-model of ITU-T G.107 with the codecs' figures of G.113 appendix I.

What takes an ``Arithmetic`` computes with arrays or with single numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from native.relay import ComponentStats

Numbers = Any  # a float or an array of floats

# what depends on no figure of ours, all parameters at their defaults (G.107 table 2)
_UNDELAYED = 93.35  # Ro - Is; with the listener's echo of no delay that makes R = 93.2
_SIGNAL = 94.77  # Ro, and Roe of the talker's echo
_TELR_DB = 65.0
_LISTENERS_ECHO = 10.5 * (110.0 + 7.0)
_PACKETISATION_MS = 20.0


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
    "g726-40": Codec(2.0, 25.1),
    "g726-32": Codec(7.0, 25.1),
    "g726-24": Codec(25.0, 25.1),
    "g726-16": Codec(50.0, 25.1),
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


def delay_impairment(delay_ms: Numbers) -> Numbers:
    """Id of a one-way delay, the same there and back (G.107 section 7.4): echo to talker and listener, and absolute delay."""
    echo_loss = _TELR_DB - 40 * np.log10((1 + delay_ms / 10) / (1 + delay_ms / 150)) + 6 * np.exp(-0.3 * delay_ms**2)
    talker = _root(_SIGNAL - (80 + 2.5 * (echo_loss - 14)), 100.0) - 1
    listener = _root(_SIGNAL - _LISTENERS_ECHO * (2 * delay_ms + 1) ** -0.25, 169.0)
    x = np.log2(np.maximum(delay_ms / 100, 1.0))
    absolute = 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return talker * (1 - np.exp(-delay_ms)) + listener + absolute


def _root(difference: Numbers, square: float) -> Numbers:
    return difference / 2 + np.sqrt(difference**2 / 4 + square)


_BY_MS = delay_impairment(np.arange(5000.0))
_LIST_BY_MS: list[float] = _BY_MS.tolist()


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The same on arrays and on single numbers, which numpy is slow with."""

    least: Callable[[Numbers, Numbers], Numbers]
    most: Callable[[Numbers, Numbers], Numbers]
    delay_impairment: Callable[[Numbers], Numbers]


ARRAYS = Arithmetic(np.minimum, np.maximum, lambda ms: _BY_MS[np.minimum(ms, len(_BY_MS) - 1).astype(np.int64)])
SINGLE = Arithmetic(min, max, lambda ms: _LIST_BY_MS[int(min(ms, len(_LIST_BY_MS) - 1))])


def estimate(stats: ComponentStats, clock_hz: int, encoding: str = "", trip_us: int = 0) -> Quality:
    """Of what one side sent us since the stream began. ``trip_us``: round trip between the parties, 0 unknown."""
    codec, unit_ms = codec_of(encoding), 1000.0 / clock_hz if clock_hz else 0.0
    gained = stats.packets, max(stats.lost, 0), stats.gaps
    score, jitter_ms, loss, *_ = rated((codec.impairment, codec.robustness, unit_ms), gained, stats.jitter, trip_us, SINGLE)
    return Quality(round(10 * score), round(jitter_ms), round(loss), trip_us)


def loss_bursts(stats: ComponentStats) -> int:
    """Runs of packets that are missing. What came late was taken for such a run, so there are no more than packets missing."""
    return min(stats.gaps, max(stats.lost, 0))


def rated(codec: Numbers, gained: Numbers, jitter: Numbers, trip_us: Numbers, on: Arithmetic) -> tuple[Numbers, ...]:
    """MOS, jitter (ms), loss (%), round trip (ms), burst ratio, whether the round trip is known.

    ``codec``: Ie, Bpl, milliseconds a timestamp unit; ``gained``: packets, lost, runs of these; ``jitter``: timestamp units."""
    impairment, robustness, unit_ms = codec
    packets, lost, gaps = gained
    loss = 100.0 * lost / on.most(packets + lost, 1)
    jitter_ms, trip_ms = jitter * unit_ms, trip_us / 1000
    bursts = burst_ratio(lost, gaps, loss, on)
    score = mos(loss, bursts, jitter_ms, trip_ms, impairment, on.most(robustness, 1.0), on)
    return score, jitter_ms, loss, trip_ms, bursts, trip_ms > 0


def burst_ratio(lost: Numbers, gaps: Numbers, loss_percent: Numbers, on: Arithmetic = ARRAYS) -> Numbers:
    """Mean length of the runs of lost packets to that of random loss (G.107 section 7.5); 1 when they are no longer."""
    return on.most(lost / on.most(gaps, 1) * (1 - loss_percent / 100), 1.0)


def mos(
    loss_percent: Numbers,
    bursts: Numbers,
    jitter_ms: Numbers,
    round_trip_ms: Numbers,
    impairment: Numbers,
    robustness: Numbers,
    on: Arithmetic = ARRAYS,
) -> Numbers:
    """1 to 4.5 (G.107 section 7 and annex B). The receiver's buffer is taken to hold twice the jitter."""
    r = _UNDELAYED - on.delay_impairment(_PACKETISATION_MS + 2 * jitter_ms + round_trip_ms / 2)
    r = r - impairment - (95.0 - impairment) * loss_percent / (loss_percent / bursts + robustness)
    r = on.most(on.least(r, 100.0), 0.0)
    return on.most(1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6, 1.0)
