"""The signalling of a node, proxy core and policy together, on the in-memory wire in virtual time.

    world = SignalWorld(trunks=(...), routes=(...))
    phone, carrier = world.phone("192.0.2.10"), Carrier(world)

Users are of open.example, a domain without digest, so that phones need none. Nothing is anchored unless it is ``relayed``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any, Protocol, TypeVar

from native.sip import Message, RecentTexts
from sipcore.digest import Algorithm, Digest, DigestConfig, ha1
from sipcore.flow import Flow
from sipcore.gruu import Gruus
from sipcore.keys import Key, KeyRing
from sipcore.location import Binding, decode_bindings, encode_bindings
from sipcore.proxy.core import ProxyCore, ProxySettings
from sipcore.registrar import Registrar
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transport.ingress import Ingress
from sipmesh.config import Domain, Route, Trunk, User
from sipmesh.signalling.application import SUPPORTED, SignalApplication
from sipmesh.signalling.authorize import Accounts, Authorizer
from sipmesh.signalling.call_ender import CallEnder
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.cdr_maker import CdrMaker
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.exchanges import CallServices
from sipmesh.signalling.rates import Backoff, Rates
from sipmesh.signalling.requester import Requester
from sipmesh.signalling.routing_table import RoutingTable
from sipmesh.signalling.targeting import Tables
from sipmesh.signalling.trunks import Trunks
from sipmesh.store import CallRecord
from sipmesh.store.directory import stored_user
from sipmesh.store.live import decode_call
from sipmesh.store.records import Cdr
from tests.sipcore.proxy_world import Names, Phone
from tests.sipcore.wire import Wire
from tests.sipmesh.fake_relay import FakeRelay

US = "192.0.2.1"
CARRIER = "192.0.2.90"
KEY = Key("k", bytes(32))


class Traced(Protocol):
    @property
    def traces(self) -> Any:
        """What was sent, kept and counted."""


Play = TypeVar("Play", bound=Traced)


def traces_of(scene: Callable[[Play], None], play: Play) -> Any:
    scene(play)
    return play.traces


class StoredCalls:
    """The calls table, encoded as in the store."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}

    def put(self, key: str, record: CallRecord) -> None:
        self.records[key] = record.packed()

    def delete(self, key: str) -> None:
        self.records.pop(key, None)

    def all(self) -> list[tuple[str, CallRecord]]:
        return [(key, decode_call(data)) for key, data in self.records.items()]


class StoredBindings:
    def __init__(self) -> None:
        self.bindings: dict[str, list[Binding]] = {}

    def get(self, aor: str) -> list[Binding]:
        return self.bindings.get(aor, [])

    def put(self, aor: str, bindings: list[Binding]) -> None:
        self.bindings[aor] = bindings

    def record(self, aor: str) -> bytes | None:
        bindings = self.bindings.get(aor)
        return encode_bindings(bindings) if bindings else None

    def put_record(self, aor: str, record: bytes) -> None:
        self.put(aor, decode_bindings(record))


class AskedForAll:
    """An application whose base is none of C's: Python is asked about what belongs to a call."""

    def __init__(self, app: SignalApplication) -> None:
        self._app = app
        self.on_dialog_request, self.on_ack = app.within_dialog, app.acknowledge

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)


