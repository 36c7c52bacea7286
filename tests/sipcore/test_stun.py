"""sipcore.transport.stun: Binding requests are answered, everything else is not; vectors of RFC 5769."""

from __future__ import annotations

import os

import pytest

from sipcore.transport.stun import stun_answer

BINDING = bytes.fromhex("000100002112a442") + bytes(range(12))
RFC5769_ID = bytes.fromhex("b7e7a701bc34d686fa87dfae")  # of the sample in RFC 5769 section 2.2


def request(*attributes: bytes) -> bytes:
    body = b"".join(attributes)
    return b"\0\x01" + len(body).to_bytes(2, "big") + BINDING[4:] + body


def test_the_address_of_the_sender_is_told() -> None:
    """Address as in RFC 5769 sections 2.2 and 2.3."""
    wanted = bytes.fromhex("0101000c2112a442") + RFC5769_ID + bytes.fromhex("002000080001a147e112a643")
    assert stun_answer(BINDING[:8] + RFC5769_ID, ("192.0.2.1", 32853)) == wanted
    wanted = bytes.fromhex("010100182112a442") + RFC5769_ID
    wanted += bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")
    assert stun_answer(BINDING[:8] + RFC5769_ID, ("2001:db8:1234:5678:11:2233:4455:6677", 32853)) == wanted


def test_optional_attributes_and_credentials_do_not_matter() -> None:
    software, username = bytes.fromhex("8022000474657374"), bytes.fromhex("0006000361623a00")
    answer = stun_answer(request(software, username), ("192.0.2.1", 5060))
    assert answer is not None
    assert answer[:2] == b"\x01\x01"


def test_what_must_be_understood_and_is_not_is_named() -> None:
    answer = stun_answer(request(bytes.fromhex("0003000400000006"), bytes.fromhex("7fff0000")), ("192.0.2.1", 5060))
    assert answer is not None
    assert answer[:2] == b"\x01\x11"
    assert int.from_bytes(answer[2:4], "big") == len(answer) - 20
    assert answer[20:28] == bytes.fromhex("0009001500000414")
    assert answer[-8:] == bytes.fromhex("000a000400037fff")


@pytest.mark.parametrize(
    "data",
    [
        BINDING[:19],
        BINDING + b"\0",
        BINDING + b"\0\0\0\0",  # its length says otherwise
        BINDING[:4] + b"\0\0\0\0" + BINDING[8:],  # RFC 3489
        b"\x01\x01" + BINDING[2:],  # a response
        b"\0\x11" + BINDING[2:],  # an indication
        request(b"\x80\x22\0\x08test"),  # an attribute that ends beyond the message
    ],
)
def test_all_else_is_not_answered(data: bytes) -> None:
    assert stun_answer(data, ("192.0.2.1", 5060)) is None


def test_noise_is_survived() -> None:
    for size in range(0, 120, 4):
        answer = stun_answer(request(os.urandom(size)), ("192.0.2.1", 5060))
        assert answer is None or answer[:2] in (b"\x01\x01", b"\x01\x11")
