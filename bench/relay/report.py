"""What was measured, as a table for people and as one JSON object."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.relay.measure import KINDS, Sample
from bench.relay.most import Most

Samples = dict[str, dict[int, dict[str, list[Sample]]]]  # by kind, number of calls and contender
NAMES = ("ours", "rtpengine")
TOTALS = (("kB a call", "kb_per_call", ".1f"), ("ng CPU ms a call", "ng_ms_per_call", ".2f"), ("most calls", "max_calls", "d"))


def machine() -> str:
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}"


def commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _middle(samples: Sequence[Sample], what: str) -> float:
    """The median of the undisturbed runs, or of all when there is none."""
    counted = [sample for sample in samples if not sample.load.disturbed] or samples
    return float(median(getattr(sample.load, what) for sample in counted))


def _row(by_name: dict[str, list[Sample]]) -> dict[str, float | None]:
    row: dict[str, float | None] = {}
    for name, prefix in (("ours", ""), ("rtpengine", "rtpengine_")):
        samples = by_name.get(name)
        row[f"{name}_us"] = round(_middle(samples, "us_a_packet"), 2) if samples else None
        for what in ("p50_us", "p99_us", "p999_us"):
            row[prefix + what] = round(_middle(samples, what), 1) if samples else None
        row[prefix + "busy"] = round(_middle(samples, "busy"), 3) if samples else None
        row[prefix + "loss"] = round(_middle(samples, "loss"), 6) if samples else None
    everybody = [sample for samples in by_name.values() for sample in samples]
    row["load_busy"] = round(_middle(everybody, "load_busy"), 3)
    ours, theirs = row["ours_us"], row["rtpengine_us"]
    row["ratio"] = round(ours / theirs, 3) if ours and theirs else None
    row["disturbed"] = sum(sample.load.disturbed for sample in everybody)
    return row


def _of_all(samples: Samples, name: str, what: str) -> float | None:
    """The median over the plain runs with most calls, where one-time costs weigh least."""
    plain = samples.get("base")
    values = [getattr(sample, what) for sample in plain[max(plain)].get(name, [])] if plain else []
    return round(median(values), 2) if values else None


def _over_plain(plain: dict[str, Any], secure: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """What SRTP adds to a packet, µs, by number of calls, and how busy the load maker was with the secure ones."""
    added: dict[str, dict[str, float | None]] = {}
    for calls in sorted(plain.keys() & secure.keys(), key=int):
        added[calls] = {"load_busy": secure[calls]["load_busy"]}
        for name in NAMES:
            pair = plain[calls][f"{name}_us"], secure[calls][f"{name}_us"]
            added[calls][name] = None if None in pair else round(pair[1] - pair[0], 2)
    return added


def result(samples: Samples, most: dict[str, Most]) -> dict[str, Any]:
    """What ``--json`` ends with. ``lower_bounds`` names the figures that stopped at what the load maker can do."""
    made: dict[str, Any] = {
        kind: {str(calls): _row(by_name) for calls, by_name in rows.items()} for kind, rows in samples.items()
    }
    made |= {
        "srtp_over_plain_us": _over_plain(made.get("base", {}), made.get("srtp", {})),
        "max_calls": _most(most) if most else None,
        "lower_bounds": [f"max_calls.{_label(name)}" for name, found in most.items() if found.at_least],
        "extrapolated": [],
        "kb_per_call": {name: _of_all(samples, name, "kb_per_call") for name in NAMES},
        "ng_ms_per_call": {name: _of_all(samples, name, "ng_ms_per_call") for name in NAMES},
        "machine": machine(),
        "commit": commit(),
        "runs": min(len(runs) for rows in samples.values() for by_name in rows.values() for runs in by_name.values()),
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
    lines = [f"{made['machine']}; {made['commit']}; median of {made['runs']}"]
    for kind in (kind for kind in KINDS if kind in made):
        lines += ["", *_head(kind), *(_line(calls, row) for calls, row in made[kind].items())]
    for title, key, form in TOTALS:
        if made[key]:
            ours = _cell(made[key].get("ours", made[key].get("base")), form)
            lines.append(f"{title}: ours {ours}, rtpengine {_cell(made[key].get('rtpengine'), form)}")
    for calls, added in made["srtp_over_plain_us"].items():
        title = f"SRTP over plain, µs a packet, {calls} calls, the load maker busy {added['load_busy']:.0%}"
        lines.append(f"{title}: ours {_cell(added['ours'], '.2f')}, rtpengine {_cell(added['rtpengine'], '.2f')}")
    return "\n".join([*lines, *(f"{name} is a lower bound: the load maker did no more" for name in made["lower_bounds"])])


def _head(kind: str) -> list[str]:
    return [
        f"  {kind:<8} CPU µs a packet         of a core        p50/p99/p99.9 µs                            loss",
        " calls     ours rtpengine  ratio   ours rtpengine   ours                 rtpengine              ours     rtpengine",
    ]


def _line(calls: str, row: dict[str, Any]) -> str:
    latency = ["/".join(_cell(row[p + w], ".0f") for w in ("p50_us", "p99_us", "p999_us")) for p in ("", "rtpengine_")]
    cpu = f"{_cell(row['ours_us'], '8.2f')} {_cell(row['rtpengine_us'], '9.2f')} {_cell(row['ratio'], '6.2f')}"
    loss = f"{_cell(row['loss'], '.4%'):8} {_cell(row['rtpengine_loss'], '.4%')}"
    uneven = f"  ({row['disturbed']} runs disturbed: late load or stolen time)" if row["disturbed"] else ""
    busy = f"{_cell(row['busy'], '6.0%')} {_cell(row['rtpengine_busy'], '9.0%')}"
    return f"{calls:>6} {cpu} {busy}   {latency[0]:20} {latency[1]:22} {loss}{uneven}"
