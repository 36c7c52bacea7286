"""Builds and runs the load maker (bench/rtpload)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.relay.contenders import LOAD_CORE, prepare
from bench.relay.ng import Call

SOURCE = Path(__file__).resolve().parent.parent / "rtpload" / "rtpload.c"
CALLER_HOST, CALLEE_HOST = "127.0.0.30", "127.0.0.31"
FIRST_PORT = 20000
LATE_SHARE = 0.05
STEAL_SHARE = 0.05


class LoadError(Exception):
    """The load could not be made."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run saw."""

    sent: int
    received: int  # of those sent
    relayed: int  # arrived while measured, whenever sent
    send_errors: int
    late: int  # packets the load maker itself sent more than 1 ms late
    relay_cpu_ns: int
    own_cpu_ns: int
    window_ms: int
    steal_ms: int  # that the hypervisor kept from all processors of the machine
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float

    @property
    def us_a_packet(self) -> float:
        return self.relay_cpu_ns / 1000 / max(self.relayed, 1)

    @property
    def busy(self) -> float:
        """Share of its core that the relay used; near 1 it is at its limit and latency says more than time a packet."""
        return self.relay_cpu_ns / 1e6 / self.window_ms

    @property
    def disturbed(self) -> bool:
        """The machine did something else: the load was uneven, or its processors were not ours."""
        return self.late > LATE_SHARE * self.sent or self.steal_ms > STEAL_SHARE * self.window_ms

    @property
    def loss(self) -> float:
        return 1 - self.received / max(self.sent, 1)


def ends_of(number: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return (CALLER_HOST, FIRST_PORT + 2 * number), (CALLEE_HOST, FIRST_PORT + 2 * number)


def build(folder: Path) -> Path:
    program = folder / "rtpload"
    options = ["-std=c11", "-O2", "-Wall", "-D_GNU_SOURCE"]
    done = subprocess.run(["gcc", *options, str(SOURCE), "-o", str(program)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LoadError(f"{SOURCE.name} does not compile:\n{done.stderr}")
    return program


def run(program: Path, calls: list[Call], pid: int, warm_up_s: float, measure_s: float) -> Load:
    ends = [(own, relay) for call in calls for own, relay in zip(call.ends, call.relays, strict=True)]
    lines = "".join(f"{own[0]} {own[1]} {relay[0]} {relay[1]}\n" for own, relay in ends)
    command = [str(program), str(int(warm_up_s * 1000)), str(int(measure_s * 1000)), str(pid)]
    done = subprocess.run(
        command,
        input=lines,
        capture_output=True,
        text=True,
        check=False,
        timeout=warm_up_s + measure_s + 20,
        preexec_fn=prepare(LOAD_CORE),
    )
    if done.returncode != 0:
        raise LoadError(done.stderr.strip())
    return Load(**json.loads(done.stdout))
