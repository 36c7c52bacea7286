"""A call between those known through the policy."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from native import sip
from sipcore.proxy.core import ProxyCore
from sipcore.transaction import TransactionLayer
from tests.native.nomemory.cases import tried
from tests.native.nomemory.kept import Calls, Rack, Table
from tests.native.nomemory.proxying import Ways, call_script, end, play, proxy
from tests.native.nomemory.registering import BINDING, Authorizer, backoff, credentials_of, digest_of


class Invited(sip.InviteExchangeBase):
    __slots__ = ()

    def ended(self, context: object, status: int) -> None:
        pass


class HungUp(sip.ByeExchangeBase):
    __slots__ = ()
    looks_on, sees = True, sip.SEES_END


class Media(sip.InviteMediaBase):
    __slots__ = ()


class Switch(sip.ApplicationBase):
    """Knows caller and callee from calls before."""

    def __init__(self, clock: sip.Timers) -> None:
        known = SimpleNamespace(aor="b@b.example", number="", route="", trunk="", uris=())
        caller = SimpleNamespace(aor="a@a.example", trunk=None)
        self.calls = Calls(Table(Rack(staged=False)))
        services = SimpleNamespace(calls=self.calls, glue=None)
        there = SimpleNamespace(active=False, record=lambda aor: BINDING)
        called, none = {"sip:b@b.example": known}, set[str]()
        self.authorizer = Authorizer(defaultdict(int), backoff(), lambda host: False)
        self.authorizer.callers["sip:a@a.example"] = caller
        self.authorizer.claims["sip:a@b.example"] = (caller, "a@b.example", '"b', digest_of("b.example"))
        self.authorizer.realms["b.example"] = None
        more = {"user_rates": sip.RatesBase(1e-6, 1.0, sip.RecentBase(10)), "verifies": True}
        # one by one: CPython 3.11 loses what it unpacks of ``*`` when it finds no memory
        super().__init__(  # type: ignore[misc]
            self.authorizer, called, none, none, there, there, there, services, clock, Invited, HungUp, Media, None, "", **more
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


PROVEN = b"Proxy-Authorization: %b\r\nCall-ID" % credentials_of("b.example", "INVITE").encode()
ASKED = SWITCHED[0].replace(b"a@a.example", b"a@b.example")


@tried
def call_of_one_who_proves_it() -> object:
    ways, clock, core, layer = switched()
    app: Any = core.app
    clock.advance(10.0, 10.0)
    again = ASKED.replace(b"z9hG4bK", b"z9hG4bKa").replace(b"Call-ID", PROVEN, 1)
    try:
        play(ways, core, layer, [ASKED, again])
        if core.counters["sip_internal_errors_total"]:
            raise MemoryError
        return len(ways.sent), len(b"".join(ways.sent)), dict(app.authorizer.counters), b"Proxy-Auth" in ways.sent[-1]
    finally:
        end(layer, clock)
        app.calls._invites.clear()
