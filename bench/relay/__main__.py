"""``python -m bench.relay``: both relays and a bare loop on one core, the load on another, in short windows that take turns."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.relay import fast, load, report
from bench.relay.contenders import CORES, LOAD_CORE, OURS, RTPENGINE, Contender
from bench.relay.measure import KINDS, Measured, Plan, measure, ng_ms
from bench.relay.most import Most, most_calls, most_possible
from bench.relay.ng import NgError
from bench.relay.profile import profile
from bench.relay.windows import Seen
from bench.results_file import ResultsError, add, check

CALLS, QUICK_CALLS = [100, 500, 1000, 1500], [500, 1000]
MOST_SECURE_CALLS = 1000  # by default
PROFILED_CALLS = 1000
SETTLE_S = 0.06
QUICK_ROUNDS, NG_ROUNDS, QUICK_NG_ROUNDS = 12, 60, 10
MOST_PACE = load.Pace(0.1, 0.2, 24, 5)
PROFILE_PACE = load.Pace(0.5, 2.5, 1, 1)


def _kinds(text: str) -> list[str]:
    kinds = text.split(",")
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(KINDS)}")
    return kinds


def _numbers(text: str) -> list[int]:
    numbers = [int(number) for number in text.split(",") if number.isdigit()]
    if len(numbers) != len(text.split(",")) or not all(numbers):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers of calls")
    return numbers


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add the result to a file for bench.report")
    parser.add_argument("--quick", action="store_true", help="few calls and rounds, about a minute")
    kinds = "base (plain RTP), srtp (one side of each call secure), or both"
    parser.add_argument("--kinds", type=_kinds, default=list(KINDS), help=kinds)
    parser.add_argument("--calls", type=_numbers, metavar="N[,N...]", help="numbers of calls, the same of each kind")
    parser.add_argument(
        "--windows", type=int, default=25, help="undisturbed ones wanted of each relay, kind and number of calls"
    )
    parser.add_argument("--rounds", type=int, default=75, help="the most windows of each, disturbed or not")
    parser.add_argument("--seconds", type=float, default=0.12, help="measured time of a window")
    parser.add_argument(
        "--max", action="store_true", help="also look for the most calls with p99 of 1 ms at most (minutes more)"
    )
    parser.add_argument("--ng", type=int, metavar="N", help="only what ng requests cost, in N rounds, and end")
    parser.add_argument("--ebpf", action="store_true", help="only the fast path beside rtpengine, as one line of JSON, and end")
    parser.add_argument("--profile", action="store_true", help="also let perf say where our relay thread's time goes")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _contenders() -> list[Contender]:
    if shutil.which("rtpengine") is None:
        _say("rtpengine is missing (apt-get install rtpengine-daemon): ours is measured alone")
        return [OURS]
    return [OURS, RTPENGINE]


def _tell(kind: str, calls: int, name: str, seen: Seen) -> Seen:
    figures = f"{seen.middle(lambda window: window.us_a_packet):.2f} µs a packet, p99 {seen.latency_us(0.99):.0f} µs"
    _say(f"{name}, {kind}, {calls} calls: {figures}; {seen.thrown} of {len(seen.windows)} windows thrown away")
    return seen


def _run(contenders: list[Contender], kinds: list[str], calls: int, plan: Plan) -> Measured:
    measured = measure(contenders, kinds, calls, plan)
    for kind, by_name in measured.seen.items():
        for name, seen in by_name.items():
            _tell(kind, calls, name, seen)
    return measured


def _most(contenders: list[Contender], plan: Plan) -> dict[str, Most]:
    alone = replace(plan, floor=None, pace=MOST_PACE)

    def run(contender: Contender, calls: int) -> Seen:
        return _run([contender], ["base"], calls, alone).seen["base"][contender.name]

    return {one.name: most_calls(lambda calls, one=one: run(one, calls), most_possible()) for one in contenders}


def _kinds_at(calls: int, arguments: argparse.Namespace) -> list[str]:
    return [kind for kind in arguments.kinds if kind == "base" or arguments.calls or calls <= MOST_SECURE_CALLS]


def _plan(arguments: argparse.Namespace, folder: Path) -> Plan:
    rounds = min(arguments.rounds, QUICK_ROUNDS) if arguments.quick else arguments.rounds
    pace = load.Pace(SETTLE_S, arguments.seconds, rounds, arguments.windows)
    return Plan(load.build(folder), load.build_floor(folder), folder, pace)


def _ebpf(arguments: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """Nothing where it can't be had."""
    if not fast.may_measure():
        _say("the fast path is not measured: it takes clang when this is built, root and Linux 6.6")
        return {}
    numbers = arguments.calls or (QUICK_CALLS if arguments.quick else CALLS)
    return fast.measure_all([calls for calls in numbers if calls <= fast.MOST_CALLS], RTPENGINE in _contenders(), plan)


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    plan = _plan(arguments, folder)
    contenders = _contenders()
    measured = {}
    for calls in arguments.calls or (QUICK_CALLS if arguments.quick else CALLS):
        if kinds := _kinds_at(calls, arguments):
            measured[calls] = _run(contenders, kinds, calls, plan)
    costs = ng_ms(contenders, QUICK_NG_ROUNDS if arguments.quick else NG_ROUNDS, folder)
    made = report.result(measured, _most(contenders, plan) if arguments.max else {}, costs)
    made["ebpf"] = _ebpf(arguments, plan)
    if arguments.profile:
        made["profile"] = profile(PROFILED_CALLS, replace(plan, floor=None, pace=PROFILE_PACE))
    return made


def main() -> int:
    arguments = _parser().parse_args()
    if len(CORES) < 2:
        _say("bench.relay needs two cores: one for the relay, one for the load")
        return 1
    os.sched_setaffinity(0, {LOAD_CORE})
    with tempfile.TemporaryDirectory() as name:
        try:
            if arguments.ng:
                print(json.dumps({"ng_ms_per_call": ng_ms(_contenders(), arguments.ng, Path(name))}))
                return 0
            if arguments.ebpf:
                ebpf = _ebpf(arguments, _plan(arguments, Path(name)))
                print(json.dumps({"ebpf": ebpf, "machine": report.machine(), "commit": report.commit()}))
                return 0
            if arguments.save:
                check(arguments.save)
            made = _measure(arguments, Path(name))
        except (NgError, load.LoadError, ResultsError) as cause:
            _say(f"bench.relay: {cause}")
            return 1
    if arguments.save:
        add(arguments.save, shlex.join(["python", "-m", "bench.relay", *sys.argv[1:]]), made)
    print(report.table(made))
    if arguments.json:
        print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
