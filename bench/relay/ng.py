"""An ng client over UDP: sets calls up in any relay that speaks the protocol, and takes them down."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Any

from media import bencode

Address = tuple[str, int]
TIMEOUT_S = 1.0
TRIES = 5  # as proxies do: the same cookie again, which the relay answers from its cache
SDP = """v=0\r
o=- {call} 1 IN IP4 {host}\r
s=-\r
c=IN IP4 {host}\r
t=0 0\r
m=audio {port} RTP/AVP 0\r
a=rtpmap:0 PCMU/8000\r
a=sendrecv\r
"""


class NgError(Exception):
    """The relay did not answer, or with an error."""


@dataclass(frozen=True, slots=True)
class Call:
    """Where both ends are and where they send to."""

    number: int
    ends: tuple[Address, Address]
    relays: tuple[Address, Address]  # what each end was told to send to


class NgClient:
    def __init__(self, server: Address) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(server)
        self._socket.settimeout(TIMEOUT_S)
        self._cookie = 0

    def request(self, command: str, **keys: Any) -> dict[str, Any]:
        self._cookie += 1
        cookie = f"b{self._cookie} ".encode()
        body = {key.replace("_", "-"): value for key, value in keys.items()}
        try:
            reply = self._exchange(cookie, cookie + bencode.encode({"command": command, **body}))
        except OSError as cause:
            raise NgError(f"{command}: {cause}") from None
        answer = bencode.decode(reply.removeprefix(cookie))
        if answer.get("result") not in ("ok", "pong"):
            raise NgError(f"{command}: {answer.get('error-reason', answer)}")
        return dict(answer)

    def _exchange(self, cookie: bytes, request: bytes) -> bytes:
        """The reply to this request; late replies to requests sent again are passed over."""
        for tries_left in reversed(range(TRIES)):
            self._socket.send(request)
            try:
                while not (reply := self._socket.recv(65536)).startswith(cookie):
                    continue
            except TimeoutError:
                if not tries_left:
                    raise
            else:
                return reply
        raise TimeoutError

    def offer(self, number: int, end: Address) -> Address:
        return self._describe("offer", number, end, from_tag=f"a{number}")

    def answer(self, number: int, end: Address) -> Address:
        return self._describe("answer", number, end, from_tag=f"a{number}", to_tag=f"b{number}")

    def delete(self, number: int) -> None:
        self.request("delete", call_id=f"bench-{number}", from_tag=f"a{number}")

    def call(self, number: int, ends: tuple[Address, Address]) -> Call:
        """An answered call. The offer's answer is what the callee is told, so it is where the callee sends to."""
        callee_sends_to = self.offer(number, ends[0])
        return Call(number, ends, (self.answer(number, ends[1]), callee_sends_to))

    def close(self) -> None:
        self._socket.close()

    def _describe(self, command: str, number: int, end: Address, **tags: str) -> Address:
        sdp = SDP.format(call=number, host=end[0], port=end[1])
        return media_address(self.request(command, sdp=sdp, call_id=f"bench-{number}", ICE="remove", **tags)["sdp"])


def media_address(sdp: str) -> Address:
    host, port = re.search(r"^c=IN IP4 (\S+)", sdp, re.M), re.search(r"^m=audio (\d+) ", sdp, re.M)
    if host is None or port is None:
        raise NgError(f"no audio address in {sdp!r}")
    return host[1], int(port[1])
