"""Edits: what they change, and that they change nothing else, to the byte."""

import pytest

from native.sip import Message, ParseError
from tests.native.sip_samples import INVITE, REGISTER, RESPONSE, replaced

VIA_LINE = b"Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport\r\n"
OURS = "SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours"


def test_push_via_adds_a_line_in_front() -> None:
    message = Message(INVITE)
    message.push_via(OURS)
    assert message.to_bytes() == replaced(VIA_LINE, b"Via: " + OURS.encode() + b"\r\n" + VIA_LINE)
    assert (message.via.branch, message.via_count, message.client_key) == ("z9hG4bKours", 2, "z9hG4bKours|INVITE")
    message.pop_via()
    assert message.to_bytes() == INVITE


def test_pop_via_of_a_folded_comma_list() -> None:
    message = Message(RESPONSE)
    message.pop_via()
    assert message.to_bytes() == replaced(b"SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours,\r\n ", b"", RESPONSE)
    assert message.via.host == "a.example.com"
    message.pop_via()
    assert message.via_count == 0
    assert b"v:" not in message.to_bytes()
    with pytest.raises(ParseError, match="missing Via"):
        message.pop_via()


@pytest.mark.parametrize(
    ("via", "host", "port", "stamped"),
    [
        (b"SIP/2.0/UDP a:1;branch=b;rport", "192.0.2.9", 5, b"SIP/2.0/UDP a:1;branch=b;rport=5;received=192.0.2.9"),
        (b"SIP/2.0/UDP a;rport;branch=b", "2001:db8::9", 5, b"SIP/2.0/UDP a;rport=5;branch=b;received=2001:db8::9"),
        (b"SIP/2.0/UDP a;branch=b", "192.0.2.9", 5, b"SIP/2.0/UDP a;branch=b;received=192.0.2.9"),
        (b"SIP/2.0/UDP a;received=203.0.113.1;branch=b", "192.0.2.9", 5, b"SIP/2.0/UDP a;branch=b;received=192.0.2.9"),
        (
            b"SIP/2.0/UDP a ;\r\n RPORT ; branch=b, SIP/2.0/UDP c",
            "192.0.2.9",
            5,
            b"SIP/2.0/UDP a ;rport=5 ; branch=b;received=192.0.2.9, SIP/2.0/UDP c",
        ),
        (
            b"SIP/2.0/UDP a\r\n ;branch=b,\r\n SIP/2.0/UDP c",
            "192.0.2.9",
            5,
            b"SIP/2.0/UDP a\r\n ;branch=b;received=192.0.2.9,\r\n SIP/2.0/UDP c",
        ),
    ],
)
def test_the_stamp_of_the_source(via: bytes, host: str, port: int, stamped: bytes) -> None:
    data = replaced(VIA_LINE, b"Via: " + via + b"\r\n")
    message = Message(data)
    message.stamp_source(host, port)
    assert message.to_bytes() == data.replace(via, stamped)
    assert message.via.received == host
    if message.via.has_rport:
        assert message.via.rport == port


def test_the_stamp_needs_a_via_that_can_be_read() -> None:
    for bad in (b"", b"Via: SIP/2.0\r\n"):
        message = Message(replaced(VIA_LINE, bad))
        with pytest.raises(ParseError) as caught:
            message.stamp_source("192.0.2.1", 5)
        assert caught.value.header == "Via"
        assert message.to_bytes() == message.raw


def test_routes_come_and_go_at_both_ends() -> None:
    message = Message(INVITE)
    message.pop_route()
    assert message.to_bytes() == replaced(b"<sip:p1.example.com;lr>, ", b"")
    message.append_route("<sip:last.example.com>")
    assert message.to_bytes() == replaced(
        b"<sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n", b"<sip:p2.example.com;lr>\r\nRoute: <sip:last.example.com>\r\n"
    )
    message.pop_last_route()
    message.push_route("<sip:first.example.com>")
    assert [route.uri.host for route in message.routes] == ["first.example.com", "p2.example.com"]
    message.pop_last_route()
    message.pop_last_route()
    assert message.routes == []
    assert message.to_bytes() == replaced(b"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n", b"")
    for pop in (message.pop_route, message.pop_last_route):
        with pytest.raises(ParseError, match="missing Route"):
            pop()


