"""The relays under test as processes: started on one core with their own addresses and ports, measured, ended."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.relay.ng import Address, Call, NgClient, NgError, Party

START_TIMEOUT_S = 60.0
PORTS = (30000, 49999)
CORES = sorted(os.sched_getaffinity(0))
RELAY_CORE, LOAD_CORE = CORES[-1], CORES[0]


@dataclass(frozen=True, slots=True)
class Contender:
    name: str
    ng: Address
    command: Callable[[Address, str], list[str]]  # from ng address and the address it relays on


def may_use_fifo() -> bool:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, *before)
    return True


def ours(ng: Address, host: str) -> list[str]:
    options = ["--ng", f"{ng[0]}:{ng[1]}", "--address", host, "--ports", f"{PORTS[0]}-{PORTS[1]}", "--threads", "1"]
    return [sys.executable, "-m", "media", *options, "--log", "warning"]


def rtpengine(ng: Address, host: str) -> list[str]:
    """User space (no kernel table), one worker for its one core, SCHED_FIFO when that is allowed, as ours."""
    program = shutil.which("rtpengine") or "rtpengine"
    options = [
        "--foreground",
        "--log-stderr",
        "--log-level=4",
        "--table=-1",
        "--num-threads=1",
        "--delete-delay=0",
        "--config-file=none",
    ]
    if may_use_fifo():
        options += ["--scheduling=fifo", "--priority=1"]
    ports = [f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}"]
    return [program, *options, *ports, f"--interface={host}", f"--listen-ng={ng[0]}:{ng[1]}"]


OURS = Contender("ours", ("127.0.0.20", 2223), ours)
RTPENGINE = Contender("rtpengine", ("127.0.0.10", 2223), rtpengine)
FLOOR, FLOOR_HOST = "floor", "127.0.0.25"


def cpu_ns(pid: int) -> int:
    """A process's CPU time so far, the kernel's work for it included (clock_getcpuclockid)."""
    return time.clock_gettime_ns((~pid << 3) | 2)


@dataclass(slots=True)
class Running:
    pid: int
    ng: NgClient

    def memory_kb(self) -> int:
        """Its own and, of the whole machine, the kernel's for sockets."""
        with open(f"/proc/{self.pid}/smaps_rollup") as file:
            own = next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        with open("/proc/meminfo") as file:
            return own + next(int(line.split()[1]) for line in file if line.startswith("Slab:"))


def prepare(core: int) -> Callable[[], None]:
    """For a child: on one core, if allowed ahead of whatever else the machine does, with as many descriptors as it may have."""

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        os.setsid()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -20)
            Path("/proc/self/autogroup").write_text("-20")
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return prepare


def _wait_for(process: subprocess.Popen[bytes], ng: NgClient, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            ng.request("ping")
            return
        except NgError as cause:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NgError(f"{process.args!r} did not start: {cause}\n{log.read_text()[-2000:]}") from None
            time.sleep(0.02)


def _end(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    process.send_signal(signal.SIGCONT)  # the load maker may have left it stopped
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def running(contender: Contender, folder: Path) -> Iterator[Running]:
    log = folder / f"{contender.name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            contender.command(contender.ng, contender.ng[0]), stdout=output, stderr=output, preexec_fn=prepare(RELAY_CORE)
        )
    ng = NgClient(contender.ng)
    try:
        _wait_for(process, ng, log)
        yield Running(process.pid, ng)
    finally:
        ng.close()
        _end(process)


@contextmanager
def running_floor(
    program: Path, folder: Path, ends: Sequence[tuple[Party, Party]], host: str = FLOOR_HOST
) -> Iterator[tuple[int, list[Call]]]:
    """The bare loop of floor.c with these calls up: its process id, and the calls."""
    lines = "".join(" ".join(f"{end.address[0]} {end.address[1]}" for end in pair) + "\n" for pair in ends)
    calls = folder / f"{FLOOR}-{host}.calls"
    calls.write_text(lines)
    with calls.open() as stdin:
        process = subprocess.Popen(
            [str(program), host, str(PORTS[0])], stdin=stdin, stdout=subprocess.PIPE, preexec_fn=prepare(RELAY_CORE)
        )
    try:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            raise NgError(f"{FLOOR} did not start")
        yield process.pid, [_through_floor(host, number, pair) for number, pair in enumerate(ends)]
    finally:
        _end(process)


def _through_floor(host: str, number: int, ends: tuple[Party, Party]) -> Call:
    port = PORTS[0] + 4 * number
    return Call(number, ends, (Party((host, port)), Party((host, port + 2))))
