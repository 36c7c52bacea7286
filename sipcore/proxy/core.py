"""The proxy core: what happens to a request between its server transaction and its branches (RFC 3261 section 16)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from native.sip import HAS_BREADTH, IN_DIALOG, SEVERAL_VIAS, CoreBase, Message, ParseError, Uri
from sipcore.errors import PeerError
from sipcore.flow import Flow, FlowTable
from sipcore.keys import KeyRing
from sipcore.ports import Application, Counters, Resolver, Target
from sipcore.proxy.ack import AckForwarder
from sipcore.proxy.checks import breadth_allowed, check_request
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.proxy.cookie import Cookie, flow_of_token
from sipcore.proxy.forward import NO_DIALOG, OwnNames, push_routes, request_uri
from sipcore.proxy.inbound import InboundRequest
from sipcore.proxy.loop import has_looped
from sipcore.proxy.routing import DIRECTED, preprocess_routes
from sipcore.proxy.via_branch import branch_prefix
from sipcore.timers import Timers

if TYPE_CHECKING:
    from sipcore.transaction import ServerTransaction, TransactionLayer

GRUU_MARK = ";gr"  # in the text of a URI that may be one

__all__ = ["InboundRequest", "ProxyCore", "ProxySettings"]

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, REFER, MESSAGE, INFO, UPDATE, PRACK, PUBLISH"


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """``address_id`` names our service address in Via branches, so that a response finds its owner."""

    address_id: str = "0"  # characters of a token, no "."
    timer_c_s: float = 185.0  # RFC 3261 section 16.6 item 11: more than three minutes
    max_breadth: int = 60  # RFC 5393 section 5.3.3
    max_forwards: int = 70  # RFC 3261 section 16.6 item 3
    supported: frozenset[str] = frozenset()  # option-tags of Proxy-Require that are understood, lower case


class ProxyCore(CoreBase):
    """The transaction user of a proxy. ``attach`` its transaction layer before the first message."""

    transactions: TransactionLayer

    def __init__(
        self,
        settings: ProxySettings,
        app: Application,
        flows: FlowTable,
        resolver: Resolver,
        timers: Timers,
        branch_keys: KeyRing,
        cookie_keys: KeyRing,
        counters: Counters,
    ) -> None:
        self.settings = settings
        self.max_forwards = settings.max_forwards
        self.max_breadth = settings.max_breadth
        self.app = app
        self.flows = flows
        self.resolver = resolver
        self.timers = timers
        self.branch_keys = branch_keys
        self.tags = branch_keys.current  # of our own responses
        self.cookie_keys = cookie_keys
        self.counters = counters
        self.branch_prefix = branch_prefix(settings.address_id)
        self.branch_mac, self.branch_key_id = branch_keys.current, branch_keys.id
        self.read_cookie: Callable[[str, Message], Cookie | None] = partial(Cookie.read, cookie_keys)
        self.own_names = OwnNames(flows.listeners)
        self.vias, self.record_routes = self.own_names.via, self.own_names.record_route
        self.no_dialog = NO_DIALOG
        self.context_class, self.branch_class = ResponseContext, Branch
        self._acks = AckForwarder(self)
        self._ports = frozenset(port for listener in flows.listeners for port in (listener.port, listener.advertised_port))

    def attach(self, transactions: TransactionLayer) -> None:
        """The layer that requests leave by; its user is this core."""
        self.transactions = transactions

    def is_ours(self, uri: Uri) -> bool:
        """Whether ``uri`` names us: one of our listeners, or a domain of ours on the default port or a port of a listener."""
        if uri.scheme not in ("sip", "sips"):
            return False
        host, port = uri.host, uri.port
        if not uri.host_is_ip and (port is None or port in self._ports) and self.app.is_our_domain(host):
            return True
        return self.flows.is_local(host, port, uri.transport)

    def find_dialog(self, request: Message, flow: Flow) -> Cookie | None:
        """For a request with a To tag and no valid cookie: if the application knows its dialog, a cookie such as it should have
        brought. The request then leads where the dialog does, whatever it said itself."""
        dialog = self.app.find_dialog(request, flow)
        if dialog is None:
            return None
        request.set_request_uri(request_uri(dialog.target))
        request.remove("Route")
        push_routes(request, dialog.routes)
        flows = (dialog.caller_flow, dialog.callee_flow)
        return Cookie.issue(self.cookie_keys, request, dialog.call_key, *flows, dialog.caller_tag)

    def count(self, name: str) -> None:
        self.counters[name] += 1

    # TransactionUser

    def on_request(self, transaction: ServerTransaction) -> None:
        message = transaction.request
        request = InboundRequest(self, transaction, message, transaction.flow)
        if message.method == "INVITE":  # a CANCEL may name it
            transaction.owner = request
        try:
            cookie = self._admit(request)
        except ParseError as error:
            self._refuse(request, error.status, error.reason if error.status == 400 else None)
        except PeerError as error:
            if error.status == 483 and self._answers_options(message):
                request.reply(200, None, (("Allow", ALLOWED),))
            else:
                self._refuse(request, error.status, error.reason, error.headers)
        else:
            if cookie is None:
                self.app.on_request(request)
            else:
                self._continue_dialog(request, cookie)

    def on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None:
        """RFC 3261 section 16.10. A CANCEL for a transaction we don't know can't have a context anywhere else: 481."""
        message = cancel.request
        if invite is None:
            self.count("sip_proxy_cancels_unmatched_total")
            cancel.answer(481, message.answer(self.tags, 481, None, (), b""))
            return
        headers = tuple(("Reason", value) for value in message.get_all("Reason"))  # RFC 3326 section 2
        cancel.answer(200, message.answer(self.tags, 200, None, (), b""))
        request = invite.owner
        if isinstance(request, InboundRequest):  # not when the INVITE has its final response (section 9.2)
            request.cancel(headers)

    def on_ack(self, request: Message, flow: Flow) -> None:
        self._acks.forward(request, flow)

    def on_stray_response(self, response: Message, flow: Flow) -> None:
        """Dropped (RFC 6026 section 7.3, RFC 4320 section 4.2)."""
        self.count("sip_proxy_stray_responses_total")

    # requests

    def _admit(self, request: InboundRequest) -> Cookie | None:
        """RFC 3261 sections 16.3 and 16.4; the cookie of a request that belongs to a dialog of ours."""
        message = request.message
        settings = self.settings
        traits = check_request(message, settings.supported)
        request.identity = message.identity
        request.breadth = breadth_allowed(message, settings.max_breadth) if traits & HAS_BREADTH else settings.max_breadth
        received = message.loop_hash  # before anything is edited
        cookie = preprocess_routes(message, traits, request.flow.listener, self) if traits & DIRECTED else None
        if cookie is None and traits & IN_DIALOG:
            cookie = self.find_dialog(message, request.flow)
        if cookie is None:
            # what belongs to a dialog goes one way and can't multiply (RFC 5393 section 4.1); coming back, it has no cookie
            request.loop_hash = loop = str(received)
            passed_us = traits & SEVERAL_VIAS or request.transaction.key.startswith(self.branch_prefix)
            if passed_us and has_looped(message, self.flows, self.branch_prefix, loop):
                raise PeerError(482, "Loop Detected")
        return cookie

    def _answers_options(self, message: Message) -> bool:
        """RFC 3261 section 16.3 item 3: an OPTIONS that may go no further is for us if it names us and no user."""
        uri = message.request_uri
        return message.method == "OPTIONS" and uri.user is None and self.is_ours(uri)

    def _continue_dialog(self, request: InboundRequest, cookie: Cookie) -> None:
        """Forwards by Route, Request-URI or the flow of a side behind NAT, without policy."""
        message = request.message
        request.cookie = cookie
        target = self.instance_target(message, cookie)
        if target is not None:
            self._forward(request, cookie, target)
            return
        token = cookie.flow_token(message)
        flow = None
        if token:
            flow = flow_of_token(self.flows, token)
            if flow is None:
                self._refuse(request, 430, "Flow Failed")  # RFC 5626 section 5.3
                return
        elif not message.has_route and self.is_ours(message.request_uri):
            self._serve_own_uri(request)
            return
        self._forward(request, cookie, Target(message.request_uri_text, flow=flow))

    def _forward(self, request: InboundRequest, cookie: Cookie, target: Target) -> None:
        exchange = self.app.on_dialog_request(request, cookie)
        if not request.status:
            request.proxy([target], exchange)

    def instance_target(self, message: Message, cookie: Cookie) -> Target | None:
        """Of a request within a dialog whose Request-URI is a GRUU of ours, with no Route left."""
        if GRUU_MARK not in message.request_uri_text or message.has_route or not self.is_ours(message.request_uri):
            return None
        return self.app.find_instance(message, cookie)

    def _serve_own_uri(self, request: InboundRequest) -> None:
        """A request of a dialog for one of our users, or, without a user, for the proxy, which has no dialogs."""
        if request.message.request_uri.user is None:
            self._refuse(request, 404, "No Dialog Here")
        else:
            self.app.on_request(request)

    def _refuse(
        self, request: InboundRequest, status: int, reason: str | None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self.count(f"sip_proxy_refused_total|status={status}")
        if status == 400:
            headers = (*headers, ("Warning", f'399 {request.listener.sent_by} "{reason}"'))
            reason = "Bad Request"
        request.reply(status, reason, headers)
