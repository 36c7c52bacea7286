"""Phones and trunks that do what they like, all of it from one ``random``: mostly what belongs to calls, in some order."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from native.sip import Message, ParseError
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import SignalWorld

OPEN, MD5, CARRIER = "open.example", "md5.example", "carrier.example"
NEAR, FAR = "192.0.2.66", "192.0.2.88"
HOSTS = {"alice": "192.0.2.10", "bob": "192.0.2.20", "carol": "192.0.2.30", "dave": "192.0.2.40", "near": NEAR, "far": FAR}
BEHIND_NAT = "dave"
CALLED = (
    *(f"sip:{name}@{OPEN}" for name in ("alice", "bob", "bob", "bob", "carol", "carol", "nobody", "9123", "9123")),
    *(f"sip:bob@{MD5}", "sip:x@192.0.2.20"),
)
CALLERS = (*(f"sip:{name}@{OPEN}" for name in ("alice", "alice", "bob")), f"sip:alice@{MD5}", f"sip:+44123@{CARRIER}")
STARTING = (*("INVITE",) * 8, "OPTIONS", "MESSAGE", "SUBSCRIBE")
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
EXTRAS = (
    *(("Privacy", "id"), ("Privacy", "none"), ("P-Asserted-Identity", f"<sip:boss@{OPEN}>"), ("Supported", "100rel, timer")),
    *(("Proxy-Require", "privacy"), ("Proxy-Require", "x"), ("Require", "x"), ("Max-Breadth", "3"), ("Expires", "9")),
    *(("Route", "<sip:192.0.2.1;lr>"), ("Route", "<sip:192.0.2.9;lr>"), ("Record-Route", "<sip:192.0.2.7;lr>")),
    *(("Subject", "\xe9"), ("Max-Forwards", "0"), ("Max-Forwards", "1"), ("k", "outbound, path")),
)
STATUSES = (*(100, 180, 180, 183), *(200,) * 8, *(202, 302, 404, 407, 408, 481, 486, 487, 491, 500, 503, 603))
WITHIN = (*("ACK",) * 4, *("BYE",) * 3, "INFO", "INVITE", "UPDATE", "PRACK", "REFER")
ONCE = (b"REGISTER", b"OPTIONS")  # answers to them may leave no transaction (RFC 3261 section 8.2.7)
BOUND: tuple[dict[str, Any], ...] = ({}, {}, {}, {"q": 0.5}, {"instance": "<urn:x:1>", "reg_id": 1}, {"instance": "<urn:x:1>"})
KEPT = 30  # of what was sent, to be repeated


class Phones:
    def __init__(self, world: SignalWorld, random: Random) -> None:
        self.random = random
        self.phones = {name: world.phone(host, transport=self._transport_of(name)) for name, host in HOSTS.items()}
        self.phones[BEHIND_NAT].says_host = "10.0.0.1"
        for name in ("alice", "bob", "carol"):
            if random.random() < 0.9:
                world.bind(f"{name}@{OPEN}", self.phones[name])
                world.bind(f"{name}@{MD5}", self.phones[name])
        if random.random() < 0.5:
            for name in random.sample(sorted(HOSTS), random.choice((1, 1, 2, 5))):
                world.bind(f"bob@{OPEN}", self.phones[name], **random.choice(BOUND))
        self.sent: list[tuple[Phone, bytes]] = []
        self._numbers = count(1)

    def _transport_of(self, name: str) -> str:
        return "tcp" if name == "carol" or (name == "alice" and self.random.random() < 0.5) else "udp"

    @property
    def repeatable(self) -> list[tuple[Phone, bytes]]:
        return [each for each in self.sent if not each[1].startswith(ONCE)]

    # the steps

    def invite(self) -> None:
        """Or something else that is outside any dialog."""
        phone, call = self._any(), self.random.randint(1, 9)
        to, body = self.random.choice(CALLED), self.random.choice((SDP, SDP, b""))
        dialog = [("From", f"<{self.random.choice(CALLERS)}>;tag=c{call}"), ("To", f"<{to}>"), ("Call-ID", f"call-{call}")]
        self._request(phone, self.random.choice(STARTING), to, dialog, self.random.choice((1, 1, 2)), body)

    def register(self) -> None:
        phone, name, domain = self._any(), self.random.choice(("alice", "bob", "carol")), self.random.choice((OPEN, OPEN, MD5))
        aor, ours = f"<sip:{name}@{domain}>", f"<{phone.contact}>"
        contact = self.random.choice((ours, ours, ours, f"{ours};expires=0", f"{ours};q=0.3", "*"))
        dialog = [("From", f"{aor};tag=r"), ("To", aor), ("Call-ID", f"r-{name}")]
        self._request(phone, "REGISTER", f"sip:{domain}", dialog, next(self._numbers), contact=contact)

    def answer(self) -> None:
        """One of the last requests somebody got; an answer once more, or another one, may come."""
        found = self._received(lambda message: message.is_request and message.method != "ACK", newest=3)
        if found is None:
            return
        phone, request = found
        status = self.random.choice(STATUSES) if request.method == "INVITE" or self.random.random() < 0.3 else 200
        body = self.random.choice((SDP, b"")) if request.method == "INVITE" and 180 <= status < 300 else b""
        headers = [("Record-Route", value) for value in request.get_all("Record-Route")] + [
            ("Contact", self._contact_of(phone))
        ]
        if status in (180, 183) and self.random.random() < 0.3:
            headers += [("RSeq", "1"), ("Require", "100rel")]
        if self.random.random() < 0.1:
            headers.append(("P-Asserted-Identity", f"<sip:callee@{OPEN}>"))
        if body:
            headers.append(("Content-Type", "application/sdp"))
        tag = self.random.choice(("callee", "callee", "callee", "fork"))
        self._send(phone, request.reply(status, to_tag=tag, headers=headers, body=body))

    def within(self) -> None:
        """A request of a dialog, by who got its 2xx or its INVITE; perhaps without our Route."""
        found = self._received(lambda each: bool(each.contact_uri_text and each.from_tag and each.to_tag), newest=3)
        if found is None:
            return
        phone, dialog = found
        method, callee = self.random.choice(WITHIN), dialog.is_request
        routes = dialog.get_all("Record-Route") if self.random.random() < 0.8 else []
        ours, theirs = ("To", "From") if callee else ("From", "To")
        lines = [("Route", route) for route in (routes if callee else reversed(routes))]
        lines += [("From", dialog.get(ours) or ""), ("To", dialog.get(theirs) or ""), ("Call-ID", dialog.call_id)]
        lines += [("RAck", "1 1 INVITE")] if method == "PRACK" else []
        cseq = dialog.cseq if method == "ACK" and self.random.random() < 0.8 else self.random.randint(1, 5)
        uri = dialog.contact_uri_text if routes or self.random.random() < 0.5 else "sip:192.0.2.1"
        self._request(phone, method, uri, lines, cseq, SDP if method == "INVITE" else b"")

    def give_up(self) -> None:
        """CANCEL, or the ACK of a failure, for an INVITE that was sent."""
        if mine := [(phone, data) for phone, data in self.sent if data.startswith(b"INVITE")]:
            phone, data = self.random.choice(mine)
            self._send(phone, Message(data).derive(self.random.choice(("CANCEL", "ACK"))))

    def prove(self) -> None:
        """The answer to a challenge, mostly the right one."""
        found = self._received(lambda message: message.status in (401, 407), newest=4)
        if found is None:
            return
        phone, challenge = found
        requests = [Message(data) for sender, data in reversed(self.sent) if sender is phone]
        request = next((each for each in requests if _is_request_of(each, challenge)), None)
        if request is not None:
            name = "Authorization" if challenge.status == 401 else "Proxy-Authorization"
            request.set(name, _credentials(challenge, request, self.random.choice(("pw", "pw", "pw", "wrong"))))
            request.set("CSeq", f"{request.cseq + 1} {request.method}")
            request.set("Via", f"{request.via.text}-{next(self._numbers)}")
            self._send(phone, request)

    def repeat(self) -> None:
        """Perhaps by somebody else."""
        if self.repeatable:
            phone, data = self.random.choice(self.repeatable)
            self._send_bytes(self.random.choice((phone, phone, self._any())), data)

    # their parts

    def _any(self) -> Phone:
        return self.random.choice(list(self.phones.values()))

    def _contact_of(self, phone: Phone) -> str:
        """Sometimes it has moved, or says what nobody can read."""
        return self.random.choice((*(f"<{phone.contact}>",) * 12, f"<sip:moved@{phone.says_host}:5099>", "<sip:@@>"))

    def _received(self, is_wanted: Callable[[Message], bool], newest: int) -> tuple[Phone, Message] | None:
        """One of the newest that somebody got and can read."""
        found = [
            (phone, [each for each in phone.node.received[-8:] if _is_sound(each) and is_wanted(each)])
            for phone in self.phones.values()
        ]
        having = [(phone, messages) for phone, messages in found if messages]
        if not having:
            return None
        phone, messages = self.random.choice(having)
        return phone, self.random.choice(messages[-newest:])

    def _request(
        self,
        phone: Phone,
        method: str,
        uri: str,
        dialog: list[tuple[str, str]],
        cseq: int,
        body: bytes = b"",
        contact: str = "",
    ) -> None:
        rport, branch = self.random.choice((";rport", "")), f"z9hG4bK{phone.node.listeners[0].host}-{next(self._numbers)}"
        via = f"SIP/2.0/{phone.transport.upper()} {phone.says_host}:{phone.port}{rport};branch={branch}"
        extras = self.random.sample(EXTRAS, self.random.choice((0, 0, 0, 0, 1, 2)))
        lines = [("Via", via), *dialog, ("CSeq", f"{cseq} {method}"), ("Contact", contact or self._contact_of(phone)), *extras]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        self._send(phone, Message.request(method, uri, lines, body))

    def _send(self, phone: Phone, message: Message) -> None:
        self._send_bytes(phone, message.to_bytes(stream=True))

    def _send_bytes(self, phone: Phone, data: bytes) -> None:
        self.sent = [*self.sent[-KEPT:], (phone, data)]
        phone.send_bytes(data)


def _is_sound(message: Message) -> bool:
    """What was damaged on its way to us may well leave us so."""
    try:
        message.check()
    except ParseError:
        return False
    return True


def _is_request_of(request: Message, answer: Message) -> bool:
    return (request.call_id, request.cseq, request.method) == (answer.call_id, answer.cseq, answer.cseq_method)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _credentials(challenge: Message, request: Message, password: str) -> str:
    value = challenge.get("WWW-Authenticate") or challenge.get("Proxy-Authenticate") or ""
    found = re.search('realm="([^"]+)", nonce="([^"]+)"', value)
    realm, nonce = found.groups() if found else ("", "")
    user = request.from_.uri.user or ""
    response = _md5(f"{_md5(f'{user}:{realm}:{password}')}:{nonce}:00000001:c:auth:{_md5(f'{request.method}:sip:x')}")
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="sip:x", response="{response}", cnonce="c", '
        "algorithm=MD5, qop=auth, nc=00000001"
    )
