"""``python -m bench.report bench/results/X.json ...``: writes the generated parts of docs/performance.md and its figures.

Of each benchmark the last result counts. A section stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``; what is
around it is written by hand.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.page import Drawn, Section
from bench.relay import page as relay_page
from bench.results_file import ResultsError, runs
from bench.sip import page as sip_page
from bench.sip import workers

DOCS = Path(__file__).resolve().parent.parent / "docs"
SECTIONS: tuple[Section, ...] = (relay_page.SECTION, sip_page.SECTION, workers.SECTION)


class ReportError(Exception):
    """The page or a result is not what it should be."""


def drawn(files: list[Path]) -> dict[str, Drawn]:
    """By section; those no result belongs to are missing."""
    made: dict[str, Drawn] = {}
    for file in files:
        for command, result in runs(file):
            for section in SECTIONS:
                if section.owns(result):
                    try:
                        made[section.name] = section.draw(result, command)
                    except (LookupError, TypeError, ValueError, AttributeError) as cause:
                        raise ReportError(f"{file}: {command}: {type(cause).__name__}: {cause}") from None
    return made


def put(page: str, name: str, text: str) -> str:
    """The page with one section's text exchanged."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ReportError(f"the page has no {begin} … {end}")
    return f"{before}{begin}\n{text.strip()}\n{end}{after}"


def write(files: list[Path], docs: Path = DOCS) -> list[Path]:
    """Returns what was written."""
    page, figures = docs / "performance.md", docs / "figures"
    text, written = page.read_text(), [page]
    figures.mkdir(exist_ok=True)
    for name, part in drawn(files).items():
        text = put(text, name, part.text)
        for figure, svg in part.figures.items():
            (figures / figure).write_text(svg)
            written.append(figures / figure)
    page.write_text(text)
    return written


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__.splitlines()[0])
    parser.add_argument("files", metavar="RESULTS.json", type=Path, nargs="+")
    try:
        written = write(parser.parse_args().files)
    except (ReportError, ResultsError) as cause:
        print(f"bench.report: {cause}", file=sys.stderr)
        return 1
    print("\n".join(str(path) for path in written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
