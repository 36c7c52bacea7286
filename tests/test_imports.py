"""The layers may import only what docs/design.md section 2 allows."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = {"sipmesh", "sipcore", "media", "native", "interop", "bench", "tests"}
ALLOWED = {
    "native": {"native"},
    "sipcore": {"sipcore", "native.sip"},
    "media": {"media", "native.relay"},
    "sipmesh": {"sipmesh", "sipcore", "media", "native"},
}
# clock, sockets and randomness: of sipcore only sipcore/transport may touch them
IO_MODULES = {"socket", "asyncio", "time", "random", "secrets", "select", "selectors", "threading", "ssl", "uvloop"}


def imported(path: Path) -> set[str]:
    """Dotted names a file imports, ``from a import b`` counted as both a and a.b."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(str(node.module))
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def allowed(name: str, package: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") or prefix.startswith(name + ".") for prefix in ALLOWED[package])


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_package_imports_only_what_its_layer_may(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        for name in imported(path):
            if name.split(".")[0] in OURS:
                assert allowed(name, package), f"{path.relative_to(ROOT)} imports {name}"


def test_sipcore_does_io_only_in_transport() -> None:
    for path in sorted((ROOT / "sipcore").rglob("*.py")):
        if "transport" in path.relative_to(ROOT).parts:
            continue
        touched = {name.split(".")[0] for name in imported(path)} & IO_MODULES
        assert not touched, f"{path.relative_to(ROOT)} imports {sorted(touched)}"


def test_the_rule_can_fail(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import media.session\nfrom native import relay\n")
    assert [name for name in sorted(imported(bad)) if not allowed(name, "sipcore")] == ["media.session", "native.relay"]
