"""Starts the workers of a node, watches them, starts them again, stops them. Parses no traffic and touches no database.

One thread, one selector: a pidfd and a pipe for each worker, and the signals. A worker writes "ready" into its pipe once and
"alive" each few seconds; the supervisor writes what it knows into ``workers.json`` for the agent.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sipmesh.node_status import NodeStatus, State, WorkerStatus, write_status
from sipmesh.spec import ENVIRONMENT, Role, Spec

HUGE_PAGES = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")  # as native.sip.use_huge_pages does for Python's objects
STOP_LOOK_S = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    backoff_s: tuple[float, ...] = (0.0, 0.1, 0.5, 1.0, 2.0, 5.0)  # waits before the first, second ... restart in a row
    steady_s: float = 10.0  # a worker that ran so long starts from the first wait again
    tick_s: float = 1.0
    hung_ticks: int = 30  # without a sign of life: ended with a traceback, two ticks later killed
    stop_limit_s: float = 5.0  # for each worker, from SIGTERM to SIGKILL

    def wait_after(self, failures: int, ran_s: float) -> tuple[float, int]:
        """(seconds until a worker is started again, its failures in a row): it had so many ``failures`` and ran ``ran_s``."""
        before = 0 if ran_s >= self.steady_s else failures
        return self.backoff_s[min(before, len(self.backoff_s) - 1)], before + 1


class Worker:
    """One worker's process and its history."""

    def __init__(self, role: Role, index: int) -> None:
        self.role = role
        self.index = index
        self.status = WorkerStatus(name=f"{role}-{index}", role=role)
        self.process: subprocess.Popen[bytes] | None = None
        self.pidfd = -1
        self.pipe = -1
        self.failures = 0  # in a row
        self.started_at = 0.0  # monotonic
        self.start_due: float | None = 0.0  # monotonic; None: running, or not to be started again
        self.silent_ticks = 0


