"""Phones behind NAT: private address in Via, Contact and SDP, another source port. They get their calls, BYE and RTP."""

from __future__ import annotations

from interop.stage import Call, Stage

PRIVATE = "192.168.77.10"


def talk_through_nat(call: Call) -> None:
    """The private end speaks first, so that the relay can learn where its packets come from."""
    ends = (call.callee_rtp, call.callee.media("offer").remote), (call.caller_rtp, call.caller.media("answer").remote)
    with call.halted():
        for end, remote in ends:
            end.play(remote, 5)
        call.caller_rtp.settle(5)
        call.talk()


def test_natted_callee_gets_the_callers_bye(stage: Stage) -> None:
    call = stage.call("bye_from_caller", stage.registered("alice"), stage.registered("bob", private=PRIVATE))
    talk_through_nat(call)
    call.expect_ok()


def test_natted_caller_gets_the_callees_bye(stage: Stage) -> None:
    call = stage.call("bye_from_callee", stage.registered("alice", private=PRIVATE), stage.registered("bob"))
    talk_through_nat(call)
    call.expect_ok()


def test_both_natted_with_hold(stage: Stage) -> None:
    call = stage.call("hold", stage.registered("alice", private=PRIVATE), stage.registered("bob", private="10.9.8.7"))
    talk_through_nat(call)
    call.caller.media("answer-sendrecv")
    call.talk("answer-sendrecv")
    call.expect_ok()
