"""The policy: what happens to a request outside any dialog, and what is done about those within one.

REGISTER changes bindings; everything else is answered, or sent to our users, to a trunk or, for an authenticated user, to a
foreign domain. Callers we don't know are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container
from functools import partial
from typing import TYPE_CHECKING

from native.sip import Message, ParseError, Uri
from sipcore.errors import PeerError
from sipcore.flow import Flow, FlowTable
from sipcore.gruu import Gruus
from sipcore.location import Locations
from sipcore.nat import is_unverifiable
from sipcore.ports import Counters, Dialog, Exchange, Proceed, Target
from sipcore.proxy.cookie import Cookie
from sipcore.registrar import Registrar
from sipcore.timers import Timers
from sipmesh.config_values import Srtp
from sipmesh.policy.host import PolicyHost
from sipmesh.policy.views import Actions
from sipmesh.signalling.authorize import Accounts, Authorizer, Caller
from sipmesh.signalling.called import dial
from sipmesh.signalling.dialogs import OF_CALLS, STARTS_SOMETHING, Dialogs
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.editing_exchange import EditingExchange, edit_ack
from sipmesh.signalling.exchanges import CallServices, DialogExchange, InviteExchange, RequestExchange
from sipmesh.signalling.identity import Presenter
from sipmesh.signalling.instances import Instances, is_gruu
from sipmesh.signalling.legs import CALLEE, CALLER, legs_of
from sipmesh.signalling.locate import targets_of
from sipmesh.signalling.media_glue import Sender, Tags, has_sdp
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.signalling.policy_views import registration_of, view_of
from sipmesh.signalling.privacy import ASSERTED, OPTION, PREFERRED
from sipmesh.signalling.rates import Rates
from sipmesh.signalling.routing_table import Asked, Hop, RoutingTable
from sipmesh.signalling.sips import is_secure, suited
from sipmesh.signalling.trunks import Trunks, TrunkState
from sipmesh.store import StoreError

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, REFER, MESSAGE, INFO, UPDATE, PRACK, PUBLISH"
CAPABILITIES = (("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "path, outbound, gruu"))  # RFC 3261 section 11.2
SUPPORTED = frozenset({OPTION})  # of what Proxy-Require may name
RETRY_AFTER_S = "5"
MAX_REFUSALS_LOGGED = 20  # a second

log = logging.getLogger(__name__)


class Tables:
    """What a reload replaces as one."""

    __slots__ = ("domains", "routes", "trunks")

    def __init__(self, domains: Domains, routes: RoutingTable, trunks: Trunks) -> None:
        self.domains = domains
        self.routes = routes
        self.trunks = trunks


class SignalApplication:
    """``sipcore.ports.Application``."""

    def __init__(
        self,
        tables: Tables,
        authorizer: Authorizer,
        accounts: Accounts,
        registrar: Registrar,
        locations: Locations,
        flows: FlowTable,
        services: CallServices,
        policy: PolicyHost,
        gruus: Gruus,
        timers: Timers,
        counters: Counters,
        user_rates: Rates[str] | None = None,
        exempt: Container[str] = (),
    ) -> None:
        """``user_rates``: of calls by AOR, save from hosts that are ``exempt``."""
        self.tables = tables
        self.policy = policy
        self._authorizer = authorizer
        self._accounts = accounts
        self._registrar = registrar
        self._locations = locations
        self._flows = flows
        self._services = services
        self.calls = services.calls
        self._timers = timers
        self._counters = counters
        self._user_rates = user_rates
        self._exempt = exempt
        self._tls = any(listener.transport == "tls" for listener in flows.listeners)
        self._instances = Instances(gruus, accounts, locations, flows, timers)
        self._presenter = Presenter(accounts, relayed=services.glue is not None)
        self._dialogs = Dialogs(services.calls, tables.trunks, counters)
        self._log_second = 0
        self._logged = 0

    # sipcore.ports.Application

    def is_our_domain(self, host: str) -> bool:
        domains = self.tables.domains
        return host in domains.by_name or domains.canonical(host) is not None

    def on_request(self, request: InboundRequest) -> None:
        try:
            if request.message.method == "REGISTER":
                self._register(request)
            else:
                self._dispatch(request)
        except PeerError as error:
            self._refuse(request, error)
        except ParseError as error:
            self._refuse(request, PeerError(error.status, error.reason))
        except StoreError as error:
            log.error("%s", error)
            self._refuse(request, PeerError(500, "Server Internal Error"))  # RFC 3261 section 10.3 step 7

    def find_dialog(self, request: Message, flow: Flow) -> Dialog | None:
        return self._dialogs.find(request, flow)

    def find_instance(self, request: Message, cookie: Cookie) -> Target | None:
        record = self.calls.get(cookie.call_key)
        legs = None if record is None else legs_of(record, request)
        uri = request.request_uri
        domain = self.tables.domains.canonical(uri.host)
        if legs is None or domain is None or not legs[1].remote_target or Uri(legs[1].remote_target) != uri:
            return None
        try:
            found = self._instances.find(uri, domain)
        except PeerError:
            return None
        targets = self._instances.targets(*found, request) if found is not None else []
        return targets[0] if targets else None

    def on_dialog_request(self, request: InboundRequest, cookie: Cookie) -> Exchange | None:
        message = request.message
        if message.method in STARTS_SOMETHING and not cookie.flow_token(message):
            try:
                self._dialogs.check_target(message, cookie.call_key, request.core.is_ours)
            except PeerError as error:
                self._refuse(request, error)
                return None
        self.calls.in_dialog(cookie, message)
        if message.has(ASSERTED, PREFERRED):
            self.calls.filter_identity(cookie.call_key, message, CALLER if cookie.caller_to_callee(message) else CALLEE)
        exchange = None
        if message.method in ("INVITE", "UPDATE", "PRACK", "BYE"):
            exchange = DialogExchange(self._services, request, cookie)
        if self.calls.edited and cookie.call_key in self.calls.edited:
            return self._editing_exchange(exchange, message, cookie)
        return exchange

    def _editing_exchange(self, exchange: Exchange | None, message: Message, cookie: Cookie) -> Exchange | None:
        """Of a request within a call over a trunk whose messages we change."""
        record = self.calls.get(cookie.call_key)
        if record is None:
            return exchange
        sender, receiver = (CALLER, CALLEE) if cookie.caller_to_callee(message) else (CALLEE, CALLER)
        trunk = self.calls.trunk_towards(record, receiver)
        return EditingExchange(self.calls, exchange, message, trunk, cookie.call_key, sender)

    def on_ack(self, request: Message, cookie: Cookie | None, proceed: Proceed) -> None:
        """A body in an ACK answers the offer of the 2xx (RFC 3261 section 13.2.2.4)."""
        if cookie is None:  # every INVITE we pass on gets our Record-Route: this one answers none of them
            proceed(403, "No Call Of Ours")
            return
        if self.calls.edited and cookie.call_key in self.calls.edited:
            record = self.calls.get(cookie.call_key)
            if record is not None:
                side = CALLER if cookie.caller_to_callee(request) else CALLEE
                edit_ack(request, record, side, self.calls.credentials.get((cookie.call_key, side), ()))
        glue = self._services.glue
        if glue is None or not has_sdp(request):
            proceed()
            return
        sender = self._services.sender_of(cookie, request)
        tags = Tags(request.call_id, request.from_tag or "", request.to_tag or "")
        glue.answer(request, tags, sender, proceed, reverse=True, srtp=self._services.srtp_of(cookie, request))

    # REGISTER

    def _register(self, request: InboundRequest) -> None:
        """RFC 3261 section 10.3, up to step 5; the rest is the registrar's."""
        message = request.message
        domains = self.tables.domains
        uri, to = message.request_uri, message.to.uri
        asked = domains.canonical(uri.host) if request.core.is_ours(uri) else None
        if asked is None:
            raise PeerError(403, "Not Our Domain")
        domain = asked if to.host == uri.host else domains.canonical(to.host)
        if domain is None or (domain != asked and not domains.is_address(uri.host)):
            domain = ""  # not valid for the domain in the Request-URI, but who asks is told so only if we know him
        now = self._timers.wall
        aor = f"{to.user_unescaped or ''}@{domain or asked}"
        registrant = self._authorizer.registering(message, aor, domain or asked, request.flow.remote[0], now)
        if not domain or not to.user:
            raise PeerError(404, "Not Found")
        if registrant != aor:
            raise PeerError(403, "Not Your Address-Of-Record")
        if self.policy.active:
            actions = Actions()
            self.policy.register(registration_of(request, aor, actions), actions)
        headers = self._registrar.register(message, aor, request.flow, now)
        self._counters["sip_registrations_total|status=200"] += 1
        request.reply(200, None, headers)

    # everything else

    def _dispatch(self, request: InboundRequest) -> None:
        message = request.message
        uri = message.request_uri
        ours = request.core.is_ours(uri)
        if message.to_tag is not None and request.cookie is None and message.method in OF_CALLS:
            raise PeerError(481, "Call Does Not Exist")  # RFC 3261 section 12.2.2
        if ours and message.method == "OPTIONS" and uri.user is None:
            request.reply(200, None, CAPABILITIES)
            return
        caller = self._authorizer.calling(message, request.flow.remote[0], self._timers.wall)
        trunk = caller.trunk
        if trunk is None or not trunk.config.trusted:
            message.remove(ASSERTED)  # RFC 3325 section 5: only those we trust may assert one
        if uri.scheme == "tel" or (trunk is not None and (trunk.config.register or trunk.config.numbers.received != "as-is")):
            to_contact = trunk is not None and self.tables.trunks.by_contact(uri.user or "") is trunk
            if to_contact and message.method == "OPTIONS":
                request.reply(200, None, CAPABILITIES)  # a registrar that looks whether its binding is alive
                return
            dial(message, caller, self.tables.domains.first, to_contact=to_contact)
            uri = message.request_uri
            ours = request.core.is_ours(uri)
        try:
            self._follow(request, caller, self._decided(request, caller, uri, ours))
        except PeerError as error:
            if message.method == "INVITE" and message.to_tag is None:
                self.calls.refused(request, *_parties(request, caller), error.status)
            raise

    def _decided(self, request: InboundRequest, caller: Caller, uri: Uri, ours: bool) -> Hop | None:
        """Where the request goes by the tables, or by the policy."""
        if not ours:
            user, domain = uri.user_unescaped or "", uri.host
            tables: Callable[[], Hop | None] = partial(Hop, uris=(request.message.request_uri_text,))
        else:
            canonical = self.tables.domains.canonical(uri.host)
            if uri.user is None or canonical is None:
                raise PeerError(404, "Not Found")
            user, domain = uri.user_unescaped or "", canonical
            tables = partial(self._hop, request, caller, user, domain)
            gruu = self._instances.find(uri, domain) if is_gruu(uri.text) else None
            if gruu is not None:
                user = gruu[0].rpartition("@")[0]
                tables = partial(Hop, aor=gruu[0], instance=gruu[1])
        if not self.policy.active:
            return tables()
        return self.policy.route(view_of(request, caller, user, domain), request.message, tables)

    def _follow(self, request: InboundRequest, caller: Caller, hop: Hop | None) -> None:
        if hop is None:
            raise PeerError(404, "Not Found")
        if hop.instance:
            self._proxy(request, caller, self._instances.targets(hop.aor, hop.instance, request.message), hop)
            return
        if hop.aor:
            targets = targets_of(self._locations.get(hop.aor), self._flows, self._timers.wall)
            self._proxy(request, caller, targets, hop)
            return
        if caller.trunk is not None and not caller.trunk.config.transit:
            raise PeerError(403, "Trunk Reaches Our Users Only")
        if hop.uris:
            self._proxy(request, caller, [Target(uri, group=index) for index, uri in enumerate(hop.uris)], hop)
            return
        trunk = self.tables.trunks.get(hop.trunk)
        if trunk is None or not trunk.targets:
            raise PeerError(404, "No Such Trunk")
        if trunk.full and request.message.method == "INVITE":
            # RFC 3398 section 8.2.6.1 gives "no circuit available" this status
            raise PeerError(503, "Trunk Call Limit Reached", (("Retry-After", RETRY_AFTER_S),))
        self._proxy(request, caller, self.tables.trunks.targets(trunk, hop.number, self._timers.now), hop)

    def _hop(self, request: InboundRequest, caller: Caller, user: str, domain: str) -> Hop | None:
        """An exact route, else an account of ours, else the route with the longest pattern."""
        routes = self.tables.routes
        aor = f"{user}@{domain}"
        if not routes.any:
            return Hop(aor=aor) if self._accounts.has(aor) else None
        from_uri = request.message.from_.uri
        asked = Asked(
            user=user,
            domain=domain,
            source_host=request.source[0],
            trunk=caller.trunk.name if caller.trunk is not None else "",
            caller_user=from_uri.user_unescaped or "",
            caller_domain=self.tables.domains.canonical(from_uri.host) or from_uri.host,
        )
        hop = routes.exact(asked)
        if hop is None:
            hop = Hop(aor=aor) if self._accounts.has(aor) else routes.longest(asked)
        return hop

    def _proxy(self, request: InboundRequest, caller: Caller, targets: list[Target], hop: Hop) -> None:
        message = request.message
        if self._user_rates is not None and message.method == "INVITE" and message.to_tag is None:
            self._check_rate(self._user_rates, request, caller)
        if not targets:
            raise PeerError(480, "Temporarily Unavailable")
        if message.is_sips or any(map(is_secure, targets)):
            targets = suited(targets, sips=message.is_sips, tls=self._tls, agent=request.listener.sent_by)
        trunk = self.tables.trunks.get(hop.trunk) if hop.trunk else None
        names = None
        if trunk is not None or caller.trunk is not None or message.has("Privacy", PREFERRED):
            names = self._presenter.present(message, caller, trunk)
        if caller.trunk is None and is_unverifiable(message, request.flow):
            request.natted = True
        if message.method != "INVITE" or message.to_tag is not None:
            other: Exchange | None = RequestExchange(self._services) if hop.trunk else None
            if names is not None or (trunk is not None and trunk.edits):
                other = EditingExchange(self.calls, other, message, trunk, names=names)
            request.proxy(targets, other)
            return
        if caller.trunk is not None and caller.trunk.full:
            raise PeerError(503, "Trunk Call Limit Reached", (("Retry-After", RETRY_AFTER_S),))
        calling, called, trunk_in = _parties(request, caller)
        destination = hop.aor or hop.number or (called if hop.route != "policy" else hop.uris[0])
        srtp = self._srtp(caller, hop) if self._services.glue is not None else PASSES
        self.calls.begin(
            *(request, calling, called, trunk_in, hop.trunk),
            destination=destination,
            route=hop.route,
            srtp=srtp,
            names=names,
        )
        host = request.source[0]
        exchange: Exchange = InviteExchange(self._services, request, Sender(host, request.natted), srtp)
        if request.call_key in self.calls.edited:
            exchange = EditingExchange(self.calls, exchange, message, trunk, request.call_key)
        request.proxy(targets, exchange)

    def _srtp(self, caller: Caller, hop: Hop) -> Legs:
        callee_trunk = self.tables.trunks.get(hop.trunk) if hop.trunk else None
        return self._srtp_of(caller.aor, caller.trunk), self._srtp_of(hop.aor, callee_trunk)

    def _srtp_of(self, aor: str, trunk: TrunkState | None) -> Srtp:
        """Of a user of ours, a trunk, or somebody else."""
        if trunk is not None:
            return trunk.config.srtp
        return (self._accounts.srtp(aor) or self.tables.domains.srtp(aor.rpartition("@")[2])) if aor else "pass"

    def _check_rate(self, rates: Rates[str], request: InboundRequest, caller: Caller) -> None:
        if caller.aor and request.source[0] not in self._exempt and not rates.take(caller.aor, self._timers.now):
            self._counters["sip_calls_limited_total|by=user"] += 1
            raise PeerError(503, "Too Many Calls", (("Retry-After", "1"),))

    def _refuse(self, request: InboundRequest, error: PeerError) -> None:
        method = request.message.method
        kind = "sip_registrations_total" if method == "REGISTER" else "sip_refused_total"
        self._counters[f"{kind}|status={error.status}"] += 1
        if error.status not in (401, 407) and self._may_log():
            log.info(
                "%s from %s refused: %d %s",
                *(method, request.source[0], error.status, error.reason),
                extra={"call_id": request.message.call_id},
            )
        headers = error.headers
        if error.status == 400:
            headers = (*headers, ("Warning", f'399 {request.listener.sent_by} "{error.reason}"'))
        request.reply(error.status, None if error.status in (400, 401, 407) else error.reason or None, headers)

    def _may_log(self) -> bool:
        """So that a scanner fills neither the log nor our time; the counters miss nothing."""
        second = int(self._timers.now)
        if second != self._log_second:
            self._log_second, self._logged = second, 0
        self._logged += 1
        return self._logged <= MAX_REFUSALS_LOGGED


def _parties(request: InboundRequest, caller: Caller) -> tuple[str, str, str]:
    """Who calls whom, and by which trunk the call comes."""
    message = request.message
    trunk_in = caller.trunk.name if caller.trunk is not None else ""
    return caller.aor or message.from_.uri.aor, message.request_uri.aor, trunk_in
