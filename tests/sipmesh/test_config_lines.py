"""Lines of keys in all the ways TOML lets people write."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipmesh.config_lines import Path, key_lines, line_of

CASES: list[tuple[str, Path, int]] = [
    ("a = 1\nb = 2", ("b",), 2),
    ("[t]\n# [x]\na = 1", ("t", "a"), 3),
    ("[[t]]\na = 1\n[[t]]\na = 2", ("t", 1, "a"), 4),
    ("[[t]]\na = 1\n[[t]]\na = 2", ("t", 1), 3),
    ("[[t]]\n[t.u]\na = 1\n[[t]]\n[t.u]\na = 2", ("t", 1, "u", "a"), 6),
    ("a.b.c = 1", ("a", "b"), 1),
    ("[a.b]\nc.d = 1", ("a", "b", "c", "d"), 2),
    ("\"a b\" = 1\n'c.d' = 2", ("c.d",), 2),
    ("  [ t ]  # c\n  a = 1", ("t", "a"), 2),
    ('a = """\nb = 2\n"""\nc = 3', ("c",), 4),
    ("a = '''\n[x]\n'''\nc = 3", ("c",), 4),
    ('a = "[[x]] # no"\nc = 3', ("c",), 2),
    ('a = "\\"\\n"\nc = 3', ("c",), 2),
    ("a = [\n  1,\n  2, # two ]\n  3\n]\nb = 1", ("a", 2), 4),
    ("a = [\n  1,\n  2, # two ]\n  3\n]\nb = 1", ("b",), 6),
    ("a = [[1, 2],\n [3]]\n", ("a", 1), 2),
    ("a = [ { x = 1 },\n\n { x = 2 } ]", ("a", 1), 3),
    ("a = { x = 1, y = 2 }\nb = 1", ("b",), 2),
    ("a = 1\r\nb = 2\r\n", ("b",), 2),
]


@pytest.mark.parametrize(("text", "path", "line"), CASES)
def test_lines(text: str, path: Path, line: int) -> None:
    tomllib.loads(text)
    assert key_lines(text)[path] == line


def test_an_unknown_path_takes_the_line_around_it() -> None:
    lines = key_lines("a = 1\n[t]\nb = { c = 1 }\n")
    assert line_of(lines, ("t", "b", "c")) == 3
    assert line_of(lines, ("t", "x")) == 2
    assert line_of(lines, ("y",)) == 1


def keys_of(value: object, path: Path = ()) -> list[Path]:
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in [(*path, key), *keys_of(each, (*path, key))]]
    return []


@given(st.text(alphabet="[]{}='\"#\n\\ .,ab1", max_size=60))
def test_whatever_tomllib_accepts_has_a_line_for_its_top_keys(text: str) -> None:
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = key_lines(text)
    for path in keys_of(raw):
        assert 1 <= line_of(lines, path) <= text.count("\n") + 1
    for key in raw:
        assert (key,) in lines
