"""What control holds back of an accepted stream: all of it, its sound, or some payload types."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp

PhoneMaker = Callable[..., Phone]
DTMF = 101


@pytest.fixture
def call(relay: native.Relay, phone: PhoneMaker) -> tuple[Stream, Phone, Phone]:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    return stream, alice, bob


@pytest.mark.parametrize(("payload_type", "silent"), [(0, b"\xff"), (8, b"\xd5")])
def test_g711_arrives_as_silence(
    relay: native.Relay, call: tuple[Stream, Phone, Phone], payload_type: int, silent: bytes
) -> None:
    stream, alice, bob = call
    relay.set_silenced(stream.id, 0, True)
    alice.send(rtp(1, payload_type=payload_type), stream.port(0))
    assert bob.receive() == rtp(1, payload_type=payload_type, payload=silent * 160)
    bob.send(rtp(1, payload_type=payload_type), stream.port(1))
    assert alice.receive() == rtp(1, payload_type=payload_type), "the other side is not silenced"
    relay.set_silenced(stream.id, 0, False)
    alice.send(rtp(2), stream.port(0))
    assert bob.receive() == rtp(2)


def test_sound_we_can_not_write_is_dropped_and_reports_go_on(relay: native.Relay, call: tuple[Stream, Phone, Phone]) -> None:
    stream, alice, bob = call
    relay.set_mux(stream.id, 0, True)
    relay.set_mux(stream.id, 1, True)
    relay.set_silenced(stream.id, 0, True)
    for sound in (rtp(1, payload_type=96), rtp(2, payload_type=18), b"\x90" + rtp(3)[1:12] + b"\0\0\0\0" + b"x" * 160):
        alice.send(sound, stream.port(0))
    alice.send(rtcp(), stream.port(0))
    assert bob.receive() == rtcp()
    assert (stream.stats(0).packets, stream.stats(0).forwarded) == (3, 0)


def test_silence_begins_after_the_csrc_list_and_takes_the_padding(
    relay: native.Relay, call: tuple[Stream, Phone, Phone]
) -> None:
    stream, alice, bob = call
    relay.set_silenced(stream.id, 0, True)
    header = rtp(1)[1:12] + b"\1\2\3\4"
    alice.send(b"\xa1" + header + b"x" * 156 + b"\0\0\0\4", stream.port(0))
    assert bob.receive() == b"\x81" + header + b"\xff" * 160


def test_payload_types_are_blocked_by_bit(relay: native.Relay, call: tuple[Stream, Phone, Phone]) -> None:
    stream, alice, bob = call
    relay.set_blocked_types(stream.id, 0, 1 << (DTMF - 96) | 1 << 31)
    for sequence, payload_type in enumerate((DTMF, 127, 5, 0)):
        alice.send(rtp(sequence, payload_type=payload_type), stream.port(0))
    assert [bob.receive()[1], bob.receive()[1]] == [5, 0]
    bob.send(rtp(1, payload_type=DTMF), stream.port(1))
    assert alice.receive()[1] == DTMF
    relay.set_blocked_types(stream.id, 0, 0)
    alice.send(rtp(4, payload_type=DTMF), stream.port(0))
    assert bob.receive()[1] == DTMF
    eventually(lambda: stream.stats(0).packets == 5)


@pytest.mark.parametrize("types", [-1, 1 << 32])
def test_types_out_of_range(relay: native.Relay, call: tuple[Stream, Phone, Phone], types: int) -> None:
    with pytest.raises(ValueError, match="types must be 0 to 4294967295"):
        relay.set_blocked_types(call[0].id, 0, types)
    with pytest.raises(KeyError):
        relay.set_silenced(999, 0, True)


def test_feedback_is_taken_out_of_compound_packets(relay: native.Relay, call: tuple[Stream, Phone, Phone]) -> None:
    stream, alice, bob = call
    relay.set_mux(stream.id, 0, True)
    relay.set_mux(stream.id, 1, True)
    report, transport, payload = rtcp(200, words=5), rtcp(205, words=1), rtcp(206, words=3)
    relay.set_feedback(stream.id, 0, False)
    for sent, heard in (
        (report + transport + rtcp(202, words=2) + payload, report + rtcp(202, words=2)),
        (report, report),
        (report + payload[:7], report + payload[:7]),
    ):
        alice.send(sent, stream.port(0))
        assert bob.receive() == heard
    alice.send(transport, stream.port(0))
    alice.send(rtp(1), stream.port(0))
    assert bob.receive() == rtp(1)
    bob.send(report + transport, stream.port(1))
    assert alice.receive() == report + transport, "the other side's goes on"
    relay.set_feedback(stream.id, 0, True)
    alice.send(transport, stream.port(0))
    assert bob.receive() == transport


@pytest.mark.parametrize("rest", [b"\0\0\0", b"\x80\xcb\0\0", b"\x80\xc9\0\2ab", b"\x80\xc9\0\x09" + bytes(16)])
@pytest.mark.parametrize("suite", ["", "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"])
def test_what_is_no_report_does_not_go_on_without_its_feedback(
    relay: native.Relay, call: tuple[Stream, Phone, Phone], rest: bytes, suite: str
) -> None:
    stream, alice, bob = call
    relay.set_mux(stream.id, 0, True)
    relay.set_mux(stream.id, 1, True)
    relay.set_feedback(stream.id, 0, False)
    if suite:
        relay.set_crypto(stream.id, 1, None, (suite, bytes(30 if "HMAC" in suite else 28), 0))
    alice.send(rtcp(206, words=2) + rest, stream.port(0))
    alice.send(rtp(1), stream.port(0))
    assert bob.receive()[:12] == rtp(1)[:12]
    assert (stream.stats(0, 1).packets, stream.stats(0, 1).send_errors) == (1, 0)
