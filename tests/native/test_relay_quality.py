"""Loss and jitter as RFC 3550 appendix A computes them, against a computation in Python over what was sent."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtp

PhoneMaker = Callable[..., Phone]


class Sender:
    """alice, whose packets arrive at bob, one after the other."""

    def __init__(self, relay: native.Relay, phone: PhoneMaker) -> None:
        self.stream, self.alice, self.bob = Stream(relay), phone(), phone()
        self.stream.remote(0, self.alice)
        self.stream.remote(1, self.bob)

    def send(self, packet: bytes) -> None:
        self.alice.send(packet, self.stream.port(0))
        self.bob.receive()

    def stats(self) -> native.ComponentStats:
        return self.stream.stats(0)


@pytest.fixture
def sender(relay: native.Relay, phone: PhoneMaker) -> Sender:
    return Sender(relay, phone)


@pytest.mark.parametrize(
    ("sequences", "lost"),
    [
        (range(100), 0),
        ([1, 2, 5, 6], 2),
        ([1, 3, 2, 4], 0),
        ([1, 2, 2, 3], -1),
        ([65534, 65535, 0, 1, 3], 1),
        ([10, 2000], 1989),
        ([10, 11, 40000, 12, 13], 0),  # one far away is no restart
        ([10, 12, 40000, 40001, 40003], 2),  # two are: the first one's loss stays counted (the first of the two is not, A.1)
    ],
)
def test_lost_is_expected_minus_received(sender: Sender, sequences: list[int], lost: int) -> None:
    for sequence in sequences:
        sender.send(rtp(sequence))
    assert sender.stats().lost == lost
    assert sender.stats().packets == len(sequences)


def test_loss_of_all_sources_is_summed(sender: Sender) -> None:
    for ssrc, sequences in ((1, [1, 4]), (2, [500, 502]), (1, [9000])):
        for sequence in sequences:
            sender.send(rtp(sequence, ssrc=ssrc))
    assert sender.stats().lost == 3


def test_lost_over_cycles(sender: Sender) -> None:
    chance = random.Random(3)
    sequence, expected = 65000, 0
    for _ in range(300):
        sender.send(rtp(sequence))
        step = chance.randrange(1, 900)
        sequence += step
        expected += step - 1
    assert sender.stats().lost == expected - (step - 1)


def jitter_of(arrivals_ns: list[int], timestamps: list[int], clock_hz: int) -> float:
    """RFC 3550 section 6.4.1."""
    jitter = 0.0
    for i in range(1, len(arrivals_ns)):
        elapsed = (arrivals_ns[i] - arrivals_ns[i - 1]) * clock_hz / 1e9
        jitter += (abs(elapsed - (timestamps[i] - timestamps[i - 1])) - jitter) / 16
    return jitter


@pytest.mark.parametrize(("payload_type", "clock_hz", "named"), [(0, 8000, False), (31, 90000, False), (96, 48000, True)])
def test_jitter_is_that_of_the_arrivals(sender: Sender, payload_type: int, clock_hz: int, named: bool) -> None:
    if named:
        sender.stream.relay.set_clock(sender.stream.id, payload_type, clock_hz)
    arrivals, timestamps, chance = [], [], random.Random(1)
    for i in range(60):
        timestamps.append(i * clock_hz // 50 + chance.randrange(clock_hz // 100))
        sender.send(rtp(i, timestamps[i], payload_type=payload_type))
        eventually(lambda expected=i: sender.stats().packets == expected + 1)
        arrivals.append(sender.stats().last_ns)
    assert sender.stats().jitter == pytest.approx(jitter_of(arrivals, timestamps, clock_hz), abs=2.5)


@pytest.mark.parametrize("next_sequence", [20, 40000])
def test_timestamps_that_begin_anew_are_no_jitter(sender: Sender, next_sequence: int) -> None:
    for i in range(20):
        sender.send(rtp(i, i))
    for i in range(3):
        sender.send(rtp(next_sequence + i, 5_000_000 + i))
    assert sender.stats().jitter < 8000  # the jump alone would make it 300,000


def test_unknown_clock_has_no_jitter(sender: Sender) -> None:
    for i in range(10):
        sender.send(rtp(i, i * 99999, payload_type=111))
    assert sender.stats().jitter == 0
    assert sender.stats().payload_type == 111


def test_arrival_is_the_monotonic_clock(sender: Sender) -> None:
    before = time.monotonic_ns()
    sender.send(rtp())
    assert before <= sender.stats().first_ns <= native.monotonic_ns() <= time.monotonic_ns()


@pytest.mark.parametrize(
    ("sequences", "gaps"),
    [
        ([1, 2, 3], 0),
        ([1, 3, 4, 8], 2),
        ([65534, 1, 2], 1),
        ([1, 3, 2, 4], 1),
        ([1, 9000, 9001, 9003], 1),
        ([1, 1, 2], 0),
    ],
)
def test_runs_of_lost_packets(sender: Sender, sequences: list[int], gaps: int) -> None:
    for sequence in sequences:
        sender.send(rtp(sequence))
    eventually(lambda: sender.stats().packets == len(sequences))
    assert sender.stats().gaps == gaps


SENT_AT = 0x1122_3344_5566_7788  # NTP timestamp of a sender report
MIDDLE = 0x3344_5566


def sender_report(ntp: int = SENT_AT, blocks: bytes = b"", count: int = 0) -> bytes:
    words = 6 + len(blocks) // 4
    return struct.pack("!BBHIQIII", 0x80 | count, 200, words, 1, ntp, 0, 0, 0) + blocks


def receiver_report(last: int, held: int, count: int = 1) -> bytes:
    block = struct.pack("!IIIIII", 1, 0, 0, 0, last, held)
    return struct.pack("!BBHI", 0x80 | count, 201, 7, 2) + block


@pytest.mark.parametrize("mux", [False, True])
def test_round_trip_is_the_time_from_a_report_to_what_is_said_of_it_without_the_pause(
    relay: native.Relay, phone: PhoneMaker, mux: bool
) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    for side, end in ((0, alice), (1, bob)):
        stream.remote(side, end)
        if mux:
            relay.set_mux(stream.id, side, True)
        else:
            relay.set_remote(stream.id, side, 1, end.address)
    component = 0 if mux else 1
    sent = time.monotonic()
    alice.send(sender_report(), stream.port(0, component))
    bob.receive()
    time.sleep(0.05)
    for wrong in (receiver_report(MIDDLE + 1, 0), receiver_report(0, 0), receiver_report(MIDDLE, 65536 * 20)):
        bob.send(wrong, stream.port(1, component))
        alice.receive()
    assert stream.stats(1).round_trip_us == 0
    compound = struct.pack("!BBHI", 0x80, 201, 1, 2) + sender_report(7, receiver_report(MIDDLE, 65536 // 50)[8:], 1)
    bob.send(compound, stream.port(1, component))
    alice.receive()
    took_us = (time.monotonic() - sent) * 1e6
    eventually(lambda: stream.stats(1).round_trip_us > 0)
    assert 30_000 <= stream.stats(1).round_trip_us + 1000 <= took_us - 18_000
    assert stream.stats(0).round_trip_us == 0


def test_reports_that_end_too_early_are_harmless(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    for side, end in ((0, alice), (1, bob)):
        stream.remote(side, end)
        relay.set_mux(stream.id, side, True)
    whole = sender_report(SENT_AT, receiver_report(MIDDLE, 0)[8:], 31)
    for size in range(8, len(whole), 4):
        alice.send(struct.pack("!BBH", 0x9F, 200, size // 4 - 1) + whole[4:size], stream.port(0))
        assert len(bob.receive()) == size
    assert stream.stats(0).round_trip_us == 0
