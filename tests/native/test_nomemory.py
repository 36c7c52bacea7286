"""Both extensions with each single allocation failing; ``nomemory.session`` has the calls.

Ordinarily every allocation is meant, Python's and their own. Under ASan it is Python's; the cores' own fail in their C tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

HERE = Path(__file__).resolve().parent
FLAGS = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE"]


def built(name: str, folder: Path) -> Path:
    library = folder / f"{name}.so"
    include = sysconfig.get_path("include")
    clean = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    source = HERE / "nomemory" / f"{name}.c"
    subprocess.run(["gcc", *FLAGS, f"-I{include}", source, "-o", library, "-ldl"], check=True, env=clean)
    return library


def test_every_call_survives_each_allocation_failing(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONMALLOC": "malloc"}
    if "asan" in os.environ.get("LD_PRELOAD", ""):
        environment["NOMEMORY"] = str(built("nomemory_python", tmp_path))
    else:
        environment["LD_PRELOAD"] = str(built("nomemory", tmp_path))
        environment["MALLOC_PERTURB_"] = "165"  # what is freed changes at once
    done = subprocess.run(
        [sys.executable, "-m", "tests.native.nomemory.session"],
        env=environment,
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        timeout=550,
        check=False,
    )
    said = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert len(said) > 12
    assert set(said.values()) == {"good"}
