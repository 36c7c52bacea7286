"""Exchanges of the kinds that rtpengine's own tests have, as far as nothing is converted: bodies and other replies.
docs/ng.md says what differs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from interop import ng
from tests.interop.beside import (
    ALICE,
    BOB,
    EVENTS,
    NO_ADDRESS,
    OF_BOB,
    PLAIN,
    Relays,
    Step,
    answer,
    audio,
    body,
    connection,
    of_bob,
    offer,
)

TRICKLE = ("a=ice-ufrag:Ci7n", "a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c", "a=ice-options:trickle")
CODECS = body(audio("0 8 9 101", *EVENTS))
MUXED, MUXED_OF_BOB = body(audio("0", "a=rtcp-mux")), of_bob(audio("0", "a=rtcp-mux"))
MSRP = "m=message 28000 TCP/MSRP *"
SIX = "2001:db8:99::1"

CASES: dict[str, list[Step]] = {
    "a call of two families": [
        offer(PLAIN, address_family="IP6"),
        answer(body(audio("0", host=SIX)), address_family="IP4"),
    ],
    "a call of IPv6": [offer(body(audio("0", host=SIX))), answer(body(audio("0", host=SIX, port=2002)))],
    "interfaces by name": [offer(PLAIN, direction=["inside", "outside"]), answer(OF_BOB)],
    "an interface nobody has": [offer(PLAIN, direction=["nowhere", "outside"]), answer(OF_BOB)],
    "branches": [
        offer(MUXED, via_branch="1", rtcp_mux=["demux"]),
        offer(MUXED, via_branch="2", rtcp_mux=["offer"], to_tag=""),
        answer(OF_BOB, via_branch="2"),
    ],
    "another caller in the same call": [
        offer(PLAIN, via_branch="1"),
        offer(PLAIN, via_branch="2", from_tag="c", to_tag=""),
        answer(OF_BOB, via_branch="2", from_tag="c"),
        offer(OF_BOB, via_branch="3", from_tag="b", to_tag="d"),
        offer(OF_BOB, via_branch="4", from_tag="b", to_tag="c"),
    ],
    "both go on": [
        offer(PLAIN),
        answer(OF_BOB),
        offer(OF_BOB, back=True),
        answer(PLAIN, back=True),
        offer(PLAIN),
        answer(OF_BOB),
    ],
    "both go on, without To tags": [
        offer(PLAIN),
        answer(OF_BOB),
        offer(OF_BOB, back=True, to_tag=None),
        answer(PLAIN, back=True),
        offer(PLAIN, to_tag=None),
        answer(OF_BOB),
    ],
    **{
        f"an answer of another profile, {offered} and {answered}, {accepted}": [
            offer(body(audio("0", profile=offered))),
            answer(of_bob(audio("0", profile=answered)), **accepted),
        ]
        for offered, answered in (("RTP/AVP", "RTP/AVPF"), ("RTP/AVPF", "RTP/AVP"))
        for accepted in ({}, {"transport_protocol": "accept"})
    },
    "many formats": [
        offer(
            body(
                (
                    "m=audio 34796 RTP/AVP 109 104 110 8 9 18 101",
                    "b=AS:80",
                    "b=RS:625",
                    "a=rtpmap:109 EVS/16000",
                    "a=fmtp:109 br=5.9-24.4; bw=nb-swb",
                    "a=rtpmap:104 AMR-WB/16000",
                    "a=fmtp:104 mode-set=0,1,2;max-red=0",
                    "a=rtpmap:110 AMR-WB/16000",
                    "a=fmtp:110 octet-align=1",
                    "a=fmtp:18 annexb=no",
                    *EVENTS,
                    "a=silenceSupp:off - - - -",
                    "a=maxptime:240",
                ),
                session=(connection(ALICE), "b=CT:1000", "a=X-nat:0"),
            )
        ),
        answer(of_bob(audio("9 8 18 101", "a=fmtp:18 annexb=no", *EVENTS, "a=ssrc:243811319 cname:04389d431bdd5c52"))),
    ],
    "a rejected line": [
        offer(body(audio("0", "a=mid:0"), audio("8 101", *EVENTS, "a=sendrecv", "a=ptime:20", "a=x", "a=mid:1", port=0))),
    ],
    "a rejected video": [
        offer(body(audio("0"), ("m=video 0 RTP/AVP 97", connection(ALICE), "a=rtpmap:97 H264/90000", "a=sendonly")))
    ],
    "fax after a rejected line": [
        offer(body(audio("8", port=0), ("m=image 2000 udptl t38", connection(ALICE), "a=T38FaxRateManagement:transferredTCF"))),
    ],
    "MSRP": [offer(body(audio("0"), (MSRP, connection(ALICE), "a=setup:active")))],
    "MSRP by the session's address": [
        offer(body(("m=audio 2000 RTP/AVP 0",), (MSRP, "a=setup:active"), session=(connection(ALICE),))),
    ],
    "no header extensions": [offer(body(audio("0", "a=extmap:1 urn:x")), "strip extmap"), answer(OF_BOB)],
    "header extensions": [offer(body(audio("0", "a=extmap:1 urn:x"))), answer(OF_BOB)],
    "candidates to come": [offer(body(("m=audio 9 RTP/AVP 8", *TRICKLE), session=(connection(NO_ADDRESS[4]),)))],
    "candidates of IPv6 to come": [offer(body(audio("8", *TRICKLE, host=NO_ADDRESS[6], port=9)))],
    "candidates to come by a=rtcp": [offer(body(audio("8", *TRICKLE, "a=rtcp:9 IN IP4 0.0.0.0", port=6666)))],
    "everything replaced": [
        offer(
            body(audio("0"), version=version),
            to_tag="b",
            replace=["SDP-version", "origin", "session-connection", "username", "session-name"],
        )
        for version in (1, 1, 2)
    ],
    "the transport as it comes": [offer(PLAIN, transport_protocol="transparent"), answer(OF_BOB, transport_protocol="RTP/AVP")],
    "the transport of the answer": [
        offer(PLAIN, transport_protocol="RTP/AVPF"),
        answer(of_bob(audio("0", profile="RTP/AVPF")), transport_protocol="accept"),
    ],
    "a source that SIP tells": [
        offer(PLAIN, "SIP source address", **{"received from": ["IP4", "198.51.100.9"]}),
        answer(OF_BOB, "trust address", **{"received from": ["IP4", "198.51.100.9"]}),
    ],
    "no answer without offer": [answer(OF_BOB)],
    # what a held party says, in each family, towards each family, by line and by session
    **{
        f"no address of IPv{of} towards {to or 'the same'}, {', '.join(replace) or 'kept'}, port {port}, of {level}": [
            offer(
                body(audio("8", host=NO_ADDRESS[of], port=port))
                if level == "line"
                else body((f"m=audio {port} RTP/AVP 8",), session=(connection(NO_ADDRESS[of]),)),
                replace=replace,
                **({"address family": to} if to else {}),
            )
        ]
        for of, to, replace, port, level in product(
            (4, 6), ("", "IP4", "IP6"), ([], ["zero address"]), (9, 16478), ("line", "session")
        )
    },
    **{
        f"rtcp-mux {'+'.join(words)} in the {command}, {asked=}, {taken=}": [
            offer(MUXED if asked else PLAIN, **({"rtcp-mux": words} if command == "offer" else {})),
            answer(MUXED_OF_BOB if taken else OF_BOB, **({"rtcp-mux": words} if command == "answer" else {})),
        ]
        for words, command, asked, taken in product(
            (["offer"], ["require"], ["demux"], ["accept"], ["reject"], ["offer", "require"], ["accept", "offer"]),
            ("offer", "answer"),
            (False, True),
            (False, True),
        )
    },
    **{
        f"codec {codec}": [offer(CODECS, codec=codec)]
        for codec in (
            {"strip": ["all"], "offer": ["PCMA", "G722"]},
            {"strip": ["all"], "offer": ["telephone-event", "PCMA", "PCMU"]},
            {"strip": ["all"], "except": ["G722"], "offer": ["PCMU"]},
            {"strip": ["PCMU"], "offer": ["G722", "PCMU"]},
            {"strip": ["PCMA/8000"]},
            {"strip": ["PCMA/16000"]},
            {"strip": ["all"], "offer": ["opus"]},
            {"mask": ["all"], "offer": ["PCMA", "G722"]},
            {"mask": ["PCMA"], "strip": ["PCMU"]},
            {"mask": ["telephone-event"]},
            {"consume": ["PCMA"]},
            {"accept": ["PCMA"]},
        )
    },
    **{
        f"flag {flag}": [offer(PLAIN, flag), answer(OF_BOB, flag)]
        for flag in (
            "strict source",
            "media handover",
            "port latching",
            "no port latching",
            "asymmetric",
            "symmetric",
            "unidirectional",
            "pierce NAT",
            "NAT wait",
            "reset",
            "generate RTCP",
            "allow transcoding",
            "inject DTMF",
            "early media",
            "pad crypto",
            "label=x",
            "T.38-decode",
        )
    },
}


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_those_of_rtpengine(name: str, relays: Relays) -> None:
    assert relays.changed(CASES[name]) == []


@pytest.mark.parametrize(
    "request_",
    [
        {"command": "ping"},
        {"command": "answer", "call_id": "nobody's", "from_tag": "a", "to_tag": "b", "sdp": PLAIN},
        {"command": "offer", "call_id": "c", "sdp": PLAIN},
        {"command": "query", "call_id": "nobody's"},
        {"command": "delete", "call_id": "nobody's", "from_tag": "a"},
        {"command": "delete", "call_id": "nobody's", "from_tag": "a", "flags": ["fatal"]},
        {"command": "nonsense"},
    ],
)
def test_replies_are_those_of_rtpengine(request_: dict[str, Any], relays: Relays) -> None:
    assert ng.ask(relays.ours, **request_) == ng.ask(relays.theirs, **request_)


@pytest.mark.parametrize("command", ["offer", "query", "delete", "statistics"])
def test_replies_have_what_those_of_rtpengine_have(command: str, relays: Relays) -> None:
    """Ours may have more."""
    told = []
    for relay in (relays.theirs, relays.ours):
        for tags, sdp, asked in (({"from_tag": "a"}, PLAIN, "offer"), ({"from_tag": "a", "to_tag": "b"}, OF_BOB, "answer")):
            first = ng.ask(relay, asked, call_id="c", sdp=sdp, label=asked, **tags)
        told.append(first if command == "offer" else ng.ask(relay, command, call_id="c", from_tag="a"))
        ng.ask(relay, "delete", call_id="c", from_tag="a")
    assert not {path for path in paths(told[0]) - paths(told[1]) if not path.startswith(NOT_OURS)}


# Of the counts those of commands that we haven't, and figures of features that we haven't
NOT_OURS = (
    "statistics/intervalstatistics/",
    "statistics/interfaces",
    "statistics/transcoders[]",
    "tags/a/medias[]/streams[]/last packet",  # before there is one
    "tags/b/medias[]/streams[]/last packet",
)


def paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict):
        return set().union(*(paths(item, f"{path}/{key}" if path else key) for key, item in value.items()), {path})
    if isinstance(value, list):
        return set().union(*(paths(item, f"{path}[]") for item in value), {path})
    return {path}


def test_the_peer_is_named_where_it_was(relays: Relays) -> None:
    for relay in (relays.theirs, relays.ours):
        ng.ask(relay, "offer", call_id="named", sdp=PLAIN, from_tag="a")
        ng.ask(relay, "answer", call_id="named", sdp=OF_BOB, from_tag="a", to_tag="b")
        tags = ng.ask(relay, "query", call_id="named")["tags"]
        assert [tags[tag]["medias"][0]["streams"][0]["endpoint"]["address"] for tag in ("a", "b")] == [ALICE, BOB]
        ng.ask(relay, "delete", call_id="named")
