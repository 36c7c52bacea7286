"""A CDR as it stands in the file: its fields by name, as a line of JSON or of CSV. docs/cdr.md explains them."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import Any, Literal

from sipmesh.store import Cdr, Quality

Format = Literal["json", "csv"]

FIELDS = (
    *("v", "node", "key", "call_id", "caller", "called", "callee", "source", "trunk_in", "trunk_out", "route"),
    *("started_at", "ringing_at", "answered_at", "ended_at", "duration_s", "ring_s"),
    *("disposition", "cause", "status", "ended_by"),
    *(
        f"{side}_{figure}"
        for side in ("caller", "callee")
        for figure in ("packets", "lost", "loss_bursts", "jitter_ms", "round_trip_ms", "mos")
    ),
    "silent",
)
CSV_HEAD = ",".join(FIELDS) + "\n"
FROM_PEERS = frozenset({"call_id", "caller", "called", "callee"})
FORMULA = re.compile(r"(?!\+?[0-9]+(@|$))[=+@-]")  # what a spreadsheet computes, which it does not do with numbers and AORs
SPACES = {**dict.fromkeys(range(32), " "), 127: " ", 133: " ", 0x2028: " ", 0x2029: " "}  # a line is a line to every reader


def fields_of(cdr: Cdr, node: str) -> dict[str, Any]:
    """``node``: its name. Times are RFC 3339 in UTC; None: did not happen, or is not known."""
    call = cdr.call
    rang_until = call.answered_at or cdr.ended_at
    caller, callee = call.media or (None, None)
    values = (
        *(cdr.v, node, cdr.key, call.call_id, call.caller, call.callee, call.destination),
        *(call.source, call.trunk_in, call.trunk_out, call.route),
        *(rfc3339(call.started_at), rfc3339(call.ringing_at), rfc3339(call.answered_at), rfc3339(cdr.ended_at)),
        seconds(cdr.ended_at - call.answered_at) if call.answered_at else 0.0,
        seconds(rang_until - call.ringing_at) if call.ringing_at else 0.0,
        *(cdr.disposition, cdr.cause, cdr.status, cdr.ended_by),
        *(*figures(caller), *figures(callee), call.silent),
    )
    return dict(zip(FIELDS, map(cleaned, values), strict=True))


def line_of(fields: dict[str, Any], form: Format) -> str:
    if form == "json":
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cell(name, value) for name, value in fields.items())
    return text.getvalue()


def cell(name: str, value: Any) -> Any:
    """An apostrophe keeps a spreadsheet from computing what a peer wrote."""
    if name in FROM_PEERS and FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value


def read_line(line: str, form: Format) -> dict[str, Any] | None:
    """None: no CDR, as the head of a CSV file. In CSV every value is a text."""
    if form == "csv":
        values = [re.sub("^'(?=[=+@-])", "", value) for value in next(csv.reader([line]), [])]
        return dict(zip(FIELDS, values, strict=True)) if len(values) == len(FIELDS) and values[0] != "v" else None
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def identity(fields: dict[str, Any]) -> tuple[str, str]:
    """What no two CDRs share."""
    return fields.get("key", ""), fields.get("started_at", "")


def rfc3339(unix_s: float) -> str | None:
    if not unix_s:
        return None
    whole, ms = divmod(round(unix_s * 1000), 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{ms:03}Z"


def seconds(span: float) -> float:
    """A clock that was set back makes no negative ones."""
    return max(0.0, round(span, 3))


def figures(quality: Quality | None) -> tuple[int | float | None, ...]:
    if quality is None:
        return (None,) * 6
    loss = quality.packets, quality.lost, quality.loss_bursts
    return *loss, quality.jitter_ms, quality.round_trip_ms or None, quality.mos or None


def cleaned(value: Any) -> Any:
    """Bytes of a peer that are no UTF-8 become U+FFFD."""
    if not isinstance(value, str):
        return value
    return value.translate(SPACES).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
