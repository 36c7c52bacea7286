"""Child processes of the tests: started with a log file, watched, stopped by their own pid."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE_S = 120.0  # of whoever waits for an event, on a host that gives us a fifth of it and stands still for seconds


class StartError(RuntimeError):
    """A peer did not come up; the message carries the end of its log."""


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def bracketed(address: str) -> str:
    """As a host in a URI."""
    return f"[{address}]" if ":" in address else address


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S, interval_s: float = 0.02) -> None:
    """Polls ``condition``; raises TimeoutError naming ``what`` after ``timeout_s``."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(interval_s)


class Process:
    """One child in a process group of its own, its output in ``log``."""

    def __init__(self, command: Sequence[str], log: Path, cwd: Path | None = None, pass_fds: Sequence[int] = ()) -> None:
        self.command = ["setpriv", "--pdeathsig", "TERM", *command]  # a test run that is killed leaves nothing behind
        self.log = log
        with log.open("ab") as output:
            self.child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd,
                pass_fds=pass_fds,
                start_new_session=True,
            )
        self.pid = self.child.pid

    def running(self) -> bool:
        return self.child.poll() is None

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def wait_ready(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Waits until ``condition`` holds; raises StartError with the log when the child ends first or time is up."""
        name = Path(self.command[3]).name
        end = time.monotonic() + timeout_s
        while not condition():
            if not self.running() and not condition():
                raise StartError(f"{name} ended with {self.child.returncode}:\n{self.tail()}")
            if time.monotonic() > end:
                self.stop()
                raise StartError(f"{name} not ready within {timeout_s:g} s:\n{self.tail()}")
            time.sleep(0.02)

    def stop(self, timeout_s: float = PATIENCE_S) -> int:
        """SIGTERM, then SIGKILL to what is left of the group; returns the exit status."""
        if self.running():
            self.child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.child.wait()

    def halt(self) -> None:
        """It stands still until ``resume``; nothing when it has ended."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self.running():
            self.child.send_signal(number)

    def tree(self) -> list[int]:
        """This process and its descendants."""
        return tree(self.pid)


def tree(pid: int) -> list[int]:
    """``pid`` and its living descendants, parents first."""
    pids = [pid]
    for parent in pids:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                pids += [int(child) for child in task.read_text().split()]
    return pids


def cpu_ns(pid: int) -> int:
    """Time on a CPU of all threads of ``pid``, in nanoseconds (schedstat, not the 10 ms ticks of stat)."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, IndexError):
            total += int(path.read_text().split()[0])
    return total


def rss_bytes(pid: int) -> int:
    """Resident memory of ``pid`` that is its own or shared anonymous; pages of mapped files are left out."""
    with contextlib.suppress(OSError):
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
        return 1024 * sum(int(fields[key].split()[0]) for key in ("RssAnon", "RssShmem") if key in fields)
    return 0
