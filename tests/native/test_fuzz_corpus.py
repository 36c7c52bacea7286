"""The corpus of each libFuzzer target, replayed under ASan and UBSan: every crash of the past is a file there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
FUZZ = HERE / "fuzz"
NATIVE = HERE.parents[1] / "native"
TORTURE = HERE.parent / "torture"
FLAGS = [
    "-std=c11",
    "-g",
    "-O0",
    "-D_GNU_SOURCE",
    "-fno-strict-aliasing",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
]


def core_objects(core: str, folder: Path) -> list[str]:
    listed = subprocess.run([HERE / "core_sources.sh", NATIVE / core], capture_output=True, text=True, check=True)
    sources = [Path(line) for line in listed.stdout.splitlines()]
    subprocess.run(["gcc", *FLAGS, "-c", *map(str, sources)], check=True, cwd=folder)
    return [str(folder / f"{path.stem}.o") for path in sources]


def inputs(target: str) -> list[str]:
    found = sorted((FUZZ / "corpus" / target).iterdir())
    if target in ("fuzz_sip_message", "fuzz_sip_frame"):
        found += [path for folder in ("rfc4475", "rfc5118") for path in sorted((TORTURE / folder).iterdir())]
    return [str(path) for path in found]


@pytest.mark.parametrize("core", ["crelay", "csip"])
def test_no_input_of_the_corpus_breaks_its_target(core: str, tmp_path: Path) -> None:
    objects = core_objects(core, tmp_path)
    targets = sorted(FUZZ.glob(f"fuzz_{core.replace('c', '', 1)}_*.c"))
    assert targets
    for target in targets:
        program = tmp_path / target.stem
        sources = [str(target), str(FUZZ / "replay.c"), *objects]
        subprocess.run(["gcc", *FLAGS, f"-I{NATIVE / core}", "-o", program, *sources, "-lpthread", "-lcrypto"], check=True)
        done = subprocess.run([program, *inputs(target.stem)], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr[-4000:]
