"""The call flows, each as the two scripts of its ends: ``FLOWS[name]() -> (caller, callee)``.

``python -m interop.calls NAME caller|callee`` prints the SIPp scenario, to run it by hand.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from interop.script import CONTACT, VIA, Script, sdp

Flow = tuple[Script, Script]
TALK_MS = 1200  # long enough for the test to play its RTP meanwhile


def _register(expires_s: int) -> Script:
    script = Script("caller")
    head = [
        "REGISTER sip:[domain] SIP/2.0",
        VIA.format(branch="[branch]"),
        "From: <sip:[user]@[domain]>;tag=[pid]-[call_number]",
    ]
    head += ["To: <sip:[user]@[domain]>", "Call-ID: [call_id]", "Max-Forwards: 70", CONTACT, f"Expires: {expires_s}"]
    script._send("\n".join([*head, "CSeq: 1 REGISTER", "Content-Length: 0", "", ""]))
    script.expect(100, optional=True)
    script.expect(401, auth=True)
    script._send("\n".join([*head, "CSeq: 2 REGISTER", "[authentication]", "Content-Length: 0", "", ""]))
    script.expect(100, optional=True)
    script.expect(200, header="Contact")
    return script


def register(expires_s: int = 600) -> Script:
    """REGISTER, 401, REGISTER with Authorization, 200; the granted Contact is logged."""
    return _register(expires_s)


def _answered(digest: bool = True) -> Flow:
    """INVITE 180 200 ACK; the tail is the flow's own."""
    caller, callee = Script("caller"), Script("callee")
    (caller.invite_with_digest if digest else caller.invite)(sdp())
    caller.provisionals(100, 180, 183)
    caller.expect(200, routes=True, media="answer")
    caller.ack()
    callee.expect("INVITE", routes=True, media="offer")
    callee.respond_tagged("180 Ringing")
    callee.respond_tagged("200 OK", sdp(), retransmit=True)
    callee.expect("ACK")
    return caller, callee


def _caller_hangs_up(caller: Script, callee: Script) -> Flow:
    caller.bye()
    caller.expect(200)
    callee.expect("BYE")
    callee.respond("200 OK")
    return caller, callee


def bye_from_caller() -> Flow:
    caller, callee = _answered()
    caller.pause(TALK_MS)
    return _caller_hangs_up(caller, callee)


def bye_from_callee() -> Flow:
    caller, callee = _answered()
    callee.pause(TALK_MS)
    callee.bye()
    callee.expect(200)
    caller.expect("BYE")
    caller.respond("200 OK")
    return caller, callee


def hold() -> Flow:
    """Re-INVITE with sendonly, then sendrecv; RTP before, none needed during, RTP after on the same ports."""
    caller, callee = _answered()
    caller.pause(TALK_MS)
    for version, ours, theirs in ((2, "sendonly", "recvonly"), (3, "sendrecv", "sendrecv")):
        caller.reinvite(sdp(version, ours))
        caller.provisionals(100)
        caller.expect(200, media=f"answer-{ours}")
        caller.ack()
        caller.pause(TALK_MS if ours == "sendrecv" else 100)
        callee.expect("INVITE", media=f"offer-{ours}")
        callee.respond("200 OK", sdp(version, theirs), retransmit=True)
        callee.expect("ACK")
    return _caller_hangs_up(caller, callee)


def reinvite_from_callee() -> Flow:
    caller, callee = _answered()
    callee.pause(100)
    callee.reinvite(sdp(2))
    callee.provisionals(100)
    callee.expect(200, media="reanswer")
    callee.ack()
    caller.expect("INVITE", media="reoffer")
    caller.respond("200 OK", sdp(2), retransmit=True)
    caller.expect("ACK")
    caller.pause(TALK_MS)
    return _caller_hangs_up(caller, callee)


def busy() -> Flow:
    caller, callee = Script("caller"), Script("callee")
    caller.invite_with_digest(sdp())
    caller.provisionals(100, 180)
    caller.expect(486)
    caller.ack_failure()
    callee.expect("INVITE", routes=True)
    callee.respond_tagged("486 Busy Here", retransmit=True)
    callee.expect("ACK")
    return caller, callee


def cancel() -> Flow:
    """No answer: the caller gives up while it rings."""
    caller = Script("caller")
    caller.invite_with_digest(sdp())
    caller.provisionals(100)
    caller.expect(180)
    caller.pause(300)
    caller.cancel()
    caller.expect(200)
    caller.expect(487)
    caller.ack_failure()
    return caller, _cancelled_callee()


def _cancelled_callee() -> Script:
    callee = Script("callee")
    callee.expect("INVITE", routes=True)
    callee.respond_tagged("180 Ringing")
    callee.expect("CANCEL")
    callee.respond("200 OK")
    callee.respond_invite("487 Request Terminated", retransmit=True)
    callee.expect("ACK")
    return callee


def fork() -> tuple[Script, Script, Script]:
    """(caller, the one who answers, the ones who only ring and are cancelled)."""
    caller, callee = _answered()
    answer = next(index for index, step in enumerate(callee.steps) if "200 OK" in step)
    callee.steps.insert(answer, '<pause milliseconds="300"/>')
    _caller_hangs_up(caller, callee)
    return caller, callee, _cancelled_callee()


