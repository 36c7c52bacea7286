"""SIGHUP to a whole node: the policy file is read again, and a CDR file that was moved away is begun anew."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sipmesh.phones import Phone
from tests.sipmesh.test_node import ROOT, Node

MORE = """
[policy]
file = "policy.py"
limit_ms = 60000
[cdr]
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    (tmp_path / "policy.py").write_text("def on_route(request):\n    request.reject(488)\n")
    started = Node(tmp_path, MORE)
    started.wait_for_ready_line()
    yield started
    started.process.terminate()
    started.process.communicate(timeout=120)


def cdr_statuses(file: Path) -> list[int]:
    return [json.loads(line)["status"] for line in file.read_text().splitlines()] if file.exists() else []


def checked(node: Node) -> str:
    command = [sys.executable, "-m", "sipmesh", "check", str(node.folder / "sipmesh.toml")]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout


def test_sighup(node: Node) -> None:
    async def called() -> int:
        alice = await Phone("alice", "sesame", ("127.0.0.1", node.sip)).start()
        try:
            return (await alice.ask(alice.request("INVITE", "sip:9@example.com"))).status
        finally:
            alice.close()

    file = node.folder / "data" / "cdr.jsonl"
    assert asyncio.run(called()) == 488
    node.wait(lambda: cdr_statuses(file) == [488])
    file.rename(node.folder / "moved")
    (node.folder / "policy.py").write_text("def on_route(request):\n    request.reject(486)\n")
    node.wait(lambda: "1 would go another way" in checked(node))
    assert "INVITE from alice@example.com to sip:9@example.com: reject 488 becomes reject 486" in checked(node)
    node.process.send_signal(signal.SIGHUP)
    node.wait(lambda: "reject 488 becomes reject 486" in node.log())
    assert asyncio.run(called()) == 486
    node.wait(lambda: cdr_statuses(file) == [486])
    assert cdr_statuses(node.folder / "moved") == [488]
