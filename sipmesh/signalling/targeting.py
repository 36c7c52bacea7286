"""Where a request outside any dialog goes: by the tables or the policy to a hop, and from there to targets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from native.sip import Message, Uri, bound_to
from sipcore.errors import PeerError
from sipcore.flow import FlowTable
from sipcore.gruu import Gruus
from sipcore.location import Locations, decode_bindings
from sipcore.ports import Target
from sipcore.timers import Timers
from sipmesh.policy.host import PolicyHost
from sipmesh.signalling.authorize import Accounts, Caller
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.instances import GRUU_MARK, Instances
from sipmesh.signalling.locate import targets_of
from sipmesh.signalling.policy_views import view_of
from sipmesh.signalling.remembered import remember
from sipmesh.signalling.routing_table import Asked, Condition, Hop, RoutingTable
from sipmesh.signalling.trunks import Trunks, trunk_full

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest


class Tables:
    """What a reload replaces as one, and what was found by it. ``called``: where Request-URIs lead whoever asks, as they were
    written; ``called_from``: where they lead the calls of trunks, by the numeric host these come from; ``identities``: by AOR,
    the URIs of users who call by trunks; ``passing``: AORs of accounts that have whatever SRTP they want."""

    __slots__ = ("called", "called_from", "domains", "identities", "passing", "routes", "trunks")

    def __init__(self, domains: Domains, routes: RoutingTable, trunks: Trunks) -> None:
        self.domains = domains
        self.routes = routes
        self.trunks = trunks
        self.called: dict[str, Hop] = {}
        self.called_from: dict[tuple[str, str], Hop] = {}
        self.identities: dict[str, str] = {}
        self.passing: set[str] = set()

    def replace(self, domains: Domains, routes: RoutingTable) -> None:
        """Accounts and trunks may have changed, too."""
        self.domains = domains
        self.routes = routes
        self.called.clear()
        self.called_from.clear()
        self.identities.clear()
        self.passing.clear()


class Targeting:
    def __init__(
        self,
        tables: Tables,
        policy: PolicyHost,
        accounts: Accounts,
        locations: Locations,
        flows: FlowTable,
        gruus: Gruus,
        timers: Timers,
    ) -> None:
        self._tables = tables
        self._policy = policy
        self._accounts = accounts
        self._locations = locations
        self._flows = flows
        self._instances = Instances(gruus, accounts, locations, flows, timers)
        self._timers = timers

    def known_hop(self, request: Message) -> Hop | None:
        """That of a Request-URI which leads there whoever asks, when it was called before."""
        return None if self._policy.active else self._tables.called.get(request.request_uri_text)

    def hop(self, request: InboundRequest, caller: Caller, uri: Uri, ours: bool) -> Hop:
        """By the tables, or by the policy. PeerError 404: nowhere."""
        user, domain = uri.user_unescaped or "", uri.host
        gruu = None
        if ours:
            domains = self._tables.domains
            canonical = domain if domain in domains.by_name else domains.canonical(domain)
            if canonical is None:
                raise PeerError(404, "Not Found")
            if uri.user is None:  # ourselves, who understand these alone
                raise PeerError(405, "Method Not Allowed", (("Allow", "OPTIONS, REGISTER"),))
            domain = canonical
            if GRUU_MARK in uri.text and (gruu := self._instances.find(uri, domain)) is not None:
                user = gruu[0].rpartition("@")[0]
        if self._policy.active:
            tables = partial(self._by_tables, request, caller, user, domain, ours, gruu)
            hop = self._policy.route(view_of(request, caller, user, domain), request.message, tables)
        else:
            hop = self._by_tables(request, caller, user, domain, ours, gruu)
        if hop is None:
            raise PeerError(404, "Not Found")
        return hop

    def targets(self, request: InboundRequest, caller: Caller, hop: Hop) -> list[Target]:
        """The ways to ``hop`` that there are now."""
        if hop.instance:
            return self._instances.targets(hop.aor, hop.instance, request.message)
        if hop.aor:
            now = self._timers.wall
            record = self._locations.record(hop.aor)
            if record is None:
                return []
            targets = bound_to(record, now, self._flows, Target)
            return targets if targets is not None else targets_of(decode_bindings(record), self._flows, now)
        if caller.trunk is not None and not caller.trunk.config.transit:
            raise PeerError(403, "Trunk Reaches Our Users Only")
        if hop.uris:
            return [Target(uri, group=index) for index, uri in enumerate(hop.uris)]
        trunk = self._tables.trunks.get(hop.trunk)
        if trunk is None or not trunk.targets:
            raise PeerError(404, "No Such Trunk")
        if trunk.full and request.message.method == "INVITE":
            raise trunk_full()
        return self._tables.trunks.targets(trunk, hop.number, self._timers.now)

    def of_gruu(self, uri: Uri, request: Message) -> Target | None:
        """Where a request within a dialog goes whose Request-URI is a GRUU of ours; None: it is not that, or leads nowhere."""
        domain = self._tables.domains.canonical(uri.host)
        if domain is None:
            return None
        try:
            found = self._instances.find(uri, domain)
        except PeerError:
            return None
        targets = self._instances.targets(*found, request) if found is not None else []
        return targets[0] if targets else None

    def _by_tables(
        self, request: InboundRequest, caller: Caller, user: str, domain: str, ours: bool, gruu: tuple[str, str] | None
    ) -> Hop | None:
        """An exact route, else an account of ours, else the route with the longest pattern. ``gruu``: AOR and instance."""
        if not ours:
            return Hop(uris=(request.message.request_uri_text,))
        if gruu is not None:
            return Hop(aor=gruu[0], instance=gruu[1])
        routes = self._tables.routes
        aor = f"{user}@{domain}"
        if not routes.any_exact and self._accounts.has(aor):
            account = Hop(aor=aor)  # no exact route comes before an account: the URI leads there whoever asks
            uri = request.message.request_uri_text
            return account if self._policy.active else remember(self._tables.called, uri, account)
        if not routes.any:
            return None
        from_uri = request.message.from_.uri
        asked = Asked(
            user=user,
            domain=domain,
            source_host=request.source[0],
            trunk=caller.trunk.name if caller.trunk is not None else "",
            caller_user=from_uri.user_unescaped or "",
            caller_domain=self._tables.domains.canonical(from_uri.host) or from_uri.host,
        )
        hop = routes.exact(asked)
        if hop is None:
            hop = Hop(aor=aor) if self._accounts.has(aor) else routes.longest(asked)
        return hop if hop is None or self._policy.active else self._remembered(request, caller, asked, hop)

    def _remembered(self, request: InboundRequest, caller: Caller, asked: Asked, hop: Hop) -> Hop:
        """For those who ask the same."""
        tables, uri = self._tables, request.message.request_uri_text
        condition = tables.routes.condition(asked)
        if condition is Condition.CALLER:
            return hop
        hop = replace(hop, ways=tables.trunks.ways(hop.trunk, hop.number))
        if condition is Condition.NOTHING:
            return remember(tables.called, uri, hop)
        if caller.trunk is not None and caller.trunk is tables.trunks.by_source(asked.source_host):
            remember(tables.called_from, (asked.source_host, uri), hop)
        return hop
