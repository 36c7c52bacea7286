"""Huge pages for the interpreter's objects."""

import os
import re
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


def test_new_objects_live_where_the_kernel_may_put_huge_pages() -> None:
    environment = {**os.environ, "PYTHONMALLOC": "pymalloc"}  # whatever this process has
    command = [sys.executable, "-c", HOLDER]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    mappings = re.findall(r"(?m)^Size: +(\d+) kB\n(?:.*\n)*?VmFlags:(.*)$", done.stdout)
    huge_kb = sum(int(size) for size, flags in mappings if " hg" in flags)
    assert huge_kb >= 16 * 1024, "400,000 strings take more than 20 MB"
