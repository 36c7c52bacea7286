"""What of a stream gets into a recording's file."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from native import relay as native
from tests.native.relay_wire import RTP_SIDE_A, RTP_SIDE_B, Phone, Stream, eventually, rtp, started
from tests.native.test_relay_srtp import Call

MakePhone = Callable[..., Phone]
IP_UDP_BYTES = 28


def begin(relay: native.Relay, path: Path, max_bytes: int = 1_000_000) -> int:
    return relay.begin_recording(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), max_bytes)


def ended(relay: native.Relay, number: int) -> native.RecordingStatus:
    relay.end_recording(number)
    seen: list[native.RecordingStatus] = []

    def closed() -> bool:
        seen.append(relay.recording_status(number))
        return seen[-1].state != native.RECORDING

    eventually(closed)
    return seen[-1]


def payloads(path: Path) -> list[bytes]:
    """Of IPv4."""
    data, at, found = path.read_bytes(), 24, []
    while at < len(data):
        kept = struct.unpack_from("=I", data, at + 8)[0]
        found.append(data[at + 16 + IP_UDP_BYTES : at + 16 + kept])
        at += 16 + kept
    return found


def test_srtp_that_ends_here_is_recorded_without(phone: MakePhone, tmp_path: Path) -> None:
    plain = [rtp(1), rtp(2)]
    with started() as relay:
        call = Call(relay, phone, "AES_CM_128_HMAC_SHA1_80")
        number = begin(relay, tmp_path / "call.pcap")
        relay.tape(call.stream.id, number)
        call.send_a(call.secure.tx.protect(plain[0]))
        call.b.receive()
        call.send_b(plain[1])
        call.a.receive()
        call.send_a(rtp(3))  # does not authenticate, so was never accepted
        eventually(lambda: call.stream.stats(RTP_SIDE_A).auth_failed == 1)
        relay.tape(call.stream.id, None)
        assert ended(relay, number).packets == 2
    assert payloads(tmp_path / "call.pcap") == plain


def test_strangers_are_not_and_who_is_muted_is(phone: MakePhone, tmp_path: Path) -> None:
    with started() as relay:
        stream, alice, bob, stranger = Stream(relay), phone(), phone(), phone()
        stream.remote(RTP_SIDE_A, alice, mode=native.FIXED)
        stream.remote(RTP_SIDE_B, bob, mode=native.FIXED)
        relay.set_forward(stream.id, RTP_SIDE_A, False)
        number = begin(relay, tmp_path / "call.pcap")
        relay.tape(stream.id, number)
        stranger.send(rtp(1), stream.port(RTP_SIDE_A))
        alice.send(rtp(2), stream.port(RTP_SIDE_A))
        eventually(lambda: stream.stats(RTP_SIDE_A).packets == 1)
        relay.tape(stream.id, None)
        ended(relay, number)
    assert payloads(tmp_path / "call.pcap") == [rtp(2)]


def test_the_relays_end_completes_the_file(phone: MakePhone, tmp_path: Path) -> None:
    with started() as relay:
        stream, alice, bob = Stream(relay), phone(), phone()
        stream.remote(RTP_SIDE_A, alice)
        stream.remote(RTP_SIDE_B, bob)
        relay.tape(stream.id, begin(relay, tmp_path / "call.pcap"))
        alice.send(rtp(1), stream.port(RTP_SIDE_A))
        bob.receive()
    assert payloads(tmp_path / "call.pcap") == [rtp(1)]


@pytest.mark.parametrize(("bound", "named"), [("0.0.0.0", "192.0.2.7"), ("127.0.0.1", "127.0.0.1")])
def test_a_socket_bound_to_no_address_is_shown_by_another(phone: MakePhone, tmp_path: Path, bound: str, named: str) -> None:
    with started() as relay:
        stream, alice = Stream(relay, hosts=(bound, bound)), phone()
        stream.remote(RTP_SIDE_A, alice)
        relay.tape(stream.id, begin(relay, tmp_path / "call.pcap"), "192.0.2.7", "192.0.2.7")
        alice.send(rtp(1), ("127.0.0.1", stream.port(RTP_SIDE_A)[1]))
        eventually(lambda: stream.stats(RTP_SIDE_A).packets == 1)
    packet = (tmp_path / "call.pcap").read_bytes()[24 + 16 :]
    assert [socket.inet_ntoa(packet[at : at + 4]) for at in (12, 16)] == ["127.0.0.1", named]


def test_a_host_to_show_must_be_one(phone: MakePhone, tmp_path: Path) -> None:
    with started() as relay, pytest.raises(ValueError, match="not an IP address"):
        relay.tape(Stream(relay).id, begin(relay, tmp_path / "call.pcap"), "nowhere", "::1")


def test_a_stream_that_is_removed_leaves_its_recording(phone: MakePhone, tmp_path: Path) -> None:
    with started() as relay:
        stream = Stream(relay)
        number = begin(relay, tmp_path / "call.pcap")
        relay.tape(stream.id, number)
        relay.remove(stream.id)
        relay.reap()
        again, alice, bob = Stream(relay), phone(), phone()
        again.remote(RTP_SIDE_A, alice)
        again.remote(RTP_SIDE_B, bob)
        assert again.id == stream.id
        alice.send(rtp(1), again.port(RTP_SIDE_A))
        bob.receive()
        assert ended(relay, number).packets == 0


def test_a_disk_that_is_full_ends_the_recording_only(phone: MakePhone) -> None:
    with started() as relay:
        stream, alice, bob = Stream(relay), phone(), phone()
        stream.remote(RTP_SIDE_A, alice)
        stream.remote(RTP_SIDE_B, bob)
        number = begin(relay, Path("/dev/full"))
        relay.tape(stream.id, number)
        eventually(lambda: relay.recording_status(number).state == native.RECORDING_FAILED)
        assert relay.recording_status(number).error == errno.ENOSPC
        alice.send(rtp(1), stream.port(RTP_SIDE_A))
        assert bob.receive() == rtp(1)


def test_a_recording_that_nobody_began(tmp_path: Path) -> None:
    with started() as relay:
        stream = Stream(relay)
        for call in (lambda: relay.tape(stream.id, 0), lambda: relay.recording_status(0)):
            with pytest.raises(ValueError, match="no such recording"):
                call()
        with pytest.raises(KeyError):
            relay.tape(63, None)


def test_what_was_copied_for_a_full_recording_gets_into_no_later_one(phone: MakePhone, tmp_path: Path) -> None:
    """A later one has its number."""
    with started() as relay:
        stream, alice, bob = Stream(relay), phone(), phone()
        stream.remote(RTP_SIDE_A, alice)
        stream.remote(RTP_SIDE_B, bob)

        def fill(number: int) -> None:
            relay.tape(stream.id, number)
            for sequence in range(2):  # the second one finds the file full, and the recorder asleep
                alice.send(rtp(sequence), stream.port(RTP_SIDE_A))
                bob.receive()
                eventually(lambda: relay.recording_status(number).state == native.RECORDING_FULL)
            relay.tape(stream.id, None)

        for turn in range(20):
            full = begin(relay, tmp_path / f"{turn}.pcap", max_bytes=24)
            fill(full)
            relay.end_recording(full)
            relay.recording_status(full)
            ended(relay, begin(relay, tmp_path / f"{turn}-later.pcap"))
            assert payloads(tmp_path / f"{turn}-later.pcap") == []
