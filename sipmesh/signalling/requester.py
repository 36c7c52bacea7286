"""Requests of our own: OPTIONS that probe a trunk, BYE that ends a call."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from native.sip import Message, Uri
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, FlowTable
from sipcore.ports import Resolver
from sipcore.proxy.forward import via_start
from sipcore.transaction import ClientTransaction, TransactionLayer

Done = Callable[[int], None]
"""Told the final status once: 408 for none in time, 503 when it could not be sent."""

TIMEOUT = 408  # RFC 3261 section 8.1.3.1
UNREACHABLE = 503


class Requester:
    """Sends requests outside the proxy core; never INVITE."""

    def __init__(self, transactions: TransactionLayer, flows: FlowTable, resolver: Resolver) -> None:
        self._transactions = transactions
        self._flows = flows
        self._resolver = resolver

    def send(
        self, method: str, uri: str, headers: list[tuple[str, str]], done: Done, next_hop: str = "", flow: Flow | None = None
    ) -> None:
        """``headers`` without Via and Max-Forwards. Goes over ``flow``, else to the URI ``next_hop``, else to ``uri``."""
        attempt = _Attempt(self, method, uri, headers, done)
        if flow is not None:
            attempt.send(flow)
        else:
            self._resolver.resolve(Uri(next_hop or uri), attempt.resolved)

    def flow_to(self, destination: Destination) -> Flow:
        return self._flows.flow_to(destination)

    def start(self, message: Message, flow: Flow, owner: _Attempt) -> None:
        self._transactions.request(message, flow, owner)


class _Attempt:
    """One request on its way over its destinations; the ClientUser of its transactions."""

    __slots__ = ("_destinations", "_done", "_headers", "_method", "_requester", "_uri")

    def __init__(self, requester: Requester, method: str, uri: str, headers: list[tuple[str, str]], done: Done) -> None:
        self._requester = requester
        self._method = method
        self._uri = uri
        self._headers = headers
        self._done: Done | None = done
        self._destinations: list[Destination] = []

    def resolved(self, destinations: list[Destination]) -> None:
        self._destinations = list(destinations)
        self._next()

    def send(self, flow: Flow) -> None:
        via = f"{via_start(flow.listener)}z9hG4bK{secrets.token_hex(8)}"
        headers = [("Via", via), ("Max-Forwards", "70"), *self._headers]
        self._requester.start(Message.request(self._method, self._uri, headers), flow, self)

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
        if response.status >= 200:
            self._finish(response.status)

    def on_timeout(self, transaction: ClientTransaction) -> None:
        self._finish(TIMEOUT)

    def on_transport_error(self, transaction: ClientTransaction) -> None:
        self._next()

    def _finish(self, status: int) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(status)
