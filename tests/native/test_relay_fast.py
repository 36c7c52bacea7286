"""The fast path: what the kernel relays, what it leaves to the sockets, and that nobody can tell the difference by counters.

Where it can't be had (no clang when this was built, no CAP_BPF and CAP_NET_ADMIN, Linux before 6.6) the same streams go by
their sockets, and these tests hold for that."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from media import fast_path
from media.table import StreamTable
from native import relay as native
from tests.native.relay_fast import MAY_OPEN_FAST, is_fast, on_fast, started_fast
from tests.native.relay_wire import Phone, Stream, descriptors, eventually, rtcp, rtp

PhoneMaker = Callable[..., Phone]
ON = int(MAY_OPEN_FAST)  # streams on the fast path when one may be


@dataclass(frozen=True)
class Call:
    """Two phones that have spoken through a relay, whose stream is on the fast path if there is one."""

    relay: native.Relay
    stream: Stream
    phones: tuple[Phone, Phone]

    def say(self, side: int, packet: bytes, arrives: bytes | None = None) -> None:
        self.phones[side].send(packet, self.stream.port(side))
        wanted = packet if arrives is None else arrives
        assert self.phones[1 - side].receive_from() == (wanted, self.stream.port(1 - side))

    def is_fast(self) -> bool:
        """Or would be if there were a fast path."""
        return is_fast(self.relay, self.stream.id) or not MAY_OPEN_FAST


@contextlib.contextmanager
def talking(hosts: tuple[str, str], phones: tuple[Phone, Phone]) -> Iterator[Call]:
    with started_fast(hosts, fifo=False) as relay:
        stream = Stream(relay, hosts=hosts)
        call = Call(relay, stream, phones)
        for side in (0, 1):
            stream.remote(side, phones[side])
        for side in (0, 1):
            call.say(side, rtp(0, ssrc=side + 1))
        eventually(lambda: on_fast(relay) == ON)
        yield call


@pytest.fixture(params=["127.0.0.1", "::1"])
def call(request: pytest.FixtureRequest, phone: PhoneMaker) -> Iterator[Call]:
    with talking((request.param, request.param), (phone(request.param), phone(request.param))) as made:
        yield made


def test_the_kernel_relays_and_counts_and_the_thread_sees_nothing(call: Call) -> None:
    began = time.monotonic_ns()
    for number in range(1, 51):
        call.say(0, rtp(number, 160 * number, ssrc=1))
        call.say(1, rtp(number, 160 * number, ssrc=2, payload_type=8))
    assert call.is_fast()
    for side in (0, 1):
        stats = call.stream.stats(side)
        assert (stats.packets, stats.forwarded, stats.bytes) == (51, 51, 51 * 172)
        assert (stats.lost, stats.gaps, stats.ssrc, stats.payload_type) == (0, 0, side + 1, 8 * side)
        assert began < stats.last_ns <= time.monotonic_ns()
    assert call.relay.totals([call.stream.id]).rtp.packets == 102
    assert call.relay.last_packet_ns(call.stream.id) == max(call.stream.stats(side).last_ns for side in (0, 1))


def test_loss_restart_and_jitter_are_those_of_the_sockets(call: Call) -> None:
    for sequence in (1, 2, 5, 6, 7, 9):
        call.say(0, rtp(sequence, 160 * sequence, ssrc=1))
    assert (call.stream.stats(0).lost, call.stream.stats(0).gaps) == (3, 2)
    for sequence in (40_000, 40_001):
        call.say(0, rtp(sequence, 0, ssrc=1))
    assert call.stream.stats(0).lost == 3
    call.say(0, rtp(7, 0, ssrc=99))
    assert (call.stream.stats(0).lost, call.stream.stats(0).ssrc) == (3, 99)
    call.relay.set_forward(call.stream.id, 1, True)  # off the fast path
    assert (call.stream.stats(0).lost, call.stream.stats(0).packets, call.stream.stats(0).gaps) == (3, 10, 2)


def test_the_table_as_numpy_sees_it_has_what_the_kernel_counted(call: Call) -> None:
    table = StreamTable(call.relay.table_fd, fast_legs_fd=call.relay.fast_legs_fd)
    for number in (1, 2, 4):
        call.say(0, rtp(number, ssrc=1))
    assert table.received()[:2] == (5, 5 * 172)
    sources = table.sources()
    assert sources.packets.tolist() == [[4, 1]]
    assert sources.lost.tolist() == [[1, 0]]
    assert sources.gaps.tolist() == [[1, 0]]
    assert np.dtype(native.FAST_LEG_DTYPE).itemsize == 192


def test_reports_of_ours_have_what_the_kernel_counted(call: Call) -> None:
    for side in (0, 1):
        call.relay.set_mux(call.stream.id, side, True)
    call.relay.set_reports(call.stream.id, True)
    for number in (1, 2):
        call.say(0, rtp(number, 160 * number, ssrc=1))
    eventually(lambda: on_fast(call.relay) == ON)
    call.say(0, rtp(3, 480, ssrc=1))
    call.relay.send_reports(call.stream.id, "0123456789ab")
    report = call.phones[1].receive()
    assert struct.unpack_from("!BBHI", report) == (0x81, 200, 12, 1)
    assert struct.unpack_from("!II", report, 20) == (4, 640)
    assert on_fast(call.relay) == ON


def test_rtcp_stays_with_the_thread_and_the_stream_on_the_fast_path(call: Call) -> None:
    for side in (0, 1):
        call.relay.set_mux(call.stream.id, side, True)
        call.say(side, rtp(1, ssrc=side + 1))
    eventually(lambda: on_fast(call.relay) == ON)
    call.say(0, rtcp())
    assert call.stream.stats(0, 1).packets == 1
    call.say(0, rtp(2, ssrc=1))
    assert call.is_fast()
    assert call.stream.stats(0).packets == 3


@pytest.mark.parametrize(
    "odd",
    [
        rtp(1, ssrc=1, payload=b"x" * 1400),  # too long for paths that nobody asked
        rtp(1, ssrc=1, payload_type=0x80 | 70),  # looks like RTCP
    ],
)
def test_what_the_kernel_leaves_goes_by_the_sockets_and_the_stream_with_it(call: Call, odd: bytes) -> None:
    call.say(0, odd)
    call.say(0, rtp(2, ssrc=1))
    assert (call.stream.stats(0).packets, call.stream.stats(0).lost) == (3, 0)
    eventually(lambda: on_fast(call.relay) == ON)
    call.say(0, rtp(3, ssrc=1))
    assert call.is_fast()
    assert (call.stream.stats(0).packets, call.stream.stats(0).lost) == (4, 0)


def test_a_stranger_neither_gets_through_nor_takes_the_stream_off(call: Call, phone: PhoneMaker) -> None:
    host = call.phones[0].address[0]
    stranger = phone("127.0.0.3") if host == "127.0.0.1" else phone(host)
    stranger.send(rtp(9, ssrc=66, payload=b"\0"), call.stream.port(0))
    call.say(0, rtp(1, ssrc=1))
    eventually(lambda: call.stream.stats(0).strangers == 1)
    call.say(0, rtp(2, ssrc=1))
    assert call.is_fast()
    assert call.phones[1].silent()


def test_malformed_rtp_is_counted_by_the_thread_and_not_relayed(call: Call) -> None:
    for damaged in (b"\x8f" + rtp()[1:20], b"\x90" + rtp(payload=b"\0\0\xff\xff" + b"x" * 20)[1:], b"\x40" + rtp()[1:]):
        call.phones[0].send(damaged, call.stream.port(0))
    eventually(lambda: call.stream.stats(0).malformed == 3)
    call.say(0, rtp(1, ssrc=1))
    assert call.phones[1].silent()
    assert call.stream.stats(0).packets == 2


def test_extensions_and_contributing_sources_are_no_hindrance(call: Call) -> None:
    call.say(0, b"\x92" + rtp(1, ssrc=1, payload=bytes(8) + b"\xbe\xde\0\x01" + bytes(4) + b"sound")[1:])
    assert call.is_fast()
    assert call.stream.stats(0).packets == 2


def test_a_phone_that_moves_to_another_port_is_followed(call: Call, phone: PhoneMaker) -> None:
    for number in range(1, 1000):  # farther than what is let in from a new port, so the counters must be those of now
        call.phones[0].send(rtp(number, ssrc=1), call.stream.port(0))
        if number % 50 == 0:
            eventually(lambda number=number: call.stream.stats(0).packets == number + 1)
    eventually(lambda: call.stream.stats(0).packets == 1000)
    moved = replace(call, phones=(phone(call.phones[0].address[0]), call.phones[1]))
    while not call.phones[1].silent():
        call.phones[1].receive()
    moved.say(0, rtp(1000, ssrc=1))
    moved.say(1, rtp(1, ssrc=2))
    eventually(lambda: on_fast(call.relay) == ON)
    moved.say(0, rtp(1001, ssrc=1))
    moved.say(1, rtp(2, ssrc=2))
    assert (call.stream.stats(0).packets, call.stream.stats(0).strangers) == (1002, 0)


def test_what_control_changes_holds_from_that_moment(call: Call) -> None:
    other = Phone(call.phones[0].address[0])
    with contextlib.closing(other):
        call.stream.remote(1, other)
        call.phones[0].send(rtp(1, ssrc=1), call.stream.port(0))
        assert other.receive() == rtp(1, ssrc=1)
        assert on_fast(call.relay) == 0  # the other one has not spoken
    call.stream.remote(1, call.phones[1])
    for side in (0, 1):
        call.say(side, rtp(2, ssrc=side + 1))
    eventually(lambda: on_fast(call.relay) == ON)
    call.relay.set_forward(call.stream.id, 0, False)
    call.phones[0].send(rtp(3, ssrc=1), call.stream.port(0))
    eventually(lambda: call.stream.stats(0).packets == 4)
    assert on_fast(call.relay) == 0
    call.say(1, rtp(3, ssrc=2))
    assert call.phones[1].silent()
    call.relay.remove(call.stream.id)
    assert on_fast(call.relay) == 0


@pytest.mark.parametrize("change", ["silenced", "types", "dscp", "crypto", "clock", "tape"])
def test_each_change_takes_the_stream_off(call: Call, change: str) -> None:
    number, relay = call.stream.id, call.relay
    {
        "silenced": lambda: relay.set_silenced(number, 0, True),
        "types": lambda: relay.set_blocked_types(number, 0, 1),
        "dscp": lambda: relay.set_dscp(number, 0, 0),
        "crypto": lambda: relay.set_crypto(number, 0, None, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0)),
        "clock": lambda: relay.set_clock(number, 96, 48_000),
        "tape": lambda: relay.tape(number, None),
    }[change]()
    call.phones[1].send(rtp(1, ssrc=2, payload_type=0), call.stream.port(1))
    call.phones[0].receive()
    assert not is_fast(relay, number)
    assert call.stream.stats(1).packets == 2


def test_clocks_of_dynamic_types_are_known(call: Call) -> None:
    call.relay.set_clock(call.stream.id, 111, 48_000)
    call.say(0, rtp(1, 0, ssrc=1, payload_type=111))
    eventually(lambda: on_fast(call.relay) == ON)
    for number in range(2, 20):
        call.say(0, rtp(number, 24_000 * number, ssrc=1, payload_type=111))  # half a second each, within no time
    assert call.stream.stats(0).jitter > 10_000


def test_a_stream_whose_side_is_another_stream_of_ours_stays_off(phone: PhoneMaker) -> None:
    with started_fast(["127.0.0.1"], fifo=False) as relay:
        stream, alice, bob = Stream(relay), phone(), phone()
        relay.own_ports("127.0.0.1", bob.address[1], bob.address[1])
        stream.remote(0, alice, mode=native.FIXED)
        stream.remote(1, bob, mode=native.FIXED)
        for side, (sender, receiver) in enumerate(((alice, bob), (bob, alice))):
            sender.send(rtp(ssrc=side), stream.port(side))
            receiver.receive()
        assert on_fast(relay) == 0


def test_maps_that_are_none_or_too_small_are_refused() -> None:
    with pytest.raises(ValueError, match="fast path"):
        native.Relay(fast=(0, 0, []))
    opened = fast_path.open_fast_path(["127.0.0.1"], 4)
    assert (opened is not None) == MAY_OPEN_FAST
    if opened is None:
        return
    before = descriptors()
    with pytest.raises(ValueError, match="fast path"):
        native.Relay(capacity=5, fast=opened.for_relay())
    with pytest.raises(ValueError, match="fast path"):
        native.Relay(capacity=4, fast=(opened.pairs, opened.legs, list(range(17))))
    assert descriptors() == before
    opened.close()
    opened.close()


def test_without_the_program_or_the_kernels_leave_there_is_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr(fast_path, "PROGRAM", fast_path.PROGRAM.with_name("nothing.o"))
    assert fast_path.open_fast_path(["127.0.0.1"], 4) is None
    assert "built without clang" in caplog.text

    def refuse(streams: int) -> fast_path.FastPath:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(fast_path, "PROGRAM", fast_path.Path(__file__))
    assert fast_path.open_fast_path(["0.0.0.0", "192.0.2.1"], 4) is None
    assert "no Ethernet interface or loopback has the relay's addresses" in caplog.text
    monkeypatch.setattr(fast_path, "load", refuse)
    assert fast_path.open_fast_path(["127.0.0.1"], 4) is None
    assert "it takes CAP_BPF and CAP_NET_ADMIN, or root: Operation not permitted" in caplog.text


def test_a_kernel_without_a_place_for_the_program_is_told_from_one_that_forbids_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Linux before 6.6 has programs and maps, and says EINVAL of the place."""
    caplog.set_level("INFO")

    def no_place(program: int, interface: int) -> int:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def no_library() -> None:
        raise OSError(0, "libbpf.so.1 is not installed")

    if not MAY_OPEN_FAST:
        pytest.skip("no program can be had here")
    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(fast_path, "_attach", no_place)
        assert fast_path.open_fast_path(["127.0.0.1"], 4) is None
    assert f"it takes Linux 6.6 or newer, and this is {os.uname().release}: Invalid argument" in caplog.text
    monkeypatch.setattr(fast_path, "_libbpf", no_library)
    assert fast_path.open_fast_path(["127.0.0.1"], 4) is None
    assert "no fast path: libbpf.so.1 is not installed" in caplog.text
    assert descriptors() == before


