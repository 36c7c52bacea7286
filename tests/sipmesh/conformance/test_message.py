"""The tester's own message code."""

import pytest

from sipmesh.conformance.credentials import answer, challenges, credentials
from sipmesh.conformance.message import Message, host_and_port, parameter, parse, split_commas, uri_of

RAW = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"v: SIP/2.0/UDP a;branch=z9hG4bK1, SIP/2.0/UDP b;branch=z9hG4bK2\r\n"
    b'f: "A, B" <sip:a@b;tag=no>;tag=yes\r\nSubject: one\r\n two\r\nCSeq: 7 INVITE\r\nl: 4\r\n\r\nbody'
)


def test_parse_knows_compact_names_folding_and_lists() -> None:
    message = parse(RAW)
    assert (message.method, message.uri, message.status, message.cseq) == ("INVITE", "sip:bob@example.com", 0, (7, "INVITE"))
    assert message.values("Via") == ["SIP/2.0/UDP a;branch=z9hG4bK1", "SIP/2.0/UDP b;branch=z9hG4bK2"]
    assert message.branch == "z9hG4bK1"
    assert message.tag("From") == "yes"
    assert message["Subject"] == "one two"
    assert message.body == b"body"
    assert message["Contact"] == ""


def test_what_is_no_sip_is_an_error() -> None:
    with pytest.raises(ValueError, match="no SIP message"):
        parse(b"HTTP/1.1 200 OK\r\n\r\n")


def test_to_bytes_adds_a_length_unless_one_is_given() -> None:
    assert Message("OPTIONS sip:a SIP/2.0", [("A", "b")], b"xy").to_bytes() == (
        b"OPTIONS sip:a SIP/2.0\r\nA: b\r\nContent-Length: 2\r\n\r\nxy"
    )
    assert parse(RAW).to_bytes().count(b"4\r\n\r\nbody") == 1


def test_with_header_replaces_in_place_or_appends() -> None:
    message = Message("SIP/2.0 200 OK", [("v", "1"), ("X", "2"), ("Via", "3")])
    assert message.with_header("Via", "new").headers == [("v", "new"), ("X", "2")]
    assert message.with_header("Y", "4").headers[-1] == ("Y", "4")


@pytest.mark.parametrize(
    ("value", "name", "found"),
    [
        ("<sip:a;expires=1>;expires=60", "expires", "60"),
        ('"x;tag=no" <sip:a>;TAG=t', "tag", "t"),
        ("SIP/2.0/UDP h;rport;branch=b", "rport", ""),
        ("SIP/2.0/UDP h;branch=b", "rport", ""),
        ("SIP/2.0/UDP h; received = 1.2.3.4", "received", "1.2.3.4"),
    ],
)
def test_parameter(value: str, name: str, found: str) -> None:
    assert parameter(value, name) == found


def test_commas_and_uris() -> None:
    assert split_commas('"a, b" <sip:x,y>;q=1, <sip:z>') == ['"a, b" <sip:x,y>;q=1', "<sip:z>"]
    assert uri_of('"B" <sip:b@c;lr>;tag=1') == "sip:b@c;lr"
    assert uri_of("sip:b@c;tag=1") == "sip:b@c"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("sip:127.0.0.1", ("127.0.0.1", 5060)),
        ("sip:proxy.example.com:5070", ("proxy.example.com", 5070)),
        ("sip:[::1]:5080", ("::1", 5080)),
        ("http://x", ("", 0)),
        ("sip:alice@x", ("", 0)),
    ],
)
def test_host_and_port(text: str, place: tuple[str, int]) -> None:
    assert host_and_port(text) == place


def test_digest_of_rfc_2617_style_and_of_qop() -> None:
    plain = {"algorithm": "MD5", "realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    # RFC 2617 section 3.5's user and nonce with the formula that has no qop
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in credentials(
        plain, "GET", "/dir/index.html", "Mufasa", "Circle Of Life"
    )
    assert "qop=auth, nc=00000002" in credentials({**plain, "qop": "auth"}, "GET", "/", "u", "p", 2)


def test_an_algorithm_nobody_knows_is_passed_over() -> None:
    request = Message("REGISTER sip:a SIP/2.0")
    refusal = Message(
        "SIP/2.0 401 No",
        [
            ("WWW-Authenticate", 'Digest realm="r", nonce="n", algorithm=NEW'),
            ("WWW-Authenticate", 'Digest realm="r", nonce="n"'),
        ],
    )
    assert [each["algorithm"] for each in challenges(refusal)] == ["NEW", "MD5"]
    header = answer(refusal, request, "u", "p")
    assert header is not None
    assert header[0] == "Authorization"
    assert "algorithm=MD5" in header[1]
    assert answer(Message("SIP/2.0 404 No"), request, "u", "p") is None
