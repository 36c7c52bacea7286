"""Phones for tests against a live signal node: real sockets on loopback, messages by native.sip, digest of their own."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
import ssl
from typing import Any

from native.sip import Message, frame_length

WAIT_S = 100.0  # only what never comes takes so long

_serial = itertools.count(1)


class Phone:
    """One user agent. ``transport``: "udp", "tcp" or "tls" (one connection to the node, opened by ``start``)."""

    def __init__(self, user: str, password: str, node: tuple[str, int], transport: str = "udp", domain: str = "example.com"):
        self.user, self.password, self.node, self.transport, self.domain = user, password, node, transport, domain
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.kept: list[Message] = []  # taken out of the inbox while waiting for something else
        self.tls: ssl.SSLContext | None = None
        self.aor = f"sip:{user}@{domain}"
        self.port = 0
        self._send: Any = None
        self._close: Any = None
        self._buffer = b""

    async def start(self) -> Phone:
        loop = asyncio.get_running_loop()
        if self.transport == "udp":
            endpoint, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), ("127.0.0.1", 0))
            self.port = endpoint.get_extra_info("sockname")[1]
            self._send, self._close = (lambda data: endpoint.sendto(data, self.node)), endpoint.close
        else:
            name = self.domain if self.tls else None
            stream, _ = await loop.create_connection(lambda: _Stream(self), *self.node, ssl=self.tls, server_hostname=name)
            self.port = stream.get_extra_info("sockname")[1]
            self._send, self._close = stream.write, stream.close
        return self

    def close(self) -> None:
        self._close()

    @property
    def contact(self) -> str:
        extra = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"<sip:{self.user}@127.0.0.1:{self.port}{extra}>"

    def received(self, data: bytes) -> None:
        if data.strip():
            self.inbox.put_nowait(Message(data))

    def received_stream(self, data: bytes) -> None:
        self._buffer += data
        while self._buffer and (length := frame_length(self._buffer)):
            self.received(self._buffer[:length])
            self._buffer = self._buffer[length:]

    # requests

    def via(self) -> str:
        return f"SIP/2.0/{self.transport.upper()} 127.0.0.1:{self.port};branch=z9hG4bKt{next(_serial)};rport"

    def request(
        self, method: str, uri: str, *, to: str = "", call_id: str = "", cseq: int = 1, tag: str = "", **more: Any
    ) -> Message:
        headers = [
            ("Via", self.via()),
            ("From", f"{more.pop('from_', f'<{self.aor}>')};tag={tag or 't' + self.user}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id or f"c{next(_serial)}@test"),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
            ("Contact", more.pop("contact", self.contact)),
        ]
        body = more.pop("body", b"")
        headers += [("Route", route) for route in more.pop("routes", ())]
        headers += [(name.replace("_", "-"), value) for name, value in more.items()]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        return Message.request(method, uri, headers, body)

    def send(self, message: Message) -> None:
        self._send(message.to_bytes(stream=self.transport != "udp"))

    async def ask(self, request: Message) -> Message:
        """Sends a request and returns its final response, answering a challenge once."""
        self.send(request)
        response = await self.final(request)
        if response.status in (401, 407):
            request = self.authorized(request, response)
            self.send(request)
            response = await self.final(request)
        return response

    def authorized(self, request: Message, challenge: Message, password: str | None = None) -> Message:
        """``request`` again, with the next CSeq, a new branch and the answer to the last (weakest) challenge."""
        name, header = {
            401: ("WWW-Authenticate", "Authorization"),
            407: ("Proxy-Authenticate", "Proxy-Authorization"),
        }[challenge.status]
        offered = dict(re.findall(r'(\w+)="?([^",]+)', challenge.get_all(name)[-1]))
        uri, nc, cnonce = request.request_uri_text, "00000001", "cafe"
        realm, nonce = offered["realm"], offered["nonce"]
        ha1 = _md5(f"{self.user}:{realm}:{self.password if password is None else password}")
        answer = _md5(f"{ha1}:{nonce}:{nc}:{cnonce}:auth:{_md5(f'{request.method}:{uri}')}")
        again = request.copy()
        again.pop_via()
        again.push_via(self.via())
        again.set("CSeq", f"{request.cseq + 1} {request.method}")
        again.set(
            header,
            f'Digest username="{self.user}", realm="{realm}", nonce="{nonce}", uri="{uri}", response="{answer}", '
            f'algorithm=MD5, cnonce="{cnonce}", qop=auth, nc={nc}',
        )
        return Message(again.to_bytes(stream=True))

    async def register(self, expires: int = 600) -> Message:
        return await self.ask(self.request("REGISTER", f"sip:{self.domain}", to=f"<{self.aor}>", Expires=str(expires)))

    # waiting

    async def expect(self, wanted: Any) -> Message:
        """The next message for which ``wanted(message)`` holds; others are kept for later."""
        for index, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(index)
        while True:
            message = await asyncio.wait_for(self.inbox.get(), WAIT_S)
            if wanted(message):
                return message
            self.kept.append(message)

    async def final(self, request: Message) -> Message:
        branch = request.via.branch
        response = await self.expect(lambda m: not m.is_request and m.status >= 200 and m.via.branch == branch)
        if request.method == "INVITE" and response.status >= 300:
            ack = request.derive("ACK")
            ack.set("To", response.get("To") or "")
            self.send(ack)
        return response

    async def incoming(self, method: str) -> Message:
        return await self.expect(lambda m: m.is_request and m.method == method)

    async def status(self, status: int) -> Message:
        return await self.expect(lambda m: not m.is_request and m.status == status)

    def answer(self, request: Message, status: int, *, body: bytes = b"", tag: str = "") -> None:
        headers = [("Contact", self.contact)]
        if status > 100:
            headers += [("Record-Route", value) for value in request.get_all("Record-Route")]
        if body:
            headers.append(("Content-Type", "application/sdp"))
        self.send(request.reply(status, to_tag=tag or "u" + self.user, headers=headers, body=body))

    def within(self, method: str, response: Message, cseq: int, **more: Any) -> Message:
        """A request of the dialog that ``response``, a 2xx to our INVITE, made."""
        routes = [value.text for value in reversed(response.record_routes)]
        target = response.contacts[0].uri.text
        to = response.get("To") or ""
        tag = response.from_tag or ""
        return self.request(method, target, to=to, call_id=response.call_id, cseq=cseq, tag=tag, routes=routes, **more)

    def from_callee(self, method: str, invite: Message, cseq: int, **more: Any) -> Message:
        """A request of the dialog that we, the callee, entered by answering ``invite``."""
        routes = [value.text for value in invite.record_routes]
        target = invite.contacts[0].uri.text
        from_ = (invite.get("To") or "").partition(";tag=")[0]
        return self.request(
            method,
            target,
            to=invite.get("From") or "",
            call_id=invite.call_id,
            cseq=cseq,
            tag="u" + self.user,
            from_=from_,
            routes=routes,
            **more,
        )


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, phone: Phone) -> None:
        self.phone = phone

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.phone.received(data)


class _Stream(asyncio.Protocol):
    def __init__(self, phone: Phone) -> None:
        self.phone = phone

    def data_received(self, data: bytes) -> None:
        self.phone.received_stream(data)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
