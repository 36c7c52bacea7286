"""One measurement: a relay started anew, its calls set up, loaded, and taken down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.relay import load
from bench.relay.contenders import Contender, Running, running
from bench.relay.ng import Call, ends_of

KINDS = ("base", "srtp")  # plain on both sides; one side of each call secure


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
    ng_ms_per_call: float  # CPU time of offer, answer and delete, one after the other


def _set_up(relay: Running, kind: str, calls: int) -> list[Call]:
    return [relay.ng.call(number, ends_of(kind, number, load.addresses_of(number))) for number in range(calls)]


def ng_ms(contender: Contender, calls: int, folder: Path) -> float:
    """CPU time of the relay for offer, answer and delete of a call, so many up at once and no media."""
    with running(contender, folder) as relay:
        started_ns = relay.cpu_ns()
        for call in _set_up(relay, "base", calls):
            relay.ng.delete(call.number)
        return (relay.cpu_ns() - started_ns) / 1e6 / calls


def measure(
    contender: Contender, kind: str, calls: int, plan: Plan, during: Callable[[int], AbstractContextManager[None]] = nullcontext
) -> Sample:
    """``during`` gets the relay's process id and is entered for the time of the load."""
    with running(contender, plan.folder) as relay:
        before_kb, started_ns = relay.memory_kb(), relay.cpu_ns()
        up = _set_up(relay, kind, calls)
        ng_ns, used_kb = relay.cpu_ns() - started_ns, relay.memory_kb() - before_kb
        with during(relay.pid):
            seen = load.run(plan.program, up, relay.pid, plan.warm_up_s, plan.measure_s)
        started_ns = relay.cpu_ns()
        for call in up:
            relay.ng.delete(call.number)
        ng_ns += relay.cpu_ns() - started_ns
        return Sample(seen, used_kb / calls, ng_ns / 1e6 / calls)
