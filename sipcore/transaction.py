"""The transaction layer: finds the transaction of each message, and starts new ones (RFC 3261 section 17, RFC 6026)."""

from __future__ import annotations

import re
from itertools import takewhile

from native.sip import Address, Message, crc_slot
from sipcore.client_transaction import ClientTransaction, begin
from sipcore.errors import TransportError, UsageError
from sipcore.flow import Destination, Flow, FlowTable
from sipcore.ports import ClientUser, Counters, TransactionUser
from sipcore.server_transaction import ServerTransaction, serve
from sipcore.timers import Timers
from sipcore.transaction_settings import TransactionSettings
from sipcore.transaction_table import ACK, COMPLETED, FAILURE, PROVISIONAL, REQUEST, SUCCESS

__all__ = ["ClientTransaction", "ServerTransaction", "TransactionLayer", "TransactionSettings"]


# method and branch: the top Via of a request that we send is in its second line
REQUEST_SENT = re.compile(rb"([!-~]{1,64}) [!-~]+ SIP/2\.0\r\nVia:[^\r\n]*?;branch=([^;,\s]+)[;,\r]")


class TransactionLayer:
    """Between the transports and ``user`` (which may be set later, but before the first message).

    Messages handed to it have a readable top Via, and a readable CSeq if they are responses.
    """

    def __init__(
        self,
        user: TransactionUser,
        flows: FlowTable,
        timers: Timers,
        settings: TransactionSettings,
        counters: Counters,
    ) -> None:
        self.user = user
        self.flows = flows
        self.timers = timers
        self.settings = settings
        self.counters = counters
        self.servers: dict[str, ServerTransaction] = {}  # by server key, oldest first; only to be looked at
        self._clients: dict[str, ClientTransaction] = {}
        self._by_connection: dict[int, set[ClientTransaction]] = {}

    @property
    def server_count(self) -> int:
        return len(self.servers)

    @property
    def client_count(self) -> int:
        return len(self._clients)

    @property
    def last_server(self) -> ServerTransaction | None:
        """The newest server transaction there is."""
        return next(reversed(self.servers.values()), None)

    def forget_answered(self, since: ServerTransaction | None) -> None:
        """Forgets the non-INVITE requests begun after ``since`` that have their answer now, since it did not leave: the peer's
        retransmission is to be decided anew. An INVITE keeps its transaction; what it led to is sent again by timers."""
        for transaction in list(takewhile(lambda each: each is not since, reversed(self.servers.values()))):
            if transaction.state == COMPLETED and transaction.answered_at(self.timers.now):
                transaction.forget(None)

    # from the transports

    def receive_request(self, request: Message, flow: Flow) -> None:
        """A new request starts a transaction; an ACK without one goes straight to the user."""
        key = request.server_key
        method = request.method
        transaction = self.servers.get(key)
        if transaction is not None:
            if transaction.reply_flow.closed:
                transaction.flow = transaction.reply_flow = flow  # the client came back over another connection
            transaction.handle(ACK if method == "ACK" else REQUEST, request)
        elif method == "ACK":
            self.user.on_ack(request, flow)
        elif len(self.servers) >= self.settings.max_server_transactions:
            self.count("sip_transactions_refused_total")
            self.refuse(request, flow)
        else:
            transaction = self.servers[key] = serve(self, key, request, flow)
            try:
                if method == "CANCEL":
                    self._tell_cancel(transaction)
                else:
                    self.user.on_request(transaction)
                transaction.await_user()
            except Exception:
                transaction.respond(request.reply(500))  # an error of ours must not leave the client waiting
                raise

    def refuse(self, request: Message, flow: Flow) -> None:
        """503 without a transaction. When to come again differs from one to the next, so that not all do so at once."""
        key = request.server_key
        retry_after = str(1 + crc_slot(key) % self.settings.retry_after_s)
        headers = [("Retry-After", retry_after)]
        self.respond_statelessly(request, flow, request.reply(503, to_tag=refusal_tag(key), headers=headers))

    def receive_response(self, response: Message, flow: Flow) -> None:
        """For the client transaction it matches, else the user."""
        transaction = self._clients.get(response.client_key)
        if transaction is None:
            self.user.on_stray_response(response, flow)
            return
        status = response.status
        transaction.handle(PROVISIONAL if status < 200 else SUCCESS if status < 300 else FAILURE, response)

    def flow_failed(self, flow: Flow) -> None:
        """A connection closed, or could not be opened; its client transactions learn of it (RFC 3261 section 17.1.4)."""
        for transaction in self._by_connection.pop(flow.connection_id, ()):
            transaction.transport_failed()

    def unreachable(self, addresses: set[tuple[int, Address]]) -> None:
        """The kernel refused datagrams to these (listener index, remote address); RFC 3261 section 18.4."""
        for transaction in list(self._clients.values()):
            flow = transaction.flow
            if not flow.reliable and (flow.listener.index, flow.remote) in addresses:
                transaction.transport_failed()

    def undelivered(self, sent: bytes) -> bool:
        """The network says that this datagram of ours, of which the beginning will do, reached nobody (section 18.4). Whether a
        request was known by it."""
        found = REQUEST_SENT.match(sent)
        transaction = None if found is None else self._clients.get(f"{found[2].decode('latin-1')}|{found[1].decode()}")
        if transaction is None or transaction.flow.reliable:
            return False
        transaction.transport_failed()
        return True

    # from the user

    def request(self, message: Message, flow: Flow, owner: ClientUser | None, *, fixed_flow: bool = False) -> ClientTransaction:
        """Sends ``message``, whose top Via is ours and unique, and tells ``owner`` how it ends.

        A request too long for a datagram leaves by TCP (section 18.1.1), unless ``flow`` is fixed: the only way to a peer
        behind NAT. Nothing is told before this returns. UsageError for a branch in use, or an ACK: it has no transaction.
        """
        key = message.client_key
        if key in self._clients or message.method == "ACK":
            raise UsageError(f"no client transaction for {message.method} with key {key}")
        transaction = self._clients[key] = begin(self, key, message, flow, owner, fixed_flow)
        if transaction.flow.reliable:
            self._watch(transaction)
        return transaction

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

    def remove_server(self, transaction: ServerTransaction) -> None:
        self.servers.pop(transaction.key, None)

    def remove_client(self, transaction: ClientTransaction) -> None:
        self._clients.pop(transaction.key, None)
        self.unwatch(transaction)

    def _watch(self, transaction: ClientTransaction) -> None:
        flow = transaction.flow
        self._by_connection.setdefault(flow.connection_id, set()).add(transaction)
        if flow.closed:
            self.timers.after(0.0, self.flow_failed, flow)

    def unwatch(self, transaction: ClientTransaction) -> None:
        """Its flow's fate no longer matters to ``transaction``."""
        flow = transaction.flow
        watching = self._by_connection.get(flow.connection_id) if flow.reliable else None
        if watching is not None:
            watching.discard(transaction)
            if not watching:
                del self._by_connection[flow.connection_id]

    def count(self, name: str) -> None:
        self.counters[name] += 1

    def count_illegal(self, side: str, state: str, event: str) -> None:
        self.count(f"sip_transaction_illegal_events_total|side={side},state={state},event={event}")

    def _tell_cancel(self, cancel: ServerTransaction) -> None:
        """RFC 3261 section 9.2: matched as if its method were INVITE."""
        self.user.on_cancel(cancel, self.servers.get(cancel.key.removesuffix("CANCEL") + "INVITE"))


def refusal_tag(key: str) -> str:
    """To tag of an answer to the request with that server key that has no transaction: the same for a retransmission
    (RFC 3261 section 8.2.7)."""
    return f"{crc_slot(key):08x}"
