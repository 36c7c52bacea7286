"""A media daemon that relays nothing and answers at once: for what a signal worker spends on its requests."""

from __future__ import annotations

import socket
from pathlib import Path

from media import bencode

MAX_PACKET_BYTES = 1 << 18


class FakeRelay:
    """Serves one worker over a seqpacket socket at ``path``; each body comes back as it went."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._listener.bind(str(path))
        self._listener.listen()
        self._connection: socket.socket | None = None

    def serve(self) -> int:
        """Answers what has come; how many requests that was."""
        served = 0
        try:
            if self._connection is None:
                self._connection, _ = self._listener.accept()
                self._connection.setblocking(False)
            while packet := self._connection.recv(MAX_PACKET_BYTES):
                self._connection.send(_reply(packet))
                served += 1
        except BlockingIOError:
            pass
        return served

    def close(self) -> None:
        self._listener.close()
        if self._connection is not None:
            self._connection.close()


def _reply(packet: bytes) -> bytes:
    cookie, _, data = packet.partition(b" ")
    body = bencode.decode(data)
    answer = {"result": "ok"} | ({"sdp": body["sdp"]} if "sdp" in body else {})
    return cookie + b" " + bencode.encode(answer)
