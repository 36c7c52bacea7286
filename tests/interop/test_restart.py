"""kill -9 of a worker: the supervisor starts it again; bindings and calls that stand are still known. (sipmesh only.)"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from interop.node import Node, Setup, SipmeshNode
from interop.process import wait_for
from interop.stage import Stage
from tests.interop.conftest import USERS, serving


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(SipmeshNode(Setup(users=USERS), tmp_path_factory.mktemp("node")), expected="worker ended")


def kill(node: SipmeshNode, name: str) -> None:
    """Kills the worker and waits until its successor serves."""
    wait_for(lambda: name in node.workers(), name)
    pid = node.workers()[name]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: node.workers().get(name, pid) != pid and node.healthy(), f"another {name}")


@pytest.mark.parametrize("worker", ["signal-0", "media-0", "agent-0"])
def test_registered_phones_can_call_after_a_worker_died(stage: Stage, node: SipmeshNode, worker: str) -> None:
    alice, bob = stage.registered("alice"), stage.registered("bob")
    kill(node, worker)
    call = stage.call("bye_from_caller", alice, bob)
    call.talk()
    call.expect_ok()


def test_a_call_that_stands_outlives_the_signal_worker(stage: Stage, node: SipmeshNode) -> None:
    """RTP goes on meanwhile; the hold, the resume and the BYE after it find their way by the Record-Route cookie."""
    call = stage.call("hold", stage.registered("alice"), stage.registered("bob"))
    call.caller.media("answer")
    with call.halted():
        call.talk()
        kill(node, "signal-0")
        call.talk()
    call.caller.media("answer-sendrecv")
    call.talk("answer-sendrecv")
    call.expect_ok()
