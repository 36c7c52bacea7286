"""Parties of one call through one relay: their sockets, what they send and who hears it."""

from __future__ import annotations

import os
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from interop import ng
from interop.process import family
from tests.interop.beside import Address, body, connection

PATIENCE_S = 0.05  # for one packet; those that come later still count
RTP, RTCP = struct.Struct("!BBHII"), struct.Struct("!BBHIIIIII")


def line(
    host: str, port: int, *attributes: str, profile: str = "RTP/AVP", kind: str = "audio", form: str = "0"
) -> tuple[str, ...]:
    return (f"m={kind} {port} {profile} {form}", connection(host), *attributes)


def rtp(sequence: int, ssrc: int = 1, form: int = 0, payload: bytes = bytes(160)) -> bytes:
    return RTP.pack(0x80, form, sequence, sequence * 160, ssrc) + payload


def rtcp(ssrc: int = 1) -> bytes:
    """A sender report (RFC 3550 section 6.4.1), as odd as it may be."""
    return RTCP.pack(0x80, 200, 6, ssrc, 0, 0, 0, 1, 160)


class Ends:
    """Sockets of the parties of one call through one relay."""

    def __init__(self, relay: Address) -> None:
        self._relay = relay
        self._call_id = os.urandom(8).hex()
        self._sockets: dict[str, socket.socket] = {}
        self._sent: list[tuple[str, bytes]] = []
        self._heard: dict[bytes, str] = {}
        self.host = ""  # of the relay, in the last body

    def open(self, name: str, host: str, port: int = 0) -> int:
        sock = self._sockets[name] = socket.socket(family(host), socket.SOCK_DGRAM)
        sock.bind((host, port))
        return int(sock.getsockname()[1])

    def pair(self, name: str, host: str) -> int:
        """Two sockets, ``name`` and ``name + "'"`` for its RTCP."""
        while True:
            port = self.open(name, host)
            try:
                self.open(f"{name}'", host, port + 1)
            except OSError:
                self._sockets[name].close()
            else:
                return port

    def port_of(self, name: str) -> int:
        return int(self._sockets[name].getsockname()[1])

    def ask(self, command: str, *sections: tuple[str, ...], **keys: Any) -> list[int]:
        """The relay's ports."""
        bodies = {"sdp": body(*sections)} if sections else {}
        named = {"call_id": self._call_id, "from_tag": "a", **bodies, **keys}
        reply = ng.ask(self._relay, command, **{key: value for key, value in named.items() if value})
        assert reply["result"] == "ok", reply
        self.host = (re.findall(r"^c=IN IP. (\S+)", reply.get("sdp", ""), re.MULTILINE) or [self.host])[0]
        return [int(port) for port in re.findall(r"^m=\S+ (\d+)", reply.get("sdp", ""), re.MULTILINE)]

    def send(self, name: str, port: int, data: bytes, host: str = "") -> None:
        self._sent.append((name, data))
        self._sockets[name].sendto(data, (host or self.host, port))
        self._listen(lambda: data in self._heard)

    def told(self) -> list[tuple[str, int, str]]:
        """Per packet who sent it, its bytes and who heard it; and what else was heard."""
        self._listen(lambda: False)
        sent = [(name, len(data), self._heard.pop(data, "nobody")) for name, data in self._sent]
        return sent + [("the relay", len(data), name) for data, name in self._heard.items()]

    def close(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        ng.ask(self._relay, "delete", call_id=self._call_id)

    def _listen(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        names = {sock: name for name, sock in self._sockets.items()}
        while not done() and (left := end - time.monotonic()) > 0:
            for sock in select.select(list(names), [], [], left)[0]:
                self._heard[sock.recv(2048)] = names[sock]
