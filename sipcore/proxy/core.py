"""The proxy core: what happens to a request between its server transaction and its branches (RFC 3261 section 16)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from native.sip import CoreBase, Message, ParseError
from sipcore.errors import PeerError
from sipcore.flow import Flow, FlowTable
from sipcore.keys import KeyRing
from sipcore.ports import Application, Counters, Resolver, Target
from sipcore.proxy.ack import Ack
from sipcore.proxy.checks import apply_rules, breadth_allowed
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.proxy.cookie import Cookie, issue_cookie
from sipcore.proxy.forward import NO_DIALOG, OwnNames, push_routes, request_uri
from sipcore.proxy.inbound import InboundRequest
from sipcore.proxy.loop import has_looped
from sipcore.proxy.routing import pop_own_routes, preprocess_routes
from sipcore.proxy.via_branch import branch_prefix
from sipcore.quiet_log import QuietLog
from sipcore.timers import Timers

if TYPE_CHECKING:
    from sipcore.transaction import ServerTransaction, TransactionLayer

__all__ = ["InboundRequest", "ProxyCore", "ProxySettings"]

log = logging.getLogger(__name__)

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

    # no __dict__, so that C calls the methods of the base as what they are
    __slots__ = ("_quiet", "branch_keys", "counters", "own_names", "read_cookie", "settings", "tags")

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
        self.timer_c_s = settings.timer_c_s
        self.app = app
        self.flows = flows
        self.resolver = resolver
        self.timers = timers
        self.branch_keys = branch_keys
        self.tags = branch_keys.current  # of our own responses
        self.cookie_keys = cookie_keys
        self.counters = counters
        self._quiet = QuietLog(log)
        self.branch_prefix = branch_prefix(settings.address_id)
        self.branch_mac, self.branch_key_id = branch_keys.current, branch_keys.id
        self.read_cookie: Callable[[str, Message], Cookie | None] = partial(Cookie.read, cookie_keys)
        self.own_names = OwnNames(flows.listeners)
        self.vias, self.record_routes = self.own_names.via, self.own_names.record_route
        self.no_dialog = NO_DIALOG
        self.inbound_class, self.context_class, self.branch_class = InboundRequest, ResponseContext, Branch
        self.target_class, self.ack_class = Target, Ack
        self.ports = frozenset(port for listener in flows.listeners for port in (listener.port, listener.advertised_port))

    def attach(self, transactions: TransactionLayer) -> None:
        """The layer that requests leave by; its user is this core."""
        self.transactions = transactions

    # ``is_ours`` is the base's: whether a URI names a listener of ours, or a domain of ours on the default port or a listener's

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
        return issue_cookie(self.cookie_keys, request, dialog.call_key, *flows, dialog.caller_tag)

    def count(self, name: str) -> None:
        self.counters[name] += 1

    def report(self, what: str) -> None:
        """An error of ours in the midst of ``what``, in the place of an except block."""
        self.count("sip_internal_errors_total")
        self._quiet.exception(f"internal error while handling {what}", self.timers.now)

    # TransactionUser

    # ``on_request``, ``on_ack`` and ``on_cancel`` are the base's (native/csip/sip_proxy_admit.c, sip_proxy_ack.c,
    # sip_proxy_cancelled.c)

    def cancel_unmatched(self, cancel: ServerTransaction) -> None:
        """RFC 3261 section 16.10. A CANCEL for a transaction we don't know can't have a context anywhere else: 481."""
        self.count("sip_proxy_cancels_unmatched_total")
        cancel.answer(481, cancel.request.answer(self.tags, 481, None, (), b""))

    def on_stray_response(self, response: Message, flow: Flow) -> None:
        """Dropped (RFC 6026 section 7.3, RFC 4320 section 4.2)."""
        self.count("sip_proxy_stray_responses_total")

    # what the base asks about requests

    def apply_rules(self, message: Message, traits: int) -> None:
        apply_rules(message, traits, self.settings.supported)

    def breadth_of(self, message: Message) -> int:
        return breadth_allowed(message, self.settings.max_breadth)

    def preprocess(self, message: Message, flow: Flow) -> Cookie | None:
        return preprocess_routes(message, flow.listener, self)

    def pop_rest(self, message: Message, cookie: Cookie) -> None:
        """Routes behind those with our cookie may be ours too."""
        pop_own_routes(message, cookie, self)

    def refuse_loop(self, request: InboundRequest) -> None:
        if has_looped(request.message, self.flows, self.branch_prefix, request.loop_hash):
            raise PeerError(482, "Loop Detected")

    def not_admitted(self, request: InboundRequest, error: Exception) -> None:
        if isinstance(error, ParseError):
            self._refuse(request, error.status, error.reason if error.status == 400 else None)
        elif not isinstance(error, PeerError):
            raise error
        elif error.status == 483 and self._answers_options(request.message):
            request.reply(200, None, (("Allow", ALLOWED),))
        elif error.status == 483 and request.message.method == "REGISTER" and request.is_ours:
            self.app.on_request(request)  # it goes no further: we are its registrar (RFC 3261 section 10.3)
        else:
            self._refuse(request, error.status, error.reason, error.headers)

    def ack_refused(self, error: Exception) -> None:
        if not isinstance(error, (ParseError, PeerError)):
            raise error
        why = "malformed" if isinstance(error, ParseError) else str(error.status)
        self.count(f"sip_proxy_acks_dropped_total|why={why}")

    def flow_gone(self, request: InboundRequest) -> None:
        self._refuse(request, 430, "Flow Failed")  # RFC 5626 section 5.3

    def _answers_options(self, message: Message) -> bool:
        """RFC 3261 section 16.3 item 3: an OPTIONS that may go no further is for us if it names us and no user."""
        uri = message.request_uri
        return message.method == "OPTIONS" and uri.user is None and self.is_ours(uri)

    def instance_target(self, message: Message, cookie: Cookie) -> Target | None:
        """Of a request within a dialog with no Route left, whose Request-URI looks like a GRUU: when it is one of ours."""
        if not self.is_ours(message.request_uri):
            return None
        return self.app.find_instance(message, cookie)

    def serve_own_uri(self, request: InboundRequest) -> None:
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
