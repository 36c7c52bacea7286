"""Loss and jitter as RFC 3550 appendix A computes them, against a computation in Python over what was sent."""

from __future__ import annotations

import random
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
        sender.stream.relay.set_clock(sender.stream.id, 0, payload_type, clock_hz)
    arrivals, timestamps, chance = [], [], random.Random(1)
    for i in range(60):
        timestamps.append(i * clock_hz // 50 + chance.randrange(clock_hz // 100))
        sender.send(rtp(i, timestamps[i], payload_type=payload_type))
        eventually(lambda expected=i: sender.stats().packets == expected + 1)
        arrivals.append(sender.stats().last_ns)
    assert sender.stats().jitter == pytest.approx(jitter_of(arrivals, timestamps, clock_hz), abs=2.5)


def test_unknown_clock_has_no_jitter(sender: Sender) -> None:
    for i in range(10):
        sender.send(rtp(i, i * 99999, payload_type=111))
    assert sender.stats().jitter == 0
    assert sender.stats().payload_type == 111


def test_arrival_is_the_monotonic_clock(sender: Sender) -> None:
    before = native.monotonic_ns()
    assert abs(before - time.monotonic_ns()) < 1_000_000_000
    sender.send(rtp())
    assert before <= sender.stats().first_ns <= native.monotonic_ns()
