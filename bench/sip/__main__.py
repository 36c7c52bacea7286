"""``python -m bench.sip [--quick] [--json] [--parts ...]``: sipmesh and Kamailio, one core each, media at most set up.

The parts: ``loads`` (CPU of a call, a REGISTER, an OPTIONS, in alternating runs), ``max`` (most calls a second), ``overload``
(calls completed when more are offered than can be), ``memory``, ``tls`` (handshakes beside calls) and ``profile`` (where the
time goes). CPU is that of the servers' processes alone, as the scheduler counts it, so SIPp on the other core is not in it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.results_file import ResultsError, add, check
from bench.sip import memory, overload, profile, tls
from bench.sip.loads import LOADS, Bench, Measured
from bench.sip.report import Result, loads_result, most_result, origin, table
from bench.sip.servers import Server, kamailio, sipmesh

WARM_UP_S = 0.5
STARTERS = {"sipmesh": sipmesh, "kamailio": kamailio}


@dataclass(frozen=True, slots=True)
class Plan:
    quick: bool
    names: Sequence[str]  # of servers
    loads: Sequence[str]
    bindings: int
    cores: Sequence[int]  # the first for the server, the others for what loads it

    @property
    def runs(self) -> int:
        return 1 if self.quick else 3

    @property
    def seconds(self) -> float:
        return 1.5 if self.quick else 3.0


@contextlib.contextmanager
def started(
    plan: Plan, names: Sequence[str], *, relayed: bool = False, behind_nat: bool = False
) -> Iterator[tuple[Bench, list[Server]]]:
    with tempfile.TemporaryDirectory(prefix="bench-sip-") as name:
        servers: list[Server] = []
        try:
            for each in names:
                servers.append(STARTERS[each](Path(name), plan.cores[0], relayed=relayed, behind_nat=behind_nat))
            yield Bench(Path(name), plan.cores[1:]), servers
        finally:
            for server in servers:
                server.stop()


def loads(plan: Plan) -> Result:
    found: dict[str, dict[str, list[Measured]]] = {}
    for relayed, behind_nat in ((False, False), (False, True), (True, False)):
        chosen = [load for load in plan.loads if (LOADS[load].relayed, LOADS[load].behind_nat) == (relayed, behind_nat)]
        if chosen:
            with started(plan, plan.names, relayed=relayed, behind_nat=behind_nat) as (bench, servers):
                found |= {load: _alternate(bench, servers, load, plan) for load in chosen}
    return loads_result({load: found[load] for load in plan.loads})


def _alternate(bench: Bench, servers: Sequence[Server], load: str, plan: Plan) -> dict[str, list[Measured]]:
    """Runs of one load for each server, turn by turn, behind a short one that doesn't count."""
    say(f"load {load}")
    for server in servers:
        bench.run(server, LOADS[load], WARM_UP_S)
    found: dict[str, list[Measured]] = {server.name: [] for server in servers}
    for _ in range(plan.runs):
        for server in servers:
            found[server.name].append(bench.run(server, LOADS[load], plan.seconds, probe=LOADS[load].probed))
    return found


def most(plan: Plan) -> Result:
    with started(plan, plan.names) as (bench, servers):
        return most_result({each.name: bench.most(each, plan.seconds, steps=4 if plan.quick else 6) for each in servers})


def overloaded(plan: Plan) -> Result:
    with started(plan, ["sipmesh"]) as (bench, (server,)):
        return overload.measure(bench, server, seconds=1.0, rounds=8 if plan.quick else 24)


def kept(plan: Plan) -> Result:
    return {
        "bytes_per_binding": round(memory.bytes_per_binding(plan.bindings, plan.cores[0])),
        "bindings": plan.bindings,
        "kb_per_waiting_call": round(memory.kb_per_waiting_call(8.0, plan.cores), 2),
        "kb_per_tls_connection": memory.kb_per_tls_connection(),
    }


def handshakes(plan: Plan) -> Result:
    return {"tls": tls.measure(plan.runs, plan.seconds)}


def profiled(plan: Plan) -> Result:
    with started(plan, ["sipmesh"]) as (bench, (server,)):
        return {"profile": profile.profile(bench, server, 2 * plan.seconds)}


PARTS: dict[str, Callable[[Plan], Result]] = {
    "loads": loads,
    "max": most,
    "overload": overloaded,
    "memory": kept,
    "tls": handshakes,
    "profile": profiled,
}
OF_BOTH = ("loads", "max")


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.sip", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short run of each (a few minutes)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--only", choices=STARTERS, help="measure one server alone")
    parser.add_argument("--parts", default=",".join(PARTS), help="which parts, separated by commas")
    parser.add_argument("--loads", default=",".join(LOADS), help="which loads, separated by commas")
    parser.add_argument("--bindings", type=int, help="for the memory of one: 500000, or 20000 when it is to be quick")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add the result to a file that bench.report reads")
    arguments = parser.parse_args()
    try:
        if arguments.save:
            check(arguments.save)
    except ResultsError as error:
        parser.error(str(error))
    parts = _known(parser, arguments.parts, PARTS)
    if arguments.only == "kamailio":
        parts = [part for part in parts if part in OF_BOTH]
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("bench.sip needs two cores: one for the server, one for SIPp")
    names = [arguments.only] if arguments.only else list(STARTERS)
    bindings = arguments.bindings or (20_000 if arguments.quick else 500_000)
    plan = Plan(arguments.quick, names, _known(parser, arguments.loads, LOADS), bindings, cores)
    result: Result = {}
    for part in parts:
        say(part)
        try:
            result |= PARTS[part](plan)
        except (RuntimeError, OSError) as error:  # what the other parts found is not lost
            say(f"{part} failed: {error}")
            result.setdefault("failed", []).append(part)
    result |= origin(plan.runs)
    print(table(result))
    if arguments.save:
        add(arguments.save, shlex.join(["python", "-m", "bench.sip", *sys.argv[1:]]), result)
    if arguments.json:
        print(json.dumps(result))
    return 1 if "failed" in result else 0


def _known(parser: argparse.ArgumentParser, text: str, known: Mapping[str, object]) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        parser.error(f"{', '.join(unknown)}: not one of {', '.join(known)}")
    return names


if __name__ == "__main__":
    sys.exit(main())
