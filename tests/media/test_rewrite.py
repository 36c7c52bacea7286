import pytest

from media.origin import Announced
from media.rewrite import LocalLine
from media.sdp import parse
from media.sdp_fields import Connection
from native import relay
from tests.media.world import sdp

OURS = Connection(4, "203.0.113.10")
PCMU = "a=rtpmap:0 PCMU/8000"


def rewritten(
    body: str, *locals_: LocalLine | None, ours: Connection = OURS, how: int = 0, mids: list[str] | None = None
) -> list[str]:
    return relay.sdp_write(parse(body), list(locals_), mids, ours, how, "me", Announced(1)).splitlines()


def test_address_and_port_become_ours_and_what_is_known_has_its_place() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0 8|b=AS:64|a=ptime:20|a=x-odd:1|a=sendonly", session=("b=CT:1", "a=tool:x"))
    assert rewritten(body, LocalLine(30000)) == [
        "v=0",
        "o=peer 77 1 IN IP4 192.0.2.1",
        "s=talk",
        "c=IN IP4 203.0.113.10",
        "t=0 0",
        "b=CT:1",
        "a=tool:x",
        "m=audio 30000 RTP/AVP 0 8",
        "b=AS:64",
        "a=x-odd:1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=sendonly",
        "a=ptime:20",
    ]


def test_connections_of_lines_become_ours_too() -> None:
    lines = rewritten(sdp("m=audio 5000 RTP/AVP 0|c=IN IP6 2001:db8::1"), LocalLine(30000))
    assert [line for line in lines if line[0] == "c"] == ["c=IN IP4 203.0.113.10"] * 2


def test_rtcp_attributes_come_after_the_direction() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp:5001|a=ptime:20")
    assert rewritten(body, LocalLine(30000, rtcp_port=30001))[6:] == [PCMU, "a=sendrecv", "a=rtcp:30001", "a=ptime:20"]
    assert rewritten(sdp(), LocalLine(30000, rtcp_port=30000, mux=True))[-2:] == ["a=rtcp:30000", "a=rtcp-mux"]
    assert (
        rewritten(sdp(), LocalLine(30000, rtcp_port=30001), how=relay.WRITE_FULL_RTCP)[-1] == "a=rtcp:30001 IN IP4 203.0.113.10"
    )


def test_mux_goes_when_it_is_not_agreed() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp-mux|a=rtcp-mux-only")
    assert rewritten(body, LocalLine(30000))[6:] == [PCMU, "a=sendrecv"]
    assert rewritten(body, LocalLine(30000, mux=True))[6:] == ["a=rtcp-mux-only", PCMU, "a=sendrecv", "a=rtcp-mux"]


def test_ice_and_bundle_go() -> None:
    body = sdp(
        "m=audio 5000 RTP/AVP 0|a=mid:0|a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host|a=ice-ufrag:x|a=ice-pwd:y|a=ice-mismatch",
        session=("a=group:BUNDLE 0", "a=group:LS 0", "a=ice-options:trickle", "a=ice-lite"),
    )
    lines = rewritten(body, LocalLine(30000))
    assert lines[5:] == ["a=group:LS 0", "m=audio 30000 RTP/AVP 0", "a=mid:0", PCMU, "a=sendrecv"]


def test_keys_of_srtp_stay() -> None:
    body = sdp("m=audio 5000 RTP/SAVP 0|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|a=fingerprint:sha-256 AB|a=setup:actpass")
    assert rewritten(body, LocalLine(30000))[6:] == [
        "a=fingerprint:sha-256 AB",
        "a=setup:actpass",
        PCMU,
        "a=sendrecv",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
    ]


def test_removed_lines_and_several_ports() -> None:
    lines = rewritten(sdp("m=audio 0 RTP/AVP 0", "m=video 6000/2 RTP/AVP 96"), LocalLine(0), LocalLine(30000, 2))
    assert lines[5:] == ["m=audio 0 RTP/AVP 0", "m=video 30000/2 RTP/AVP 96", "a=sendrecv"]


def test_an_untouched_line_keeps_the_address_it_inherited() -> None:
    lines = rewritten(sdp("m=message 9 TCP/MSRP *|a=path:msrp://x"), None)
    assert lines[3] == "c=IN IP4 203.0.113.10"
    assert lines[5:] == ["m=message 9 TCP/MSRP *", "c=IN IP4 192.0.2.1", "a=path:msrp://x"]


def test_hold_by_zero_address_passes_in_the_family_of_our_side() -> None:
    assert rewritten(sdp(host="0.0.0.0"), LocalLine(30000))[3] == "c=IN IP4 0.0.0.0"
    six = Connection(6, "2001:db8::10")
    assert rewritten(sdp(host="0.0.0.0"), LocalLine(30000), ours=six)[3] == "c=IN IP6 ::"


