"""The slot of a message that is not parsed yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.sip import Message, ParseError, call_slot, crc_slot

VIA = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK-1\r\n"


def bytes_of(first: str, *headers: str) -> bytes:
    return (first + "\r\n" + "".join(f"{header}\r\n" for header in headers) + "\r\n").encode()


@pytest.mark.parametrize(
    "header",
    ["Call-ID: a84b4c76e66710@pc33", "call-id:a84b4c76e66710@pc33", "i: a84b4c76e66710@pc33  ", "I :\r\n a84b4c76e66710@pc33"],
)
@pytest.mark.parametrize("first", ["INVITE sip:bob@example.com SIP/2.0", "SIP/2.0 180 Ringing", "\r\n\r\nBYE sip:b@c SIP/2.0"])
def test_all_messages_of_a_call_have_one_slot(first: str, header: str) -> None:
    assert call_slot(bytes_of(first, "From: <sip:a@b>;tag=1", header, "CSeq: 1 INVITE")) == crc_slot("a84b4c76e66710@pc33")


@pytest.mark.parametrize(
    "to",
    [
        "To: <sip:Alice@Example.com>",
        'to: "Alice: A." <sip:alice@example.com;x=1>;tag=7',
        "t: sip:alice@example.com;tag=3",
        "To: <sips:ALICE@example.com?x=y>",
        "To: <sip:alice@example.com:5060>",
        "To: <sip:alice@192.0.2.7>",
        "To: <sip:%61lice@example.com.>",
        "To: <sip:alice:secret@example.com>",
        "To: <sip:alice;phone=1@example.com>",
        "To: <sip:alice%3Bphone=1@example.com>",
    ],
)
def test_registrations_of_an_address_have_one_slot_however_it_is_written(to: str) -> None:
    """And whatever their Call-ID."""
    registration = bytes_of("REGISTER sip:example.com SIP/2.0", "Call-ID: 1", to)
    assert call_slot(registration) == crc_slot("alice")
    answer = bytes_of("SIP/2.0 200 OK", to, "Call-ID: 1", "CSeq: 1 REGISTER")
    assert call_slot(answer) == crc_slot("1")


@pytest.mark.parametrize(("user", "read"), [("50%", "50%"), ("50%4", "50%4"), ("%zz", "%zz"), ("%41%", "a%"), ("%", "%")])
def test_what_is_no_escape_stays(user: str, read: str) -> None:
    assert call_slot(bytes_of("REGISTER sip:h SIP/2.0", f"To: <sip:{user}@h>")) == crc_slot(read)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0\0\0\0",
        b"INVITE sip:a@b SIP/2.0",
        bytes_of("INVITE sip:a@b SIP/2.0", VIA) + b"Call-ID: in the body\r\n",
        bytes_of("INVITE sip:a@b SIP/2.0", "X-Call-ID: 1", "Call-IDs: 2", "Call-ID 3"),
    ],
)
def test_without_the_header_there_is_none(data: bytes) -> None:
    assert call_slot(data) == -1


def test_only_bytes_have_one() -> None:
    with pytest.raises(TypeError, match="bytes expected"):
        call_slot("INVITE")  # type: ignore[arg-type]


@given(st.binary(max_size=300))
def test_any_bytes_are_taken(data: bytes) -> None:
    assert -1 <= call_slot(data) < 2**32


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40), st.booleans())
def test_agrees_with_the_parser(call_id: str, compact: bool) -> None:
    data = bytes_of("INVITE sip:b@c SIP/2.0", VIA.strip(), f"{'i' if compact else 'Call-ID'}: {call_id}", "CSeq: 1 INVITE")
    try:
        parsed = Message(data).call_id
    except ParseError:
        return
    assert call_slot(data) == crc_slot(parsed)
