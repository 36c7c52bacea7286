"""REGISTER: who sends it, for which address-of-record, and what it is answered (RFC 3261 section 10.3 up to step 5).

The rest is the registrar's. What most phones send most of the time is done in the base: see native/csip/sip_registering.c.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from native.sip import RegisteringBase
from sipcore.errors import PeerError
from sipcore.ports import Counters
from sipcore.registrar import Registrar
from sipcore.timers import Timers
from sipmesh.policy.host import PolicyHost
from sipmesh.policy.views import Actions
from sipmesh.signalling.authorize import Accounts, Authorizer, aor_of
from sipmesh.signalling.policy_views import registration_of
from sipmesh.signalling.targeting import Tables

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest


class Registering(RegisteringBase):
    """``serve`` answers a request, or raises PeerError with the refusal."""

    __slots__ = ("_tables",)

    _tables: Tables
    authorizer: Authorizer
    registrar: Registrar
    policy: PolicyHost
    timers: Timers

    def __new__(
        cls,
        tables: Tables,
        authorizer: Authorizer,
        accounts: Accounts,
        registrar: Registrar,
        policy: PolicyHost,
        timers: Timers,
        counters: Counters,
    ) -> Self:
        self = super().__new__(cls, authorizer, accounts, accounts.known, registrar, policy, timers, counters)
        self._tables = tables
        return self

    def serve_other(self, request: InboundRequest) -> None:
        """What the base left."""
        message = request.message
        domains = self._tables.domains
        uri, to = message.request_uri, message.to.uri
        asked = domains.canonical(uri.host) if request.core.is_ours(uri) else None
        if asked is None:
            raise PeerError(403, "Not Our Domain")
        if to.scheme not in ("sip", "sips"):
            raise PeerError(400, "To Names No SIP URI")  # RFC 3261 section 10.2
        domain = asked if to.host == uri.host else domains.canonical(to.host)
        if domain is None or (domain != asked and not domains.is_address(uri.host)):
            domain = ""  # not valid for the domain in the Request-URI, but who asks is told so only if we know him
        now = self.timers.wall
        aor = f"{to.user_unescaped or ''}@{domain or asked}"
        registrant = self.authorizer.registering(message, aor, domain or asked, request.flow.remote[0], now)
        if not domain or not to.user:
            raise PeerError(404, "Not Found")
        check_registrant(registrant, aor)
        if self.policy.active:
            message.remove("Authorization")  # no business of the policy's
            actions = Actions()
            self.policy.register(registration_of(request, aor, actions), actions)
        headers = self.registrar.register(message, aor, request.flow, now)
        self.counters["sip_registrations_total|status=200"] += 1
        request.reply(200, None, headers)

    # for the base

    def check_proven(self, username: str, aor: str) -> None:
        """PeerError if right credentials are not those of ``aor``."""
        found = aor_of(username, aor[aor.rindex("@") + 1 :])
        self.authorizer.check_account(found)
        check_registrant(found, aor)


def check_registrant(registrant: str, aor: str) -> None:
    if registrant != aor:
        raise PeerError(403, "Not Your Address-Of-Record")
