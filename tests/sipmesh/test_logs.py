"""Log lines: one a record, parseable, without secrets, not more than needed."""

import json
import logging
import shlex
import sys
from typing import Any

import pytest

from sipmesh.logs import LineFormatter, RepeatFilter


def record(message: str = "it %s", line: int = 1, error: bool = False, **extra: Any) -> logging.LogRecord:
    info = sys.exc_info() if error else None
    made = logging.LogRecord(
        "sipmesh.x", logging.WARNING, "x.py", line, message, ("happened",) if "%s" in message else (), info
    )
    made.created, made.msecs = 1_700_000_000.25, 250.0
    vars(made).update(extra)
    return made


def test_logfmt_names_time_level_worker_event_and_extras() -> None:
    line = LineFormatter("signal-0", "text").format(record(call_id="a=b c", count=3))
    assert line == 'time=2023-11-14T22:13:20.250Z level=warning worker=signal-0 event="it happened" call_id="a=b c" count=3'
    assert shlex.split(line)[4] == "call_id=a=b c"


def test_json_has_the_same_fields() -> None:
    fields = json.loads(LineFormatter("signal-0", "json").format(record(call_id="ü\n", data={1})))
    assert (fields["worker"], fields["event"], fields["call_id"], fields["data"]) == ("signal-0", "it happened", "ü\n", "{1}")


@pytest.mark.parametrize("value", ["a\nb", "\x1b[31m", "", 'say "x"', "\u2028"])
def test_a_strangers_text_stays_on_one_line_in_quotes(value: str) -> None:
    line = LineFormatter("w", "text").format(record(user_agent=value))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert 'user_agent="' in line


def test_secrets_are_blanked() -> None:
    line = LineFormatter("w", "text").format(record(password="x1", HA1="x2", Authorization="x3", token="x4"))
    assert "x1" not in line
    assert "x2" not in line
    assert line.count("=***") == 4


def test_a_traceback_is_one_field() -> None:
    try:
        raise ValueError("bad")
    except ValueError:
        line = LineFormatter("w", "text").format(record(error=True))
    assert "ValueError: bad" in line
    assert "\n" not in line


def test_repeats_of_one_place_are_held_back_and_counted() -> None:
    clock = [0.0]
    repeats = RepeatFilter(burst=3, window_s=60.0, now=lambda: clock[0])
    assert [repeats.filter(record()) for _ in range(10)] == [True] * 3 + [False] * 7
    assert repeats.filter(record(line=2))
    clock[0] = 61.0
    late = record()
    assert repeats.filter(late)
    assert vars(late)["held_back"] == 7
    clock[0] = 122.0
    quiet = record()
    assert repeats.filter(quiet)
    assert "held_back" not in vars(quiet)
