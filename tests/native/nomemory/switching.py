"""A call between those known through the policy."""

from __future__ import annotations

import re
import weakref
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from native import sip
from sipcore.ports import Target
from sipcore.proxy.core import ProxyCore
from sipcore.transaction import TransactionLayer
from tests.native.nomemory.cases import tried
from tests.native.nomemory.kept import Calls, Rack, Table
from tests.native.nomemory.proxying import Ways, call_script, end, play, proxy, within
from tests.native.nomemory.registering import BINDING, Authorizer, backoff, credentials_of, digest_of


class Invited(sip.InviteExchangeBase):
    __slots__ = ()


class HungUp(sip.ByeExchangeBase):
    __slots__ = ()
    looks_on, sees = True, sip.SEES_END


class Within(sip.DialogExchangeBase):
    __slots__ = ()
    sees = sip.SEES_SUCCESSES


class Media(sip.InviteMediaBase):
    __slots__ = ()


class Daemon(sip.MediaClientBase):
    """The media client and, as its link, a daemon that assents to each body."""

    ASSENT = b" d6:result2:ok3:sdp4:v=1\ne"

    def __init__(self, clock: sip.Timers) -> None:
        super().__init__(Link(weakref.ref(self)), b"i", clock, defaultdict(int), 1.0, 2, 10)

    def close(self) -> None:
        """Forgets what waits after something went wrong; again where memory was short."""
        while self._pending:
            try:
                self.settle(next(iter(self._pending)))
            except MemoryError:
                continue


class Link:
    def __init__(self, daemon: weakref.ref[Daemon]) -> None:
        self.daemon = daemon

    def send(self, packet: bytes) -> None:
        daemon = self.daemon()
        assert daemon is not None
        daemon.received(packet.partition(b" ")[0] + Daemon.ASSENT)


class Switch(sip.ApplicationBase):
    """Knows caller and callee from calls before. ``trunks``: by which they call, or are called. ``glue``: of relayed media."""

    def __init__(self, clock: sip.Timers, trunks: dict[str, sip.TrunkBase], glue: sip.GlueBase | None = None) -> None:
        way = SimpleNamespace(aor="b@b.example", number="", route="", trunk="", uris=(), ways=())
        if "out" in trunks:
            ways = [Target("sip:b@192.0.2.7", label=each, first_response_s=3.0) for each in trunks["out"].targets]
            way.aor, way.trunk, way.ways = "", "out", tuple(ways)
        caller = SimpleNamespace(aor="a@a.example", trunk=None)
        self.calls = Calls(Table(Rack(staged=False)))
        services = SimpleNamespace(calls=self.calls, glue=None)
        there = SimpleNamespace(active=False, record=lambda aor: BINDING)
        called, none, over = {"sip:b@b.example": way}, dict[Any, Any](), sip.CallTrunksBase(trunks)
        identities = {"a@a.example": "sip:1@a.example"}
        self.calls.trunks = over
        self.authorizer = Authorizer(defaultdict(int), None, sip.RecentBase(10), backoff(), lambda host: False)
        if "in" in trunks:
            self.authorizer.sources["192.0.2.9"] = SimpleNamespace(aor="", trunk=trunks["in"])
            self.authorizer.strangers["sip:a@a.example"] = True
            called, none = none, {("192.0.2.9", "sip:b@b.example"): way}
        else:
            self.authorizer.callers["sip:a@a.example"] = caller
        self.authorizer.claims["sip:a@b.example"] = (caller, "a@b.example", '"b', digest_of("b.example"))
        self.authorizer.realms["b.example"] = None
        more = {"user_rates": sip.RatesBase(1e-6, 1.0, sip.RecentBase(10)), "verifies": True}
        # one by one: CPython 3.11 loses what it unpacks of ``*`` when it finds no memory
        super().__init__(  # type: ignore[misc]
            self.authorizer,
            called,
            none,
            identities,
            {"a@a.example", "b@b.example"},
            over,
            there,
            there,
            there,
            services,
            clock,
            Invited,
            HungUp,
            Within,
            Media,
            glue,
            "",
            **more,
        )

    def is_our_domain(self, host: str) -> bool:
        return host == "b.example"

    def find_dialog(self, request: object, flow: object) -> None:
        raise MemoryError  # the call was not even kept

    def not_served(self, request: object, error: Exception) -> None:
        raise error


def switched(trunks: dict[str, sip.TrunkBase] | None = None) -> tuple[Ways, sip.Timers, ProxyCore, TransactionLayer]:
    ways, clock, core, layer = proxy()
    clock.advance(1.0, 1.0)
    core.app = Switch(clock, trunks or {})  # type: ignore[assignment]
    return ways, clock, core, layer


