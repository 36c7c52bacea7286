"""A section of docs/performance.md made from a benchmark's JSON: what bench/report.py asks of each benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one section puts into the documentation."""

    text: str  # Markdown
    figures: dict[str, str]  # SVG by name of its file, in docs/figures


@dataclass(frozen=True, slots=True)
class Section:
    name: str  # of its markers in the page
    owns: Callable[[Result], bool]  # whether a result is of this benchmark
    draw: Callable[[Result, str], Drawn]  # from the result and the command that made it


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """The first column to the left, numbers to the right."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in (head, marks, *rows))


def number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def setting(result: Result, command: str, made: str = "") -> str:
    """Where, when and from what; ``made`` says how where figures are not medians of runs."""
    runs = made or ("one run" if result["runs"] == 1 else f"median of {result['runs']} runs")
    return f"`{command}`, commit {result['commit']}, {runs}, on {result['machine']}."