def early_media() -> Flow:
    """183 with one SDP, 200 with another (another port): the media follows the 200."""
    caller, callee = Script("caller"), Script("callee")
    caller.invite_with_digest(sdp())
    caller.provisionals(100)
    caller.expect(183, routes=True, media="early")
    caller.expect(200, routes=True, media="answer")
    caller.ack()
    caller.pause(TALK_MS)
    callee.expect("INVITE", routes=True, media="offer")
    callee.respond_tagged("183 Session Progress", sdp(port="[early_port]"))
    callee.pause(TALK_MS)
    callee.respond_tagged("200 OK", sdp(2), retransmit=True)
    callee.expect("ACK")
    return _caller_hangs_up(caller, callee)


def prack() -> Flow:
    """A reliable 180 (RFC 3262), acknowledged end to end through the route set of the early dialog."""
    caller, callee = Script("caller"), Script("callee")
    caller.invite_with_digest(sdp(), ("Supported: 100rel",))
    caller.provisionals(100)
    caller.expect(183, routes=True, media="answer", header="RSeq")
    caller.request("PRACK", headers=("RAck: 7 2 INVITE",))
    caller.expect(200)
    caller.provisionals(180)
    caller.expect(200, routes=True)
    caller.request("ACK", cseq=2)
    caller.pause(TALK_MS)
    callee.expect("INVITE", routes=True, media="offer", header="Supported")
    callee.respond_tagged("183 Session Progress", sdp(), ("Require: 100rel", "RSeq: 7"), retransmit=True)
    callee.expect("PRACK", header="RAck")
    callee.respond("200 OK")
    callee.respond_invite("200 OK", retransmit=True)
    callee.expect("ACK")
    return _caller_hangs_up(caller, callee)


def update() -> Flow:
    """UPDATE with a new offer (RFC 3311) in the confirmed dialog: hold and back."""
    caller, callee = _answered()
    caller.pause(200)
    for version, ours, theirs in ((2, "sendonly", "recvonly"), (3, "sendrecv", "sendrecv")):
        caller.request("UPDATE", sdp(version, ours))
        caller.expect(200, media=f"answer-{ours}")
        callee.expect("UPDATE", media=f"offer-{ours}")
        callee.respond("200 OK", sdp(version, theirs))
    caller.pause(TALK_MS)
    return _caller_hangs_up(caller, callee)


def delayed_offer() -> Flow:
    """INVITE without SDP, the offer in the 200, the answer in the ACK."""
    caller, callee = Script("caller"), Script("callee")
    caller.invite_with_digest()
    caller.provisionals(100, 180)
    caller.expect(200, routes=True, media="offer")
    caller.ack(sdp())
    caller.pause(TALK_MS)
    callee.expect("INVITE", routes=True)
    callee.respond_tagged("180 Ringing")
    callee.respond_tagged("200 OK", sdp(), retransmit=True)
    callee.expect("ACK", media="answer")
    return _caller_hangs_up(caller, callee)


def t38() -> Flow:
    """Audio, then a re-INVITE from the callee to T.38; UDPTL goes through as it is."""
    caller, callee = _answered()
    callee.pause(100)
    callee.reinvite(sdp(2, media="image"))
    callee.provisionals(100)
    callee.expect(200, media="t38-answer")
    callee.ack()
    caller.expect("INVITE", media="t38-offer")
    caller.respond("200 OK", sdp(2, media="image"), retransmit=True)
    caller.expect("ACK")
    caller.pause(TALK_MS)
    return _caller_hangs_up(caller, callee)


def ended_by_node() -> Flow:
    """Nobody hangs up: the node sends BYE both ways."""
    caller, callee = _answered()
    for end in (caller, callee):
        end.expect("BYE")
        end.respond("200 OK")
    return caller, callee


def carrier_in() -> Flow:
    """A call of a trunk: no digest."""
    caller, callee = _answered(digest=False)
    caller.pause(200)
    return _caller_hangs_up(caller, callee)


def carrier_out() -> Flow:
    """A call to a carrier, hung up at once; the carrier logs its begin and end, so that a test knows what it had in flight."""
    caller, callee = _answered()
    callee.steps.insert(1, '<nop><action><log message="begin [call_id]"/></action></nop>')
    _caller_hangs_up(caller, callee)
    callee.log("end [call_id]")
    callee.linger(4000)
    return caller, callee


_ALL = (bye_from_caller, bye_from_callee, hold, reinvite_from_callee, busy, cancel, fork, early_media, prack, update)
FLOWS: dict[str, Callable[[], tuple[Script, ...]]] = {
    flow.__name__: flow for flow in (*_ALL, delayed_offer, t38, ended_by_node, carrier_in, carrier_out)
}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m interop.calls", description="Prints the SIPp scenario of one end of a call."
    )
    parser.add_argument("name", choices=FLOWS)
    parser.add_argument("end", choices=("caller", "callee"))
    chosen = parser.parse_args()
    sys.stdout.write(str(FLOWS[chosen.name]()[chosen.end == "callee"]))