def test_pop_last_route_of_a_comma_list() -> None:
    message = Message(INVITE)
    message.pop_last_route()
    assert message.to_bytes() == replaced(b", <sip:p2.example.com;lr>", b"")


def test_the_first_route_and_record_route_follow_the_vias() -> None:
    message = Message(REGISTER)
    message.push_record_route("<sip:proxy.example.com;lr>")
    message.append_route("<sip:next.example.com;lr>")
    assert message.header_names()[:3] == ["Via", "Route", "Record-Route"]
    message.push_record_route("<sip:outer.example.com;lr>")
    assert [route.uri.host for route in message.record_routes] == ["outer.example.com", "proxy.example.com"]


def test_the_request_uri_alone_changes() -> None:
    message = Message(INVITE)
    assert message.request_uri.user == "bob"
    message.set_request_uri("sips:carol@chicago.example.com:5061")
    assert (message.request_uri.user, message.request_uri_text) == ("carol", "sips:carol@chicago.example.com:5061")
    assert message.to_bytes() == replaced(b"INVITE sip:bob@biloxi.example.com ", b"INVITE sips:carol@chicago.example.com:5061 ")
    for wrong in ("", "a b", "a\r\nb"):
        with pytest.raises(ValueError, match=r".+"):
            message.set_request_uri(wrong)


@pytest.mark.parametrize(
    ("data", "uri"), [(INVITE, "sip:x@y"), (INVITE, "sip:longer.than@it.was.example.com;lr"), (RESPONSE, "")]
)
def test_the_version_leaves_in_upper_case(data: bytes, uri: str) -> None:
    expected, message = (
        Message(data),
        Message(data.replace(b"SIP/2.0 200", b"sip/2.0 200").replace(b" SIP/2.0\r\n", b" sIp/2.0\r\n", 1)),
    )
    for each in (expected, message):
        each.push_via(OURS)
        if uri:
            each.set_request_uri(uri)
    assert message.to_bytes() == expected.to_bytes()


def test_a_line_in_front_has_the_form_of_the_one_below() -> None:
    message = Message(INVITE.replace(b"Via: ", b"v: ", 1))
    message.push_via(OURS)
    assert message.to_bytes().split(b"\r\n")[1] == b"v: " + OURS.encode()


def test_set_push_append_remove() -> None:
    message = Message(INVITE)
    message.set("Max-Forwards", "69")
    assert message.to_bytes() == replaced(b"Max-Forwards: 70", b"Max-Forwards: 69")
    message.set("allow", "INVITE")
    assert message.get_all("Allow") == ["INVITE"]
    assert message.header_names()[8] == "Allow"
    message.remove("ALLOW")
    message.remove("X-odd")
    message.remove("absent")
    assert not message.has("Allow")
    message.append("X-New", "1")
    message.append("x-new", "2")
    message.push("X-New", "0")
    message.push("X-First", "y")
    assert message.get_all("X-New") == ["0", "1", "2"]
    assert message.header_names()[:3] == ["Via", "X-First", "Max-Forwards"]
    assert Message(message.to_bytes()).get_all("x-new") == ["0", "1", "2"]


def test_every_cached_value_follows_its_header() -> None:
    message = Message(INVITE)
    changes = {
        "From": ("<sip:x@y>;tag=n", "from_tag", "n"),
        "To": ("<sip:x@y>;tag=m", "to_tag", "m"),
        "Call-ID": ("new", "call_id", "new"),
        "CSeq": ("9 BYE", "cseq", 9),
        "Max-Forwards": ("1", "max_forwards", 1),
        "Content-Type": ("text/plain", "content_type", "text/plain"),
        "Expires": ("5", "expires", 5),
    }
    for attribute in (
        "from_tag",
        "to_tag",
        "call_id",
        "cseq_method",
        "max_forwards",
        "content_type",
        "expires",
        "contacts",
        "routes",
    ):
        getattr(message, attribute)
    for name, (value, attribute, expected) in changes.items():
        message.set(name, value)
        assert getattr(message, attribute) == expected
    assert (message.cseq_method, message.method) == ("BYE", "INVITE")
    message.set("Contact", "<sip:z@z>")
    assert message.contacts[0].uri.user == "z"
    response = Message(RESPONSE)
    response.set("CSeq", "1 BYE")
    assert response.method == "BYE"


