"""Requests to the media daemon as this node's own proxy writes them, over its seqpacket socket."""

from __future__ import annotations

import socket
from collections import defaultdict
from typing import Any

from native.sip import Message
from sipcore.timers import Timers
from sipmesh.signalling.media_client import MediaClient
from sipmesh.signalling.media_glue import MediaGlue, Sender, Tags


class OwnProxy:
    """``bodies``: SDP of caller and callee, to be filled with a ``session`` and a ``port``."""

    def __init__(self, path: str, bodies: tuple[str, str]) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.connect(path)
        self._bodies = bodies
        self._timers = Timers(0.0, 0.0)
        self._counters: defaultdict[str, int] = defaultdict(int)
        self._client = MediaClient(self, "bench", self._timers, self._counters, self._unexpected)
        self._glue = MediaGlue(self._client, self._counters)

    def send(self, command: str | bytes, call: int = 0) -> None:
        """Asks that of a call; bytes are the client's."""
        if isinstance(command, bytes):
            self._socket.send(command)
            return
        tags = Tags(
            f"{call:08x}-7@192.168.1.20", f"{call:08x}a", "" if command == "offer" else f"{call:08x}b", f"z9hG4bK{call}"
        )
        if command == "delete":
            self._glue.delete(Tags(tags.call_id, tags.caller, tags.callee), self._ended)
            return
        pass_body = self._glue.offer if command == "offer" else self._glue.answer
        pass_body(self._message(command, call), tags, Sender("198.51.100.7", natted=False), self._passed)

    def receive(self) -> None:
        self._client.received(self._socket.recv(65536, socket.MSG_DONTWAIT))

    def close(self) -> None:
        self._socket.close()

    def _message(self, command: str, call: int) -> Message:
        body = self._bodies[command == "answer"].format(session=3_900_000_000 + call, port=10000 + call % 20000 * 2)
        headers = [
            ("Via", "SIP/2.0/UDP 192.168.1.20;branch=z9hG4bKa"),
            ("From", "<sip:a@open.test>;tag=a"),
            ("To", "<sip:b@open.test>"),
        ]
        headers += [("Call-ID", "c"), ("CSeq", "1 INVITE"), ("Max-Forwards", "70")]
        typed = [("Content-Type", "application/sdp")]
        if command == "offer":
            return Message.request("INVITE", "sip:b@open.test", [*headers, *typed], body.encode())
        return Message.request("INVITE", "sip:b@open.test", headers, b"").reply(
            200, to_tag="b", headers=typed, body=body.encode()
        )

    @staticmethod
    def _passed(status: int = 0, reason: str = "") -> None:
        if status:
            raise RuntimeError(reason)

    @staticmethod
    def _ended(reply: dict[str, Any] | None) -> None:
        if reply is None or reply["result"] != "ok":
            raise RuntimeError(reply)

    @staticmethod
    def _unexpected(event: dict[str, Any]) -> None:
        raise RuntimeError(event)
