"""Where the time of our relay thread goes under load, as perf sees it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.relay.contenders import OURS
from bench.relay.load import LoadError
from bench.relay.measure import Plan, measure

SAMPLES_A_SECOND = "1999"
SYMBOLS = 12
START_S = 1.0  # for perf to begin while it still gets a processor: the load and the relay come before it
LINE = re.compile(r"^\s*([\d.]+)%\s+\[[.k]\]\s+(\S+)")


def _relay_thread(pid: int) -> str:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return next(task.name for task in tasks if (task / "comm").read_text().strip() == "relay")


def shares(report: str) -> list[tuple[str, float]]:
    """Symbols and their per cent, from what ``perf report --sort sym`` printed."""
    return [(found[2], float(found[1])) for line in report.splitlines() if (found := LINE.match(line))]


def _report(data: Path, children: str) -> list[tuple[str, float]]:
    options = ["-i", str(data), children, "-g", "none", "--stdio", "-q", "-F", "overhead_children,sym"]
    if children == "--no-children":
        options[-1] = "overhead,sym"
    done = subprocess.run(["perf", "report", *options], capture_output=True, text=True, check=False)
    return shares(done.stdout)


def system_calls(report: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """What each took with all below it, and the rest."""
    entries = [(found[1], share) for name, share in report if (found := re.fullmatch(r"__\w+_sys_(\w+)", name))]
    return [*entries[:3], ("the rest", round(100 - sum(share for _, share in entries[:3]), 2))]


@contextmanager
def _recorded(pid: int, data: Path) -> Iterator[None]:
    command = ["perf", "record", "-e", "cpu-clock", "-F", SAMPLES_A_SECOND, "-g", "-t", _relay_thread(pid), "-o", str(data)]
    recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(START_S)
    try:
        yield
    finally:
        recorder.terminate()  # it writes what it has
        recorder.wait(30)


def profile(calls: int, plan: Plan) -> dict[str, Any]:
    """Shares in per cent of the relay thread's time: of system calls with all below them, and of symbols by themselves."""
    if shutil.which("perf") is None:
        raise LoadError("perf is missing (apt-get install linux-perf)")
    data = plan.folder / "perf.data"
    measure([OURS], ["base"], calls, plan, during=lambda pid: _recorded(pid, data))
    symbols = _report(data, "--no-children")
    if not symbols:
        raise LoadError("perf saw nothing of the relay thread")
    return {"at": calls, "calls": system_calls(_report(data, "--children")), "symbols": symbols[:SYMBOLS]}