def relayed(clock: sip.Timers, core: ProxyCore) -> Daemon:
    """Has the calls' media relayed."""
    daemon = Daemon(clock)
    core.app = Switch(clock, {}, sip.GlueBase(daemon, daemon._counters))  # type: ignore[assignment]
    return daemon


def trunk(name: str) -> sip.TrunkBase:
    made = sip.TrunkBase()
    made.name, made.plain, made.transit, made.trusted, made.max_calls = name, True, True, True, 5
    made.calls_elsewhere[1] = 3
    made.random = lambda: 0.75
    made.targets = [sip.TargetBase() for _ in range(3)]
    for target in made.targets[:2]:
        target.weight = 2
    return made


def call_over(trunks: dict[str, sip.TrunkBase], script: list[bytes]) -> object:
    ways, clock, core, layer = switched(trunks)
    app: Any = core.app
    try:
        play(ways, core, layer, script)
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        counts = [each.calls for each in trunks.values()]
        return len(ways.sent), len(b"".join(ways.sent)), dict(app.calls.counters), counts
    finally:
        end(layer, clock)
        app.calls._invites.clear()  # of calls that went wrong; they hold the core, and it the calls


SWITCHED = call_script(switched)
DIRECT = call_script(switched, direct=True)
FROM_TRUNK = call_script(lambda: switched({name: trunk(name) for name in ("in", "out")}))
TO_TRUNK = call_script(lambda: switched({"out": trunk("out")}))


@tried
def call_between_those_known() -> object:
    return call_over({}, SWITCHED)


def update_script() -> list[bytes]:
    """A call, and an UPDATE within it that has its answer."""
    ways, clock, core, layer = switched()
    play(ways, core, layer, SWITCHED[:4])
    update = within(
        sip.Message(next(data for data in reversed(ways.sent) if data.startswith(b"SIP/2.0 200"))), "UPDATE"
    ).to_bytes()
    play(ways, core, layer, [update])
    answer = sip.Message(ways.sent[-1]).reply(200, headers=[("Contact", "<sip:b@192.0.2.3>")])
    end(layer, clock)
    return [*SWITCHED[:4], update, answer.to_bytes()]


UPDATED = update_script()


@tried
def update_within_a_call() -> object:
    return call_over({}, UPDATED)


def without_route(data: bytes) -> bytes:
    """Of a request within a dialog."""
    return re.sub(rb"\r\nRoute: [^\r]*", b"", data) if data.startswith((b"ACK", b"BYE")) else data


@tried
def call_that_ignores_our_route() -> object:
    return call_over({}, [without_route(data) for data in DIRECT])


def with_body(response: bytes) -> bytes:
    message = sip.Message(response)
    message.set_body(b"v=0\n", "application/sdp")
    return message.to_bytes()


# made beforehand: CPython 3.11 loses the list that it unpacks into when it finds no memory
WITH_MEDIA = [*SWITCHED[:2], with_body(SWITCHED[2]), *SWITCHED[3:4]]


@tried
def call_with_relayed_media() -> object:
    ways, clock, core, layer = switched()
    daemon = relayed(clock, core)
    app: Any = core.app
    try:
        play(ways, core, layer, WITH_MEDIA)
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        return len(ways.sent), [b"v=1" in data for data in ways.sent], dict(daemon._counters)
    finally:
        daemon.close()
        end(layer, clock)
        app.calls._invites.clear()


@tried
def call_from_trunk_to_trunk() -> object:
    return call_over({name: trunk(name) for name in ("in", "out")}, FROM_TRUNK)


@tried
def call_from_user_to_trunk() -> object:
    return call_over({"out": trunk("out")}, TO_TRUNK)


PROVEN = b"Proxy-Authorization: %b\r\nCall-ID" % credentials_of("b.example", "INVITE").encode()


def proven(asked: bytes) -> object:
    ways, clock, core, layer = switched()
    app: Any = core.app
    clock.advance(10.0, 10.0)
    again = asked.replace(b"z9hG4bK", b"z9hG4bKa").replace(b"Call-ID", PROVEN, 1)
    try:
        play(ways, core, layer, [asked, again])
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        return len(ways.sent), len(b"".join(ways.sent)), dict(app.authorizer.counters), b"Proxy-Auth" in ways.sent[-1]
    finally:
        end(layer, clock)
        app.calls._invites.clear()


ASKED = [script[0].replace(b"a@a.example", b"a@b.example") for script in (SWITCHED, DIRECT)]


@tried
def call_of_one_who_proves_it() -> object:
    return proven(ASKED[0])


@tried
def call_of_one_who_proves_it_directly() -> object:
    return proven(ASKED[1])
