"""One measured load: SIPp at a fixed rate on the cores the server does not use, the server's CPU read before and after."""

from __future__ import annotations

import csv
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.sip.servers import CARRIER, OPEN, PASSWORD, PREFIX, PROBER, USERS, Server, on_cores
from bench.sip.watch import Watch
from interop.node import ROOT
from interop.ports import free_port
from interop.process import Process, cpu_ns

HERE = Path(__file__).parent
CONTACT_PORT = 5062  # of bindings that nobody calls: the same in every run, so that they are refreshed
HERE_HOST, PRIVATE_HOST = "127.0.0.1", "10.9.8.7"  # what phones say of themselves, the latter behind a NAT
ONE_CODEC = ("0", "a=rtpmap:0 PCMU/8000")
AS_A_PHONE = (  # which a relay has to read
    "8 0 101",
    "a=rtpmap:8 PCMA/8000",
    "a=rtpmap:0 PCMU/8000",
    "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-16",
    "a=ptime:20",
    "a=sendrecv",
)
MAKER_FULL = 0.85  # of its cores: SIPp is at its end
AROUND_S = 0.5  # before and after a probe, what the host took may have delayed it
SO_TIMESTAMPNS = 35  # asm-generic/socket.h


@dataclass(frozen=True, slots=True)
class Load:
    scenario: str  # file of the SIPp that generates
    rate: int  # a second
    transport: str = "udp"
    callee: bool = False  # it calls users of open.test
    relayed: bool = False  # of servers that relay media; none is sent
    behind_nat: bool = False  # caller and callee: servers have to look where they really are
    probed: bool = False  # how long INVITEs take through the server
    forked: bool = False  # to two phones of each user, of which one answers
    over_trunks: bool = False  # from one, known by its address, to the other, by the prefix of the number


LOADS = {
    "call": Load("caller", 1500, callee=True, probed=True),
    "call_busy": Load("caller", 3000, callee=True, probed=True),
    "call_tcp": Load("caller", 800, "tcp", callee=True),
    "call_nat": Load("caller", 1000, callee=True, behind_nat=True),
    "call_forked": Load("caller", 800, callee=True, forked=True),
    "call_trunk": Load("caller", 1500, callee=True, over_trunks=True),
    "call_relayed": Load("caller", 500, callee=True, relayed=True),
    "call_digest": Load("caller_digest", 1000, callee=True),
    "register": Load("register", 3000),
    "register_digest": Load("register_digest", 1500),
    "options": Load("options", 3000),
}


@dataclass(slots=True)
class Measured:
    cpu_us: float  # of the server, all its processes, for each completed exchange
    worker_us: float  # of the process that handles SIP; 0 when it is not known
    completed: int
    failed: int
    retransmitted: int
    rate: float  # completed a second
    maker_busy: float  # how much of its cores SIPp needed, 0 to 1
    delays_ms: list[float] = field(default_factory=list)  # of probe INVITEs through the server
    undisturbed_ms: list[float] = field(default_factory=list)  # those of them around which the host took nothing from the cores


@dataclass(frozen=True, slots=True)
class Delay:
    at: float  # when it was sent, Unix time
    ms: float


@dataclass(frozen=True, slots=True)
class Most:
    calls: int  # a second
    at_least: bool  # SIPp did no more


