"""The exchanges that ``bench.micro_signal`` measures: what phones and trunks send, and what they must get."""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Callable
from typing import Any

from bench.fake_relay import FakeRelay
from native.sip import Message, UdpSocket

OPEN, CLOSED, PASSWORD = "open.test", "digest.test", "secret"
CARRIER = "carrier.test"  # in From of what a trunk sends
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
USERS = 200


class Phone:
    """One socket that plays all users of one side."""

    def __init__(self, node_port: int) -> None:
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        plain.bind(("127.0.0.1", 0))
        self.port = plain.getsockname()[1]
        self._socket = UdpSocket(plain.detach())
        self._node = ("127.0.0.1", node_port)

    def send(self, messages: list[bytes]) -> None:
        for message in messages:
            self._socket.queue(message, self._node)
        self._socket.flush()

    def receive(self) -> list[Message]:
        messages: list[Message] = []
        while batch := self._socket.receive():
            messages += [Message(data) for data, _, _ in batch]
        return messages

    def close(self) -> None:
        self._socket.close()


class Exchanges:
    """The exchanges measured, ``batch`` at once; ``turn`` lets the node work and is where its time is taken.
    ``relay``: where the node sends session descriptions, if it does. ``host``: where the phones say they are."""

    def __init__(self, node_port: int, turn: Callable[[], Any], batch: int) -> None:
        self.caller, self.callee = Phone(node_port), Phone(node_port)
        self._node_turn = turn
        self.relay: FakeRelay | None = None
        self.host = "127.0.0.1"
        self.second: Phone | None = None  # of each user who is called
        self._batch = range(batch)
        self._serial = 0
        self._routed = True
        self._credentials: dict[str, str] = {}

    def close(self) -> None:
        for phone in (self.caller, self.callee, self.second):
            if phone is not None:
                phone.close()

    async def _turn(self) -> None:
        await self._node_turn()
        while self.relay is not None and self.relay.serve():
            await self._node_turn()

    async def _ask(self, phone: Phone, messages: list[bytes], wanted: int) -> list[Message]:
        """What ``phone`` gets for its requests, 100 left out."""
        phone.send(messages)
        await self._turn()
        answers = [answer for answer in phone.receive() if answer.status >= 180]
        if [answer.status for answer in answers] != [wanted] * len(messages):
            raise RuntimeError(f"wanted {len(messages)} times {wanted}, got {[each.status for each in answers]}")
        return answers

    def _request(
        self, phone: Phone, method: str, uri: str, user: int, domain: str, extra: str = "", body: bytes = b""
    ) -> bytes:
        self._serial += 1
        serial = self._serial
        head = (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:{phone.port};rport;branch=z9hG4bK-7-{serial}-0\r\n"
            f"From: <sip:user{user}@{domain}>;tag=7-{serial}\r\nTo: <sip:user{user}@{domain}>\r\n"
            f"Call-ID: {serial}-7@127.0.0.1\r\nCSeq: {serial} {method}\r\nMax-Forwards: 70\r\n"
            f"Contact: <sip:user{user}@{self.host}:{phone.port};transport=udp>\r\n"
            f"{extra}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _within(self, method: str, answer: Message, cseq: int) -> bytes:
        """A request of the caller in the dialog that ``answer`` made."""
        self._serial += 1
        routes = "".join(f"Route: {value.text}\r\n" for value in reversed(answer.record_routes)) if self._routed else ""
        uri = answer.contacts[0].uri.text if self._routed else dialled(0)
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {self.host}:{self.caller.port};rport;"
            f"branch=z9hG4bK-7-{self._serial}-5\r\n{routes}From: {answer.get('From')}\r\nTo: {answer.get('To')}\r\n"
            f"Call-ID: {answer.call_id}\r\nCSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()

    def _invite(self, n: int, domain: str, credentials: str = "", uri: str = "") -> bytes:
        """``domain``: of who calls. ``uri``: of whom, if not of the user with that number."""
        extra = f"Content-Type: application/sdp\r\n{credentials}"
        return self._request(self.caller, "INVITE", uri or called(n), n % USERS, domain, extra, SDP)

    async def call(self) -> None:
        """INVITE, 100, 180, 200, ACK, BYE, 200 between two users of a domain without digest."""
        await self._call([self._invite(n, OPEN) for n in self._batch])

    async def call_limited(self) -> None:
        """The same while ``invites_per_user_per_s`` is set."""
        await self.call()

    async def call_beside_tls(self) -> None:
        """The same while there is a listener for TLS, too."""
        await self.call()

    async def call_nat(self) -> None:
        """The same of users who are both behind a NAT: what they say of themselves leads nowhere."""
        await self.call()

    async def call_nat_relayed(self) -> None:
        """That with its media by way of the media daemon."""
        await self.call()

    async def call_private(self) -> None:
        """The same of callers who don't want to be known."""
        privacy = "Privacy: id\r\n"
        await self._call([self._invite(n, OPEN, privacy) for n in self._batch])

    async def call_forked(self) -> None:
        """The same to users with two phones: both ring, and the second is cancelled."""
        await self.call()

    async def call_info(self) -> None:
        """The same with an INFO."""
        await self._call([self._invite(n, OPEN) for n in self._batch], "INFO")

    async def call_updated(self) -> None:
        """The same with an UPDATE without a body, as session timers have it."""
        await self._call([self._invite(n, OPEN) for n in self._batch], "UPDATE")

    async def call_reinvited(self) -> None:
        """The same with an INVITE within the call, and its ACK."""
        await self._call([self._invite(n, OPEN) for n in self._batch], "INVITE")

    async def call_in(self) -> None:
        """The same from a trunk, by its address, to a user."""
        await self._call([self._invite(n, CARRIER) for n in self._batch])

    async def call_trunk(self) -> None:
        """The same from a trunk to another, by a route."""
        await self._call([self._invite(n, CARRIER, uri=dialled(n)) for n in self._batch])

    async def call_trunk_spare(self) -> None:
        """That to a trunk with a second target, which is not needed."""
        await self.call_trunk()

    async def call_unrouted(self) -> None:
        """The same as SIPp's own scenarios have it: its ACK and BYE come without our Route."""
        self._routed = False
        await self.call_trunk()

    async def call_out(self) -> None:
        """The same from a user to a trunk, by a route."""
        await self._call([self._invite(n, OPEN, uri=dialled(n)) for n in self._batch])

    async def call_digest(self) -> None:
        """The same of a user of a domain with digest: INVITE, 407, ACK, INVITE with credentials, 100, 180 ..."""
        invites = [self._invite(n, CLOSED) for n in self._batch]
        challenges = await self._ask(self.caller, invites, 407)
        self.caller.send([self._refused(Message(invite), answer) for invite, answer in zip(invites, challenges, strict=True)])
        await self._turn()
        await self._call([self._answered(n, challenge) for n, challenge in zip(self._batch, challenges, strict=True)])

    def _refused(self, invite: Message, answer: Message) -> bytes:
        """The ACK of an INVITE that was answered so."""
        names = (("Via", invite), ("From", invite), ("To", answer), ("Call-ID", invite))
        lines = "".join(f"{name}: {message.get(name)}\r\n" for name, message in names)
        cseq = f"CSeq: {invite.cseq} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        return f"ACK {invite.request_uri_text} SIP/2.0\r\n{lines}{cseq}".encode()

    def _answered(self, n: int, challenge: Message) -> bytes:
        value = credentials(challenge.get("Proxy-Authenticate") or "", f"user{n % USERS}", "INVITE", called(n))
        return self._invite(n, CLOSED, f"Proxy-Authorization: {value}\r\n")

    async def _call(self, invites_sent: list[bytes], within: str = "") -> None:
        """``within``: the method of a request between ACK and BYE."""
        caller, callee = self.caller, self.callee
        caller.send(invites_sent)
        await self._turn()
        caller.receive()
        invites = callee.receive()
        rung = await self._ring(self.second) if self.second is not None else []
        for status, body in ((180, b""), (200, SDP)):
            headers = [
                ("Contact", f"<sip:callee@{self.host}:{callee.port}>"),
                *([("Content-Type", "application/sdp")] if body else []),
            ]
            callee.send([self._answer(invite, status, headers, body) for invite in invites])
            await self._turn()
            answers = caller.receive()
            if len(answers) != len(invites) or len(invites) != len(self._batch):
                raise RuntimeError(f"{len(self._batch)} INVITEs sent, {len(invites)} arrived, {len(answers)} answers")
        if self.second is not None:
            await self._end_cancelled(self.second, rung)
        caller.send([self._within("ACK", answer, answer.cseq) for answer in answers])
        await self._turn()
        callee.receive()
        if within:
            await self._ask_within(within, answers)
        caller.send([self._within("BYE", answer, answer.cseq + 2) for answer in answers])
        await self._turn()
        byes = callee.receive()
        await self._ask_answered(byes)

    async def _ring(self, phone: Phone) -> list[Message]:
        """The INVITEs to a phone that rings, and no more."""
        invites = phone.receive()
        phone.send([self._answer(invite, 180, [], b"") for invite in invites])
        await self._turn()
        self.caller.receive()
        return invites

    async def _end_cancelled(self, phone: Phone, invites: list[Message]) -> None:
        cancels = phone.receive()
        if [cancel.method for cancel in cancels] != ["CANCEL"] * len(self._batch):
            raise RuntimeError(f"{len(cancels)} requests to the second phone are no CANCELs")
        phone.send([self._answer(each, 200 if each.method == "CANCEL" else 487, [], b"") for each in (*cancels, *invites)])
        await self._turn()
        phone.receive()

    async def _ask_within(self, method: str, answers: list[Message]) -> None:
        self.caller.send([self._within(method, answer, answer.cseq + 1) for answer in answers])
        await self._turn()
        await self._ask_answered(self.callee.receive())
        if method == "INVITE":
            self.caller.send([self._within("ACK", answer, answer.cseq + 1) for answer in answers])
            await self._turn()
            self.callee.receive()

    async def _ask_answered(self, requests: list[Message]) -> None:
        """The callee answers what it got of the caller."""
        self.callee.send([self._answer(request, 200, [], b"") for request in requests])
        await self._turn()
        answers = [answer for answer in self.caller.receive() if answer.status >= 200]
        if len(answers) != len(self._batch):
            raise RuntimeError("a request within a call was not answered")

    def _answer(self, request: Message, status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
        routes = [("Record-Route", value) for value in request.get_all("Record-Route")]
        return request.reply(status, to_tag="callee", headers=[*routes, *headers], body=body).to_bytes()

    async def call_relayed(self) -> None:
        """The same, each session description by way of the media daemon."""
        await self.call()

    async def register(self) -> None:
        """A refresh in a domain without digest."""
        for phone in (self.callee, self.second):
            if phone is not None:
                requests = [
                    self._request(phone, "REGISTER", f"sip:{OPEN}", n % USERS, OPEN, "Expires: 600\r\n") for n in self._batch
                ]
                await self._ask(phone, requests, 200)

    async def register_digest(self) -> None:
        """A refresh that is challenged with MD5, then answered."""
        uri, phone = f"sip:{CLOSED}", self.callee
        plain = [self._request(phone, "REGISTER", uri, n % USERS, CLOSED) for n in self._batch]
        challenges = await self._ask(phone, plain, 401)
        again = []
        for n, challenge in zip(self._batch, challenges, strict=True):
            value = credentials(challenge.get("WWW-Authenticate") or "", f"user{n % USERS}", "REGISTER", uri)
            extra = f"Authorization: {value}\r\n"
            again.append(self._request(phone, "REGISTER", uri, n % USERS, CLOSED, extra))
        await self._ask(phone, again, 200)

    async def options(self) -> None:
        """OPTIONS to the node itself."""
        await self._ask(
            self.caller, [self._request(self.caller, "OPTIONS", f"sip:{OPEN}", n % USERS, OPEN) for n in self._batch], 200
        )


def called(n: int) -> str:
    return f"sip:user{n % USERS}@{OPEN}"


def dialled(n: int) -> str:
    return f"sip:9{n % USERS}@{OPEN}"


def credentials(challenge: str, user: str, method: str, uri: str) -> str:
    """Of a user of the domain with digest, for MD5."""
    nonce = (re.search('nonce="([^"]+)"', challenge) or [""])[1]
    secret = _md5(f"{user}:{CLOSED}:{PASSWORD}")
    response = _md5(f"{secret}:{nonce}:00000001:cafe:auth:{_md5(f'{method}:{uri}')}")
    return (
        f'Digest username="{user}",realm="{CLOSED}",nonce="{nonce}",uri="{uri}",response="{response}",'
        f'algorithm=MD5,cnonce="cafe",qop=auth,nc=00000001'
    )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
