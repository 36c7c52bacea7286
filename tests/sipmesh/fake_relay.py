"""A media daemon on the in-memory wire: marks each body, and remembers what it was asked."""

from __future__ import annotations

from typing import Any

from media import bencode
from sipcore.ports import Counters
from sipcore.timers import Timers
from sipmesh.signalling.media_client import MediaClient
from sipmesh.signalling.media_glue import MediaGlue

OK = {"result": "ok"}


class FakeRelay:
    """``answers``: to a command, in place of its assent; None: silence."""

    def __init__(self, timers: Timers, counters: Counters) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, dict[str, Any] | None] = {}
        self._client = MediaClient(self, "w", timers, counters, self.asked.append)
        self.glue = MediaGlue(self._client, counters)

    @property
    def commands(self) -> list[str]:
        return [body["command"] for body in self.asked]

    def send(self, datagram: bytes) -> None:
        cookie, _, data = datagram.partition(b" ")
        body = bencode.decode(data)
        self.asked.append(body)
        usual = OK | ({"sdp": body["sdp"] + f"a=by:{body['command']}\r\n"} if "sdp" in body else {})
        answer = self.answers.get(body["command"], usual)
        if answer is not None:
            self._client.received(cookie + b" " + bencode.encode(answer))
