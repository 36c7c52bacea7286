"""Calls offered at up to four times what a server can do that is held to a part of a core: how many are completed."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict

from bench.sip.caller import DONE, Caller, Offered, Phase
from bench.sip.loads import Bench
from bench.sip.quota import held_to, kept_busy
from bench.sip.report import Result
from bench.sip.servers import Server

SHARE_OF_CORE = 0.25
PEAK, OVERLOAD, WORST = 1.2, 2.0, 4.0  # times the highest goodput
LONG_PERIOD_US = 100_000  # the kernel's default: a server that has used up its part is stopped for most of it
FIRST_RATE = 400


def measure(bench: Bench, server: Server, seconds: float, rounds: int) -> Result:
    """The share of the highest goodput that is left when twice that is offered, and the curve."""
    pid, caller, slow = server.process.pid, *(Caller(bench, server, SHARE_OF_CORE) for _ in range(2))
    with held_to(pid, SHARE_OF_CORE) as way, kept_busy(bench.cores), caller:
        first, turns = caller.offer(FIRST_RATE, seconds), _turns(caller, seconds, rounds)
        capacity = _capacity(caller, turns)
        worst = caller.offer(int(WORST * capacity), seconds)
    with held_to(pid, SHARE_OF_CORE, LONG_PERIOD_US), kept_busy(bench.cores), slow:
        stopped = slow.offer(int(OVERLOAD * capacity), 2 * seconds)
    pairs = [(caller.result(peak), caller.result(over)) for peak, over in turns]
    counted = [pair for pair in pairs if all(each.counts for each in pair)]
    if not counted:
        raise RuntimeError(f"the machine disturbed each of {len(pairs)} turns of peak and overload")
    shares = [over.completed / peak.completed for peak, over in counted]
    curve = [_median(column) for column in zip(*counted, strict=True)]
    return {
        "overload_goodput_share": round(statistics.median(shares), 3),
        "overload": {
            "held_by": way,
            "share_of_core": SHARE_OF_CORE,
            "capacity_calls_per_s": round(capacity),
            "shares": [round(each, 3) for each in shares],
            "windows": sum(each.windows for pair in pairs for each in pair),
            "disturbed": sum(each.disturbed for pair in pairs for each in pair),
            "offered": [asdict(caller.result(first)), *curve, asdict(caller.result(worst))],
            "stopped": asdict(slow.result(stopped)) | {"period_ms": LONG_PERIOD_US // 1000},
        },
    }


def _turns(caller: Caller, seconds: float, rounds: int) -> list[tuple[Phase, Phase]]:
    """Peak and overload by turns, since the machine is now faster, now slower. Turns that it disturbed are made up for, up to
    twice as many more. As long as all calls are completed, it is not the peak."""
    turns: list[tuple[Phase, Phase]] = []
    peaks: list[float] = []
    capacity, tries = float(FIRST_RATE), 0
    while len(peaks) < rounds and tries < 3 * rounds:
        peak = caller.offer(int(PEAK * capacity), seconds)
        found = caller.result(peak)
        if found.completed > DONE * found.rate:
            capacity = min(found.completed, found.rate)
            continue
        if found.counts:
            capacity = statistics.median([*peaks, found.completed])
        tries += 1
        turns.append((peak, caller.offer(int(OVERLOAD * capacity), seconds)))
        if found.counts and caller.result(turns[-1][1]).counts:
            peaks.append(found.completed)
    return turns


def _capacity(caller: Caller, turns: Sequence[tuple[Phase, Phase]]) -> float:
    peaks = [caller.result(peak) for peak, _ in turns]
    return statistics.median(each.completed for each in ([each for each in peaks if each.counts] or peaks))


def _median(runs: Sequence[Offered]) -> Result:
    columns = {name: [value for each in runs if (value := asdict(each)[name]) is not None] for name in asdict(runs[0])}
    return {name: round(statistics.median(values), 2) if values else None for name, values in columns.items()}
