"""What the documents tell people to type or to write into a file is taken by the product as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from interop.certificates import Authority
from sipmesh.cli.commands import app
from sipmesh.config_load import parse_config

ROOT = Path(__file__).resolve().parent.parent
PAGES = (ROOT / "README.md", ROOT / "interop" / "README.md", *sorted((ROOT / "docs").glob("*.md")))
FOLDERS = ("sipcore", "media", "native", "sipmesh", "interop", "tests", "bench")
SOURCES = ["/setup.py", *(f"/{path.relative_to(ROOT)}" for each in FOLDERS for path in (ROOT / each).rglob("*"))]
NODE = '[node]\nname = "a"\n[[listen]]\ntransport = "udp"\naddress = "192.0.2.5:5060"\n[[domain]]\nname = "example.com"\n'
ALICE = '[[user]]\naor = "alice@example.com"\npassword = "a long one"\n'


def blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def typed(*starts: str) -> list[str]:
    """Command lines of the documents that begin so, perhaps behind a path; one for each of several alternatives (``a|b``)."""
    found = set()
    for page in PAGES:
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        lines += re.findall(r"`([^`\n]+)`", page.read_text()) + re.findall(r"(?m)^    (\S.*)$", page.read_text())
        for line in lines:
            words = line.partition("#")[0].replace("[", "").replace("]", "").split()
            for each in product(*(word.split("|") for word in words)):
                plain = re.sub(r"^(\w+=\S+ )*(\.venv/bin/)?", "", " ".join(each))
                found |= {plain for start in starts if f"{plain} ".startswith(f"{start} ")}
    return sorted(found)


FRAGMENTS = [pytest.param(block, id=f"{page.name}-{n}") for page in PAGES for n, block in enumerate(blocks(page, "toml"))]


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_each_piece_of_configuration_is_good(fragment: str, tmp_path: Path) -> None:
    """With what a node needs besides, where it is a piece alone, and the certificate that the page has people make."""
    Authority(tmp_path).issue("tls", "DNS:example.com")
    whole = fragment if "[node]" in fragment else NODE + ALICE * ("[[user]]" not in fragment) + fragment
    loaded = parse_config(whole, base=tmp_path)
    assert loaded.warnings == []
    assert "alice@example.com" in [user.aor for user in loaded.config.user]


@pytest.mark.parametrize("line", typed("sipmesh"))
def test_each_command_is_there_with_its_options(line: str) -> None:
    answer = CliRunner().invoke(app, [*shlex.split(line)[1:], "--help"])
    assert (answer.exit_code, "Usage: " in answer.output) == (0, True), answer.output


@pytest.mark.parametrize("line", typed("python -m"))
def test_each_module_that_is_to_be_run_is_there_with_its_options(line: str) -> None:
    _, _, module, *words = line.split()
    answer = subprocess.run([sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert [word for word in words if word.startswith("-") and word not in answer.stdout] == []


@pytest.mark.parametrize("line", typed("make"))
def test_each_target_is_there(line: str) -> None:
    assert re.search(rf"^{line.split()[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_the_files_that_are_named_are_there(page: Path) -> None:
    text = page.read_text()
    links = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    paths = re.findall(r"`((?:sipcore|media|native|sipmesh|interop|tests|bench|docs)/[\w/.-]+\.\w+)`", text)
    gone = [link for link in links if not (page.parent / link).exists()] + [
        path for path in paths if not (ROOT / path).exists()
    ]
    assert gone == []
