"""Transactions as they show on a wire: RFC 3261 section 17, RFC 6026, RFC 4320."""

from __future__ import annotations

import re
import time
from itertools import pairwise

from sipmesh.conformance.agent import SDP
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.forking import ring
from sipmesh.conformance.requests import ack_failure, cancel

CASES = Cases()


@CASES.add(22, "RFC 3261 17.1.1.3", "acknowledges a failure itself: same branch, one Via, Request-URI and CSeq of the INVITE")
def ack_of_failure(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    phone.reply(invite, 486)
    ack = phone.expect_incoming("ACK")
    require(len(ack.values("Via")) == 1, f"{len(ack.values('Via'))} Via values")
    require(ack.branch == invite.branch, "another branch than the INVITE's")
    require(ack.uri == invite.uri, f"Request-URI {ack.uri}, of the INVITE {invite.uri}")
    require(ack.cseq == (invite.cseq[0], "ACK"), f"CSeq {ack['CSeq']}")
    require(ack.tag("To") == "callee0", "not the To of the response")


@CASES.add(32, "RFC 3261 8.1.1.3, 9.1, 17.1.1.3", "keeps the From tag in the CANCEL and the ACK that it makes itself")
def from_tag(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    ringing.caller.send(cancel(ringing.invite))
    cancelled = phone.expect_incoming("CANCEL")
    phone.reply(cancelled, 200)
    phone.reply(invite, 487)
    for own in (cancelled, phone.expect_incoming("ACK")):
        require(own.tag("From") == invite.tag("From"), f"{own.method} with From: {own['From']}")


@CASES.add(23, "RFC 3261 17.1.3", "takes a response with an altered branch for somebody else's")
def altered_branch(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    vias = invite.values("Via")
    altered = vias[0].replace(invite.branch, invite.branch[:-1] + ("0" if invite.branch[-1] != "0" else "1") + "x")
    lines = [value for name, value in invite.headers if name.lower() not in ("via", "v")]
    require(bool(lines), "no headers")
    forged = invite.with_header("Via", ", ".join([altered, *vias[1:]]))
    phone.reply(forged, 486)
    seen = ringing.caller.response(ringing.invite, 0.5, least=200)
    require(seen is None, "passed it on")
    phone.reply(invite, 480)
    require(ringing.final().status == 480, "the true response did not arrive")


@CASES.add(24, "RFC 3261 17.2.3", "tells clients apart that use the same branch")
def same_branch(world: World) -> None:
    first, second = world.agent("first"), world.agent("second")
    one = first.request("OPTIONS", f"sip:{world.account.domain}")
    two = second.request("OPTIONS", f"sip:{world.account.domain}")
    two = two.with_header("Via", re.sub(r"branch=[^;,\s]+", f"branch={one.branch}", two["Via"]))
    first.send(one)
    second.send(two)
    first.expect_response(one)
    second.expect_response(two)


@CASES.add(25, "RFC 3261 17.2.1", "answers 100 to an INVITE within 200 ms")
def trying(world: World) -> None:
    ringing = ring(world, status=0)
    answer = ringing.caller.response(ringing.invite, 0.3)
    require(answer is not None and answer.status == 100, "no 100")


@CASES.add(25, "RFC 3261 17.2.1", "answers a repeated INVITE with its last provisional response")
def last_provisional(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world)
    ringing.caller.expect_response(ringing.invite, least=180)
    ringing.caller.send(ringing.invite)
    ringing.caller.expect_response(ringing.invite, 1.0, least=180)
    require(ringing.legs[0][0].incoming("INVITE", 0.2) is None, "passed the repetition on")


@CASES.add(25, "RFC 3261 17.2.1", "repeats a failure after 0.5 and 1 s until its ACK comes")
def failure_repeated(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    phone.reply(invite, 486)
    final = last = ringing.final()
    for wait_s in (0.5, 1.0):
        last = ringing.caller.expect_again(last, wait_s)
    ringing.caller.send(ack_failure(ringing.invite, final))
    require(ringing.caller.response(ringing.invite, 2.2, least=300) is None, "came again after the ACK")


@CASES.add(41, "RFC 6026 7.1, 8.7", "absorbs an INVITE that is repeated after its 2xx")
def repeated_after_2xx(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    phone.reply(invite, 200, body=SDP.format(phone.host))
    ringing.final()
    ringing.caller.send(ringing.invite)
    got = phone.incoming("INVITE", 0.7)
    require(got is None, "passed it on")
    answer = ringing.caller.response(ringing.invite, 0.2, least=300)
    require(answer is None, "answered it with a failure")


@CASES.add(36, "RFC 3261 13.3.1.4, 16.7(5)", "passes on a repeated 2xx")
def repeated_2xx(world: World) -> None:
    _ = world.udp_only
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    for _ in range(2):
        phone.reply(invite, 200, body=SDP.format(phone.host))
        require(ringing.final().status == 200, "no 200")


@CASES.add(43, "RFC 4320 4.1", "passes on no provisional response to anything but INVITE")
def no_provisional(world: World) -> None:
    callee, agent = world.callee(), world.agent()
    sent = agent.start(agent.request("MESSAGE", world.account.uri))
    got = callee.expect_incoming("MESSAGE")
    callee.reply(got, 183)
    seen = agent.response(sent, 0.5, least=101)
    require(seen is None, f"passed on {seen.start if seen else ''}")
    callee.reply(got, 200)
    require(agent.expect_response(sent).status == 200, "the final response did not arrive")


@CASES.add(21, "RFC 3261 17.1.2.2", "repeats a request other than INVITE after 0.5 and 1 s")
def non_invite_retransmission(world: World) -> None:
    _ = world.udp_only
    callee, agent = world.callee(), world.agent()
    agent.start(agent.request("MESSAGE", world.account.uri))
    first = last = callee.expect_incoming("MESSAGE")
    for wait_s in (0.5, 1.0):
        last = callee.expect_again(last, wait_s)
        require(last.branch == first.branch, f"{last.branch} after {first.branch}")
    callee.reply(last, 200)


@CASES.add(21, "RFC 3261 17.1.1.2, 17.1.2.2", "repeats up to every 4 s, but INVITE after 8 s too", slow=True)
def longest_intervals(world: World) -> None:
    _ = world.udp_only
    callee, agent, other = world.callee(), world.agent(), world.agent("other")
    agent.start(agent.request("INVITE", world.account.uri, body=SDP.format(agent.host)))
    callee.expect_incoming("INVITE")
    started = time.time()
    other.start(other.request("MESSAGE", world.account.uri))
    seen: dict[str, list[float]] = {"INVITE": [], "MESSAGE": []}
    while (left := started + 14.0 - time.time()) > 0:
        got = callee.receive(left, lambda message: message.is_request)
        if got is not None:
            seen.setdefault(got.method, []).append(got.arrived_s - started)
    gaps = {method: [later - earlier for earlier, later in pairwise(times)] for method, times in seen.items()}
    late = [at for at in seen["INVITE"] if at > 8.5]
    require(not late, f"INVITE came again after {', '.join(f'{at:.1f}' for at in seen['INVITE'])} s")
    waits = [gap for gap in gaps["MESSAGE"] if gap > 2.5]
    require(len(waits) > 1 and all(3.5 < wait < 4.6 for wait in waits), f"waits before MESSAGE: {gaps['MESSAGE']}")


@CASES.add(18, "RFC 3261 16.6(11), 16.8", "lets it ring for three minutes, then cancels", slow=True)
def rings_for_ever(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    require(phone.incoming("CANCEL", 180.5) is None, "cancelled within three minutes")
    got = phone.expect_incoming("CANCEL", 180.0)
    phone.reply(got, 200)
    phone.reply(invite, 487)
    require(ringing.final().status in (408, 487), "the caller got something else")


@CASES.add(38, "RFC 3261 20.33, 16.7(8)", "leaves Retry-After in a refusal")
def retry_after(world: World) -> None:
    ringing = ring(world)
    phone, invite = ringing.legs[0]
    phone.reply(invite, 480, headers=[("Retry-After", "18 (at table)")])
    final = ringing.final()
    require(final["Retry-After"] == "18 (at table)", f"Retry-After: {final['Retry-After'] or 'absent'}")


@CASES.add(44, "RFC 4320 4.2", "never answers 408 to anything but INVITE", slow=True)
def no_408(world: World) -> None:
    world.callee()
    agent = world.agent()
    sent = agent.start(agent.request("MESSAGE", world.account.uri))
    answer = agent.response(sent, 36.0, least=200)
    require(answer is None or answer.status != 408, "answered 408")
