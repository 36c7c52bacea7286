"""How a stream sounds, estimated from loss and jitter (ITU-T G.107, reduced as its G.711 case)."""

from dataclasses import dataclass

from native.relay import ComponentStats

_R_BEST = 93.2  # G.107 default of all parameters
_PACKET_LOSS_ROBUSTNESS = 25.1  # Bpl of G.711 with concealment (G.113 appendix I)
_PACKETISATION_MS = 20.0
_DELAY_KNEE_MS = 177.3


@dataclass(frozen=True, slots=True)
class Quality:
    mos_x10: int  # 10 to 45
    jitter_ms: int
    loss_percent: int


def estimate(stats: ComponentStats, clock_hz: int) -> Quality:
    """Of what one side sent us since the stream began. Round trips and the path beyond us are not known here."""
    expected = stats.packets + max(stats.lost, 0)
    loss = 100.0 * max(stats.lost, 0) / expected if expected else 0.0
    jitter_ms = 1000.0 * stats.jitter / clock_hz if clock_hz else 0.0
    delay_ms = _PACKETISATION_MS + 2 * jitter_ms  # a buffer that holds most of the jitter
    impairment = 0.024 * delay_ms + 0.11 * max(delay_ms - _DELAY_KNEE_MS, 0.0)
    impairment += 95.0 * loss / (loss + _PACKET_LOSS_ROBUSTNESS)
    return Quality(round(10 * _mos(_R_BEST - impairment)), round(jitter_ms), round(loss))


def _mos(r: float) -> float:
    """G.107 annex B."""
    r = min(max(r, 0.0), 100.0)
    return max(1.0, 1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6)
