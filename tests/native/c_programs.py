"""C programs over a core of ours, under ASan and UBSan; a core is compiled once a process."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NATIVE = HERE.parents[1] / "native"
TORTURE = HERE.parent / "torture"
FUZZ = HERE / "fuzz"
FLAGS = [
    *("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-fno-strict-aliasing"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]


def core_sources(core: str) -> list[Path]:
    """The C files of ``core`` that know nothing of Python."""
    listed = subprocess.run([HERE / "core_sources.sh", NATIVE / core], capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines()]


@functools.cache
def _compiled(core: str) -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix=f"{core}-")
    subprocess.run(["gcc", *FLAGS, "-c", *core_sources(core)], check=True, cwd=folder.name)
    return folder


def build(core: str, sources: list[Path], out: Path, wrapped: list[str] | None = None) -> Path:
    """The program of ``sources`` over ``core``; ``wrapped``: functions whose calls go to the program's __wrap_ ones."""
    objects = sorted(Path(_compiled(core).name).glob("*.o"))
    wraps = [f"-Wl,--wrap={name}" for name in wrapped or ()]
    command = ["gcc", *FLAGS, f"-I{NATIVE / core}", "-o", out, *sources, *objects, "-lpthread", "-lcrypto", *wraps]
    subprocess.run(command, check=True)
    return out


def fault_of(program: Path, *arguments: str) -> str:
    """What a run of it ended with and said; nothing when it ended well."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=500, check=False)
    return f"{program.name}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}" if done.returncode else ""


def fault_of_corpus(core: str, target: str, folder: Path) -> str:
    """Of a libFuzzer target with its corpus: every crash of the past is a file there."""
    inputs = sorted((FUZZ / "corpus" / target).iterdir())
    if target in ("fuzz_sip_message", "fuzz_sip_frame"):
        inputs += [path for rfc in ("rfc4475", "rfc5118") for path in sorted((TORTURE / rfc).iterdir())]
    assert inputs
    return fault_of(build(core, [FUZZ / f"{target}.c", FUZZ / "replay.c"], folder / target), *map(str, inputs))
