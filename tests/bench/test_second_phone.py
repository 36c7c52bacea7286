"""bench.sip.second_phone: it rings, and ends when it is cancelled."""

from __future__ import annotations

from bench.sip.second_phone import answers
from native.sip import Message

INVITE = Message.request(
    "INVITE",
    "sip:user1@127.0.0.1:5070",
    [
        ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa"),
        ("Via", "SIP/2.0/UDP 127.0.0.1:5080;rport=5080;branch=z9hG4bKb"),
        ("Record-Route", "<sip:127.0.0.1;lr>"),
        ("Max-Forwards", "69"),
        ("From", "<sip:user0@open.test>;tag=1"),
        ("To", "<sip:user1@open.test>"),
        ("Call-ID", "1"),
        ("CSeq", "1 INVITE"),
        ("Content-Type", "application/sdp"),
    ],
    b"v=0\r\n",
)


def test_the_487_is_to_the_invite_that_the_cancel_names() -> None:
    ringing: dict[bytes, bytes] = {}
    (trying,) = (Message(data) for data in answers(INVITE.to_bytes(), ringing))
    agreed, ended = (Message(data) for data in answers(INVITE.derive("CANCEL").to_bytes(), ringing))
    assert [(each.status, each.cseq_method, each.via_count) for each in (trying, agreed, ended)] == [
        (180, "INVITE", 2),
        (200, "CANCEL", 1),
        (487, "INVITE", 2),
    ]
    assert {each.to_tag for each in (trying, agreed, ended)} == {"second"}
    assert trying.get("Record-Route") == "<sip:127.0.0.1;lr>"
    assert ringing == {}


def test_it_says_nothing_to_anything_else() -> None:
    ringing: dict[bytes, bytes] = {}
    assert answers(INVITE.derive("CANCEL").to_bytes(), ringing) == []
    assert answers(INVITE.derive("ACK").to_bytes(), ringing) == []
