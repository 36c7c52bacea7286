"""What a request outside any dialog needs before it leaves: a place within the limits, the names the other side shall see, and,
of an INVITE, the record of its call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from native.sip import begun_by, is_unverifiable
from sipcore.errors import PeerError
from sipcore.nat import VERIFIED_TRANSPORTS
from sipcore.ports import Counters, Exchange, Target
from sipcore.timers import Timers
from sipmesh.config_values import Srtp
from sipmesh.signalling.authorize import Accounts, Caller
from sipmesh.signalling.editing_exchange import EditingExchange
from sipmesh.signalling.exchanges import CallServices, InviteExchange, RequestExchange
from sipmesh.signalling.identity import Presenter
from sipmesh.signalling.media_glue import InviteMedia, Sender
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.signalling.privacy import PREFERRED
from sipmesh.signalling.rates import Rates
from sipmesh.signalling.routing_table import Hop
from sipmesh.signalling.sips import suited
from sipmesh.signalling.subscriptions import Subscription
from sipmesh.signalling.targeting import Tables
from sipmesh.signalling.trunks import TrunkState, trunk_full
from sipmesh.store import Names

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

MAX_PASSING = 100_000  # accounts of which it is remembered that SRTP is theirs alone


class Forwarding:
    """``user_rates``: of calls by AOR, save from hosts that are exempt."""

    def __init__(
        self,
        tables: Tables,
        accounts: Accounts,
        services: CallServices,
        timers: Timers,
        counters: Counters,
        user_rates: Rates[str] | None,
        is_exempt: Callable[[str], bool],
    ) -> None:
        self._tables = tables
        self._accounts = accounts
        self._services = services
        self._calls = services.calls
        self._timers = timers
        self._counters = counters
        self._user_rates = user_rates
        self._is_exempt = is_exempt
        self._tls = any(listener.transport == "tls" for listener in services.flows.listeners)
        self.verifies = any(listener.transport in VERIFIED_TRANSPORTS for listener in services.flows.listeners)
        self._presenter = Presenter(accounts, tables.identities, relayed=services.glue is not None)

    def forward(self, request: InboundRequest, caller: Caller, targets: list[Target], hop: Hop) -> None:
        message = request.message
        begins_call = message.method == "INVITE" and message.to_tag is None
        if not targets:
            raise PeerError(480, "Temporarily Unavailable")
        if message.is_sips or len(targets) > 1 or targets[0].uri[:4] != "sip:":
            targets = suited(targets, sips=message.is_sips, tls=self._tls, agent=request.listener.sent_by)
        trunk = self._tables.trunks.get(hop.trunk) if hop.trunk else None
        names, hides = None, False
        if trunk is not None or caller.trunk is not None or message.has("Privacy", PREFERRED):
            names, hides = self._presenter.present(message, caller, trunk)
        if self.verifies and caller.trunk is None and is_unverifiable(message, request.flow):
            request.natted = True
        if begins_call:
            self._begin_call(request, caller, targets, hop, trunk, names, hides=hides)
        else:
            other: Exchange | None = RequestExchange(self._services) if hop.trunk else None
            subscription = None
            if message.method == "SUBSCRIBE" and (trunk is not None or caller.trunk is not None):
                subscription = Subscription(caller.trunk.name if caller.trunk is not None else "", hop.trunk or "", names)
                self._calls.trunks.subscriptions.begin(request.call_key, subscription)
            if names is not None or hides or (trunk is not None and trunk.edits):
                other = EditingExchange(self._calls, other, message, trunk, names=names, subscription=subscription, hides=hides)
            request.proxy(targets, other)

    def _begin_call(
        self,
        request: InboundRequest,
        caller: Caller,
        targets: list[Target],
        hop: Hop,
        trunk: TrunkState | None,
        names: Names | None,
        *,
        hides: bool,
    ) -> None:
        if caller.trunk is not None and caller.trunk.full:
            raise trunk_full()
        services, calls = self._services, self._calls
        media, srtp = None, PASSES
        if services.glue is not None:
            srtp = self._srtp(caller, hop)
            sender = Sender(request.source[0], request.natted)
            media = InviteMedia(services.glue, request.message, sender, srtp)
        key = request.call_key
        record = begun_by(request, caller, hop, self._timers.wall, relayed=calls.relayed, srtp=srtp, names=names)
        record.hides_caller = hides
        calls.begin(key, record, request)
        exchange: Exchange = InviteExchange(services, key, media, by_trunk=bool(hop.trunk))
        if key in calls.trunks.edited:
            exchange = EditingExchange(calls, exchange, request.message, trunk, key)
        request.proxy(targets, exchange)

    def _srtp(self, caller: Caller, hop: Hop) -> Legs:
        callee_trunk = self._tables.trunks.get(hop.trunk) if hop.trunk else None
        return self._srtp_of(caller.aor, caller.trunk), self._srtp_of(hop.aor, callee_trunk)

    def _srtp_of(self, aor: str, trunk: TrunkState | None) -> Srtp:
        """Of a user of ours, a trunk, or somebody else."""
        if trunk is not None:
            return trunk.config.srtp
        passing = self._tables.passing
        if not aor or aor in passing:
            return "pass"
        srtp = self._accounts.srtp(aor) or self._tables.domains.srtp(aor.rpartition("@")[2])
        if srtp == "pass":
            if len(passing) >= MAX_PASSING:
                passing.clear()
            passing.add(aor)
        return srtp

    def check_rate(self, request: InboundRequest, caller: Caller) -> None:
        """PeerError for a user's call too many."""
        rates = self._user_rates
        if rates is None or not caller.aor or self._is_exempt(request.source[0]):
            return
        if not rates.take(caller.aor, self._timers.now):
            raise self.too_many_calls()

    def too_many_calls(self) -> PeerError:
        self._counters["sip_calls_limited_total|by=user"] += 1
        return PeerError(503, "Too Many Calls", (("Retry-After", "1"),))
