"""Results for people, as JSON, and as the table of docs/conformance.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from sipmesh.conformance.case import Case, Outcome, Result

MARKS = {"pass": "yes", "fail": "**no**", "not applicable": "n/a"}


def line(result: Result) -> str:
    case = result.case
    reason = f": {result.reason}" if result.reason else ""
    return f"{result.outcome:14}  {case.clause:2}  {case.source}: {case.title}{reason}"


def details(result: Result) -> str:
    """The messages of a failure."""
    return "\n\n".join(f"    {entry}".replace("\n", "\n    ") for entry in result.trace)


def summary(results: Sequence[Result]) -> str:
    counts, clauses = Counter(result.outcome for result in results), Counter(by_clause(results).values())
    return (
        f"cases: {counts['pass']} passed, {counts['fail']} failed, {counts['not applicable']} not applicable\n"
        f"clauses: {clauses['pass']} obeyed, {clauses['fail']} not, {clauses['not applicable']} could not be judged"
    )


def by_clause(results: Iterable[Result]) -> dict[int, Outcome]:
    """A clause is obeyed when a case passes and none fails."""
    found: dict[int, Outcome] = {}
    for result in results:
        clause, outcome = result.case.clause, result.outcome
        worst = found.setdefault(clause, outcome)
        if outcome == "fail" or (outcome == "pass" and worst == "not applicable"):
            found[clause] = outcome
    return found


def as_json(target: str, results: Sequence[Result]) -> dict[str, object]:
    return {
        "target": target,
        "clauses": {str(clause): outcome for clause, outcome in by_clause(results).items()},
        "failed": sum(result.outcome == "fail" for result in results),
        "results": [result.as_dict() for result in results],
    }


def markdown(columns: Mapping[str, Iterable[Mapping[str, object]]], cases: Iterable[Case]) -> str:
    """A row a case, a column a target; each column holds the ``results`` of ``as_json``."""
    seen = {name: {str(result["name"]): result for result in results} for name, results in columns.items()}
    rows = [["#", "RFC", "what an obedient proxy does", *seen], ["---"] * (3 + len(seen))]
    for case in cases:
        cells = [_cell(results.get(case.run.__name__)) for results in seen.values()]
        rows.append([str(case.clause), case.source, case.title, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(result: Mapping[str, object] | None) -> str:
    if result is None:
        return ""
    mark = MARKS[str(result["verdict"])]
    reason = str(result["reason"]).replace("|", "\\|") if result["verdict"] == "fail" else ""
    return f"{mark}: {reason}" if reason else mark
