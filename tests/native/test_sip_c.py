"""The C tests of the SIP core, and the corpus of its fuzz targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.native.c_programs import FUZZ, HERE, build, core_sources, fault_of, fault_of_corpus


def test_the_core_survives_the_nth_allocation_failing(tmp_path: Path) -> None:
    assert not fault_of(build("csip", [HERE / "csip" / "test_core.c"], tmp_path / "test_core", ["malloc", "realloc", "free"]))


@pytest.mark.parametrize("target", sorted(path.stem for path in FUZZ.glob("fuzz_sip_*.c")))
def test_no_input_of_the_corpus_breaks_its_target(target: str, tmp_path: Path) -> None:
    assert not fault_of_corpus("csip", target, tmp_path)


def test_the_core_knows_no_python() -> None:
    sources = core_sources("csip")
    names = {path.name for path in sources}
    assert {"sip_message.c", "sip_scan.c", "sip_edit.c", "sip_uri.c", "sip_udp.c"} <= names
    for path in sources:
        assert "Py" not in path.read_text(), path.name
