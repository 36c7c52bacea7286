"""Streams added, changed and removed, alone and under traffic; what is refused and how that is said."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, descriptors, eventually, local_address, rtp, started

PhoneMaker = Callable[..., Phone]


def pair_of_sockets() -> tuple[tuple[int, int], tuple[int, int]]:
    return ((native.bind_udp("127.0.0.1", 0), -1), (native.bind_udp("127.0.0.1", 0), -1))


def test_bind_udp_gives_a_plain_socket_of_the_process_only() -> None:
    with socket.socket(fileno=native.bind_udp("127.0.0.1", 0, dscp=10)) as one:
        assert one.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 40
        assert not os.get_inheritable(one.fileno())
        assert not os.get_blocking(one.fileno())
        with pytest.raises(OSError, match="in use"):
            native.bind_udp("127.0.0.1", one.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere", 0), "not an IP address"),
        (("127.0.0.1", 65536), "port"),
        (("127.0.0.1", -1), "port"),
        (("127.0.0.1", 0, 64), "dscp"),
        (("fe80::1%nosuchinterface", 0), "not an IP address"),
        (("1" * 200, 0), "not an IP address"),
    ],
)
def test_bind_udp_names_what_is_wrong(arguments: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        native.bind_udp(*arguments)


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 65}, {"capacity": 0}, {"capacity": 1 << 21}])
def test_relay_options_out_of_range(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        native.Relay(**options)


def test_calls_about_no_stream(relay: native.Relay) -> None:
    calls: list[Callable[[int], Any]] = [
        relay.thread_of,
        relay.remove,
        relay.last_packet_ns,
        lambda stream: relay.stats(stream, 0, 0),
        lambda stream: relay.set_remote(stream, 0, 0, ("127.0.0.1", 9)),
        lambda stream: relay.set_mux(stream, 0, True),
        lambda stream: relay.place(stream, 0, (None, None), (None, None), native.SYMMETRIC, False),
        lambda stream: relay.totals([stream]),
        lambda stream: relay.set_forward(stream, 0, True),
        lambda stream: relay.set_dscp(stream, 0, 0),
        lambda stream: relay.set_clock(stream, 96, 8000),
        lambda stream: relay.adopt(stream, ((1, 1), (1, 1))),
    ]
    for call in calls:
        for stream in (0, relay.capacity, 2**32 - 1):
            with pytest.raises(KeyError, match="no stream"):
                call(stream)


def test_arguments_out_of_range(relay: native.Relay) -> None:
    stream = Stream(relay).id
    calls: list[Callable[[], Any]] = [
        lambda: relay.stats(stream, 2, 0),
        lambda: relay.stats(stream, 0, -1),
        lambda: relay.set_remote(stream, 0, 2, None),
        lambda: relay.set_remote(stream, 0, 0, ("127.0.0.1", 0)),
        lambda: relay.set_remote(stream, 0, 0, ("127.0.0.1", 70000)),
        lambda: relay.set_remote(stream, 0, 0, ("phone.example.com", 4000)),
        lambda: relay.set_remote(stream, 0, 0, ("127.0.0.1", 4000), mode=99),
        lambda: relay.set_remote(stream, 0, 0, ("127.0.0.1", 4000), learn_host="?"),
        lambda: relay.set_dscp(stream, 0, 64),
        lambda: relay.set_clock(stream, 0, 8000),
        lambda: relay.set_clock(stream, 96, -1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"must be|not an IP address"):
            call()
    with pytest.raises(TypeError):
        relay.set_remote(stream, 0, 0, "127.0.0.1:4000")  # type: ignore[arg-type]


def test_refused_descriptors_stay_the_callers(relay: native.Relay) -> None:
    good = native.bind_udp("127.0.0.1", 0)
    tcp = socket.socket()
    reading, writing = os.pipe()
    for bad in (-1, tcp.fileno(), reading, 10**6):
        with pytest.raises(ValueError, match=r"UDP socket|needs an RTP socket"):
            relay.add(native.RTP, ((good, -1), (bad, -1)))
    with pytest.raises(ValueError, match="UDP socket"):
        relay.add(native.OPAQUE, ((good, good), (good, -1)))
    with pytest.raises(ValueError, match="kind"):
        relay.add(7, pair_of_sockets())
    assert local_address(good)[1]
    for fd in (good, reading, writing):
        os.close(fd)
    tcp.close()


def test_full_table_is_a_memory_error_until_one_is_removed() -> None:
    with started(capacity=3) as relay:
        streams = [Stream(relay) for _ in range(3)]
        ports = pair_of_sockets()
        with pytest.raises(MemoryError, match="full"):
            relay.add(native.RTP, ports)
        relay.remove(streams[1].id)
        assert relay.add(native.RTP, ports) == streams[1].id


def test_streams_go_to_the_least_loaded_thread_or_the_named_one() -> None:
    with started(threads=3) as relay:
        assert [relay.thread_of(Stream(relay).id) for _ in range(6)] == [0, 1, 2, 0, 1, 2]
        named = [Stream(relay, thread=1).id for _ in range(2)]
        assert [relay.thread_of(stream) for stream in named] == [1, 1]
        assert [relay.thread_of(Stream(relay).id) for _ in range(4)] == [0, 2, 0, 2]
        with pytest.raises(ValueError, match="thread"):
            Stream(relay, thread=3)
        assert (relay.threads, len(relay.progress())) == (3, 3)
        assert 0 <= relay.fifo_threads <= 3


def test_without_fifo_no_thread_gets_it() -> None:
    with started(fifo=False) as relay:
        assert relay.fifo_threads == 0


def test_removed_streams_keep_their_sockets_until_they_are_reaped(relay: native.Relay, phone: PhoneMaker) -> None:
    before, stream = descriptors(), Stream(relay)
    relay.remove(stream.id)
    assert descriptors() == before + 4
    relay.reap()
    for side in (0, 1):
        for component in (0, 1):
            assert phone(*stream.port(side, component)).address == stream.port(side, component)
    with pytest.raises(KeyError):
        relay.remove(stream.id)


def test_new_stream_inherits_nothing_of_the_old_one(relay: native.Relay, phone: PhoneMaker) -> None:
    first, alice, bob = Stream(relay), phone(), phone()
    first.remote(0, alice)
    first.remote(1, bob)
    relay.set_mux(first.id, 0, True)
    alice.send(rtp(), first.port(0))
    bob.receive()
    relay.remove(first.id)
    relay.reap()
    second = Stream(relay)
    assert second.id == first.id
    assert relay.events() == []
    assert second.stats(0) == (0,) * 19 + (None, False)


def test_streams_added_before_start_and_stop_is_idempotent(phone: PhoneMaker) -> None:
    relay = native.Relay(capacity=4)
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    alice.send(rtp(), stream.port(0))
    removed = Stream(relay)
    relay.remove(removed.id)
    relay.start()
    relay.start()
    assert bob.receive() == rtp()
    relay.stop()
    relay.stop()
    for call in (relay.start, lambda: Stream(relay), lambda: relay.stats(stream.id, 0, 0)):
        with pytest.raises(RuntimeError, match="stopped"):
            call()
    assert phone(*stream.port(0)).address == stream.port(0)


def test_remove_while_packets_flow(phone: PhoneMaker) -> None:
    ended = threading.Event()

    def flood() -> None:
        while not ended.is_set():
            for address in list(target):
                alice.send(rtp(), address)

    with started(threads=2) as relay:
        steady, alice, bob = Stream(relay), phone(), phone()
        steady.remote(0, alice)
        steady.remote(1, bob)
        target = [steady.port(0)]
        sender = threading.Thread(target=flood)
        sender.start()
        try:
            for _ in range(200):
                stream = Stream(relay)
                stream.remote(0, alice)
                stream.remote(1, bob)
                target[1:] = [stream.port(0)]
                relay.set_mux(stream.id, 0, True)
                relay.set_remote(stream.id, 1, 0, ("127.0.0.1", 9))
                relay.remove(stream.id)
                relay.reap()
        finally:
            ended.set()
            sender.join()
        sent_before = steady.stats(0).packets
        alice.send(rtp(), steady.port(0))
        eventually(lambda: steady.stats(0).packets > sent_before)
        assert steady.stats(0).strangers == 0


def resident_kb() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """A thousand streams want 4,000 sockets; the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard != resource.RLIM_INFINITY else 8192, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def round_of_streams(relay: native.Relay, count: int) -> None:
    streams = [Stream(relay).id for _ in range(count)]
    for stream in streams:
        relay.set_remote(stream, 0, 0, ("127.0.0.1", 4000))
        relay.stats(stream, 0, 0)
    relay.events()
    for stream in streams:
        relay.remove(stream)
    relay.reap()


