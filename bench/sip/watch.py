"""What else the machine did while something was measured on it: windows in which the host took its cores away don't count."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

INTERVAL_S = 0.05
STOLEN = 0.02  # of the time of a core: more of it disturbs


class Watch:
    """From start to stop: what the hypervisor took of ``cores``, and what ``spent_ns`` said. Times are Unix time."""

    def __init__(self, cores: Iterable[int], spent_ns: Callable[[], int] = lambda: 0) -> None:
        self._cores = sorted(cores)
        self._spent_ns = spent_ns
        self._samples: list[tuple[float, ...]] = []  # when, spent, stolen from each core; in s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._look()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def stolen(self, since: float, until: float) -> float:
        """How much of that time the core lost that lost most, 0 to 1."""
        return max(self._grown(2 + index, since, until) for index in range(len(self._cores))) / (until - since)

    def spent_s(self, since: float, until: float) -> float:
        return self._grown(1, since, until)

    def _grown(self, column: int, since: float, until: float) -> float:
        samples = np.array(self._samples)
        before, after = np.interp((since, until), samples[:, 0], samples[:, column])
        return float(after - before)

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            self._look()

    def _look(self) -> None:
        self._samples.append((time.time(), self._spent_ns() / 1e9, *stolen_s(Path("/proc/stat").read_text(), self._cores)))


def stolen_s(stat: str, cores: Iterable[int]) -> list[float]:
    """Of each core, since the machine runs; ``stat`` is the text of /proc/stat."""
    rows = {cells[0]: cells for line in stat.splitlines() if (cells := line.split())[0].startswith("cpu")}
    return [int(rows[f"cpu{core}"][8]) / os.sysconf("SC_CLK_TCK") for core in cores]
