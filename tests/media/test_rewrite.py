import pytest

from media.rewrite import LocalLine, Style, rewrite
from media.sdp import parse
from media.sdp_fields import Connection
from tests.media.world import sdp

OURS = Style(Connection(4, "203.0.113.10"))


def rewritten(body: str, *locals_: LocalLine | None, style: Style = OURS) -> list[str]:
    return "".join(rewrite(parse(body), list(locals_), style)).splitlines()


def test_address_and_port_become_ours_and_nothing_else_changes() -> None:
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
        "a=ptime:20",
        "a=x-odd:1",
        "a=sendonly",
    ]


def test_connections_of_lines_become_ours_too() -> None:
    lines = rewritten(sdp("m=audio 5000 RTP/AVP 0|c=IN IP6 2001:db8::1"), LocalLine(30000))
    assert [line for line in lines if line[0] == "c"] == ["c=IN IP4 203.0.113.10"] * 2


def test_rtcp_attributes_are_replaced_in_place_or_added() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp:5001|a=ptime:20")
    assert rewritten(body, LocalLine(30000, rtcp_port=30001))[5:] == ["m=audio 30000 RTP/AVP 0", "a=rtcp:30001", "a=ptime:20"]
    assert rewritten(sdp(), LocalLine(30000, rtcp_port=30000, mux=True))[-2:] == ["a=rtcp:30000", "a=rtcp-mux"]
    full = Style(OURS.connection, full_rtcp=True)
    assert rewritten(sdp(), LocalLine(30000, rtcp_port=30001), style=full)[-1] == "a=rtcp:30001 IN IP4 203.0.113.10"


def test_mux_goes_when_it_is_not_agreed() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp-mux|a=rtcp-mux-only")
    assert rewritten(body, LocalLine(30000))[5:] == ["m=audio 30000 RTP/AVP 0"]
    assert rewritten(body, LocalLine(30000, mux=True))[6:] == ["a=rtcp-mux", "a=rtcp-mux-only"]


def test_ice_and_bundle_go() -> None:
    body = sdp(
        "m=audio 5000 RTP/AVP 0|a=mid:0|a=candidate:1 1 UDP 1 192.0.2.1 5000 typ host|a=ice-ufrag:x|a=ice-pwd:y|a=ice-mismatch",
        session=("a=group:BUNDLE 0", "a=group:LS 0", "a=ice-options:trickle", "a=ice-lite"),
    )
    lines = rewritten(body, LocalLine(30000))
    assert lines[5:] == ["a=group:LS 0", "m=audio 30000 RTP/AVP 0", "a=mid:0"]


def test_keys_of_srtp_stay() -> None:
    body = sdp("m=audio 5000 RTP/SAVP 0|a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc|a=fingerprint:sha-256 AB|a=setup:actpass")
    assert rewritten(body, LocalLine(30000))[6:] == [
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc",
        "a=fingerprint:sha-256 AB",
        "a=setup:actpass",
    ]


def test_removed_lines_and_several_ports() -> None:
    lines = rewritten(sdp("m=audio 0 RTP/AVP 0", "m=video 6000/2 RTP/AVP 96"), LocalLine(0), LocalLine(30000, 2))
    assert lines[5:] == ["m=audio 0 RTP/AVP 0", "m=video 30000/2 RTP/AVP 96"]


def test_an_untouched_line_keeps_the_address_it_inherited() -> None:
    lines = rewritten(sdp("m=message 9 TCP/MSRP *|a=path:msrp://x"), None)
    assert lines[3] == "c=IN IP4 203.0.113.10"
    assert lines[5:] == ["m=message 9 TCP/MSRP *", "c=IN IP4 192.0.2.1", "a=path:msrp://x"]


def test_hold_by_zero_address_passes_in_the_family_of_our_side() -> None:
    assert rewritten(sdp(host="0.0.0.0"), LocalLine(30000))[3] == "c=IN IP4 0.0.0.0"
    six = Style(Connection(6, "2001:db8::10"))
    assert rewritten(sdp(host="0.0.0.0"), LocalLine(30000), style=six)[3] == "c=IN IP6 ::"


@pytest.mark.parametrize(
    ("attribute", "told"),
    [("", "a=sendonly"), ("|a=sendrecv", "a=sendonly"), ("|a=recvonly", "a=inactive"), ("|a=inactive", "a=inactive")],
)
def test_hold_is_said_by_direction_where_our_address_replaces_zero(attribute: str, told: str) -> None:
    replaced = Style(OURS.connection, replace_zero=True)
    lines = rewritten(sdp("m=audio 5000 RTP/AVP 0" + attribute, host="0.0.0.0"), LocalLine(30000), style=replaced)
    assert lines[3] == "c=IN IP4 203.0.113.10"
    assert lines[6:] == [told]
    assert rewritten(sdp("m=audio 5000 RTP/AVP 0"), LocalLine(30000), style=replaced)[6:] == []


def test_the_mark_against_loops() -> None:
    marked = rewritten(sdp(), LocalLine(30000), style=Style(OURS.connection, loop_mark="me"))
    assert marked[5] == "a=x-relayed-by:me"


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
    assert rewritten(body, ours)[5:] == ["m=audio 30000 RTP/AVP 0", "a=sendrecv", "a=crypto:7 Y inline:b"]
    assert rewritten(body, LocalLine(30000, keys=""))[5:] == ["m=audio 30000 RTP/SAVP 0", "a=sendrecv"]


def test_what_is_said_twice_of_rtcp_is_said_once() -> None:
    body = sdp("m=audio 5000 RTP/AVP 0|a=rtcp:5001|a=rtcp:5001|a=rtcp-mux|a=rtcp-mux|a=rtcp-mux-only|a=rtcp-mux-only")
    assert rewritten(body, LocalLine(30000, rtcp_port=30001, mux=True))[6:] == ["a=rtcp:30001", "a=rtcp-mux", "a=rtcp-mux-only"]


def test_one_announcement_for_each_line() -> None:
    with pytest.raises(ValueError, match="2 announced, the body has 1 m= lines"):
        rewritten(sdp(), LocalLine(1), LocalLine(2))
