"""A registrar and stateless proxy over UDP, just good enough for some cases, and broken on demand."""

from __future__ import annotations

import re
import socket
import threading
from typing import Literal

from sipmesh.conformance.message import Message, full_name, parse, uri_of
from sipmesh.conformance.requests import new_branch

Fault = Literal[
    "",
    "any version",
    "any scheme",
    "no hop limit",
    "keeps Max-Forwards",
    "no Max-Forwards added",
    "any Proxy-Require",
    "sorts headers",
    "keeps its Route",
    "no rport",
    "passes 1xx",
    "keeps bindings",
    "star at any time",
    "believes identities",
    "silent",
    "garbage",
    "no headers",
]


class TinyProxy:
    """``fault``: the one thing it does wrong."""

    def __init__(self, fault: Fault = "") -> None:
        self.fault = fault
        self.contacts: dict[str, str] = {}  # value by URI
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self.socket.sendto(b"end", self.socket.getsockname())
        self._thread.join()
        self.socket.close()

    def _serve(self) -> None:
        while (datagram := self.socket.recvfrom(65535))[0] != b"end":
            data, source = datagram
            if self.fault == "silent":
                continue
            if self.fault == "garbage":
                self.socket.sendto(b"SIP/2.0 what\r\n\r\n", source)
                continue
            if self.fault == "no headers":
                self.socket.sendto(b"SIP/2.0 200 OK\r\n\r\n", source)
                continue
            message = parse(data.replace(b"SIP/7.0", b"SIP/2.0"))
            if message.is_request:
                status = self._request(self._stamp(message, source), b"SIP/7.0" in data)
                if status:
                    self._reply(self._stamp(message, source), status, source)
            else:
                self._response(message)

    def _stamp(self, message: Message, source: tuple[str, int]) -> Message:
        top, *rest = message.values("Via")
        if self.fault != "no rport":
            top = re.sub(r";rport(?==|;|$)", f";rport={source[1]}", top) + f";received={source[0]}"
        return message.with_header("Via", ", ".join([top, *rest]))

    def _request(self, message: Message, other_version: bool) -> int:
        """The status to answer; 0 when it was forwarded."""
        if other_version and self.fault != "any version":
            return 505
        if not message.uri.startswith("sip:") and self.fault != "any scheme":
            return 416
        if message.method == "REGISTER":
            return self._register(message)
        if message["Max-Forwards"] == "0" and self.fault != "no hop limit":
            return 483
        if message["Proxy-Require"] and self.fault != "any Proxy-Require":
            return 420
        if message.method == "OPTIONS" or not self.contacts:
            return 200 if message.method == "OPTIONS" else 404
        self._forward(message)
        return 0

    def _register(self, message: Message) -> int:
        for value in message.values("Contact"):
            if value == "*":
                if message["Expires"] != "0" and self.fault != "star at any time":
                    return 400
                self.contacts.clear()
            elif message["Expires"] == "0":
                if self.fault != "keeps bindings":
                    self.contacts.pop(uri_of(value), None)
            else:
                self.contacts[uri_of(value)] = value
        return 200

    def _forward(self, message: Message) -> None:
        uri = next(iter(self.contacts))
        headers = [("Via", f"SIP/2.0/UDP 127.0.0.1:{self.port};branch={new_branch()}")]
        for name, value in message.headers:
            full = full_name(name)
            if full == "max-forwards" and self.fault != "keeps Max-Forwards":
                value = str(int(value) - 1)
            own_route = full == "route" and str(self.port) in value and self.fault != "keeps its Route"
            if not own_route and (full != "p-asserted-identity" or self.fault == "believes identities"):
                headers.append((name, value))
        if not message["Max-Forwards"] and self.fault != "no Max-Forwards added":
            headers.append(("Max-Forwards", "70"))
        if self.fault == "sorts headers":
            headers[1:] = sorted(headers[1:])
        self._send(Message(f"{message.method} {uri} SIP/2.0", headers, message.body), uri)

    def _response(self, message: Message) -> None:
        if message.status >= 200 or message.method == "INVITE" or self.fault == "passes 1xx":
            rest = message.values("Via")[1:]
            port = re.search(r"rport=(\d+)", rest[0])
            assert port
            self._send(message.with_header("Via", ", ".join(rest)), f"127.0.0.1:{port[1]}")

    def _reply(self, request: Message, status: int, source: tuple[str, int]) -> None:
        kept = [each for each in request.headers if full_name(each[0]) in ("via", "from", "to", "call-id", "cseq")]
        if status == 420:
            kept.append(("Unsupported", request["Proxy-Require"]))
        if request.method == "REGISTER" and status == 200:
            kept += [("Contact", f"{value};expires=60") for value in self.contacts.values()]
        self.socket.sendto(Message(f"SIP/2.0 {status} Tiny", kept).to_bytes(), source)

    def _send(self, message: Message, uri: str) -> None:
        port = re.search(r"127\.0\.0\.1:(\d+)", uri)
        if port:
            self.socket.sendto(message.to_bytes(), ("127.0.0.1", int(port[1])))
