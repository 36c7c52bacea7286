"""An ng client over UDP: sets calls up in any relay that speaks the protocol, and takes them down."""

from __future__ import annotations

import os
import re
import socket
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from media import bencode

Address = tuple[str, int]
TIMEOUT_S = 1.0
TRIES = 5  # as proxies do: the same cookie again, which the relay answers from its cache
SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30  # master key and master salt (RFC 4568 section 6.2)
SDP = """v=0\r
o=- {call} 1 IN IP4 {host}\r
s=-\r
c=IN IP4 {host}\r
t=0 0\r
m=audio {port} {profile} 0\r
a=rtpmap:0 PCMU/8000\r
a=sendrecv\r
"""


class NgError(Exception):
    """The relay did not answer, or with an error."""


@dataclass(frozen=True, slots=True)
class Party:
    """Where somebody receives, and with what they encrypt what they send; ``None``: they don't."""

    address: Address
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Call:
    number: int
    ends: tuple[Party, Party]
    relays: tuple[Party, Party]  # as each end sees the relay


def ends_of(kind: str, number: int, addresses: tuple[Address, Address]) -> tuple[Party, Party]:
    """The ends of a call: with ``srtp`` the caller of every other call is secure, of the others the callee."""
    secure = number % 2 if kind == "srtp" else None
    caller, callee = (Party(at, os.urandom(KEY_BYTES) if side == secure else None) for side, at in enumerate(addresses))
    return caller, callee


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

    def delete(self, number: int) -> None:
        self.request("delete", call_id=f"bench-{number}", from_tag=f"a{number}")

    def call(self, number: int, ends: tuple[Party, Party]) -> Call:
        """An answered call. The offer's answer is what the callee is told, so it is where the callee sends to."""
        caller, callee = ends
        wanted = {} if caller.key is None and callee.key is None else {"transport_protocol": _profile(callee), "DTLS": "off"}
        for_callee = self._describe("offer", number, caller, "1", from_tag=f"a{number}", **wanted)
        tag = crypto_of(for_callee)[0] if callee.key is not None else ""
        for_caller = self._describe("answer", number, callee, tag, from_tag=f"a{number}", to_tag=f"b{number}")
        return Call(number, ends, (_relay(for_caller, caller), _relay(for_callee, callee)))

    def close(self) -> None:
        self._socket.close()

    def _describe(self, command: str, number: int, end: Party, tag: str, **keys: str) -> str:
        sdp = SDP.format(call=number, host=end.address[0], port=end.address[1], profile=_profile(end))
        if end.key is not None:
            sdp += f"a=crypto:{tag} {SUITE} inline:{b64encode(end.key).decode()}\r\n"
        return str(self.request(command, sdp=sdp, call_id=f"bench-{number}", ICE="remove", **keys)["sdp"])


def _profile(end: Party) -> str:
    return "RTP/AVP" if end.key is None else "RTP/SAVP"


def _relay(sdp: str, end: Party) -> Party:
    return Party(media_address(sdp), None if end.key is None else crypto_of(sdp)[1])


def media_address(sdp: str) -> Address:
    host, port = re.search(r"^c=IN IP4 (\S+)", sdp, re.M), re.search(r"^m=audio (\d+) ", sdp, re.M)
    if host is None or port is None:
        raise NgError(f"no audio address in {sdp!r}")
    return host[1], int(port[1])


def crypto_of(sdp: str) -> tuple[str, bytes]:
    """Tag and key of our suite (RFC 4568)."""
    line = re.search(rf"^a=crypto:(\d+) {SUITE} inline:([A-Za-z0-9+/]+=*)", sdp, re.M)
    if line is None:
        raise NgError(f"no {SUITE} in {sdp!r}")
    return line[1], b64decode(line[2])
