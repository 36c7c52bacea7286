"""Every call of both extensions with its n-th allocation failing, for each n.

To be run with nomemory.so preloaded or nomemory_python.so named in NOMEMORY, and PYTHONMALLOC=malloc. Each call either works as
ever or raises MemoryError (or what it raises anyway), and leaves nothing behind. Prints what doesn't.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import gc
import logging
import os
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from native import relay, sip
from sipcore.digest import Algorithm, Digest, DigestConfig
from sipcore.flow import Destination, Listener
from sipcore.keys import Key, KeyRing
from sipcore.ports import SEES_ALL, Target
from sipcore.proxy.core import ProxyCore, ProxySettings
from sipcore.registrar import Registrar
from sipcore.transaction import TransactionLayer, TransactionSettings
from tests.native.shell import Engine, Ingress, Layer, Shell, Stream

MAX_ALLOCATIONS = 3000  # of one call
SWEEPS = 4
SMALL_NUMBERS = 257  # that CPython keeps ready

INVITE = (
    b"INVITE sip:bob@b.example;x=%41 SIP/2.0\r\nVia: SIP/2.0/UDP a.example:5060;branch=z9hG4bK7;rport\r\nMax-Forwards: 70\r\n"
    b'Route: <sip:p1;lr>, <sip:p2;lr>\r\nFrom: "\xc3\xa9" <sip:a@a.example>;tag=9\r\nTo: <sip:bob@b.example>\r\n'
    b"Call-ID: 1@a\r\n"
    b"CSeq: 2 INVITE\r\nContact: <sip:a@192.0.2.1>;q=0.5\r\nX-Odd: a\r\n b\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n"
)
CALLS: list[Callable[[], object]] = []
Call = Callable[[], object]


def tried(call: Call) -> Call:
    CALLS.append(call)
    return call


# SIP


@tried
def parse_and_read() -> object:
    message = sip.Message(INVITE)
    lists = [message.routes, message.contacts, message.contact_uri_text, message.from_uri_text]
    return lists, [getattr(message, name) for name in ("via", "from_", "to", "request_uri", "call_id", "server_key")]


@tried
def read_more() -> object:
    message = sip.Message(INVITE)
    message.check()
    message.names_source("192.0.2.1")
    read = [getattr(message, name) for name in ("identity", "loop_hash", "client_key", "via_sent_by", "content_type", "body")]
    return read, message.get("X-Odd"), message.get_all("Via"), message.values("Route"), message.header_names()


@tried
def edit_and_write() -> object:
    message = sip.Message(INVITE).copy()
    message.stamp_source("192.0.2.1", 5)
    message.push_via("SIP/2.0/UDP z;branch=z9hG4bKé")
    message.pop_route()
    message.push_route("<sip:r>")
    message.push_record_route("<sip:us;lr>")
    message.set("Max-Forwards", "69")
    message.append("X-More", "y" * 300)
    message.remove("X-Odd")
    message.set_request_uri("sip:c@c.example")
    message.set_body(b"x" * 100, "text/plain")
    message.count_hop(70, 60)
    return message.to_bytes(stream=True)


@tried
def reply_and_derive() -> object:
    message = sip.Message(INVITE)
    answer = message.reply(486, "Büsy", to_tag="t", headers=[("Contact", "<sip:x>")], body=b"x")
    return answer.to_bytes(), message.derive("ACK").to_bytes(), message.derive("CANCEL").to_bytes()


@tried
def make_and_salvage() -> object:
    made = sip.Message.request("OPTIONS", "sip:x", [("Via", "x"), ("From", "é")], b"body").to_bytes()
    salvaged = sip.Message.salvage(INVITE.replace(b"Length: 4", b"Length: 40"))
    assert salvaged is not None
    return made, salvaged.reply(400).to_bytes()


@tried
def refuse() -> object:
    with contextlib.suppress(sip.ParseError):
        sip.Message(b"noise\r\n\r\n")
    with contextlib.suppress(sip.ParseError):
        _ = sip.Message(INVITE.replace(b"CSeq: 2", b"CSeq: x")).cseq
    return None


@tried
def uris() -> object:
    uri = sip.Uri("sip:%61:pw@[::1]:5;lr;x=%41;transport=TCP?y=z")
    assert uri == sip.Uri(uri.text)
    built = sip.Uri.build("sip", "a", "::1", 5, {"lr": None, "x": "y"})
    return hash(uri), uri.params, uri.aor, uri.user_unescaped, uri.without_params("lr").text, str(built)


@tried
def header_values() -> object:
    address, via = sip.NameAddr('"A \\" é" <sip:a@b>;tag=x;y="z"'), sip.Via('SIP/2.0/UDP [::1]:5;branch=a;rport;x="é"')
    return address.display, address.uri.text, address.params, via.params, via.sent_by, via.branch


@tried
def small_things() -> object:
    mac = sip.Mac(bytes(16))
    assert mac.matches("text", mac.of("text"))
    return sip.digest_params('Digest a="\\"b", C=é'), sip.crc_slot("x"), sip.frame_length(INVITE)


@tried
def digest() -> object:
    claim = sip.DigestClaim.read(
        'Digest username="\\"b", realm=é, nonce=n, uri=u, response=r, cnonce=c, nc=00000001, qop=auth-int'
    )
    assert claim is not None
    return claim.matches("ha1", "REGISTER", b"body"), claim.username, claim.realm, claim.algorithm, claim.fault


NONCES = KeyRing("nonce", Key("0", bytes(32)))


def digest_of(realm: str) -> Digest:
    credentials: Any = SimpleNamespace(ha1=lambda *_: "x" * 32)
    digest = Digest(realm, credentials, NONCES, "i", DigestConfig(), (Algorithm.MD5,))
    digest.tidy_at = 100.0  # what is done then is Python's alone
    return digest


def credentials_of(realm: str) -> str:
    """For the first nonce of the realm."""
    nonce = digest_of(realm).challenges(10.0)[0].split('nonce="')[1].split('"')[0]
    answer = Algorithm.MD5.hash(f"{'x' * 32}:{nonce}:00000001:c:auth:{Algorithm.MD5.hash('REGISTER:u')}")
    return f'Digest username="\\"b", realm={realm}, nonce="{nonce}", uri=u, response={answer}, cnonce=c, nc=00000001, qop=auth'


CREDENTIALS, OWN_CREDENTIALS = credentials_of("é"), credentials_of("b.example")


@tried
def realm() -> object:
    digest = digest_of("é")
    message = sip.Message(REGISTER.replace(b"Call-ID", f"Authorization: {CREDENTIALS}\r\nCall-ID".encode()))
    accepted = digest.accepted(message, "Authorization", 10.0)
    return accepted, digest.weigh(CREDENTIALS, "REGISTER", b"", 10.0), digest.challenges(10.0, stale=True)


REGISTER = (
    b"REGISTER sip:b.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK8\r\nFrom: <sip:a@b.example>;tag=9\r\n"
    b"To: <sip:a@b.example>\r\nCall-ID: 2@a\r\nCSeq: 2 REGISTER\r\nContact: <sip:a@192.0.2.1>;expires=60\r\n\r\n"
)
BINDING = b"\x91\xdc\x00\x10\xafsip:a@192.0.2.1\xa12\x01\x7f\x02\x01\x00\xa11\x05\xa0\xc2\x00\x01\xa0\x00\x90"


class Undated(Registrar):
    """Its Date needs nothing of the standard library that isn't fit for this."""

    __slots__ = ()

    def date_of(self, second: int) -> str:  # type: ignore[override]
        return "today"


