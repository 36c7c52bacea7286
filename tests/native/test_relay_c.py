"""The C tests of the relay's core, and the corpus of its fuzz targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.native.c_programs import FUZZ, HERE, NATIVE, build, fault_of, fault_of_corpus

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


@pytest.mark.parametrize(
    ("program", "wrapped"),
    [
        ("test_early", []),
        ("test_rtp", []),
        ("test_srtp", []),
        ("test_stun", []),
        ("test_ice", []),
        ("test_raw", []),
        ("test_table", WRAPPED),
        ("test_recording", []),
        ("churn", []),
    ],
)
def test_c_program(program: str, wrapped: list[str], tmp_path: Path) -> None:
    assert not fault_of(build("crelay", [HERE / "crelay" / f"{program}.c"], tmp_path / program, wrapped), "1")


@pytest.mark.parametrize("target", sorted(path.stem for path in FUZZ.glob("fuzz_relay_*.c")))
def test_no_input_of_the_corpus_breaks_its_target(target: str, tmp_path: Path) -> None:
    assert not fault_of_corpus("crelay", target, tmp_path)


def test_core_knows_no_python() -> None:
    with_python = {path.name for path in (NATIVE / "crelay").iterdir() if "Python.h" in path.read_text()}
    assert with_python == {"relay_module.c", "relay_module.h"}
