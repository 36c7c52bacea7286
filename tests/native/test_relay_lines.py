"""What control asks for a whole line at once: ports in pairs, both components of a side, sums over streams."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

from native import relay as native
from tests.native.relay_wire import Stream, descriptors, eventually, local_address, rtp, started

HOST = "127.0.0.77"


def free_run(count: int) -> int:
    """The first of so many consecutive ports that nobody has, even."""
    for port in range(40000, 60000, 2 * count):
        try:
            pairs = native.bind_pairs(HOST, port, count, 0)
        except OSError:
            continue
        for descriptor in [each for pair in pairs for each in pair]:
            os.close(descriptor)
        return port
    raise AssertionError("no free ports")


def test_pairs_are_on_consecutive_ports_and_marked() -> None:
    port = free_run(2)
    pairs = native.bind_pairs(HOST, port, 2, 46)
    opened = [descriptor for pair in pairs for descriptor in pair]
    assert [local_address(descriptor) for descriptor in opened] == [(HOST, port + step) for step in range(4)]
    with socket.socket(fileno=opened[0]) as first:
        assert first.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 46 << 2
    for descriptor in opened[1:]:
        os.close(descriptor)


def test_all_pairs_or_none() -> None:
    port, before = free_run(2), descriptors()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, port + 3))
        with pytest.raises(OSError, match="in use") as caught:
            native.bind_pairs(HOST, port, 2, 46)
    assert caught.value.errno == errno.EADDRINUSE
    assert descriptors() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((HOST, 65534, 2, 0), "last port"),
        ((HOST, 40000, 0, 0), "count"),
        ((HOST, 40000, 65, 0), "count"),
        ((HOST, 40000, 1, 64), "dscp"),
        (("host", 40000, 1, 0), "not an IP address"),
    ],
)
def test_pairs_that_can_not_be(arguments: tuple[Any, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        native.bind_pairs(*arguments)


def test_both_components_are_placed_at_once(relay: native.Relay) -> None:
    stream = Stream(relay)
    relay.place(stream.id, 0, (("127.0.0.1", 4000), None), (("127.0.0.2", 4009), "127.0.0.2"), native.SYMMETRIC, False)
    assert [stream.stats(0, component).remote for component in (0, 1)] == [("127.0.0.1", 4000), ("127.0.0.2", 4009)]
    relay.place(stream.id, 0, (("127.0.0.1", 4000), None), (None, "127.0.0.1"), native.SYMMETRIC, True)
    assert [stream.stats(0, component).remote for component in (0, 1)] == [("127.0.0.1", 4000)] * 2


def test_a_place_of_another_family_changes_nothing(relay: native.Relay) -> None:
    stream = Stream(relay)
    with pytest.raises(ValueError, match="family"):
        relay.place(stream.id, 0, (("127.0.0.1", 4000), None), (("::1", 4001), None), native.SYMMETRIC, True)
    assert stream.stats(0).remote is None


@pytest.mark.parametrize(
    ("rtp_place", "mode", "error"),
    [
        ((("127.0.0.1", 0), None), 1, ValueError),
        (((), None), 1, TypeError),
        (None, 1, TypeError),
        ((None, None), 9, ValueError),
    ],
)
def test_no_place_at_all(relay: native.Relay, rtp_place: Any, mode: int, error: type[Exception]) -> None:
    stream = Stream(relay)
    with pytest.raises(error):
        relay.place(stream.id, 0, rtp_place, (None, None), mode, False)


def test_totals_are_of_both_sides_of_all_streams(phone: Any) -> None:
    with started() as relay:
        streams, alice, bob = [Stream(relay), Stream(relay)], phone(), phone()
        for stream in streams:
            stream.remote(0, alice)
            stream.remote(1, bob)
            alice.send(rtp(), stream.port(0))
            bob.send(rtp(), stream.port(1))
        alice.send(b"no RTP", streams[0].port(0))
        phone().send(rtp(ssrc=0x9999), streams[1].port(0))
        numbers = [stream.id for stream in streams]
        eventually(lambda: sum(relay.totals(numbers).rtp) >= 4 * len(rtp()) + 6)
        totals = relay.totals(numbers)
        assert totals.rtp == native.Tally(4, 4 * len(rtp()), 1, 1, 0, 0, 0)
        assert totals.rtcp == relay.totals([]).rtp == native.Totals().rtcp == native.Tally(*[0] * 7)
        relay.remove(numbers[1])
        with pytest.raises(KeyError):
            relay.totals(numbers)
        with pytest.raises(TypeError, match="list"):
            relay.totals(tuple(numbers))  # type: ignore[arg-type]