@tried
def refresh() -> object:
    stored: list[bytes] = []
    table: Any = SimpleNamespace(record=lambda aor: BINDING, put_record=lambda aor, record: stored.append(record))
    flow = SimpleNamespace(remote=("192.0.2.1", 5060), listener=SimpleNamespace(index=0), reliable=False)
    return Undated(table).refresh(sip.Message(REGISTER), "a@b.example", flow, 100.0), stored


@tried
def bound() -> object:
    return sip.bound_to(BINDING, 1.0)


class Rows(dict[bytes, bytes]):
    """An lmdb.Environment and its transactions in one."""

    def begin(self, *_: object) -> Rows:
        return self

    def abort(self) -> None:
        pass

    commit = abort

    def get(self, key: bytes, default: Any = None, table: object = None) -> Any:
        return super().get(key, default)

    def put(self, key: bytes, value: bytes, *_: object) -> bool:
        self[key] = value
        return True

    def delete(self, key: bytes, *_: object) -> bool:
        return self.pop(key, None) is not None


class Rack(sip.EnvironmentBase):
    def __init__(self, *, staged: bool) -> None:
        self._env = Rows()
        self._spare_bytes = 1 << 20
        self._keeps_read, self._stages = staged, staged

    def table(self, name: str) -> str:
        return name

    def begin_write(self) -> None:
        self._write = self._env

    def begin_read(self) -> Rows:
        rows: Rows = self._env
        return rows

    def write_failed(self, error: Exception) -> None:
        raise error

    commit_failed = write_failed


