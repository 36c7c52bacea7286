"""Calls offered at up to four times what a server can do that is held to a part of a core: how many are completed."""

from __future__ import annotations

import csv
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.sip.loads import Bench, bound, quantile
from bench.sip.quota import held_to, kept_busy
from bench.sip.report import Result
from bench.sip.servers import Server
from interop.ports import free_port

SHARE_OF_CORE = 0.25
PEAK, OVERLOAD, WORST = 1.2, 2.0, 4.0  # times the highest goodput on the way up
LONG_PERIOD_US = 100_000  # the kernel's default: a server that has used up its part is stopped for most of it
FED = 0.9  # of its part of the core the server must have had in overload
SETTLED_S = 1.0  # from the start; not counted
FIRST_RATE = 200


@dataclass(slots=True)
class Offered:
    """One rate, and what came of it, a second."""

    rate: int
    completed: float
    refused: float
    failed: float
    refusal_p50_ms: float | None
    refusal_p99_ms: float | None
    used: float  # how much of its part of the core the server had; less than all in overload: others had it


def measure(bench: Bench, server: Server, seconds: float, rounds: int) -> Result:
    """The share of the highest goodput that is left when twice that is offered, and the curve. Peak and overload take turns,
    since other work on the machine comes and goes; rounds that it starved count only if there are no others."""
    with held_to(server.process.pid, SHARE_OF_CORE) as way, kept_busy(bench.cores):
        climb = _climb(bench, server, seconds)
        capacity = max(each.completed for each in climb)
        turns = [[_run(bench, server, int(factor * capacity), seconds) for factor in (PEAK, OVERLOAD)] for _ in range(rounds)]
        worst = _run(bench, server, int(WORST * capacity), seconds)
    with held_to(server.process.pid, SHARE_OF_CORE, LONG_PERIOD_US), kept_busy(bench.cores):
        stopped = _run(bench, server, int(OVERLOAD * capacity), seconds)
    fed = [turn for turn in turns if min(each.used for each in turn) >= FED] or turns
    return {
        "overload_goodput_share": round(statistics.median(over.completed / peak.completed for peak, over in fed), 3),
        "overload": {
            "held_by": way,
            "share_of_core": SHARE_OF_CORE,
            "capacity_calls_per_s": round(statistics.median(peak.completed for peak, _ in fed)),
            "rounds": rounds,
            "starved": sum(min(each.used for each in turn) < FED for turn in turns),
            "offered": [asdict(climb[0]), *(_median(column) for column in zip(*fed, strict=True)), asdict(worst)],
            "stopped": asdict(stopped) | {"period_ms": LONG_PERIOD_US // 1000},
        },
    }


def _median(runs: Sequence[Offered]) -> Result:
    columns = {name: [value for each in runs if (value := asdict(each)[name]) is not None] for name in asdict(runs[0])}
    return {name: round(statistics.median(values), 2) if values else None for name, values in columns.items()}


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
        time.sleep(SETTLED_S)
        before, since = server.cpu_ns(), time.monotonic()
        time.sleep(seconds)
        used = (server.cpu_ns() - before) / 1e9 / (time.monotonic() - since) / SHARE_OF_CORE
        time.sleep(0.2)
        caller.stop()
    finally:
        callee.stop(1.0)
        server.unregister_users()
    return read(rate, table, folder.glob("*_rtt.csv"), used)


def read(rate: int, table: Path, times: Iterable[Path], used: float) -> Offered:
    """``times``: SIPp's files of response times, here of the 503s."""
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
        refusal_p50_ms=round(quantile(delays, 0.5), 1) if delays else None,
        refusal_p99_ms=round(quantile(delays, 0.99), 1) if delays else None,
        used=round(used, 2),
    )


def _elapsed_s(row: dict[str, str]) -> float:
    """SIPp writes a date, a time and Unix time into one cell."""
    now, start = (float(row[column].split("\t")[-1]) for column in ("CurrentTime", "StartTime"))
    return now - start
