"""The C tests of the relay's core: compiled here and run as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CORE = HERE.parents[1] / "native" / "crelay"
WRAPPED = [
    "malloc",
    "calloc",
    "aligned_alloc",
    "free",
    "memfd_create",
    "ftruncate",
    "mmap",
    "epoll_create1",
    "eventfd",
    "epoll_ctl",
    "pthread_create",
]


def build(program: str, folder: Path, *flags: str) -> Path:
    sources = [str(path) for path in sorted(CORE.glob("*.c")) if "relay_module.h" not in path.read_text()]
    out = folder / program
    options = ["-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-fno-strict-aliasing", f"-I{CORE}"]
    source = HERE / "crelay" / f"{program}.c"
    subprocess.run(["gcc", *options, str(source), *sources, "-o", str(out), "-lpthread", "-lcrypto", *flags], check=True)
    return out


@pytest.mark.parametrize(
    ("program", "flags"),
    [
        ("test_rtp", []),
        ("test_srtp", []),
        ("test_table", [f"-Wl,--wrap={name}" for name in WRAPPED]),
        ("test_recording", []),
        ("churn", []),
    ],
)
def test_c_program(program: str, flags: list[str], tmp_path: Path) -> None:
    done = subprocess.run([build(program, tmp_path, *flags), "1"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_core_knows_no_python() -> None:
    with_python = {path.name for path in CORE.iterdir() if "Python.h" in path.read_text()}
    assert with_python == {"relay_module.c", "relay_module.h"}
