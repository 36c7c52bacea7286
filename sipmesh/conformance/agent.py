"""A raw user agent: a socket, the messages that passed it, and the few things every test does with them."""

from __future__ import annotations

import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from sipmesh.conformance.credentials import answer
from sipmesh.conformance.errors import FailedError
from sipmesh.conformance.message import Headers, Message, parse, uri_of
from sipmesh.conformance.patience import Patience
from sipmesh.conformance.requests import ack_failure, new_branch
from sipmesh.conformance.tls import unverified

WAIT_S = 2.0
LATE_S = 2.0  # that a repetition may come late, from a target with much to do
TIMESTAMP = 35  # SO_TIMESTAMPNS of Linux, which the socket module does not name
TIMESPEC = struct.Struct("@qq")
CHALLENGE_S = 1.0  # a challenge that takes longer is none
SDP = "v=0\r\no=- 1 1 IN IP4 {0}\r\ns=-\r\nc=IN IP4 {0}\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n"

MAKES_DIALOG = frozenset({"INVITE", "SUBSCRIBE"})

Match = Callable[[Message], bool]


@dataclass(frozen=True, slots=True)
class Account:
    user: str
    password: str
    domain: str

    @property
    def uri(self) -> str:
        return f"sip:{self.user}@{self.domain}"