class Table(sip.TableBase):
    TABLE = "t"

    @staticmethod
    def key_of(text: str) -> bytes:
        return text.encode()


def kept(*, staged: bool) -> tuple[object, ...]:
    beside, rack = Rack(staged=False), Rack(staged=staged)
    rack.renew_with(beside)
    table = Table(rack)
    before = table.record("a")
    table.put_record("a", b"1")
    table.put_record("é", b"2")
    between = table.record("a"), rack.delete("t", b"nothing")
    table.delete("é")
    rack.commit()
    return before, between, table.record("a"), table.record("é"), rack.delete("t", b"a")


@tried
def store() -> object:
    return kept(staged=False)


@tried
def staging_store() -> object:
    return kept(staged=True)


class Place:
    """An InboundRequest, its caller, its hop and its target in one."""

    aor, number, route, trunk, uris, natted = "", "+44", "f1", None, (), True
    via_branch = "z9hG4bK1"

    def __init__(self, message: sip.Message) -> None:
        self.message = message
        self.flow = Ways()
        self.target = self


@tried
def call_record() -> object:
    request = sip.Message(INVITE.replace(b"Route:", b"Record-Route:"))
    place = Place(request)
    record = sip.begun_by(place, place, place, 5.0, relayed=True, srtp=("off", "pass"), names=("a", "b\udcff", "é", "d"))
    routes = [("Record-Route", f"<sip:{n};lr>") for n in range(4)]
    answer = request.reply(200, to_tag="t", headers=[("Contact", "<sip:x@y>"), *routes])
    record.legs[1] = sip.callee_of(record, place, answer)
    record.forks.append(sip.CallLeg(tag="x" * 300, cseq=1 << 33, route_set=("<sip:r>",)))
    record.shifts = (((7, -1),), ())
    assert record == record
    return record, record.packed(), sip.CallRecord(call_id="a", v=3)


class Told:
    """Whatever calls tell of themselves."""

    waiting = frozenset({1})

    def none(self, *_: object) -> None:
        pass

    begun = ended = forget = none


class Calls(sip.CallsBase):
    def __init__(self, table: sip.TableBase) -> None:
        super().__init__(table, sip.Timers(0.0, 5.0), {}, Told())
        self.trunks, self.early_offers, self.relayed = Told(), Told(), True

    def one_key_less(self, call_id: str, key: str) -> None:
        self._keys[call_id] = ("k1",)


@tried
def call() -> object:
    request = sip.Message(INVITE)
    place = Place(request)
    table = Table(Rack(staged=False))
    calls = Calls(table)
    for key in ("k1", "k2"):
        calls.begin(key, sip.begun_by(place, place, place, 5.0), place)
    calls.answered("k1", place, request.reply(200, to_tag="t", headers=[("Contact", "<sip:x@y>")]))
    calls.hangs_up("k1", "9", "t")
    shown = repr(calls.get("k1"))
    calls.end("k2", "failed", 486, "callee")
    calls.hung_up("k1", "9", "t")
    return shown, dict(calls.counters), len(calls), table.record("k1")


