"""Calls between two SIPp phones that register with digest; RTP through the relay counted at both ends."""

from __future__ import annotations

import pytest

from interop import calls
from interop.process import wait_for
from interop.rawsip import Client
from interop.stage import Stage
from tests.interop.conftest import USERS

TRANSPORTS = [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp"), ("tcp", "udp")]


@pytest.mark.parametrize(("near", "far"), TRANSPORTS)
def test_caller_hangs_up_after_rtp_both_ways(stage: Stage, near: str, far: str) -> None:
    call = stage.call("bye_from_caller", stage.registered("alice", near), stage.registered("bob", far))
    call.caller.media("answer")
    with call.halted():
        call.talk()
        wait_for(lambda: stage.node.relayed(call.call_id) >= 60, "60 packets counted by the relay")
        assert stage.node.relayed(call.call_id) == 60
    assert call.callee_rtp.sources == {call.callee.media("offer").remote}, "RTP came from another address than the SDP named"
    call.expect_ok()


@pytest.mark.parametrize(("near", "far"), [("udp", "udp"), ("tcp", "udp"), ("udp", "tcp")])
def test_callee_hangs_up(stage: Stage, near: str, far: str) -> None:
    call = stage.call("bye_from_callee", stage.registered("alice", near), stage.registered("bob", far))
    call.talk()
    call.expect_ok()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_hold_and_back_on_the_same_ports(stage: Stage, transport: str) -> None:
    call = stage.call("hold", stage.registered("alice", transport), stage.registered("bob", transport))
    call.talk()
    assert call.callee.media("offer-sendonly").direction == "sendonly"
    assert call.caller.media("answer-sendonly").direction == "recvonly"
    resumed = call.caller.media("answer-sendrecv")
    assert resumed.remote == call.caller.media("answer").remote
    assert call.callee.media("offer-sendrecv").remote == call.callee.media("offer").remote
    call.talk("answer-sendrecv")
    call.expect_ok()


def test_reinvite_from_the_callee(stage: Stage) -> None:
    call = stage.call("reinvite_from_callee", stage.registered("alice"), stage.registered("bob"))
    assert call.caller.media("reoffer").remote == call.caller.media("answer").remote
    call.callee.media("reanswer")
    call.talk("reoffer")
    call.expect_ok()


def test_busy(stage: Stage) -> None:
    stage.call("busy", stage.registered("alice"), stage.registered("bob")).expect_ok()


@pytest.mark.parametrize(("near", "far"), TRANSPORTS)
def test_no_answer_is_cancelled(stage: Stage, near: str, far: str) -> None:
    stage.call("cancel", stage.registered("alice", near), stage.registered("bob", far)).expect_ok()


def test_fork_to_three_contacts_one_answers(stage: Stage) -> None:
    caller, answering, ringing = calls.fork()
    ends = [stage.registered("carol") for _ in range(3)]
    callees = [stage.callee(script, end) for script, end in zip([answering, ringing, ringing], ends, strict=True)]
    near = stage.rtp()
    alice = stage.play(caller, stage.phone("alice"), "caller", "carol", keys={"rtp_port": str(near.port)})
    for sipp in (alice, *callees):
        sipp.expect_ok()


def test_183_with_another_sdp_than_the_200(stage: Stage) -> None:
    early = stage.rtp(echo=True)
    call = stage.call("early_media", stage.registered("alice"), stage.registered("bob"), early_port=str(early.port))
    remote = call.caller.media("early").remote
    with call.halted():
        call.caller_rtp.play(remote, 20)
        early.settle(20)
        call.caller_rtp.settle(20)
    assert (len(early.payloads), len(call.caller_rtp.payloads)) == (20, 20)
    assert call.callee_rtp.payloads == []
    call.talk("answer")
    assert len(early.payloads) == 20, "media went on to the early port after the 200 named another"
    call.expect_ok()


def test_reliable_provisional_is_acknowledged(stage: Stage) -> None:
    call = stage.call("prack", stage.registered("alice"), stage.registered("bob"))
    assert call.caller.logged(r"header RSeq\s+(\d+)")[1] == "7"
    assert call.callee.logged(r"header RAck (.+)")[1].strip() == "7 2 INVITE"
    assert "100rel" in call.callee.logged(r"header Supported (.+)")[1]
    call.talk("answer")
    call.expect_ok()


def test_update_holds_and_resumes(stage: Stage) -> None:
    call = stage.call("update", stage.registered("alice"), stage.registered("bob"))
    assert call.callee.media("offer-sendonly").direction == "sendonly"
    assert call.caller.media("answer-sendrecv").remote == call.caller.media("answer").remote
    call.talk("answer-sendrecv")
    call.expect_ok()


def test_offer_in_the_200_answer_in_the_ack(stage: Stage) -> None:
    call = stage.call("delayed_offer", stage.registered("alice"), stage.registered("bob"))
    call.callee.media("answer")
    call.talk("offer")
    call.expect_ok()


def test_t38_passes_as_it_is(stage: Stage) -> None:
    call = stage.call("t38", stage.registered("alice"), stage.registered("bob"))
    udptl = bytes.fromhex("00000601c0018000") + b"fax"
    remote = call.caller.media("t38-offer").remote
    call.callee.media("t38-answer")
    with call.halted():
        for _ in range(10):
            call.caller_rtp.send(udptl, remote)
        call.caller_rtp.settle(10)
    assert call.callee_rtp.payloads == [udptl] * 10
    assert call.caller_rtp.payloads == [udptl] * 10
    call.expect_ok()


def test_nobody_is_404_or_480(stage: Stage) -> None:
    with Client(stage.target) as client:
        answer = client.request_with_digest("MESSAGE", "sip:dave@example.test", "alice", "example.test", USERS["alice"])
    assert answer.status in (404, 480)