def test_what_is_not_on_it_is_counted_by_the_reason(call: Call, phone: PhoneMaker) -> None:
    host = call.phones[0].address[0]
    silent, secure, chained = (Stream(call.relay, hosts=(host, host)) for _ in range(3))
    other = phone(host)
    call.relay.set_crypto(secure.id, 0, None, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0))
    call.relay.own_ports(host, other.address[1], other.address[1])
    for side, one in enumerate((call.phones[0], other)):
        chained.remote(side, one, mode=native.FIXED)
    for side, one in enumerate((call.phones[0], other)):
        one.send(rtp(), chained.port(side))
        (other, call.phones[0])[side].receive()
    assert not silent.stats(0).packets
    eventually(lambda: on_fast(call.relay) == ON)
    assert call.relay.fast == (native.FastStatus(1, 1, 1, 1, 0, 0, 0) if MAY_OPEN_FAST else (0,) * 7)
    call.say(0, rtp(1, ssrc=1, payload=b"x" * 1400))
    call.relay.scan_fast()
    call.say(0, rtp(2, ssrc=1, payload=b"x" * 1400))
    call.say(0, rtp(3, ssrc=1, payload=b"x" * 1400))
    eventually(lambda: on_fast(call.relay) == ON)


def test_many_streams_come_and_go_in_slices() -> None:
    """No call of the loop that asks for it takes long, and none is forgotten."""
    with started_fast(["127.0.0.1"], fifo=False, threads=2) as relay, contextlib.ExitStack() as stack:
        phones = [stack.enter_context(contextlib.closing(Phone())) for _ in range(2)]
        streams = [Stream(relay) for _ in range(60)]
        for stream in streams:
            for side in (0, 1):
                stream.remote(side, phones[side])
            for side in (0, 1):
                phones[side].send(rtp(ssrc=side), stream.port(side))
                phones[1 - side].receive()
        eventually(lambda: on_fast(relay) == 60 * ON)
        assert all(is_fast(relay, stream.id) for stream in streams) or not MAY_OPEN_FAST
        for stream in streams:
            relay.remove(stream.id)
        assert relay.fast.on == 0