@pytest.mark.parametrize("value", ["a\r\nInjected: yes", "a\nb", "a\rb", "a\0b"])
def test_nothing_can_be_injected(value: str) -> None:
    message = Message(INVITE)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        message.set("Subject", value)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        message.push_via(value)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        message.reply(400, value)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        message.reply(400, headers=[("Warning", value)])
    with pytest.raises(ValueError, match="not a token"):
        message.append("X-A: b\r\nX", "c")
    with pytest.raises(ValueError, match="not a token"):
        message.set("", "c")
    assert message.to_bytes() == INVITE


def test_a_line_has_its_limit() -> None:
    message = Message(INVITE)
    with pytest.raises(ValueError, match="too long"):
        message.set("Subject", "x" * 65536)
    assert message.to_bytes() == INVITE


def test_copies_are_apart() -> None:
    message = Message(INVITE)
    message.push_via(OURS)
    one, two = message.copy(), message.copy()
    one.pop_via()
    one.set_request_uri("sip:one@example.com")
    two.push_via(OURS.replace("ours", "two"))
    two.set_body(b"two", "text/plain")
    assert (one.via_count, message.via_count, two.via_count) == (1, 2, 3)
    assert (one.request_uri.user, message.request_uri.user) == ("one", "bob")
    assert (one.body, two.body, two.get("Content-Length"), two.content_type) == (b"v=0\n", b"two", "3", "text/plain")
    del message
    assert Message(one.to_bytes()).request_uri.user == "one"
    assert two.copy().to_bytes() == two.to_bytes()


def test_the_body_brings_its_length() -> None:
    message = Message(INVITE)
    message.set_body(b"x" * 10)
    assert message.to_bytes() == replaced(b"Content-Length: 4", b"Content-Length: 10")[:-4] + b"x" * 10
    message.set_body(b"")
    assert (message.body, message.get("l")) == (b"", "0")
    with pytest.raises(ValueError, match="too large"):
        message.set_body(b"x" * 65536)
    cut = Message(INVITE + b"trailing")
    cut.set_body(b"new!")
    assert cut.to_bytes() == INVITE[:-4] + b"new!"


def test_to_bytes_is_cached_and_adds_a_length_for_streams_alone() -> None:
    message = Message(REGISTER)
    assert message.to_bytes() is REGISTER
    assert message.to_bytes(stream=True) == REGISTER[:-2] + b"Content-Length: 0\r\n\r\n"
    assert message.to_bytes(stream=True) is message.to_bytes(stream=True)
    with_length = Message(INVITE)
    assert with_length.to_bytes(stream=True) is INVITE
    with_length.set("X", "y")
    first = with_length.to_bytes()
    assert with_length.to_bytes() is first
    with_length.set("X", "z")
    assert with_length.to_bytes() != first


def test_a_message_that_ends_with_its_headers_leaves_with_an_empty_line() -> None:
    data = REGISTER[:-2]
    assert Message(data).to_bytes() == REGISTER
    assert Message(b"\r\n\r\n" + REGISTER).to_bytes() == REGISTER


@pytest.mark.parametrize("data", [INVITE, RESPONSE])
def test_lines_that_ended_with_a_bare_lf_leave_with_crlf(data: bytes) -> None:
    head, end, body = data.partition(b"\r\n\r\n")
    one_bare = (data[:at] + data[at + 1 :] for at in range(len(head + end)) if data[at : at + 2] == b"\r\n")
    for each in (*one_bare, (head + end).replace(b"\r\n", b"\n") + body, b"\n\r\n" + data):
        message = Message(each)
        assert message.to_bytes() == data
        assert message.body == body


