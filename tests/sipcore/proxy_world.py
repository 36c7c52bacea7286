"""A proxy core on its real transaction layer, with user agents around it, on the in-memory wire.

    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = bob.expect("INVITE")
    bob.reply(invite, 200)
    world.run()
    alice.expect(200)

A phone has no transactions: it sends each message once, and sees everything that reaches it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import count

from native.sip import Message, Uri
from sipcore.flow import Destination, Flow
from sipcore.keys import Key, KeyRing
from sipcore.ports import SEES_ALL, Counters, Dialog, Exchange, Proceed, Target
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.proxy.cookie import Cookie
from sipcore.proxy.core import InboundRequest, ProxyCore, ProxySettings
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transport.ingress import Ingress
from tests.sipcore.wire import Node, Wire

KEY = Key("k", b"0123456789abcdef0123456789abcdef")


class Names:
    """Resolver: numeric hosts at once, names by ``hosts``, and those in ``slow`` when ``release`` is called."""

    def __init__(self) -> None:
        self.hosts: dict[str, list[Destination]] = {}
        self.slow: set[str] = set()
        self.asked: list[str] = []
        self._waiting: list[Callable[[], None]] = []

    def resolve(self, uri: Uri, done: Callable[[list[Destination]], None]) -> list[Destination] | None:
        self.asked.append(uri.text)
        if uri.host_is_ip:
            answer = [
                Destination("tls" if uri.scheme == "sips" else uri.transport or "udp", uri.maddr or uri.host, uri.port or 5060)
            ]
        else:
            answer = self.hosts.get(uri.maddr or uri.host, [])
        if uri.host in self.slow:
            self._waiting.append(lambda: done(answer))
            return None
        return answer

    def release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer()


class App:
    """Policy of the tests: known AORs to their targets, everything else to its Request-URI."""

    def __init__(self) -> None:
        self.domains = {"example.com"}
        self.targets: dict[str, list[Target]] = {}
        self.requests: list[InboundRequest] = []
        self.dialog_requests: list[tuple[InboundRequest, Cookie]] = []
        self.acks: list[Cookie | None] = []
        self.dialogs: dict[str, Dialog] = {}  # by Call-ID, of requests without cookie
        self.instances: dict[str, Target] = {}  # by GRUU
        self.exchange: Exchange | None = None  # of every request
        self.hold = False  # requests wait in ``requests`` for the test to decide
        self.refuse_acks_without_cookie = False

    def register(self, aor: str, *phones: Phone, **fields: object) -> None:
        self.targets[aor] = [Target(phone.contact, **fields) for phone in phones]  # type: ignore[arg-type]

    def is_our_domain(self, host: str) -> bool:
        return host in self.domains

    def on_request(self, request: InboundRequest) -> None:
        self.requests.append(request)
        if not self.hold:
            self.decide(request)

    def decide(self, request: InboundRequest) -> None:
        uri = request.message.request_uri
        if not request.is_ours:
            request.proxy([Target(uri.text)], self.exchange)
        elif uri.aor in self.targets:
            request.proxy(list(self.targets[uri.aor]), self.exchange)
        else:
            request.reply(404)

    def find_dialog(self, request: Message, flow: Flow) -> Dialog | None:
        return self.dialogs.get(request.call_id)

    def find_instance(self, request: Message, cookie: Cookie) -> Target | None:
        return self.instances.get(request.request_uri_text)

    def on_dialog_request(self, request: InboundRequest, cookie: Cookie) -> Exchange | None:
        self.dialog_requests.append((request, cookie))
        return self.exchange

    def on_ack(self, request: Message, cookie: Cookie | None, proceed: Proceed) -> None:
        self.acks.append(cookie)
        if cookie is None and self.refuse_acks_without_cookie:
            proceed(403)
        else:
            proceed()


class World:
    def __init__(
        self, settings: ProxySettings | None = None, transports: tuple[str, ...] = ("udp", "tcp"), wire: Wire | None = None
    ) -> None:
        self.wire = wire or Wire()
        self.app = App()
        self.names = Names()
        self.counters: Counters = defaultdict(int)
        self.proxy, self.core = self.add_proxy("192.0.2.1", self.app, settings, transports)

    def add_proxy(
        self, host: str, app: App, settings: ProxySettings | None = None, transports: tuple[str, ...] = ("udp", "tcp")
    ) -> tuple[Node, ProxyCore]:
        node = self.wire.node(host, transports=transports)
        timers = self.wire.timers
        branch_keys, cookie_keys = KeyRing("branch", KEY), KeyRing("cookie", KEY)
        core = ProxyCore(
            settings or ProxySettings(), app, node.flows, self.names, timers, branch_keys, cookie_keys, self.counters
        )
        layer = TransactionLayer(core, node.flows, timers, TransactionSettings(), self.counters)
        core.attach(layer)
        ingress = Ingress(layer, node.flows, self.counters)
        node.receive = ingress.receive
        node.on_flow_failed = layer.flow_failed
        return node, core

    def phone(self, host: str, port: int = 5060, transport: str = "udp") -> Phone:
        return Phone(self, host, port, transport)

    def run(self, for_s: float = 0.1) -> None:
        self.wire.run(for_s)


class Phone:
    """A user agent at ``host``; ``says_host`` is what it believes its address is."""

    _branches = count(1)

    def __init__(self, world: World, host: str, port: int, transport: str) -> None:
        self.world = world
        self.transport = transport
        self.node = world.wire.node(host, port, (transport,))
        self.says_host = host
        self.port = port
        self.rport = False
        self._taken = 0

    @property
    def contact(self) -> str:
        parameter = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:user@{self.says_host}:{self.port}{parameter}"

    def request(
        self,
        method: str,
        uri: str,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        call_id: str = "call-1",
        cseq: int = 1,
        from_tag: str = "caller",
        to_tag: str | None = None,
        branch: str | None = None,
        max_forwards: int | None = 70,
        body: bytes = b"",
        to: Node | None = None,
    ) -> Message:
        """Builds and sends a request; without ``to`` to the proxy."""
        via = f"SIP/2.0/{self.transport.upper()} {self.says_host}:{self.port}{';rport' if self.rport else ''}"
        lines = [
            ("Via", f"{via};branch={branch or f'z9hG4bK-{next(self._branches)}'}"),
            *([("Max-Forwards", str(max_forwards))] if max_forwards is not None else []),
            ("From", f"<sip:alice@example.com>;tag={from_tag}"),
            ("To", "<sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            *([("Contact", f"<{self.contact}>")] if method not in ("BYE", "ACK", "CANCEL") else []),
            *headers,
        ]
        message = Message.request(method, uri, lines, body)
        self.send(message, to)
        return message

    def send(self, message: Message, to: Node | None = None) -> None:
        self.node.send(message, to or self.world.proxy, self.transport)

    def send_bytes(self, data: bytes) -> None:
        """Sends ``data`` to the proxy as it is."""
        proxy = next(listener for listener in self.world.proxy.listeners if listener.transport == self.transport)
        self.node.flows.flow_to(Destination(self.transport, proxy.host, proxy.port)).send(data)

    def cancel(self, invite: Message, headers: tuple[tuple[str, str], ...] = ()) -> Message:
        cancel = invite.derive("CANCEL")
        for name, value in headers:
            cancel.append(name, value)
        self.send(cancel)
        return cancel

    def ack_failure(self, invite: Message, response: Message) -> None:
        ack = invite.derive("ACK")
        ack.set("To", response.get("To") or "")
        self.send(ack)

    def within(
        self, dialog: Message, method: str, cseq: int = 2, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> Message:
        """Sends a request of the dialog made by ``dialog``: a 2xx this phone received, or the request it answered with one."""
        routes = [value.text for value in dialog.record_routes]
        if not dialog.is_request:
            routes.reverse()
        local, remote = (dialog.to, dialog.from_) if dialog.is_request else (dialog.from_, dialog.to)
        via = f"SIP/2.0/{self.transport.upper()} {self.says_host}:{self.port}{';rport' if self.rport else ''}"
        local_tag = "callee" if dialog.is_request else local.tag
        lines = [
            ("Via", f"{via};branch=z9hG4bK-{next(self._branches)}"),
            ("Max-Forwards", "70"),
            *(("Route", route) for route in routes),
            ("From", f"<{local.uri}>;tag={local_tag}"),
            ("To", f"<{remote.uri}>;tag={remote.tag}"),
            ("Call-ID", dialog.call_id),
            ("CSeq", f"{cseq} {method}"),
            *headers,
        ]
        message = Message.request(method, dialog.contacts[0].uri.text, lines, body)
        self.send(message)
        return message

    def reply(
        self,
        request: Message,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        *,
        tag: str = "callee",
        body: bytes = b"",
    ) -> Message:
        """Sends a response to where the request came from, with the Record-Routes of the request and a Contact."""
        lines = [("Record-Route", value) for value in request.get_all("Record-Route")] if 100 < status < 300 else []
        if 100 < status < 300:
            lines.append(("Contact", f"<{self.contact}>"))
        response = request.reply(status, to_tag=None if status == 100 else tag, headers=[*lines, *headers], body=body)
        self.send(response)
        return response

    def got(self, *starts: str | int) -> list[Message]:
        """Everything received so far, only those methods and statuses if any are given."""
        wanted = {str(start) for start in starts}
        return [message for message in self.node.received if not wanted or start_of(message) in wanted]

    def expect(self, start: str | int) -> Message:
        """The next message received that was not yet asked for; it must be this one. 100 is passed over unless asked for."""
        while self._taken < len(self.node.received):
            message = self.node.received[self._taken]
            self._taken += 1
            if start_of(message) == str(start):
                return message
            assert start_of(message) == "100", f"{start_of(message)} in place of {start}"
        raise AssertionError(f"no {start}; all: {[start_of(message) for message in self.node.received]}")

    def expect_nothing(self) -> None:
        rest = [start_of(message) for message in self.node.received[self._taken :]]
        assert not [start for start in rest if start != "100"], rest


def start_of(message: Message) -> str:
    return message.method if message.is_request else str(message.status)


class Recorder:
    """Exchange that notes what passes and, with ``hold``, keeps each ``proceed`` in ``held`` for the test to call."""

    looks_on = False
    sees = SEES_ALL

    def __init__(self) -> None:
        self.events: list[str] = []
        self.cancelled: list[bool] = []  # by the caller, of each request that ended
        self.hold: set[str] = set()  # methods and statuses
        self.held: list[Proceed] = []
        self.answers = 0  # challenges still to be answered

    def request_out(self, branch: Branch, request: Message, proceed: Proceed) -> None:
        self._pass(f"out {branch.index}", start_of(request), proceed)

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        self._pass(f"in {branch.index}", start_of(response), proceed)

    def challenged(self, branch: Branch, response: Message) -> bool:
        self.answers -= 1
        return self.answers >= 0

    def branch_ended(self, branch: Branch, status: int) -> None:
        self.events.append(f"branch {branch.index} ended {status}")

    def ended(self, context: ResponseContext, status: int) -> None:
        self.events.append(f"ended {status}")
        self.cancelled.append(context.cancelled)

    def _pass(self, what: str, start: str, proceed: Proceed) -> None:
        self.events.append(f"{what} {start}")
        if start in self.hold:
            self.held.append(proceed)
        else:
            proceed()


def call(world: World, caller: Phone, callee: Phone, uri: str = "sip:bob@example.com") -> tuple[Message, Message]:
    """Sets up a call; the INVITE as the callee got it and the 200 as the caller got it. The ACK has been delivered."""
    caller.request("INVITE", uri)
    world.run()
    invite = callee.expect("INVITE")
    callee.reply(invite, 200)
    world.run()
    answer = caller.expect(200)
    caller.within(answer, "ACK", cseq=1)
    world.run()
    callee.expect("ACK")
    return invite, answer
