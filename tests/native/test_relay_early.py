"""What comes for a side before anybody said where it is: kept, and judged when that is known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp, started

PhoneMaker = Callable[..., Phone]
MOST = 64


@pytest.fixture
def stream(relay: native.Relay) -> Stream:
    return Stream(relay, awaited=True)


def entry(stream: Stream) -> np.record:
    table = os.fdopen(os.dup(stream.relay.table_fd), "rb")
    return np.memmap(table, dtype=np.dtype(native.STREAM_DTYPE), mode="r", offset=4096, shape=stream.id + 1)[stream.id]


def send_early(stream: Stream, sender: Phone, packets: list[bytes], component: int = 0) -> None:
    """And the relay thread has seen them all."""
    before, strangers = entry(stream)["early"], stream.stats(1, component).strangers
    for packet in packets:
        sender.send(packet, stream.port(1, component))
    eventually(lambda: entry(stream)["early"] + stream.stats(1, component).strangers == before + strangers + len(packets))


def place(stream: Stream, alice: Phone, bob: Phone, mux: bool = False) -> None:
    for side, phone in enumerate((alice, bob)):
        stream.relay.place(stream.id, side, (phone.address, None), (phone.address, None), native.SYMMETRIC, mux)


def test_what_came_early_passes_in_order_before_what_follows(relay: native.Relay, stream: Stream, phone: PhoneMaker) -> None:
    alice, bob = phone(), phone()
    packets = [rtp(sequence) for sequence in range(10)]
    send_early(stream, bob, packets[:8])
    send_early(stream, bob, [rtcp()], component=1)
    place(stream, alice, bob)
    bob.send(packets[8], stream.port(1))  # placed, but nobody has said that all is as it shall be
    eventually(lambda: entry(stream)["early"] == 10)
    assert alice.silent()
    relay.release(stream.id)
    bob.send(packets[9], stream.port(1))
    assert [alice.receive() for _ in range(11)] == [*packets[:8], rtcp(), *packets[8:]]
    assert (stream.stats(1).packets, stream.stats(1, 1).packets, stream.stats(1).strangers) == (10, 1, 0)
    assert (stream.stats(1).remote, entry(stream)["early"], relay.early) == (bob.address, 0, (10, 0))


def test_who_turns_out_to_be_a_stranger_is_dropped_and_teaches_nothing(
    relay: native.Relay, stream: Stream, phone: PhoneMaker
) -> None:
    alice, bob, stranger = phone(), phone(), phone("127.0.0.3")
    send_early(stream, stranger, [rtp(1, ssrc=66), b"", rtp(2, ssrc=66)])
    send_early(stream, bob, [rtp(1)])
    place(stream, alice, bob)
    relay.release(stream.id)
    assert alice.receive() == rtp(1)
    assert alice.silent()
    assert stranger.silent()
    assert (stream.stats(1).packets, stream.stats(1).strangers, stream.stats(1).remote) == (1, 3, bob.address)


def test_a_flood_keeps_no_more_than_its_share(relay: native.Relay, stream: Stream, phone: PhoneMaker) -> None:
    alice, bob = phone(), phone()
    send_early(stream, bob, [rtp(sequence) for sequence in range(2 * MOST)])
    assert (entry(stream)["early"], stream.stats(1).strangers) == (MOST, MOST)
    place(stream, alice, bob)
    relay.release(stream.id)
    assert [alice.receive() for _ in range(MOST)] == [rtp(sequence) for sequence in range(MOST)]
    assert relay.early == (MOST, MOST)


def test_nothing_is_kept_that_nobody_asked_for_or_after_the_release(relay: native.Relay, phone: PhoneMaker) -> None:
    bob = phone()
    for stream in (Stream(relay), Stream(relay, awaited=True)):
        relay.release(stream.id)
        send_early(stream, bob, [rtp(1)])
        assert (entry(stream)["early"], stream.stats(1).strangers) == (0, 1)


def test_a_released_side_that_is_nowhere_had_only_strangers(relay: native.Relay, stream: Stream, phone: PhoneMaker) -> None:
    bob = phone()
    send_early(stream, bob, [rtp(1), rtp(2)])
    relay.release(stream.id)
    assert (entry(stream)["early"], stream.stats(1).strangers) == (0, 2)


def test_what_is_kept_goes_with_its_stream(relay: native.Relay, phone: PhoneMaker) -> None:
    """The next stream has its number."""
    alice, bob = phone(), phone()
    before = Stream(relay, awaited=True)
    send_early(before, bob, [rtp(1), rtp(2)])
    relay.remove(before.id)
    relay.reap()
    after = Stream(relay, awaited=True)
    assert after.id == before.id
    send_early(after, bob, [rtp(3)])
    place(after, alice, bob)
    relay.release(after.id)
    assert alice.receive() == rtp(3)
    assert alice.silent()


def test_a_successor_has_none_of_it_and_takes_places(phone: PhoneMaker) -> None:
    alice, bob = phone(), phone()
    with started(capacity=8) as relay:
        stream = Stream(relay, awaited=True)
        send_early(stream, bob, [rtp(1)])
        fds = [os.dup(fd) for pair in stream.fds for fd in pair]
        with started(table_fd=relay.table_fd) as successor:
            successor.adopt(stream.id, ((fds[0], fds[1]), (fds[2], fds[3])))
            stream.relay = successor
            place(stream, alice, bob)
            successor.release(stream.id)
            bob.send(rtp(2), stream.port(1))
            assert alice.receive() == rtp(2)


def test_an_opaque_stream_keeps_anything(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay, kind=native.OPAQUE, awaited=True), phone(), phone()
    send_early(stream, bob, [b"fax", b"more"])
    stream.remote(0, alice)
    stream.remote(1, bob)
    relay.release(stream.id)
    assert [alice.receive(), alice.receive()] == [b"fax", b"more"]


def test_multiplexed_reports_that_came_early_pass(relay: native.Relay, stream: Stream, phone: PhoneMaker) -> None:
    alice, bob = phone(), phone()
    send_early(stream, bob, [rtcp(), rtp(1)])
    place(stream, alice, bob, mux=True)
    relay.release(stream.id)
    assert [alice.receive(), alice.receive()] == [rtcp(), rtp(1)]


def test_a_recording_has_it_too(relay: native.Relay, stream: Stream, phone: PhoneMaker, tmp_path: Path) -> None:
    alice, bob = phone(), phone()
    file = os.open(tmp_path / "early.pcap", os.O_RDWR | os.O_CREAT)
    recording = relay.begin_recording(file, 1 << 20)
    send_early(stream, bob, [rtp(1)])
    place(stream, alice, bob)
    relay.tape(stream.id, recording)
    relay.release(stream.id)
    assert alice.receive() == rtp(1)
    relay.end_recording(recording)
    eventually(lambda: relay.recording_status(recording).state == native.RECORDED)
    assert rtp(1) in (tmp_path / "early.pcap").read_bytes()


def test_an_unknown_stream_is_not_released(relay: native.Relay) -> None:
    with pytest.raises(KeyError):
        relay.release(63)
