"""A worker process as the supervisor starts it, with a role of the test's own."""

import gc
import os
import select
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest

from sipmesh.config_load import parse_config
from sipmesh.spec import ENVIRONMENT, Spec
from sipmesh.store import Store
from sipmesh.worker import collect_young_only, listeners_of

CONFIG = """
[node]
name = "a"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[listen]]
transport = "tcp"
address = "127.0.0.1:5060"
advertise = "sip.example.com:5070"
"""

ROLE = """
    async def serve(context):
        context.counters["things_total"] += 3
        context.gauges["level"] = lambda: 2.5
        context.ready()
        await context.stopping.wait()
        context.counters["things_total"] += 1

    def main(context):
        context.run_loop(serve(context))
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = Store.open(tmp_path / "data")
    store.directory.apply(parse_config(CONFIG).config)
    store.close()
    return tmp_path / "data"


def start(tmp_path: Path, data: Path, role: str, report_fd: int) -> subprocess.Popen[bytes]:
    """Runs ``sipmesh.worker`` with the module ``sipmesh.signalling.worker`` replaced by ``role``."""
    program = tmp_path / "program.py"
    program.write_text(
        "import sys, types\nrole = types.ModuleType('sipmesh.signalling.worker')\n"
        f"exec({textwrap.dedent(role)!r}, role.__dict__)\nsys.modules['sipmesh.signalling.worker'] = role\n"
        "from sipmesh.worker import main\nmain()\n"
    )
    spec = Spec(role="signal", index=0, data=str(data), config_file="unused", supervisor_pid=os.getpid(), report_fd=report_fd)
    environment = {**os.environ, ENVIRONMENT: msgspec.json.encode(spec).decode(), "PYTHONPATH": os.getcwd()}
    return subprocess.Popen([sys.executable, str(program)], env=environment, pass_fds=(report_fd,), stderr=subprocess.PIPE)


def read_until(fd: int, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        assert select.select([fd], [], [], 20)[0], got
        got += os.read(fd, 100)
    return got


def test_reports_counts_and_stops(tmp_path: Path, data: Path) -> None:
    reader, writer = os.pipe()
    worker = start(tmp_path, data, ROLE, writer)
    read_until(reader, b"ready\n")
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    os.close(reader)
    os.close(writer)
    store = Store.open(data)
    snapshot = store.snapshots.all()["signal-0"]
    assert snapshot.pid == worker.pid
    assert snapshot.counters == {"things_total": 4, "level": 2.5}
    store.close()


def test_a_broken_gauge_does_not_stop_the_heartbeat(tmp_path: Path, data: Path) -> None:
    reader, writer = os.pipe()
    broken = ROLE.replace("lambda: 2.5", "lambda: 1 / 0")
    worker = start(tmp_path, data, broken, writer)
    read_until(reader, b"ready\n")
    read_until(reader, b"alive\nalive\n")
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=120)
    os.close(reader)
    os.close(writer)
    assert b"the counters can't be stored" in errors


def test_an_error_ends_it_with_a_log_line(tmp_path: Path, data: Path) -> None:
    reader, writer = os.pipe()
    worker = start(tmp_path, data, "def main(context):\n    raise OSError('no luck')\n", writer)
    _, errors = worker.communicate(timeout=120)
    os.close(reader)
    os.close(writer)
    assert worker.returncode == 1
    assert b"signal-0 ends by an error" in errors
    assert b"no luck" in errors


def test_listeners_advertise_what_they_bind_unless_told_otherwise() -> None:
    udp, tcp = listeners_of(parse_config(CONFIG).config)
    assert (udp.advertised_host, udp.advertised_port, udp.reliable) == ("127.0.0.1", 5060, False)
    assert (tcp.index, tcp.advertised_host, tcp.advertised_port, tcp.reliable) == (1, "sip.example.com", 5070, True)


def test_a_serving_worker_never_stops_for_a_full_collection() -> None:
    thresholds = gc.get_threshold()
    try:
        collect_young_only()
        assert gc.get_freeze_count() > 1000
        assert gc.get_threshold()[2] >= 1_000_000
        assert gc.isenabled()
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
