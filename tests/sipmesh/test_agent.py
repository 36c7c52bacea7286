"""The agent as a process: console over HTTP, reload, sweep."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from interop.ports import free_port
from sipcore.location import Binding
from sipmesh.config_load import parse_config
from sipmesh.node_status import NodeStatus, WorkerStatus, write_status
from sipmesh.sockets import open_tcp
from sipmesh.spec import ENVIRONMENT, Spec
from sipmesh.store import CallRecord, Snapshot, Store

CONFIG = """
[node]
name = "a"
data = "data"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[domain]]
name = "example.com"
[[trunk]]
name = "carrier"
targets = ["sip:192.0.2.1"]
[console]
address = "127.0.0.1:8080"
"""
TOKEN = "open-sesame-open-sesame"


class Agent:
    def __init__(self, folder: Path, text: str = CONFIG) -> None:
        self.file = folder / "sipmesh.toml"
        self.file.write_text(text)
        self.data = folder / "data"
        self.store = Store.open(self.data)
        self.store.directory.apply(parse_config(text, base=folder).config)
        self.port = free_port((socket.SOCK_STREAM,))
        listening = open_tcp("127.0.0.1", self.port)
        reader, writer = os.pipe()
        spec = Spec(
            role="agent",
            index=0,
            data=str(self.data),
            config_file=str(self.file),
            supervisor_pid=os.getpid(),
            report_fd=writer,
            console_fd=listening.fileno(),
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sipmesh.worker"],
            env={**os.environ, ENVIRONMENT: msgspec.json.encode(spec).decode()},
            pass_fds=(writer, listening.fileno()),
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(writer)
        listening.close()
        said = b""
        while b"ready" not in said:
            assert select.select([reader], [], [], 120)[0]
            said += os.read(reader, 100)
        os.close(reader)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=120)

    def workers(self, **states: str) -> None:
        """Writes what the supervisor would."""
        found = [WorkerStatus(name=f"{role}-0", role=role, state=state, pid=7) for role, state in states.items()]  # type: ignore[arg-type]
        write_status(self.data, NodeStatus(1, time.time(), found))

    def snapshot(self, worker: str, pid: int = 7, age_s: float = -3600.0, **counters: float) -> None:
        """By default one that gets too old in no test."""
        self.store.snapshots.put(worker, Snapshot(pid=pid, at=time.time() - age_s, counters=counters))
        self.store.commit()

    def wait(self, true: Callable[[], bool]) -> None:
        until = time.monotonic() + 120
        while not true():
            assert time.monotonic() < until
            time.sleep(0.05)

    def stop(self) -> str:
        """What it logged."""
        self.http.close()
        self.process.terminate()
        errors = self.process.communicate(timeout=120)[1]
        self.store.close()
        return errors


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    started = Agent(tmp_path)
    yield started
    if started.process.returncode is None:
        started.stop()


def test_health_follows_the_workers(agent: Agent) -> None:
    assert agent.http.get("/health").status_code == 503
    agent.workers(signal="ready", media="starting")
    agent.snapshot("signal-0")
    answer = agent.http.get("/health")
    assert answer.status_code == 503
    assert [worker["state"] for worker in answer.json()["workers"]] == ["ready", "starting"]
    agent.workers(signal="ready")
    answer = agent.http.get("/health")
    assert (answer.status_code, answer.json()["ready"], answer.json()["node"]) == (200, True, "a")


@pytest.mark.parametrize(("pid", "age_s"), [(7, 60.0), (6, 0.0)])
def test_a_worker_that_stopped_counting_is_silent(agent: Agent, pid: int, age_s: float) -> None:
    agent.workers(signal="ready")
    agent.snapshot("signal-0", pid=pid, age_s=age_s)
    answer = agent.http.get("/health")
    assert (answer.status_code, answer.json()["workers"][0]["state"]) == (503, "silent")


def test_metrics_carry_every_workers_counters(agent: Agent) -> None:
    agent.workers(signal="ready", media="waiting")
    agent.snapshot("signal-0", **{"sip_requests_total|method=INVITE,transport=udp": 3, "udp_dropped": 1})
    agent.store.locations.put("alice@example.com", [Binding("sip:a@192.0.2.1", "c", 1, time.time() + 3600)])
    agent.store.calls.put("k", CallRecord(call_id="c", state="answered"))
    agent.store.commit()
    answer = agent.http.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert 'sipmesh_sip_requests_total{method="INVITE",transport="udp",worker="signal-0"} 3.0' in lines
    assert "# TYPE sipmesh_sip_requests_total counter" in lines
    assert 'sipmesh_udp_dropped{worker="signal-0"} 1.0' in lines
    assert 'sipmesh_worker_up{worker="media-0"} 0.0' in lines
    assert "sipmesh_registered_aors 1.0" in lines
    assert 'sipmesh_calls{state="answered"} 1.0' in lines


def test_the_api_lists_registrations_calls_and_trunks(agent: Agent) -> None:
    contact = Binding("sip:a@192.0.2.1", "c", 1, time.time() + 3600, remote_host="2001:db8::1", remote_port=5060)
    agent.store.locations.put("alice@example.com", [contact, Binding("sip:old@192.0.2.1", "c", 1, time.time() - 60)])
    agent.store.locations.put("bob@example.com", [Binding("sip:b@192.0.2.1", "c", 1, time.time() + 3600)])
    agent.store.calls.put("k", CallRecord(call_id="c", caller="alice@example.com", trunk_out="carrier"))
    agent.store.commit()
    agent.snapshot(
        "signal-0", **{"sip_trunk_target_up|trunk=carrier,target=sip:192.0.2.1": 1, "sip_trunk_calls|trunk=carrier": 2}
    )
    registrations = agent.http.get("/api/registrations").json()
    assert [(row["contact"], row["source"]) for row in registrations] == [
        ("sip:a@192.0.2.1", "[2001:db8::1]:5060"),
        ("sip:b@192.0.2.1", ""),
    ]
    assert len(agent.http.get("/api/registrations", params={"aor": "bob@example.com"}).json()) == 1
    assert len(agent.http.get("/api/registrations", params={"limit": 1}).json()) == 1
    assert agent.http.get("/api/registrations", params={"limit": 0}).status_code == 422
    assert agent.http.get("/api/calls").json()[0]["via"] == "carrier"
    trunk = agent.http.get("/api/trunks").json()[0]
    assert (trunk["name"], trunk["origin"], trunk["calls"]) == ("carrier", "file", 2)
    assert trunk["targets"] == [{"uri": "sip:192.0.2.1", "weight": 1, "state": "up"}]
    assert "sip:192.0.2.1 up" in agent.http.get("/").text


def test_the_page_shows_strangers_words_as_text(agent: Agent) -> None:
    agent.workers(signal="ready")
    agent.store.locations.put("<script>@x", [Binding("sip:<b>", "c", 1, time.time() + 3600, user_agent='"><script>')])
    agent.store.commit()
    answer = agent.http.get("/")
    assert answer.status_code == 200
    assert "<script>" not in answer.text
    assert "&lt;script&gt;@x" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_nothing_can_be_changed_over_http(agent: Agent) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert agent.http.request(method, "/api/calls").status_code == 405
    assert agent.http.get("/docs").status_code == 404


def test_a_name_that_points_at_us_reads_nothing(agent: Agent) -> None:
    assert agent.http.get("/api/calls", headers={"Host": "evil.example"}).status_code == 403
    assert agent.http.get("/health", headers={"Host": "evil.example"}).status_code == 503
    assert agent.http.get("/api/calls", headers={"Host": "localhost:8080"}).status_code == 200


def test_a_token_is_wanted_when_one_is_set(tmp_path: Path) -> None:
    agent = Agent(tmp_path, CONFIG + f'token = "{TOKEN}"\n')
    assert agent.http.get("/metrics").status_code == 401
    assert agent.http.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert agent.http.get("/metrics", headers={"Authorization": "Basic ###"}).status_code == 401
    assert agent.http.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert agent.http.get("/metrics", auth=httpx.BasicAuth("", TOKEN)).status_code == 200
    assert agent.http.get("/health").status_code == 503
    agent.stop()


def test_sighup_takes_a_good_file_over_and_refuses_a_bad_one(agent: Agent) -> None:
    agent.file.write_text(CONFIG.replace("carrier", "other"))
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: [each.trunk.name for each in agent.store.directory.trunks()] == ["other"])
    version = agent.store.config_version()
    agent.file.write_text(CONFIG + "[limits]\nmax_bindigs = 3\n")
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: agent.store.snapshots.all()["agent-0"].counters.get("config_reload_errors_total") == 1)
    assert agent.store.config_version() == version
    assert "limits.max_bindigs: unknown key; did you mean max_bindings?" in agent.stop()


def test_what_is_bound_at_the_start_stays_for_workers_that_start_again(agent: Agent) -> None:
    agent.file.write_text(CONFIG.replace("5060", "5070").replace('"udp"', '"tcp"').replace("carrier", "other"))
    before = agent.store.config()
    agent.process.send_signal(signal.SIGHUP)
    agent.wait(lambda: [each.trunk.name for each in agent.store.directory.trunks()] == ["other"])
    after = agent.store.config()
    assert before is not None
    assert after is not None
    assert after.listen == before.listen
    errors = agent.stop()
    assert "these tables take effect at the next start" in errors
    assert "tables=listen" in errors


def test_expired_bindings_are_swept(agent: Agent) -> None:
    agent.store.locations.put("alice@example.com", [Binding("sip:a@192.0.2.1", "c", 1, time.time() - 1)])
    agent.store.commit()
    agent.wait(lambda: agent.store.locations.count() == 0)
    assert agent.store.locations.count() == 0


def test_stops_cleanly_with_a_connection_open(agent: Agent) -> None:
    agent.http.get("/health")
    agent.process.terminate()
    assert agent.process.wait(60) == 0
    agent.process.communicate()