class Bench:
    """Runs loads in a folder for scratch files; SIPp is kept on ``cores``."""

    def __init__(self, folder: Path, cores: Sequence[int]) -> None:
        self.folder = folder
        self.cores = cores
        self.users = folder / "users.csv"
        credentials = f"[authentication username=user{{0}} password={PASSWORD}]"
        rows = [f"user{index};{credentials.format(index)};" for index in range(USERS)]
        self.users.write_text("\n".join(["SEQUENTIAL", *rows, ""]))
        self._runs = 0

    def scratch(self, name: str) -> Path:
        """A new folder for the files of one run."""
        self._runs += 1
        folder = self.folder / f"{self._runs}-{name}"
        folder.mkdir()
        return folder

    def sipp(
        self,
        server: Server,
        scenario: str,
        transport: str,
        port: int,
        log: Path,
        arguments: Sequence[str],
        codecs: Sequence[str] = ONE_CODEC,
        says: str = HERE_HOST,
    ) -> Process:
        """A SIPp that talks to ``server`` from ``port``; its own files are put beside ``log``. ``codecs``: the end
        of its SDP. ``says``: the host in its Via and Contact."""
        command = [
            *on_cores(self.cores),
            "sipp",
            f"{server.address}:{server.port}",
            "-sf",
            str(HERE / f"{scenario}.xml"),
        ]
        command += ["-i", "127.0.0.1", "-p", str(port), "-t", "u1" if transport == "udp" else "t1", "-nostdin"]
        command += ["-key", "codecs", "\r\n".join(codecs), "-key", "says", says]
        return Process([*command, "-buff_size", "4194304", *arguments], log, log.parent)

    def run(self, server: Server, load: Load, seconds: float, rate: int = 0, *, probe: bool = False) -> Measured:
        """Offers ``load`` for ``seconds`` and waits for the last exchange to end."""
        rate = rate or load.rate
        folder = self.scratch(f"{server.name}-{load.scenario}")
        callee_port, caller_port = self._callee_port(server, load), free_port()
        codecs = AS_A_PHONE if load.relayed else ONE_CODEC
        says = PRIVATE_HOST if load.behind_nat else HERE_HOST
        callee = second = None
        if load.forked:
            second = self._second_phone(server, folder / "second.log")
        if load.behind_nat:  # from the port that the callee will have
            server.register_users(callee_port, load.transport, says)
        if load.callee:
            callee = self.sipp(server, "callee", load.transport, callee_port, folder / "callee.log", (), codecs, says)
            callee.wait_ready(lambda: bound(callee_port, load.transport))
            if not load.over_trunks and not load.behind_nat:
                server.register_users(callee_port, load.transport)
        statistics = folder / "caller.csv"
        arguments = ["-inf", str(self.users), "-r", str(rate), "-m", str(int(rate * seconds)), "-l", "50000"]
        arguments += ["-key", "callee_port", str(callee_port), "-recv_timeout", "4000"]
        names = (CARRIER, PREFIX) if load.over_trunks else (OPEN, "")
        arguments += ["-key", "caller_domain", names[0], "-key", "dialled", names[1]]
        arguments += ["-trace_stat", "-stf", str(statistics), "-fd", "600", "-timeout", f"{seconds + 8:g}"]
        prober = Prober(server) if probe else None
        watch = Watch(os.sched_getaffinity(server.process.pid) | set(self.cores))
        watch.start()
        try:
            before, worker_before, started = server.cpu_ns(), server.worker_ns(), time.monotonic()
            log = folder / "caller.log"
            caller = self.sipp(server, load.scenario, load.transport, caller_port, log, arguments, codecs, says)
            made_ns = 0
            while caller.running() and time.monotonic() - started < seconds + 12:
                made_ns = max(made_ns, sum(cpu_ns(each.pid) for each in (caller, callee, second) if each))
                time.sleep(0.02)
            spent, elapsed = server.cpu_ns() - before, time.monotonic() - started
            worker_spent = server.worker_ns() - worker_before
            caller.stop()
        finally:
            watch.stop()
            delays = prober.stop() if prober else []
            for each in (callee, second):
                if each:
                    each.stop(1.0)
            if callee and not load.over_trunks:
                server.unregister_users()
        row = list(csv.DictReader(statistics.read_text().splitlines(), delimiter=";"))[-1]
        completed = int(row["SuccessfulCall(C)"])
        if not completed:
            raise RuntimeError(f"{server.name}: no {load.scenario} completed\n{caller.tail()}")
        failed = int(row["TotalCallCreated"]) - completed
        return Measured(
            cpu_us=spent / completed / 1000,
            worker_us=worker_spent / completed / 1000,
            completed=completed,
            failed=failed,
            retransmitted=int(row["Retransmissions(C)"]),
            rate=completed / elapsed,
            maker_busy=made_ns / 1e9 / elapsed / len(self.cores),
            delays_ms=[each.ms for each in delays],
            undisturbed_ms=[
                each.ms for each in delays if not watch.stolen(each.at - AROUND_S, each.at + each.ms / 1000 + AROUND_S)
            ],
        )

    def _second_phone(self, server: Server, log: Path) -> Process:
        """Of every user; it rings only."""
        port = free_port()
        phone = Process([*on_cores(self.cores), sys.executable, "-m", "bench.sip.second_phone", str(port)], log, cwd=ROOT)
        phone.wait_ready(lambda: bound(port, "udp"))
        server.register_users(port, "udp")
        return phone

    def _callee_port(self, server: Server, load: Load) -> int:
        if load.over_trunks:
            return server.trunk_port
        return free_port() if load.callee else CONTACT_PORT

    def most(self, server: Server, seconds: float, first: int = 2000, steps: int = 5) -> Most:
        """The highest rate of calls a second, to about 6 %, with less than 0.1 % failed or retransmitted."""
        good, bad, rate, busy = 0, 0, first, 0.0
        for _ in range(steps):
            holds, maker_busy = self._holds(server, rate, seconds)
            if holds:
                good = rate
            else:
                bad, busy = rate, maker_busy
            rate = (good + bad) // 2 if bad else good * 2
            if bad and bad - good < 0.06 * bad:
                break
        return Most(good, at_least=not bad or busy > MAKER_FULL)

    def _holds(self, server: Server, rate: int, seconds: float) -> tuple[bool, float]:
        """Whether ``rate`` was clean, and how busy SIPp was."""
        try:
            measured = self.run(server, LOADS["call"], seconds, rate)
        except RuntimeError:  # nothing completed
            return False, 0.0
        kept_up = measured.rate > 0.8 * rate * seconds / (seconds + 0.5)
        return kept_up and measured.failed + measured.retransmitted < 0.001 * rate * seconds, measured.maker_busy