@tried
def timers() -> object:
    fired: list[Any] = []
    clock = sip.Timers(0.0, 1000.0)
    clock.after(1.0, fired.append, "a").cancel()
    clock.after(2.0, fired.append, "b")
    clock.after(3.0, fired.append, "c")
    clock.advance(2.5, 1002.5)
    return clock.next_deadline(), fired


@tried
def datagrams() -> object:
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with plain:
        plain.bind(("127.0.0.1", 0))
        one = taken_over(os.dup(plain.fileno()))
        one.queue(INVITE, one.address, "127.0.0.1")
        with contextlib.suppress(ValueError):
            one.queue(b"x", ("nowhere", 1))
        refused = one.flush()
        received = one.receive()
        one.close()
    return refused, len(received)


@tried
def wake_up() -> object:
    """A batch of datagrams in, answers out; what was reported there as lost for want of memory is raised."""
    shell = Shell()
    try:
        shell.peer.sendto(INVITE, shell.port.socket.address)
        shell.peer.sendto(b"noise", shell.port.socket.address)
        shell.port.ready()
        raise_again(shell.engine)
        return shell.port.flow_count, len(shell.ingress.refused), len(shell.peer.recv(4096))
    finally:  # without a call that could itself lack memory
        shell.port.drop_flows()
        shell.port.discard()
        shell.engine.errors.clear()


@tried
def connection() -> object:
    engine = Engine()
    engine.receive = Ingress(Layer(), {}).receive
    stream = Stream(engine)
    for piece in (INVITE[:100], INVITE[100:] + INVITE, b"noise"):
        stream.data_received(piece)
        raise_again(engine)
    engine.receive = None  # type: ignore[assignment]
    stream.transport = None
    return len(b"".join(stream.written)), stream.told


def raise_again(engine: Engine) -> None:
    for error in engine.errors:
        raise MemoryError from error


def taken_over(descriptor: int) -> sip.UdpSocket:
    try:
        return sip.UdpSocket(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


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


def proxy() -> tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]:
    ways, clock = Ways(), sip.Timers(0.0, 1000.0)
    ring, counts = KeyRing("any", Key("k", b"k" * 32)), defaultdict(int)
    core = ProxyCore(ProxySettings(), ways, ways, ways, clock, ring, ring, counts)  # type: ignore[arg-type]
    return ways, clock, core, TransactionLayer(core, ways, clock, TransactionSettings(), counts)  # type: ignore[arg-type]


def call_script(made: Callable[[], tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]]) -> list[bytes]:
    """What comes in of a call."""
    ways, clock, core, layer = made()
    script = [
        INVITE.replace(b"Route: <sip:p1;lr>, <sip:p2;lr>\r\n", b"").replace(b"sip:bob@b.example;x=%41", b"sip:b@b.example")
    ]
    play(ways, core, layer, script)
    invite = sip.Message(ways.sent[-2])
    recorded = [("Record-Route", value) for value in invite.get_all("Record-Route")]
    script += [invite.reply(status, to_tag="t", headers=recorded).to_bytes() for status in (180, 200)]
    play(ways, core, layer, script[1:])
    script += [within(sip.Message(ways.sent[-1]), method).to_bytes() for method in ("ACK", "BYE")]
    play(ways, core, layer, script[3:])
    script.append(sip.Message(ways.sent[-1]).reply(200).to_bytes())
    end(layer, clock)
    return script


@tried
def proxied() -> object:
    ways, clock, core, layer = proxy()
    try:
        play(ways, core, layer, SCRIPT)
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


class Invited(sip.InviteExchangeBase):
    __slots__ = ()

    def ended(self, context: object, status: int) -> None:
        pass


class HungUp(sip.ByeExchangeBase):
    __slots__ = ()
    looks_on, sees = True, sip.SEES_END


