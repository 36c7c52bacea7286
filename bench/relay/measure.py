"""One measurement: a relay started anew, its calls set up, loaded, and taken down."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.relay import load
from bench.relay.contenders import Contender, Running, running
from bench.relay.ng import Call

MAX_P99_US = 20_000.0
MAX_LOSS = 0.001
MAX_STEP = 250
MAX_TRIES = 3  # another one's load on the machine looks like ours at its limit


@dataclass(frozen=True, slots=True)
class Plan:
    program: Path  # the built load maker
    folder: Path  # for logs
    warm_up_s: float
    measure_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    load: load.Load
    kb_per_call: float
    ng_ms_per_call: float  # offer, answer and delete, one after the other


def _set_up(relay: Running, calls: int) -> list[Call]:
    return [relay.ng.call(number, load.ends_of(number)) for number in range(calls)]


def measure(contender: Contender, calls: int, plan: Plan) -> Sample:
    with running(contender, plan.folder) as relay:
        before_kb, started = relay.memory_kb(), time.perf_counter()
        up = _set_up(relay, calls)
        ng_s, used_kb = time.perf_counter() - started, relay.memory_kb() - before_kb
        loaded = load.run(plan.program, up, relay.pid, plan.warm_up_s, plan.measure_s)
        started = time.perf_counter()
        for call in up:
            relay.ng.delete(call.number)
        ng_s += time.perf_counter() - started
        return Sample(loaded, used_kb / calls, ng_s * 1000 / calls)


def _carries(contender: Contender, calls: int, plan: Plan) -> bool:
    loaded = measure(contender, calls, plan).load
    return loaded.loss <= MAX_LOSS and loaded.p99_us <= MAX_P99_US


def most_calls(contender: Contender, first: int, last: int, plan: Plan) -> int:
    """The largest number of calls, in steps, with nothing lost and packets in time; 0 when not even ``first``."""
    most = 0
    for calls in range(first, last + 1, MAX_STEP):
        if not any(_carries(contender, calls, plan) for _ in range(MAX_TRIES)):
            break
        most = calls
    return most
