"""One branch: from the request that leaves to the final response that comes back."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from native.sip import SEES_REQUESTS, BranchBase, Message, ParseError
from sipcore.errors import TransportError, UsageError
from sipcore.flow import Destination, Flow
from sipcore.ports import Target
from sipcore.proxy.best import Outcome
from sipcore.proxy.forward import NO_DIALOG, next_hop, push_routes, request_uri, secured
from sipcore.timers import Timer

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
    garbage collector; its context cuts what could be a cycle. The fields are the base's, and so is the way of a response that
    simply passes (native/csip/sip_proxy_response.c); what needs a decision is here.
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
    outcome: Outcome | None  # of a branch that failed
    transaction: ClientTransaction | None
    cancelling: bool
    timer_c: Timer | None
    timer_c_extended: float  # when Timer C must not fire before
    silence_timer: Timer | None
    current: Message | None  # response that the application has
    waiting: deque[Message] | None  # responses behind it

    # the request on its way out

    def start(self) -> None:
        """RFC 3261 section 16.6 items 1 to 3 and 5 to 7."""
        context = self.context
        core = context.core
        target = self.target
        received = context.request.message
        uri = target.uri
        try:
            if uri != received.request_uri_text:
                uri = request_uri(uri)
            self.request = message = received.forwarded(uri, core.settings.max_forwards, context.share)
            if target.routes:
                push_routes(message, target.routes)
            for name, value in target.headers:
                message.set(name, value)
            hop = next_hop(message) if message.has_route else message.request_uri
        except ParseError as error:
            self._warn(f"no next hop: {error.reason}")
            self.fail(502, "Bad Next Hop")
            return
        if target.flow is not None:
            self._leave(target.flow)
            return
        destinations = self.destinations
        if destinations is None:
            destinations = core.resolver.resolve(secured(hop) if target.secure else hop, self._reach)
        if destinations is not None:
            self._reach(destinations)

    def _reach(self, destinations: Sequence[Destination]) -> None:
        if self.status:  # cancelled while the name was looked up
            return
        if not destinations:
            self._warn("next hop can't be resolved")
            self.fail(502, "Next Hop Unresolvable")
            return
        self.destinations = destinations[1:] if len(destinations) > 1 else ()
        context = self.context
        try:
            flow = context.core.flows.flow_to(destinations[0], context.request.flow.listener)
        except TransportError as error:
            self._warn(str(error))
            self.fail(503, "Next Hop Unreachable")
            return
        self._leave(flow)

    def _leave(self, flow: Flow) -> None:
        """RFC 3261 section 16.6 items 4, 8 and 10."""
        if flow.closed:
            self.fail(503, "Flow Closed")
            return
        context = self.context
        core = context.core
        received = context.request
        message = self.request
        listener = flow.listener
        sips = message.is_sips or received.message.is_sips or self.target.secure
        if sips and listener.transport not in SECURE_TRANSPORTS:  # RFC 3261 section 26.2.2
            self.fail(480, "No Secure Way")
            return
        self.flow = flow
        names = core.own_names
        self.via_branch = branch = core.via_branch(
            message.call_id, received.identity, self.target.uri, received.loop_hash, self.index
        )
        via = names.via[listener.index] + branch
        if message.method in NO_DIALOG:
            message.push_via(via)
        else:
            cookie = context.cookie_for(self.target, flow)
            message.add_hop(via, *names.record_routes(message, cookie, received.flow.listener.index, listener.index))
        exchange = context.exchange
        if exchange is None:
            self._send()
        elif context.looks_on:
            if context.sees & SEES_REQUESTS:
                exchange.request_out(self, message, _proceeds_anyway)
            self._send()
        else:
            exchange.request_out(self, message, self._send)

    def _send(self, status: int = 0, reason: str = "") -> None:
        """``proceed`` of the request."""
        if self.status:  # cancelled meanwhile
            return
        if self.transaction is not None:
            raise UsageError("a request may proceed once")
        if status:
            self.fail(status, reason)
            return
        core = self.context.core
        if self.target.first_response_s is not None:
            self.silence_timer = core.timers.after(self.target.first_response_s, Branch._stayed_silent, self)
        try:
            fixed = self.target.flow is not None
            self.transaction = core.transactions.request(self.request, self.flow, self, fixed_flow=fixed)
        except UsageError:
            # a retransmission so late that our own answer is forgotten, while the branch it once led to is not
            core.count("sip_proxy_late_duplicates_total")
            self.fail(500, "Duplicate Request")

    def cancel(self, headers: Headers = ()) -> None:
        """RFC 3261 section 9.1: before a provisional response the transaction keeps the CANCEL back."""
        if self.status:
            return
        self.cancelling = True
        if self.transaction is None:
            self.fail(487, "Request Terminated")
        elif self.context.invite:
            if self.timer_c is not None:
                self.timer_c.cancel()
            self.transaction.cancel(headers)

    # responses that don't simply pass

    def without_via(self, response: Message) -> None:
        """Nobody is left to send it to (RFC 3261 section 16.7 item 3)."""
        self.context.core.count("sip_proxy_responses_without_via_total")
        if response.status >= 200:
            self.fail(502, "Bad Response")

    def failed_with(self, response: Message) -> None:
        self._end(Outcome(self, response.status, response.reason, response))

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

    def fail(self, status: int, reason: str) -> None:
        """Ends the branch without an answer from downstream."""
        if not self.status:
            self._end(Outcome(self, status, reason))

    def _end(self, outcome: Outcome) -> None:
        self.status = outcome.status
        self.outcome = outcome
        self.stop_timers()
        self.context.branch_failed(self, outcome)

    def start_timer_c(self) -> None:
        core = self.context.core
        self.timer_c = core.timers.after(core.settings.timer_c_s, Branch._timer_c_fired, self)

    def extend_timer_c(self) -> None:
        core = self.context.core
        self.timer_c_extended = core.timers.now + core.settings.timer_c_s

    def _timer_c_fired(self) -> None:
        """RFC 3261 section 16.8; a timer that was reset meanwhile runs on."""
        core = self.context.core
        left_s = self.timer_c_extended - core.timers.now
        if left_s > 0:
            self.timer_c = core.timers.after(left_s, Branch._timer_c_fired, self)
            return
        self.timer_c = None
        core.count("sip_proxy_timer_c_total")
        self._warn("no final response before Timer C")
        self.cancel()

    def _stayed_silent(self) -> None:
        """No response at all in ``first_response_s``: whatever comes later is too late, save a 2xx."""
        self.silence_timer = None
        if self.transaction is not None and self.context.invite:
            self.transaction.give_up()
        self.fail(408, "Request Timeout")

    # responses that the application may hold back; they stay in order

    def offer(self, response: Message) -> None:
        if self.current is None:
            self._show(response)
        else:
            self._enqueue(response)

    def _enqueue(self, response: Message) -> None:
        if self.waiting is None:
            self.waiting = deque()
        if len(self.waiting) >= (MAX_WAITING if response.status < 200 else 2 * MAX_WAITING):
            self.context.core.count("sip_proxy_responses_dropped_total")  # a final one will be repeated
            return
        self.waiting.append(response)

    def _show(self, response: Message) -> None:
        self.current = response
        exchange = self.context.exchange
        assert exchange is not None
        exchange.response_in(self, response, partial(self._let_through, response))

    def _let_through(self, response: Message, status: int = 0, reason: str = "") -> None:
        """``proceed`` of a response."""
        if response is not self.current:
            raise UsageError("a response may proceed once")
        self.current = None
        if status:
            self.context.refuse(status, reason)
        else:
            self.context.forward(response)
        if self.waiting and self.current is None:
            self._show(self.waiting.popleft())

    def _warn(self, what: str) -> None:
        log.warning("%s: %s", self.target.uri, what, extra={"call_id": self.context.request.message.call_id})


def same_place(branch: Branch) -> list[Destination]:
    """Destinations of a branch that goes where ``branch`` went, and on from there as that would have."""
    flow, request = branch.flow, branch.request
    hop = request.routes[0].uri if request.has_route else request.request_uri
    return [Destination(flow.listener.transport, *flow.remote, name=hop.host), *(branch.destinations or ())]


def _proceeds_anyway(status: int = 0, reason: str = "") -> None:
    """``proceed`` for an exchange that looks on."""
