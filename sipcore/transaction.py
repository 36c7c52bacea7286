"""The transaction layer: finds the transaction of each message, and starts new ones (RFC 3261 section 17, RFC 6026)."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import NoReturn

from native.sip import Address, Message, TransactionLayerBase, crc_slot
from sipcore import client_transaction, server_transaction
from sipcore.client_transaction import ClientTransaction
from sipcore.errors import TransportError, UsageError
from sipcore.flow import Destination, Flow, FlowTable
from sipcore.ports import TransactionUser
from sipcore.server_transaction import ServerTransaction
from sipcore.transaction_settings import TransactionSettings

__all__ = ["ClientTransaction", "ServerTransaction", "TransactionLayer", "TransactionSettings"]


# method and branch: the top Via of a request that we send is in its second line
REQUEST_SENT = re.compile(rb"([!-~]{1,64}) [!-~]+ SIP/2\.0\r\nVia:[^\r\n]*?;branch=([^;,\s]+)[;,\r]")


class TransactionLayer(TransactionLayerBase):
    """Between the transports and ``user`` (which may be set later, but before the first message).

    Messages handed to it have a readable top Via, and a readable CSeq if they are responses. What most messages need is in C
    (``receive_request``, ``receive_response``, ``request``), and declared in native/sip.pyi.
    """

    user: TransactionUser
    flows: FlowTable
    settings: TransactionSettings
    servers: dict[str, ServerTransaction]
    clients: dict[str, ClientTransaction]
    watched: dict[int, dict[ClientTransaction, None]]
    machines = (
        server_transaction.INVITE,
        server_transaction.NON_INVITE,
        client_transaction.INVITE,
        client_transaction.NON_INVITE,
    )

    @property
    def server_count(self) -> int:
        return len(self.servers)

    @property
    def client_count(self) -> int:
        return len(self.clients)

    def forget_answered(self, begun: int) -> None:
        """Forgets the non-INVITE requests that have their answer now, save the first ``begun`` of this layer, since it did not
        leave: the peer's retransmission is to be decided anew. An INVITE keeps its transaction; what it led to is sent again by
        timers."""
        for transaction in list(takewhile(lambda each: each.number > begun, reversed(self.servers.values()))):
            if transaction.answered_at(self.timers.now):
                transaction.forget(None)

    # from the transports

    def refuse_new(self, request: Message, flow: Flow) -> None:
        """There are as many transactions as there may be."""
        self.count("sip_transactions_refused_total")
        self.refuse(request, flow)

    def refuse(self, request: Message, flow: Flow) -> None:
        """503 without a transaction. When to come again differs from one to the next, so that not all do so at once."""
        key = request.server_key
        retry_after = str(1 + crc_slot(key) % self.settings.retry_after_s)
        headers = [("Retry-After", retry_after)]
        self.respond_statelessly(request, flow, request.reply(503, to_tag=refusal_tag(key), headers=headers))

    def flow_failed(self, flow: Flow) -> None:
        """A connection closed, or could not be opened; its client transactions learn of it (RFC 3261 section 17.1.4)."""
        for transaction in self.watched.pop(flow.connection_id, ()):
            transaction.transport_failed()

    def unreachable(self, addresses: set[tuple[int, Address]]) -> None:
        """The kernel refused datagrams to these (listener index, remote address); RFC 3261 section 18.4."""
        for transaction in list(self.clients.values()):
            flow = transaction.flow
            if not flow.reliable and (flow.listener.index, flow.remote) in addresses:
                transaction.transport_failed()

    def undelivered(self, sent: bytes) -> bool:
        """The network says that this datagram of ours, of which the beginning will do, reached nobody (section 18.4). Whether a
        request was known by it."""
        found = REQUEST_SENT.match(sent)
        transaction = None if found is None else self.clients.get(f"{found[2].decode('latin-1')}|{found[1].decode()}")
        if transaction is None or transaction.flow.reliable:
            return False
        transaction.transport_failed()
        return True

    # from the user

    def respond_statelessly(self, request: Message, flow: Flow, response: Message) -> None:
        """Sends ``response`` without a transaction (RFC 3261 section 8.2.7); its To tag is the caller's matter."""
        reply_flow = self.flows.reply_flow(request, flow)
        reply_flow.send(response.to_bytes(stream=reply_flow.reliable))

    # from the transactions

    def live_flow(self, flow: Flow) -> Flow:
        """``flow``, or when it is closed another to the same address, transport and port, if there can be one."""
        if not flow.closed:
            return flow
        host, port = flow.remote
        try:
            return self.flows.flow_to(Destination(flow.listener.transport, host, port, flow.name), flow.listener)
        except TransportError:
            return flow

    def count(self, name: str) -> None:
        self.counters[name] += 1

    def count_illegal(self, side: str, state: str, event: str) -> None:
        self.count(f"sip_transaction_illegal_events_total|side={side},state={state},event={event}")

    # for the steps in C

    def user_failed(self, transaction: ServerTransaction) -> NoReturn:
        """In the place of an except block: an error of ours must not leave the client waiting."""
        if hasattr(transaction, "request"):
            transaction.respond(transaction.request.reply(500))
        raise

    def fail_soon(self, flow: Flow) -> None:
        """A request was to leave over ``flow``, which is closed; its user is told when it is back at its work."""
        self.timers.after(0.0, self.flow_failed, flow)

    def refuse_client(self, message: Message) -> NoReturn:
        raise UsageError(f"no client transaction for {message.method} with key {message.client_key}")


def refusal_tag(key: str) -> str:
    """To tag of an answer to the request with that server key that has no transaction: the same for a retransmission
    (RFC 3261 section 8.2.7)."""
    return f"{crc_slot(key):08x}"
