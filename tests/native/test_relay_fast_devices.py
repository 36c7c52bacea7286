"""The fast path over other devices than a bare pair, with what they may do to packets, and by more than one way."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from interop.namespaces import Namespace, run
from native import relay as native
from tests.native.relay_fast import MAY_OPEN_FAST, is_fast, on_fast, started_fast
from tests.native.relay_wire import Phone, Stream, eventually, rtp

HOSTS = {4: ("10.78.1.1", "10.78.1.2", "10.78.1.3"), 6: ("fd78:1::1", "fd78:1::2", "fd78:1::3")}
LENGTH = {4: "24", 6: "64 nodad"}
AWAY = "10.78.9.9"  # a phone behind routers


@dataclass
class Ground:
    """The relay's machine, and the one where all phones are."""

    relay: Namespace = field(default_factory=Namespace)
    phones: Namespace = field(default_factory=Namespace)

    def __post_init__(self) -> None:
        self.relay.join(self.phones, ("10.78.0.1/30",), ("10.78.0.2/30",))
        self.device, self.other_device = "v107801", "v107802"

    def both(self, *commands: str) -> None:
        """``{device}``: the end of the pair there."""
        for namespace, device in ((self.relay, self.device), (self.phones, self.other_device)):
            with namespace.inside():
                for command in commands:
                    run(command.format(device=device))

    def address(self, device: str) -> None:
        """The relay's and the phones' addresses; ``{device}`` as above."""
        for version, (relay, *phones) in HOSTS.items():
            with self.relay.inside():
                run(f"address add {relay}/{LENGTH[version]} dev {device.format(device=self.device)}")
            with self.phones.inside():
                for each in phones:
                    run(f"address add {each}/{LENGTH[version]} dev {device.format(device=self.other_device)}")

    def close(self) -> None:
        self.relay.close()
        self.phones.close()


@pytest.fixture
def ground() -> Iterator[Ground]:
    if not MAY_OPEN_FAST:
        pytest.skip("programs in the kernel take Linux 6.6, CAP_BPF and CAP_NET_ADMIN")
    made = Ground()
    yield made
    made.close()


@dataclass
class Talk:
    relay: native.Relay
    stream: Stream
    phones: tuple[Phone, Phone]
    spoken: int = 0

    def say(self, times: int = 5, size: int = 160) -> None:
        for _ in range(times):
            self.spoken += 1
            for side in (0, 1):
                packet = rtp(self.spoken, ssrc=side + 1, payload=b"x" * size)
                self.phones[side].send(packet, self.stream.port(side))
                assert self.phones[1 - side].receive_from() == (packet, self.stream.port(1 - side))
        assert [self.stream.stats(side).packets for side in (0, 1)] == [self.spoken] * 2

    def comes_on(self) -> None:
        eventually(lambda: on_fast(self.relay) == 1)
        self.say()
        assert is_fast(self.relay, self.stream.id)


@contextlib.contextmanager
def talking(ground: Ground, hosts: tuple[str, str], callers: tuple[str, str]) -> Iterator[Talk]:
    with contextlib.ExitStack() as stack:
        with ground.phones.inside():
            phones = Phone(callers[0]), Phone(callers[1])
        for each in phones:
            stack.callback(each.close)
        stack.enter_context(ground.relay.inside())
        relay = stack.enter_context(started_fast(hosts, fifo=False))
        made = Talk(relay, Stream(relay, hosts=hosts), phones)
        for side in (0, 1):
            made.stream.remote(side, phones[side], mode=native.FIXED)
        made.say()
        yield made


def calls_come_on(ground: Ground) -> None:
    for relay, *phones in HOSTS.values():
        with talking(ground, (relay, relay), (phones[0], phones[1])) as talk:
            talk.comes_on()
            for size in (0, 1, 20, 1000):
                talk.say(size=size)
            assert is_fast(talk.relay, talk.stream.id)


def bridge(ground: Ground) -> str:
    ground.both("link add br0 type bridge", "link set {device} master br0", "link set br0 up")
    return "br0"


def bond(ground: Ground) -> str:
    ground.both("link add bond0 type bond mode active-backup miimon 50", "link set {device} down")
    ground.both("link set {device} master bond0", "link set bond0 up")
    return "bond0"


def vlan(ground: Ground) -> str:
    ground.both("link add link {device} name tag7 type vlan id 7", "link set tag7 up")
    return "tag7"


def vlan_on_bridge(ground: Ground) -> str:
    bridge(ground)
    ground.both("link add link br0 name tag8 type vlan id 8", "link set tag8 up")
    return "tag8"


