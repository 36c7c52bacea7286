"""The bodies that our media daemon hands back, line by line beside those of rtpengine; docs/ng.md says what differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.interop.beside import ALICE, EVENTS, KEY, OF_BOB, PLAIN, Relays, Step, answer, audio, body, of_bob, offer

SHORT_KEY = KEY.replace("crypto:1", "crypto:2").replace("SHA1_80", "SHA1_32")
HELD = body(audio("0", "a=sendonly"), version=2)
CREDENTIALS = ("a=ice-ufrag:Ci7n", "a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c")
AGENT = (
    *CREDENTIALS,
    f"a=candidate:1 1 UDP 2130706431 {ALICE} 2000 typ host",
    f"a=candidate:1 2 UDP 2130706430 {ALICE} 2001 typ host",
)
ICE = body(audio("0", *AGENT))
ICE_OF_BOB = of_bob(audio("0", *AGENT))
MUX = (*AGENT, "a=rtcp-mux")


def lite(step: Step, ice: str | None = None) -> Step:
    """As an agent of the kind we are, by interfaces of one family: rtpengine has a candidate of each."""
    sides = {"direction": ["inside", "outside"]} if step.command == "offer" else {}
    return replace(step, keys={**step.keys, "ICE": ice, "ICE_lite": "both", **sides})


CASES: dict[str, list[Step]] = {
    "plain": [offer(PLAIN), answer(OF_BOB)],
    "session level": [
        offer(body(("m=audio 2000 RTP/AVP 0",), session=(f"c=IN IP4 {ALICE}", "a=recvonly", "a=tool:x"))),
        answer(OF_BOB),
    ],
    "what is known has its place": [
        offer(
            body(
                audio(
                    "0 8 18 96 101",
                    "a=ptime:20",
                    "a=x:1",
                    "a=sendrecv",
                    "a=rtcp-fb:* nack",
                    "a=fmtp:96 x=1",
                    *EVENTS,
                    "a=rtcp-fb:96 ccm fir",
                    "a=rtpmap:96 opus/48000/2",
                    "a=fmtp:18 annexb=no",
                    "a=mid:a",
                    "a=rtpmap:97 gone/8000",
                    "a=maxptime:40",
                    "a=y",
                )
            )
        ),
    ],
    "two lines, one refused": [offer(body(audio("0"), audio("8", port=2010))), answer(of_bob(audio("0"), audio("8", port=0)))],
    "fewer codecs": [offer(body(audio("0 8 101", *EVENTS))), answer(of_bob(audio("8 101", *EVENTS)))],
    "origin": [
        offer(PLAIN, replace=["origin", "session-connection"]),
        answer(OF_BOB, replace=["origin", "session-connection"]),
    ],
    "media address": [offer(PLAIN, media_address="192.0.2.9"), answer(OF_BOB)],
    "no a=rtcp": [offer(PLAIN, "no-rtcp-attribute"), answer(OF_BOB, "no-rtcp-attribute")],
    "full a=rtcp": [offer(PLAIN, "full-rtcp-attribute"), answer(OF_BOB)],
    "mux passes": [offer(body(audio("0", "a=rtcp-mux"))), answer(of_bob(audio("0", "a=rtcp-mux")))],
    "mux is taken off": [offer(body(audio("0", "a=rtcp-mux")), rtcp_mux=["demux"]), answer(OF_BOB)],
    "mux is put on": [offer(PLAIN, rtcp_mux=["require"]), answer(of_bob(audio("0", "a=rtcp-mux")))],
    "hold and resume": [
        offer(PLAIN),
        answer(OF_BOB),
        offer(HELD),
        answer(of_bob(audio("0", "a=recvonly"))),
        offer(body(audio("0", "a=sendrecv"), version=3)),
        answer(OF_BOB),
    ],
    "the callee offers": [offer(PLAIN), answer(OF_BOB), offer(OF_BOB, back=True), answer(PLAIN, back=True)],
    "ICE on both sides": [lite(offer(ICE)), lite(answer(ICE_OF_BOB))],
    "ICE on one side": [lite(offer(ICE), "remove"), lite(answer(OF_BOB))],
    "ICE is put on": [lite(offer(PLAIN), "force"), lite(answer(ICE_OF_BOB))],
    "ICE if there is some": [lite(offer(ICE), "default"), lite(answer(OF_BOB), "default")],
    "ICE is not taken": [lite(offer(ICE, "reject-ICE")), lite(answer(OF_BOB))],
    "ICE with mux": [lite(offer(body(audio("0", *MUX)))), lite(answer(of_bob(audio("0", *MUX))))],
    "ICE, offered again": [lite(offer(ICE)), lite(answer(ICE_OF_BOB)), lite(offer(ICE)), lite(answer(ICE_OF_BOB))],
    "ICE, all candidates at once": [lite(offer(ICE, "trickle-ICE")), lite(answer(OF_BOB))],
    "ICE, two lines": [
        lite(offer(body(audio("0", *AGENT), audio("8", *AGENT, port=2000)))),
        lite(answer(of_bob(audio("0"), audio("8", port=0)))),
    ],
    "zero address": [offer(body(audio("0", host="0.0.0.0"))), answer(OF_BOB)],
    "directions kept": [offer(PLAIN, "original-sendrecv"), answer(OF_BOB, "original-sendrecv")],
    "fax": [offer(body(("m=image 2000 udptl t38", f"c=IN IP4 {ALICE}", "a=T38FaxVersion:0")))],
    "strip": [offer(body(audio("0 8 101", *EVENTS)), codec={"strip": ["PCMU"]}), answer(of_bob(audio("8")))],
    "names": [offer(body(audio("0", "a=mid:x"), audio("0", port=2010))), answer(of_bob(audio("0"), audio("0", port=2010)))],
    "names made": [
        offer(body(audio("0"), audio("0", port=2010)), "generate-mid"),
        answer(of_bob(audio("0"), audio("0", port=2010))),
    ],
    "a loop's mark": [offer(PLAIN, "loop-protect")],
    "SRTP for the offerer": [
        offer(body(audio("0", KEY, "a=ptime:20", profile="RTP/SAVP")), transport_protocol="RTP/AVP"),
        answer(of_bob(audio("0", "a=ptime:20"))),
    ],
    "SRTP refused": [offer(PLAIN, transport_protocol="RTP/SAVP", SDES=["only-AES_CM_128_HMAC_SHA1_80"]), answer(OF_BOB)],
    "SRTP of both": [
        offer(body(audio("0", KEY, profile="RTP/SAVP"))),
        answer(of_bob(audio("0", KEY, profile="RTP/SAVP"))),
    ],
    "a suite is barred": [
        offer(body(audio("0", KEY, SHORT_KEY, profile="RTP/SAVP")), SDES=["no-AES_CM_128_HMAC_SHA1_80"]),
        answer(of_bob(audio("0", SHORT_KEY, profile="RTP/SAVP"))),
    ],
    "keys are barred": [offer(body(audio("0", KEY, profile="RTP/SAVP")), SDES=["off"])],
    "OSRTP accepted towards a plain party": [
        offer(body(audio("0", KEY)), transport_protocol="RTP/AVP", OSRTP=["accept"]),
        answer(OF_BOB),
    ],
    "ptime of the offer": [offer(body(audio("0", "a=ptime:20"))), answer(OF_BOB)],
    "the first codec": [
        offer(body(audio("0 8 13 101", *EVENTS), audio("9 8", port=2010))),
        answer(of_bob(audio("0 8 13 101", *EVENTS), audio("9 8", port=2010)), "single-codec"),
    ],
    "strip of an answer": [offer(body(audio("0 8"))), answer(of_bob(audio("0 8")), codec={"strip": ["PCMU"]})],
    "nothing would be left": [offer(body(audio("0 8"), audio("0", port=2010)), codec={"strip": ["PCMU"]})],
    "a party keeps its profile": [
        offer(body(audio("0", profile="RTP/AVPF")), transport_protocol="RTP/AVP"),
        answer(OF_BOB),
        offer(OF_BOB, back=True),
        answer(body(audio("0", profile="RTP/AVPF")), back=True),
        offer(body(audio("0"))),
        answer(OF_BOB),
    ],
    "a party that multiplexes is offered it again": [
        offer(body(audio("0", "a=rtcp-mux")), rtcp_mux=["demux"]),
        answer(OF_BOB),
        offer(OF_BOB, back=True),
        answer(body(audio("0", "a=rtcp-mux")), back=True),
    ],
    "an odd rtpmap": [offer(body(audio("0 98", "a=rtpmap:0 PCMU/8000/1")))],
}
# Lines that only rtpengine (-) or only our daemon (+) writes, and why that stays so
ALLOWED = {
    "SRTP refused": {"-a=crypto"},  # this version of rtpengine doesn't know only-; more suites
    "SRTP of both": {"-a=crypto"},  # the parties' own keys pass, so nothing is added to them
    "a suite is barred": {"-a=crypto"},  # likewise
    "ptime of the offer": {"-a=ptime"},  # the answerer has not said so
    "a party that multiplexes is offered it again": {"-a=rtcp", "+a=rtcp"},  # it may give it up: a port is there (RFC 5761)
    "an odd rtpmap": {"-a=rtpmap", "+a=rtpmap"},  # as received; none for a format that nothing is known of
}


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_those_of_rtpengine(name: str, relays: Relays) -> None:
    changed = relays.changed(CASES[name])
    assert {line.partition(":")[0] for line in changed} == ALLOWED.get(name, set()), "\n".join(changed)
