"""Requests of our own: OPTIONS that probe a trunk, REGISTER at a carrier, BYE that ends a call."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from native.sip import Message, Uri
from sipcore.digest_client import DigestClient
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, FlowTable, Listener
from sipcore.ports import Resolver
from sipcore.proxy.forward import via_start
from sipcore.transaction import ClientTransaction, TransactionLayer

log = logging.getLogger(__name__)

Done = Callable[[int, Message | None], None]
"""Told once how it ended: the final response and its status; without response 408 for none in time, 503 when it could not be
sent."""
ContactOf = Callable[[Listener], str]
"""Value of the Contact of a request that leaves by a listener."""

CHALLENGES = (401, 407)
TIMEOUT = 408  # RFC 3261 section 8.1.3.1
UNREACHABLE = 503


class Requester:
    """Sends requests outside the proxy core; never INVITE."""

    def __init__(
        self,
        transactions: TransactionLayer,
        flows: FlowTable,
        resolver: Resolver,
        owns: Callable[[str], bool] = lambda call_id: True,
    ) -> None:
        """``owns``: whether answers in a call, by its Call-ID, come to this worker."""
        self._transactions = transactions
        self._flows = flows
        self._resolver = resolver
        self._owns = owns

    def new_call_id(self) -> str:
        while not self._owns(call_id := secrets.token_hex(12)):
            pass
        return call_id

    def send(
        self,
        method: str,
        uri: str,
        headers: list[tuple[str, str]],
        done: Done,
        next_hop: str = "",
        flow: Flow | None = None,
        digest: DigestClient | None = None,
        contact: ContactOf | None = None,
    ) -> None:
        """``headers`` without Via and Max-Forwards. Goes over ``flow``, else to the URI ``next_hop``, else to ``uri``.
        Challenges are answered by ``digest``, each with the next CSeq."""
        attempt = _Attempt(self, method, uri, headers, done, digest, contact)
        if flow is not None:
            attempt.send(flow)
        else:
            destinations = self._resolver.resolve(Uri(next_hop or uri), attempt.resolved)
            if destinations is not None:
                attempt.resolved(destinations)

    def flow_to(self, destination: Destination) -> Flow:
        return self._flows.flow_to(destination)

    def start(self, message: Message, flow: Flow, owner: _Attempt) -> None:
        self._transactions.request(message, flow, owner)


class _Attempt:
    """One request on its way over its destinations; the ClientUser of its transactions."""

    __slots__ = (
        "_answered",
        "_contact",
        "_destinations",
        "_digest",
        "_done",
        "_headers",
        "_message",
        "_method",
        "_requester",
        "_uri",
    )

    def __init__(
        self,
        requester: Requester,
        method: str,
        uri: str,
        headers: list[tuple[str, str]],
        done: Done,
        digest: DigestClient | None,
        contact: ContactOf | None,
    ) -> None:
        self._requester = requester
        self._method = method
        self._uri = uri
        self._headers = headers
        self._done: Done | None = done
        self._digest = digest
        self._contact = contact
        self._answered = 0  # challenges
        self._message: Message | None = None  # as sent last
        self._destinations: list[Destination] = []

    def resolved(self, destinations: list[Destination]) -> None:
        self._destinations = list(destinations)
        self._next()

    def send(self, flow: Flow) -> None:
        via = f"{via_start(flow.listener)}z9hG4bK{secrets.token_hex(8)}"
        headers = [("Via", via), ("Max-Forwards", "70"), *self._headers]
        if self._contact is not None:
            headers.append(("Contact", self._contact(flow.listener)))
        if self._digest is not None:
            headers += self._digest.credentials(self._method, self._uri)
        try:
            self._message = message = Message.request(self._method, self._uri, headers)
        except ValueError as error:  # a quoted NUL of a peer's, say, can't be written anew
            log.warning("no %s to %s: %s", self._method, self._uri, error)
            self._finish(UNREACHABLE)
            return
        if self._answered:
            message.set("CSeq", f"{message.cseq + self._answered} {self._method}")
        self._requester.start(message, flow, self)

    def _next(self) -> None:
        while self._destinations:
            try:
                flow = self._requester.flow_to(self._destinations.pop(0))
            except TransportError:
                continue
            self.send(flow)
            return
        self._finish(UNREACHABLE)

    def on_response(self, transaction: ClientTransaction, response: Message) -> None:
        if response.status < 200:
            return
        if response.status in CHALLENGES and self._answers(response):
            self._answered += 1
            self.send(transaction.flow)
            return
        self._finish(response.status, response)

    def _answers(self, response: Message) -> bool:
        digest, message = self._digest, self._message
        return digest is not None and message is not None and digest.challenged(message, response, self._answered)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self._finish(TIMEOUT)

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        self._next()

    def _finish(self, status: int, response: Message | None = None) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status, response)
