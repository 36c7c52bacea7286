"""Both extensions with each single allocation failing, Python's and their own; ``nomemory.session`` has the calls."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_every_call_survives_each_allocation_failing(tmp_path: Path) -> None:
    library = tmp_path / "nomemory.so"
    flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"]
    subprocess.run(["gcc", *flags, HERE / "nomemory" / "nomemory.c", "-o", library, "-ldl"], check=True)
    environment = os.environ | {
        "LD_PRELOAD": str(library),
        "PYTHONMALLOC": "malloc",
        "MALLOC_PERTURB_": "165",  # what is freed changes at once
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.native.nomemory.session"],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert len(said) > 12
    assert set(said.values()) == {"good"}
