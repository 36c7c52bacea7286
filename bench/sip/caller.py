"""A SIPp whose rate changes while it calls, and what came of each rate: in short windows, without disturbed ones."""

from __future__ import annotations

import csv
import itertools
import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.sip.loads import Bench, bound, quantile
from bench.sip.servers import Server
from bench.sip.watch import STOLEN, Watch
from interop.ports import free_port

WINDOW = "250ms"
SETTLED_S = 0.5  # from the change of the rate; not counted
DONE = 0.9  # of what was offered: so much completed is no sign of too much
FED = 0.9  # of its part of the core the server must have had in any other window
OFFERED_BY = 0.1  # SIPp offers as many as it should in a window, but for this part of them
AFTERMATH_S = 1.0  # what the machine lost is felt for so long: datagrams have piled up
LEAST_WINDOWS = 2  # undisturbed ones that a rate needs to count


@dataclass(slots=True)
class Offered:
    """One rate, and what came of it, a second, in the windows that the machine left undisturbed; in all, if it left too few."""

    rate: int
    completed: float
    refused: float
    failed: float
    refusal_p50_ms: float | None
    refusal_p99_ms: float | None
    used: float  # how much of its part of the core the server had
    windows: int
    disturbed: int  # of them

    @property
    def counts(self) -> bool:
        return self.windows - self.disturbed >= LEAST_WINDOWS


@dataclass(frozen=True, slots=True)
class Phase:
    rate: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Window:
    """Its counts are those of the calls that began or ended in it."""

    since: float
    until: float
    created: int
    completed: int
    refused: int
    failed: int

    @property
    def span_s(self) -> float:
        return self.until - self.since


class Caller:
    """Calls users of open.test from entering to leaving it; takes 503 for an answer. ``server`` has ``share`` of a core."""

    def __init__(self, bench: Bench, server: Server, share: float) -> None:
        self._bench = bench
        self._server = server
        self._share = share
        self._folder = bench.scratch(f"{server.name}-overload")
        self._table = self._folder / "caller.csv"
        self._control = ("127.0.0.1", free_port())
        self._watch = Watch(os.sched_getaffinity(server.process.pid) | set(bench.cores), server.cpu_ns)

    def __enter__(self) -> Self:
        port = free_port()
        self._callee = self._bench.sipp(self._server, "callee", "udp", port, self._folder / "callee.log", ())
        self._callee.wait_ready(lambda: bound(port, "udp"))
        self._server.register_users(port, "udp")
        arguments = ["-inf", str(self._bench.users), "-r", "1", "-l", "50000", "-key", "callee_port", str(port)]
        arguments += ["-recv_timeout", "4000", "-cp", str(self._control[1]), "-trace_stat", "-stf", str(self._table)]
        arguments += ["-fd", WINDOW, "-trace_rtt", "-rtt_freq", "10"]
        log = self._folder / "caller.log"
        self._caller = self._bench.sipp(self._server, "caller_refused", "udp", free_port(), log, arguments)
        self._caller.wait_ready(lambda: bound(self._control[1], "udp"))
        self._watch.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._watch.stop()
        self._caller.stop()
        self._callee.stop(1.0)
        self._server.unregister_users()

    def offer(self, rate: int, seconds: float) -> Phase:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            control.sendto(f"cset rate {rate}".encode(), self._control)
        time.sleep(SETTLED_S)
        since = time.time()
        time.sleep(seconds)
        until = time.time()
        time.sleep(0.1)  # until the table and the watch have it
        return Phase(rate, since, until)

    def result(self, phase: Phase) -> Offered:
        """The delays of refusals are complete once SIPp has ended."""
        return read(phase, self._table, self._folder.glob("*_rtt.csv"), self._watch.stolen, self._used)

    def _used(self, since: float, until: float) -> float:
        return self._watch.spent_s(since, until) / (until - since) / self._share


Part = Callable[[float, float], float]  # of the time between the two


def read(phase: Phase, table: Path, times: Iterable[Path], stolen: Part, used: Part) -> Offered:
    """``times``: SIPp's files of response times, here of the 503s."""
    rows = list(csv.DictReader(table.read_text().splitlines(), delimiter=";"))
    windows = _windows([row for row in rows if phase.since <= _unix_s(row, "CurrentTime") <= phase.until])
    undisturbed = [each for each in windows if _is_undisturbed(each, phase.rate, stolen, used)]
    counted = undisturbed if len(undisturbed) >= LEAST_WINDOWS else windows
    span_s = sum(each.span_s for each in counted) or float("inf")
    started = _unix_s(rows[0], "StartTime")
    delays = sorted(delay for at, delay in _delays(times) if any(each.since <= started + at < each.until for each in counted))
    return Offered(
        phase.rate,
        completed=round(sum(each.completed for each in counted) / span_s, 1),
        refused=round(sum(each.refused for each in counted) / span_s, 1),
        failed=round(sum(each.failed for each in counted) / span_s, 1),
        refusal_p50_ms=round(quantile(delays, 0.5), 1) if delays else None,
        refusal_p99_ms=round(quantile(delays, 0.99), 1) if delays else None,
        used=round(sum(used(each.since, each.until) * each.span_s for each in counted) / span_s, 2),
        windows=len(windows),
        disturbed=len(windows) - len(undisturbed),
    )


def _windows(rows: Sequence[dict[str, str]]) -> list[Window]:
    made = []
    for first, last in itertools.pairwise(rows):
        names = ("TotalCallCreated", "SuccessfulCall(C)", "GenericCounter1(C)", "FailedCall(C)")
        created, ended, refused, failed = (int(last[name]) - int(first[name]) for name in names)
        since, until = (_unix_s(row, "CurrentTime") for row in (first, last))
        made.append(Window(since, until, created, ended - refused, refused, failed))
    return made


def _is_undisturbed(window: Window, rate: int, stolen: Part, used: Part) -> bool:
    """Neither server nor SIPp missed what is theirs: a server that has not used up its part completes what is offered."""
    is_fed = window.completed >= DONE * window.created or used(window.since, window.until) >= FED
    is_whole = stolen(window.since - AFTERMATH_S, window.until) <= STOLEN
    return is_whole and is_fed and abs(window.created / window.span_s / rate - 1) <= OFFERED_BY


def _delays(times: Iterable[Path]) -> list[tuple[float, float]]:
    """When, in s from the start, and how long, in ms. The last line may not be whole yet."""
    lines = (line.split(";") for each in times for line in each.read_text().splitlines()[1:])
    return [(float(cells[0]) / 1000, float(cells[1])) for cells in lines if len(cells) == 3]


def _unix_s(row: dict[str, str], column: str) -> float:
    """SIPp writes a date, a time and Unix time into one cell."""
    return float(row[column].split("\t")[-1])
