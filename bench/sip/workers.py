"""``python -m bench.sip.workers [--json] [--save FILE]``: what a call costs with one, two and three signal workers.

All workers share one core, so the sum of their CPU is what the sharing itself costs: wake-ups that bring less each, and what
the kernel did not steer to its worker. SIPp sends all from one socket, so nothing is spread but by Call-ID.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.page import Drawn, Section, number, setting, table
from bench.relay.report import commit, machine
from bench.results_file import add
from bench.sip.loads import LOADS, Bench
from bench.sip.servers import Server, sipmesh

COUNTS = (1, 2, 3)
WARM_UP_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sip.workers")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add the result to a file for bench.report")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--rate", type=int, default=500, help="calls a second")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name:
        folder = Path(name)
        servers: dict[int, Server] = {}
        try:
            for count in COUNTS:
                servers[count] = sipmesh(folder / str(count), cores[0], signal_workers=count)
            rows = measure(Bench(folder, cores[1:] or cores), servers, arguments.runs, arguments.seconds, arguments.rate)
        finally:
            for server in servers.values():
                server.process.stop()
    result = {"signal_workers": rows, "rate": arguments.rate, "machine": machine(), "commit": commit(), "runs": arguments.runs}
    for count, row in rows.items():
        print(f"{count} signal worker(s): {row['us']} µs a call, {row['not_clean']} failed or retransmitted")
    if arguments.save:
        add(arguments.save, shlex.join(["python", "-m", "bench.sip.workers", *sys.argv[1:]]), result)
    if arguments.json:
        print(json.dumps(result))


def measure(bench: Bench, servers: dict[int, Server], runs: int, seconds: float, rate: int) -> dict[str, dict[str, Any]]:
    """By number of workers, turn by turn: CPU of all processes for a call."""
    for server in servers.values():
        bench.run(server, LOADS["call"], WARM_UP_S, rate)
    found: dict[int, list[Any]] = {count: [] for count in servers}
    for _ in range(runs):
        for count, server in servers.items():
            found[count].append(bench.run(server, LOADS["call"], seconds, rate))
    return {
        str(count): {
            "us": round(statistics.median(each.cpu_us for each in measured), 1),
            "not_clean": sum(each.failed + each.retransmitted for each in measured),
        }
        for count, measured in found.items()
    }


def draw(result: dict[str, Any], command: str) -> Drawn:
    rows = result["signal_workers"]
    one = rows["1"]["us"]
    lines = [(count, number(row["us"]), number(row["us"] / one, 2), row["not_clean"]) for count, row in rows.items()]
    head = ("signal workers", "µs a call", "of one worker's", "failed or retransmitted")
    return Drawn(f"{setting(result, command)}\n\n{table(head, lines)}", {})


SECTION = Section("workers", lambda result: "signal_workers" in result, draw)


if __name__ == "__main__":
    main()
