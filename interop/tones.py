"""WAV files with one tone, and finding tones in recordings."""

from __future__ import annotations

import time
import wave
from collections import deque
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16000


def write(path: Path, frequency_hz: float, seconds: float = 4.0) -> None:
    """16-bit mono, half of full scale; whole periods, so that a loop has no click."""
    samples = np.arange(int(RATE_HZ * seconds))
    wave_form = np.sin(2 * np.pi * frequency_hz * samples / RATE_HZ) * 16000
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(wave_form.astype("<i2").tobytes())


def read(path: Path) -> tuple[NDArray[np.float64], int]:
    """Samples in -1..1 and their rate."""
    with wave.open(str(path)) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
        return frames.astype(np.float64) / 32768, file.getframerate()


def strength(path: Path, frequency_hz: float) -> float:
    """``share`` of a whole recording."""
    return share(*read(path), frequency_hz)


def share(samples: NDArray[np.float64], rate_hz: int, frequency_hz: float, width_hz: float = 15.0) -> float:
    """The share of the power within ``width_hz`` of the tone: about 1 for the pure tone, 0 for silence or no samples."""
    if not len(samples) or not np.any(samples):
        return 0.0
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / rate_hz) - frequency_hz) <= width_hz
    return float(power[near].sum() / power.sum())


class Heard:
    """What came in of late: samples in -1..1 of one rate, from any thread."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._chunks: deque[tuple[float, NDArray[np.float64]]] = deque(maxlen=64)

    def add(self, samples: NDArray[np.float64], rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._chunks.append((time.monotonic(), samples))

    def share(self, frequency_hz: float) -> float:
        """``share`` of the last second; 0 unless half of it is there."""
        since = time.monotonic() - 1
        late = [samples for at, samples in tuple(self._chunks) if at >= since]
        samples = np.concatenate(late) if late else np.zeros(0)
        return share(samples, self._rate_hz, frequency_hz, 25.0) if len(samples) >= self._rate_hz / 2 else 0.0