class Switch(sip.ApplicationBase):
    """Knows caller and callee from calls before."""

    def __init__(self, clock: sip.Timers) -> None:
        known = SimpleNamespace(aor="b@b.example", number="", route="", trunk="", uris=())
        caller = SimpleNamespace(aor="a@a.example", trunk=None)
        self.calls = Calls(Table(Rack(staged=False)))
        services = SimpleNamespace(calls=self.calls, glue=None)
        there = SimpleNamespace(active=False, record=lambda aor: BINDING)
        callers, called, none = {"sip:a@a.example": caller}, {"sip:b@b.example": known}, set[str]()
        realms = {"b.example": None}
        # one by one: CPython 3.11 loses what it unpacks of ``*`` when it finds no memory
        super().__init__(  # type: ignore[arg-type]
            callers, called, none, there, there, there, services, clock, Invited, HungUp, realms, "", looks_at_calls=False
        )

    def is_our_domain(self, host: str) -> bool:
        return host == "b.example"

    def not_served(self, request: object, error: Exception) -> None:
        raise error


def switched() -> tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]:
    ways, clock, core, layer = proxy()
    clock.advance(1.0, 1.0)
    core.app = Switch(clock)  # type: ignore[assignment]
    return ways, clock, core, layer


SWITCHED = call_script(switched)


@tried
def call_between_those_known() -> object:
    ways, clock, core, layer = switched()
    app: Any = core.app
    try:
        play(ways, core, layer, SWITCHED)
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        return len(ways.sent), len(b"".join(ways.sent)), dict(app.calls.counters)
    finally:
        end(layer, clock)
        app.calls._invites.clear()  # of calls that went wrong; they hold the core, and it the calls


class Desk(Ways):
    """Has what a REGISTER needs; serves it."""

    active = False

    def __init__(self) -> None:
        super().__init__()
        self.realms: dict[str, sip.DigestBase | None] = {"b.example": digest_of("b.example")}
        self.stored = BINDING
        self.clock = sip.Timers(0.0, 10.0)
        self.counters: defaultdict[str, int] = defaultdict(int)

    def record(self, aor: str) -> bytes:
        return self.stored

    def put_record(self, aor: str, record: bytes) -> None:
        self.stored = record

    def on_request(self, request: Any) -> None:
        registrar = Undated(self)  # type: ignore[arg-type]
        Registering(self.realms, self, registrar, self, self.clock, self.counters, guarded=True).serve(request)


class Registering(sip.RegisteringBase):
    def may_try(self, request: object, aor: str) -> bool:
        return True

    def proven(self, request: object, username: str, aor: str) -> None:
        return None


@tried
def registered() -> object:
    desk = Desk()
    clock = desk.clock
    ring, counts = KeyRing("any", Key("k", b"k" * 32)), defaultdict(int)
    core = ProxyCore(ProxySettings(), desk, desk, desk, clock, ring, ring, counts)  # type: ignore[arg-type]
    layer = TransactionLayer(core, desk, clock, TransactionSettings(), counts)  # type: ignore[arg-type]
    again = REGISTER.replace(b"z9hG4bK8", b"z9hG4bK9").replace(
        b"Call-ID", f"Authorization: {OWN_CREDENTIALS}\r\nCall-ID".encode()
    )
    try:
        play(desk, core, layer, [REGISTER, again])
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        return len(desk.sent), [sip.Message(data).status for data in desk.sent], len(desk.stored), desk.counters
    finally:
        end(layer, clock)


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


# relay


@contextlib.contextmanager
def four_sockets() -> Iterator[list[int]]:
    """Descriptors that the relay has not taken over are closed."""
    made = [-1, -1, -1, -1]
    try:
        for index in (0, 1, 2, 3):
            made[index] = relay.bind_udp("127.0.0.1", 0)
        yield made
    finally:
        for descriptor in made:
            if descriptor >= 0:
                os.close(descriptor)


