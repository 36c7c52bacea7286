"""Calls offered at up to four times what a server can do that is held to a part of a core: how many are completed."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.sip.loads import Bench, bound, quantile
from bench.sip.quota import held_to
from bench.sip.servers import Server
from interop.process import free_port

SHARE_OF_CORE = 0.25
FACTORS = (1.0, 2.0, 4.0)  # of the highest goodput
SETTLED_S = 1.0  # from the start; not counted
FIRST_RATE = 200


@dataclass(slots=True)
class Offered:
    """One rate, and what came of it, a second."""

    rate: int
    completed: float
    refused: float
    failed: float
    refusal_p50_ms: float
    refusal_p99_ms: float


def measure(bench: Bench, server: Server, seconds: float) -> dict[str, Any]:
    """The share of the highest goodput that is left when twice that is offered, and the curve."""
    with held_to(server.process.pid, SHARE_OF_CORE) as way:
        curve = _climb(bench, server, seconds)
        peak = max(each.completed for each in curve)
        rows = {factor: _run(bench, server, int(factor * peak), seconds) for factor in FACTORS}
    peak = max(peak, *(each.completed for each in rows.values()))
    return {
        "overload_goodput_share": round(rows[2.0].completed / peak, 3),
        "overload": {
            "held_by": way,
            "share_of_core": SHARE_OF_CORE,
            "peak_calls_per_s": round(peak),
            "offered": [asdict(each) for each in (*curve, *rows.values())],
        },
    }


def _climb(bench: Bench, server: Server, seconds: float) -> list[Offered]:
    """Higher and higher rates, until more brings no more."""
    curve = [_run(bench, server, FIRST_RATE, seconds)]
    while curve[-1].completed > 0.9 * curve[-1].rate:
        curve.append(_run(bench, server, int(curve[-1].rate * 1.5), seconds))
    return curve


def _run(bench: Bench, server: Server, rate: int, seconds: float) -> Offered:
    folder = bench.scratch(f"{server.name}-overload-{rate}")
    callee_port, caller_port = free_port(), free_port()
    callee = bench.sipp(server, "callee", "udp", callee_port, folder / "callee.log", ())
    table = folder / "caller.csv"
    try:
        callee.wait_ready(lambda: bound(callee_port, "udp"))
        server.register_users(callee_port, "udp")
        arguments = ["-inf", str(bench.users), "-r", str(rate), "-m", str(int(rate * (seconds + SETTLED_S))), "-l", "50000"]
        arguments += ["-key", "callee_port", str(callee_port), "-recv_timeout", "4000"]
        arguments += ["-trace_stat", "-stf", str(table), "-fd", "1", "-trace_rtt", "-rtt_freq", "10"]
        log = folder / "caller.log"
        caller = bench.sipp(server, "caller_refused", "udp", caller_port, log, arguments)
        time.sleep(seconds + SETTLED_S + 0.2)
        caller.stop()
    finally:
        callee.stop(1.0)
    return _read(rate, table, folder.glob("*_rtt.csv"))


def _read(rate: int, table: Path, times: Iterable[Path]) -> Offered:
    rows = list(csv.DictReader(table.read_text().splitlines(), delimiter=";"))
    first, last = (next(row for row in rows if _elapsed_s(row) >= SETTLED_S), rows[-2])  # the last one is of the end
    span_s = _elapsed_s(last) - _elapsed_s(first)

    def per_s(column: str) -> float:
        return (int(last[column]) - int(first[column])) / span_s

    refused = per_s("GenericCounter1(C)")
    delays = sorted(float(line.split(";")[1]) for each in times for line in each.read_text().splitlines()[1:])
    return Offered(
        rate,
        completed=round(per_s("SuccessfulCall(C)") - refused, 1),
        refused=round(refused, 1),
        failed=round(per_s("FailedCall(C)"), 1),
        refusal_p50_ms=round(quantile(delays, 0.5), 1),
        refusal_p99_ms=round(quantile(delays, 0.99), 1),
    )


def _elapsed_s(row: dict[str, str]) -> float:
    hours, minutes, seconds = row["ElapsedTime(C)"].split(":")[:3]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
