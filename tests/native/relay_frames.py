"""Frames as anybody on the wire may write them, for the tests of the relay's fast path."""

from __future__ import annotations

import fcntl
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from interop.namespaces import Namespace

SIOCGIFHWADDR = 0x8927
Address = tuple[str, int]


@dataclass(frozen=True)
class Frame:
    """A UDP datagram from ``source`` to ``target``, true in all fields that are not said to be otherwise."""

    payload: bytes
    mac: bytes = b""  # of who is to take it; empty: the machine that has ``target``
    hops: int = 64
    traffic_class: int = 0
    flags: int = 0  # and offset of a fragment, IPv4
    options: bytes = b""  # IPv4
    extensions: tuple[tuple[int, bytes], ...] = ()  # IPv6: (number, all after its first byte)
    host: str = ""  # forged source
    ip_length: int = 0  # more or less than it is
    udp_length: int = 0
    version: int = 0
    header_error: int = 0  # IPv4
    checksum: str = "right"  # or "wrong", "none"
    padding: int = 0  # after the IP packet

    def build(self, source: Address, target: Address) -> bytes:
        """Without Ethernet's header."""
        source = (self.host or source[0], source[1])
        datagram = self._datagram(source, target)
        made = self._ipv6(datagram, source, target) if ":" in target[0] else self._ipv4(datagram, source, target)
        return made + bytes(self.padding)

    def _datagram(self, source: Address, target: Address) -> bytes:
        size = 8 + len(self.payload)
        head = struct.pack("!HHHH", source[1], target[1], size + self.udp_length, 0)
        pseudo = packed(source[0]) + packed(target[0]) + struct.pack("!HH", 17, size + self.udp_length)
        found = ones_sum(pseudo + head + self.payload) ^ 0xFFFF or 0xFFFF
        check = {"right": found, "wrong": found ^ 0x5AA5 or 1, "none": 0}[self.checksum]
        return head[:6] + struct.pack("!H", check) + self.payload

    def _ipv4(self, datagram: bytes, source: Address, target: Address) -> bytes:
        words = 5 + len(self.options) // 4
        total = 4 * words + len(datagram) + self.ip_length
        first = struct.pack(
            "!BBHHHBBH", ((4 + self.version) << 4) | words, self.traffic_class, total, 7, self.flags, self.hops, 17, 0
        )
        head = first + packed(source[0]) + packed(target[0]) + self.options
        check = ones_sum(head) ^ 0xFFFF ^ self.header_error
        return head[:10] + struct.pack("!H", check) + head[12:] + datagram

    def _ipv6(self, datagram: bytes, source: Address, target: Address) -> bytes:
        numbers = [number for number, _ in self.extensions] + [17]
        body = b"".join(bytes([after]) + rest for after, (_, rest) in zip(numbers[1:], self.extensions, strict=True)) + datagram
        word = (6 + self.version) << 28 | self.traffic_class << 20 | 0xABCDE
        head = struct.pack("!IHBB", word, len(body) + self.ip_length, numbers[0], self.hops)
        return head + packed(source[0]) + packed(target[0]) + body


def packed(host: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)


def ones_sum(data: bytes) -> int:
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@dataclass
class Wire:
    """One end of a pair of Ethernet devices: whoever has it sends what he likes."""

    namespace: Namespace
    device: str
    mac: bytes  # of the other end
    socket: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        with self.namespace.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            self.socket.bind((self.device, 0))

    def send(self, frame: Frame, source: Address, target: Address) -> None:
        kind = b"\x86\xdd" if ":" in target[0] else b"\x08\x00"
        self.socket.send((frame.mac or self.mac) + b"\x02\0\0\0\0\x01" + kind + frame.build(source, target))

    def close(self) -> None:
        self.socket.close()


def mac_of(namespace: Namespace, device: str) -> bytes:
    with namespace.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, SIOCGIFHWADDR, struct.pack("16s24x", device.encode()))
    return answer[18:24]


