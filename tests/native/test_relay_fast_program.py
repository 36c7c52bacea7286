"""The program of the fast path by itself: which packets it takes, and what leaves is as the relay's own packets are."""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from media.fast_path import PROGRAM, FastPath, load
from native import relay as native
from sipmesh.bpf import SYSTEM_CALL
from tests.native.relay_fast import MAY_OPEN_FAST, on_fast
from tests.native.relay_raw import read_packet
from tests.native.relay_wire import Phone, Stream, eventually, rtp, started

PhoneMaker = Callable[..., Phone]
TEST_RUN = 10  # enum bpf_cmd
TO_NEXT = 0xFFFFFFFF
LOOPBACK = 1
CAPACITY = 8
ETHERNET = {4: bytes(12) + b"\x08\x00", 6: bytes(12) + b"\x86\xdd"}
HOSTS = pytest.mark.parametrize("bench", ["127.0.0.1", "::1"], indirect=True)


@dataclass(frozen=True)
class Bench:
    """A stream on the fast path, whose program is at no interface: it is run on frames of ours."""

    path: FastPath
    stream: Stream
    phones: tuple[Phone, Phone]

    def frame(self, payload: bytes, **fields: int) -> bytes:
        """From phone 0 to its port of the relay."""
        return ip_frame(self.phones[0].address, self.stream.port(0), payload, **fields)

    def run(self, frame: bytes) -> bytes | None:
        """What became of it; None: it was left as it was."""
        taken = ctypes.create_string_buffer(frame, len(frame))
        out = ctypes.create_string_buffer(2 * len(frame))
        attributes = ctypes.create_string_buffer(
            struct.pack(
                "=IIIIQQII64x", self.path.program, 0, len(frame), len(out), ctypes.addressof(taken), ctypes.addressof(out), 1, 0
            )
        )
        call = ctypes.CDLL(None, use_errno=True).syscall
        assert call(SYSTEM_CALL[platform.machine()], TEST_RUN, attributes, len(attributes)) == 0, os.strerror(
            ctypes.get_errno()
        )
        _, result, _, size = struct.unpack_from("=IIII", attributes)
        assert result == TO_NEXT
        return None if out.raw[:size] == frame else out.raw[:size]

    def packets(self) -> int:
        return self.stream.stats(0).packets


@pytest.fixture
def bench(request: pytest.FixtureRequest, phone: PhoneMaker) -> Iterator[Bench]:
    if not MAY_OPEN_FAST:
        pytest.skip("programs in the kernel take Linux 6.6, CAP_BPF and CAP_NET_ADMIN")
    host = getattr(request, "param", "127.0.0.1")
    path = load(CAPACITY)
    with started(capacity=CAPACITY, fifo=False, fast=(path.pairs, path.legs, [LOOPBACK])) as relay:
        made = Bench(path, Stream(relay, hosts=(host, host)), (phone(host), phone(host)))
        for side in (0, 1):
            made.stream.remote(side, made.phones[side])
            relay.set_dscp(made.stream.id, side, 46)
        for side in (0, 1):
            made.phones[side].send(rtp(), made.stream.port(side))
            made.phones[1 - side].receive()
        eventually(lambda: on_fast(relay) == 1)
        yield made
    path.close()


