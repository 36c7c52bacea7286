"""One call with its n-th allocation failing, for each n, and what it leaves behind."""

from __future__ import annotations

import ctypes
import errno
import gc
import os

from tests.native.nomemory.cases import Call

MAX_ALLOCATIONS = 3000  # of one call
SWEEPS = 4


class Nomemory:
    def __init__(self) -> None:
        library = ctypes.PyDLL(os.environ.get("NOMEMORY"))  # none: it was preloaded
        if "NOMEMORY" in os.environ:
            library.nomemory_install()
        self.arm, self.live = library.nomemory_arm, library.nomemory_live
        self.arm.restype = self.live.restype = ctypes.c_long

    def failing(self, call: Call, n: int) -> tuple[bool, object]:
        """(whether the n-th allocation came within the call, what that returned or raised)."""
        self.arm(n)
        try:
            outcome = call()
        except BaseException as error:
            came = self.disarm()
            return came, error.with_traceback(None)
        return self.disarm(), outcome

    def disarm(self) -> bool:
        """Whether the allocation had come before."""
        try:
            return bool(self.arm(0) == 0)
        except MemoryError:
            return False


def sweep(nomemory: Nomemory, call: Call, expected: str) -> str:
    """What went wrong, or nothing."""
    for n in range(1, MAX_ALLOCATIONS):
        came, outcome = nomemory.failing(call, n)
        if not came:
            return "" if n > 1 else "allocates nothing"
        if not is_refusal(outcome) and repr(outcome) != expected:
            return f"allocation {n} failing: {outcome!r}, not {expected}"
    return f"more than {MAX_ALLOCATIONS} allocations"


def is_refusal(outcome: object) -> bool:
    """Also what CPython 3.11 says when it finds no memory for a frame; of an extension without exception it has other words."""
    if isinstance(outcome, SystemError):
        return str(outcome) == "error return without exception set"
    return isinstance(outcome, MemoryError) or (isinstance(outcome, OSError) and outcome.errno == errno.ENOMEM)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def collect() -> None:
    """Twice: what is not walked may have kept a cycle alive the first time."""
    gc.collect()
    gc.collect()
