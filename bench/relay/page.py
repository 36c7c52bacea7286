"""The relay's section of docs/performance.md."""

from __future__ import annotations

from bench.page import Drawn, Result, Section, number, setting, table
from bench.svg import Axes, Line, chart

OURS, THEIRS, FLOOR = "#1f6fb2", "#c2571a", "#777777"
KINDS = (("base", "Plain RTP"), ("srtp", "RTP on one side, SRTP (AES_CM_128_HMAC_SHA1_80 by SDES) on the other"))
PERCENTILES = (("p50", "median"), ("p99", "p99"), ("p999", "p99.9"))
HEAD = (
    "calls",
    "sipmesh µs",
    "rtpengine µs",
    "ratio",
    "bare loop µs",
    "sipmesh p50/p99/p99.9",
    "rtpengine p50/p99/p99.9",
    "core used",
    "lost",
    "thrown away",
)
DISTURBED = "\\* Hardly a window of {} was undisturbed; disturbed ones count there."
TOTALS = (
    ("memory a call, kernel slab counted, kB", "kb_per_call", 1),
    ("ng offer + answer + delete, CPU ms", "ng_ms_per_call", 2),
    ("most calls with p99 ≤ 1 ms, one core", "max_calls", 0),
)


def _latencies(row: Result, prefix: str) -> str:
    return " / ".join(number(row.get(f"{prefix}{name}_us"), 0) for name, _ in PERCENTILES)


def _share(row: Result, key: str, form: str) -> str:
    return "-" if row.get(key) is None else format(row[key], form)


def _rows(rows: dict[str, Result]) -> list[list[str]]:
    return [
        [
            f"{int(calls):,}" + (" *" if row.get("disturbed") else ""),
            number(row["ours_us"], 2),
            number(row["rtpengine_us"], 2),
            number(row["ratio"], 2),
            number(row.get("floor_us"), 2),
            _latencies(row, ""),
            _latencies(row, "rtpengine_"),
            f"{_share(row, 'busy', '.0%')} / {_share(row, 'rtpengine_busy', '.0%')}",
            f"{_share(row, 'loss', '.3%')} / {_share(row, 'rtpengine_loss', '.3%')}",
            f"{sum(row['thrown'].values())} of {sum(row['windows'].values())}",
        ]
        for calls, row in rows.items()
    ]


def _line(rows: dict[str, Result], key: str, name: str, colour: str, dashed: bool = False) -> Line:
    return Line(name, [(int(calls), row[key]) for calls, row in rows.items() if row.get(key)], colour, dashed)


def _figures(kind: str, rows: dict[str, Result]) -> dict[str, str]:
    cpu, latency = [], []
    for prefix, ours, name, colour in (("", "ours_us", "sipmesh", OURS), ("rtpengine_", "rtpengine_us", "rtpengine", THEIRS)):
        cpu.append(_line(rows, ours, name, colour))
        for key, share in PERCENTILES[1:]:
            latency.append(_line(rows, f"{prefix}{key}_us", f"{name} {share}", colour, dashed=key != "p99"))
    cpu.append(_line(rows, "floor_us", "bare loop", FLOOR, dashed=True))
    charts = (("cpu", Axes("CPU a packet", "calls", "µs"), cpu), ("latency", Axes("Latency", "calls", "µs", log=True), latency))
    return {f"relay-{kind}-{name}.svg": chart(axes, [line for line in lines if line.points]) for name, axes, lines in charts}


def _total(result: Result, key: str, name: str, digits: int) -> str:
    bound = "≥ " if f"{key}.{name}" in result.get("lower_bounds", ()) else ""
    return bound + number(result[key].get(name), digits)


def _totals(result: Result) -> str:
    rows = []
    for title, key, digits in TOTALS:
        if result.get(key):
            ours = "base" if "base" in result[key] else "ours"
            rows.append([title, _total(result, key, ours, digits), _total(result, key, "rtpengine", digits)])
    return table(("", "sipmesh", "rtpengine"), [*rows, *_srtp_rows(result)])


def _srtp_rows(result: Result) -> list[list[str]]:
    """With few calls the load maker mostly waits, which disturbs a relay on its core's other hyperthread least."""
    title = "SRTP on one side, µs a packet over plain at {:,} calls, the load maker busy {:.0%}"
    return [
        [title.format(int(calls), added["load_busy"]), *(number(added[name], 2) for name in ("ours", "rtpengine"))]
        for calls, added in result.get("srtp_over_plain_us", {}).items()
    ]


def _profile(profile: Result) -> str:
    rows = [[f"`{name}`", f"{share:.1f} %"] for name, share in profile["symbols"]]
    calls = ", ".join(f"{name} {share:.0f} %" for name, share in profile["calls"])
    return (f"Where the relay thread's time goes at {profile['at']:,} calls: {calls}. "
            f"The symbols with the largest shares of their own:\n\n{table(('symbol', 'share'), rows)}")  # fmt: skip


def draw(result: Result, command: str) -> Drawn:
    made = f"medians of {result['runs']} windows or more"
    parts, figures = [f"{setting(result, command, made)} {result['rule']}"], {}
    for kind, title in KINDS:
        rows = result.get(kind)
        if not rows:
            continue
        charts = _figures(kind, rows)
        parts += [f"### {title}", table(HEAD, _rows(rows))]
        if disturbed := sorted({name for row in rows.values() for name in row["disturbed"]}):
            parts.append(DISTURBED.format(" and ".join(disturbed)))
        parts += [f"![{title}: {name.split('-')[-1].removesuffix('.svg')}](figures/{name})" for name in charts]
        figures |= charts
    parts += ["### A call", _totals(result)]
    if result.get("profile"):
        parts += ["### Where the time goes", _profile(result["profile"])]
    return Drawn("\n\n".join(parts), figures)


SECTION = Section("relay", lambda result: "base" in result and "kb_per_call" in result, draw)
