"""The table of clauses in docs/rfc.md says nothing that isn't so: its files, tests and cases exist."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import NamedTuple

from sipmesh.conformance.run import all_cases

ROOT = Path(__file__).resolve().parent.parent
HEADING = "## Clauses that proxies get wrong"
CLAUSES = 75
STATUSES = ("done", "part", "later", "refused")


class Row(NamedTuple):
    clause: int
    rfc: str
    what: str
    files: list[str]
    tests: list[str]
    cases: list[str]
    status: str


def rows() -> list[Row]:
    table = (ROOT / "docs" / "rfc.md").read_text().partition(HEADING)[2].partition("\n## ")[0]
    found = []
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0].isdecimal():
            number, rfc, what, files, tests, cases, status = cells
            found.append(Row(int(number), rfc, what, listed(files), listed(tests), listed(cases), status))
    return found


def listed(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(",") if each.strip()]


def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_clause_has_its_row_and_a_status() -> None:
    assert [row.clause for row in rows()] == list(range(1, CLAUSES + 1))
    assert [row.clause for row in rows() if not row.status.startswith(STATUSES)] == []


def test_what_is_done_names_its_file_and_a_test() -> None:
    assert [row.clause for row in rows() if not row.status.startswith("later") and not (row.files and row.tests)] == []


def test_every_file_exists() -> None:
    missing = []
    for row in rows():
        folder = ""
        for file in row.files:
            folder = folder if "/" not in file else file.rpartition("/")[0]
            if not (ROOT / folder / file.rpartition("/")[2]).is_file():
                missing.append((row.clause, file))
    assert missing == []


def test_every_test_exists() -> None:
    known: dict[str, set[str]] = {}
    missing = []
    for row in rows():
        for test in row.tests:
            file, _, name = test.partition("::")
            if file not in known:
                known[file] = functions_of(ROOT / file) if (ROOT / file).is_file() else set()
            if name not in known[file]:
                missing.append((row.clause, test))
    assert missing == []


def test_every_case_exists_and_is_named_at_its_clause() -> None:
    named = {(row.clause, case) for row in rows() for case in row.cases}
    assert named == {(case.clause, case.run.__name__) for case in all_cases()}
