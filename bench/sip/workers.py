"""``python -m bench.sip.workers [--json] [--save FILE]``: what several signal workers on one address cost beside as many nodes
that share nothing.

A worker that gets a part of the calls wakes up for fewer messages at once, and several processes on one core push each other
out of its caches: either makes a call dearer, whatever the processes have to do with each other. So a node of N workers is held
against N nodes of one worker each, on the same core, with the same calls at the same rate from as many SIPps: what the ratio is
above 1 is what sharing costs. The CPU of the signal workers counts.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.page import Drawn, Section, number, setting, table
from bench.relay.report import commit, machine
from bench.results_file import add
from bench.sip.loads import Bench, bound
from bench.sip.servers import OPEN, Server, sipmesh
from interop.ports import free_port
from interop.process import Process

COUNTS = (1, 2, 4)
USERS = 20  # of each SIPp: all are known to every worker after the warm-up
WARM_UP_CALLS = 600  # for each worker
PATIENCE_S = 8.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sip.workers")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--save", type=Path, metavar="FILE", help="add the result to a file for bench.report")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each run")
    parser.add_argument("--rate", type=int, default=250, help="calls a second for each worker")
    arguments = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name:
        bench = Bench(Path(name), cores[1:] or cores)
        rows = [measure(bench, cores[0], count, arguments.runs, arguments.seconds, arguments.rate) for count in COUNTS]
    result = {"signal_workers": rows, "rate": arguments.rate, "machine": machine(), "commit": commit(), "runs": arguments.runs}
    for row in rows:
        print("{workers} signal worker(s): {us} µs a call, {apart_us} as nodes apart, {not_clean} not clean".format(**row))
    if arguments.save:
        add(arguments.save, shlex.join(["python", "-m", "bench.sip.workers", *sys.argv[1:]]), result)
    if arguments.json:
        print(json.dumps(result))


def measure(bench: Bench, core: int, count: int, runs: int, seconds: float, rate: int) -> dict[str, Any]:
    """Turn by turn: a node of ``count`` workers, and as many nodes."""
    together = [sipmesh(bench.scratch("together"), core, signal_workers=count)]
    apart = [sipmesh(bench.scratch("apart"), core) for _ in range(count)]
    ways = [(pairs_for(bench, together * count), together), (pairs_for(bench, apart), apart)]
    found: list[list[Spent]] = [[], []]
    try:
        for pairs, nodes in ways:
            play(pairs, nodes, WARM_UP_CALLS * count // len(nodes), 2 * rate)
        for _ in range(runs):
            for spent, (pairs, nodes) in zip(found, ways, strict=True):
                spent.append(play(pairs, nodes, int(rate * seconds), rate))
    finally:
        for pairs, nodes in ways:
            for each in (*pairs, *nodes):
                each.stop()
    shared, alone = ([each.us for each in spent] for spent in found)
    return {
        "workers": count,
        "us": round(statistics.median(shared), 1),
        "apart_us": round(statistics.median(alone), 1),
        "ratio": round(statistics.median(one / other for one, other in zip(shared, alone, strict=True)), 3),
        "not_clean": sum(each.not_clean for each in found[0]),
    }


def pairs_for(bench: Bench, servers: Sequence[Server]) -> list[Pair]:
    return [Pair(bench, server, range(n * USERS, (n + 1) * USERS)) for n, server in enumerate(servers)]


@dataclass(frozen=True, slots=True)
class Spent:
    us: float  # of signal workers for a call
    not_clean: int  # calls that failed, and repetitions


class Pair:
    """A SIPp that calls users of its own at ``server``, and one that answers for them."""

    def __init__(self, bench: Bench, server: Server, users: range) -> None:
        self._bench, self._server = bench, server
        self._folder = bench.scratch("pair")
        self._users = self._folder / "users.csv"
        self._users.write_text("\n".join(["SEQUENTIAL", *(f"user{index};;" for index in users), ""]))
        self._port = free_port()
        self._callee = bench.sipp(server, "callee", "udp", self._port, self._folder / "callee.log", ())
        self._callee.wait_ready(lambda: bound(self._port, "udp"))
        server.register_users(self._port, "udp", users=users)

    def call(self, calls: int, rate: int) -> tuple[Process, Path]:
        """The SIPp that makes them, and the file it writes its statistics to."""
        folder = self._bench.scratch("calls")
        statistics_file = folder / "caller.csv"
        arguments = ["-inf", str(self._users), "-r", str(rate), "-m", str(calls), "-l", "50000", "-recv_timeout", "4000"]
        arguments += ["-key", "callee_port", str(self._port), "-key", "caller_domain", OPEN, "-key", "dialled", ""]
        arguments += ["-trace_stat", "-stf", str(statistics_file), "-fd", "600", "-timeout", f"{calls / rate + PATIENCE_S:g}"]
        log = folder / "caller.log"
        return self._bench.sipp(self._server, "caller", "udp", free_port(), log, arguments), statistics_file

    def stop(self) -> None:
        self._callee.stop()


def play(pairs: Sequence[Pair], nodes: Sequence[Server], calls: int, rate: int) -> Spent:
    """``calls`` by each pair, all at once."""
    before = sum(node.signal_ns() for node in nodes)
    callers = [pair.call(calls, rate) for pair in pairs]
    end = time.monotonic() + calls / rate + PATIENCE_S
    while any(caller.running() for caller, _ in callers) and time.monotonic() < end:
        time.sleep(0.02)
    spent = sum(node.signal_ns() for node in nodes) - before
    for caller, _ in callers:
        caller.stop()
    rows = [list(csv.DictReader(file.read_text().splitlines(), delimiter=";"))[-1] for _, file in callers]
    completed = sum(int(row["SuccessfulCall(C)"]) for row in rows)
    if not completed:
        raise RuntimeError(f"{nodes[0].name}: no call completed\n{callers[0][0].tail()}")
    failed = sum(int(row["TotalCallCreated"]) for row in rows) - completed
    return Spent(spent / completed / 1000, failed + sum(int(row["Retransmissions(C)"]) for row in rows))


def draw(result: dict[str, Any], command: str) -> Drawn:
    rows = result["signal_workers"]
    head = ("signal workers", "µs a call", "as nodes apart", "ratio", "failed or retransmitted")
    lines = [
        (row["workers"], number(row["us"]), number(row["apart_us"]), number(row["ratio"], 2), row["not_clean"]) for row in rows
    ]
    return Drawn(f"{setting(result, command)} {result['rate']} calls a second for each worker.\n\n{table(head, lines)}", {})


SECTION = Section("workers", lambda result: isinstance(result.get("signal_workers"), list), draw)


if __name__ == "__main__":
    main()
