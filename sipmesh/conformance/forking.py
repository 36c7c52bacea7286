"""Branches and the choice among their responses: RFC 3261 sections 16.6, 16.7 and 16.10."""

from __future__ import annotations

from dataclasses import dataclass

from sipmesh.conformance.agent import SDP, Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.errors import NotApplicableError
from sipmesh.conformance.message import Headers, Message
from sipmesh.conformance.requests import cancel

CASES = Cases()


@dataclass(slots=True)
class Ringing:
    """An INVITE of the caller that has reached each callee."""

    caller: Agent
    invite: Message
    legs: list[tuple[Agent, Message]]

    def final(self, timeout_s: float = 2.0) -> Message:
        return self.caller.expect_response(self.invite, timeout_s)


def ring(world: World, callees: int = 1, headers: Headers | None = None, status: int = 180, *, transport: str = "") -> Ringing:
    """``status`` 0: nobody says anything. ``transport``: of the callees."""
    phones = [world.callee(f"callee{number}", transport) for number in range(callees)]
    caller = world.agent()
    invite = caller.start(caller.request("INVITE", world.account.uri, headers, SDP.format(caller.host)))
    legs: list[tuple[Agent, Message]] = []
    for phone in phones:
        got = phone.incoming("INVITE", 2.0)
        if got is None and legs:
            raise NotApplicableError("doesn't fork")
        legs.append((phone, got if got is not None else phone.expect_incoming("INVITE", 0.1)))
    if status:
        for phone, got in legs:
            phone.reply(got, status)
    return Ringing(caller, invite, legs)


def best_of(world: World, *answers: int) -> int:
    """The status that reaches the caller when branches end with ``answers``, in that order."""
    ringing = ring(world, len(answers))
    for (phone, invite), status in zip(ringing.legs, answers, strict=True):
        phone.reply(invite, status)
    return ringing.final().status


@CASES.add(11, "RFC 3261 16.6(8)", "gives each branch of a fork its own Via branch")
def branches_differ(world: World) -> None:
    ringing = ring(world, 2)
    first, second = (invite.branch for _, invite in ringing.legs)
    require(first.startswith("z9hG4bK") and second.startswith("z9hG4bK"), "no magic cookie")
    require(first != second, f"both have {first}")


@CASES.add(11, "RFC 3261 16.6(8), 17.1.1.2", "repeats an INVITE with the same branch, after 0.5, 1 and 2 s")
def retransmission(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world, status=0)
    phone, invite = ringing.legs[0]
    last = invite
    for wait_s in (0.5, 1.0, 2.0):
        last = phone.expect_again(last, wait_s)
        require(last.branch == invite.branch, f"{last.branch} after {invite.branch}")


@CASES.add(14, "RFC 3261 16.7(5)", "passes on the 2xx of every branch")
def every_2xx(world: World) -> None:
    ringing = ring(world, 2)
    for phone, invite in ringing.legs:
        phone.reply(invite, 200, body=SDP.format(phone.host))
    tags = {ringing.final().tag("To"), ringing.final().tag("To")}
    require(len(tags) == 2, f"tags that arrived: {tags}")


@CASES.add(14, "RFC 3261 16.7(5)", "after a 6xx cancels the other branches, then passes it on")
def decline_cancels(world: World) -> None:
    ringing = ring(world, 2)
    (first, declined), (second, other) = ringing.legs
    first.reply(declined, 603)
    got = second.expect_incoming("CANCEL")
    second.reply(got, 200)
    second.reply(other, 487)
    require(ringing.final().status == 603, "the caller got something else")


@CASES.add(14, "RFC 3261 16.7(5)", "passes on a 2xx that comes after a 6xx of another branch")
def answer_after_decline(world: World) -> None:
    ringing = ring(world, 2)
    (first, declined), (second, other) = ringing.legs
    first.reply(declined, 603)
    second.reply(second.expect_incoming("CANCEL"), 200)
    second.reply(other, 200, body=SDP.format(second.host))
    statuses = [ringing.final().status]
    if statuses[0] != 200 and (late := ringing.caller.response(ringing.invite, 1.0, least=200)) is not None:
        statuses.append(late.status)
    require(200 in statuses, f"the caller got {statuses}")


@CASES.add(15, "RFC 3261 16.7(6)", "prefers 6xx to all other failures")
def best_is_6xx(world: World) -> None:
    status = best_of(world, 486, 603)
    require(status == 603, f"of 486 and 603 chose {status}")


@CASES.add(15, "RFC 3261 16.7(6)", "prefers the lowest class of the rest")
def best_is_lowest(world: World) -> None:
    status = best_of(world, 500, 486)
    require(status == 486, f"of 500 and 486 chose {status}")


