"""Huge pages for the interpreter's objects."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
from native.sip import use_huge_pages
use_huge_pages()
use_huge_pages()
kept = [str(number) for number in range(400_000)]
print(open("/proc/self/smaps").read())
kept = kept[::1000]  # most arenas go, some stay half empty
again = [str(number) for number in range(400_000)]
assert kept == again[::1000]
"""
IDLER = """
import os
from native.sip import use_huge_pages
before = set(os.listdir("/proc/self/task"))
use_huge_pages()
(made,) = set(os.listdir("/proc/self/task")) - before
kept = [str(number) for number in range(400_000)]
while os.sched_getscheduler(int(made)) != os.SCHED_IDLE:
    os.sched_yield()
blocked = next(line for line in open(f"/proc/self/task/{made}/status") if line.startswith("SigBlk"))
print(blocked.split()[1])
"""


def run(program: str) -> str:
    environment = {**os.environ, "PYTHONMALLOC": "pymalloc"}  # whatever this process has
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_new_objects_live_where_the_kernel_may_put_huge_pages() -> None:
    mappings = re.findall(r"(?m)^Size: +(\d+) kB\n(?:.*\n)*?VmFlags:(.*)$", run(HOLDER))
    huge_kb = sum(int(size) for size, flags in mappings if " hg" in flags)
    assert huge_kb >= 16 * 1024, "400,000 strings take more than 20 MB"


def test_the_next_page_is_made_ready_when_there_is_nothing_else_to_do() -> None:
    """By a thread that runs when nothing else does, and leaves the signals to the others."""
    blocked = int(run(IDLER), 16)
    assert blocked & 1 << signal.SIGTERM - 1
