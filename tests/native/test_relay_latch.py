"""Whose packets pass and what is learned from them (design section 4, RFC 4961, RFC 3550 section 11)."""

from __future__ import annotations

import select
from collections.abc import Callable

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp

PhoneMaker = Callable[..., Phone]


def talk(stream: Stream, sender: Phone, receiver: Phone, side: int = 0, sequence: int = 0, **fields: int) -> None:
    """One packet from the phone at ``side`` arrives at the other one."""
    packet = rtp(sequence, sequence * 160, **fields)
    sender.send(packet, stream.port(side))
    assert receiver.receive() == packet


def test_packets_pass_both_ways_and_leave_from_the_other_sides_port(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    alice.send(rtp(1), stream.port(0))
    assert bob.receive_from() == (rtp(1), stream.port(1))
    bob.send(rtp(7, ssrc=9), stream.port(1))
    assert alice.receive_from() == (rtp(7, ssrc=9), stream.port(0))


def test_first_packet_from_the_learn_host_latches_any_port(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, announced = Stream(relay), phone(), phone(), phone()
    stream.remote(0, announced)
    stream.remote(1, bob)
    talk(stream, bob, announced, side=1)
    assert stream.stats(0).remote == announced.address
    assert not stream.stats(0).latched
    talk(stream, alice, bob)
    assert stream.stats(0).remote == alice.address
    assert stream.stats(0).latched
    talk(stream, bob, alice, side=1, sequence=1)


def test_learn_host_differs_from_the_signalled_host(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, natted, bob = Stream(relay), phone("127.0.0.2"), phone()
    relay.set_remote(stream.id, 0, 0, ("192.0.2.10", 4000), learn_host="127.0.0.2")
    stream.remote(1, bob)
    talk(stream, natted, bob)
    assert stream.stats(0).remote == natted.address


def test_strangers_are_dropped_counted_and_never_learned(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, stranger = Stream(relay), phone(), phone(), phone("127.0.0.3")
    stream.remote(0, alice)
    stream.remote(1, bob)
    stranger.send(rtp(0, ssrc=66), stream.port(0))
    talk(stream, alice, bob)
    stranger.send(rtp(1), stream.port(0))
    talk(stream, alice, bob, sequence=1)
    assert bob.silent()
    eventually(lambda: stream.stats(0).packets == 2)
    stats = stream.stats(0)
    assert (stats.strangers, stats.malformed, stats.remote) == (2, 0, alice.address)
    assert stats.bytes == 2 * 172


def test_other_port_of_the_latched_host_is_a_stranger(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, neighbour = Stream(relay), phone(), phone(), phone()
    relay.set_remote(stream.id, 0, 0, ("192.0.2.10", 4000), learn_host="127.0.0.1")
    stream.remote(1, bob)
    talk(stream, alice, bob)
    neighbour.send(rtp(1, ssrc=0xBAD), stream.port(0))
    neighbour.send(rtcp(), stream.port(0))
    talk(stream, alice, bob, sequence=1)
    assert bob.silent()
    assert (stream.stats(0).strangers, stream.stats(0).malformed) == (1, 1)
    assert stream.stats(0).remote == alice.address


@pytest.mark.parametrize(
    ("distance", "relearned"), [(1, True), (536, True), (-536, True), (537, False), (-537, False), (30000, False)]
)
def test_relearns_the_same_ssrc_only_near_its_sequence(
    relay: native.Relay, phone: PhoneMaker, distance: int, relearned: bool
) -> None:
    stream, alice, moved, bob = Stream(relay), phone(), phone(), phone()
    relay.set_remote(stream.id, 0, 0, ("192.0.2.10", 4000), learn_host="127.0.0.1")
    stream.remote(1, bob)
    talk(stream, alice, bob, sequence=65500)
    relay.events()
    moved.send(rtp(65500 + distance), stream.port(0))
    if relearned:
        assert bob.receive() == rtp(65500 + distance)
        assert stream.stats(0).remote == moved.address
        assert relay.events() == [(native.LATCHED, stream.id, 0, 0)]
    else:
        talk(stream, alice, bob, sequence=65501)
        assert bob.silent()
        assert stream.stats(0).remote == alice.address
        assert relay.events() == []


def test_new_ssrc_from_the_latched_source_is_fine(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    talk(stream, alice, bob, sequence=5)
    talk(stream, alice, bob, sequence=40000, ssrc=77)
    eventually(lambda: stream.stats(0).ssrc == 77)
    assert stream.stats(0).lost == 0


def test_peer_may_come_back_to_the_address_it_signalled(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, old_port, new_port, bob = Stream(relay), phone(), phone(), phone()
    stream.remote(1, bob)
    stream.remote(0, new_port)
    talk(stream, old_port, bob, sequence=100)  # still on its way when the re-INVITE had changed the port
    talk(stream, new_port, bob, sequence=9000, ssrc=4711)
    assert stream.stats(0).remote == new_port.address


def test_fixed_accepts_exactly_the_given_address(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, other_port = Stream(relay), phone(), phone(), phone()
    stream.remote(0, alice, mode=native.FIXED)
    stream.remote(1, bob)
    other_port.send(rtp(0), stream.port(0))
    talk(stream, alice, bob)
    assert (stream.stats(0).strangers, stream.stats(0).latched) == (1, False)


def test_asymmetric_accepts_any_port_and_sends_to_the_given_one(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, sender, receiver, bob = Stream(relay), phone(), phone(), phone()
    stream.remote(0, receiver, mode=native.ASYMMETRIC)
    stream.remote(1, bob)
    talk(stream, sender, bob)
    talk(stream, bob, receiver, side=1)
    assert not stream.stats(0).latched


def test_any_learns_from_whoever_is_first_and_then_is_strict(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, first, second, bob = Stream(relay), phone("127.0.0.5"), phone("127.0.0.6"), phone()
    stream.remote(0, None, mode=native.ANY)
    stream.remote(1, bob)
    talk(stream, first, bob)
    second.send(rtp(1), stream.port(0))
    talk(stream, first, bob, sequence=1)
    assert (stream.stats(0).strangers, stream.stats(0).remote) == (1, first.address)


def test_handover_follows_who_goes_on_with_the_source_to_another_host(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, roamed, bob, control = Stream(relay), phone(), phone("127.0.0.5"), phone(), phone("127.0.0.5")
    hostile, b_rtcp = phone("127.0.0.6"), phone()
    stream.remote(0, alice, mode=native.HANDOVER)
    stream.remote(0, phone(), 1, mode=native.HANDOVER)
    stream.remote(1, bob)
    stream.remote(1, b_rtcp, 1)
    hostile.send(rtp(0), stream.port(0))  # nobody to go on from yet
    talk(stream, alice, bob, sequence=65500)
    control.send(rtcp(), stream.port(0, 1))
    for packet in (rtp(65501, ssrc=0xBAD), rtp(40000), rtcp()):
        hostile.send(packet, stream.port(0))
    talk(stream, roamed, bob, sequence=65502)
    talk(stream, bob, roamed, side=1)
    control.send(rtcp(), stream.port(0, 1))
    assert b_rtcp.receive() == rtcp()
    hostile.send(rtcp(), stream.port(0, 1))
    eventually(lambda: (stream.stats(0).strangers, stream.stats(0, 1).strangers) == (3, 2))
    talk(stream, alice, bob, sequence=9)  # back where it was signalled
    assert (stream.stats(0).malformed, stream.stats(0, 1).malformed) == (1, 0)
    assert bob.silent()


def test_unchanged_setting_keeps_the_latch_and_a_changed_one_drops_it(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, announced, alice, bob, neighbour = Stream(relay), phone(), phone(), phone(), phone()
    stream.remote(0, announced)
    stream.remote(1, bob)
    talk(stream, alice, bob)
    stream.remote(0, announced)
    assert stream.stats(0).latched
    stream.remote(0, announced, learn_host="127.0.0.9")
    assert stream.stats(0)[-2:] == (announced.address, False)
    neighbour.send(rtp(1), stream.port(0))
    eventually(lambda: stream.stats(0).strangers == 1)


def test_forgotten_remote_gets_nothing_and_sends_nothing(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    talk(stream, alice, bob)
    stream.remote(1, None)
    alice.send(rtp(1), stream.port(0))
    bob.send(rtp(0), stream.port(1))
    eventually(lambda: (stream.stats(0).no_remote, stream.stats(1).strangers) == (1, 1))
    assert stream.stats(1).remote is None
    stream.remote(1, bob)
    talk(stream, alice, bob, sequence=2)


def test_blocked_side_is_counted_and_dropped(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    relay.set_forward(stream.id, 0, False)
    alice.send(rtp(0), stream.port(0))
    eventually(lambda: stream.stats(0).packets == 1)
    assert stream.stats(0).forwarded == 0
    relay.set_forward(stream.id, 0, True)
    talk(stream, alice, bob, sequence=1)


def test_events_name_each_leg_once_and_make_the_descriptor_readable(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    assert select.select([relay.event_fd], [], [], 0)[0] == []
    talk(stream, alice, bob)
    talk(stream, bob, alice, side=1)
    assert select.select([relay.event_fd], [], [], 5)[0] == [relay.event_fd]
    assert relay.events() == [native.Event(native.LATCHED, stream.id, side, 0) for side in (0, 1)]
    assert relay.events() == []
    assert select.select([relay.event_fd], [], [], 0)[0] == []


def test_packets_from_the_former_address_pass_until_the_new_one_is_heard(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone(), phone()
    moved, neighbour = phone("127.0.0.2"), phone("127.0.0.1")
    stream.remote(0, alice)
    stream.remote(1, bob)
    talk(stream, alice, bob)
    stream.remote(0, moved)
    talk(stream, alice, bob, sequence=1)
    talk(stream, bob, moved, side=1)
    neighbour.send(rtp(2, ssrc=0xBAD), stream.port(0))
    talk(stream, alice, bob, sequence=2)
    assert stream.stats(0).strangers == 1
    assert (stream.stats(0).latched, stream.stats(0).remote) == (False, moved.address)
    talk(stream, moved, bob, sequence=3)
    alice.send(rtp(4), stream.port(0))
    eventually(lambda: stream.stats(0).strangers == 2)
    assert bob.silent()


def test_a_packet_on_its_way_from_the_former_port_is_not_learned_again(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, again, bob = Stream(relay), phone(), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    talk(stream, alice, bob)
    stream.remote(0, again)
    talk(stream, alice, bob, sequence=1)
    talk(stream, bob, again, side=1)
    talk(stream, again, bob, sequence=900, ssrc=77)
    assert (stream.stats(0).latched, stream.stats(0).remote) == (True, again.address)


def test_a_side_that_takes_nothing_any_more_has_no_former_address(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob = Stream(relay), phone("127.0.0.2"), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    talk(stream, alice, bob)
    relay.set_remote(stream.id, 0, 0, None)
    alice.send(rtp(1), stream.port(0))
    eventually(lambda: stream.stats(0).strangers == 1)
    assert bob.silent()


def test_a_port_of_ours_is_never_learned(relay: native.Relay, phone: PhoneMaker) -> None:
    """Whoever sends from there is another stream, and what it sends might come round."""
    stream, alice, bob, ours = Stream(relay), phone(), phone(), phone()
    relay.own_ports("0.0.0.0", ours.address[1], ours.address[1])
    for mode in (native.SYMMETRIC, native.HANDOVER, native.ANY):
        stream.remote(0, alice, mode=mode)
        stream.remote(1, bob)
        before = stream.stats(0).strangers
        ours.send(rtp(1, ssrc=66), stream.port(0))
        talk(stream, alice, bob, sequence=1)
        ours.send(rtp(2, 320), stream.port(0))
        talk(stream, alice, bob, sequence=3)
        assert stream.stats(0).strangers == before + 2


def test_who_is_given_a_port_of_ours_is_there(relay: native.Relay, phone: PhoneMaker) -> None:
    stream, alice, bob, ours = Stream(relay), phone(), phone(), phone()
    relay.own_ports("127.0.0.1", ours.address[1], ours.address[1])
    stream.remote(0, ours)
    stream.remote(1, bob)
    talk(stream, ours, bob)
    assert stream.stats(0).remote == ours.address
    alice.send(rtp(0, ssrc=66), stream.port(0))
    talk(stream, ours, bob, sequence=2)
    assert stream.stats(0).strangers == 1


@pytest.mark.parametrize(("first", "last"), [(0, 5), (6, 5), (1, 65536)])
def test_own_ports_that_are_no_range(relay: native.Relay, first: int, last: int) -> None:
    with pytest.raises(ValueError, match=r"first|last"):
        relay.own_ports("192.0.2.1", first, last)


def test_more_own_hosts_than_there_is_room_for(relay: native.Relay) -> None:
    for host in range(64):
        relay.own_ports(f"192.0.2.{host}", 20000, 29999)
    with pytest.raises(MemoryError):
        relay.own_ports("192.0.2.64", 20000, 29999)
