"""What was measured, as a table for people and as one JSON object."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from bench.relay.contenders import FLOOR
from bench.relay.measure import KINDS, Measured
from bench.relay.most import Most
from bench.relay.windows import RULE, Seen, Window, added_us

NAMES = ("ours", "rtpengine")
TOTALS = (("kB a call", "kb_per_call", ".1f"), ("ng CPU ms a call", "ng_ms_per_call", ".2f"), ("most calls", "max_calls", "d"))
LATENCIES = (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999))


def machine() -> str:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _us(window: Window) -> float:
    return window.us_a_packet


def _busy(window: Window) -> float:
    return window.busy


def _load_busy(window: Window) -> float:
    return window.load_busy


def _row(by_name: dict[str, Seen]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, prefix in (("ours", ""), ("rtpengine", "rtpengine_")):
        seen = by_name.get(name)
        row[f"{name}_us"] = round(seen.middle(_us), 2) if seen else None
        for what, share in LATENCIES:
            row[prefix + what] = round(seen.latency_us(share), 1) if seen else None
        row[prefix + "busy"] = round(seen.middle(_busy), 3) if seen else None
        row[prefix + "loss"] = round(seen.loss, 6) if seen else None
    floor = by_name.get(FLOOR)
    row["floor_us"] = round(floor.middle(_us), 2) if floor else None
    row["load_busy"] = round(median(seen.middle(_load_busy) for seen in by_name.values()), 3)
    ours, theirs = row["ours_us"], row["rtpengine_us"]
    row["ratio"] = round(ours / theirs, 3) if ours and theirs else None
    row["windows"] = {name: len(seen.windows) for name, seen in by_name.items()}
    row["thrown"] = {name: seen.thrown for name, seen in by_name.items()}
    row["disturbed"] = [name for name, seen in by_name.items() if seen.disturbed]
    return row


def _kb_per_call(measured: dict[int, Measured]) -> dict[str, float | None]:
    """With the most plain calls, where one-time costs weigh least."""
    plain = [calls for calls, each in measured.items() if "base" in each.seen]
    found = measured[max(plain)].kb_per_call if plain else {}
    return {name: round(found[name], 2) if name in found else None for name in NAMES}


def _over_plain(measured: dict[int, Measured]) -> dict[str, dict[str, float | None]]:
    """What SRTP adds to a packet, µs, by number of calls, and how busy the load maker was with the secure ones."""
    added: dict[str, dict[str, float | None]] = {}
    for calls, each in measured.items():
        plain, secure = each.seen.get("base", {}), each.seen.get("srtp", {})
        if plain and secure:
            busy = median(seen.middle(_load_busy) for seen in secure.values())
            costs = {name: round(added_us(plain[name], secure[name]), 2) if name in plain else None for name in NAMES}
            added[str(calls)] = {"load_busy": round(busy, 3), **costs}
    return added


def _fewest(measured: dict[int, Measured]) -> int:
    return min(len(seen.counted) for each in measured.values() for by_name in each.seen.values() for seen in by_name.values())


def result(measured: dict[int, Measured], most: dict[str, Most], ng_ms: dict[str, float]) -> dict[str, Any]:
    """What ``--json`` ends with. ``lower_bounds`` names the figures that stopped at what the load maker can do; ``runs`` is
    the fewest windows a figure is made of."""
    kinds = [kind for kind in KINDS if any(kind in each.seen for each in measured.values())]
    made: dict[str, Any] = {
        kind: {str(calls): _row(each.seen[kind]) for calls, each in measured.items() if kind in each.seen} for kind in kinds
    }
    made |= {
        "srtp_over_plain_us": _over_plain(measured),
        "max_calls": _most(most) if most else None,
        "lower_bounds": [f"max_calls.{_label(name)}" for name, found in most.items() if found.at_least],
        "extrapolated": [],
        "kb_per_call": _kb_per_call(measured),
        "ng_ms_per_call": {name: ng_ms.get(name) for name in NAMES},
        "rule": RULE,
        "machine": machine(),
        "commit": commit(),
        "runs": _fewest(measured),
    }
    return made


def _label(name: str) -> str:
    return "base" if name == "ours" else name


def _most(most: dict[str, Most]) -> dict[str, Any]:
    pair: dict[str, Any] = {_label(name): found.calls for name, found in most.items()}
    if pair.get("base") and pair.get("rtpengine"):
        pair["ratio"] = round(pair["base"] / pair["rtpengine"], 3)
    return pair


def _cell(value: float | None, form: str) -> str:
    width = form.partition(".")[0]
    return "-".rjust(int(width) if width.isdigit() else 1) if value is None else format(value, form)


def table(made: dict[str, Any]) -> str:
    lines = [f"{made['machine']}; {made['commit']}; medians of {made['runs']} windows or more"]
    for kind in (kind for kind in KINDS if kind in made):
        lines += ["", *_head(kind), *(_line(calls, row) for calls, row in made[kind].items())]
    for title, key, form in TOTALS:
        if made[key]:
            ours = _cell(made[key].get("ours", made[key].get("base")), form)
            lines.append(f"{title}: ours {ours}, rtpengine {_cell(made[key].get('rtpengine'), form)}")
    for calls, added in made["srtp_over_plain_us"].items():
        title = f"SRTP over plain, µs a packet, {calls} calls, the load maker busy {added['load_busy']:.0%}"
        lines.append(f"{title}: ours {_cell(added['ours'], '.2f')}, rtpengine {_cell(added['rtpengine'], '.2f')}")
    return "\n".join(
        [
            *lines,
            *_fast_lines(made.get("ebpf", {})),
            *(
                f"{name} is a lower bound: the load maker did no more, or the machine was disturbed"
                for name in made["lower_bounds"]
            ),
        ]
    )


def _fast_lines(rows: dict[str, Any]) -> list[str]:
    """``rows``: of bench.relay.fast."""
    return [
        f"fast path, {calls} calls: {row['ours_us']:.2f} µs a packet, by sockets {row['sockets_us']:.2f}, "
        f"rtpengine {_cell(row.get('rtpengine_us'), '.2f')}, ratio {_cell(row['ratio'], '.3f')}; "
        f"p99.9 {row['p999_us']:.0f} µs, rtpengine {_cell(row.get('rtpengine_p999_us'), '.0f')}; loss {row['loss']:.4%}"
        for calls, row in rows.items()
        if isinstance(row, dict)
    ]


def _head(kind: str) -> list[str]:
    return [
        f"  {kind:<8} CPU µs a packet                of a core        p50/p99/p99.9 µs ",
        " calls     ours rtpengine  floor  ratio   ours rtpengine   ours                 rtpengine              loss of both",
    ]


def _line(calls: str, row: dict[str, Any]) -> str:
    latency = ["/".join(_cell(row[p + w], ".0f") for w, _ in LATENCIES) for p in ("", "rtpengine_")]
    cpu = " ".join(_cell(row[key], form) for key, form in
                   (("ours_us", "8.2f"), ("rtpengine_us", "9.2f"), ("floor_us", "6.2f"), ("ratio", "6.2f")))  # fmt: skip
    loss = f"{_cell(row['loss'], '.4%'):8} {_cell(row['rtpengine_loss'], '.4%')}"
    thrown = f"  ({sum(row['thrown'].values())} of {sum(row['windows'].values())} windows thrown away"
    uneven = f", {' and '.join(row['disturbed'])} disturbed)" if row["disturbed"] else ")"
    busy = f"{_cell(row['busy'], '6.0%')} {_cell(row['rtpengine_busy'], '9.0%')}"
    return f"{calls:>6} {cpu} {busy}   {latency[0]:20} {latency[1]:22} {loss}{thrown}{uneven}"