@contextlib.contextmanager
def started(capacity: int = 8, **options: Any) -> Iterator[relay.Relay]:
    made = relay.Relay(capacity=capacity, fifo=False, **options)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def add(to: relay.Relay) -> int:
    with four_sockets() as sockets:
        stream = to.add(relay.RTP, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
        sockets.clear()
    return stream


@tried
def streams() -> object:
    with started() as one:
        stream = add(one)
        one.set_remote(stream, 0, 0, ("127.0.0.1", 9), mode=relay.SYMMETRIC, learn_host="127.0.0.2")
        one.set_mux(stream, 0, True)
        one.set_dscp(stream, 1, 46)
        one.set_clock(stream, 96, 48000)
        one.place(stream, 1, (("127.0.0.1", 9), None), (None, "127.0.0.2"), relay.SYMMETRIC, False)
        counts = one.stats(stream, 0, 0), one.stream_stats(stream), one.totals([stream])
        events = one.events(), one.progress()
        one.remove(stream)
        one.reap()
    return counts, len(events)


@tried
def recordings() -> object:
    """Before there are so many descriptors that os.open itself could lose one."""
    with started() as one:
        stream, number = add(one), recording(one)
        one.tape(stream, number, "127.0.0.1", "::1")
        one.tape(stream, None)
        one.end_recording(number)
        while (status := one.recording_status(number)).state == relay.RECORDING:
            time.sleep(0.001)
    return status.state, status.bytes


def recording(to: relay.Relay) -> int:
    descriptor = os.open("/dev/null", os.O_WRONLY)
    try:
        return to.begin_recording(descriptor, 1000)
    except BaseException:
        os.close(descriptor)
        raise


@functools.cache
def crowded() -> relay.Relay:
    """With so many streams that the number of another one is an object of its own."""
    made = relay.Relay(capacity=SMALL_NUMBERS + 2, fifo=False)
    made.start()
    for _ in range(SMALL_NUMBERS):
        made.add(relay.OPAQUE, ((relay.bind_udp("127.0.0.1", 0), -1), (relay.bind_udp("127.0.0.1", 0), -1)))
    return made


@tried
def late_stream() -> object:
    one, near, far = crowded(), -1, -1
    try:
        near = relay.bind_udp("127.0.0.1", 0)
        far = relay.bind_udp("127.0.0.1", 0)
        stream = one.add(relay.OPAQUE, ((near, -1), (far, -1)))
        near = far = -1
    finally:
        for descriptor in (near, far):
            if descriptor >= 0:
                os.close(descriptor)
    one.remove(stream)
    one.reap()
    return stream >= SMALL_NUMBERS


@tried
def ports() -> object:
    with started() as one:
        pairs = relay.bind_pairs("127.0.0.9", 30000, 2, 46)
        try:
            one.add(relay.RTP, (pairs[0], pairs[1]))
            pairs = ()
        finally:
            for pair in pairs:
                os.close(pair[0])
                os.close(pair[1])
    return None


@tried
def keys() -> object:
    with started() as one:
        stream = add(one)
        one.set_crypto(stream, 0, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0), ("AEAD_AES_256_GCM", bytes(44), 0))
        one.set_crypto(stream, 1, ("AES_256_CM_HMAC_SHA1_32", bytes(46), 4), None)
        one.set_crypto(stream, 0, None, None)
    return None


