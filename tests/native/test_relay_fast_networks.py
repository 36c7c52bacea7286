"""The fast path between networks: in by one Ethernet device, out by another or the same, in namespaces of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from interop.namespaces import Namespace, run
from tests.native.relay_fast import MAY_OPEN_FAST, is_fast, started_fast
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp

NEAR = ("10.77.1.1/24", "fd77:1::1/64"), ("10.77.1.2/24", "fd77:1::2/64", "fd77:1::3/64", "10.77.1.3/24")
FAR = ("10.77.2.1/24", "fd77:2::1/64"), ("10.77.2.2/24", "fd77:2::2/64")


@dataclass(frozen=True)
class Networks:
    """The relay's machine, and one on each side of it."""

    relay: Namespace
    near: Namespace
    far: Namespace


@pytest.fixture(scope="module")
def networks() -> Iterator[Networks]:
    if not MAY_OPEN_FAST:
        pytest.skip("programs in the kernel take Linux 6.6, CAP_BPF and CAP_NET_ADMIN")
    made = Networks(Namespace(), Namespace(), Namespace())
    made.relay.join(made.near, *NEAR)
    made.relay.join(made.far, *FAR)
    yield made
    for each in (made.relay, made.near, made.far):
        each.close()


def phone(namespace: Namespace, host: str) -> Phone:
    with namespace.inside():
        return Phone(host)


@pytest.mark.parametrize(
    ("hosts", "callers", "one_armed"),
    [
        (("10.77.1.1", "10.77.2.1"), ("10.77.1.2", "10.77.2.2"), False),
        (("fd77:1::1", "fd77:2::1"), ("fd77:1::2", "fd77:2::2"), False),
        (("10.77.1.1", "10.77.1.1"), ("10.77.1.2", "10.77.1.3"), True),
        (("fd77:1::1", "fd77:1::1"), ("fd77:1::2", "fd77:1::3"), True),
    ],
)
def test_between_devices(networks: Networks, hosts: tuple[str, str], callers: tuple[str, str], one_armed: bool) -> None:
    phones = phone(networks.near, callers[0]), phone(networks.near if one_armed else networks.far, callers[1])
    with networks.relay.inside(), started_fast(hosts, fifo=False) as relay:
        stream = Stream(relay, hosts=hosts)

        def say(side: int, packet: bytes) -> None:
            phones[side].send(packet, stream.port(side))
            assert phones[1 - side].receive_from() == (packet, stream.port(1 - side))

        for side in (0, 1):
            stream.remote(side, phones[side])
            relay.set_mux(stream.id, side, True)
        say(0, rtp(0))
        say(1, rtp(0))
        eventually(lambda: relay.scan_fast() == 1)  # the devices may just have come up
        for number in range(1, 30):
            say(0, rtp(number))
            say(1, rtp(number))
        assert is_fast(relay, stream.id)
        assert [stream.stats(side).forwarded for side in (0, 1)] == [30, 30]
        say(0, rtcp())
        assert stream.stats(0, 1).packets == 1
        assert is_fast(relay, stream.id)

        run("route add 192.0.2.0/24 dev lo")
        assert relay.scan_fast() == 0  # nobody knows what else changed
        eventually(lambda: relay.scan_fast() == 1)
        run("route del 192.0.2.0/24 dev lo")
    for each in phones:
        each.close()


def test_a_way_out_where_the_program_is_not_stays_with_the_sockets(networks: Networks) -> None:
    phones = phone(networks.near, "10.77.1.2"), phone(networks.far, "10.77.2.2")
    with networks.relay.inside(), started_fast(["10.77.1.1"], fifo=False) as relay:
        stream = Stream(relay, hosts=("10.77.1.1", "10.77.2.1"))
        for side in (0, 1):
            stream.remote(side, phones[side])
        for side in (0, 1):
            phones[side].send(rtp(), stream.port(side))
            phones[1 - side].receive()
        assert relay.scan_fast() == 0
    for each in phones:
        each.close()