Mutation = Callable[[random.Random, Frame], Frame]

LENGTHS = (0, 1, 37, 38, 39, 65535)  # of an extension of RTP, in words; 38 is more than there is
OPTIONS = (b"\1\1\1\1", b"\x83\x07\x04\x0a\x4d\x01\x01\0", b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0\0")
HOSTS = {
    4: ("10.77.1.1", "127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.77.1.255", "8.8.8.8"),
    6: ("fd77:1::1", "::1", "::", "ff02::1", "fd99::1"),
}
EXTENSIONS = (
    ((0, b"\0\1\4\0\0\0\0"),),  # hop by hop
    ((60, b"\0\1\4\0\0\0\0"),),
    ((60, b"\0\1\4\0\0\0\0"), (60, b"\0\1\4\0\0\0\0")),
    ((44, b"\0\0\0\0\0\0\7"),),  # a fragment that is whole
    ((44, b"\0\0\1\0\0\0\7"),),
    ((43, b"\0\0\0\0\0\0\0"),),  # nowhere else to go
    ((59, b"\0\0\0\0\0\0\0"),),
)
OTHER_MACS = (b"\xff" * 6, b"\x01\0\x5e\0\0\x01", b"\x02\x11\x22\x33\x44\x55")
MORE_BYTES = (1060, 1067, 1068, 1069, 1100, 1150)  # about as many as are too many for the fast path
FRAGMENTS = (0x2000, 0x2001, 1, 0x1FFF, 0x8000, 0x4000, 0xC000, 0x6000)


def extended(words: int, packet: bytes) -> bytes:
    return b"\x90" + packet[1:12] + b"\xbe\xde" + struct.pack("!H", words) + packet[12:]


def with_byte(packet: bytes, place: int, value: int) -> bytes:
    return packet[:place] + bytes([value]) + packet[place + 1 :]


EITHER: tuple[Mutation, ...] = (
    lambda chance, frame: replace(frame, hops=chance.choice((0, 1, 2, 255))),
    lambda chance, frame: replace(frame, traffic_class=chance.randrange(256)),
    lambda chance, frame: replace(frame, ip_length=chance.choice((-40, -12, -1, 1, 8, 600, 20000))),
    lambda chance, frame: replace(frame, udp_length=chance.choice((-180, -13, -8, -4, -1, 1, 5, 4000))),
    lambda chance, frame: replace(frame, version=chance.choice((-3, -1, 1, 2, 9))),
    lambda chance, frame: replace(frame, padding=chance.choice((1, 6, 18, 100))),
    lambda chance, frame: replace(frame, mac=chance.choice(OTHER_MACS)),
    lambda chance, frame: replace(frame, checksum="none"),
    lambda chance, frame: replace(frame, payload=frame.payload[: chance.choice((0, 1, 2, 11, 12, 13, 16))]),
    lambda chance, frame: replace(frame, payload=with_byte(frame.payload, 0, chance.randrange(256))),
    lambda chance, frame: replace(frame, payload=with_byte(frame.payload, 1, chance.randrange(256))),
    lambda chance, frame: replace(frame, payload=extended(chance.choice(LENGTHS), frame.payload)),
    lambda chance, frame: replace(frame, payload=frame.payload + bytes(chance.choice(MORE_BYTES))),
)

MUTATIONS: dict[int, tuple[Mutation, ...]] = {
    4: (
        *EITHER,
        lambda chance, frame: replace(frame, header_error=chance.choice((1, 0x100, 0xFFFF))),
        lambda chance, frame: replace(frame, flags=chance.choice(FRAGMENTS)),
        lambda chance, frame: replace(frame, options=chance.choice(OPTIONS)),
        lambda chance, frame: replace(frame, host=chance.choice(HOSTS[4])),
    ),
    6: (
        *EITHER,
        lambda chance, frame: replace(frame, extensions=chance.choice(EXTENSIONS)),
        lambda chance, frame: replace(frame, host=chance.choice(HOSTS[6])),
    ),
}
