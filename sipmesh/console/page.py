"""The status page: plain HTML that reloads itself. Everything shown comes from strangers, so everything is escaped."""

from collections.abc import Sequence
from html import escape
from typing import Any

from sipmesh.console.status import NodeView

ROWS = 100

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem }
body { color: #222; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem }
table { border-collapse: collapse; width: 100% } th { text-align: left; font-weight: 600 }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; overflow-wrap: anywhere; vertical-align: top }
.ready { color: #176f2c } .not { color: #b3261e } .none { color: #666 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #161616 } th, td { border-color: #333 }
  .ready { color: #6fcf85 } .not { color: #f2867e } .none { color: #999 }
}
"""


HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>sipmesh {name}</title><style>{style}</style></head><body>
<h1>Node {name}: {state}</h1>
"""
READY = '<span class="ready">ready</span>'
NOT_READY = '<span class="not">not ready</span>'

# heading → name in the row
WORKERS = {"Name": "name", "State": "state", "Process": "pid", "Restarts": "restarts", "Last end": "last_end"}
CALLS = {"Caller": "caller", "Callee": "callee", "State": "state", "Seconds": "duration_s", "Trunks": "via"}
CONTACTS = {
    "AOR": "aor",
    "Contact": "contact",
    "Source": "source",
    "Expires in, s": "expires_in_s",
    "User agent": "user_agent",
}
TRUNKS = {"Name": "name", "Targets": "target_states", "Sources": "sources", "Calls": "calls", "From": "origin"}


def status_page(view: NodeView, now: float) -> str:
    """``now``: Unix time."""
    health = view.health(now)
    calls = sum(view.calls_by_state().values())
    trunks = [{**row, "target_states": [f"{each['uri']} {each['state']}" for each in row["targets"]]} for row in view.trunks()]
    return "".join(
        (
            HEAD.format(name=escape(view.name), style=STYLE, state=READY if health["ready"] else NOT_READY),
            section("Workers", WORKERS, health["workers"]),
            section(f"Calls ({calls})", CALLS, view.calls(ROWS)),
            section(f"Registrations ({view.registered_aors()} AORs)", CONTACTS, view.registrations(None, ROWS)),
            section("Trunks", TRUNKS, trunks),
            "</body></html>",
        )
    )


def section(title: str, columns: dict[str, str], rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return f'<h2>{escape(title)}</h2><p class="none">none</p>'
    head = "".join(f"<th>{escape(heading)}</th>" for heading in columns)
    body = "".join("<tr>" + "".join(cell(row.get(name, "")) for name in columns.values()) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cell(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"<td>{escape(text)}</td>"
