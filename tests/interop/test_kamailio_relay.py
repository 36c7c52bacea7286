"""Kamailio's rtpengine module drives our media daemon over UDP; every kind of call that needs media goes through."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop import ng
from interop.kamailio.node import KamailioNode, MediaDaemon
from interop.node import Node, Setup
from interop.process import wait_for
from interop.stage import Stage
from tests.interop import test_calls, test_nat
from tests.interop.conftest import serving


@pytest.fixture(scope="module")
def node(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(KamailioNode(setup, tmp_path_factory.mktemp("kamailio"), MediaDaemon))


def test_a_call_with_rtp(stage: Stage, node: KamailioNode) -> None:
    call = stage.call("bye_from_caller", stage.registered("alice"), stage.registered("bob"))
    call.caller.media("answer")
    with call.halted():
        call.talk()
        wait_for(lambda: ng.relayed(node.relay.ng, call.call_id) >= 60, "60 packets counted by the relay")
        assert ng.relayed(node.relay.ng, call.call_id) == 60
    call.expect_ok()
    wait_for(lambda: ng.ask(node.relay.ng, "query", call_id=call.call_id)["result"] == "error", "BYE ends the session")


CASES = {
    "hold": lambda stage: test_calls.test_hold_and_back_on_the_same_ports(stage, "udp"),
    "reinvite_from_callee": test_calls.test_reinvite_from_the_callee,
    "183_with_other_sdp": test_calls.test_183_with_another_sdp_than_the_200,
    "prack": test_calls.test_reliable_provisional_is_acknowledged,
    "update": test_calls.test_update_holds_and_resumes,
    "delayed_offer": test_calls.test_offer_in_the_200_answer_in_the_ack,
    "t38": test_calls.test_t38_passes_as_it_is,
    "nat": test_nat.test_both_natted_with_hold,
}


@pytest.mark.parametrize("case", CASES)
def test_other_calls(stage: Stage, node: KamailioNode, case: str) -> None:
    before = ended(node)
    CASES[case](stage)
    wait_for(lambda: not ng.calls(node.relay.ng), "every session to end")
    assert ended(node) == before + 1


def ended(node: KamailioNode) -> int:
    """Sessions that the relay has had."""
    statistics = ng.ask(node.relay.ng, "statistics")["statistics"]
    return int(statistics["totalstatistics"]["managedsessions"])