class SignalWorld:
    def __init__(
        self,
        trunks: tuple[Trunk, ...] = (),
        routes: tuple[Route, ...] = (),
        users: tuple[str | User, ...] = ("alice", "bob"),
        domains: tuple[Domain, ...] = (Domain(name="open.example", auth=False),),
        transports: tuple[str, ...] = ("udp", "tcp"),
        backoff: Backoff[tuple[str, str]] | None = None,
        user_rates: Rates[str] | None = None,
        relayed: bool = False,
    ) -> None:
        self.wire = Wire()
        self.proxy = self.wire.node(US, transports=transports)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.stored = StoredCalls()
        self.cdrs: list[Cdr] = []
        self.locations = StoredBindings()
        self.trunk_configs, self.route_configs, self.domains = trunks, routes, domains
        self.backoff = backoff
        self.user_rates = user_rates
        self.relay = FakeRelay(self.wire.timers, self.counters) if relayed else None
        everyone = (each if isinstance(each, User) else User(aor=f"{each}@{domains[0].name}", password="pw") for each in users)
        accounts = [stored_user(user) for user in everyone]
        self.users = {user.aor: user for user in accounts}
        self.start()

    def start(self) -> None:
        """The worker, or the one after it: it has what the store holds, and nothing else."""
        timers, flows, counters = self.wire.timers, self.proxy.flows, self.counters
        self.trunks = Trunks(Random(1), KeyRing("contact", KEY))
        self.trunks.load(self.trunk_configs)
        directory: Any = SimpleNamespace(user=self.users.get, has_user=self.users.__contains__, known=RecentTexts())
        stored: Any = self.stored
        policy: Any = SimpleNamespace(active=False, call_ended=lambda cdr: None)
        outbox: Any = SimpleNamespace(put=self.cdrs.append)
        cdrs = CdrMaker(outbox, timers, policy)
        self.calls = Calls(stored, timers, counters, self.trunks.by_name, relayed=self.relay is not None, cdrs=cdrs)
        self.calls.load()
        domains = Domains(self.domains, lambda host: host == US)
        accounts = Accounts(directory, self.trunks)
        nonces = KeyRing("nonce", KEY)
        gruus = Gruus(KeyRing("gruu", KEY), lambda: f"nonce{next(Carrier.serial):07}")
        glue = self.relay.glue if self.relay is not None else None
        services = CallServices(self.calls, glue, flows, timers)
        self.app = SignalApplication(
            Tables(domains, RoutingTable(self.route_configs), self.trunks),
            Authorizer(domains, self.trunks, accounts, nonces, "i", DigestConfig(), counters, self.backoff),
            accounts,
            Registrar(self.locations, gruus=gruus),
            self.locations,
            flows,
            services,
            policy,
            gruus,
            timers,
            counters,
            self.user_rates,
        )
        branch_keys, cookie_keys = KeyRing("branch", KEY), KeyRing("cookie", KEY)
        core = ProxyCore(
            ProxySettings(supported=SUPPORTED), self.app, flows, Names(), timers, branch_keys, cookie_keys, counters
        )
        self.layer = layer = TransactionLayer(core, flows, timers, TransactionSettings(), counters)
        core.attach(layer)
        self.ender = CallEnder(self.calls, Requester(layer, flows, Names()), flows, glue)
        services.hang_up_callee = self.ender.hang_up_callee
        self.proxy.receive = Ingress(layer, flows, counters).receive
        self.proxy.on_flow_failed = layer.flow_failed

    def ask_python(self) -> None:
        core: Any = self.layer.user
        core.app = AskedForAll(self.app)

    def phone(self, host: str, port: int = 5060, transport: str = "udp") -> Phone:
        world: Any = self
        return Phone(world, host, port, transport)

    def run(self, for_s: float = 0.1) -> None:
        self.wire.run(for_s)

    def bind(self, aor: str, phone: Phone, **more: Any) -> None:
        """Registers ``phone`` without a word."""
        binding = Binding(contact=phone.contact, call_id="r", cseq=1, expires_at=self.wire.timers.wall + 3600, **more)
        self.locations.put(aor, [*self.locations.get(aor), binding])


class Carrier(Phone):
    """Challenges each request that begins something, or all of ``wants``; what passes is in ``got()``."""

    serial = count(1)

    def __init__(self, world: SignalWorld, host: str = CARRIER, *, status: int = 407, password: str = "s3cret") -> None:
        any_world: Any = world
        super().__init__(any_world, host, 5060, "udp")
        self.status = status
        self.password = password
        self.wants = {"INVITE", "BYE", "PRACK", "UPDATE", "REFER", "MESSAGE", "SUBSCRIBE"}
        self.challenged: list[Message] = []
        self.challenge_acks: list[Message] = []
        self.once = False  # each nonce serves once
        self.says_stale = True  # of a nonce it does not know
        self.digest = self.new_digest()
        self.node.receive = self.receive

    def new_digest(self) -> Digest:
        """Knows none of the nonces of another."""
        keys = KeyRing("nonce", Key("k", next(self.serial).to_bytes(32, "big")))
        return Digest("carrier.example", self, keys, "i", DigestConfig(nonce_lifetime_s=100))

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1("acct", realm, self.password, algorithm) if username == "acct" else None

    def receive(self, data: bytes, flow: Flow) -> None:
        message = Message(data)
        if message.method == "ACK" and message.to_tag == "challenge":
            self.challenge_acks.append(message)
            return
        if message.is_request and message.method in self.wants and not self._accepts(message):
            return
        self.node.received.append(message)

    def _accepts(self, request: Message) -> bool:
        challenge, credentials = (
            ("Proxy-Authenticate", "Proxy-Authorization") if self.status == 407 else ("WWW-Authenticate", "Authorization")
        )
        now = self.world.wire.timers.now
        outcome = self.digest.check(request.get_all(credentials), request.method, request.body, now).outcome.value
        if outcome == "accepted":
            if self.once:
                self.digest = self.new_digest()
            return True
        self.challenged.append(request)
        challenges = self.digest.challenges(now, stale=outcome == "stale" and self.says_stale)
        self.reply(request, self.status, tuple((challenge, value) for value in challenges), tag="challenge")
        return False
