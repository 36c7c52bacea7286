"""SIPp's built-in scenarios ignore Record-Route: ACK and BYE come to the node's own address, and end the call all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interop import ng
from interop.node import Setup, SipmeshNode, Trunk
from interop.ports import free_port
from interop.process import Process, wait_for
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
    media_port = str(free_port(span=4))
    command = ["sipp", "-sn", scenario, "-i", "127.0.0.1", "-p", str(port), "-mp", media_port, "-nostdin", *options]
    return Process(command, folder / f"{scenario}.log", cwd=folder)


def test_calls_of_builtin_scenarios_end(node: SipmeshNode, callee_port: int, tmp_path: Path) -> None:
    callee = builtin("uas", callee_port, tmp_path, "-aa", "-timeout", "60")
    callee.wait_ready(lambda: callee_port in udp_ports(callee.pid))
    target = f"127.0.0.1:{node.port}"
    caller = builtin("uac", free_port(), tmp_path, target, "-m", str(CALLS), "-r", "25", "-timeout", "40", "-trace_err")
    try:
        status = caller.child.wait(60)
        errors = "".join(file.read_text() for file in tmp_path.glob("uac_*_errors.log"))
        assert status == 0, errors[:4000] + caller.log.read_text()[-2000:] + node.log()[-2000:]
    finally:
        caller.stop()
        callee.stop()
    wait_for(lambda: not ng.calls(node.ng), "media sessions are gone")
    wait_for(lambda: node.metric("sipmesh_sip_calls_ended_total") == CALLS, "every call ended")
    assert node.metric("sipmesh_sip_calls") == 0
    assert node.metric("sipmesh_sip_proxy_acks_dropped_total") == 0
