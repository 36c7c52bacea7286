"""``python -m bench.sip [--quick] [--json]``: sipmesh and Kamailio, one core each, signalling only, in alternating runs.

CPU is that of the servers' processes alone (/proc/PID/task/*/schedstat), so SIPp on the other core does not count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.sip.loads import LOADS, Bench, Measured, quantile
from bench.sip.servers import Server, kamailio, sipmesh

WARM_UP_S = 0.5
STARTERS = {"sipmesh": sipmesh, "kamailio": kamailio}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sip", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short run of each load (under a minute)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--only", choices=STARTERS, help="measure one server alone")
    parser.add_argument("--loads", default=",".join(LOADS), help="which loads, separated by commas")
    parser.add_argument("--no-max", action="store_true", help="leave out the search for the highest rate")
    arguments = parser.parse_args()
    runs, seconds = (1, 1.5) if arguments.quick else (3, 3.0)
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("bench.sip needs two cores: one for the server, one for SIPp")
    with tempfile.TemporaryDirectory(prefix="bench-sip-") as name:
        folder = Path(name)
        servers: list[Server] = []
        try:
            for starter in STARTERS if not arguments.only else [arguments.only]:
                servers.append(STARTERS[starter](folder, cores[0]))
            bench = Bench(folder, cores[1:])
            loads = arguments.loads.split(",")
            table = {load: _alternate(bench, servers, load, runs, seconds) for load in loads}
            most = (
                {}
                if arguments.no_max
                else {each.name: bench.most(each, seconds, steps=4 if arguments.quick else 6) for each in servers}
            )
        finally:
            for server in servers:
                server.process.stop()
    result = _result(table, most) | {"machine": _machine(), "commit": _commit(), "runs": runs}
    _print(result)
    if arguments.json:
        print(json.dumps(result))


def _alternate(bench: Bench, servers: Sequence[Server], load: str, runs: int, seconds: float) -> dict[str, list[Measured]]:
    """``runs`` of one load for each server, turn by turn, behind a short one that doesn't count."""
    for server in servers:
        bench.run(server, LOADS[load], WARM_UP_S)
    found: dict[str, list[Measured]] = {server.name: [] for server in servers}
    for _ in range(runs):
        for server in servers:
            found[server.name].append(bench.run(server, LOADS[load], seconds, probe=load == "call"))
    return found


def _result(table: dict[str, dict[str, list[Measured]]], most: dict[str, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for load, found in table.items():
        us = {name: round(statistics.median(each.cpu_us for each in runs), 1) for name, runs in found.items()}
        result[load] = _pair(us, "_us")
        if "sipmesh" in found:
            result[load]["ours_signal_worker_us"] = round(statistics.median(each.worker_us for each in found["sipmesh"]), 1)
        result[load]["rate"] = LOADS[load].rate
        result[load]["not_clean"] = {
            name: sum(each.failed + each.retransmitted for each in runs) for name, runs in found.items()
        }
    if most:
        result["max_calls_per_s"] = _pair(most, "")
    if "call" in table:
        delays = {name: sorted(delay for each in runs for delay in each.delays_ms) for name, runs in table["call"].items()}
        for label, share in (("p50", 0.5), ("p99", 0.99)):
            result[f"invite_{label}_ms"] = _pair({name: round(quantile(each, share), 3) for name, each in delays.items()}, "")
    return result


def _pair(values: dict[str, Any], suffix: str) -> dict[str, Any]:
    names = {"sipmesh": "ours", "kamailio": "kamailio"}
    pair: dict[str, Any] = {names[name] + suffix: value for name, value in values.items()}
    if len(values) == 2 and values["kamailio"]:
        pair["ratio"] = round(values["sipmesh"] / values["kamailio"], 3)
    return pair


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    where = f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {platform.python_version()}"
    return f"{where}, load average {os.getloadavg()[0]:.1f}"


def _commit() -> str:
    done = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _print(result: dict[str, Any]) -> None:
    print(f"{result['machine']}; {result['commit']}; {time.strftime('%Y-%m-%d')}; median of {result['runs']}")
    print(f"{'':<18}{'sipmesh':>10}{'kamailio':>10}{'ratio':>8}")
    for name, row in result.items():
        if isinstance(row, dict):
            cells = [next((row[key] for key in row if key.startswith(who)), "") for who in ("ours", "kamailio", "ratio")]
            unit = "µs" if "rate" in row else ""
            note = f"at {row['rate']}/s" if "rate" in row else ""
            if any(row.get("not_clean", {}).values()):
                note += f", failed or retransmitted: {row['not_clean']}"
            print(f"{name:<18}{cells[0]:>10}{cells[1]:>10}{cells[2]:>8} {unit} {note}".rstrip())


if __name__ == "__main__":
    main()
