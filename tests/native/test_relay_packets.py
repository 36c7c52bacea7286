"""What passes in which form: RTCP and rtcp-mux, IPv4 to IPv6, opaque streams, malformed packets, DSCP, counters."""

from __future__ import annotations

import contextlib
import os
import random
import socket
import struct
from collections.abc import Callable

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp

IP_RECVERR = 11  # <linux/in.h>
PhoneMaker = Callable[..., Phone]
Pair = tuple[Stream, Phone, Phone]


@pytest.fixture
def pair(relay: native.Relay, phone: PhoneMaker) -> Pair:
    """A stream with alice at side 0 and bob at side 1, RTP known, RTCP not spoken of."""
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    return stream, alice, bob


def next_port_phone(phone: PhoneMaker) -> tuple[Phone, Phone]:
    """A phone and one at the port after it, as RFC 3550 section 11 pairs them."""
    while True:
        first = phone()
        try:
            return first, phone(port=first.address[1] + 1)
        except (OSError, OverflowError):
            continue


def test_rtcp_goes_to_the_port_after_rtp_until_it_is_learned(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, (bob, bob_rtcp), elsewhere = Stream(relay), phone(), next_port_phone(phone), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    alice.send(rtcp(), stream.port(0, 1))
    assert bob_rtcp.receive_from() == (rtcp(), stream.port(1, 1))
    assert stream.stats(1, 1).remote == bob_rtcp.address
    elsewhere.send(rtcp(200, words=5), stream.port(1, 1))
    eventually(lambda: stream.stats(1, 1).latched)
    alice.send(rtcp(202), stream.port(0, 1))
    assert elsewhere.receive() == rtcp(202)
    assert relay.stats(stream.id, 0, 1)[:4] == (2, 16, 2, 0)


def test_rtcp_follows_rtp_that_came_from_elsewhere_than_announced(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, (natted, natted_rtcp) = Stream(relay), phone(), next_port_phone(phone)
    stream.remote(0, alice)
    relay.set_remote(stream.id, 1, 0, ("192.168.1.2", 4000), learn_host="127.0.0.1")
    relay.set_remote(stream.id, 1, 1, ("192.168.1.2", 4001), learn_host="127.0.0.1")
    assert stream.stats(1, 1).remote == ("192.168.1.2", 4001)
    natted.send(rtp(), stream.port(1))
    alice.receive()
    alice.send(rtcp(), stream.port(0, 1))
    assert natted_rtcp.receive() == rtcp()


def test_given_rtcp_address_counts_again_when_rtp_is_back_at_the_given_one(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, monitor, elsewhere = Stream(relay), phone(), phone(), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    stream.remote(1, monitor, component=1)
    elsewhere.send(rtp(1), stream.port(1))
    alice.receive()
    assert stream.stats(1, 1).remote == ("127.0.0.1", elsewhere.address[1] + 1)
    bob.send(rtp(9000, ssrc=8), stream.port(1))
    alice.receive()
    assert stream.stats(1, 1).remote == monitor.address


def test_given_rtcp_address_is_used(pair: Pair, phone: PhoneMaker) -> None:
    stream, alice, _ = pair
    monitor = phone()
    stream.remote(1, monitor, component=1)
    alice.send(rtcp(), stream.port(0, 1))
    assert monitor.receive() == rtcp()


def test_rtcp_is_learned_anew_after_rtp_moved(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, alice_rtcp, moved, moved_rtcp = Stream(relay), phone(), phone(), phone(), phone(), phone()
    relay.set_remote(stream.id, 0, 0, ("192.0.2.1", 4000), learn_host="127.0.0.1")
    stream.remote(1, bob)
    alice.send(rtp(1), stream.port(0))
    alice_rtcp.send(rtcp(), stream.port(0, 1))
    moved_rtcp.send(rtcp(), stream.port(0, 1))
    eventually(lambda: stream.stats(0, 1).strangers == 1)
    moved.send(rtp(2), stream.port(0))
    eventually(lambda: stream.stats(0).remote == moved.address)
    moved_rtcp.send(rtcp(), stream.port(0, 1))
    eventually(lambda: stream.stats(0, 1).remote == moved_rtcp.address)
    assert (stream.stats(0).remote, stream.stats(0, 1).strangers) == (moved.address, 1)


def test_mux_on_one_side_splits_to_two_ports(relay: native.Relay, pair: Pair, phone: PhoneMaker) -> None:
    stream, alice, bob = pair
    bob_rtcp = phone()
    relay.set_mux(stream.id, 0, True)
    stream.remote(1, bob_rtcp, component=1)
    alice.send(rtp(3), stream.port(0))
    alice.send(rtcp(200, words=5), stream.port(0))
    assert bob.receive_from() == (rtp(3), stream.port(1))
    assert bob_rtcp.receive_from() == (rtcp(200, words=5), stream.port(1, 1))
    eventually(lambda: stream.stats(0, 1).forwarded == 1)
    assert (stream.stats(0).packets, stream.stats(0, 1).packets) == (1, 1)
    assert stream.stats(0, 1).remote == alice.address


def test_mux_on_one_side_joins_two_ports(relay: native.Relay, pair: Pair, phone: PhoneMaker) -> None:
    stream, alice, bob = pair
    bob_rtcp = phone()
    relay.set_mux(stream.id, 0, True)
    bob.send(rtp(3), stream.port(1))
    bob_rtcp.send(rtcp(), stream.port(1, 1))
    assert alice.receive_from() == (rtp(3), stream.port(0))
    assert alice.receive_from() == (rtcp(), stream.port(0))


@pytest.mark.parametrize("packet_type", [192, 195, 200, 206, 223])
def test_mux_knows_rtcp_by_its_payload_types(relay: native.Relay, pair: Pair, packet_type: int) -> None:
    stream, alice, bob = pair
    relay.set_mux(stream.id, 0, True)
    relay.set_mux(stream.id, 1, True)
    alice.send(rtcp(packet_type), stream.port(0))
    assert bob.receive_from() == (rtcp(packet_type), stream.port(1))
    assert stream.stats(0, 1).packets == 1
    assert stream.stats(0).packets == 0


@pytest.mark.parametrize("second_byte", [191, 224, 255, 0, 127])
def test_mux_leaves_other_payload_types_to_rtp(relay: native.Relay, pair: Pair, second_byte: int) -> None:
    stream, alice, bob = pair
    relay.set_mux(stream.id, 0, True)
    alice.send(bytes([0x80, second_byte]) + bytes(20), stream.port(0))
    bob.receive()
    assert (stream.stats(0).packets, stream.stats(0, 1).packets) == (1, 0)


def test_no_rtcp_socket_and_no_mux_counts_no_remote(relay: native.Relay, phone: PhoneMaker) -> None:
    alice, bob = phone(), phone()
    fds = [native.bind_udp("127.0.0.1", 0) for _ in range(2)]
    ports = [socket.socket(fileno=fd) for fd in fds]
    addresses = [port.getsockname() for port in ports]
    stream = relay.add(native.RTP, ((ports[0].detach(), -1), (ports[1].detach(), -1)))
    relay.set_remote(stream, 0, 0, alice.address)
    relay.set_remote(stream, 1, 0, bob.address)
    relay.set_mux(stream, 0, True)
    alice.send(rtcp(), addresses[0])
    eventually(lambda: relay.stats(stream, 0, 1).no_remote == 1)
    relay.set_mux(stream, 1, True)
    alice.send(rtcp(), addresses[0])
    assert bob.receive() == rtcp()


def test_ipv4_and_ipv6_cross(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, four, six = Stream(relay, hosts=("127.0.0.1", "::1")), phone(), phone("::1")
    stream.remote(0, four)
    stream.remote(1, six)
    four.send(rtp(1), stream.port(0))
    assert six.receive_from() == (rtp(1), stream.port(1))
    six.send(rtp(2), stream.port(1))
    assert four.receive_from() == (rtp(2), stream.port(0))
    assert stream.stats(1).remote == six.address
    assert stream.stats(1).latched
    intruder = phone("::1")
    intruder.send(rtp(9, ssrc=5), stream.port(1))
    eventually(lambda: stream.stats(1).malformed + stream.stats(1).strangers == 1)


def test_remote_of_the_wrong_family_is_refused(relay: native.Relay) -> None:
    stream = Stream(relay)
    with pytest.raises(ValueError, match="family"):
        relay.set_remote(stream.id, 0, 0, ("::1", 4000))


def test_opaque_bytes_pass_as_they_are(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay, kind=native.OPAQUE), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    for data in (b"\x00\x01\x02", b"", bytes(range(256)) * 5, rtcp()):
        alice.send(data, stream.port(0))
        assert bob.receive() == data
    eventually(lambda: stream.stats(0).forwarded == 4)
    stats = stream.stats(0)
    assert (stats.packets, stats.bytes, stats.malformed, stats.lost, stats.jitter) == (4, 3 + 1280 + 8, 0, 0, 0)


STUN = struct.pack("!HHI12s", 0x0001, 0, 0x2112A442, b"transaction!")
MALFORMED = {
    "empty": b"",
    "one byte": b"\x80",
    "short header": rtp(payload=b"")[:11],
    "version 1": b"\x40" + rtp()[1:],
    "version 3": b"\xc0" + rtp()[1:],
    "stun": STUN,
    "csrc overrun": b"\x8f" + rtp(payload=bytes(59))[1:],
    "extension header overrun": b"\x90" + rtp(payload=bytes(3))[1:],
    "extension overrun": b"\x90" + rtp(payload=struct.pack("!HH", 0xBEDE, 2) + bytes(7))[1:],
    "csrc and extension overrun": b"\x91" + rtp(payload=bytes(4) + struct.pack("!HH", 0xBEDE, 1) + bytes(3))[1:],
    "rtcp without mux": rtcp(),
}
FITTING = {
    "only a header": rtp(payload=b""),
    "fifteen csrcs": b"\x8f" + rtp(payload=bytes(60))[1:],
    "empty extension": b"\x90" + rtp(payload=bytes(4))[1:],
    "csrc and extension": b"\x91" + rtp(payload=bytes(4) + struct.pack("!HH", 0xBEDE, 1) + bytes(4))[1:],
    "encrypted padding count": b"\xa0" + rtp(payload=b"\xff")[1:],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_rtp_is_dropped_counted_and_not_learned_from(pair: Pair, name: str) -> None:
    stream, alice, _ = pair
    alice.send(MALFORMED[name], stream.port(0))
    eventually(lambda: stream.stats(0).malformed == 1)
    assert stream.stats(0)[:5] == (0, 0, 0, 0, 0)
    assert not stream.stats(0).latched


@pytest.mark.parametrize("name", FITTING)
def test_well_formed_rtp_passes(pair: Pair, name: str) -> None:
    stream, alice, bob = pair
    alice.send(FITTING[name], stream.port(0))
    assert bob.receive() == FITTING[name]


@pytest.mark.parametrize("data", [rtp(), rtcp()[:7], b"\x00" + rtcp()[1:], rtcp(words=3)[:-1], STUN])
def test_malformed_rtcp_is_dropped_and_counted(pair: Pair, data: bytes) -> None:
    stream, alice, _ = pair
    alice.send(data, stream.port(0, 1))
    eventually(lambda: stream.stats(0, 1).malformed == 1)
    assert stream.stats(0, 1).packets == 0


def test_counters_agree_with_what_was_sent(pair: Pair, phone: PhoneMaker) -> None:
    stream, alice, bob = pair
    chance, stranger = random.Random(5), phone("127.0.0.8")
    good = bad = strange = size = 0
    for sequence in range(300):
        kind = chance.choice("gggbs")
        if kind == "g":
            packet = rtp(sequence, sequence * 160, payload=bytes(chance.randrange(200)), payload_type=8)
            alice.send(packet, stream.port(0))
            assert bob.receive() == packet
            good, size = good + 1, size + len(packet)
        elif kind == "b":
            alice.send(STUN, stream.port(0))
            bad += 1
        else:
            stranger.send(rtp(sequence), stream.port(0))
            strange += 1
    eventually(lambda: sum(stream.stats(0)[i] for i in (0, 4, 5)) == 300 and stream.stats(0).forwarded == good)
    stats = stream.stats(0)
    assert (stats.packets, stats.bytes, stats.malformed, stats.strangers) == (good, size, bad, strange)
    assert (stats.payload_type, stats.ssrc, stats.send_errors) == (8, 0x1234, 0)
    assert 0 < stats.first_ns < stats.last_ns <= native.monotonic_ns()
    assert stream.relay.last_packet_ns(stream.id) == stats.last_ns


def test_icmp_errors_neither_stop_nor_spin_the_relay(relay: native.Relay, pair: Pair, phone: PhoneMaker) -> None:
    stream, alice, bob = pair
    gone = phone()
    address = gone.address
    gone.close()
    relay.set_remote(stream.id, 1, 0, address)
    for sequence in range(50):
        alice.send(rtp(sequence), stream.port(0))
    eventually(lambda: stream.stats(0).packets == 50)
    turns = relay.progress()[0]
    stream.remote(1, bob)
    alice.send(rtp(50), stream.port(0))
    assert bob.receive() == rtp(50)
    assert relay.progress()[0] <= turns + 3


@pytest.mark.parametrize("how", [socket.SHUT_RD, socket.SHUT_RDWR])
def test_socket_ready_without_a_packet_does_not_make_the_thread_spin(relay: native.Relay, pair: Pair, how: int) -> None:
    stream, alice, bob = pair
    with socket.socket(fileno=os.dup(stream.fds[0][1])) as rtcp_port, contextlib.suppress(OSError):
        rtcp_port.shutdown(how)
    with socket.socket(fileno=os.dup(stream.fds[1][1])) as rtcp_port:
        rtcp_port.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        rtcp_port.sendto(b"x", ("127.0.0.1", 1))  # nobody there: an ICMP error is queued
    alice.send(rtp(0), stream.port(0))
    bob.receive()
    turns = relay.progress()[0]
    for sequence in range(1, 20):
        alice.send(rtp(sequence), stream.port(0))
        bob.receive()
    assert relay.progress()[0] <= turns + 25


def test_unreachable_remote_counts_send_errors(relay: native.Relay, pair: Pair) -> None:
    stream, alice, _ = pair
    relay.set_remote(stream.id, 1, 0, ("255.255.255.255", 4000))
    alice.send(rtp(), stream.port(0))
    eventually(lambda: stream.stats(0).send_errors == 1)
    assert stream.stats(0).forwarded == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_dscp_marks_what_leaves(relay: native.Relay, phone: PhoneMaker, host: str) -> None:
    stream, alice, bob = Stream(relay, hosts=(host, host)), phone(host), phone(host)
    six = ":" in host
    bob.socket.setsockopt(
        *((socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS) if six else (socket.IPPROTO_IP, socket.IP_RECVTOS)), 1
    )
    stream.remote(0, alice)
    stream.remote(1, bob)
    for dscp in (46, 34):
        if dscp != 46:
            relay.set_dscp(stream.id, 1, dscp)
        alice.send(rtp(), stream.port(0))
        _, ancillary, _, _ = bob.socket.recvmsg(2048, 64)
        assert ancillary[0][2][0] == dscp << 2