class Prober:
    """Sends an INVITE every 20 ms to a user of its own; the delay ends with the kernel's receive stamp at the callee."""

    def __init__(self, server: Server) -> None:
        self._server = (server.address, server.port)
        self._caller, self._callee = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._callee.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for each in (self._caller, self._callee):
            each.bind(("127.0.0.1", 0))
            each.settimeout(0.5)
        self._delays: list[Delay] = []
        self._stopped = threading.Event()
        self._register()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _message(self, method: str, uri: str, user: str, port: int, number: int, extra: str) -> bytes:
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};rport;branch=z9hG4bKprobe{port}-{number}\r\n"
            f"From: <sip:{user}@{OPEN}>;tag=p{number}\r\nTo: <sip:{PROBER}@{OPEN}>\r\nCall-ID: probe{port}-{number}\r\n"
            f"CSeq: 1 {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
        ).encode()

    def _register(self) -> None:
        port = self._callee.getsockname()[1]
        for number, contact in enumerate(("*\r\nExpires: 0", f"<sip:{PROBER}@127.0.0.1:{port}>\r\nExpires: 600")):
            extra = f"Contact: {contact}\r\n"
            self._callee.sendto(self._message("REGISTER", f"sip:{OPEN}", PROBER, port, number, extra), self._server)
            self._callee.recv(4096)

    def _run(self) -> None:
        port = self._caller.getsockname()[1]
        number = 0
        while not self._stopped.wait(0.02):
            number += 1
            extra = f"Contact: <sip:user0@127.0.0.1:{port}>\r\n"
            invite = self._message("INVITE", f"sip:{PROBER}@{OPEN}", "user0", port, number, extra)
            sent = time.time_ns()
            self._caller.sendto(invite, self._server)
            arrived, request = self._arrival(f"Call-ID: probe{port}-{number}\r\n".encode())
            if request:
                self._delays.append(Delay(sent / 1e9, (arrived - sent) / 1e6))
                self._refuse(request)
                self._acknowledge(port, number)

    def _arrival(self, call_id: bytes) -> tuple[int, bytes]:
        while True:
            try:
                data, ancillary, _, _ = self._callee.recvmsg(4096, 64)
            except TimeoutError:
                return 0, b""
            if data.startswith(b"INVITE") and call_id in data:
                seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
                return seconds * 1_000_000_000 + nanoseconds, data

    def _refuse(self, request: bytes) -> None:
        kept = [
            line
            for line in request.split(b"\r\n")
            if line.split(b":")[0] in (b"Via", b"Record-Route", b"From", b"Call-ID", b"CSeq")
        ]
        to = next(line for line in request.split(b"\r\n") if line.startswith(b"To:"))
        answer = b"\r\n".join([b"SIP/2.0 486 Busy Here", *kept, to + b";tag=busy", b"Content-Length: 0", b"", b""])
        self._callee.sendto(answer, self._server)

    def _acknowledge(self, port: int, number: int) -> None:
        try:
            while not (response := self._caller.recv(4096)).startswith(b"SIP/2.0 486"):
                pass
        except TimeoutError:
            return
        to = next(line for line in response.split(b"\r\n") if line.startswith(b"To:"))
        ack = self._message("ACK", f"sip:{PROBER}@{OPEN}", "user0", port, number, "")
        self._caller.sendto(ack.replace(f"To: <sip:{PROBER}@{OPEN}>".encode(), to), self._server)

    def stop(self) -> list[Delay]:
        self._stopped.set()
        self._thread.join()
        self._caller.close()
        self._callee.close()
        return self._delays


def bound(port: int, transport: str) -> bool:
    return f":{port:04X} " in Path(f"/proc/net/{transport}").read_text()


def quantile(ordered: Sequence[float], share: float) -> float:
    """NaN of nothing."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")
