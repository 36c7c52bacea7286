"""A raw SIP client over UDP or TCP: bytes out, responses in. For what SIPp can't do: SHA-256, broken messages."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from interop.credentials import authorization
from interop.process import PATIENCE_S, bracketed, family
from interop.response import Response

T1_S, T2_S = 0.5, 4.0  # RFC 3261 section 17.1.2.2


@dataclass(slots=True)
class Client:
    """One socket towards a node. ``identity`` goes into From; ``local`` is (address, port) as bound."""

    node: tuple[str, int]
    transport: str = "udp"
    address: str = "127.0.0.1"
    port: int = 0
    timeout_s: float = PATIENCE_S
    _socket: socket.socket = field(init=False)
    _buffer: bytes = b""
    _cseq: int = 0
    _request: bytes = b""  # the last one, over UDP
    _awaited: tuple[str, str] | None = None  # its Call-ID and CSeq

    def __post_init__(self) -> None:
        kind = socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM
        self._socket = socket.socket(family(self.address), kind)
        self._socket.settimeout(self.timeout_s)
        self._socket.bind((self.address, self.port))
        self._socket.connect(self.node)
        self.port = self._socket.getsockname()[1]

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self, timeout_s: float | None = None) -> bytes | None:
        """The next message, framed by Content-Length on a stream; None when none comes in time or the peer has closed."""
        self._socket.settimeout(self.timeout_s if timeout_s is None else timeout_s)
        try:
            if self.transport == "udp":
                return self._socket.recv(65535)
            return self._receive_framed()
        except OSError:
            return None

    def _receive_framed(self) -> bytes | None:
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if end:
                length = re.search(rb"(?mi)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
                size = int(length[1]) if length else 0
                if len(rest) >= size:
                    self._buffer = rest[size:]
                    return head + end + rest[:size]
            data = self._socket.recv(65535)
            if not data:
                return None
            self._buffer += data

    def response(self, timeout_s: float | None = None) -> Response | None:
        """The next response to the last ``request``, which is repeated until there is one (Timer E), or, if there was none, the
        next response; what else arrives meanwhile (probes, answers once more) is passed over."""
        now = time.monotonic()
        end, interval_s = now + (self.timeout_s if timeout_s is None else timeout_s), T1_S
        repeat_at = now + interval_s if self._request else end
        while (now := time.monotonic()) < end:
            data = self.receive(max(min(end, repeat_at) - now, 0.001))
            if data is not None and data.startswith(b"SIP/2.0 "):
                found = Response(int(data[8:11]), data.decode("latin-1"))
                if self._awaited in (None, found.identity):
                    self._request = b""
                    return found
            elif data is None and self.transport != "udp":
                return None
            elif time.monotonic() >= repeat_at and self._request:
                self.send(self._request)
                interval_s = min(2 * interval_s, T2_S)
                repeat_at += interval_s
        return None

    def final(self, timeout_s: float | None = None) -> Response | None:
        while (response := self.response(timeout_s)) and response.status < 200:
            pass
        return response

    def request(
        self,
        method: str,
        uri: str,
        user: str,
        domain: str,
        headers: tuple[str, ...] = (),
        to: str = "",
        call_id: str = "",
        body: str = "",
    ) -> str:
        """Sends a well-formed request and returns its Call-ID."""
        self._cseq += 1
        call_id = call_id or f"{os.urandom(8).hex()}@{self.address}"
        via = (
            f"SIP/2.0/{self.transport.upper()} {bracketed(self.address)}:{self.port};rport;branch=z9hG4bK{os.urandom(8).hex()}"
        )
        lines = [f"{method} {uri} SIP/2.0", f"Via: {via}", f"From: <sip:{user}@{domain}>;tag={call_id[:8]}"]
        lines += [
            f"To: {to or f'<{uri}>'}",
            f"Call-ID: {call_id}",
            f"CSeq: {self._cseq} {method}",
            "Max-Forwards: 70",
            *headers,
        ]
        if body:
            lines.append("Content-Type: application/sdp")
        data = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()
        self.send(data)
        self._request = data if self.transport == "udp" else b""
        self._awaited = call_id, f"{self._cseq} {method}"
        return call_id

    def register(
        self,
        user: str,
        domain: str,
        password: str,
        algorithm: str = "MD5",
        contact: str = "",
        expires_s: int = 600,
    ) -> Response:
        """REGISTER answered with digest of ``algorithm``; returns the last response."""
        contact = contact or f"<sip:{user}@{bracketed(self.address)}:{self.port};transport={self.transport}>"
        headers = (f"Contact: {contact}", f"Expires: {expires_s}")
        return self.request_with_digest("REGISTER", f"sip:{domain}", user, domain, password, algorithm, headers)

    def register_many(self, user: str, domain: str, password: str, count: int) -> Iterator[int]:
        """Statuses of ``count`` REGISTERs, each with another Contact; one nonce serves all of them until it is stale."""
        uri, to = f"sip:{domain}", f"<sip:{user}@{domain}>"
        challenged, uses = None, 0
        for number in range(count):
            contact = f"Contact: <sip:{user}@192.0.2.1:{1024 + number}>"
            status = 401
            for _ in range(2):
                headers: tuple[str, ...] = (contact,)
                if challenged:
                    uses += 1
                    headers += (f"Authorization: {authorization(challenged, user, password, 'REGISTER', uri, 'MD5', uses)}",)
                self.request("REGISTER", uri, user, domain, headers, to)
                answer = self.final()
                if answer is None:
                    raise TimeoutError(f"no answer to REGISTER {number}")
                status = answer.status
                if status != 401:
                    break
                challenged, uses = answer, 0
            yield status

    def request_with_digest(
        self,
        method: str,
        uri: str,
        user: str,
        domain: str,
        password: str,
        algorithm: str = "MD5",
        headers: tuple[str, ...] = (),
    ) -> Response:
        """A request (not INVITE: nobody would acknowledge), answered with digest when challenged; the last response."""
        to = f"<sip:{user}@{domain}>" if method == "REGISTER" else f"<{uri}>"
        call_id = self.request(method, uri, user, domain, headers, to)
        answer = self.final()
        if answer and answer.status in (401, 407):
            field = "Authorization" if answer.status == 401 else "Proxy-Authorization"
            credentials = authorization(answer, user, password, method, uri, algorithm)
            self.request(method, uri, user, domain, (*headers, f"{field}: {credentials}"), to, call_id)
            answer = self.final()
        if answer is None:
            raise TimeoutError(f"no answer to {method}")
        return answer

    def invite_with_digest(
        self, uri: str, user: str, domain: str, password: str, body: str, algorithm: str = "MD5"
    ) -> Response:
        """An INVITE answered with digest; its final response, acknowledged when it is a failure."""
        contact = f"Contact: <sip:{user}@{bracketed(self.address)}:{self.port};transport={self.transport}>"
        call_id, credentials = "", ""
        for _ in range(2):
            headers = (contact, f"Proxy-Authorization: {credentials}") if credentials else (contact,)
            call_id = self.request("INVITE", uri, user, domain, headers, call_id=call_id, body=body)
            answer = self.final()
            if answer is None:
                raise TimeoutError("no answer to INVITE")
            if answer.status >= 300:
                self._acknowledge(uri, answer)
            if answer.status != 407:
                break
            credentials = authorization(answer, user, password, "INVITE", uri, algorithm)
        return answer

    def _acknowledge(self, uri: str, answer: Response) -> None:
        """ACK of a failure: the INVITE's Via and CSeq number (RFC 3261 section 17.1.1.3)."""
        lines = [f"ACK {uri} SIP/2.0"]
        lines += [f"{name}: {answer.headers(name)[0]}" for name in ("Via", "From", "To", "Call-ID")]
        lines += [f"CSeq: {self._cseq} ACK", "Max-Forwards: 70", "Content-Length: 0", "", ""]
        self.send("\r\n".join(lines).encode())

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def options(node: tuple[str, int], timeout_s: float = PATIENCE_S) -> int | None:
    """The status of an OPTIONS to the node itself, None without answer."""
    with Client(node, address="::1" if ":" in node[0] else "127.0.0.1", timeout_s=timeout_s) as client:
        client.request("OPTIONS", f"sip:{bracketed(node[0])}:{node[1]}", "probe", "probe.invalid")
        answer = client.final()
        return answer.status if answer else None
