"""Builds and runs the load maker (bench/rtpload)."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.relay.contenders import LOAD_CORE, prepare
from bench.relay.ng import Address, Call, Party

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "bench" / "rtpload").glob("*.c"), *(ROOT / "native" / "crelay").glob("relay_srtp*.c")])
OPTIONS = ["-std=c11", "-O2", "-Wall", "-D_GNU_SOURCE", "-fno-strict-aliasing", f"-I{ROOT / 'native' / 'crelay'}"]
CALLER_HOST, CALLEE_HOST = "127.0.0.30", "127.0.0.31"
FIRST_PORT = 20000
LATE_SHARE = 0.005  # half of what p99 looks at


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
    wrong: int  # ends whose last packet was not, once decrypted, what the other end sent
    relay_cpu_ns: int
    own_cpu_ns: int
    waited_ns: int  # by the load maker, for the time of its next packet
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
    def load_busy(self) -> float:
        """Share of its time that the load maker worked, which a relay on the other hyperthread of its core feels most."""
        return 1 - self.waited_ns / 1e6 / self.window_ms

    @property
    def uneven(self) -> bool:
        """More packets left late than p99 forgives: the load maker was at its limit, or its core was another one's."""
        return self.late > LATE_SHARE * self.sent

    @property
    def disturbed(self) -> bool:
        """What the latencies say may not be the relay's doing."""
        return self.uneven or self.steal_ms > 0

    @property
    def loss(self) -> float:
        return 1 - self.received / max(self.sent, 1)


def addresses_of(number: int) -> tuple[Address, Address]:
    return (CALLER_HOST, FIRST_PORT + 2 * number), (CALLEE_HOST, FIRST_PORT + 2 * number)


def build(folder: Path) -> Path:
    program = folder / "rtpload"
    command = ["gcc", *OPTIONS, *map(str, SOURCES), "-lcrypto", "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LoadError(f"the load maker does not compile:\n{done.stderr}")
    return program


def _line(own: Party, relay: Party) -> str:
    keys = (party.key.hex() if party.key else "-" for party in (own, relay))
    return f"{own.address[0]} {own.address[1]} {relay.address[0]} {relay.address[1]} {' '.join(keys)}\n"


def run(program: Path, calls: list[Call], pid: int, warm_up_s: float, measure_s: float) -> Load:
    lines = "".join(_line(own, relay) for call in calls for own, relay in zip(call.ends, call.relays, strict=True))
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
    loaded = Load(**json.loads(done.stdout))
    if loaded.wrong:
        raise LoadError(f"{loaded.wrong} ends got packets that are not what the other end sent")
    return loaded
