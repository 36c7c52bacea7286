"""Transactions, and a call through the proxy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from native import sip
from sipcore.flow import Destination, Listener
from sipcore.keys import Key, KeyRing
from sipcore.ports import SEES_ALL, Target
from sipcore.proxy.core import ProxyCore, ProxySettings
from sipcore.transaction import TransactionLayer, TransactionSettings
from tests.native.nomemory.cases import tried
from tests.native.nomemory.messages import INVITE


class Way:
    """Flow, flow table, and user of the transactions in one."""

    closed = False

    def __init__(self) -> None:
        self.reliable = False
        self.connection_id = 0
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def reply_flow(self, request: sip.Message, flow: Way) -> Way:
        return flow

    def on_request(self, transaction: Any) -> None:
        transaction.owner = self

    def on_response(self, transaction: Any, response: sip.Message) -> None:
        transaction.layer.servers[sip.Message(INVITE).server_key].respond(response)

    def on_transport_error(self, transaction: Any) -> None:
        self.sent.append(b"")


class Ways(Way):
    """Of a proxy: its application, its resolver and its exchange too."""

    looks_on, sees = True, SEES_ALL

    def __init__(self) -> None:
        super().__init__()
        self.listener = Listener(0, "udp", "192.0.2.1", 5060, "192.0.2.1", 5060)
        self.listeners = (self.listener,)
        self.remote = ("192.0.2.9", 5060)

    def done(self, *_: object) -> None:
        pass

    request_out = response_in = branch_ended = ended = done

    def is_our_domain(self, host: str) -> bool:
        return host == "b.example"

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return host == "192.0.2.1"

    def resolve(self, uri: sip.Uri, done: object) -> list[Destination]:
        return [Destination("udp", "192.0.2.2", 5060)]

    def flow_to(self, destination: Destination, near: Listener) -> Ways:
        return self

    def on_request(self, request: Any) -> None:
        request.natted = False
        request.proxy([Target("sip:b@192.0.2.2;method=INVITE")], self)

    def on_dialog_request(self, request: Any, cookie: sip.Cookie) -> None:
        return None

    def on_ack(self, request: sip.Message, cookie: sip.Cookie, proceed: Callable[[], None]) -> None:
        proceed()


PHONES = [Target("sip:b@192.0.2.2"), Target("sip:b@192.0.2.3")]


class Forking(Ways):
    """To two phones at once."""

    def on_request(self, request: Any) -> None:
        request.natted = False
        request.begin((PHONES,), self)


def within(answer: sip.Message, method: str) -> sip.Message:
    """A request of the caller in the dialog that ``answer`` made."""
    return sip.Message(
        f"{method} sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK{method};rport\r\nMax-Forwards: 9\r\n"
        f"Route: {answer.get('Record-Route')}\r\nFrom: {answer.get('From')}\r\nTo: {answer.get('To')}\r\n"
        f"Call-ID: 1@a\r\nCSeq: 3 {method}\r\n\r\n".encode("utf-8", "surrogateescape")
    )


def end(layer: TransactionLayer, clock: sip.Timers) -> None:
    """As ``forget``, after the time in which a proxied request ends by itself."""
    now = 0.0
    while now < 1000.0:
        try:
            now += 100.0
            clock.advance(now, now)
        except MemoryError:
            continue
    forget(layer)


def play(ways: Ways, core: ProxyCore, layer: TransactionLayer, script: list[bytes]) -> None:
    core.attach(layer)
    for data in script:
        message = sip.Message(data)
        if message.status:
            layer.receive_response(message, ways)  # type: ignore[arg-type]
        else:
            layer.receive_request(message, ways)  # type: ignore[arg-type]


def proxy(made: type[Ways] = Ways) -> tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]:
    ways, clock = made(), sip.Timers(0.0, 1000.0)
    ring, counts = KeyRing("any", Key("k", b"k" * 32)), defaultdict(int)
    core = ProxyCore(ProxySettings(), ways, ways, ways, clock, ring, ring, counts)  # type: ignore[arg-type]
    return ways, clock, core, TransactionLayer(core, ways, clock, TransactionSettings(), counts)  # type: ignore[arg-type]


FOR_B = INVITE.replace(b"Route: <sip:p1;lr>, <sip:p2;lr>\r\n", b"").replace(b"sip:bob@b.example;x=%41", b"sip:b@b.example")


def call_script(
    made: Callable[[], tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]], *, direct: bool = False
) -> list[bytes]:
    """What comes in of a call; of one whose parties say where they are when it is ``direct``."""
    ways, clock, core, layer = made()
    script = [FOR_B]
    if direct:
        script = [script[0].replace(b"a.example:5060", b"192.0.2.9:5060").replace(b"<sip:a@192.0.2.1>", b"<sip:a@192.0.2.9>")]
    play(ways, core, layer, script)
    invite = sip.Message(ways.sent[-2])
    recorded = [("Record-Route", value) for value in invite.get_all("Record-Route")]
    recorded += [("Contact", "<sip:b@192.0.2.2>")] if direct else []
    script += [invite.reply(status, to_tag="t", headers=recorded).to_bytes() for status in (180, 200)]
    play(ways, core, layer, script[1:])
    script += [within(sip.Message(ways.sent[-1]), method).to_bytes() for method in ("ACK", "BYE")]
    play(ways, core, layer, script[3:])
    script.append(sip.Message(ways.sent[-1]).reply(200).to_bytes())
    end(layer, clock)
    return script


def fork_script(*ends: int) -> list[bytes]:
    """Each phone rings, and ends its INVITE so."""
    ways, clock, core, layer = proxy(Forking)
    play(ways, core, layer, [FOR_B])
    invites = [sip.Message(data) for data in ways.sent if data.startswith(b"INVITE")]
    end(layer, clock)
    answers = [*((invite, 180) for invite in invites), *zip(invites, ends, strict=True)]
    return [FOR_B, *(invite.reply(status, to_tag="t").to_bytes() for invite, status in answers)]


def passed(made: type[Ways], script: list[bytes]) -> object:
    ways, clock, core, layer = proxy(made)
    try:
        play(ways, core, layer, script)
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError  # the call went wrong, but for its own part
        return len(ways.sent), len(b"".join(ways.sent))
    finally:
        end(layer, clock)


def forget(layer: TransactionLayer) -> None:
    """Ends every transaction, which its running timers keep, and they the layer; again where memory was short."""
    while layer.servers or layer.clients:
        try:
            for transactions in (layer.servers, layer.clients):
                for transaction in (*transactions.values(),):
                    transaction.forget(None)
        except MemoryError:
            continue


SCRIPT = call_script(proxy)
ANSWERED, REFUSED = fork_script(200, 487), fork_script(486, 603)


@tried
def proxied() -> object:
    return passed(Ways, SCRIPT)


@tried
def forked() -> object:
    return passed(Forking, ANSWERED)


@tried
def forked_and_refused() -> object:
    return passed(Forking, REFUSED)


@tried
def transactions() -> object:
    way, clock = Way(), sip.Timers(0.0, 1000.0)
    layer = TransactionLayer(way, way, clock, TransactionSettings(), {})
    try:
        received = sip.Message(INVITE)
        layer.receive_request(received, way)
        layer.receive_request(sip.Message(INVITE), way)
        sent = received.copy()
        sent.push_via("SIP/2.0/UDP z;branch=z9hG4bKours")
        client = layer.request(sent, way, way)
        clock.advance(1.0, 1001.0)
        layer.receive_response(sent.reply(180, to_tag="t"), way)
        layer.receive_response(sent.reply(486, to_tag="t"), way)
        clock.advance(2.0, 1002.0)
        return len(way.sent), client.state, [server.state for server in layer.servers.values()]
    finally:
        forget(layer)


@tried
def connections() -> object:
    way, clock = Way(), sip.Timers(0.0, 1000.0)
    way.reliable, way.connection_id = True, 7
    layer = TransactionLayer(way, way, clock, TransactionSettings(), {})
    try:
        request = sip.Message(INVITE.replace(b"INVITE", b"OPTIONS"))
        layer.receive_request(request, way)
        for number in (1, 2):
            sent = request.copy()
            sent.push_via(f"SIP/2.0/TCP z;branch=z9hG4bK{number}")
            client = layer.request(sent, way, way)
        layer.unwatch(client)
        layer.flow_failed(way)  # type: ignore[arg-type]
        layer.servers[request.server_key].answer(200, b"SIP/2.0 200 OK\r\n\r\n")
        return len(way.sent), client.state, len(layer.servers), len(layer.clients), dict(layer.watched)
    finally:
        forget(layer)