@CASES.add(15, "RFC 3261 16.7(6)", "prefers 4xx that say how to try again")
def best_helps(world: World) -> None:
    status = best_of(world, 404, 484)
    require(status == 484, f"of 404 and 484 chose {status}")


@CASES.add(15, "RFC 3261 16.7(6)", "makes 500 of a lonely 503")
def no_503(world: World) -> None:
    status = best_of(world, 503)
    require(status == 500, f"passed on {status}")


@CASES.add(16, "RFC 3261 16.7(7)", "joins the challenges of all branches")
def challenges_joined(world: World) -> None:
    ringing = ring(world, 2)
    for number, (phone, invite) in enumerate(ringing.legs):
        challenge = f'Digest realm="realm{number}", nonce="n", algorithm=MD5'
        phone.reply(invite, 401, headers=[("WWW-Authenticate", challenge)])
    final = ringing.final()
    seen = " ".join(final.all("WWW-Authenticate") + final.all("Proxy-Authenticate"))
    require("realm0" in seen and "realm1" in seen, f"challenges that arrived: {seen or 'none'}")


@CASES.add(17, "RFC 3261 16.7(10), 9.1", "on 2xx cancels the branches that ring")
def answer_cancels(world: World) -> None:
    ringing = ring(world, 2)
    (first, answered), (second, other) = ringing.legs
    first.reply(answered, 200, body=SDP.format(first.host))
    got = second.expect_incoming("CANCEL")
    require(got.branch == other.branch, "CANCEL has another branch than its INVITE")
    require(got.uri == other.uri, "CANCEL has another Request-URI than its INVITE")


@CASES.add(17, "RFC 3261 9.1", "sends no CANCEL before a provisional response, but right after it")
def cancel_waits(world: World) -> None:
    ringing = ring(world, 2, status=0)
    (first, answered), (second, other) = ringing.legs
    first.reply(answered, 200, body=SDP.format(first.host))
    require(second.incoming("CANCEL", 0.7) is None, "CANCEL before any provisional response")
    second.reply(other, 180)
    second.expect_incoming("CANCEL")


@CASES.add(68, "RFC 3326 2", 'says "call completed elsewhere" to those it cancels after an answer')
def completed_elsewhere(world: World) -> None:
    ringing = ring(world, 2)
    (first, answered), (second, _) = ringing.legs
    first.reply(answered, 200, body=SDP.format(first.host))
    reason = second.expect_incoming("CANCEL")["Reason"]
    require("cause=200" in reason, f"Reason: {reason or 'absent'}")


@CASES.add(19, "RFC 3261 16.10", "answers CANCEL itself, passes it on, and the caller gets 487")
def cancel_passes(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    request = cancel(ringing.invite)
    ringing.caller.send(request)
    require(ringing.caller.expect_response(request).status == 200, "no 200 to CANCEL")
    got = phone.expect_incoming("CANCEL")
    require(got.branch == invite.branch, "CANCEL left with another branch than its INVITE")
    phone.reply(got, 200)
    phone.reply(invite, 487)
    require(ringing.final().status == 487, "no 487 to the INVITE")
    phone.expect_incoming("ACK")


@CASES.add(19, "RFC 3261 9.2, 17.2.2", "answers a repeated CANCEL alike")
def cancel_repeated(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world)
    request = cancel(ringing.invite)
    for _ in range(2):
        ringing.caller.send(request)
        answer = ringing.caller.expect_response(request)
        require(answer.status == 200, f"answered {answer.start}")


@CASES.add(19, "RFC 3261 16.10", "doesn't pretend to know the INVITE of a CANCEL")
def cancel_unknown(world: World) -> None:
    agent = world.agent()
    request = cancel(agent.request("INVITE", world.account.uri))
    agent.send(request)
    answer = agent.response(request, 1.0, least=200)
    require(answer is None or answer.status != 200, "answered 200")


@CASES.add(65, "RFC 3262 3", "passes on a reliable provisional response, and its PRACK")
def reliable_provisional(world: World) -> None:
    ringing = ring(world, headers=[("Supported", "100rel")], status=0)
    phone, invite = ringing.legs[0]
    phone.reply(invite, 183, headers=[("Require", "100rel"), ("RSeq", "7")])
    early = ringing.caller.expect_response(ringing.invite, least=101)
    require(early["RSeq"] == "7" and "100rel" in early["Require"], "RSeq or Require is gone")
    prack = ringing.caller.of_caller("PRACK", early, ringing.invite.cseq[0] + 1)
    prack.headers.append(("RAck", f"7 {ringing.invite.cseq[0]} INVITE"))
    ringing.caller.send(prack)
    got = phone.expect_incoming("PRACK")
    require(got["RAck"] == prack["RAck"], "RAck changed")