def ip_frame(
    source: tuple[str, int],
    target: tuple[str, int],
    payload: bytes,
    *,
    fragment: int = 0,
    options: int = 0,
    no_checksum: int = 0,
    header_error: int = 0,
    length_error: int = 0,
) -> bytes:
    six = ":" in source[0]
    size = 8 + len(payload) + length_error
    udp = struct.pack("!4H", source[1], target[1], size, 0)
    if six:
        addresses = socket.inet_pton(socket.AF_INET6, source[0]) + socket.inet_pton(socket.AF_INET6, target[0])
        header = struct.pack("!IHBB", 0x6ABCDEF0, 8 + len(payload), 17, 3) + addresses
    else:
        addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        total = 20 + options + 8 + len(payload)
        first = (
            struct.pack("!BBHHHBBH", 0x45 + options // 4, 0x10, total, 7, fragment, 3, 17, 0) + addresses + bytes([1]) * options
        )
        check = ones_sum(first) ^ 0xFFFF ^ header_error
        header = first[:10] + struct.pack("!H", check) + first[12:]
    if not no_checksum:
        found = ones_sum(addresses + struct.pack("!HH", 17, 8 + len(payload)) + udp + payload) ^ 0xFFFF or 0xFFFF
        udp = udp[:6] + struct.pack("!H", found)
    return ETHERNET[6 if six else 4] + header + udp + payload


def ones_sum(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_it_is_built_and_only_the_kernel_keeps_us_from_it() -> None:
    """Whoever runs the tests has clang and libbpf: interop/install.sh."""
    assert PROGRAM.exists()
    try:
        load(8).close()
    except OSError as error:
        assert error.errno  # noqa: PT017
        assert not MAY_OPEN_FAST


@HOSTS
@pytest.mark.parametrize("size", [0, 1, 2, 159, 160, 1000])
def test_addresses_ports_and_checksums_are_exchanged(bench: Bench, size: int) -> None:
    payload = rtp(1, payload=os.urandom(size))
    left = bench.run(bench.frame(payload))
    assert left is not None
    packet = read_packet(left[14:])
    assert (packet.source, packet.destination) == (bench.stream.port(1)[1], bench.phones[1].address[1])
    assert packet.found_checksum == packet.checksum
    assert left.endswith(payload)
    if left[14] >> 4 == 4:
        assert ones_sum(left[14:34]) == 0xFFFF
        assert (left[15], left[22], left[20] << 8 | left[21]) == (46 << 2, 64, 0x4000)
    else:
        assert left[14:18] == struct.pack("!I", 6 << 28 | 46 << 22)
        assert left[21] == 64
    assert bench.packets() == 2


def test_no_checksum_stays_none(bench: Bench) -> None:
    left = bench.run(bench.frame(rtp(1), no_checksum=1))
    assert left is not None
    assert read_packet(left[14:]).found_checksum == 0


@HOSTS
def test_a_wrong_checksum_stays_wrong(bench: Bench) -> None:
    """So that whoever gets the packet can tell."""
    frame = bench.frame(rtp(1))
    left = bench.run(frame[:-1] + bytes([frame[-1] ^ 1]))
    assert left is not None
    packet = read_packet(left[14:])
    assert packet.found_checksum != packet.checksum


@pytest.mark.parametrize(
    "fields",
    [
        {"fragment": 0x2000},
        {"fragment": 1},
        {"options": 4},
        {"options": 40},
        {"header_error": 1},
        {"length_error": -1},
        {"length_error": 4},
    ],
)
def test_what_is_odd_about_a_packet_is_left_to_the_sockets(bench: Bench, fields: dict[str, int]) -> None:
    assert bench.run(bench.frame(rtp(1), **fields)) is None
    assert bench.packets() == 1


@HOSTS
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        rtp()[:11],
        rtp()[:11] + b"",
        b"\0\x01\0\x08\x21\x12\xa4\x42" + bytes(20),  # STUN
        b"\x16\xfe\xfd" + bytes(30),  # DTLS
        b"\x80\xc8" + bytes(30),  # RTCP
        b"\x80\xdf" + bytes(30),
        b"\x8f" + rtp(payload=bytes(59))[1:],  # contributing sources that are not there
        b"\x90" + rtp(payload=b"")[1:],  # an extension that is not there
        b"\x90" + rtp(payload=b"\xbe\xde\0\x02" + bytes(7))[1:],
        b"\x9f" + rtp(payload=bytes(60) + b"\xbe\xde\xff\xff" + bytes(100))[1:],
        rtp(payload=bytes(1300)),
    ],
)
def test_what_is_no_rtp_or_too_long_is_left_to_the_sockets(bench: Bench, payload: bytes) -> None:
    assert bench.run(bench.frame(payload)) is None
    assert bench.packets() == 1


@HOSTS
def test_other_pairs_of_addresses_are_left_to_the_sockets(bench: Bench) -> None:
    alice, bob, near, far = bench.phones[0].address, bench.phones[1].address, bench.stream.port(0), bench.stream.port(1)
    other = {"127.0.0.1": "127.0.0.9", "::1": "fd00::9"}[alice[0]]
    for source, target in ((bob, near), (alice, far), ((alice[0], 1), near), (alice, (near[0], 1)), ((other, alice[1]), near)):
        assert bench.run(ip_frame(source, target, rtp(1))) is None
    assert bench.packets() == 1


def test_what_comes_by_another_interface_is_left_to_the_sockets(bench: Bench) -> None:
    """Who may send from there, the kernel judges: not that a source is one of its own addresses, if it is strict."""
    kind = np.dtype(native.FAST_LEG_DTYPE)
    with mmap.mmap(bench.path.legs, bench.path.legs_bytes) as mapped:
        legs = np.ndarray(2 * CAPACITY, kind, mapped)
        assert legs["arrives"][2 * bench.stream.id] == LOOPBACK
        legs["arrives"][2 * bench.stream.id] = 77
        assert bench.run(bench.frame(rtp(1))) is None
        legs["arrives"][2 * bench.stream.id] = LOOPBACK
        del legs
    assert bench.run(bench.frame(rtp(1))) is not None


@pytest.mark.parametrize("bench", ["::1"], indirect=True)
def test_no_checksum_over_ipv6_is_left_to_the_sockets(bench: Bench) -> None:
    assert bench.run(bench.frame(rtp(1), no_checksum=1)) is None
    assert bench.packets() == 1


@HOSTS
def test_no_packet_of_any_length_troubles_it(bench: Bench) -> None:
    whole = bench.frame(b"\x90" + rtp(1, payload=b"\xbe\xde\0\x02" + bytes(100))[1:])
    for size in range(14 + 40, len(whole)):
        assert bench.run(whole[:size]) is None
    assert bench.packets() == 1


def test_native_relay_knows_the_loopback_interface() -> None:
    assert native.interface_of("127.0.0.1") == native.interface_of("::1") == socket.if_nametoindex("lo")
    assert native.interface_of("192.0.2.1") == 0
    with pytest.raises(ValueError, match="address"):
        native.interface_of("here")