@pytest.mark.parametrize("next_one", ["supervisor", "relay"])
def test_what_a_killed_relay_left_goes_on_until_somebody_empties_the_maps(phone: PhoneMaker, next_one: str) -> None:
    opened = fast_path.open_fast_path(["127.0.0.1"], 64)
    assert (opened is not None) == MAY_OPEN_FAST
    if opened is None:
        return
    alice, bob = phone(), phone()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        relay = native.Relay(capacity=64, fast=opened.for_relay(), fifo=False)
        relay.start()
        stream = Stream(relay)
        for side, one in enumerate((alice, bob)):
            stream.remote(side, one)
        for side, (one, other) in enumerate(((alice, bob), (bob, alice))):
            one.send(rtp(ssrc=side), stream.port(side))
            other.receive()
        relay.scan_fast()
        os.write(writer, struct.pack("=HH", *(stream.port(side)[1] for side in (0, 1))))
        os.kill(os.getpid(), 9)
    ports = struct.unpack("=HH", os.read(reader, 4))
    os.waitpid(child, 0)
    alice.send(rtp(1), ("127.0.0.1", ports[0]))
    assert bob.receive_from() == (rtp(1), ("127.0.0.1", ports[1]))
    if next_one == "supervisor":
        opened.empty()
    else:
        native.Relay(capacity=64, fast=opened.for_relay(), fifo=False)
    alice.send(rtp(2), ("127.0.0.1", ports[0]))
    assert bob.silent()
    opened.close()
    os.close(reader)
    os.close(writer)
