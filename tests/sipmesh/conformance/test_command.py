"""``sipmesh conformance`` as a person or a script meets it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sipmesh.cli import conformance_cases
from sipmesh.cli.commands import app
from sipmesh.conformance.case import Case, World
from sipmesh.conformance.run import all_cases
from tests.sipmesh.conformance.tiny_proxy import TinyProxy

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance.md"


@pytest.fixture
def proxy() -> Iterator[TinyProxy]:
    proxy = TinyProxy("any version")
    yield proxy
    proxy.close()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["conformance", *arguments])
    return result.exit_code, result.output


def test_status_0_when_every_clause_is_obeyed(proxy: TinyProxy) -> None:
    status, output = run("--target", f"sip:127.0.0.1:{proxy.port}", "--only", "2,received")
    assert status == 0
    assert output.splitlines()[-2:] == [
        "cases: 2 passed, 0 failed, 0 not applicable",
        "clauses: 2 obeyed, 0 not, 0 could not be judged",
    ]


def test_status_1_and_the_messages_when_one_is_not(proxy: TinyProxy) -> None:
    status, output = run("--target", f"sip:127.0.0.1:{proxy.port}", "--only", "version")
    assert status == 1
    assert "fail" in output
    assert "answered SIP/2.0 200 Tiny" in output
    assert "OPTIONS sip:127.0.0.1 SIP/7.0" in output


def test_json(proxy: TinyProxy) -> None:
    status, output = run("--target", f"sip:127.0.0.1:{proxy.port}", "--only", "1,2", "--json")
    report = json.loads(output)
    assert (status, report["failed"], report["clauses"]) == (1, 1, {"1": "fail", "2": "pass"})
    assert [row["verdict"] for row in report["results"]] == ["fail", "pass"]
    assert report["results"][0]["messages"]


def test_list_names_every_quick_case() -> None:
    status, output = run("--list", "--json")
    assert status == 0
    assert {row["name"] for row in json.loads(output)} == {case.run.__name__ for case in all_cases() if not case.slow}
    assert "max_forwards_zero" in run("--list")[1]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_status_2_when_nobody_answers(transport: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        status, output = run("--target", f"sip:127.0.0.1:{silent.getsockname()[1]}", "--transport", transport)
    assert status == 2
    assert f"over {transport.upper()}" in output


def test_status_2_says_what_was_answered_in_place_of_an_answer() -> None:
    for fault in ("no headers", "garbage"):
        proxy = TinyProxy(fault)
        status, output = run("--target", f"sip:127.0.0.1:{proxy.port}")
        proxy.close()
        assert status == 2
        assert "what it answers is no answer to that:" in output
        assert "SIP/2.0 " in output


def test_status_2_when_nothing_could_be_judged(proxy: TinyProxy) -> None:
    status, output = run("--target", f"sip:127.0.0.1:{proxy.port}", "--only", "next_after_nobody")
    assert status == 2
    assert "nothing could be judged: about DNS" in output


def test_status_130_and_what_was_found_when_interrupted(proxy: TinyProxy, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(world: World) -> None:
        raise KeyboardInterrupt

    cases = [all_cases()[0], Case(2, "", "", interrupt)]
    monkeypatch.setattr(conformance_cases, "all_cases", lambda: cases)
    status, output = run("--target", f"sip:127.0.0.1:{proxy.port}", "--json")
    assert status == 130
    assert "interrupted: 1 cases were not run" in output
    report = json.loads(output.splitlines()[0])
    assert [row["name"] for row in report["results"]] == ["version"]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--target", "http://x"), "is not sip:host"),
        (("--target", "sip:nobody.invalid"), "nobody.invalid: "),
        (("--only", "1,nonsense"), "no such case: nonsense"),
        (("--markdown", "a=/nonexistent"), "not the output of a run"),
    ],
)
def test_wrong_use_is_status_2(arguments: tuple[str, ...], complaint: str) -> None:
    status, output = run(*arguments)
    assert status == 2
    assert complaint in output


def test_markdown_has_a_column_a_run(tmp_path: Path) -> None:
    rows = [{"name": "version", "verdict": "fail", "reason": "a|b"}, {"name": "received", "verdict": "pass", "reason": ""}]
    file = tmp_path / "run.json"
    file.write_text(json.dumps({"results": rows}))
    lines = run("--markdown", f"Other={file}")[1].splitlines()
    assert lines[0].endswith("| Other |")
    assert lines[2].endswith(r"| **no**: a\|b |")
    assert len(lines) == len(all_cases()) + 2


def test_the_published_table_has_every_case() -> None:
    page = PAGE.read_text()
    assert [case.title for case in all_cases() if f"| {case.clause} | {case.source} | {case.title} |" not in page] == []