@pytest.mark.parametrize(
    ("attribute", "told"),
    [("", "a=sendonly"), ("|a=sendrecv", "a=sendonly"), ("|a=recvonly", "a=inactive"), ("|a=inactive", "a=inactive")],
)
def test_hold_is_said_by_direction_where_our_address_replaces_zero(attribute: str, told: str) -> None:
    replaced = relay.WRITE_ZERO_ADDRESS
    lines = rewritten(sdp("m=audio 5000 RTP/AVP 0" + attribute, host="0.0.0.0"), LocalLine(30000), how=replaced)
    assert lines[3] == "c=IN IP4 203.0.113.10"
    assert lines[6:] == [PCMU, told]
    assert rewritten(sdp("m=audio 5000 RTP/AVP 0"), LocalLine(30000), how=replaced)[6:] == [PCMU, "a=sendrecv"]


@pytest.mark.parametrize("attribute", ["", "|a=recvonly", "|a=inactive"])
def test_hold_is_said_by_direction_beside_zero(attribute: str) -> None:
    body = sdp("m=audio 5000 RTP/AVP 0" + attribute, host="0.0.0.0")
    assert rewritten(body, LocalLine(30000))[6:] == [PCMU, "a=inactive" if attribute else "a=sendonly"]


def test_directions_stay_where_they_are_when_asked() -> None:
    kept = relay.WRITE_DIRECTIONS
    body = sdp("m=audio 5000 RTP/AVP 0|a=inactive|a=x", "m=audio 5002 RTP/AVP 0", session=("a=recvonly",), host="0.0.0.0")
    assert rewritten(body, LocalLine(30000), LocalLine(30002), how=kept)[5:] == [
        "a=recvonly",
        "m=audio 30000 RTP/AVP 0",
        "a=inactive",
        "a=x",
        PCMU,
        "m=audio 30002 RTP/AVP 0",
        PCMU,
    ]
    kept = relay.WRITE_DIRECTIONS | relay.WRITE_ZERO_ADDRESS
    assert rewritten(body, LocalLine(30000), LocalLine(30002), how=kept)[9] == "a=inactive"


def test_a_direction_of_the_session_goes_to_its_lines() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0", "m=audio 5002 RTP/AVP 0|a=sendonly", session=("a=recvonly", "a=x"))
    assert rewritten(body, LocalLine(30000), LocalLine(30002))[5:] == [
        "a=x",
        "m=audio 30000 RTP/AVP 0",
        PCMU,
        "a=recvonly",
        "m=audio 30002 RTP/AVP 0",
        PCMU,
        "a=sendonly",
    ]
    assert rewritten(body, LocalLine(30000), None)[5] == "a=recvonly"


def test_what_is_said_of_a_format_follows_in_the_order_of_formats() -> None:
    body = sdp(
        "m=audio 5000 RTP/AVP 18 96 8 98 8|a=rtcp-fb:96 nack|a=fmtp:96 x=1|a=fmtp:96 y=2|a=rtcp-fb:* ccm|a=rtpmap:97 gone/8000"
        "|a=rtpmap:96 opus/48000/2|a=fmtp:18 annexb=no|a=fmtp:97 gone|a=fmtp:1000 odd"
    )
    assert rewritten(body, LocalLine(30000))[6:] == [
        "a=rtcp-fb:* ccm",
        "a=fmtp:1000 odd",
        "a=rtpmap:18 G729/8000",
        "a=fmtp:18 annexb=no",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 x=1",
        "a=fmtp:96 y=2",
        "a=rtcp-fb:96 nack",
        "a=rtpmap:8 PCMA/8000",
        "a=sendrecv",
    ]


def test_other_than_rtp_has_no_formats_and_a_rejected_line_only_what_is_not_known() -> None:
    fax = sdp("m=image 5000 udptl t38 0|a=rtpmap:0 X/1|a=ptime:20|a=sendonly|a=T38FaxVersion:0", session=("a=inactive",))
    assert rewritten(fax, LocalLine(30000))[6:] == ["a=rtpmap:0 X/1", "a=ptime:20", "a=T38FaxVersion:0", "a=sendonly"]
    rejected = sdp(
        "m=audio 5000 RTP/AVP 0|a=inactive|a=ptime:20|a=rtcp:5001|a=rtpmap:9 X/1|a=mid:a|a=crypto:1 x y|a=x|a=candidate:1"
    )
    assert rewritten(rejected, LocalLine(0))[6:] == ["a=x", "a=mid:a"]


