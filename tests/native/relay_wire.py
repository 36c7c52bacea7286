"""Phones, strangers and a relay between them on loopback sockets, for the tests of native.relay."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

from native import relay as native

TIMEOUT_S = 100.0  # only what never happens takes so long
AN_HOUR_MS = 3_600_000  # what comes early does not get old while a test looks
LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
RTP_SIDE_A, RTP_SIDE_B = 0, 1


def rtp(sequence: int = 0, timestamp: int = 0, ssrc: int = 0x1234, payload_type: int = 0, payload: bytes = b"x" * 160) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload


def rtcp(packet_type: int = 201, ssrc: int = 0x1234, words: int = 0) -> bytes:
    """A receiver report without blocks, or another packet of ``words`` more words."""
    return struct.pack("!BBHI", 0x80, packet_type, 1 + words, ssrc) + bytes(4 * words)


class Phone:
    """A UDP socket that sends to one place and says what came."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.settimeout(TIMEOUT_S)

    @property
    def address(self) -> tuple[str, int]:
        return self.socket.getsockname()[:2]

    def send(self, data: bytes, to: tuple[str, int]) -> None:
        self.socket.sendto(data, to)

    def receive(self) -> bytes:
        return self.socket.recv(65536)

    def receive_from(self) -> tuple[bytes, tuple[str, int]]:
        data, source = self.socket.recvfrom(65536)
        return data, source[:2]

    def silent(self) -> bool:
        """Nothing is waiting (ask only after something later has arrived)."""
        self.socket.setblocking(False)
        try:
            self.socket.recv(65536, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_S)
        return False

    def close(self) -> None:
        self.socket.close()


def local_address(fd: int) -> tuple[str, int]:
    with socket.socket(fileno=os.dup(fd)) as copy:
        return copy.getsockname()[:2]


class Stream:
    """A stream of a relay with ports of its own; ``port(side, component)`` is where a phone sends to."""

    def __init__(
        self, relay: native.Relay, *, kind: int = native.RTP, hosts: tuple[str, str] = ("127.0.0.1", "127.0.0.1"), **add: Any
    ) -> None:
        self.relay = relay
        components = 1 if kind == native.OPAQUE else 2
        self.fds = [[native.bind_udp(host, 0) for _ in range(components)] + [-1] * (2 - components) for host in hosts]
        self.addresses = [[local_address(fd) if fd >= 0 else ("", 0) for fd in pair] for pair in self.fds]
        self.id = relay.add(kind, ((self.fds[0][0], self.fds[0][1]), (self.fds[1][0], self.fds[1][1])), **add)

    def port(self, side: int, component: int = 0) -> tuple[str, int]:
        return self.addresses[side][component]

    def stats(self, side: int, component: int = 0) -> native.ComponentStats:
        return self.relay.stats(self.id, side, component)

    def remote(self, side: int, phone: Phone | None, component: int = 0, **options: Any) -> None:
        self.relay.set_remote(self.id, side, component, phone.address if phone else None, **options)


def eventually(condition: Callable[[], bool]) -> None:
    """Waits for what a relay thread does after the packet has left; fails after TIMEOUT_S."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        os.sched_yield()


@contextlib.contextmanager
def started(**options: Any) -> Iterator[native.Relay]:
    relay = native.Relay(**{"capacity": 64, "early_ms": AN_HOUR_MS, **options})
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))
