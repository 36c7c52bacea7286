"""Messages made out of messages: replies, ACK and CANCEL, requests."""

import pytest

from native.sip import Mac, Message, ParseError
from tests.native.sip_samples import INVITE, RESPONSE, replaced


def test_a_reply_copies_what_section_8_2_6_says() -> None:
    data = replaced(b"From: Alice", b"Timestamp: 54\r\nv: SIP/2.0/UDP x\r\nf:  Alice")
    reply = Message(data).reply(180, to_tag="ours", headers=[("Contact", "<sip:us>"), ("Content-Length", "99")], body=b"hi")
    assert reply.to_bytes() == (
        b"SIP/2.0 180 Ringing\r\n"
        b"Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport\r\n"
        b"v: SIP/2.0/UDP x\r\n"
        b"f:  Alice <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
        b"To: Bob <sip:bob@biloxi.example.com>;tag=ours\r\n"
        b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
        b"CSeq: 2 INVITE\r\n"
        b"Contact: <sip:us>\r\n"
        b"Content-Length: 2\r\n\r\nhi"
    )
    assert b"\r\nTimestamp: 54\r\n" in Message(data).reply(100).to_bytes()
    assert Message(data).trying() == Message(data).reply(100).to_bytes()
    reply.check()


def test_the_to_tag_goes_where_none_is() -> None:
    tagged = replaced(b"To: Bob <sip:bob@biloxi.example.com>", b"To: Bob <sip:bob@biloxi.example.com> ; TAG=theirs ")
    assert Message(tagged).reply(200, to_tag="ours").to_tag == "theirs"
    folded = replaced(b"To: Bob <sip:bob@biloxi.example.com>", b"t:\r\n sip:bob@biloxi.example.com \r\n ;x=y  ")
    reply = Message(folded).reply(200, to_tag="ours")
    assert b"t:\r\n sip:bob@biloxi.example.com \r\n ;x=y;tag=ours  \r\n" in reply.to_bytes()
    assert reply.to_tag == "ours"
    assert Message(INVITE).reply(100).to_tag is None


def test_default_reasons() -> None:
    message = Message(INVITE)
    for status, reason in (
        (200, "OK"),
        (481, "Call/Transaction Does Not Exist"),
        (513, "Message Too Large"),
        (499, "Bad Request"),
        (150, "Session Progress"),
    ):
        assert message.reply(status).reason == reason
    assert message.reply(486, "Büsy").reason == "Büsy"
    assert message.reply(486, "").reason == ""


def test_replies_see_edits() -> None:
    message = Message(INVITE)
    message.stamp_source("192.0.2.7", 7000)
    assert message.reply(200).via.received == "192.0.2.7"


def test_a_reply_has_its_limits() -> None:
    for status in (99, 700, -1):
        with pytest.raises(ValueError, match="status"):
            Message(INVITE).reply(status)
    with pytest.raises(ValueError, match="reply"):
        Message(RESPONSE).reply(200)
    with pytest.raises(ValueError, match="token"):
        Message(INVITE).reply(200, to_tag="a;b")
    with pytest.raises(TypeError):
        Message(INVITE).reply(200, headers=["Contact: x"])  # type: ignore[list-item]


def test_an_answer_is_a_reply_as_bytes_with_a_tag_of_the_transaction() -> None:
    tags, headers = Mac(b"k" * 16), (("Contact", "<sip:us>"),)
    invite, cancel, other = Message(INVITE), Message(INVITE).derive("CANCEL"), Message(replaced(b"branch=", b"branch=x"))
    data = invite.answer(tags, 486, None, headers, b"body")
    tag = Message(data).to_tag
    assert data == invite.reply(486, to_tag=tag, headers=list(headers), body=b"body").to_bytes()
    assert Message(cancel.answer(tags, 200, "Fine", (), b"")).to_tag == tag
    assert Message(other.answer(tags, 486, None, (), b"")).to_tag != tag
    assert Message(invite.answer(Mac(b"l" * 16), 486, None, (), b"")).to_tag != tag


def test_an_answer_has_its_limits() -> None:
    tags, message = Mac(bytes(16)), Message(INVITE)
    for status in (99, 700, 200 + 2**16, -1):
        with pytest.raises(ValueError, match="status"):
            message.answer(tags, status, None, (), b"")
    with pytest.raises(ValueError, match="reply"):
        Message(RESPONSE).answer(tags, 200, None, (), b"")
    with pytest.raises(ParseError, match="Via"):
        Message(replaced(b"Via:", b"X-Via:")).answer(tags, 200, None, (), b"")
    for wrong in ((None, 200, None, (), b""), (tags, "200", None, (), b""), (tags, 200, None, (), ""), (tags, 200)):
        with pytest.raises(TypeError):
            message.answer(*wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_ack_and_cancel_are_of_the_request_as_sent(method: str) -> None:
    sent = Message(INVITE)
    sent.push_via("SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours")
    sent.set_request_uri("sip:bob@192.0.2.4")
    derived = sent.derive(method)  # type: ignore[arg-type]
    assert derived.to_bytes() == (
        method.encode() + b" sip:bob@192.0.2.4 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
        b"From: Alice <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
        b"To: Bob <sip:bob@biloxi.example.com>\r\n"
        b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
        b"CSeq: 2 " + method.encode() + b"\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    derived.check()
    assert derived.via.branch == sent.via.branch


def test_an_ack_takes_the_responses_to() -> None:
    ack = Message(INVITE).derive("ACK")
    ack.set("To", "<sip:bob@biloxi.example.com>;tag=theirs")
    assert ack.to_tag == "theirs"
    assert ack.server_key == Message(INVITE).server_key


def test_a_request_from_nothing() -> None:
    headers = [
        ("Via", "SIP/2.0/UDP us;branch=z9hG4bK1"),
        ("From", "<sip:us>;tag=1"),
        ("To", "<sip:them>"),
        ("Call-ID", "c"),
        ("CSeq", "1 OPTIONS"),
    ]
    message = Message.request("OPTIONS", "sip:them@example.com", [*headers, ("Max-Forwards", "70")], b"body")
    message.check()
    assert message.to_bytes().startswith(b"OPTIONS sip:them@example.com SIP/2.0\r\nVia: SIP/2.0/UDP us;branch=z9hG4bK1\r\n")
    assert message.to_bytes().endswith(b"Content-Length: 4\r\n\r\nbody")
    for wrong in (("OPT IONS", "sip:x"), ("OPTIONS", "sip:x\r\nA: b")):
        with pytest.raises(ValueError, match=r".+"):
            Message.request(*wrong, headers)
    with pytest.raises(ValueError, match=r".+"):
        Message.request("OPTIONS", "sip:x y", headers)