@tried
def successor() -> object:
    with started() as first:
        stream = add(first)
        first.set_crypto(stream, 0, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0), None)
        with started(table_fd=first.table_fd) as second, four_sockets() as sockets:
            second.adopt(stream, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
            sockets.clear()
            return second.stats(stream, 1, 1)


class Section:
    rtcp_port: int


def read_rtcp(section: Section, text: str, number: int) -> None:
    section.rtcp_port = int(text)


CLASSES = (Section, Section, relay.RecordingStatus, str.encode, read_rtcp)


@tried
def report() -> object:
    stats = relay.ComponentStats(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, ("192.0.2.1", 18), True)
    given = ("2001:db8::1", 1 << 31)
    return relay.stream_report([((stats, stats), (stats, stats))] * 3, 1, "192.0.2.2", 1000, given, None, 1e9, 5_000_000_000)


@tried
def bodies() -> object:
    text = "v=0\r\no=- 1 1 IN IP4 ::1\r\nc=IN IP4 ::2\r\n"
    text += (
        "m=audio 5 RTP/AVP 0\r\na=rtcp:9\r\nm=audio 5/2 RTP/AVP é\udcff\r\na=rtpmap:0 x\r\na=mid:é\r\nm=audio 0 RTP/AVP 0\r\n"
    )
    for bad in ("\r\n\r\nx", "v=0\r\nnonsense", "v=0\r\na=\0"):
        with contextlib.suppress(ValueError):
            relay.sdp_read(bad, CLASSES)
    announced = [None, (30000, 2, 30001, True, "RTP/SAVP", "a=crypto:1 x\r\n"), None]
    mids = ["\udcff", "", "x"]
    written = relay.sdp_write(text, announced, mids, "IN IP4 192.0.2.1", 4, True, True, False, "us", "IN IP4 192.0.2.2")
    session, origin, media = relay.sdp_read(text, CLASSES)
    return vars(session), origin, [vars(each) for each in media], relay.sdp_split(text, 1, 6), written


@tried
def dictionaries() -> object:
    value = {"a": [1, -2, "é", {"b": ""}], "sdp": "x" * 500, "yes": True}
    for bad in (b"d1:a", b"i00e", b"x", b"l" * 30):
        with contextlib.suppress(ValueError):
            relay.bencode_decode(bad, 16)
    with contextlib.suppress(TypeError):
        relay.bencode_encode({"a": 1.5})
    return relay.bencode_decode(relay.bencode_encode(value), 16)


class Nomemory:
    def __init__(self) -> None:
        library = ctypes.PyDLL(os.environ.get("NOMEMORY"))  # none: it was preloaded
        if "NOMEMORY" in os.environ:
            library.nomemory_install()
        self.arm, self.live = library.nomemory_arm, library.nomemory_live
        self.arm.restype = self.live.restype = ctypes.c_long

    def failing(self, call: Call, n: int) -> tuple[bool, object]:
        """(whether the n-th allocation came within the call, what that returned or raised)."""
        self.arm(n)
        try:
            outcome = call()
        except BaseException as error:
            came = self.disarm()
            return came, error.with_traceback(None)
        return self.disarm(), outcome

    def disarm(self) -> bool:
        """Whether the allocation had come before."""
        try:
            return bool(self.arm(0) == 0)
        except MemoryError:
            return False


def sweep(nomemory: Nomemory, call: Call, expected: str) -> str:
    """What went wrong, or nothing."""
    for n in range(1, MAX_ALLOCATIONS):
        came, outcome = nomemory.failing(call, n)
        if not came:
            return "" if n > 1 else "allocates nothing"
        if not is_refusal(outcome) and repr(outcome) != expected:
            return f"allocation {n} failing: {outcome!r}, not {expected}"
    return f"more than {MAX_ALLOCATIONS} allocations"


def is_refusal(outcome: object) -> bool:
    """Also what CPython 3.11 says when it finds no memory for a frame; of an extension without exception it has other words."""
    if isinstance(outcome, SystemError):
        return str(outcome) == "error return without exception set"
    return isinstance(outcome, MemoryError) or (isinstance(outcome, OSError) and outcome.errno == errno.ENOMEM)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def collect() -> None:
    """Twice: what is not walked may have kept a cycle alive the first time."""
    gc.collect()
    gc.collect()


def main(names: list[str]) -> int:
    logging.disable()
    nomemory = Nomemory()
    failed = 0
    for call in CALLS:
        if names and call.__name__ not in names:
            continue
        expected = repr(call())
        opened = descriptors()
        grown: list[int] = []
        wrong = ""
        for _ in range(SWEEPS):
            collect()
            before = nomemory.live()
            wrong = wrong or sweep(nomemory, call, expected)
            collect()
            grown.append(nomemory.live() - before)
        if not wrong and min(grown[1:]) > 0:
            wrong = f"leaves memory behind: {grown} blocks"
        if not wrong and repr(call()) != expected:
            wrong = "does not work any more"
        if not wrong and descriptors() != opened:
            wrong = f"leaves {descriptors() - opened} descriptors open"
        print(f"{call.__name__}: {wrong or 'good'}", flush=True)
        failed += bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
