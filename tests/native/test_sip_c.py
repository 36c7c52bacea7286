"""The C tests of the core: compiled here under ASan and UBSan and run as they are."""

import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORE = HERE.parents[1] / "native" / "csip"


def core_sources() -> list[Path]:
    listed = subprocess.run([HERE / "core_sources.sh", CORE], capture_output=True, text=True, check=True)
    return [Path(line) for line in listed.stdout.splitlines()]


def test_the_core_survives_the_nth_allocation_failing(tmp_path: Path) -> None:
    flags = [
        "-std=c11",
        "-g",
        "-O1",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-D_GNU_SOURCE",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all",
    ]
    wraps = [f"-Wl,--wrap={name}" for name in ("malloc", "realloc", "free")]
    program = tmp_path / "test_core"
    sources = [HERE / "csip" / "test_core.c", *core_sources()]
    subprocess.run(["gcc", *flags, f"-I{CORE}", "-o", program, *sources, *wraps, "-lcrypto"], check=True)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_core_knows_no_python() -> None:
    names = {path.name for path in core_sources()}
    assert {"sip_message.c", "sip_scan.c", "sip_edit.c", "sip_uri.c", "sip_udp.c"} <= names
    for path in core_sources():
        assert "Py" not in path.read_text(), path.name
