"""Client transactions: one request of ours, and the answers to it (RFC 3261 section 17.1, RFC 6026)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from native.sip import ClientTransactionBase, Machine
from sipcore.flow import Flow
from sipcore.ports import ClientUser
from sipcore.transaction_table import (
    CALLING,
    CANCEL,
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    TIMER_B,
    TRANSPORT_ERROR,
    TRYING,
    Event,
)

if TYPE_CHECKING:
    from sipcore.transaction import TransactionLayer

Headers = Iterable[tuple[str, str]]


class ClientTransaction(ClientTransactionBase):
    """``request`` is gone once the user was told of the first final response, a timeout or a transport error.

    The actions are in C, and declared in native/sip.pyi.
    """

    __slots__ = ()

    layer: TransactionLayer
    flow: Flow
    owner: ClientUser | None
    datagram_flow: Flow | None  # where the request goes if the stream chosen for its size fails

    def cancel(self, headers: Headers = ()) -> None:
        """Cancels an INVITE: at once after a provisional response, else with the first one (RFC 3261 section 9.1).

        ``headers`` are added to the CANCEL (Reason: RFC 3326). Without effect once a final response came or when called again.
        """
        self.handle(CANCEL, headers)

    def give_up(self) -> None:
        """Cancels an INVITE whose user has gone on without it: one that nobody answered yet is not repeated either, or a peer
        that comes back would ring for a call that is over.
        """
        if self.state == CALLING and self.retransmits:
            self.stop_retransmitting()
            if not self.waits:
                self.start_wait(TIMER_B, self.layer.settings.timeout_s)
        self.cancel()

    def transport_failed(self) -> None:
        """The flow is lost. A request that took a stream for its size alone is sent as a datagram (section 18.1.1)."""
        if self.datagram_flow is not None and self.state in (CALLING, TRYING):
            self._fall_back(self.datagram_flow)
        else:
            self.handle(TRANSPORT_ERROR)

    def count_illegal(self, event: Event) -> None:
        self.layer.count_illegal("client", self.state, event)

    # requests too long for a datagram

    def prefer_stream(self, data: bytes) -> bytes:
        """TCP for a request too long for a datagram, if there can be (section 18.1.1); what is to be sent."""
        stream = self.layer.flows.stream_flow(self.flow)
        if stream is None:
            return data
        self.datagram_flow, self.flow = self.flow, stream
        return self._rewrite_via(stream)

    def _fall_back(self, flow: Flow) -> None:
        self.layer.unwatch(self)
        self.datagram_flow, self.flow = None, flow
        self.layer.count("sip_stream_fallbacks_total")
        self.send_first(self._rewrite_via(flow))

    def _rewrite_via(self, flow: Flow) -> bytes:
        """The top Via names the transport the request really takes (RFC 3261 section 18.1.1); the branch stays."""
        params = self.request.via.text.partition(";")[2]
        self.request.pop_via()
        self.request.push_via(f"SIP/2.0/{flow.listener.transport.upper()} {flow.listener.sent_by};{params}")
        return self.request.to_bytes(stream=flow.reliable)


INVITE = Machine(INVITE_CLIENT, ClientTransaction)
NON_INVITE = Machine(NON_INVITE_CLIENT, ClientTransaction)
