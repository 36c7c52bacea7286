"""ACK for a 2xx: forwarded without a transaction, once, and never answered (RFC 3261 sections 13.2.2.4 and 16.11)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from native.sip import IN_DIALOG, Message, ParseError
from sipcore.errors import PeerError, TransportError
from sipcore.flow import Destination, Flow
from sipcore.ports import Target
from sipcore.proxy.checks import check_request
from sipcore.proxy.cookie import Cookie, flow_of_token
from sipcore.proxy.forward import next_hop, push_routes, request_uri
from sipcore.proxy.routing import DIRECTED, preprocess_routes
from sipcore.proxy.via_branch import stateless_branch

if TYPE_CHECKING:
    from sipcore.proxy.core import ProxyCore


class AckForwarder:
    """Takes the way of the dialog: the flow in the cookie, the Route that is left, or the Request-URI."""

    __slots__ = ("_core",)

    def __init__(self, core: ProxyCore) -> None:
        self._core = core

    def forward(self, request: Message, flow: Flow) -> None:
        core = self._core
        try:
            traits = check_request(request, core.settings.supported)
            branch = stateless_branch(core.branch_prefix, request.identity, request.call_id)
            cookie = preprocess_routes(request, traits, flow.listener, core) if traits & DIRECTED else None
            if cookie is None and traits & IN_DIALOG:
                cookie = core.find_dialog(request, flow)
        except ParseError:
            self._drop("malformed")
            return
        except PeerError as error:
            self._drop(str(error.status))
            return
        core.app.on_ack(request, cookie, partial(self._proceed, request, cookie, branch, flow))

    def _proceed(
        self, request: Message, cookie: Cookie | None, branch: str, flow: Flow, status: int = 0, reason: str = ""
    ) -> None:
        core = self._core
        if status:
            self._drop("policy")
            return
        target = core.instance_target(request, cookie) if cookie is not None else None
        if target is not None:
            self._to_instance(request, branch, flow, target)
            return
        token = cookie.flow_token(request) if cookie is not None else ""
        routed = request.has_route
        if not token and not routed and core.is_ours(request.request_uri):
            self._drop("own uri")
            return
        try:
            request.count_hop(core.settings.max_forwards, core.settings.max_breadth)
            hop = next_hop(request) if routed else request.request_uri
        except ParseError:
            self._drop("malformed")
            return
        if token:
            self._leave(request, branch, flow_of_token(core.flows, token))
            return
        destinations = core.resolver.resolve(hop, partial(self._resolved, request, branch, flow))
        if destinations is not None:
            self._resolved(request, branch, flow, destinations)

    def _to_instance(self, request: Message, branch: str, flow: Flow, target: Target) -> None:
        core = self._core
        try:
            request.count_hop(core.settings.max_forwards, core.settings.max_breadth)
            request.set_request_uri(request_uri(target.uri))
            push_routes(request, target.routes)
            hop = next_hop(request)
        except ParseError:
            self._drop("malformed")
            return
        if target.flow is not None:
            self._leave(request, branch, target.flow)
            return
        destinations = core.resolver.resolve(hop, partial(self._resolved, request, branch, flow))
        if destinations is not None:
            self._resolved(request, branch, flow, destinations)

    def _resolved(self, request: Message, branch: str, flow: Flow, destinations: list[Destination]) -> None:
        if not destinations:
            self._drop("unresolvable")
            return
        try:
            out = self._core.flows.flow_to(destinations[0], flow.listener)
        except TransportError:
            self._drop("unreachable")
            return
        self._leave(request, branch, out)

    def _leave(self, request: Message, branch: str, flow: Flow | None) -> None:
        if flow is None:
            self._drop("flow gone")
            return
        request.push_via(self._core.own_names.via[flow.listener.index] + branch)
        flow.send(request.to_bytes(stream=flow.reliable))

    def _drop(self, why: str) -> None:
        self._core.count(f"sip_proxy_acks_dropped_total|why={why}")
