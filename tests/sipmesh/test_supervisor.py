"""The supervisor over small real processes: crash, hang, stop, reload."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sipmesh.supervisor import Timing

ROOT = Path(__file__).resolve().parents[2]

NODE = """
import json, os, sys
from pathlib import Path
from sipmesh.spec import Spec
from sipmesh.supervisor import Supervisor, Timing

data = Path(sys.argv[1])

def spec_of(role, index, report_fd):
    return Spec(role=role, index=index, data=str(data), config_file="", supervisor_pid=os.getpid(), report_fd=report_fd)

Supervisor(
    data, [("agent", 0), ("signal", 0)], spec_of, command=[sys.argv[2], "-S", str(data / "worker.py")],
    on_ready=lambda: print("ready", flush=True),
    on_end=lambda role: (data / "ends").open("a").write(role + (data / "notes").read_text()),
    timing=Timing(**json.loads(sys.argv[3])),
).run()
"""

# no worker hangs or ran steadily because the machine is slow
PATIENT = {"backoff_s": (0.0, 0.1), "steady_s": 600.0, "tick_s": 0.1, "hung_ticks": 600, "stop_limit_s": 60.0}

# a worker: goes on with ``behaviour`` for the role, in the words below
WORKER = """
import json, os, signal, sys, time
spec = json.loads(os.environ["SIPMESH_WORKER"])
behaviour = BEHAVIOUR[spec["role"]]
data = spec["data"]

def note(text):
    with open(data + "/notes", "a") as notes:
        notes.write(spec["role"] + " " + text + "\\n")

def stop(*_):
    if behaviour == "slow":
        note("stopping")
        time.sleep(1.0)
    note("stopped")
    sys.exit(0)

signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else stop)
signal.signal(signal.SIGHUP, lambda *_: note("reload"))
if behaviour == "crash":
    note("crash")
    sys.exit(3)
note("ready")
os.write(spec["report_fd"], b"ready\\n")
while behaviour != "hang":
    os.write(spec["report_fd"], b"alive\\n")
    time.sleep(0.1)
