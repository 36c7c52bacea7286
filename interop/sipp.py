"""Runs SIPp: one process per end, bounded in time, its statistics and logs read back."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from interop.ports import free_port
from interop.process import PATIENCE_S, Process, bracketed, wait_for
from interop.script import Script

NEVER = 1_000_000

ENDED = ("04", "05", "06", "08", "09", "0B")  # states of proc(5) of a TCP connection that somebody has closed

GIVEN_UP = re.compile(r"(\d{9,}\.\d+): Aborting call")  # in the same file: when, in Unix time

# a message that ended a call, in SIPp's file of errors
UNEXPECTED = re.compile(
    r"Aborting call on unexpected message .*?: while expecting '(?P<wanted>\w+)'.*?received "
    r"'(?:SIP/2\.0 (?P<status>\d+)|(?P<request>[A-Z]+) )(?:.*?^CSeq: *\d+ (?P<method>\w+))?",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class End:
    """Who a SIPp is: user and password of a registered phone, and where it listens."""

    user: str
    domain: str = "example.test"
    password: str = ""
    address: str = "127.0.0.1"
    port: int = 0
    transport: str = "udp"
    private: str = ""  # the address it believes to have, when a NAT stands before it

    def keys(self) -> dict[str, str]:
        """The keys every script refers to."""
        contact = f"{self.private}:5060" if self.private else f"{bracketed(self.address)}:{self.port}"
        media = {"media_family": "6" if ":" in self.address else "4", "media_address": self.private or self.address}
        return {"user": self.user, "domain": self.domain, "contact": contact, **media}

    def __post_init__(self) -> None:
        if not self.port:
            object.__setattr__(self, "port", free_port(address=self.address))


@dataclass(slots=True)
class Result:
    exit_status: int
    successful: int
    failed: int
    created: int
    retransmissions: int
    logs: list[str]
    trace: str
    reasons: list[str]  # of calls that failed, as far as SIPp tells: "408 to BYE, not 200"
    given_up: list[float]  # when calls failed, in Unix time

    @property
    def ok(self) -> bool:
        return self.exit_status == 0 and self.failed == 0 and self.successful > 0


@dataclass(slots=True)
class Media:
    """One SDP that a script logged."""

    address: str
    port: int
    direction: str

    @property
    def remote(self) -> tuple[str, int]:
        return self.address, self.port


@dataclass(slots=True)
class Sipp:
    """One running SIPp. ``folder`` gets its scenario, statistics, errors, messages and log."""

    script: Script
    end: End
    node: tuple[str, int]
    folder: Path
    called: str = ""
    name: str = "sipp"
    calls: int = 1
    rate: float = 10.0
    timeout_s: float = PATIENCE_S
    keys: dict[str, str] = field(default_factory=dict)
    options: Sequence[str] = ()
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file("xml").write_text(str(self.script))
        self.process = Process([*self._command(), *self.options], self._file("out"))
        self.process.wait_ready(self._listening)

    def _command(self) -> list[str]:
        end = self.end
        command = ["sipp", f"{bracketed(self.node[0])}:{self.node[1]}", "-nostdin", "-timeout_error"]
        command += ["-trace_err", "-trace_logs", "-trace_stat", *(["-trace_msg"] if self.calls <= 10 else [])]
        valued = {
            "-t": "u1" if end.transport == "udp" else "t1",
            "-i": end.address,
            "-p": end.port,
            "-mi": end.address,
            "-s": self.called or end.user,
            "-au": end.user,
            "-ap": end.password or "none",
            "-m": self.calls,
            "-r": self.rate,
            "-timeout": self.timeout_s,
            "-fd": 60,
            "-watchdog_minor_maxtriggers": NEVER,  # else it gives up on a machine that stood still so often
            "-watchdog_major_maxtriggers": NEVER,
        }
        files = {"-sf": "xml", "-error_file": "err", "-log_file": "log", "-stf": "csv", "-message_file": "msg"}
        valued |= {option: self._file(suffix) for option, suffix in files.items()}
        for option, value in valued.items():
            command += [option, str(value)]
        for key, value in (end.keys() | self.keys).items():
            command += ["-key", key, value]
        return command

    def _file(self, suffix: str) -> Path:
        return self.folder / f"{self.name}.{suffix}"

    def _text(self, suffix: str) -> str:
        path = self._file(suffix)
        return path.read_text(errors="replace") if path.exists() else ""

    def _listening(self) -> bool:
        """SIPp opens its sockets after it wrote the header of its statistics; a short one may already be through."""
        if self.process.child.poll() is not None:
            return self._file("csv").exists()
        table = self.end.transport + ("6" if ":" in self.end.address else "")
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()]
        return any(row[1].endswith(f":{self.end.port:04X}") and row[3] not in ENDED for row in rows)

    def log_lines(self) -> list[str]:
        return self._text("log").splitlines()

    def logged(self, pattern: str, timeout_s: float = PATIENCE_S) -> re.Match[str]:
        """The first log line that matches; raises AssertionError with the trace when SIPp ends without it."""
        end = time.monotonic() + timeout_s
        while not (found := re.search(pattern, self._text("log"))):
            if time.monotonic() > end or not self.process.running():
                if found := re.search(pattern, self._text("log")):
                    break
                raise AssertionError(f"{self.name} never logged {pattern!r}\n{self.trace()}")
            time.sleep(0.01)
        return found

    def media(self, label: str, timeout_s: float = PATIENCE_S) -> Media:
        found = self.logged(rf"media {label} (\S+) (\d+) ?(\w*)", timeout_s)
        return Media(found[1], int(found[2]), found[3])

    def trace(self) -> str:
        return "\n".join(
            [f"--- {self.name} errors", self._text("err")[-3000:], f"--- {self.name} messages", self._text("msg")[-12000:]]
        )

    def wait(self) -> Result:
        """Its result; a SIPp that overstays its timeout is killed and counts as failed."""
        try:
            wait_for(lambda: not self.process.running(), self.name, self.timeout_s + PATIENCE_S)
        except TimeoutError:
            self.process.stop()
        status = self.process.stop()
        row = self._statistics()
        counts = [
            int(row.get(name) or 0) for name in ("SuccessfulCall(C)", "FailedCall(C)", "TotalCallCreated", "Retransmissions(C)")
        ]
        logs, errors = self._text("log").splitlines(), self._text("err")
        reasons = [reason_of(found) for found in UNEXPECTED.finditer(errors)]
        given_up = [float(found[1]) for found in GIVEN_UP.finditer(errors)]
        return Result(status, counts[0], counts[1], counts[2], counts[3], logs, self.trace(), reasons, given_up)

    def _statistics(self) -> dict[str, str]:
        rows = list(csv.DictReader(self._text("csv").splitlines(), delimiter=";"))
        return rows[-1] if rows else {}

    def stop(self) -> None:
        self.process.stop()

    def expect_ok(self) -> Result:
        """Waits and asserts success; the assertion carries SIPp's errors and messages."""
        result = self.wait()
        assert result.ok, f"{self.name}: exit {result.exit_status}, {result.failed} failed\n{result.trace}"
        return result


def reason_of(found: re.Match[str]) -> str:
    got = f"{found['status']} to {found['method']}" if found["status"] else found["request"]
    return f"{got}, not {found['wanted']}"