def test_a_name_of_a_line_is_replaced_taken_away_or_given() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=mid:a|a=x", "m=audio 0 RTP/AVP 0|a=y", "m=audio 5004 RTP/AVP 0|a=mid:c")
    told = rewritten(body, LocalLine(1), LocalLine(0), LocalLine(2), mids=["b", "n", ""])
    assert told[5:] == [
        "m=audio 1 RTP/AVP 0",
        "a=x",
        "a=mid:b",
        PCMU,
        "a=sendrecv",
        "m=audio 0 RTP/AVP 0",
        "a=y",
        "a=mid:n",
        "m=audio 2 RTP/AVP 0",
        PCMU,
        "a=sendrecv",
    ]


def test_the_mark_against_loops() -> None:
    marked = rewritten(sdp(), LocalLine(30000), how=relay.WRITE_LOOP_MARK)
    assert marked[5] == "a=rtpengine:me"


def test_an_inherited_address_goes_where_the_grammar_wants_it() -> None:
    body = sdp("m=message 9 TCP/MSRP *|i=voice|b=AS:64|a=x", "m=message 9 TCP/MSRP *")
    assert rewritten(body, None, None)[5:] == [
        "m=message 9 TCP/MSRP *",
        "i=voice",
        "c=IN IP4 192.0.2.1",
        "b=AS:64",
        "a=x",
        "m=message 9 TCP/MSRP *",
        "c=IN IP4 192.0.2.1",
    ]


def test_keys_of_ours_come_instead_of_what_was_said_of_keys() -> None:
    body = sdp("m=audio 5000 RTP/SAVP 0|a=crypto:1 X inline:a|a=setup:actpass|a=fingerprint:sha-256 AB|a=sendrecv")
    ours = LocalLine(30000, protocol="RTP/AVP", keys="a=crypto:7 Y inline:b\r\n")
    assert rewritten(body, ours)[5:] == ["m=audio 30000 RTP/AVP 0", PCMU, "a=sendrecv", "a=crypto:7 Y inline:b"]
    assert rewritten(body, LocalLine(30000, keys=""))[5:] == ["m=audio 30000 RTP/SAVP 0", PCMU, "a=sendrecv"]


def test_what_is_said_twice_of_rtcp_is_said_once() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp:5001|a=rtcp:5001|a=rtcp-mux|a=rtcp-mux|a=rtcp-mux-only|a=rtcp-mux-only")
    told = rewritten(body, LocalLine(30000, rtcp_port=30001, mux=True))[6:]
    assert told == ["a=rtcp-mux-only", "a=rtcp-mux-only", PCMU, "a=sendrecv", "a=rtcp:30001", "a=rtcp-mux"]


def test_one_announcement_for_each_line() -> None:
    with pytest.raises(ValueError, match="2 announced, the body has 1 m= lines"):
        rewritten(sdp(), LocalLine(1), LocalLine(2))


@pytest.mark.parametrize(
    ("port", "options", "session", "line"),
    [
        (9, "a=ice-options:rtp+ecn trickle", "", "c=IN IP4 203.0.113.10"),
        (9, "a=x", "a=ice-options:trickle", "c=IN IP4 203.0.113.10"),
        (5000, "a=ice-options:trickle", "", "c=IN IP4 0.0.0.0"),
        (9, "a=ice-options:trickled", "", "c=IN IP4 0.0.0.0"),
        (9, "a=x", "", "c=IN IP4 0.0.0.0"),
    ],
)
def test_a_zero_address_is_no_hold_where_candidates_are_to_come(port: int, options: str, session: str, line: str) -> None:
    hold = line.endswith("0.0.0.0")
    own = sdp(f"m=audio {port} RTP/AVP 0|c=IN IP4 0.0.0.0|{options}", session=(session,) if session else ())
    told = rewritten(own, LocalLine(30000))
    assert (line in told[6:], "a=sendonly" in told) == (True, hold)
    inherited = sdp(f"m=audio {port} RTP/AVP 0|{options}", session=(session,) if session else (), host="0.0.0.0")
    assert (rewritten(inherited, LocalLine(30000))[3], parse(inherited).media[0].held) == (line, hold)


def test_the_address_of_the_session_holds_when_one_line_is_held_by_it() -> None:
    trickled = "m=audio 9 RTP/AVP 0|a=ice-options:trickle"
    body = sdp(trickled, "m=audio 9 RTP/AVP 0", host="0.0.0.0")
    assert rewritten(body, LocalLine(30000), LocalLine(30002))[3] == "c=IN IP4 0.0.0.0"
    assert rewritten(sdp(trickled, trickled, host="::"), LocalLine(30000), LocalLine(30002))[3] == "c=IN IP4 203.0.113.10"


def test_header_extensions_are_taken_out_when_asked() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=extmap:1 urn:x|a=x", session=("a=extmap:2 urn:y",))
    assert [line for line in rewritten(body, LocalLine(1)) if "extmap" in line] == ["a=extmap:2 urn:y", "a=extmap:1 urn:x"]
    assert not [line for line in rewritten(body, LocalLine(1), how=relay.WRITE_NO_EXTMAP) if "extmap" in line]
