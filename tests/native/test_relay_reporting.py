"""RTCP of the relay's own (RFC 3550 section 6), to two phones that don't see each other's."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp
from tests.native.test_relay_srtp import Secure

PhoneMaker = Callable[..., Phone]
CNAME = "0123456789ab"
ALICE_SSRC, BOB_SSRC = 0x1234, 0x6789
SENT_AT = 0x11112222_33334444


class Block(NamedTuple):
    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last: int
    held: int


class Report(NamedTuple):
    kind: int
    ssrc: int
    sent: tuple[int, ...]  # NTP (two words), RTP timestamp, packets, octets
    blocks: list[Block]
    cname: str


def read(packet: bytes) -> Report:
    """A compound packet of one report and one source description, and nothing else."""
    first, kind, words, ssrc = struct.unpack_from("!BBHI", packet)
    at = 8
    sent: tuple[int, ...] = ()
    if kind == 200:
        sent, at = struct.unpack_from("!5I", packet, at), at + 20
    blocks = []
    for _ in range(first & 31):
        source, lost, *rest = struct.unpack_from("!6I", packet, at)
        blocks.append(Block(source, lost >> 24, (lost & 0xFFFFFF ^ 0x800000) - 0x800000, *rest))
        at += 24
    assert at == 4 * (words + 1)
    assert struct.unpack_from("!BBHI", packet, at) == (0x81, 202, 5, ssrc)
    assert packet[at + 8 : at + 10] == bytes((1, 12))
    assert packet[at + 22 :] == bytes(2)
    return Report(kind, ssrc, sent, blocks, packet[at + 10 : at + 22].decode())


class Pair:
    """alice and bob, with ports of their own for RTCP."""

    def __init__(self, relay: native.Relay, phone: PhoneMaker) -> None:
        self.relay, self.stream = relay, Stream(relay)
        self.phones, self.controls = (phone(), phone()), (phone(), phone())
        for side in (0, 1):
            self.stream.remote(side, self.phones[side])
            self.stream.remote(side, self.controls[side], 1)
        relay.set_reports(self.stream.id, True)

    def talk(self, side: int, *sequences: int) -> None:
        for sequence in sequences:
            packet = rtp(sequence, 160 * sequence, (ALICE_SSRC, BOB_SSRC)[side])
            self.phones[side].send(packet, self.stream.port(side))
            assert self.phones[1 - side].receive() == packet

    def reported(self, side: int) -> Report:
        return read(self.controls[side].receive())

    def control(self, side: int, packet: bytes) -> None:
        before = self.stream.stats(side, 1).packets
        self.controls[side].send(packet, self.stream.port(side, 1))
        eventually(lambda: self.stream.stats(side, 1).packets == before + 1)


@pytest.fixture
def pair(relay: native.Relay, phone: PhoneMaker) -> Pair:
    return Pair(relay, phone)


def sender_report(ssrc: int, ntp: int) -> bytes:
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, ntp, 1, 2, 3)


def test_each_side_is_told_what_the_other_has_sent_and_how_it_was_heard(pair: Pair) -> None:
    pair.talk(0, 10, 11, 12)
    pair.talk(1, 20, 22)
    pair.relay.send_reports(pair.stream.id, CNAME)
    of_alice, of_bob = pair.reported(1), pair.reported(0)
    assert (of_alice.kind, of_alice.ssrc, of_alice.cname) == (200, ALICE_SSRC, CNAME)
    assert of_alice.sent[3:] == (3, 480)
    assert [block[:4] for block in of_alice.blocks] == [(BOB_SSRC, 85, 1, 22)]  # one of three
    assert of_bob.sent[3:] == (2, 320)
    assert [block[:4] for block in of_bob.blocks] == [(ALICE_SSRC, 0, 0, 12)]
    assert of_bob.blocks[0][5:] == (0, 0)


def test_loss_is_told_once_as_a_fraction(pair: Pair) -> None:
    pair.talk(0, 10, 12)
    pair.talk(1, 20)
    told = []
    for sequences in ((), (13, 14, 15), (17, 19)):
        pair.talk(0, *sequences)
        pair.relay.send_reports(pair.stream.id, CNAME)
        told.append(pair.reported(0).blocks[0][1:3])
    assert told == [(85, 1), (0, 1), (128, 3)]


def test_timestamps_go_on_with_the_clock(pair: Pair) -> None:
    pair.talk(0, 10)
    reports = []
    for _ in range(2):
        pair.relay.send_reports(pair.stream.id, CNAME)
        reports.append(pair.reported(1).sent)
    ntp = [(sent[0] << 32 | sent[1]) / 2**32 for sent in reports]
    assert reports[0][2] >= 1600
    assert ntp[1] > ntp[0]
    assert abs((reports[1][2] - reports[0][2]) - 8000 * (ntp[1] - ntp[0])) <= 1


def test_rtcp_of_the_phones_ends_here_but_for_feedback(pair: Pair) -> None:
    pair.talk(0, 1)
    feedback = rtcp() + struct.pack("!BBHII", 0x81, 206, 2, ALICE_SSRC, BOB_SSRC)
    mixed = sender_report(ALICE_SSRC, SENT_AT) + feedback
    for packet in (rtcp(), sender_report(ALICE_SSRC, SENT_AT), mixed, feedback):
        pair.control(0, packet)
    assert pair.controls[1].receive() == feedback
    pair.relay.set_reports(pair.stream.id, False)
    pair.control(0, rtcp())
    assert pair.controls[1].receive() == rtcp()
    pair.relay.send_reports(pair.stream.id, CNAME)
    assert pair.controls[1].silent()


def test_a_phone_is_told_when_its_report_came(pair: Pair) -> None:
    pair.talk(1, 1)
    pair.control(0, sender_report(ALICE_SSRC, SENT_AT))
    pair.talk(0, 1)
    pair.relay.send_reports(pair.stream.id, CNAME)
    (block,) = pair.reported(0).blocks
    assert block.last == SENT_AT >> 16 & 0xFFFFFFFF
    assert 0 < block.held < 20 * 65536


def test_the_round_trip_is_that_of_our_reports(pair: Pair) -> None:
    pair.talk(0, 1)
    pair.relay.send_reports(pair.stream.id, CNAME)
    sent = pair.reported(1).sent
    last = (sent[0] << 32 | sent[1]) >> 16 & 0xFFFFFFFF
    for wrong in ((0, 0), (last + 60 * 65536, 0), (last - 60 * 65536, 0)):
        pair.control(1, struct.pack("!BBHI6I", 0x81, 201, 7, BOB_SSRC, ALICE_SSRC, 0, 1, 0, *wrong))
    assert pair.stream.stats(1).round_trip_us == 0
    pair.control(1, struct.pack("!BBHI6I", 0x81, 201, 7, BOB_SSRC, ALICE_SSRC, 0, 1, 0, last, 0))
    assert 0 < pair.stream.stats(1).round_trip_us < 10_000_000


def test_nobody_is_spoken_for_who_has_not_spoken(pair: Pair) -> None:
    pair.talk(0, 1)
    pair.relay.send_reports(pair.stream.id, CNAME)
    assert pair.reported(1).blocks == []
    assert pair.controls[0].silent()


def test_without_a_clock_there_is_no_sender_report(pair: Pair) -> None:
    packet = rtp(1, 160, ALICE_SSRC, 96)
    for known in (False, True):
        if known:
            pair.relay.set_clock(pair.stream.id, 96, 48000)
        pair.phones[0].send(packet, pair.stream.port(0))
        pair.phones[1].receive()
        packet = rtp(2, 1120, ALICE_SSRC, 96)
        pair.relay.send_reports(pair.stream.id, CNAME)
        assert pair.reported(1).kind == (200 if known else 201)


def test_who_is_blocked_or_held_gets_none(pair: Pair) -> None:
    pair.talk(0, 1)
    pair.relay.set_forward(pair.stream.id, 0, False)
    pair.relay.send_reports(pair.stream.id, CNAME)
    assert pair.controls[1].silent()


def test_they_go_to_the_port_of_rtp_where_rtcp_is_multiplexed(pair: Pair) -> None:
    pair.relay.set_mux(pair.stream.id, 1, True)
    pair.talk(0, 1)
    pair.relay.send_reports(pair.stream.id, CNAME)
    assert read(pair.phones[1].receive()).ssrc == ALICE_SSRC


@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM"])
def test_they_are_secured_for_a_side_with_srtp(pair: Pair, suite: str) -> None:
    secure = Secure(suite)
    secure.apply(pair.stream, 1)
    packet = rtp(1, 160, ALICE_SSRC)
    for _ in range(2):
        pair.phones[0].send(packet, pair.stream.port(0))
        assert secure.rx.unprotect(pair.phones[1].receive()) == packet
        packet = rtp(2, 320, ALICE_SSRC)
        pair.relay.send_reports(pair.stream.id, CNAME)
        assert read(secure.rx.unprotect_rtcp(pair.controls[1].receive())).ssrc == ALICE_SSRC


def test_wrong_arguments(relay: native.Relay, pair: Pair) -> None:
    opaque = Stream(relay, kind=native.OPAQUE)
    with pytest.raises(ValueError, match="RTP"):
        relay.set_reports(opaque.id, True)
    relay.set_reports(opaque.id, False)
    with pytest.raises(ValueError, match="cname must have 12 bytes, not 3"):
        relay.send_reports(pair.stream.id, "abc")
    for call in (lambda: relay.set_reports(999, True), lambda: relay.send_reports(999, CNAME)):
        with pytest.raises(KeyError, match="no stream 999"):
            call()
