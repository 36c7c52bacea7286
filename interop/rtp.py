"""A small RTP end: plays numbered packets, echoes what comes, and keeps it.

SIPp's own ``rtp_echo`` counts nothing, so the counts that the tests compare are made here, by a socket of our own whose
port the SIPp scenario writes into its SDP.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from interop.process import PATIENCE_S, family

HEADER = struct.Struct("!BBHII")
PCMU = 0
FRAME = bytes(160)  # 20 ms of G.711


@dataclass(slots=True)
class RtpEnd:
    """One UDP socket. With ``echo`` every packet goes back to where it came from (symmetric RTP); else it is only kept.

    ``hear`` gets each datagram and where it came from, in the socket's own thread."""

    address: str = "127.0.0.1"
    echo: bool = False
    ssrc: int = 0x51BB0001
    sources: set[tuple[str, int]] = field(default_factory=set)
    payloads: list[bytes] = field(default_factory=list)
    port: int = 0
    hear: Callable[[bytes, tuple[str, int]], None] | None = None
    _socket: socket.socket = field(init=False)
    _sequence: int = 0
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._socket = socket.socket(family(self.address), socket.SOCK_DGRAM)
        self._socket.bind((self.address, self.port))
        self.port = self._socket.getsockname()[1]
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._receive, name=f"rtp {self.port}", daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        while True:
            try:
                data, (host, port, *_) = self._socket.recvfrom(2048)
                self.sources.add((host, port))
                self.payloads.append(data)
                if self.hear:
                    self.hear(data, (host, port))
                if self.echo:
                    self._socket.sendto(data, (host, port))
            except TimeoutError:
                continue
            except OSError:
                return  # closed

    def send(self, data: bytes, remote: tuple[str, int]) -> None:
        """One datagram, RTP or not (T.38's UDPTL, a stranger's bytes)."""
        self._socket.sendto(data, remote)

    def play(self, remote: tuple[str, int], packets: int, interval_s: float = 0.01) -> range:
        """``packets`` RTP packets of silence, one every ``interval_s``; sequence numbers go on from the last call. Theirs."""
        first = self._sequence + 1
        due = time.monotonic()
        for _ in range(packets):
            self._sequence += 1
            self.send(HEADER.pack(0x80, PCMU, self._sequence & 0xFFFF, self._sequence * 160, self.ssrc) + FRAME, remote)
            due += interval_s
            time.sleep(max(0.0, due - time.monotonic()))
        return range(first, self._sequence + 1)

    def heard(self, numbers: range, timeout_s: float = PATIENCE_S) -> list[bytes]:
        """What has been received with these sequence numbers, as soon as it is as many packets or the time is up."""
        end = time.monotonic() + timeout_s
        while len(found := self._numbered(numbers)) < len(numbers) and time.monotonic() < end:
            time.sleep(0.01)
        return found

    def _numbered(self, numbers: range) -> list[bytes]:
        rtp = [data for data in tuple(self.payloads) if len(data) >= HEADER.size]
        return [data for data in rtp if HEADER.unpack_from(data)[2] in numbers]

    def settle(self, packets: int, timeout_s: float = PATIENCE_S) -> None:
        """Waits until at least ``packets`` have been received, or the time is up."""
        end = time.monotonic() + timeout_s
        while len(self.payloads) < packets and time.monotonic() < end:
            time.sleep(0.01)

    def close(self) -> None:
        self._socket.close()
        self._thread.join(1.0)

    def __enter__(self) -> RtpEnd:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
