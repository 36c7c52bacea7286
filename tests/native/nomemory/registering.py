"""Digest, bindings, and a REGISTER through the policy."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from native import sip
from sipcore.digest import Algorithm, Digest, DigestConfig
from sipcore.keys import Key, KeyRing
from sipcore.ports import Target
from sipcore.proxy.core import ProxyCore, ProxySettings
from sipcore.registrar import Registrar
from sipcore.transaction import TransactionLayer, TransactionSettings
from tests.native.nomemory.cases import tried
from tests.native.nomemory.proxying import Ways, end, play

NONCES = KeyRing("nonce", Key("0", bytes(32)))
# made here: CPython 3.11 loses what it takes as *args when it finds no memory
RING = KeyRing("any", Key("k", b"k" * 32))


def digest_of(realm: str) -> Digest:
    credentials: Any = SimpleNamespace(ha1=lambda *_: "x" * 32)
    return Digest(realm, credentials, NONCES, "i", DigestConfig(), (Algorithm.MD5,))


def credentials_of(realm: str, method: str = "REGISTER") -> str:
    """For the first nonce of the realm."""
    nonce = digest_of(realm).challenges(10.0)[0].split('nonce="')[1].split('"')[0]
    answer = Algorithm.MD5.hash(f"{'x' * 32}:{nonce}:00000001:c:auth:{Algorithm.MD5.hash(f'{method}:u')}")
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


BEHIND_NAT = BINDING[:-6] + b"\xc3\x00\x01\xa0\x00\x91\xa7<sip:p>"  # with a Path


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
    flows = SimpleNamespace(flow_of=lambda *name: SimpleNamespace(closed=False))
    return [sip.bound_to(record, 1.0, flows, Target) for record in (BINDING, BEHIND_NAT)]


def backoff() -> sip.BackoffBase:
    return sip.BackoffBase(sip.RecentBase(10), sip.RecentBase(10))


class Desk(Ways):
    """Has what a REGISTER needs; serves it."""

    active = False

    def __init__(self) -> None:
        super().__init__()
        self.stored = BINDING
        self.clock = sip.Timers(0.0, 10.0)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.authorizer = Authorizer(self.counters, None, sip.RecentBase(10), backoff(), lambda host: False)
        self.authorizer.realms["b.example"] = digest_of("b.example")

    def record(self, aor: str) -> bytes:
        return self.stored

    def put_record(self, aor: str, record: bytes) -> None:
        self.stored = record

    def on_request(self, request: Any) -> None:
        registrar = Undated(self)  # type: ignore[arg-type]
        Registering(self.authorizer, self, sip.RecentTexts(), registrar, self, self.clock, self.counters).serve(request)


class Authorizer(sip.AuthorizerBase):
    realms: dict[str, sip.DigestBase | None]
    callers: dict[str, Any]
    sources: dict[str, Any]
    strangers: dict[str, bool]
    claims: dict[str, tuple[Any, str, str, sip.DigestBase]]


class Registering(sip.RegisteringBase):
    def check_proven(self, username: str, aor: str) -> None:
        return None


@tried
def forgotten() -> object:
    known = sip.RecentTexts()
    known.add("a@b.example")
    sip.Message(REGISTER).request_uri  # noqa: B018
    return known.clear(), sip.forget_idle_uris(), sip.forget_idle_uris()


@tried
def registered() -> object:
    desk = Desk()
    clock = desk.clock
    counts: defaultdict[str, int] = defaultdict(int)
    core = ProxyCore(ProxySettings(), desk, desk, desk, clock, RING, RING, counts)  # type: ignore[arg-type]
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