def macvlan(ground: Ground) -> str:
    ground.both("link add link {device} name mac0 type macvlan mode bridge", "link set mac0 up")
    return "mac0"


@pytest.mark.parametrize("made", [bridge, bond, vlan, vlan_on_bridge, macvlan], ids=lambda made: made.__name__)
def test_calls_over_devices_above_others(ground: Ground, made: Callable[[Ground], str]) -> None:
    try:
        device = made(ground)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this kernel has no such device: {error.stderr.decode().strip()}")
    ground.address(device)
    calls_come_on(ground)


@pytest.mark.parametrize(
    "features",
    [
        ("gro on",),
        ("gro on", "rx-udp-gro-forwarding on"),
        ("gro on", "rx-gro-list on"),
        ("tx off", "rx off"),
        ("tso off", "gso off", "sg off"),
        ("tx-udp-segmentation on", "gro on"),
        ("rxvlan off", "txvlan off"),
    ],
    ids=" ".join,
)
def test_calls_whatever_the_device_does_for_the_kernel(ground: Ground, features: tuple[str, ...]) -> None:
    if shutil.which("ethtool") is None:
        pytest.fail("ethtool is missing: interop/install.sh installs it")
    for namespace, device in ((ground.relay, ground.device), (ground.phones, ground.other_device)):
        with namespace.inside():
            for feature in features:
                done = subprocess.run(["ethtool", "-K", device, *feature.split()], capture_output=True, text=True, check=False)
                if done.returncode != 0:
                    pytest.skip(f"no {feature} here: {done.stderr.strip()}")
    ground.address("{device}")
    calls_come_on(ground)


def test_an_address_at_a_device_that_no_packet_comes_by_stays_with_the_sockets(ground: Ground) -> None:
    """A service address: the way to the phones is another device's, where the program is not."""
    with ground.relay.inside():
        run("link add service0 type bridge")  # of no port
        run("link set service0 up")
        run("address add 10.78.5.5/32 dev service0")
    with ground.phones.inside():
        run("route add 10.78.5.5/32 via 10.78.0.1")
    with talking(ground, ("10.78.5.5", "10.78.5.5"), ("10.78.0.2", "10.78.0.2")) as talk:
        assert on_fast(talk.relay) == 0
        assert talk.relay.fast.route == 1
        talk.say()


@pytest.fixture
def two_ways(ground: Ground) -> Ground:
    """A phone that both of two routers lead to; the relay's way there is by the first."""
    ground.relay.join(ground.phones, ("10.78.2.1/30",), ("10.78.2.2/30",))
    with ground.phones.inside():
        run(f"address add {AWAY}/32 dev lo")
    with ground.relay.inside():
        run(f"route add {AWAY}/32 via 10.78.0.2")
        for name in ("all", "v107801", "v107821"):
            subprocess.run(["sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0"], check=True)
    return ground


ENDS = ("10.78.0.1", "10.78.2.1"), (AWAY, "10.78.2.2")


def test_a_second_router_takes_over_while_two_talk(two_ways: Ground) -> None:
    with talking(two_ways, *ENDS) as talk:
        talk.comes_on()
        run(f"route replace {AWAY}/32 via 10.78.2.2")
        with two_ways.phones.inside():
            run("route add 10.78.0.1/32 via 10.78.2.1 src 10.78.2.2")
        eventually(lambda: not talk.relay.scan_fast(False) and talk.relay.fast.route == 1)
        talk.say()
        talk.comes_on()


def test_packets_that_come_by_another_way_than_they_go_pass_by_the_sockets(two_ways: Ground) -> None:
    with two_ways.phones.inside():
        run("route add 10.78.0.1/32 via 10.78.2.1 src 10.78.2.2")
    with talking(two_ways, *ENDS) as talk:
        eventually(lambda: on_fast(talk.relay) == 1)
        talk.say(1)
        assert talk.relay.fast.on == 0
        on_fast(talk.relay)
        talk.say()
        run(f"route replace {AWAY}/32 via 10.78.2.2")
        talk.comes_on()


def test_a_device_that_is_gone_and_made_anew_stays_with_the_sockets(two_ways: Ground) -> None:
    """The program went with it, and who could put it there again has left root."""
    with talking(two_ways, *ENDS) as talk:
        talk.comes_on()
        run("link del v107821")
        eventually(lambda: not talk.relay.scan_fast(False) and talk.relay.fast.route == 1)
        two_ways.relay.join(two_ways.phones, ("10.78.2.1/30",), ("10.78.2.2/30",))
        talk.say()
        assert on_fast(talk.relay) == 0
        talk.say()
