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
from interop.process import Process, free_port, rss_bytes

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Trunk:
    name: str
    targets: tuple[str, ...]  # SIP URIs
    sources: tuple[str, ...]  # networks that may call in
    prefix: str  # numbers that go out over it


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


class Node(Protocol):
    setup: Setup
    address: str
    port: int

    def stop(self) -> None: ...

    def pids(self) -> list[int]:
        """Every process that serves."""

    def healthy(self) -> bool: ...

    def rss_bytes(self) -> int: ...

    def relayed(self, call_id: str) -> int:
        """RTP packets relayed for a call that is up."""

    def log(self) -> str: ...


class SipmeshNode:
    """One ``sipmesh run`` with a configuration of its own, on free ports of 127.0.0.1."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup = setup
        self.address = "127.0.0.1"
        self.port = free_port()
        self.console = free_port((socket.SOCK_STREAM,))
        self.ng = (self.address, free_port((socket.SOCK_DGRAM,)))
        self.rtp_port = free_port((socket.SOCK_DGRAM,), span=200)
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "sipmesh.toml"
        config.write_text(self.configuration(folder / "data"))
        self.process = Process(
            [sys.executable, "-c", "from sipmesh.cli import main; main()", "run", "--config", str(config)],
            folder / "sipmesh.log",
            cwd=ROOT,
        )
        self.process.wait_ready(self.healthy, 30.0)

    def configuration(self, data: Path) -> str:
        """The TOML of design.md section 9."""
        setup = self.setup
        lines = ["[node]", 'name = "interop"', f"data = {_toml(str(data))}"]
        for transport in ("udp", "tcp"):
            lines += ["[[listen]]", f'transport = "{transport}"', f'address = "{self.address}:{self.port}"']
        lines += [
            "[[domain]]",
            f"name = {_toml(setup.domain)}",
            f"auth = {_toml(setup.auth)}",
            f"digest = {_toml(setup.digest)}",
        ]
        for user, password in setup.users.items():
            lines += ["[[user]]", f"aor = {_toml(f'{user}@{setup.domain}')}", f"password = {_toml(password)}"]
        if trunk := setup.trunk:
            lines += ["[[trunk]]", f"name = {_toml(trunk.name)}", f"targets = {_toml(trunk.targets)}"]
            lines += [
                "probe_s = 1",
                "first_response_s = 1",
                f"sources = {_toml(trunk.sources)}",
                "[[route]]",
                f"match = {_toml(trunk.prefix + '*')}",
            ]
            lines += [f"to = {_toml('trunk:' + trunk.name)}"]
        lines += ["[media]", f"anchor = {_toml(setup.anchor)}", f'address = "{self.address}"']
        lines += [f'ports = "{self.rtp_port}-{self.rtp_port + 199}"', f'ng = "{self.ng[0]}:{self.ng[1]}"']
        lines += ["[limits]", 'exempt = ["127.0.0.0/8"]', f"max_bindings = {setup.bindings}"]
        return "\n".join([*lines, "[console]", f'address = "{self.address}:{self.console}"', ""])

    def get(self, path: str) -> str:
        """The body of a page of the console address."""
        with urllib.request.urlopen(f"http://{self.address}:{self.console}{path}", timeout=2) as answer:
            return answer.read().decode()

    def healthy(self) -> bool:
        try:
            self.get("/health")
        except OSError:
            return False
        return True

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

    def stop(self) -> None:
        self.process.stop()


def _toml(value: object) -> str:
    """A string, boolean or tuple of strings; JSON's notation of these is TOML's."""
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def start(setup: Setup, folder: Path) -> Node:
    """The node the tests are about; ``INTEROP_NODE=kamailio`` puts Kamailio in its place, to check the cases themselves."""
    if os.environ.get("INTEROP_NODE") == "kamailio":
        from interop.kamailio.node import KamailioNode

        return KamailioNode(setup, folder)
    return SipmeshNode(setup, folder)
