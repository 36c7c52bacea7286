"""Runs hooks so that a bad one harms only its own call: errors are caught, time and memory are limited.

Time: an interval timer (setitimer(2), SIGALRM) raises ``Overrun`` inside the hook. It interrupts Python code, sleeping, waiting
and regular expressions, and again after each further limit; not a single long operation in C, such as a power of huge numbers.
Memory: RLIMIT_DATA lets the process grow by ``memory_mb`` between two looks at it; the rest raises MemoryError in the hook.
Main thread only.
"""

from __future__ import annotations

import logging
import resource
import signal
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipcore.ports import Counters
    from sipmesh.policy.load import Hook

WINDOW_S = 60.0  # in which overruns count together
LOG_EVERY_S = 60.0  # for each place that raises
MAX_PLACES = 100  # remembered

log = logging.getLogger(__name__)


class Overrun(BaseException):
    """The hook ran for too long. No Exception, so that ``except Exception`` in a hook does not keep it."""


class Runner:
    hook_runs = False  # in any of them; set so that an alarm which comes too late hits nobody

    def __init__(self, limit_ms: float, memory_mb: int, max_overruns: int, counters: Counters) -> None:
        self._limit_s = limit_ms / 1000
        self._memory_bytes = memory_mb << 20
        self._max_overruns = max_overruns
        self._counters = counters
        self._overruns: dict[str, list[float]] = {}
        self._logged: dict[str, float] = {}
        self._limits = resource.getrlimit(resource.RLIMIT_DATA)  # outside of hooks
        self._data_limit = data_bytes() + self._memory_bytes
        self._own_at_start = own_bytes()
        self.disabled: set[str] = set()  # hooks that ran too long too often
        signal.signal(signal.SIGALRM, interrupt)

    def call(self, name: str, hook: Hook, view: object) -> bool:
        """False: it raised or was stopped, and what it asked for is void. Disabled hooks are not for calling."""
        limits = self._limits
        other = signal.getsignal(signal.SIGALRM)
        if other is not interrupt:  # a test runner's
            signal.signal(signal.SIGALRM, interrupt)
        timer = (0.0, 0.0)
        try:
            try:
                resource.setrlimit(resource.RLIMIT_DATA, (lower(self._data_limit, limits[1]), limits[1]))
                Runner.hook_runs = True
                timer = signal.setitimer(signal.ITIMER_REAL, self._limit_s, self._limit_s)
                hook(view)
            finally:
                resource.setrlimit(resource.RLIMIT_DATA, limits)  # first of all: the others may need memory
                signal.setitimer(signal.ITIMER_REAL, *timer)
                Runner.hook_runs = False
        except Overrun:
            Runner.hook_runs = False
            self._overran(name)
        except BaseException as error:  # asyncio.CancelledError would end the worker, or SystemExit
            self._raised(name, error)
        else:
            return True
        finally:
            resource.setrlimit(resource.RLIMIT_DATA, limits)
            if other is not interrupt:
                signal.signal(signal.SIGALRM, other)
        return False

    def watch_memory(self) -> bool:
        """To be called now and then. False: the process has grown too much since the policy was loaded."""
        self._data_limit = data_bytes() + self._memory_bytes
        return own_bytes() - self._own_at_start <= self._memory_bytes

    def _overran(self, name: str) -> None:
        self._counters[f"policy_hook_failures_total|hook={name},kind=overrun"] += 1
        now = time.monotonic()
        recent = [at for at in self._overruns.get(name, ()) if now - at < WINDOW_S] + [now]
        self._overruns[name] = recent
        if len(recent) >= self._max_overruns:
            self.disabled.add(name)
            log.error("the policy's %s ran too long %d times in a minute; it is off until the next reload", name, len(recent))
        elif self._may_log(name):
            log.error("the policy's %s was stopped after %g ms", name, self._limit_s * 1000)

    def _raised(self, name: str, error: BaseException) -> None:
        self._counters[f"policy_hook_failures_total|hook={name},kind=error"] += 1
        frames = traceback.extract_tb(error.__traceback__)
        # without memory Python may have noted no frame
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown line"
        if self._may_log(place):
            log.error("the policy's %s failed at %s", name, place, exc_info=error)

    def _may_log(self, place: str) -> bool:
        now = time.monotonic()
        if now - self._logged.get(place, -LOG_EVERY_S) < LOG_EVERY_S or len(self._logged) >= MAX_PLACES:
            return False
        self._logged[place] = now
        return True


def interrupt(*_: object) -> None:
    if Runner.hook_runs:
        raise Overrun


def lower(limit: int, hard: int) -> int:
    return limit if hard == resource.RLIM_INFINITY else min(limit, hard)


def data_bytes() -> int:
    """What RLIMIT_DATA counts: private writable mappings."""
    return status_kib("VmData") << 10


def own_bytes() -> int:
    """Resident memory that is no file's."""
    return status_kib("RssAnon") << 10


def status_kib(name: str) -> int:
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        return next((int(line.split()[1]) for line in status if line.startswith(f"{name}:")), 0)