@pytest.mark.usefixtures("many_descriptors")
def test_a_thousand_streams_leave_no_memory_and_no_descriptor() -> None:
    before = descriptors()
    with started(capacity=1000) as relay:
        idle = descriptors()
        round_of_streams(relay, 1000)
        resident = resident_kb()
        round_of_streams(relay, 1000)
        assert descriptors() == idle
        assert resident_kb() - resident < 512
    del relay
    assert descriptors() == before


def test_binding_calls_leak_no_memory(relay: native.Relay) -> None:
    stream = Stream(relay)

    def calls() -> None:
        for _ in range(3000):
            stream.stats(0)
            relay.set_remote(stream.id, 0, 0, ("127.0.0.1", 4000), learn_host="127.0.0.2")
            relay.set_clock(stream.id, 96, 48000)
            relay.last_packet_ns(stream.id)
            relay.stream_stats(stream.id)
            relay.progress()
            relay.events()
            with pytest.raises(KeyError):
                relay.stats(63, 0, 0)

    calls()
    resident = resident_kb()
    calls()
    assert resident_kb() - resident < 512


def test_recordings_leave_no_memory_and_no_descriptor(relay: native.Relay) -> None:
    stream = Stream(relay)

    def calls() -> None:
        for _ in range(200):
            number = relay.begin_recording(os.open("/dev/null", os.O_WRONLY), 1000)
            relay.tape(stream.id, number)
            relay.tape(stream.id, None)
            relay.end_recording(number)
            eventually(lambda number=number: relay.recording_status(number).state == native.RECORDED)  # type: ignore[misc]
            with pytest.raises(ValueError, match="no such recording"):
                relay.recording_status(number)
            with pytest.raises(ValueError, match="no such recording"):
                relay.tape(stream.id, 5000)

    calls()
    open_before, resident = descriptors(), resident_kb()
    calls()
    assert descriptors() == open_before
    assert resident_kb() - resident < 512


