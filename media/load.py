"""When new calls are refused: too many of them, too busy a machine, too much to relay. Calls that are there go on.

A proxy that gets one of these reasons tries another relay (media.errors has the exact words).
"""

import os
from collections.abc import Callable

from media.errors import BANDWIDTH_LIMIT, CPU_LIMIT, LOAD_LIMIT, SESSION_LIMIT, LoadLimitError
from media.settings import MediaSettings


class Load:
    """``bytes_per_s``: what is received by now. Measured once a second, by ``measure``."""

    def __init__(
        self,
        limits: MediaSettings,
        bytes_per_s: Callable[[], float],
        cpu_times: Callable[[], tuple[int, int]] | None = None,
        load_average: Callable[[], tuple[float, float, float]] = os.getloadavg,
    ) -> None:
        self._limits = limits
        self._bytes_per_s = bytes_per_s
        self._cpu_times = cpu_times or machine_times
        self._load_average = load_average
        self._times = self._cpu_times()
        self._reason = ""
        self.cpu_percent = 0.0

    def measure(self) -> None:
        if self._limits.max_cpu_percent:
            self._measure_cpu()
        self._reason = self._exceeded()

    def _measure_cpu(self) -> None:
        busy, whole = self._cpu_times()
        passed = whole - self._times[1]
        if passed > 0:
            self.cpu_percent = 100.0 * (busy - self._times[0]) / passed
            self._times = busy, whole

    def admit(self, calls: int) -> None:
        """One more than ``calls``. LoadLimitError when that is too many."""
        if self._limits.max_calls and calls >= self._limits.max_calls:
            raise LoadLimitError(SESSION_LIMIT)
        if self._reason:
            raise LoadLimitError(self._reason)

    def _exceeded(self) -> str:
        limits = self._limits
        if limits.max_cpu_percent and self.cpu_percent >= limits.max_cpu_percent:
            return CPU_LIMIT
        if limits.max_load_average and self._load_average()[0] >= limits.max_load_average:
            return LOAD_LIMIT
        if limits.max_bytes_per_s and self._bytes_per_s() >= limits.max_bytes_per_s:
            return BANDWIDTH_LIMIT
        return ""


def machine_times() -> tuple[int, int]:
    """Ticks that the machine's processors were busy, and all of them (proc(5), the first line of /proc/stat)."""
    with open("/proc/stat", "rb") as file:
        ticks = [int(field) for field in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]  # and waiting for I/O
    return sum(ticks) - idle, sum(ticks)
