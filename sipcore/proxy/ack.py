"""ACK for a 2xx: forwarded without a transaction, once, and never answered (RFC 3261 sections 13.2.2.4 and 16.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import AckBase, Message, ParseError, Uri
from sipcore.errors import TransportError
from sipcore.ports import Target
from sipcore.proxy.forward import next_hop, push_routes, request_uri

if TYPE_CHECKING:
    from sipcore.proxy.core import ProxyCore


class Ack(AckBase):
    """One ACK, which the application lets go on by calling it: ``sipcore.ports.Proceed``.

    It takes the way of the dialog: the flow in the cookie, the Route that is left, or the Request-URI. Its base goes the plain
    one (native/csip/sip_proxy_ack.c); here is what is rare.
    """

    __slots__ = ()

    core: ProxyCore
    request: Message

    def next_hop(self) -> Uri:
        """Of an ACK with Routes left."""
        return next_hop(self.request)

    def to_instance(self, target: Target) -> None:
        """The Request-URI was a GRUU of ours."""
        core, request = self.core, self.request
        try:
            request.count_hop(core.settings.max_forwards, core.settings.max_breadth)
            request.set_request_uri(request_uri(target.uri))
            push_routes(request, target.routes)
            hop = next_hop(request)
        except ParseError as error:
            self.malformed(error)
            return
        if target.flow is not None:
            self.leave(target.flow)
            return
        destinations = core.resolver.resolve(hop, self.reach)
        if destinations is not None:
            self.reach(destinations)

    def malformed(self, error: Exception) -> None:
        if not isinstance(error, ParseError):
            raise error
        self.drop("malformed")

    def unreachable(self, error: Exception) -> None:
        if not isinstance(error, TransportError):
            raise error
        self.drop("unreachable")

    def drop(self, why: str) -> None:
        self.core.count(f"sip_proxy_acks_dropped_total|why={why}")
