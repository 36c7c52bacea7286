"""The node under test: what a case needs of it, and sipmesh itself. ``interop.kamailio`` is the second implementation."""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from interop import ng
from interop.ports import free_port
from interop.process import PATIENCE_S, Process, bracketed, rss_bytes, wait_for

ROOT = Path(__file__).resolve().parent.parent

RTP_PORTS = 400  # a port rests for a while after a call, and a call takes four


@dataclass(frozen=True, slots=True)
class Trunk:
    name: str
    targets: tuple[str, ...]  # SIP URIs
    sources: tuple[str, ...]  # networks that may call in
    prefix: str  # numbers that go out over it
    keys: tuple[tuple[str, object], ...] = ()  # more of its table


@dataclass(frozen=True, slots=True)
class Setup:
    """What a node is started with, in terms that every implementation can write into its own configuration."""

    domain: str = "example.test"
    users: dict[str, str] = field(default_factory=dict)  # user part: password
    trunk: Trunk | None = None
    digest: tuple[str, ...] = ("MD5",)
    anchor: bool = True
    auth: bool = True
    bindings: int = 10  # most of one AOR
    address: str = "127.0.0.1"  # the node's, and its phones'
    profile: str = ""  # a callee is offered RTP in this profile, whatever the caller offered
    media_timeout_s: int = 60  # a call without packets for so long is ended
    tls: tuple[str, str] | None = None  # files of certificate and key; a TLS listener too
    signal_workers: int = 1
    requests_per_source_per_s: int = 0  # 0: no limit, and the phones' network is exempt
    srtp: str = "pass"  # of the domain
    srtp_of: dict[str, str] = field(default_factory=dict)  # of single users, by their user part


class Node(Protocol):
    setup: Setup
    address: str
    port: int

    def stop(self) -> int:
        """Its exit status."""

    def pids(self) -> list[int]:
        """Every process that serves."""

    def healthy(self) -> bool: ...

    def rss_bytes(self) -> int: ...

    def relayed(self, call_id: str) -> int:
        """RTP packets relayed for a call that is up."""

    def log(self) -> str: ...

    def leftovers(self) -> list[str]:
        """What a node with nothing to do should not have: calls, streams, errors in its log."""


class SipmeshNode:
    """One ``sipmesh run`` with a configuration of its own, on free ports of 127.0.0.1."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup = setup
        self.address = setup.address
        self.port = free_port(address=self.address)
        self.tls_port = free_port((socket.SOCK_STREAM,), self.address)
        self.console = free_port((socket.SOCK_STREAM,))
        self.ng = ("127.0.0.1", free_port((socket.SOCK_DGRAM,)))
        self.rtp_port = free_port((socket.SOCK_DGRAM,), self.address, span=RTP_PORTS)
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "sipmesh.toml"
        config.write_text(self.configuration(folder / "data"))
        self.process = Process(
            [sys.executable, "-c", "from sipmesh.cli import main; main()", "run", "--config", str(config)],
            folder / "sipmesh.log",
            cwd=ROOT,
        )
        self.process.wait_ready(self.healthy)

    def configuration(self, data: Path) -> str:
        """The TOML of design.md section 9."""
        setup = self.setup
        tables: list[tuple[str, dict[str, object]]] = [("[node]", {"name": "interop", "data": str(data)})]
        tables[0][1]["signal_workers"] = setup.signal_workers
        for transport in ("udp", "tcp"):
            tables.append(("[[listen]]", {"transport": transport, "address": f"{bracketed(self.address)}:{self.port}"}))
        if setup.tls:
            address = f"{bracketed(self.address)}:{self.tls_port}"
            files = {"certificate": setup.tls[0], "key": setup.tls[1]}
            tables.append(("[[listen]]", {"transport": "tls", "address": address, **files}))
        domain = {"name": setup.domain, "auth": setup.auth, "digest": setup.digest, "srtp": setup.srtp}
        tables.append(("[[domain]]", domain))
        for user, password in setup.users.items():
            srtp = setup.srtp_of.get(user, setup.srtp)
            tables.append(("[[user]]", {"aor": f"{user}@{setup.domain}", "password": password, "srtp": srtp}))
        if trunk := setup.trunk:
            reached = {"targets": trunk.targets, "probe_s": 1, "first_response_s": 5}
            tables.append(("[[trunk]]", {"name": trunk.name, "sources": trunk.sources, **reached, **dict(trunk.keys)}))
            tables.append(("[[route]]", {"match": f"{trunk.prefix}*", "to": f"trunk:{trunk.name}"}))
        ports = f"{self.rtp_port}-{self.rtp_port + RTP_PORTS - 1}"
        media = {"anchor": setup.anchor, "address": self.address, "ports": ports, "ng": f"{self.ng[0]}:{self.ng[1]}"}
        limits = {"max_bindings": setup.bindings, "media_timeout_s": setup.media_timeout_s}
        limits |= {"exempt": () if setup.requests_per_source_per_s else ("127.0.0.0/8",)}
        limits |= {"tcp_message_s": 60}  # who sends byte by byte may be slow
        limits |= {"requests_per_source_per_s": setup.requests_per_source_per_s}
        tables += [("[media]", media), ("[limits]", limits), ("[console]", {"address": f"127.0.0.1:{self.console}"})]
        return "\n".join(line for head, keys in tables for line in (head, *(f"{key} = {_toml(keys[key])}" for key in keys), ""))

    def get(self, path: str) -> str:
        """The body of a page of the console address."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.console}{path}", timeout=PATIENCE_S) as answer:
            return answer.read().decode()

    def healthy(self) -> bool:
        try:
            return bool(json.loads(self.get("/health"))["ready"])
        except OSError:
            return False

    def workers(self) -> dict[str, int]:
        """Name and process id of each worker that serves; empty while nobody can tell."""
        try:
            listed = json.loads(self.get("/health"))["workers"]
        except OSError:
            return {}
        return {each["name"]: each["pid"] for each in listed if each["state"] == "ready"}

    def metric(self, name: str) -> float:
        """The sum of all samples of a Prometheus metric, labels ignored; 0 when it has none yet."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            if not line.startswith("#") and line.split("{")[0].split(" ")[0] == name:
                total += float(line.rsplit(" ", 1)[1])
        return total

    def pids(self) -> list[int]:
        return self.process.tree()

    def rss_bytes(self) -> int:
        return sum(rss_bytes(pid) for pid in self.pids())

    def relayed(self, call_id: str) -> int:
        return ng.relayed(self.ng, call_id)

    def log(self) -> str:
        return self.process.log.read_text(errors="replace")

    def leftovers(self) -> list[str]:
        left = [line for line in self.log().splitlines() if "level=error" in line or "traceback" in line]
        gauges = ("sipmesh_media_calls", "sipmesh_media_streams", "sipmesh_sip_calls")
        try:
            wait_for(lambda: not any(self.metric(name) for name in gauges), "an idle node")
        except TimeoutError:
            left += [f"{name} = {self.metric(name)}" for name in gauges]
        return left

    def stop(self) -> int:
        return self.process.stop()


def _toml(value: object) -> str:
    """A string, number, boolean or tuple of strings, whose notation in JSON is TOML's; or a table of these."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def start(setup: Setup, folder: Path) -> Node:
    """The node the tests are about; ``INTEROP_NODE=kamailio`` puts Kamailio in its place, to check the cases themselves."""
    if os.environ.get("INTEROP_NODE") == "kamailio":
        from interop.kamailio.node import KamailioNode

        return KamailioNode(setup, folder)
    return SipmeshNode(setup, folder)
