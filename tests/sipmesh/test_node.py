"""A whole node with its real workers, started as people start it: ready, hit, reloaded, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from interop.ports import free_port
from tests.native.relay_raw import MAY_OPEN_RAW

ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[node]
name = "a"
data = "data"
[[listen]]
transport = "udp"
address = "127.0.0.1:{sip}"
[[listen]]
transport = "tcp"
address = "127.0.0.1:{sip}"
[[domain]]
name = "example.com"
[[user]]
aor = "alice@example.com"
password = "sesame"
[media]
ports = "{media}"
[console]
address = "127.0.0.1:{console}"
"""

OPTIONS = """\
OPTIONS sip:127.0.0.1:{port} SIP/2.0\r
Via: SIP/2.0/UDP 127.0.0.1:{mine};branch=z9hG4bK{branch}\r
Max-Forwards: 70\r
From: <sip:probe@127.0.0.1>;tag=a\r
To: <sip:127.0.0.1:{port}>\r
Call-ID: {branch}\r
CSeq: 1 OPTIONS\r
Content-Length: 0\r
\r
"""


class Node:
    def __init__(self, folder: Path, more: str = "", config: str = CONFIG) -> None:
        self.folder = folder
        self.sip, self.console = free_port(), free_port()
        self.write(config + more)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sipmesh", "run", "--config", str(folder / "sipmesh.toml")],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=(folder / "log").open("wb"),
            text=True,
        )

    def write(self, text: str) -> None:
        text = text.format(sip=self.sip, console=self.console, media="36000-36099")
        (self.folder / "sipmesh.toml").write_text(text)

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def wait_for_ready_line(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.log()

    def health(self) -> dict[str, Any]:
        answer = httpx.get(f"http://127.0.0.1:{self.console}/health", timeout=120)
        assert answer.status_code == (200 if answer.json()["ready"] else 503)
        return dict(answer.json())

    def worker(self, role: str) -> dict[str, Any]:
        workers = json.loads((self.folder / "data" / "workers.json").read_text())["workers"]
        return next(worker for worker in workers if worker["role"] == role)

    def wait(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + 120
        while not true():
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)

    def answers(self, branch: str) -> bool:
        """Whether an OPTIONS sent now gets a response; waits for it as long as a restart may take."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind(("127.0.0.1", 0))
            client.settimeout(120)
            mine = client.getsockname()[1]
            client.sendto(OPTIONS.format(port=self.sip, mine=mine, branch=branch).encode(), ("127.0.0.1", self.sip))
            return client.recv(65535).startswith(b"SIP/2.0 ")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    started = Node(tmp_path)
    started.wait_for_ready_line()
    yield started
    started.process.terminate()
    started.process.communicate(timeout=120)


def test_a_started_node_is_ready_answers_and_stops_cleanly(node: Node) -> None:
    assert node.health()["ready"]
    assert node.answers("one")
    node.process.terminate()
    assert node.process.wait(60) == 0
    assert all(node.worker(role)["last_end"] == "exit status 0" for role in ("agent", "media", "signal")), node.log()
    assert "error" not in node.log()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", node.sip))


@pytest.mark.parametrize("role", ["signal", "media", "agent"])
def test_a_killed_worker_comes_back_and_the_node_serves(node: Node, role: str) -> None:
    others = {each: node.worker(each)["pid"] for each in ("signal", "media", "agent") if each != role}
    os.kill(node.worker(role)["pid"], signal.SIGKILL)
    assert node.answers("two")  # a datagram that comes while nobody reads waits in the socket
    node.wait(lambda: node.worker(role)["state"] == "ready" and node.worker(role)["restarts"] == 1)
    node.wait(lambda: bool(node.health()["ready"]))
    assert {each: node.worker(each)["pid"] for each in others} == others


def test_a_media_worker_that_comes_back_sends_by_raw_sockets_again(node: Node) -> None:
    def raw_sockets() -> str:
        text = httpx.get(f"http://127.0.0.1:{node.console}/metrics", timeout=120).text
        return next((line.split()[1] for line in text.splitlines() if line.startswith("sipmesh_media_raw_sockets{")), "")

    one_a_thread = str(os.cpu_count()) if MAY_OPEN_RAW else "0"
    node.wait(lambda: raw_sockets().removesuffix(".0") == one_a_thread)
    killed = node.worker("media")["pid"]
    os.kill(killed, signal.SIGKILL)
    node.wait(lambda: node.worker("media")["pid"] not in (0, killed) and bool(raw_sockets()))
    assert raw_sockets().removesuffix(".0") == one_a_thread


def test_a_second_node_on_the_same_ports_says_what_is_taken(node: Node, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text((tmp_path / "sipmesh.toml").read_text().replace('data = "data"', 'data = "data2"'))
    ended = subprocess.run(
        [sys.executable, "-m", "sipmesh", "run", "--config", str(other)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 2
    assert f"127.0.0.1:{node.sip} (udp) is taken by another program" in ended.stderr


def test_a_reload_reaches_the_store(node: Node) -> None:
    node.write(CONFIG + '[[trunk]]\nname = "carrier"\nsources = ["192.0.2.0/24"]\n')
    node.process.send_signal(signal.SIGHUP)

    def trunks() -> list[str]:
        answer = httpx.get(f"http://127.0.0.1:{node.console}/api/trunks", timeout=120)
        return [row["name"] for row in answer.json()]

    node.wait(lambda: trunks() == ["carrier"])
    assert node.answers("three")


def test_workers_do_not_outlive_the_supervisor(node: Node) -> None:
    pids = [node.worker(role)["pid"] for role in ("signal", "media", "agent")]
    node.process.kill()
    assert node.process.wait() == -signal.SIGKILL
    node.wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