def test_numpy_reads_the_table(relay: native.Relay, phone: PhoneMaker) -> None:
    Stream(relay)
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    alice.send(rtp(7, payload_type=8), stream.port(0))
    bob.receive()
    eventually(lambda: stream.stats(0).forwarded == 1)
    dtype = np.dtype(native.STREAM_DTYPE)
    assert int.from_bytes(os.pread(relay.table_fd, 4, 12), "little") == dtype.itemsize
    table = np.memmap(os.fdopen(os.dup(relay.table_fd), "rb"), dtype=dtype, mode="r", offset=4096, shape=relay.capacity)
    entry = table[stream.id]
    side = entry["component"][0][0]
    assert (entry["state"], entry["kind"]) == (1, native.RTP)
    assert (side["flow"]["packets"], side["flow"]["forwarded"], side["flow"]["bytes"]) == (1, 1, 172)
    assert (side["flow"]["ssrc"], side["flow"]["payload_type"], side["flow"]["extended_max"]) == (0x1234, 8, 7)
    assert (side["leg"]["mode"], side["leg"]["latched"], table[stream.id + 1]["state"]) == (native.SYMMETRIC, 1, 0)
    assert side["flow"]["last_ns"] == entry["rare"][0][0]["first_ns"] == stream.stats(0).first_ns
