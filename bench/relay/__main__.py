"""``python -m bench.relay``: both relays on one core, the load on another; runs alternate between them."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench.relay import load, report
from bench.relay.contenders import CORES, OURS, RTPENGINE, Contender
from bench.relay.measure import Plan, measure, most_calls
from bench.relay.ng import NgError

BUDGET_S = 165.0  # a round that would end later is not begun
QUICK_BUDGET_S = 20.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="500 and 1,000 calls, one or two short runs each, below 40 s")
    parser.add_argument("--calls", metavar="N[,N...]", help="numbers of calls; default 100,500,1000,1500")
    parser.add_argument("--runs", type=int, default=3, help="runs of each relay at each number, time permitting")
    parser.add_argument("--seconds", type=float, default=2.5, help="measured time of a run")
    parser.add_argument("--max", action="store_true", help="also look for the most calls of each (takes minutes more)")
    return parser


def _contenders() -> list[Contender]:
    if shutil.which("rtpengine") is None:
        print("rtpengine is missing (apt-get install rtpengine-daemon): ours is measured alone", file=sys.stderr)
        return [OURS]
    return [OURS, RTPENGINE]


def _rounds(contenders: list[Contender], calls: list[int], runs: int, plan: Plan, budget_s: float) -> report.Samples:
    samples: report.Samples = {number: {contender.name: [] for contender in contenders} for number in calls}
    started = time.monotonic()
    for done in range(runs):
        spent_s = time.monotonic() - started
        if done and spent_s + spent_s / done > budget_s:
            break
        for number in calls:
            for contender in contenders[:: 1 if done % 2 == 0 else -1]:
                sample = measure(contender, number, plan)
                samples[number][contender.name].append(sample)
                seen = f"{sample.load.us_a_packet:.2f} µs a packet, p99 {sample.load.p99_us:.0f} µs"
                print(f"{contender.name}, {number} calls: {seen}", file=sys.stderr)
    return samples


def main() -> int:
    arguments = _parser().parse_args()
    if len(CORES) < 2:
        print("bench.relay needs two cores: one for the relay, one for the load", file=sys.stderr)
        return 1
    calls = [int(number) for number in (arguments.calls or ("500,1000" if arguments.quick else "100,500,1000,1500")).split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            program = load.build(folder)
            plan = Plan(program, folder, 0.5, min(arguments.seconds, 2.0) if arguments.quick else arguments.seconds)
            contenders = _contenders()
            budget_s = QUICK_BUDGET_S if arguments.quick else BUDGET_S
            samples = _rounds(contenders, calls, min(arguments.runs, 2) if arguments.quick else arguments.runs, plan, budget_s)
            most = {one.name: most_calls(one, 500, 6000, plan) for one in contenders} if arguments.max else {}
        except (NgError, load.LoadError) as cause:
            print(f"bench.relay: {cause}", file=sys.stderr)
            return 1
    made = report.result(samples, most)
    print(report.table(made))
    if arguments.json:
        print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
