"""The policy: what happens to a request outside any dialog, and what is done about those within one.

REGISTER changes bindings; everything else is answered, or sent to our users, to a trunk or, for an authenticated user, to a
foreign domain. Callers we don't know are refused.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from native.sip import ApplicationBase, Message, ParseError, Uri
from sipcore.errors import PeerError
from sipcore.flow import Flow, FlowTable
from sipcore.gruu import Gruus
from sipcore.location import Locations
from sipcore.ports import Counters, Dialog, Exchange, Proceed, Target
from sipcore.proxy.cookie import Cookie
from sipcore.registrar import Registrar, check_required
from sipcore.timers import Timers
from sipmesh.policy.host import PolicyHost
from sipmesh.signalling.authorize import Accounts, Authorizer, Caller
from sipmesh.signalling.called import dial
from sipmesh.signalling.dialogs import OF_CALLS, RENEGOTIATES, STARTS_SOMETHING, Dialogs
from sipmesh.signalling.editing_exchange import EditingExchange, edit_ack
from sipmesh.signalling.exchanges import ByeExchange, CallServices, DialogExchange, InviteExchange
from sipmesh.signalling.forwarding import Forwarding
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.media_glue import InviteMedia, Tags, has_sdp
from sipmesh.signalling.privacy import ASSERTED, HIDDEN_USER, OPTION, PREFERRED
from sipmesh.signalling.rates import Rates
from sipmesh.signalling.refusals import Refusals
from sipmesh.signalling.registering import Registering
from sipmesh.signalling.routing_table import Hop
from sipmesh.signalling.subscriptions import Subscription
from sipmesh.signalling.targeting import Tables, Targeting
from sipmesh.store import StoreError

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, REFER, MESSAGE, INFO, UPDATE, PRACK, PUBLISH"
CAPABILITIES = (("Allow", ALLOW), ("Accept", "application/sdp"), ("Supported", "path, outbound, gruu"))  # RFC 3261 section 11.2
SUPPORTED = frozenset({OPTION})  # of what Proxy-Require may name

log = logging.getLogger(__name__)


class SignalApplication(ApplicationBase):
    """``sipcore.ports.Application``. A call that goes where calls went before is sent on by the base, and so is what belongs to
    it and passes as it is (native/csip/sip_application_call.c, sip_application_dialog.c)."""

    # no __dict__, so that C calls the methods of the base as what they are
    __slots__ = (
        "_authorizer",
        "_call_trunks",
        "_counters",
        "_dialogs",
        "_forwarding",
        "_refusals",
        "_services",
        "_targeting",
        "_timers",
        "calls",
        "policy",
        "tables",
    )

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
        is_exempt: Callable[[str], bool] = frozenset[str]().__contains__,
    ) -> None:
        """``user_rates``: of calls by AOR, save from hosts that are exempt."""
        self.tables = tables
        self.policy = policy
        self._authorizer = authorizer
        self._services = services
        self.calls = services.calls
        self._call_trunks = services.calls.trunks
        self._timers = timers
        self._counters = counters
        self._targeting = Targeting(tables, policy, accounts, locations, flows, gruus, timers)
        self._forwarding = Forwarding(tables, accounts, services, timers, counters, user_rates, is_exempt)
        self._refusals = Refusals(timers, counters)
        self._dialogs = Dialogs(services.calls, tables.trunks, counters)
        registering = Registering(tables, authorizer, accounts, registrar, policy, timers, counters)
        super().__init__(
            *(authorizer, tables.called, tables.called_from, tables.identities, tables.passing, services.calls.trunks),
            *(policy, locations, registering, services, timers),
            *(InviteExchange, ByeExchange, DialogExchange, InviteMedia, services.glue),
            "".join(f"{name}: {value}\r\n" for name, value in CAPABILITIES),
            user_rates=user_rates,
            verifies=self._forwarding.verifies,
        )

    # sipcore.ports.Application

    def is_our_domain(self, host: str) -> bool:
        domains = self.tables.domains
        return host in domains.by_name or domains.canonical(host) is not None

    # ``on_request``, ``on_dialog_request`` and ``on_ack`` are the base's, which asks this of an OPTIONS to ourselves
    check_required = staticmethod(check_required)

    def not_served(self, request: InboundRequest, error: Exception) -> None:
        if isinstance(error, ParseError):
            error = PeerError(error.status, error.reason)
        elif isinstance(error, StoreError):
            log.error("%s", error)
            error = PeerError(500, "Server Internal Error")  # RFC 3261 section 10.3 step 7
        elif not isinstance(error, PeerError):
            raise error
        self._refusals.refuse(request, error)

    def find_dialog(self, request: Message, flow: Flow) -> Dialog | None:
        return self._dialogs.find(request, flow)

    def find_instance(self, request: Message, cookie: Cookie) -> Target | None:
        record = self.calls.get(cookie.call_key)
        legs = None if record is None else record.sides(request)
        uri = request.request_uri
        if record is None or legs is None or not legs[1].remote_target:
            return None
        if record.hides_caller and legs[1] is record.legs[CALLER] and uri.user == HIDDEN_USER:
            request.set_request_uri(legs[1].remote_target)  # it goes there, or over the caller's flow
            return None
        if Uri(legs[1].remote_target) != uri:
            return None
        return self._targeting.of_gruu(uri, request)

    def within_dialog(self, request: InboundRequest, cookie: Cookie) -> Exchange | None:
        """``on_dialog_request`` for what is not usual within a call, or doesn't pass as it is."""
        message, key = request.message, cookie.call_key
        method = message.method
        if method in STARTS_SOMETHING and not cookie.flow_token(message):
            try:
                self._dialogs.check_target(message, key, request.core.is_ours)
            except PeerError as error:
                self._refusals.refuse(request, error)
                return None
        exchange: Exchange | None = None
        if method == "BYE":
            exchange = ByeExchange(self._services, key, message)
        else:
            self.calls.within(cookie, message)
            if method in RENEGOTIATES:
                media = self._services.media_within(message, cookie)
                exchange = DialogExchange(self._services, cookie, message, media)
        if message.has(ASSERTED, PREFERRED):
            side = CALLER if cookie.caller_to_callee(message) else CALLEE
            self._call_trunks.filter_identity(self.calls.get(key), message, side)
        if key in self._call_trunks.edited:
            return self._editing_exchange(exchange, message, cookie)
        if exchange is not None:
            return exchange
        subscription = self._call_trunks.subscriptions.of(message, key)
        return None if subscription is None else self._of_subscription(subscription, message, cookie)

    def _editing_exchange(self, exchange: Exchange | None, message: Message, cookie: Cookie) -> Exchange | None:
        """Of a request within a call over a trunk whose messages we change."""
        record = self.calls.get(cookie.call_key)
        if record is None:
            return exchange
        sender, receiver = (CALLER, CALLEE) if cookie.caller_to_callee(message) else (CALLEE, CALLER)
        trunk = self._call_trunks.towards(record, receiver)
        return EditingExchange(self.calls, exchange, message, trunk, cookie.call_key, sender)

    def _of_subscription(self, subscription: Subscription, message: Message, cookie: Cookie) -> Exchange | None:
        sender, receiver = (CALLER, CALLEE) if cookie.caller_to_callee(message) else (CALLEE, CALLER)
        trunk = self._call_trunks.towards(subscription, receiver)
        if subscription.names is None and (trunk is None or not trunk.edits):
            return None
        return EditingExchange(self.calls, None, message, trunk, side=sender, subscription=subscription)

    def acknowledge(self, request: Message, cookie: Cookie | None, proceed: Proceed) -> None:
        """``on_ack`` where it doesn't pass as it is. A body in it answers the offer of the 2xx (RFC 3261 section 13.2.2.4)."""
        if cookie is None:  # every INVITE we pass on gets our Record-Route: this one answers none of them
            proceed(403, "No Call Of Ours")
            return
        self.calls.confirmed(cookie.call_key)
        if cookie.call_key in self._call_trunks.edited:
            record = self.calls.get(cookie.call_key)
            if record is not None:
                side = CALLER if cookie.caller_to_callee(request) else CALLEE
                edit_ack(request, record, side, self._call_trunks.credentials.get((cookie.call_key, side), ()))
        glue = self._services.glue
        if glue is None or not has_sdp(request):
            proceed()
            return
        sender = self._services.sender_of(cookie, request)
        tags = Tags(request.call_id, request.from_tag or "", request.to_tag or "")
        glue.answer(request, tags, sender, proceed, reverse=True, srtp=self._services.srtp_of(cookie, request))

    # everything else

    def dispatch(self, request: InboundRequest) -> None:
        """``on_request`` where it is to be found out who calls whom."""
        message = request.message
        if message.to_tag is not None and request.cookie is None and message.method in OF_CALLS:
            raise PeerError(481, "Call Does Not Exist")  # RFC 3261 section 12.2.2
        self.route(request, self._authorizer.calling(message, request.flow.remote[0], self._timers.wall))

    def route(self, request: InboundRequest, caller: Caller) -> None:
        """A request whose sender is known; where it goes is not, or how."""
        message, trunk = request.message, caller.trunk
        hop = self._targeting.known_hop(message)
        ours = hop is not None or request.is_ours
        if trunk is None or not trunk.config.trusted:
            message.remove(ASSERTED)  # RFC 3325 section 5: only those we trust may assert one
        if (hop is None and message.request_uri.scheme == "tel") or (trunk is not None and trunk.names_numbers):
            to_contact = trunk is not None and self.tables.trunks.by_contact(message.request_uri.user or "") is trunk
            if to_contact and message.method == "OPTIONS":
                request.reply(200, None, CAPABILITIES)  # a registrar that looks whether its binding is alive
                return
            dial(message, caller, self.tables.domains.first, to_contact=to_contact)
            hop, ours = self._targeting.known_hop(message), request.is_ours
        self._send_on(request, caller, hop, ours=ours)

    def limited(self, request: InboundRequest, caller: Caller) -> NoReturn:
        """A call too many of a user, which ``route`` does not see."""
        error = self._forwarding.too_many_calls()
        self.calls.refused(request, caller, error.status)
        raise error

    def _send_on(self, request: InboundRequest, caller: Caller, hop: Hop | None, *, ours: bool) -> None:
        message = request.message
        begins_call = message.method == "INVITE" and message.to_tag is None
        try:
            if begins_call:
                self._forwarding.check_rate(request, caller)
            if hop is None:
                hop = self._targeting.hop(request, caller, message.request_uri, ours)
            self._forwarding.forward(request, caller, self._targeting.targets(request, caller, hop), hop)
        except PeerError as error:
            if begins_call:
                self.calls.refused(request, caller, error.status)
            raise
