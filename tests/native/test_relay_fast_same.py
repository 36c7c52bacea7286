"""Whatever is put on the wire: what the fast path makes of it is what the sockets make of it, by what arrives and counters."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from interop.namespaces import Namespace
from native import relay as native
from tests.native.relay_fast import MAY_OPEN_FAST, is_fast, on_fast, started_fast
from tests.native.relay_frames import MUTATIONS, Frame, Wire, mac_of
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp, started

RELAY = {4: "10.77.1.1", 6: "fd77:1::1"}
PHONES = {4: ("10.77.1.2", "10.77.1.3"), 6: ("fd77:1::2", "fd77:1::3")}
ROUNDS = 100
FAMILIES = pytest.mark.parametrize("way", [4, 6], indirect=True)


@dataclass
class Way:
    """A stream and its phones; by one relay on the fast path, by the other not."""

    relay: native.Relay
    stream: Stream
    phones: tuple[Phone, Phone]
    sequence: int = 0

    def next_packet(self) -> bytes:
        self.sequence += 1
        return rtp(self.sequence, 160 * self.sequence)

    def send(self, wire: Wire, frame: Frame) -> None:
        wire.send(frame, self.phones[0].address, self.stream.port(0))

    def heard_until(self, last: bytes) -> list[bytes]:
        heard = []
        while not heard or heard[-1] != last:
            heard.append(self.phones[1].receive())
        return heard

    def counted(self) -> tuple[int, ...]:
        """With what is of this stream alone; how long packets took is its own affair."""
        stats = self.stream.stats(0)
        return (stats.packets, stats.bytes, stats.forwarded, stats.lost, stats.gaps, stats.malformed, stats.strangers)


@dataclass(frozen=True)
class Ways:
    fast: Way
    sockets: Way
    wire: Wire
    version: int

    def both(self) -> tuple[Way, Way]:
        return self.fast, self.sockets

    def come_on(self) -> None:
        eventually(lambda: on_fast(self.fast.relay) == 1)
        assert is_fast(self.fast.relay, self.fast.stream.id)

    def judge(self, frame: Frame) -> None:
        """``frame``, then what the thread relays in any case, so that nothing overtakes it, then RTP as it should be: the
        same is heard of both ways."""
        last = Frame(self.fast.next_packet())
        heard = []
        for way in self.both():
            way.sequence = self.fast.sequence
            way.send(self.wire, frame)
            way.send(self.wire, Frame(rtcp()))
            before = way.heard_until(rtcp())
            way.send(self.wire, last)
            heard.append([*before, *way.heard_until(last.payload)])
        assert heard[0] == heard[1], frame


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Iterator[Ways]:
    if not MAY_OPEN_FAST:
        pytest.skip("programs in the kernel take Linux 6.6, CAP_BPF and CAP_NET_ADMIN")
    host, phones = RELAY[request.param], PHONES[request.param]
    here, there = Namespace(), Namespace()
    here.join(there, ("10.77.1.1/24", "fd77:1::1/64"), ("10.77.1.2/24", "10.77.1.3/24", "fd77:1::2/64", "fd77:1::3/64"))
    with contextlib.ExitStack() as stack:
        for namespace in (here, there):
            stack.callback(namespace.close)
        wire = Wire(there, "v107712", mac_of(here, "v107711"))
        stack.callback(wire.close)
        with there.inside():
            talking = [(Phone(phones[0]), Phone(phones[1])) for _ in range(2)]
        for pair in talking:
            for each in pair:
                stack.callback(each.close)
        stack.enter_context(here.inside())
        relays = stack.enter_context(started_fast([host], fifo=False)), stack.enter_context(started(fifo=False))
        made = [Way(relay, Stream(relay, hosts=(host, host)), pair) for relay, pair in zip(relays, talking, strict=True)]
        for each in made:
            for side in (0, 1):
                each.stream.remote(side, each.phones[side], mode=native.FIXED)
                each.relay.set_mux(each.stream.id, side, True)
            for side in (0, 1):
                each.phones[side].send(rtp(), each.stream.port(side))
                each.phones[1 - side].receive()
        yield Ways(made[0], made[1], wire, request.param)


@FAMILIES
def test_what_anybody_may_write_has_the_same_end(way: Ways) -> None:
    chance = random.Random(way.version)
    for number in range(ROUNDS):
        frame = Frame(rtp(way.fast.sequence + 1, payload=chance.randbytes(160), ssrc=0x1234))
        for mutate in chance.sample(MUTATIONS[way.version], 1 if number % 3 else 2):
            frame = mutate(chance, frame)
        way.come_on()
        way.judge(frame)
        eventually(lambda frame=frame: way.fast.counted() == way.sockets.counted())


@FAMILIES
def test_each_oddity_by_itself(way: Ways) -> None:
    for mutate in MUTATIONS[way.version]:
        for seed in range(8):
            way.come_on()
            way.judge(mutate(random.Random(seed), Frame(way.fast.next_packet())))
            eventually(lambda: way.fast.counted() == way.sockets.counted())


@FAMILIES
def test_a_wrong_checksum_reaches_nobody(way: Ways) -> None:
    """The fast path hands it on as wrong as it was, where the sockets' kernel drops it: who gets it can tell."""
    way.come_on()
    way.judge(Frame(way.fast.next_packet(), checksum="wrong"))
    assert is_fast(way.fast.relay, way.fast.stream.id)


@FAMILIES
def test_what_no_oddity_is_stays_on_it(way: Ways) -> None:
    way.come_on()
    for frame in (Frame(b""), Frame(b"", hops=1), Frame(b"", traffic_class=184), Frame(b"", padding=18)):
        way.judge(replace(frame, payload=way.fast.next_packet()))
    assert is_fast(way.fast.relay, way.fast.stream.id)
