"""``python -m bench.relay``: both relays on one core, the load on another; runs alternate between them."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.relay import load, report
from bench.relay.contenders import CORES, OURS, RTPENGINE, Contender
from bench.relay.measure import KINDS, Plan, Sample, measure, ng_ms
from bench.relay.most import Most, most_calls, most_possible
from bench.relay.ng import NgError
from bench.relay.profile import profile
from bench.results_file import ResultsError, add, check

QUICK_S = 20.0
CALLS = {"base": [100, 500, 1000, 1500], "srtp": [100, 500, 1000]}
QUICK_CALLS = {"base": [500, 1000], "srtp": [500]}
PROFILED_CALLS = 1000


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
    parser.add_argument("--quick", action="store_true", help="few calls, one or two short runs each, below a minute")
    kinds = "base (plain RTP), srtp (one side of each call secure), or both"
    parser.add_argument("--kinds", type=_kinds, default=list(KINDS), help=kinds)
    parser.add_argument("--calls", type=_numbers, metavar="N[,N...]", help="numbers of calls, the same of each kind")
    parser.add_argument("--runs", type=int, default=3, help="runs of each relay at each number, time permitting")
    parser.add_argument("--seconds", type=float, default=2.5, help="measured time of a run")
    parser.add_argument(
        "--budget", type=float, default=180.0, metavar="S", help="a round of runs that would end later is not begun"
    )
    parser.add_argument(
        "--max", action="store_true", help="also look for the most calls with p99 of 1 ms at most (minutes more)"
    )
    parser.add_argument("--ng", type=int, metavar="N", help="only what the ng requests of N calls cost, without media, and end")
    parser.add_argument("--profile", action="store_true", help="also let perf say where our relay thread's time goes")
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _contenders() -> list[Contender]:
    if shutil.which("rtpengine") is None:
        _say("rtpengine is missing (apt-get install rtpengine-daemon): ours is measured alone")
        return [OURS]
    return [OURS, RTPENGINE]


def _run(contender: Contender, kind: str, calls: int, plan: Plan) -> Sample:
    sample = measure(contender, kind, calls, plan)
    seen = f"{sample.load.us_a_packet:.2f} µs a packet, p99 {sample.load.p99_us:.0f} µs"
    _say(f"{contender.name}, {kind}, {calls} calls: {seen}{' (disturbed)' if sample.load.disturbed else ''}")
    return sample


def _rounds(
    contenders: list[Contender], calls: dict[str, list[int]], arguments: argparse.Namespace, plan: Plan
) -> report.Samples:
    """Rounds through all numbers of calls; a disturbed run is repeated once, unless it has to be quick."""
    runs, budget_s = (min(arguments.runs, 2), QUICK_S) if arguments.quick else (arguments.runs, arguments.budget)
    samples: report.Samples = {kind: {n: {c.name: [] for c in contenders} for n in each} for kind, each in calls.items()}
    started = time.monotonic()
    for done in range(runs):
        spent_s = time.monotonic() - started
        if done and spent_s + spent_s / done > budget_s:
            break
        for kind, number in [(kind, number) for kind, numbers in calls.items() for number in numbers]:
            for contender in contenders[:: 1 if done % 2 == 0 else -1]:
                runs_of = samples[kind][number][contender.name]
                runs_of.append(_run(contender, kind, number, plan))
                if runs_of[-1].load.disturbed and not arguments.quick:
                    runs_of.append(_run(contender, kind, number, plan))
    return samples


def _most(contenders: list[Contender], plan: Plan) -> dict[str, Most]:
    return {
        one.name: most_calls(lambda calls, one=one: _run(one, "base", calls, plan).load, most_possible()) for one in contenders
    }


def _ng_alone(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """The median of runs that alternate between the relays."""
    costs: dict[str, list[float]] = {contender.name: [] for contender in _contenders()}
    for _ in range(arguments.runs):
        for contender in _contenders():
            costs[contender.name].append(ng_ms(contender, arguments.ng, folder))
    return {"calls": arguments.ng, "ng_ms_per_call": {name: round(statistics.median(each), 3) for name, each in costs.items()}}


def _measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    seconds, default = (min(arguments.seconds, 2.0), QUICK_CALLS) if arguments.quick else (arguments.seconds, CALLS)
    plan = Plan(load.build(folder), folder, 0.5, seconds)
    calls = {kind: arguments.calls or default[kind] for kind in arguments.kinds}
    contenders = _contenders()
    samples = _rounds(contenders, calls, arguments, plan)
    made = report.result(samples, _most(contenders, plan) if arguments.max else {})
    if arguments.profile:
        made["profile"] = profile(PROFILED_CALLS, plan)
    return made


def main() -> int:
    arguments = _parser().parse_args()
    if len(CORES) < 2:
        _say("bench.relay needs two cores: one for the relay, one for the load")
        return 1
    with tempfile.TemporaryDirectory() as name:
        try:
            if arguments.ng:
                print(json.dumps(_ng_alone(arguments, Path(name))))
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
