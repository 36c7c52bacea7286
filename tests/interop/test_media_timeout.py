"""A call whose media has stopped is ended by the node, with BYE to both phones. (Kamailio has no such thing: sipmesh only.)"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from interop import ng
from interop.node import Node, Setup, SipmeshNode
from interop.process import PATIENCE_S, wait_for
from interop.stage import Stage
from tests.interop.conftest import USERS, serving

TIMEOUT_S = 6  # so slow the test may be in playing its first packet


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(SipmeshNode(Setup(users=USERS, media_timeout_s=TIMEOUT_S), tmp_path_factory.mktemp("node")))


@pytest.mark.parametrize(("near", "far"), [("udp", "udp"), ("tcp", "udp")])
def test_silence_ends_the_call(stage: Stage, node: SipmeshNode, near: str, far: str) -> None:
    call = stage.call("ended_by_node", stage.registered("alice", near), stage.registered("bob", far))
    call.caller.media("answer")
    began = time.monotonic()
    call.talk()
    call.expect_ok()
    assert TIMEOUT_S < time.monotonic() - began < PATIENCE_S
    wait_for(lambda: ng.ask(node.ng, "query", call_id=call.call_id)["result"] == "error", "the end of the session")
    wait_for(lambda: node.metric("sipmesh_media_calls") == 0, "the relay to forget the call")
