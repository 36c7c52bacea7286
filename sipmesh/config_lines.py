"""Line numbers of TOML keys, which ``tomllib`` does not give.

Works on text that ``tomllib`` has already accepted, so it need only find keys, not judge them.
"""

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*""")
SKIP = re.compile(
    r"""(?P<string>\"{3}(?:[^\\]|\\.)*?\"{3,5}|'{3}.*?'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')|(?P<comment>\#[^\n]*)|(?P<other>.)""",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """Line, from 1, of each table header and key; ``("listen", 1, "address")`` is a key of the second ``[[listen]]``."""
    lines: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for line, statement in statements(text):
        stripped = statement.strip()
        if stripped.startswith("[["):
            name = qualified(dotted(stripped[2:])[0], counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            lines.setdefault(name, line)
            lines[table] = line
        elif stripped.startswith("["):
            table = qualified(dotted(stripped[1:])[0], counts)
            lines.setdefault(table, line)
        else:
            keys, value = dotted(stripped)
            for depth in range(1, len(keys) + 1):
                lines.setdefault((*table, *keys[:depth]), line)
            inline(value, (*table, *keys), line, lines)
    return lines


def line_of(lines: dict[Path, int], path: Path) -> int:
    """The line of ``path``, or of the nearest thing around it; 1 when there is none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 1


def statements(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of each header or ``key = value``, comments dropped, values over several lines kept whole."""
    parts: list[str] = []
    line = start = 1
    depth = 0
    header = False
    for match in SKIP.finditer(text + "\n"):
        piece = match.group()
        if match["comment"]:
            continue
        if not match["string"]:
            if not parts and not piece.isspace():
                header = piece == "["
            depth += (piece in "[{") - (piece in "]}")
            if piece == "\n" and (depth <= 0 or header):
                if parts:
                    yield start, "".join(parts)
                parts, depth, header = [], 0, False
        if parts or not piece.isspace():
            if not parts:
                start = line
            parts.append(piece)
        line += piece.count("\n")


def dotted(text: str) -> tuple[list[str], str]:
    """The dotted key at the start of ``text``, and what follows its ``=`` or ``]``."""
    keys: list[str] = []
    at = 0
    while match := KEY.match(text, at):
        name = match[1]
        keys.append(name[1:-1] if name[0] in "\"'" else name)
        at = match.end()
        if text[at : at + 1] != ".":
            break
        at += 1
    return keys, text[at + 1 :]


def qualified(keys: list[str], counts: dict[Path, int]) -> Path:
    """``keys`` with the index of the newest element put after each array of tables on the way."""
    path: Path = ()
    for position, key in enumerate(keys):
        path = (*path, key)
        if position < len(keys) - 1 and path in counts:
            path = (*path, counts[path])
    return path


def inline(value: str, path: Path, line: int, lines: dict[Path, int]) -> None:
    """Lines of the elements of an array that spans several."""
    if not value.lstrip().startswith("["):
        return
    index = depth = 0
    fresh = False
    for match in SKIP.finditer(value):
        piece = match.group()
        if depth == 1 and fresh and not piece.isspace() and piece != "]":
            lines[*path, index] = line
            fresh = False
        if not match["string"]:
            if piece in "[{":
                depth += 1
                fresh = fresh or depth == 1
            elif piece in "]}":
                depth -= 1
            elif piece == "," and depth == 1:
                index += 1
                fresh = True
        line += piece.count("\n")
