"""A server held to a part of a core: by a cgroup of either version, or where none can be made by stopping it over and over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from interop.process import tree

PERIOD_US = 10_000  # short, so that a pause is no longer than a datagram may well wait
V2 = Path("/sys/fs/cgroup")
V1 = Path("/sys/fs/cgroup/cpu")


@contextlib.contextmanager
def held_to(pid: int, share: float, period_us: int = PERIOD_US) -> Iterator[str]:
    """``pid`` and its descendants get ``share`` of one core, anew in each period; says how that is done."""
    for root, way in ((V2, "cgroup v2"), (V1, "cgroup v1")):
        group = root / f"bench-sip-{os.getpid()}"
        try:
            _make(group, share, period_us)
        except OSError:
            continue
        try:
            _move(pid, group)
            yield way
        finally:
            _move(pid, root)
            group.rmdir()
        return
    with _stopping(pid, share, period_us):
        yield "SIGSTOP"


@contextlib.contextmanager
def kept_busy(cores: Sequence[int]) -> Iterator[None]:
    """``cores`` have always something to do, at the lowest priority: where two cores share one core's execution units, what
    runs here would otherwise make the server slower the higher the load is."""
    code = f"import os\nos.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))\nwhile os.getppid() == {os.getpid()}:\n pass"
    spinners = [subprocess.Popen(["taskset", "-c", str(core), sys.executable, "-c", code]) for core in cores]
    try:
        yield
    finally:
        for each in spinners:
            each.kill()
            each.wait()


def _make(group: Path, share: float, period_us: int) -> None:
    quota_us = int(share * period_us)
    (group.parent / "cgroup.procs").read_text()  # there may be no cgroups at all
    group.mkdir()
    try:
        if group.parent == V2:
            (group / "cpu.max").write_text(f"{quota_us} {period_us}")
            (group / "cpu.weight").write_text("10000")  # the most there is: its part is not to be other work's
        else:
            (group / "cpu.shares").write_text("262144")  # the same
            (group / "cpu.cfs_period_us").write_text(str(period_us))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
            if (real_time := group / "cpu.rt_runtime_us").exists():  # at 0, threads of real-time priority are not let in
                real_time.write_text(str(period_us))
    except OSError:
        group.rmdir()
        raise


def _move(pid: int, group: Path) -> None:
    for each in tree(pid):
        with contextlib.suppress(ProcessLookupError):
            (group / "cgroup.procs").write_text(str(each))


@contextlib.contextmanager
def _stopping(pid: int, share: float, period_us: int) -> Iterator[None]:
    """The same periods by SIGSTOP and SIGCONT, of all processes together."""
    ended = threading.Event()

    def work() -> None:
        period_s = period_us / 1e6
        while not ended.is_set():
            for number, part in ((signal.SIGCONT, share), (signal.SIGSTOP, 1 - share)):
                _signal(pids, number)
                time.sleep(part * period_s)
        _signal(pids, signal.SIGCONT)

    pids = tree(pid)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _signal(pids: list[int], number: int) -> None:
    for each in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)
