"""CDRs of a whole node whose workers are killed: none is lost, none is there twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import call, hang_up
from tests.sipmesh.test_call_dispositions import offered
from tests.sipmesh.test_node import ROOT, Node

MORE = """
[[user]]
aor = "bob@example.com"
password = "sesame"
[cdr]
rotate_bytes = 3000
"""
BOB = "sip:bob@example.com"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    started = Node(tmp_path, MORE)
    started.wait_for_ready_line()
    yield started
    started.process.terminate()
    started.process.communicate(timeout=120)


def shown(node: Node, *options: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "sipmesh", "cdr", *options, "--json", "--config", str(node.folder / "sipmesh.toml")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return list(json.loads(ended.stdout))


def kill(node: Node, role: str) -> None:
    os.kill(node.worker(role)["pid"], signal.SIGKILL)


async def back(node: Node, role: str, restarts: int) -> None:
    """Waits until the worker has been started so many times again."""
    async with asyncio.timeout(200):
        while node.worker(role)["restarts"] < restarts or node.worker(role)["state"] != "ready":
            await asyncio.sleep(0.05)


async def whole_call(alice: Phone, bob: Phone) -> str:
    _, answered = await call(alice, bob, BOB)
    await hang_up(alice, bob, alice.within("BYE", answered, 5))
    return answered.call_id


async def calls_while_workers_die(node: Node) -> dict[str, str]:
    """Call-ID → disposition, as it must be."""
    address = ("127.0.0.1", node.sip)
    alice, bob = [await Phone(name, "sesame", address).start() for name in ("alice", "bob")]
    for phone in (alice, bob):
        assert (await phone.register()).status == 200
    expected = {}
    for killed in range(1, 4):  # the agent, with CDRs in every stage of their way
        for _ in range(5):
            expected[await whole_call(alice, bob)] = "answered"
            await asyncio.sleep(0.02 * killed)
        kill(node, "agent")
        expected[await whole_call(alice, bob)] = "answered"
        await back(node, "agent", killed)
    _, answered = await call(alice, bob, BOB)
    expected[answered.call_id] = "answered"
    ringing, _ = await offered(alice, bob)
    expected[ringing.call_id] = "lost"
    expected[await whole_call(alice, bob)] = "answered"
    kill(node, "signal")
    await back(node, "signal", 1)
    await hang_up(alice, bob, alice.within("BYE", answered, 9))
    ringing, _ = await offered(alice, bob)
    expected[ringing.call_id] = "node-stop"
    for phone in (alice, bob):
        phone.close()
    return expected


def test_workers_killed_in_the_midst_of_calls(node: Node) -> None:
    expected = asyncio.run(asyncio.wait_for(calls_while_workers_die(node), 400))
    node.process.terminate()
    assert node.process.wait(120) == 0
    found = shown(node, "--last", "999")
    assert Counter(row["call_id"] for row in found) == Counter(expected.keys())
    assert {row["call_id"]: row["disposition"] for row in found} == expected
    assert {row["node"] for row in found} == {"a"}
    assert len(list((node.folder / "data").glob("cdr.jsonl*"))) > 1
    assert shown(node, "--last", "2") == found[-2:]
