"""SIPp's built-in scenarios ignore Record-Route: ACK and BYE come to the node's own address, and end the call all the same."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop import ng
from interop.node import Setup, SipmeshNode, Trunk
from interop.ports import free_port
from interop.process import PATIENCE_S, Process, wait_for
from interop.sipp import NEVER
from interop.soak import udp_ports

CALLS = 100


@pytest.fixture
def callee_port() -> int:
    return free_port()


@pytest.fixture
def node(callee_port: int, tmp_path: Path) -> Iterator[SipmeshNode]:
    """SIPp calls as ``sipp@127.0.0.1``, which is a user, and calls ``service``."""
    peer = Trunk("peer", (f"sip:127.0.0.1:{callee_port}",), (), "service")
    started = SipmeshNode(Setup(users={"sipp": "sipp"}, trunk=peer, auth=False), tmp_path / "node")
    try:
        yield started
    finally:
        started.stop()


def builtin(scenario: str, port: int, folder: Path, *options: str) -> Process:
    """The callee also takes an INVITE that was repeated because it was slow: as it comes, that ends the call."""
    file = folder / f"{scenario}.xml"
    text = subprocess.run(["sipp", "-sd", scenario], capture_output=True, text=True, check=False).stdout
    repeated = '<recv request="INVITE" optional="true"/>'
    file.write_text(re.sub(r'(?=<recv request="ACK")', repeated, text[text.index("<?xml") :]))
    command = ["sipp", "-sf", str(file), "-i", "127.0.0.1", "-p", str(port), "-mp", str(free_port(span=4)), "-nostdin"]
    for size in ("minor", "major"):
        command += [f"-watchdog_{size}_maxtriggers", str(NEVER)]
    return Process([*command, *options], folder / f"{scenario}.log", cwd=folder)


def test_calls_of_builtin_scenarios_end(node: SipmeshNode, callee_port: int, tmp_path: Path) -> None:
    callee = builtin("uas", callee_port, tmp_path, "-aa", "-timeout", f"{3 * PATIENCE_S:.0f}")
    callee.wait_ready(lambda: callee_port in udp_ports(callee.pid))
    target = f"127.0.0.1:{node.port}"
    limits = "-m", str(CALLS), "-r", "25", "-timeout", f"{PATIENCE_S:.0f}"
    caller = builtin("uac", free_port(), tmp_path, target, *limits, "-trace_err")
    try:
        status = caller.child.wait(2 * PATIENCE_S)
        errors = "".join(file.read_text() for file in tmp_path.glob("uac_*_errors.log"))
        assert status == 0, errors[:4000] + caller.log.read_text()[-2000:] + node.log()[-2000:]
    finally:
        caller.stop()
        callee.stop()
    wait_for(lambda: not ng.calls(node.ng), "media sessions are gone")
    wait_for(lambda: node.metric("sipmesh_sip_calls_ended_total") == CALLS, "every call ended")
    assert node.metric("sipmesh_sip_calls") == 0
    assert node.metric("sipmesh_sip_proxy_acks_dropped_total") == 0
