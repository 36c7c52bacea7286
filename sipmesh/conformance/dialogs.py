"""Requests within a dialog: RFC 3261 sections 12 and 16.12."""

from __future__ import annotations

from dataclasses import dataclass

from sipmesh.conformance.agent import SDP, Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.errors import NotApplicableError
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


def connect(world: World, *, transport: str = "") -> Call:
    """``transport``: of the callee."""
    ringing = ring(world, transport=transport)
    phone, invite = ringing.legs[0]
    sent = phone.reply(invite, 200, body=SDP.format(phone.host))
    answer = ringing.final()
    cseq = ringing.invite.cseq[0]
    ringing.caller.send(ringing.caller.of_caller("ACK", answer, cseq))
    return Call(ringing.caller, phone, invite, answer, sent["To"], cseq)


def caller_hangs_up(call: Call) -> None:
    bye = call.caller.of_caller("BYE", call.answer, call.cseq + 1)
    call.caller.send(bye)
    call.callee.reply(call.callee.expect_incoming("BYE"), 200)
    require(call.caller.expect_response(bye).status == 200, "the 200 to the caller's BYE did not come back")


@CASES.add(35, "RFC 3261 16.6(4), 13.2.2.4", "stays in the way of a dialog, and passes on the ACK once")
def ack_passes(world: World) -> None:
    call = connect(world)
    ack = call.callee.expect_incoming("ACK")
    require(bool(call.answer["Record-Route"]), "did not record-route")
    require(not ack["Route"], f"left its Route in place: {ack['Route']}")
    require(call.callee.incoming("ACK", 0.3) is None, "passed it on twice")


@CASES.add(9, "RFC 3261 16.6(4)", "record-routes twice between transports, and each side gets through by it")
def record_route_twice(world: World) -> None:
    call = connect(world, transport="tcp" if world.target.transport == "udp" else "udp")
    call.callee.expect_incoming("ACK")
    routes = call.invite.values("Record-Route")
    require(len(routes) == 2, f"Record-Route: {routes}")
    told = call.callee.of_callee("INFO", call.invite, call.to)
    call.callee.send(told)
    call.caller.reply(call.caller.expect_incoming("INFO"), 200)
    require(call.callee.expect_response(told).status == 200, "the callee's INFO failed")
    caller_hangs_up(call)


@CASES.add(20, "RFC 3261 16.11", "gives an ACK that comes twice the same branch")
def ack_branch(world: World) -> None:
    _ = world.udp_only
    call = connect(world)
    first = call.callee.expect_incoming("ACK")
    again = call.caller.of_caller("ACK", call.answer, call.cseq)
    for _ in range(2):
        call.caller.send(again)
    second, third = call.callee.expect_incoming("ACK"), call.callee.expect_incoming("ACK")
    require(second.branch == third.branch, f"{second.branch}, then {third.branch}")
    require(first.branch.startswith("z9hG4bK"), f"branch {first.branch}")


@CASES.add(42, "RFC 6026 7.1, 8.4", "passes on no failure after a 2xx of the same branch")
def failure_after_2xx(world: World) -> None:
    call = connect(world)
    call.callee.reply(call.invite, 603)
    request = call.caller.sent[call.answer["Call-ID"], call.cseq]
    got = call.caller.response(request, 0.5, least=300)
    require(got is None, f"passed on {got.start if got else ''}")


@CASES.add(66, "RFC 4028 8.1, 8.2", "leaves Session-Expires alone or above Min-SE, and passes on 422 with its Min-SE")
def session_timer(world: World) -> None:
    wanted = [("Supported", "timer"), ("Session-Expires", "120;refresher=uac"), ("Min-SE", "100")]
    ringing = ring(world, headers=wanted)
    phone, invite = ringing.legs[0]
    interval = int(invite["Session-Expires"].partition(";")[0] or 0)
    require(100 <= interval <= 120, f"Session-Expires: {invite['Session-Expires'] or 'absent'}")
    phone.reply(invite, 422, headers=[("Min-SE", "3600")])
    final = ringing.final()
    require((final.status, final["Min-SE"]) == (422, "3600"), f"{final.start}, Min-SE: {final['Min-SE'] or 'absent'}")


@CASES.add(69, "RFC 6665 4.1.2, 4.3", "forks SUBSCRIBE, passes on one answer, and NOTIFY of every fork")
def notify_of_every_fork(world: World) -> None:
    phones, caller = [world.callee(f"callee{number}") for number in range(2)], world.agent()
    sent = caller.start(caller.request("SUBSCRIBE", world.account.uri, [("Event", "presence")]))
    legs = [(phone, got) for phone in phones if (got := phone.incoming("SUBSCRIBE")) is not None]
    if len(legs) < len(phones):
        raise NotApplicableError("doesn't fork")
    answers = [phone.reply(got, 200) for phone, got in legs]
    require(caller.expect_response(sent).status == 200, "no 200")
    second = caller.response(sent, 0.3, least=200)
    require(second is None, "passed on a second final response")
    for (phone, got), answer in zip(legs, answers, strict=True):
        notify = phone.of_callee("NOTIFY", got, answer["To"])
        phone.send(notify)
        caller.reply(caller.expect_incoming("NOTIFY"), 200)
        require(phone.expect_response(notify).status == 200, f"the 200 to NOTIFY did not reach {phone.name}")


@CASES.add(35, "RFC 3261 16.12", "passes BYE from the caller")
def bye_of_caller(world: World) -> None:
    caller_hangs_up(connect(world))


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
