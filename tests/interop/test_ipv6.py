"""The same calls over IPv6: addresses in brackets in SIP, bare in SDP. (sipmesh only.)"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop.node import Node, Setup, SipmeshNode
from interop.stage import Stage
from tests.interop.conftest import USERS, serving


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(SipmeshNode(Setup(users=USERS, address="::1"), tmp_path_factory.mktemp("node")))


@pytest.mark.parametrize(("near", "far"), [("udp", "udp"), ("tcp", "udp")])
def test_rtp_both_ways_and_bye_from_the_callee(stage: Stage, near: str, far: str) -> None:
    call = stage.call("bye_from_callee", stage.registered("alice", near), stage.registered("bob", far))
    call.talk()
    assert call.callee_rtp.sources == {call.callee.media("offer").remote}
    call.expect_ok()


def test_hold(stage: Stage) -> None:
    call = stage.call("hold", stage.registered("alice"), stage.registered("bob"))
    call.talk()
    call.caller.media("answer-sendrecv")
    call.talk("answer-sendrecv")
    call.expect_ok()
