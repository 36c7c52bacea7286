"""The status page: plain HTML that reloads itself. Everything shown comes from strangers, so everything is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

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


def status_page(view: NodeView, now: float) -> str:
    health = view.health(now)
    registrations = view.registrations(None, ROWS)
    calls = view.calls(ROWS)
    state = '<span class="ready">ready</span>' if health["ready"] else '<span class="not">not ready</span>'
    workers = [
        (each["name"], each["state"], each["pid"] or "", each["restarts"], each["last_end"]) for each in health["workers"]
    ]
    return "".join(
        (
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>sipmesh {escape(view.name)}</title><style>{STYLE}</style></head><body>",
            f"<h1>Node {escape(view.name)}: {state}</h1>",
            section("Workers", ("Name", "State", "Process", "Restarts", "Last end"), workers),
            section(
                f"Calls ({sum(view.calls_by_state().values())})",
                ("Caller", "Callee", "State", "Seconds", "Trunks"),
                [(each["caller"], each["callee"], each["state"], each["duration_s"], each["via"]) for each in calls],
            ),
            section(
                f"Registrations ({view.registered_aors()} AORs)",
                ("AOR", "Contact", "Source", "Expires in, s", "User agent"),
                [
                    (each["aor"], each["contact"], each["source"], each["expires_in_s"], each["user_agent"])
                    for each in registrations
                ],
            ),
            section(
                "Trunks",
                ("Name", "Targets", "Sources", "From"),
                [
                    (each["name"], ", ".join(one["uri"] for one in each.get("targets", ())), ", ".join(each.get("sources", ())),
                     each["origin"])
                    for each in view.trunks()
                ],
            ),
            "</body></html>",
        )
    )  # fmt: skip


def section(title: str, columns: Iterable[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return f'<h2>{escape(title)}</h2><p class="none">none</p>'
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<h2>{escape(title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