@dataclass(slots=True)
class Agent:
    """``trace`` is shared by the agents of a test; ``account`` answers challenges; ``accepted``: a connection that the target
    opened."""

    name: str
    target: tuple[str, int]
    transport: str
    account: Account
    trace: list[str]
    accepted: socket.socket | None = None
    socket: socket.socket = field(init=False)
    host: str = ""
    port: int = 0  # any that is free
    _buffer: bytes = b""
    _waiting: list[Message] = field(default_factory=list)
    cseq: int = 0  # last used
    sent: dict[tuple[str, int], Message] = field(default_factory=dict)  # INVITEs by Call-ID and CSeq
    waited_s: float = 0.0  # for messages, in all
    answers: list[Message] = field(default_factory=list)  # every 2xx to an INVITE
    _invites: dict[str, Message] = field(default_factory=dict)  # received and not answered, by branch

    def __post_init__(self) -> None:
        if self.accepted is not None:
            self.socket = self.accepted
            self.host, self.port = self.socket.getsockname()[:2]
            return
        kind = socket.AF_INET6 if ":" in self.target[0] else socket.AF_INET
        with socket.socket(kind, socket.SOCK_DGRAM) as probe:
            probe.connect(self.target)
            self.host = probe.getsockname()[0]
        self.socket = socket.socket(kind, socket.SOCK_DGRAM if self.transport == "udp" else socket.SOCK_STREAM)
        self.socket.bind((self.host, self.port))
        if self.transport != "udp":
            self.socket.settimeout(WAIT_S)
            self.socket.connect(self.target)
        else:
            self.socket.setsockopt(socket.SOL_SOCKET, TIMESTAMP, 1)
        if self.transport == "tls":
            self.socket = unverified().wrap_socket(self.socket, server_hostname=self.account.domain)
        self.port = self.socket.getsockname()[1]

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.account.user}@{self.address}{uri_transport(self.transport)}>"

    @property
    def unanswered(self) -> list[Message]:
        """INVITEs received that wait for a final response."""
        return list(self._invites.values())

    def close(self) -> None:
        self.socket.close()

    # sending

    def request(self, method: str, uri: str, headers: Headers | None = None, body: str = "", **replace: str) -> Message:
        """A well-formed request outside any dialog; ``replace`` changes headers by name, "_" for "-"; "" leaves one out."""
        self.cseq += 1
        fields = {
            "Via": f"SIP/2.0/{self.transport.upper()} {self.address};rport;branch={new_branch()}",
            "Max-Forwards": "70",
            "From": f"<{self.account.uri}>;tag={secrets.token_hex(4)}",
            "To": f"<{uri}>",
            "Call-ID": secrets.token_hex(8),
            "CSeq": f"{self.cseq} {method}",
            "Contact": self.contact,
        }
        fields |= {name.replace("_", "-"): value for name, value in replace.items()}
        lines = [(name, value) for name, value in fields.items() if value]
        content = [("Content-Type", "application/sdp" if body.startswith("v=0") else "text/plain")] if body else []
        return Message(f"{method} {uri} SIP/2.0", [*lines, *(headers or []), *content], body.encode())

    def again(self, request: Message) -> Message:
        """The same request as a new transaction: another branch and CSeq."""
        number, method = request.cseq
        self.cseq = max(self.cseq, number) + 1
        via = re.sub(r"branch=[^;,\s]+", f"branch={new_branch()}", request["Via"])
        return request.with_header("Via", via).with_header("CSeq", f"{self.cseq} {method}")

    def send(self, message: Message | bytes) -> None:
        data = message if isinstance(message, bytes) else message.to_bytes()
        if isinstance(message, Message) and message.start.startswith("INVITE"):
            self.sent[message["Call-ID"], message.cseq[0]] = message
        self.trace.append(f"{self.name} sends:\n{data.decode('utf-8', 'replace').rstrip()}")
        if self.transport == "udp":
            self.socket.sendto(data, self.target)
        else:
            self.socket.sendall(data)

    # receiving

    def receive(self, timeout_s: float = WAIT_S, match: Match | None = None) -> Message | None:
        """The first message that matches; others wait for somebody who asks for them."""
        for index, message in enumerate(self._waiting):
            if match is None or match(message):
                return self._waiting.pop(index)
        patience = Patience(timeout_s)
        try:
            while (fresh := self._read(patience)) is not None:
                if match is None or match(fresh):
                    return fresh
                self._waiting.append(fresh)
        finally:
            self.waited_s += patience.waited_s
        return None

    def _read(self, patience: Patience) -> Message | None:
        """None when nothing comes in time or the peer has closed. Keep-alives and what can't be read are passed over."""
        while True:
            try:
                read = patience.read(self.socket, self._next)
            except OSError:
                return None
            if read is None or (not read[0] and self.transport != "udp"):
                return None
            data, arrived_s = read
            if not data.strip():
                continue
            self.trace.append(f"{self.name} receives:\n{data.decode('utf-8', 'replace').rstrip()}")
            with suppress(ValueError):
                message = parse(data)
                message.check()
                message.arrived_s = arrived_s
                self._remember(message)
                return message

    def _next(self) -> tuple[bytes, float]:
        """Bytes of a message, and when they arrived."""
        return datagram(self.socket) if self.transport == "udp" else (self._framed(), time.time())

    def _remember(self, message: Message) -> None:
        if message.is_request and message.method == "INVITE" and not message.tag("To"):
            self._invites.setdefault(message.branch, message)
        elif 200 <= message.status < 300 and message.method == "INVITE":
            self.answers.append(message)

    def _framed(self) -> bytes:
        while True:
            self._buffer = self._buffer.lstrip(b"\r\n")
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            length = re.search(rb"(?mi)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
            size = int(length[1]) if length else 0
            if end and len(rest) >= size:
                self._buffer = rest[size:]
                return head + end + rest[:size]
            data = self.socket.recv(65535)
            if not data:
                return b""
            self._buffer += data

    def response(self, request: Message, timeout_s: float = WAIT_S, *, least: int = 100) -> Message | None:
        """The next response to ``request`` with a status of at least ``least``."""
        wanted = (request["Call-ID"], request.cseq)
        return self.receive(
            timeout_s, lambda got: not got.is_request and (got["Call-ID"], got.cseq) == wanted and got.status >= least
        )

    def incoming(self, method: str, timeout_s: float = WAIT_S) -> Message | None:
        return self.receive(timeout_s, lambda got: got.is_request and got.method == method)

    def expect_response(self, request: Message, timeout_s: float = WAIT_S, *, least: int = 200) -> Message:
        response = self.response(request, timeout_s, least=least)
        if response is None:
            raise FailedError(f"{self.name} got no response to {request.method} within {timeout_s:g} s")
        return response

    def expect_again(self, first: Message, wait_s: float) -> Message:
        """``first`` once more, about ``wait_s`` after it came: by when they arrived, as we may be late to look."""
        again = self.receive(LATE_S + wait_s, lambda got: (got.start, got["CSeq"]) == (first.start, first["CSeq"]))
        name = first.start.split(" ")[0] if first.is_request else first.start
        if again is None:
            raise FailedError(f"{name} did not come again within {LATE_S + wait_s:g} s")
        if again.arrived_s - first.arrived_s < 0.6 * wait_s:
            raise FailedError(f"{name} came again after {again.arrived_s - first.arrived_s:.2f} s, not {wait_s:g} s")
        return again

    def expect_incoming(self, method: str, timeout_s: float = WAIT_S) -> Message:
        request = self.incoming(method, timeout_s)
        if request is None:
            raise FailedError(f"no {method} reached {self.name} within {timeout_s:g} s")
        return request

    # what a user agent does

    def ask(self, request: Message, timeout_s: float = WAIT_S) -> Message:
        """Sends ``request``, with credentials when challenged; its final response, acknowledged where it must be."""
        sent = self.start(request, timeout_s)
        final = self.expect_response(sent, timeout_s)
        if sent.method == "INVITE" and final.status >= 300:
            self.send(ack_failure(sent, final))
        return final

    def start(self, request: Message, timeout_s: float = CHALLENGE_S) -> Message:
        """Sends ``request``, with credentials when challenged; the request that was let in, its responses unread."""
        self.send(request)
        first = self.response(request, timeout_s)
        while first is not None and first.status == 100 and (later := self.response(request, 0.3)) is not None:
            first = later
        header = None if first is None else answer(first, request, self.account.user, self.account.password)
        if first is None or header is None:
            if first is not None:
                self._waiting.insert(0, first)
            return request
        if request.method == "INVITE":
            self.send(ack_failure(request, first))
        second = self.again(request)
        second.headers.append(header)
        self.send(second)
        return second

    def register(self, contact: str = "", expires_s: int = 60, headers: Headers | None = None, **replace: str) -> Message:
        uri = f"sip:{self.account.domain}"
        replace = {"To": f"<{self.account.uri}>", "Contact": contact or self.contact, **replace}
        return self.ask(self.request("REGISTER", uri, [("Expires", str(expires_s)), *(headers or [])], **replace))

    def reply(self, request: Message, status: int, tag: str = "", headers: Headers | None = None, body: str = "") -> Message:
        """Sends a response; a 2xx or provisional that makes a dialog has Contact and the Record-Route that came."""
        kept = [(name, value) for name, value in request.headers if name.lower() in ("via", "v")]
        if request.method in MAKES_DIALOG and 100 < status < 300:
            kept += [("Record-Route", value) for value in request.all("Record-Route")] + [("Contact", self.contact)]
        to = request["To"] + (f";tag={tag or self.name}" if status > 100 and not request.tag("To") else "")
        kept += [("From", request["From"]), ("To", to), ("Call-ID", request["Call-ID"]), ("CSeq", request["CSeq"])]
        if body:
            kept.append(("Content-Type", "application/sdp"))
        response = Message(f"SIP/2.0 {status} Test", [*kept, *(headers or [])], body.encode())
        self.send(response)
        if status >= 200 and request.method == "INVITE":
            self._invites.pop(request.branch, None)
        return response

    def within(self, method: str, own: str, other: str, target: str, routes: list[str], call_id: str, cseq: int) -> Message:
        """A request within a dialog. ``own`` and ``other`` are From and To values with their tags."""
        via = f"SIP/2.0/{self.transport.upper()} {self.address};rport;branch={new_branch()}"
        head = [("Via", via), *(("Route", route) for route in routes), ("Max-Forwards", "70"), ("From", own), ("To", other)]
        tail = [("Call-ID", call_id), ("CSeq", f"{cseq} {method}"), ("Contact", self.contact)]
        return Message(f"{method} {target} SIP/2.0", head + tail)

    def of_caller(self, method: str, response: Message, cseq: int) -> Message:
        """A request of the caller within the dialog that a 2xx (or reliable 1xx) made."""
        routes = list(reversed(response.values("Record-Route")))
        target = uri_of(response["Contact"])
        return self.within(method, response["From"], response["To"], target, routes, response["Call-ID"], cseq)

    def of_callee(self, method: str, invite: Message, to: str, cseq: int = 1) -> Message:
        """A request of the callee; ``to`` is the To value of its answer."""
        routes, target = invite.values("Record-Route"), uri_of(invite["Contact"])
        return self.within(method, to, invite["From"], target, routes, invite["Call-ID"], cseq)


def datagram(udp: socket.socket) -> tuple[bytes, float]:
    """The next one, and when it arrived."""
    data, ancillary, _, _ = udp.recvmsg(65535, socket.CMSG_SPACE(TIMESPEC.size))
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, TIMESTAMP):
            seconds, nanoseconds = TIMESPEC.unpack(value)
            return data, seconds + nanoseconds / 1e9
    return data, time.time()


def uri_transport(transport: str) -> str:
    """What a URI says of it."""
    return "" if transport == "udp" else f";transport={transport}"