signal.pause()
"""


class Node:
    def __init__(self, data: Path, command: str = sys.executable, timing: dict[str, Any] = PATIENT, **behaviour: str) -> None:
        self.data = data
        plan = {"agent": "good", "signal": "good", **behaviour}
        (data / "worker.py").write_text(f"BEHAVIOUR = {plan!r}\n{WORKER}")
        self.process = subprocess.Popen(
            [sys.executable, "-c", NODE, str(data), command, json.dumps(PATIENT | timing)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self, role: str) -> dict[str, Any]:
        try:
            workers = json.loads((self.data / "workers.json").read_text())["workers"]
        except FileNotFoundError:
            return {"state": "", "restarts": 0, "pid": 0, "last_end": ""}
        return next(worker for worker in workers if worker["role"] == role)

    def notes(self, role: str) -> list[str]:
        file = self.data / "notes"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.removeprefix(role + " ") for line in lines if line.startswith(role)]

    def wait(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + 120
        while not true():
            assert time.monotonic() < until, (self.data / "workers.json").read_text()
            time.sleep(0.02)

    def wait_ready(self) -> None:
        self.wait(lambda: all(self.status(role)["state"] == "ready" for role in ("agent", "signal")))

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(200)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    nodes: list[Node] = []

    def run(**options: Any) -> Node:
        nodes.append(Node(tmp_path, **options))
        return nodes[-1]

    yield run
    for node in nodes:
        node.process.kill()
        node.process.communicate()


def test_says_ready_once_when_every_worker_is(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    os.kill(node.status("signal")["pid"], signal.SIGKILL)
    node.wait(lambda: node.status("signal")["restarts"] == 1 and node.status("signal")["state"] == "ready")
    assert node.stop() == 0
    assert node.process.stdout is not None
    assert node.process.stdout.read() == "ready\n"


def test_stops_the_workers_one_after_the_other(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    assert node.stop() == 0
    assert (node.data / "notes").read_text().splitlines()[-2:] == ["signal stopped", "agent stopped"]
    assert node.status("agent")["state"] == "stopped"


def test_a_killed_worker_comes_back_and_the_other_stays(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    agent = node.status("agent")["pid"]
    os.kill(node.status("signal")["pid"], signal.SIGKILL)
    node.wait(lambda: node.status("signal")["restarts"] == 1)
    node.wait_ready()
    assert node.status("signal")["last_end"] == "signal SIGKILL"
    assert node.status("agent")["pid"] == agent
    told = (node.data / "ends").read_text()
    assert told.startswith("signal")
    assert told.count("signal ready") == 1  # before another one was started


def waits(*ran_s: float) -> list[float]:
    """Before each start of a worker that ran so long each time."""
    timing, failures, found = Timing(backoff_s=(0.0, 0.2, 0.4), steady_s=10.0), 0, []
    for each_s in ran_s:
        wait_s, failures = timing.wait_after(failures, each_s)
        found.append(wait_s)
    return found


def test_waits_grow_as_long_as_it_fails_soon() -> None:
    assert waits(0.0, 9.9, 5.0, 0.0, 0.0) == [0.0, 0.2, 0.4, 0.4, 0.4]


def test_waits_begin_anew_after_it_ran_steadily() -> None:
    assert waits(0.0, 0.0, 10.0, 0.0, 0.0, 3600.0, 3600.0, 0.0) == [0.0, 0.2, 0.0, 0.2, 0.4, 0.0, 0.0, 0.2]


def test_a_crashing_worker_is_tried_again_and_again(start: Callable[..., Node]) -> None:
    node = start(signal="crash")
    node.wait(lambda: len(node.notes("signal")) >= 5)
    node.wait(lambda: node.status("signal")["last_end"] == "exit status 3")
    node.wait(lambda: node.status("agent")["state"] == "ready")
    node.stop()
    assert set(node.notes("signal")) == {"crash"}
    assert node.process.stderr is not None
    assert node.process.stderr.read().count("it is started again") >= 4


def test_one_that_fails_is_waited_with(start: Callable[..., Node]) -> None:
    node = start(signal="crash", timing={"backoff_s": (0.0, 600.0)})
    node.wait(lambda: node.status("signal")["restarts"] == 2)
    node.wait(lambda: node.status("agent")["state"] == "ready")
    assert node.status("signal")["state"] == "waiting"
    assert node.notes("signal") == ["crash", "crash"]
    assert node.stop() == 0


def test_a_worker_that_ran_steadily_is_started_at_once(start: Callable[..., Node]) -> None:
    node = start(timing={"backoff_s": (0.0, 600.0), "steady_s": 0.0})
    for restarts in range(1, 4):
        node.wait_ready()
        os.kill(node.status("signal")["pid"], signal.SIGKILL)
        node.wait(lambda restarts=restarts: node.status("signal")["restarts"] == restarts)  # type: ignore[misc]
        assert node.process.poll() is None
    node.wait_ready()
    node.stop()
    assert node.process.stderr is not None
    assert node.process.stderr.read().count("it is started again") == 3


def test_a_silent_worker_is_ended_with_a_traceback_signal(start: Callable[..., Node]) -> None:
    node = start(signal="hang", timing={"tick_s": 5.0, "hung_ticks": 1, "backoff_s": (600.0,)})
    node.wait(lambda: node.status("signal")["restarts"] == 1)
    assert node.status("signal")["last_end"] == "signal SIGABRT"


def test_a_stopped_process_is_killed(start: Callable[..., Node]) -> None:
    node = start(timing={"tick_s": 0.5, "hung_ticks": 20})
    node.wait_ready()
    os.kill(node.status("signal")["pid"], signal.SIGSTOP)
    node.wait(lambda: node.status("signal")["restarts"] == 1)
    assert node.status("signal")["last_end"] == "signal SIGKILL"


def test_a_worker_that_does_not_stop_is_killed(start: Callable[..., Node]) -> None:
    node = start(agent="stubborn", timing={"stop_limit_s": 10.0})
    node.wait_ready()
    assert node.stop() == 0
    assert node.status("agent")["last_end"] == "signal SIGKILL"
    assert node.notes("signal")[-1] == "stopped"


def test_a_pause_of_the_machine_is_no_time_that_a_worker_takes_to_stop(start: Callable[..., Node]) -> None:
    node = start(signal="slow", timing={"stop_limit_s": 4.0})
    node.wait_ready()
    worker = node.status("signal")["pid"]
    node.process.terminate()
    node.wait(lambda: node.notes("signal")[-1] == "stopping")
    for pid in (node.process.pid, worker):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(4.5)
    os.kill(node.process.pid, signal.SIGCONT)
    time.sleep(0.5)  # it looks first
    os.kill(worker, signal.SIGCONT)
    assert node.process.wait(60) == 0
    assert node.status("signal")["last_end"] == "exit status 0"


def test_a_worker_that_can_not_be_run_is_tried_again(start: Callable[..., Node], tmp_path: Path) -> None:
    node = start(command=str(tmp_path / "no-such-program"))
    node.wait(lambda: node.status("signal")["restarts"] >= 3)
    assert "can't be started: [Errno 2]" in node.status("signal")["last_end"]
    assert node.stop() == 0


def test_a_real_time_signal_is_an_end_like_others(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    os.kill(node.status("signal")["pid"], signal.SIGRTMIN + 3)
    node.wait(lambda: node.status("signal")["restarts"] == 1)
    assert node.status("signal")["last_end"] == f"signal {signal.SIGRTMIN + 3}"
    node.wait_ready()


def test_a_data_folder_that_can_not_be_written_ends_nothing(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    (node.data / "workers.new").mkdir()
    os.kill(node.status("signal")["pid"], signal.SIGKILL)
    node.wait(lambda: node.notes("signal").count("ready") == 2)
    assert node.stop() == 0


def test_sighup_goes_to_those_that_have_something_to_read_again(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    node.process.send_signal(signal.SIGHUP)
    node.wait(lambda: "reload" in node.notes("agent"))
    node.wait(lambda: "reload" in node.notes("signal"))
    assert "reload" not in node.notes("media")
    assert node.status("agent")["restarts"] == 0


def test_an_interrupt_stops_it_too(start: Callable[..., Node]) -> None:
    node = start()
    node.wait_ready()
    node.process.send_signal(signal.SIGINT)
    assert node.process.wait(200) == 0