class Supervisor:
    """``spec_of`` describes a worker given its role, index and report descriptor; ``command`` runs one. ``on_end``: one
    of that role is gone, and no other was started in its place."""

    def __init__(
        self,
        data: Path,
        roles: Sequence[tuple[Role, int]],
        spec_of: Callable[[Role, int, int], Spec],
        *,
        command: Sequence[str] = (sys.executable, "-m", "sipmesh.worker"),
        on_ready: Callable[[], None] = lambda: None,
        on_end: Callable[[Role], None] = lambda role: None,
        timing: Timing = Timing(),
    ) -> None:
        self._data = data
        self._workers = [Worker(role, index) for role, index in roles]
        self._spec_of = spec_of
        self._command = list(command)
        self._on_ready = on_ready
        self._on_end = on_end
        self._timing = timing
        self._announced = False
        self._status = NodeStatus(os.getpid(), time.time(), [worker.status for worker in self._workers])
        self._selector = selectors.DefaultSelector()
        self._stopping = False

    def run(self) -> None:
        """Until SIGTERM or SIGINT; then stops the workers in the opposite order of ``roles``."""
        reader, writer = socket.socketpair()
        for end in (reader, writer):
            end.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._signalled(reader.recv(64)))
        next_tick = time.monotonic() + self._timing.tick_s
        try:
            while not self._stopping:
                self._start_due_workers()
                self._wait(next_tick)
                if time.monotonic() >= next_tick:
                    next_tick = time.monotonic() + self._timing.tick_s  # a pause of the whole machine counts as one tick
                    self._tick()
        finally:
            self._stop()
            signal.set_wakeup_fd(before)
            reader.close()
            writer.close()

    def _wait(self, until: float) -> None:
        dues = [worker.start_due for worker in self._workers if worker.start_due is not None]
        for key, _ in self._selector.select(max(0.0, min([until, *dues]) - time.monotonic())):
            key.data()

    def _signalled(self, numbers: bytes) -> None:
        for number in numbers:
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stopping = True
            elif number == signal.SIGHUP:
                self._reload()

    def _reload(self) -> None:
        """The agent reads the configuration again, since it has the database; the signal workers their certificates."""
        for worker in self._workers:
            if worker.role in ("agent", "signal") and worker.status.state == "ready" and worker.process:
                worker.process.send_signal(signal.SIGHUP)

    def _start_due_workers(self) -> None:
        now = time.monotonic()
        for worker in self._workers:
            if worker.start_due is not None and worker.start_due <= now:
                self._start(worker)

    def _start(self, worker: Worker) -> None:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        spec = self._spec_of(worker.role, worker.index, writer)
        environment = {**os.environ, ENVIRONMENT: msgspec.json.encode(spec).decode()}
        if worker.role == "signal":
            environment.setdefault(*HUGE_PAGES)
        worker.started_at, worker.start_due, worker.silent_ticks = time.monotonic(), None, 0
        try:
            worker.process = subprocess.Popen(  # noqa: S603
                [*self._command, worker.status.name], env=environment, pass_fds=spec.descriptors(), process_group=0
            )
        except OSError as error:
            os.close(reader)
            worker.status.last_end = f"can't be started: {error}"
            self._start_again(worker)
            return
        finally:
            os.close(writer)
        worker.pipe, worker.pidfd = reader, os.pidfd_open(worker.process.pid)
        worker.status.pid = worker.process.pid
        self._selector.register(worker.pipe, selectors.EVENT_READ, lambda: self._heard(worker))
        self._selector.register(worker.pidfd, selectors.EVENT_READ, lambda: self._ended(worker))
        self._set_state(worker, "starting")

    def _heard(self, worker: Worker) -> None:
        if worker.process is None:  # its end was handled in the same round
            return
        said = os.read(worker.pipe, 4096)
        if not said:
            self._selector.unregister(worker.pipe)
        worker.silent_ticks = 0
        if b"ready" in said and worker.status.state == "starting":
            log.info("worker is ready", extra={"child": worker.status.name, "pid": worker.status.pid})
            self._set_state(worker, "ready")
            self._announce()

    def _announce(self) -> None:
        if not self._announced and all(worker.status.state == "ready" for worker in self._workers):
            self._announced = True
            self._on_ready()
            notify_systemd("READY=1")

    def _ended(self, worker: Worker) -> None:
        self._forget(worker)
        self._start_again(worker)

    def _start_again(self, worker: Worker) -> None:
        """Plans the next start; the more often in a row, the later."""
        ran_s = time.monotonic() - worker.started_at
        wait_s, worker.failures = self._timing.wait_after(worker.failures, ran_s)
        worker.start_due = time.monotonic() + wait_s
        worker.status.restarts += 1
        log.error(
            "worker ended; it is started again",
            extra={"child": worker.status.name, "end": worker.status.last_end, "wait_s": wait_s},
        )
        self._set_state(worker, "waiting")

    def _forget(self, worker: Worker) -> None:
        """Collects an ended process."""
        assert worker.process
        code = worker.process.wait()
        worker.status.last_end = f"signal {signal_name(-code)}" if code < 0 else f"exit status {code}"
        worker.status.pid = 0
        for fd in (worker.pipe, worker.pidfd):
            with contextlib.suppress(KeyError):
                self._selector.unregister(fd)
            os.close(fd)
        worker.process = None
        self._on_end(worker.role)

    def _tick(self) -> None:
        for worker in self._workers:
            if worker.process:
                worker.silent_ticks += 1
                if worker.silent_ticks == self._timing.hung_ticks:
                    log.error("worker gives no sign of life; it is ended", extra={"child": worker.status.name})
                    worker.process.send_signal(signal.SIGABRT)
                elif worker.silent_ticks == self._timing.hung_ticks + 2:
                    worker.process.kill()

    def _stop(self) -> None:
        notify_systemd("STOPPING=1")
        for worker in reversed(self._workers):
            worker.start_due = None
            if worker.process:
                self._set_state(worker, "stopping")
                worker.process.terminate()
                if not self._ends(worker.process):
                    log.error("worker does not stop; it is killed", extra={"child": worker.status.name})
                    worker.process.kill()
                self._forget(worker)
            self._set_state(worker, "stopped")
        self._selector.close()

    def _ends(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether it does within ``stop_limit_s``, of which a pause of the whole machine counts as one look."""
        for _ in range(round(self._timing.stop_limit_s / STOP_LOOK_S)):
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_LOOK_S)
                return True
        return False

    def _set_state(self, worker: Worker, state: State) -> None:
        worker.status.state, worker.status.since = state, time.time()
        try:
            write_status(self._data, self._status)
        except OSError as error:  # a full disk must not end the node
            log.error("the state of the workers can't be written", extra={"reason": str(error)})


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)


def notify_systemd(state: str) -> None:
    """sd_notify(3), when systemd asked for it."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifier:
            notifier.sendto(state.encode(), "\0" + path[1:] if path.startswith("@") else path)
