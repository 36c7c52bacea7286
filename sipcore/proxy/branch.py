"""One branch: from the request that leaves to the final response that comes back."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from native.sip import BranchBase, Message, ParseError, Uri
from sipcore.errors import TransportError, UsageError
from sipcore.flow import Destination, Flow
from sipcore.ports import Target
from sipcore.proxy.forward import next_hop, push_routes, request_uri, secured

if TYPE_CHECKING:
    from sipcore.proxy.context import ResponseContext
    from sipcore.transaction import ClientTransaction

log = logging.getLogger(__name__)

MAX_WAITING = 16  # responses that wait for the application to let an earlier one through
SECURE_TRANSPORTS = frozenset({"tls", "wss"})

Headers = tuple[tuple[str, str], ...]


class Branch(BranchBase):
    """One attempt at one destination of one target: one client transaction, one Via branch.

    A target that fails over to its next destination goes on as a new Branch (RFC 3261 section 16.6 item 7). Not walked by the
    garbage collector; its context cuts what could be a cycle. The fields are the base's, and so is the way of most responses
    (native/csip/sip_proxy_response.c), ``fail`` and ``cancel``; what needs a decision is here.
    """

    __slots__ = ()

    context: ResponseContext
    target: Target
    index: int  # in the order they were started
    request: Message  # as it leaves; gone once the request is over
    destinations: Sequence[Destination] | None  # left to try, this branch's own first; None: not yet resolved
    via_branch: str  # of our Via; set before ``request_out``
    flow: Flow  # it leaves over; set before ``request_out``
    status: int  # final (408 timeout, 503 transport error, 487 cancelled)
    answer: Message | None  # that it failed with; None when it was for a reason of our own
    reason: str
    transaction: ClientTransaction | None
    cancelling: bool
    current: Message | None  # response that the application has
    waiting: deque[Message] | None  # responses behind it

    # the request on its way out, where it is not the plain one (native/csip/sip_proxy_send.c)

    def request_uri(self, uri: str) -> str:
        """Of a target whose URI has what a Request-URI may not have."""
        return request_uri(uri)

    def add_headers(self) -> None:
        """What the target adds to the request."""
        push_routes(self.request, self.target.routes)
        for name, value in self.target.headers:
            self.request.set(name, value)

    def find_hop(self) -> Uri:
        """The URI to resolve, when there is a Route or the target is to be reached over TLS only."""
        message = self.request
        hop = next_hop(message) if message.has_route else message.request_uri
        return secured(hop) if self.target.secure else hop

    def is_secure_way(self, flow: Flow) -> bool:
        """Whether a request for a sips URI may leave by ``flow`` (RFC 3261 section 26.2.2)."""
        return flow.listener.transport in SECURE_TRANSPORTS

    def record_sips(self, cookie: str) -> None:
        """Record-Route of a request that may lead to a sips URI."""
        context = self.context
        names, message = context.core.own_names, self.request
        for value in names.record_routes(message, cookie, context.request.flow.listener.index, self.flow.listener.index):
            message.push_record_route(value)

    def unresolvable(self) -> None:
        self._warn("next hop can't be resolved")
        self.fail(502, "Next Hop Unresolvable")

    def not_started(self, error: Exception) -> None:
        """A URI that can't be read, or nothing that leads to the next hop."""
        if isinstance(error, ParseError):
            self._warn(f"no next hop: {error.reason}")
            self.fail(502, "Bad Next Hop")
        elif isinstance(error, TransportError):
            self._warn(str(error))
            self.fail(503, "Next Hop Unreachable")
        else:
            raise error

    def proceeded_twice(self) -> None:
        """The application let a message go that had gone."""
        raise UsageError("a message may proceed once")

    def not_sent(self, error: Exception) -> None:
        """A retransmission so late that our own answer is forgotten, while the branch it once led to is not."""
        if not isinstance(error, UsageError):
            raise error
        self.context.core.count("sip_proxy_late_duplicates_total")
        self.fail(500, "Duplicate Request")

    # responses that don't simply pass

    def without_via(self, response: Message) -> None:
        """Nobody is left to send it to (RFC 3261 section 16.7 item 3)."""
        self.context.core.count("sip_proxy_responses_without_via_total")
        if response.status >= 200:
            self.fail(502, "Bad Response")

    def malformed(self, response: Message) -> None:
        """It says what nobody can read where it had to be read: a provisional one is passed over."""
        self.context.core.count("sip_proxy_responses_malformed_total")
        if self.current is response:
            self.current = None
        if response.status < 200:
            return
        if self.status:
            self.context.give_up(502, "Bad Response")
        else:
            self.fail(502, "Bad Response")

    def unwanted(self, response: Message) -> None:
        """A provisional one to another request than INVITE (RFC 4320 section 4.1)."""
        self.context.core.count("sip_proxy_provisionals_to_non_invite_total")

    # ClientUser

    def on_timeout(self, transaction: ClientTransaction) -> None:
        if self.cancelling and transaction.last_status:
            self.fail(487, "Request Terminated")  # RFC 3261 section 9.1: no answer to CANCEL counts as cancelled
        else:
            self.fail(408, "Request Timeout")

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        self.fail(503, "Service Unavailable")

    def timer_c_fired(self) -> None:
        """RFC 3261 section 16.8."""
        self.context.core.count("sip_proxy_timer_c_total")
        self._warn("no final response before Timer C")
        self.cancel()

    def stayed_silent(self) -> None:
        """No response at all in ``first_response_s``: whatever comes later is too late, save a 2xx."""
        if self.transaction is not None and self.context.invite:
            self.transaction.give_up()
        self.fail(408, "Request Timeout")

    def broke(self, what: str) -> None:
        """In the place of an except block: an error of ours in the midst of ``what``, in a hook of the application or for want
        of memory. The branch fails, and where it had ended, the request: nobody is to wait for ever."""
        context, transaction = self.context, self.transaction
        context.core.report(what)
        self.current = self.waiting = None
        if self.status:
            context.give_up(500, "Server Internal Error")
        else:
            self.fail(500, "Server Internal Error")
        if context.invite and transaction is not None:
            transaction.cancel()

    def enqueue(self, response: Message) -> None:
        """Behind the one that the application holds back; they stay in order (native/csip/sip_proxy_hold.c)."""
        if self.waiting is None:
            self.waiting = deque()
        if len(self.waiting) >= (MAX_WAITING if response.status < 200 else 2 * MAX_WAITING):
            self.context.core.count("sip_proxy_responses_dropped_total")  # a final one will be repeated
            return
        self.waiting.append(response)

    def _warn(self, what: str) -> None:
        log.warning("%s: %s", self.target.uri, what, extra={"call_id": self.context.request.message.call_id})


def same_place(branch: Branch) -> list[Destination]:
    """Destinations of a branch that goes where ``branch`` went, and on from there as that would have."""
    flow, request = branch.flow, branch.request
    hop = request.routes[0].uri if request.has_route else request.request_uri
    return [Destination(flow.listener.transport, *flow.remote, name=hop.host), *(branch.destinations or ())]
