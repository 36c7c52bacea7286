"""Requests within a dialog: RFC 3261 sections 12 and 16.12."""

from __future__ import annotations

from dataclasses import dataclass

from sipmesh.conformance.agent import SDP, Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.forking import ring
from sipmesh.conformance.message import Message

CASES = Cases()


@dataclass(slots=True)
class Call:
    """An answered call."""

    caller: Agent
    callee: Agent
    invite: Message  # as it reached the callee
    answer: Message  # as it reached the caller
    to: str  # To with tag, as the callee wrote it
    cseq: int  # of the caller's INVITE


def connect(world: World) -> Call:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    sent = phone.reply(invite, 200, body=SDP.format(phone.host))
    answer = ringing.final()
    cseq = ringing.invite.cseq[0]
    ringing.caller.send(ringing.caller.of_caller("ACK", answer, cseq))
    return Call(ringing.caller, phone, invite, answer, sent["To"], cseq)


@CASES.add(35, "RFC 3261 16.6(4), 13.2.2.4", "stays in the way of a dialog, and passes on the ACK once")
def ack_passes(world: World) -> None:
    call = connect(world)
    ack = call.callee.expect_incoming("ACK")
    require(bool(call.answer["Record-Route"]), "did not record-route")
    require(not ack["Route"], f"left its Route in place: {ack['Route']}")
    require(call.callee.incoming("ACK", 0.3) is None, "passed it on twice")


@CASES.add(35, "RFC 3261 16.12", "passes BYE from the caller")
def bye_of_caller(world: World) -> None:
    call = connect(world)
    bye = call.caller.of_caller("BYE", call.answer, call.cseq + 1)
    call.caller.send(bye)
    call.callee.reply(call.callee.expect_incoming("BYE"), 200)
    require(call.caller.expect_response(bye).status == 200, "the 200 did not come back")


@CASES.add(35, "RFC 3261 16.12", "passes BYE from the callee")
def bye_of_callee(world: World) -> None:
    call = connect(world)
    bye = call.callee.of_callee("BYE", call.invite, call.to)
    call.callee.send(bye)
    call.caller.reply(call.caller.expect_incoming("BYE"), 200)
    require(call.callee.expect_response(bye).status == 200, "the 200 did not come back")


@CASES.add(35, "RFC 3261 12.2.1.2", "follows a party that moved with a re-INVITE")
def target_refresh(world: World) -> None:
    call = connect(world)
    moved = world.agent("moved")
    again = call.caller.of_caller("INVITE", call.answer, call.cseq + 1).with_header("Contact", moved.contact)
    call.caller.send(again)
    got = call.callee.expect_incoming("INVITE")
    require(moved.address in got["Contact"], f"Contact: {got['Contact']}")
    call.callee.reply(got, 200)
    require(call.caller.expect_response(again).status == 200, "the re-INVITE failed")
    call.caller.send(call.caller.of_caller("ACK", call.answer, call.cseq + 1))
    refreshed = call.invite.with_header("Contact", got["Contact"])  # the route set stays
    call.callee.send(call.callee.of_callee("BYE", refreshed, call.to))
    moved.reply(moved.expect_incoming("BYE"), 200)


@CASES.add(35, "RFC 3261 12.2.2, 16.12", "doesn't let a request of an unknown dialog through as if it knew it")
def unknown_dialog(world: World) -> None:
    callee, stranger = world.callee(), world.agent("stranger")
    request = stranger.request(
        "BYE", world.account.uri, From="<sip:stranger@invalid.invalid>;tag=x", To=f"<{world.account.uri}>;tag=y"
    )
    stranger.send(request)
    require(callee.incoming("BYE", 0.5) is None, "reached the callee")
