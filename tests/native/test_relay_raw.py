"""Sending by raw sockets: packets look as those of UDP sockets, what is not for them goes the old way, and so does all once
they are refused."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from media.raw import close_raw, open_raw
from native import relay as native
from tests.native.relay_raw import MAY_OPEN_RAW, Wire, lead_astray
from tests.native.relay_wire import Phone, Stream, descriptors, eventually, rtcp, rtp, started

PhoneMaker = Callable[..., Phone]
ON = int(MAY_OPEN_RAW)  # without, the same packets arrive, from the streams' own sockets
HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


class Bench:
    """A relay with a raw socket on the host where we may open one, a stream, and phones on both sides of it."""

    def __init__(self, relay: native.Relay, raw: list[socket.socket], phone: PhoneMaker, host: str) -> None:
        self.relay = relay
        self.raw = raw
        self.stream, self.alice, self.bob = Stream(relay, hosts=(host, host)), phone(host), phone(host)
        self.stream.remote(0, self.alice)
        self.stream.remote(1, self.bob)

    def pass_on(self, packet: bytes, component: int = 0) -> None:
        self.alice.send(packet, self.stream.port(0, component))
        assert self.bob.receive_from() == (packet, self.stream.port(1, component))

    def raw_packets(self, expected: int) -> int:
        """How many were sent by the raw socket, once it is as many as that."""
        eventually(lambda: self.relay.raw.packets >= expected)
        return self.relay.raw.packets


@pytest.fixture
def bench(request: pytest.FixtureRequest, phone: PhoneMaker) -> Iterator[Bench]:
    host = request.node.callspec.params.get("host", "127.0.0.1") if hasattr(request.node, "callspec") else "127.0.0.1"
    raw = open_raw([host], 46, 1)
    with started(raw=raw) as relay:
        yield Bench(relay, raw, phone, host)
    close_raw(raw)


@pytest.fixture
def wire(bench: Bench) -> Iterator[Wire]:
    """What reaches bob."""
    if not MAY_OPEN_RAW:
        pytest.skip("who looks at packets on their way takes CAP_NET_RAW")
    opened = Wire(bench.bob.address[1])
    yield opened
    opened.close()


@HOSTS
@pytest.mark.parametrize("size", [0, 1, 2, 3, 159, 160, 1000])
def test_packets_look_as_those_of_a_udp_socket(bench: Bench, wire: Wire, host: str, size: int) -> None:
    packet = rtp(payload=bytes(range(256)) * 4)[: 12 + size]
    bench.pass_on(packet)
    ours = wire.next()
    assert bench.raw_packets(ON) == ON
    with socket.socket(fileno=native.bind_udp(host, 0)) as plain:
        plain.sendto(packet, bench.bob.address)
        theirs = wire.next()
    assert ours.header == theirs.header
    assert (ours.source, ours.size) == (bench.stream.port(1)[1], theirs.size)
    assert ours.found_checksum == ours.checksum


@HOSTS
def test_a_checksum_that_comes_out_as_zero_is_sent_as_ones(bench: Bench, wire: Wire, host: str) -> None:
    bench.pass_on(rtp(payload=bytes(2)))
    rest = wire.next().checksum
    bench.pass_on(rtp(payload=rest.to_bytes(2)))
    assert wire.next().found_checksum == 0xFFFF


def test_the_kernel_takes_none_with_a_wrong_checksum(bench: Bench) -> None:
    for size in range(64):
        bench.pass_on(rtp(size, payload=bytes([255 - size]) * size))
    assert bench.raw_packets(64 * ON) == 64 * ON


def test_rtcp_leaves_by_the_raw_socket_from_its_own_port(bench: Bench, phone: PhoneMaker) -> None:
    monitor = phone()
    bench.stream.remote(1, monitor, component=1)
    bench.alice.send(rtcp(), bench.stream.port(0, 1))
    assert monitor.receive_from() == (rtcp(), bench.stream.port(1, 1))
    assert bench.raw_packets(ON) == ON


@HOSTS
def test_large_packets_are_the_kernels_to_divide(bench: Bench, host: str) -> None:
    for size in (1400, 9000, 65507 - 12):
        bench.pass_on(rtp(payload=bytes(size)))
    assert bench.raw_packets(3 * ON) == 3 * ON


def test_another_dscp_leaves_by_the_streams_own_socket_and_the_first_again_by_the_raw_one(bench: Bench) -> None:
    bench.relay.set_dscp(bench.stream.id, 1, 34)
    bench.pass_on(rtp(1))
    bench.relay.set_dscp(bench.stream.id, 1, 46)
    bench.pass_on(rtp(2))
    assert bench.raw_packets(ON) == ON


def test_a_wildcard_and_another_family_leave_by_their_own_sockets(bench: Bench, phone: PhoneMaker) -> None:
    for bound, host in (("0.0.0.0", "127.0.0.1"), ("::1", "::1")):
        stream, alice, bob = Stream(bench.relay, hosts=(bound, bound)), phone(host), phone(host)
        stream.remote(0, alice)
        stream.remote(1, bob)
        alice.send(rtp(), (host, stream.port(0)[1]))
        assert bob.receive() == rtp()
    assert bench.raw_packets(0) == 0


def test_one_socket_sends_from_every_address_up_to_sixteen(bench: Bench, phone: PhoneMaker) -> None:
    for number in range(2, 20):
        host = f"127.0.0.{number}"
        stream, alice, bob = Stream(bench.relay, hosts=(host, host)), phone(), phone()
        stream.remote(0, alice)
        stream.remote(1, bob)
        alice.send(rtp(), stream.port(0))
        assert bob.receive_from() == (rtp(), stream.port(1))
    assert bench.raw_packets(15 * ON) == 15 * ON  # the bench's own stream has the first address


def test_a_raw_socket_that_is_refused_is_given_up_and_no_packet_lost(bench: Bench) -> None:
    for each in bench.raw:
        lead_astray(each)
    for sequence in range(70):
        bench.pass_on(rtp(sequence))
    eventually(lambda: bench.stream.stats(0).forwarded == 70)
    assert bench.relay.raw == (0, ON, 0, 64 * ON)
    assert bench.stream.stats(0).send_errors == 0


def test_what_nobody_can_send_is_an_error_of_the_stream_and_not_of_the_raw_socket(bench: Bench) -> None:
    bench.relay.set_remote(bench.stream.id, 1, 0, ("198.51.100.255", 4000))
    with socket.socket(fileno=native.bind_udp("127.0.0.1", 0)) as plain:
        for sequence in range(100):
            bench.alice.send(rtp(sequence), bench.stream.port(0))
        with pytest.raises(OSError, match="argument"):  # from a loopback address to outside
            plain.sendto(b"x", ("198.51.100.255", 4000))
    eventually(lambda: bench.stream.stats(0).forwarded + bench.stream.stats(0).send_errors == 100)
    assert (bench.relay.raw.given_up, bench.relay.raw.refused) == (0, 0)


def test_each_thread_has_its_own_and_one_more_is_refused(phone: PhoneMaker) -> None:
    raw = open_raw(["127.0.0.1"], 46, 3)
    with started(threads=2, raw=raw[:2]) as relay:
        for thread in range(2):
            stream, alice, bob = Stream(relay, thread=thread), phone(), phone()
            stream.remote(1, bob)
            stream.remote(0, alice)
            alice.send(rtp(), stream.port(0))
            assert bob.receive() == rtp()
        eventually(lambda: relay.raw == (2 * ON, 0, 2 * ON, 0))
    if MAY_OPEN_RAW:
        with pytest.raises(ValueError, match="one a thread"):
            native.Relay(threads=2, raw=raw)
    close_raw(raw)


def test_what_is_no_raw_socket_is_refused_and_no_descriptor_stays_open() -> None:
    before = descriptors()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        with pytest.raises(ValueError, match="raw socket"):
            native.Relay(raw=[plain])
        with pytest.raises(TypeError):
            native.Relay(raw=["x"])
        with pytest.raises(TypeError):
            native.Relay(raw=plain)
    with pytest.raises(ValueError, match="descriptor"):
        native.Relay(raw=[-1])
    assert descriptors() == before


def test_a_raw_socket_for_something_else_is_refused() -> None:
    refused = (ValueError, "raw socket for UDP") if MAY_OPEN_RAW else (PermissionError, "not permitted")
    kind = socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP
    with pytest.raises(refused[0], match=refused[1]), socket.socket(*kind) as other:
        native.Relay(raw=[other])