def test_what_we_add_is_a_line_for_every_reader() -> None:
    """Also for those who know no line end but CRLF, whatever the header before it ends with."""
    message = Message(INVITE.replace(b"\r\n\r\n", b"\r\nSubject: a\n b\n\n"))
    message.append("P-Asserted-Identity", "<sip:alice@example.com>")
    assert b"\r\nSubject: a\r\n b\r\nP-Asserted-Identity: <sip:alice@example.com>\r\n\r\n" in message.to_bytes()


def test_edits_after_edits_of_the_same_line() -> None:
    message = Message(INVITE)
    for number in range(50):
        message.push_via(f"SIP/2.0/UDP h{number};branch=z9hG4bK{number};rport")
        message.stamp_source("192.0.2.1", number)
    assert message.via_count == 51
    assert message.via.rport == 49
    for _ in range(50):
        message.pop_via()
    assert message.to_bytes() == INVITE


def test_a_hop_is_counted() -> None:
    message = Message(INVITE)
    message.count_hop(70, 60)
    assert (message.max_forwards, message.get("Max-Breadth")) == (69, "60")
    message.count_hop(70, 0)
    assert (message.max_forwards, message.get_all("Max-Breadth")) == (68, ["0"])
    without = Message(replaced(b"Max-Forwards: 70\r\n", b""))
    without.count_hop(70, 4_294_967_295)
    assert (without.max_forwards, without.get("Max-Breadth")) == (70, "4294967295")


@pytest.mark.parametrize("value", [b"0", b"256", b"-1", b"many", b""])
def test_a_hop_too_many_or_one_that_can_not_be_counted(value: bytes) -> None:
    message = Message(replaced(b"Max-Forwards: 70", b"Max-Forwards: " + value))
    with pytest.raises(ParseError) as caught:
        message.count_hop(70, 60)
    assert caught.value.header == "Max-Forwards"
    assert not message.has("Max-Breadth")


@pytest.mark.parametrize("numbers", [(256, 60), (-1, 60), (70, -1), (70, 4_294_967_296)])
def test_what_counts_a_hop_is_in_range(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="out of range"):
        Message(INVITE).count_hop(*numbers)


def test_a_forwarded_request_is_a_copy_for_another_target_with_its_hop_counted() -> None:
    received = Message(INVITE)
    received.pop_route()
    message = received.forwarded("sip:new@example.com", 70, 60)
    expected = received.copy()
    expected.set_request_uri("sip:new@example.com")
    expected.count_hop(70, 60)
    assert message.to_bytes() == expected.to_bytes()
    assert message.request_uri.host == "example.com"
    assert received.request_uri_text == "sip:bob@biloxi.example.com"
    assert received.forwarded(received.request_uri_text, 70, 60).request_uri == received.request_uri


@pytest.mark.parametrize("uri", ["", "sip:a b", "sip:a\r\nX: y"])
def test_a_request_is_forwarded_to_nothing_that_could_not_be_its_uri(uri: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the two kinds of edits' errors
        Message(INVITE).forwarded(uri, 70, 60)


@pytest.mark.parametrize(
    ("route", "value"),
    [
        (b"<sip:p1.example.com;lr;c=a%41>", "a%41"),
        (b'"c=x" <sip:p;C=b;lr>;c=y, <sip:q;c=z>', "b"),
        (b"<sip:p;c;lr>", None),
        (b"<sip:p;lr>;c=y", None),
        (b"<tel:+1;c=t>", "t"),
    ],
)
def test_a_parameter_of_the_topmost_route(route: bytes, value: str | None) -> None:
    message = Message(replaced(b"<sip:p1.example.com;lr>, <sip:p2.example.com;lr>", route))
    assert message.route_param("c") == value
    assert message.routes[0].uri.params.get("c") == value
    assert message.has_route
    message.remove("Route")
    assert not message.has_route
    assert message.route_param("c") is None


def test_popping_a_via_tells_whether_another_is_left() -> None:
    message = Message(RESPONSE)
    assert message.pop_via() is True
    assert message.pop_via() is False
    with pytest.raises(ParseError):
        message.pop_via()
