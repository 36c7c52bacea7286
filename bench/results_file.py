"""Results files: ``{"date": ..., "runs": [{"command": ..., "result": ...}]}``, read by bench/report.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class ResultsError(Exception):
    """Not a results file."""


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
        if not all(isinstance(run["command"], str) and isinstance(run["result"], dict) for run in content["runs"]):
            raise TypeError("a run has no command or no result")
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise ResultsError(f"{file}: not a results file ({type(cause).__name__}: {cause})") from None
    return dict(content)


def runs(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Commands and their results."""
    for run in _read(file)["runs"]:
        yield run["command"], run["result"]


def check(file: Path) -> None:
    """Whether a run could be added: better known before it is measured."""
    if file.exists():
        _read(file)
    elif not file.parent.is_dir():
        raise ResultsError(f"{file}: there is no directory {file.parent}")


def add(file: Path, command: str, result: dict[str, Any]) -> None:
    """Puts a run at the end of the file, which need not be there yet."""
    content = _read(file) if file.exists() else {"date": datetime.now(UTC).date().isoformat(), "runs": []}
    content["runs"].append({"command": command, "result": result})
    file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
