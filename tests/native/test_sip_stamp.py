"""Message.stamp_source (RFC 3261 section 18.2.1, RFC 3581 section 4)."""

import pytest

from native.sip import Message, ParseError


def message(via: str) -> Message:
    return Message(f"OPTIONS sip:a SIP/2.0\r\nVia: {via}\r\nVia: SIP/2.0/UDP other;branch=z9hG4bK-0\r\n\r\n".encode())


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("SIP/2.0/UDP 192.0.2.2;branch=b", "SIP/2.0/UDP 192.0.2.2;branch=b"),
        ("SIP/2.0/UDP 192.0.2.2:5070;branch=b", "SIP/2.0/UDP 192.0.2.2:5070;branch=b"),
        ("SIP/2.0/UDP 192.0.2.2;rport;branch=b", "SIP/2.0/UDP 192.0.2.2;rport=5062;branch=b;received=192.0.2.2"),
        ("SIP/2.0/UDP 192.0.2.2;rport=9;branch=b", "SIP/2.0/UDP 192.0.2.2;rport=5062;branch=b;received=192.0.2.2"),
        ("SIP/2.0/UDP 10.0.0.1;branch=b", "SIP/2.0/UDP 10.0.0.1;branch=b;received=192.0.2.2"),
        ("SIP/2.0/UDP host.example;branch=b", "SIP/2.0/UDP host.example;branch=b;received=192.0.2.2"),
        ("SIP/2.0/UDP 192.0.2.2;received=10.9.9.9;branch=b", "SIP/2.0/UDP 192.0.2.2;branch=b;received=192.0.2.2"),
    ],
)
def test_stamp_source(via: str, stamped: str) -> None:
    request = message(via)
    request.stamp_source("192.0.2.2", 5062)
    assert request.via.text == stamped
    assert request.via_count == 2
    assert Message(request.to_bytes()).via.text == stamped


def test_ipv6_hosts_compare_without_brackets_and_case() -> None:
    request = message("SIP/2.0/UDP [2001:DB8::1]:5060;branch=b")
    request.stamp_source("2001:db8::1", 5060)
    assert request.via.received is None


def test_sent_by_follows_edits() -> None:
    request = message("SIP/2.0/UDP Host.Example:5070;branch=b")
    assert request.via.sent_by == "host.example:5070"
    request.pop_via()
    assert request.via.sent_by == "other"


def test_without_a_readable_via() -> None:
    for broken in (Message(b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n"), message("nonsense")):
        with pytest.raises(ParseError):
            broken.stamp_source("192.0.2.2", 5060)
        with pytest.raises(ParseError):
            broken.via  # noqa: B018


@pytest.mark.parametrize(
    ("arguments", "error"),
    [(("192.0.2.2",), TypeError), (("192.0.2.2", 70000), ValueError), (("192.0.2.2", "x"), TypeError), ((1, 5060), TypeError)],
)
def test_arguments_are_checked(arguments: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        message("SIP/2.0/UDP 192.0.2.2;branch=b").stamp_source(*arguments)  # type: ignore[arg-type]


def test_a_host_with_a_line_end_is_refused() -> None:
    with pytest.raises(ValueError, match="host"):
        message("SIP/2.0/UDP 192.0.2.2;branch=b").stamp_source("192.0.2.2\r\nX: y", 5060)


SOURCE = ("192.0.2.9", 5070)


def test_a_received_request_is_stamped_and_has_its_key() -> None:
    raw = message("SIP/2.0/UDP 192.0.2.2:5060;rport;branch=z9hG4bK-b").raw
    received, stamped = Message.received(raw, SOURCE), Message(raw)
    stamped.stamp_source(*SOURCE)
    assert received.to_bytes() == stamped.to_bytes()
    assert (received.via.received, received.via.rport, received.raw) == ("192.0.2.9", 5070, raw)
    assert received.server_key == stamped.server_key


def test_a_received_response_is_left_as_it_is() -> None:
    raw = b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK-b\r\nCSeq: 1 INVITE\r\n\r\n"
    received = Message.received(raw, SOURCE)
    assert (received.to_bytes(), received.client_key) == (raw, Message(raw).client_key)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense",
        b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nVia: nonsense\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK-b\r\n\r\n",
        b"SIP/2.0 200 OK\r\nCSeq: 1 INVITE\r\n\r\n",
    ],
)
def test_what_can_have_no_transaction_is_not_received(data: bytes) -> None:
    with pytest.raises(ParseError):
        Message.received(data, SOURCE)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((b"x",), TypeError),
        (("x", SOURCE), TypeError),
        ((b"x", "192.0.2.2"), TypeError),
        ((b"x", ("192.0.2.2",)), TypeError),
        ((b"x", ("192.0.2.2", 70000)), ValueError),
        ((b"x", ("192.0.2.2", "5060")), TypeError),
        ((message("SIP/2.0/UDP h;branch=b").raw, (1, 5060)), TypeError),
        ((message("SIP/2.0/UDP h;branch=b").raw, ("192.0.2.2\r\nX: y", 5060)), ValueError),
    ],
)
def test_what_received_takes_is_checked(arguments: tuple[object, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        Message.received(*arguments)  # type: ignore[arg-type]
