"""The signalling section of docs/performance.md."""

from __future__ import annotations

from bench.page import Drawn, Result, Section, number, setting, table
from bench.sip.loads import LOADS
from bench.sip.report import BARS
from bench.svg import Axes, Bars, Line, bar_chart, chart

OURS, THEIRS, REFUSED = "#1f6fb2", "#c2571a", "#888888"
TITLES = (
    ("call", "call over UDP"),
    ("call_busy", "call over UDP"),
    ("call_tcp", "call over TCP"),
    ("call_nat", "call over UDP between two phones behind NAT"),
    ("call_forked", "call over UDP to a user with two phones"),
    ("call_trunk", "call from a trunk to another"),
    ("call_relayed", "call over UDP, its media relayed"),
    ("call_digest", "call over UDP with digest: two INVITEs"),
    ("register", "REGISTER"),
    ("register_digest", "REGISTER with digest: two requests"),
    ("options", "OPTIONS"),
)
LIMITS = {
    "bytes_per_binding": "≤ 500",
    "kb_per_waiting_call": "≤ 5",
    "kb_per_tls_connection": "≤ 40",
    "overload_goodput_share": "≥ 0.9",
}


def _cpu(result: Result) -> str:
    rows = []
    for key, title in TITLES:
        row = result.get(key)
        if row:
            cells = [number(row.get(name), digits) for name, digits in (("ours_us", 1), ("kamailio_us", 1), ("ratio", 2))]
            rows.append([title, f"{row['rate']:,}", *cells])
    return table(("CPU of all processes", "a second", "sipmesh µs", "Kamailio µs", "ratio"), rows)


def _cpu_chart(result: Result) -> str:
    keys = [key for key, _ in TITLES if key in result]
    series = [
        Bars(name, [result[key].get(column) or 0.0 for key in keys], colour)
        for name, column, colour in (("sipmesh", "ours_us", OURS), ("Kamailio", "kamailio_us", THEIRS))
    ]
    return bar_chart(Axes("CPU of an exchange, one core", "", "µs"), [key.replace("_", " ") for key in keys], series)


def _delay_rows() -> list[tuple[str, str, int]]:
    measures = (("p50", "median"), ("p99", "p99"), ("undisturbed_p99", "p99 when the host took nothing"))
    return [
        (f"{load.replace('call', 'invite')}_{label}_ms", f"INVITE at {LOADS[load].rate:,} calls/s, {title}, ms", 2)
        for load in ("call", "call_busy")
        for label, title in measures
    ]


def _pairs(result: Result) -> str:
    rows = []
    for key, title, digits in (
        ("max_calls_per_s", "most calls a second, one core", 0),
        *_delay_rows(),
    ):
        row = result.get(key)
        if row:
            least = ["≥ " if name in row.get("lower_bounds", ()) else "" for name in ("ours", "kamailio")]
            values = [number(row.get(name), digits) for name in ("ours", "kamailio")]
            rows.append([title, least[0] + values[0], least[1] + values[1]])
    return table(("", "sipmesh", "Kamailio"), rows)


def _bars(result: Result) -> str:
    many = f", {result['bindings']:,} of them" if "bindings" in result else ""
    named = {"bytes_per_binding": many}
    rows = [[title + named.get(key, ""), f"{result[key]:,g}", LIMITS[key]] for title, key in BARS if key in result]
    return table(("", "sipmesh", "aim"), rows)


def _overload(measured: Result) -> tuple[str, str]:
    capacity = measured["capacity_calls_per_s"]
    runs = measured["offered"]
    lines = [
        Line("completed", [(each["rate"], each["completed"]) for each in runs], OURS),
        Line("refused by 503", [(each["rate"], each["refused"]) for each in runs], REFUSED, dashed=True),
    ]
    worst = runs[-1]
    held = f"held to {measured['share_of_core']:.0%} of a core ({measured['held_by']})"
    delays = f"{number(worst['refusal_p50_ms'], 0)} ms in the median and {number(worst['refusal_p99_ms'], 0)} ms at p99"
    text = (
        f"A server {held} completes {capacity:,} calls a second. At {worst['rate']:,.0f} offered it refuses "
        f"{worst['refused']:,.0f}, within {delays}; {worst['failed']:,.0f} get no answer."
    )
    if measured.get("windows"):
        text += f" {measured['disturbed']} of {measured['windows']} windows of 250 ms don't count: the machine disturbed them."
    if stopped := measured.get("stopped"):
        stop_ms = stopped["period_ms"] * (1 - measured["share_of_core"])
        text += (
            f" Given its part once in {stopped['period_ms']} ms, so stopped for {stop_ms:.0f} ms of them, it completes "
            f"{stopped['completed']:,.0f} of {stopped['rate']:,} and refuses within {number(stopped['refusal_p50_ms'], 0)} and "
            f"{number(stopped['refusal_p99_ms'], 0)} ms."
        )
    return text, chart(Axes("Calls a second in overload", "offered", "calls a second"), lines)


def _profile(profile: Result) -> str:
    places = ", ".join(f"{name} {share:.0f} %" for name, share in sorted(profile["places"].items(), key=lambda pair: -pair[1]))
    rows = [[f"`{name}`", f"{share:.1f} %"] for name, share in profile["symbols"]]
    head = f"Of the signal worker's time at {profile['rate']:,} calls a second: {places}. The symbols with the largest shares:"
    return f"{head}\n\n{table(('symbol', 'share'), rows)}"


def _tls(measured: Result) -> str:
    head = ("key", "alone", f"beside {measured['half_open_connections']} half-open", "in a storm", "handshakes a second")
    names = ("alone_p99_ms", "half_open_p99_ms", "storm_p99_ms")
    rows = [
        [kind.upper(), *(number(measured[kind][name], 2) for name in names), f"{measured[kind]['storm_handshakes_per_s']:,}"]
        for kind in ("ecdsa", "rsa")
    ]
    return table(head, rows)


def draw(result: Result, command: str) -> Drawn:
    parts, figures = [setting(result, command)], {}
    if "call" in result:
        figures["signalling-cpu.svg"] = _cpu_chart(result)
        parts += ["### CPU", _cpu(result), "![CPU of an exchange](figures/signalling-cpu.svg)", _pairs(result)]
    if any(key in result for _, key in BARS):
        parts += ["### Memory and overload", _bars(result)]
    if "overload" in result:
        text, figures["signalling-overload.svg"] = _overload(result["overload"])
        parts += [text, "![Calls in overload](figures/signalling-overload.svg)"]
    if "tls" in result:
        parts += ["### TLS handshakes beside calls", "p99 of the answer to OPTIONS over UDP, in ms:", _tls(result["tls"])]
    if "profile" in result:
        parts += ["### Where the signal worker's time goes", _profile(result["profile"])]
    return Drawn("\n\n".join(parts), figures)


SECTION = Section("signalling", lambda result: any(key in result for key, _ in TITLES) and "base" not in result, draw)
