"""What was measured, as a table for people and as one JSON object."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bench.relay.report import commit, machine
from bench.sip.loads import LOADS, Measured, Most, quantile

Result = dict[str, Any]
NAMES = {"sipmesh": "ours", "kamailio": "kamailio"}
BARS = (
    ("bytes a binding", "bytes_per_binding"),
    ("kB a waiting call", "kb_per_waiting_call"),
    ("kB a TLS connection", "kb_per_tls_connection"),
    ("goodput at twice the capacity", "overload_goodput_share"),
)

DELAYS = (("p50", 0.5, "delays_ms"), ("p99", 0.99, "delays_ms"), ("undisturbed_p99", 0.99, "undisturbed_ms"))


def loads_result(found: Mapping[str, dict[str, list[Measured]]]) -> Result:
    """By load and server, the runs."""
    result = {load: _load(load, by_server) for load, by_server in found.items()}
    for load in found:
        result |= _delays(load, found[load]) if LOADS[load].probed else {}
    return result


def _delays(load: str, found: Mapping[str, Sequence[Measured]]) -> Result:
    """Of INVITEs during that load: ``invite_p50_ms`` and so on for calls at the usual rate."""
    name = load.replace("call", "invite")
    result = {}
    for label, share, which in DELAYS:
        delays = {server: sorted(ms for each in runs for ms in getattr(each, which)) for server, runs in found.items()}
        result[f"{name}_{label}_ms"] = _pair({server: round(quantile(ms, share), 3) for server, ms in delays.items() if ms}, "")
    return result


def _load(load: str, by_server: dict[str, list[Measured]]) -> Result:
    row = _pair({name: _median(runs, "cpu_us") for name, runs in by_server.items()}, "_us")
    if "sipmesh" in by_server:
        row["ours_signal_worker_us"] = _median(by_server["sipmesh"], "worker_us")
    row["rate"] = LOADS[load].rate
    row["not_clean"] = {name: sum(each.failed + each.retransmitted for each in runs) for name, runs in by_server.items()}
    row["maker_busy"] = max(round(each.maker_busy, 2) for runs in by_server.values() for each in runs)
    return row


def _median(runs: Sequence[Measured], what: str) -> float:
    return round(float(statistics.median(getattr(each, what) for each in runs)), 1)


def most_result(found: Mapping[str, Most]) -> Result:
    """``lower_bounds`` names those for which SIPp, not the server, was at its end."""
    bounds = [NAMES[name] for name, each in found.items() if each.at_least]
    return {"max_calls_per_s": _pair({name: each.calls for name, each in found.items()}, "") | {"lower_bounds": bounds}}


def _pair(values: Mapping[str, Any], suffix: str) -> Result:
    pair: Result = {NAMES[name] + suffix: value for name, value in values.items()}
    if len(values) == len(NAMES) and values["kamailio"]:
        pair["ratio"] = round(values["sipmesh"] / values["kamailio"], 3)
    return pair


def origin(runs: int) -> Result:
    return {
        "machine": f"{machine()}, load average {os.getloadavg()[0]:.1f}",
        "commit": commit(),
        "runs": runs,
        "date": time.strftime("%Y-%m-%d"),
    }


def table(result: Result) -> str:
    lines = [f"{result['machine']}; {result['commit']}; {result['date']}; median of {result['runs']}"]
    lines.append(f"{'':<18}{'sipmesh':>10}{'kamailio':>10}{'ratio':>8}")
    lines += [_line(name, row) for name, row in result.items() if isinstance(row, dict) and _of_servers(row)]
    lines += [f"{title}: {result[key]}" for title, key in BARS if key in result]
    if "tls" in result:
        storm = result["tls"]["ecdsa"]
        lines.append(f"OPTIONS p99 alone and in a storm of TLS handshakes: {storm['alone_p99_ms']}, {storm['storm_p99_ms']} ms")
    return "\n".join(lines)


def _of_servers(row: Result) -> bool:
    return any(key.startswith(tuple(NAMES.values())) for key in row)


def _line(name: str, row: Result) -> str:
    cells = [next((row[key] for key in row if key.startswith(who)), "") for who in ("ours", "kamailio", "ratio")]
    note = f"µs at {row['rate']}/s" if "rate" in row else ""
    if any(row.get("not_clean", {}).values()):
        note += f", failed or retransmitted: {row['not_clean']}"
    if row.get("lower_bounds"):
        note += f"at least, for {', '.join(row['lower_bounds'])}: SIPp does no more"
    return f"{name:<18}{cells[0]:>10}{cells[1]:>10}{cells[2]:>8} {note}".rstrip()
