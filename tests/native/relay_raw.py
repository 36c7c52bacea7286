"""Raw sockets for tests, where we may open them, and what crosses the loopback interface."""

from __future__ import annotations

import ctypes
import socket
import struct
from dataclasses import dataclass

from media.raw import close_raw, open_raw
from tests.native.relay_wire import TIMEOUT_S

ETH_P_ALL = 0x0003
SO_ATTACH_FILTER = 26


def may_open_raw() -> bool:
    opened = open_raw(["127.0.0.1"], 46, 1)
    close_raw(opened)
    return bool(opened)


MAY_OPEN_RAW = may_open_raw()


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet with UDP in it; ``checksum`` is what its UDP checksum should be."""

    header: bytes  # of IP, without its length, number, checksum, flow label
    source: int
    destination: int
    size: int  # as the UDP header has it
    checksum: int
    found_checksum: int


def read_packet(data: bytes) -> Packet:
    six = data[0] >> 4 == 6
    start = 40 if six else 20
    header = data[:2] + bytes(4) + data[6:10] + bytes(2) + data[12:start]
    if six:
        header = data[:1] + bytes([data[1] & 0xF0]) + bytes(4) + data[6:start]
    addresses = data[8:40] if six else data[12:20]
    udp = data[start:]
    pseudo = addresses + struct.pack("!HH", 17, len(udp))
    source, destination, size, found = struct.unpack_from("!4H", udp)
    return Packet(header, source, destination, size, checksum(pseudo + udp[:6] + bytes(2) + udp[8:]), found)


def checksum(data: bytes) -> int:
    """Of UDP (RFC 768): never 0."""
    padded = data + bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF or 0xFFFF


class Wire:
    """The packets of the loopback interface to a UDP port."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        self._filter(port)
        self._socket.bind(("lo", ETH_P_ALL))
        self._socket.settimeout(TIMEOUT_S)

    def _filter(self, port: int) -> None:
        """In the kernel, since others use the interface too (classic BPF: code, jumps, operand)."""
        steps = (
            (0x30, 0, 0, 0),  # the byte with the version
            (0x35, 2, 0, 0x60),  # IPv6: over the next two
            (0x28, 0, 0, 22),  # destination port of IPv4
            (0x05, 0, 0, 1),  # over the next
            (0x28, 0, 0, 42),  # that of IPv6
            (0x15, 0, 1, port),
            (0x06, 0, 0, 0xFFFF),  # the whole packet
            (0x06, 0, 0, 0),  # nothing
        )
        program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
        described = struct.pack("@HP", len(steps), ctypes.addressof(program))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described)

    def next(self) -> Packet:
        while True:
            data, (_, _, kind, *_) = self._socket.recvfrom(65536)
            if kind != socket.PACKET_OUTGOING:
                return read_packet(data)

    def close(self) -> None:
        self._socket.close()


def lead_astray(opened: socket.socket) -> None:
    """It is refused all it sends from a loopback address from now on, in whatever process: strict source routing to outside."""
    opened.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, bytes([137, 7, 4, *socket.inet_aton("198.51.100.1"), 0]))
