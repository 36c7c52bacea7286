"""The fast path between networks: in by one Ethernet device, out by another or the same, in namespaces of the test's own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from interop.namespaces import Namespace, run
from native import relay as native
from tests.native.relay_fast import MAY_OPEN_FAST, is_fast, on_fast, started_fast
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
        eventually(lambda: on_fast(relay) == 1)  # the devices may just have come up
        for number in range(1, 30):
            say(0, rtp(number))
            say(1, rtp(number))
        assert is_fast(relay, stream.id)
        assert [stream.stats(side).forwarded for side in (0, 1)] == [30, 30]
        say(0, rtcp())
        assert stream.stats(0, 1).packets == 1
        assert is_fast(relay, stream.id)

        run("route add 192.0.2.0/24 dev lo")
        assert on_fast(relay) == 1  # its own ways are as they were
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
        assert on_fast(relay) == 0
    for each in phones:
        each.close()


@dataclass(frozen=True)
class Call:
    """Two phones in networks of their own and a relay between them. ``say`` holds whichever way packets go."""

    relay: native.Relay
    stream: Stream
    phones: tuple[Phone, Phone]
    spoken: list[int]

    def say(self, times: int = 3) -> None:
        for _ in range(times):
            self.spoken[0] += 1
            for side in (0, 1):
                packet = rtp(self.spoken[0], ssrc=side + 1)
                self.phones[side].send(packet, self.stream.port(side))
                assert self.phones[1 - side].receive_from() == (packet, self.stream.port(1 - side))
        assert [self.stream.stats(side).packets for side in (0, 1)] == [self.spoken[0]] * 2

    def comes_on(self) -> None:
        eventually(lambda: on_fast(self.relay) == 1)
        self.say()
        assert self.relay.fast.on == 1

    def leaves(self) -> None:
        """By what just happened; the relay is told of it, and its sockets go on."""
        eventually(self.told)
        assert self.relay.fast.route == 1

    def told(self) -> bool:
        while self.relay.scan_fast(False):
            pass
        on_fast(self.relay)
        return self.relay.fast.on == 0


@contextlib.contextmanager
def call_between(
    networks: Networks, hosts: tuple[str, str], callers: tuple[str, str], at: tuple[str, ...] = ()
) -> Iterator[Call]:
    with contextlib.ExitStack() as stack:
        phones = phone(networks.near, callers[0]), phone(networks.far, callers[1])
        for each in phones:
            stack.callback(each.close)
        stack.enter_context(networks.relay.inside())
        relay = stack.enter_context(started_fast(at or hosts, fifo=False))
        made = Call(relay, Stream(relay, hosts=hosts), phones, [0])
        for side in (0, 1):
            made.stream.remote(side, phones[side], mode=native.FIXED)
        made.say()
        yield made


Ends = tuple[tuple[str, str], tuple[str, str]]  # addresses of the relay, and of those who call
IPV4 = ("10.77.1.1", "10.77.2.1"), ("10.77.1.2", "10.77.2.2")
IPV6 = ("fd77:1::1", "fd77:2::1"), ("fd77:1::2", "fd77:2::2")
NEAR_DEVICE, FAR_DEVICE = "v107711", "v107721"  # of the relay's machine
BOTH = pytest.mark.parametrize("ends", [IPV4, IPV6])


def test_an_mtu_too_small_for_what_the_program_takes(networks: Networks) -> None:
    """A packet of 1200 bytes would be lost at such an interface: the sockets make fragments of it."""
    with call_between(networks, *IPV4) as call:
        call.comes_on()
        run(f"link set {FAR_DEVICE} mtu 600")
        with networks.far.inside():
            run("link set v107722 mtu 600")
        try:
            call.leaves()
            long = rtp(call.spoken[0] + 1, ssrc=1, payload=b"x" * 1100)
            call.phones[0].send(long, call.stream.port(0))
            assert call.phones[1].receive() == long
        finally:
            with networks.far.inside():
                run("link set v107722 mtu 1500")
            run(f"link set {FAR_DEVICE} mtu 1500")
        eventually(lambda: on_fast(call.relay) == 1)
    with networks.relay.inside():
        run(f"address replace fd77:2::1/64 dev {FAR_DEVICE} nodad")  # IPv6 leaves an interface whose MTU is below 1280
    with networks.far.inside():
        run("address replace fd77:2::2/64 dev v107722 nodad")


def test_a_route_with_an_mtu_of_its_own(networks: Networks) -> None:
    with call_between(networks, *IPV4) as call:
        call.comes_on()
        run(f"route add 10.77.2.2/32 dev {FAR_DEVICE} mtu 1000")
        try:
            call.leaves()
            call.say()
        finally:
            run(f"route del 10.77.2.2/32 dev {FAR_DEVICE}")
        call.comes_on()


@BOTH
def test_an_address_that_is_removed_and_comes_back(networks: Networks, ends: Ends) -> None:
    hosts, _ = ends
    prefix = f"{hosts[1]}/64 dev {FAR_DEVICE} nodad" if ":" in hosts[1] else f"{hosts[1]}/24 dev {FAR_DEVICE}"
    with call_between(networks, *ends) as call:
        call.comes_on()
        run(f"address del {prefix.replace(' nodad', '')}")
        try:
            call.leaves()
        finally:
            run(f"address add {prefix}")
        call.comes_on()


@BOTH
def test_an_interface_that_goes_down_and_up(networks: Networks, ends: Ends) -> None:
    with call_between(networks, *ends) as call:
        call.comes_on()
        run(f"link set {FAR_DEVICE} down")
        try:
            call.leaves()
        finally:
            run(f"link set {FAR_DEVICE} up")
            run(f"address replace fd77:2::1/64 dev {FAR_DEVICE} nodad")  # IPv6 leaves an interface that goes down
        call.comes_on()


def test_a_rule_that_sends_a_stream_another_way(networks: Networks) -> None:
    """Rules are no routes: the kernel tells of them by themselves."""
    with call_between(networks, *IPV4) as call:
        call.comes_on()
        run("route add blackhole default table 77")
        run("rule add from 10.77.2.1 lookup 77 priority 7")
        try:
            call.leaves()
        finally:
            run("rule del from 10.77.2.1 lookup 77 priority 7")
            run("route del blackhole default table 77")
        call.comes_on()


def test_a_neighbour_that_is_gone_and_back(networks: Networks) -> None:
    """Nobody answers for a while, and what the kernel knew of him is gone: it asks anew."""
    with call_between(networks, *IPV4) as call:
        call.comes_on()
        with networks.far.inside():
            run("link set v107722 address 02:00:00:00:00:77")
        run(f"neigh flush dev {FAR_DEVICE}")
        call.say()
        assert call.relay.fast.on == 1


def test_a_side_on_this_machine_and_one_outside_stay_with_the_sockets(networks: Networks) -> None:
    """A phone of the relay's own machine: from outside nobody there would believe our address as a source."""
    with networks.relay.inside(), started_fast(["10.77.1.1", "127.0.0.1"], fifo=False) as relay:
        stream, phones = (
            Stream(relay, hosts=("10.77.1.1", "10.77.1.1")),
            (phone(networks.near, "10.77.1.2"), Phone("10.77.1.1")),
        )
        for side in (0, 1):
            stream.remote(side, phones[side], mode=native.FIXED)
        for number in range(3):
            for side in (0, 1):
                phones[side].send(rtp(number, ssrc=side), stream.port(side))
                assert phones[1 - side].receive_from() == (rtp(number, ssrc=side), stream.port(1 - side))
            assert on_fast(relay) == 0
        assert relay.fast.route == 1
    for each in phones:
        each.close()
