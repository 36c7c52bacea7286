"""Client transactions: one request of ours, and the answers to it (RFC 3261 section 17.1, RFC 6026)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from native.sip import Message
from sipcore.flow import Flow
from sipcore.ports import ClientUser
from sipcore.timers import Timer
from sipcore.transaction_table import (
    ACCEPTED,
    CALLING,
    CANCEL,
    FIRE,
    INVITE_CLIENT,
    NON_INVITE_CLIENT,
    TIMER_A,
    TIMER_B,
    TIMER_CANCELLED,
    TIMER_D,
    TIMER_E,
    TIMER_F,
    TIMER_K,
    TIMER_M,
    TRANSPORT_ERROR,
    TRYING,
    Event,
    Fire,
    Machine,
    State,
    bind,
    handle,
)

if TYPE_CHECKING:
    from sipcore.transaction import TransactionLayer

Headers = Iterable[tuple[str, str]]

FIRE_A, FIRE_B, FIRE_D, FIRE_E = (FIRE[event] for event in (TIMER_A, TIMER_B, TIMER_D, TIMER_E))
FIRE_F, FIRE_K, FIRE_M = (FIRE[event] for event in (TIMER_F, TIMER_K, TIMER_M))


class ClientTransaction(msgspec.Struct, eq=False, gc=False):
    """``request`` is gone once the user was told of the first final response, a timeout or a transport error.

    Not walked by the garbage collector, like ServerTransaction; ``release`` and ``drop_owner`` cut what could be a cycle.
    """

    layer: TransactionLayer
    key: str
    request: Message
    flow: Flow
    owner: ClientUser | None
    machine: Machine
    state: State
    last_status: int = 0  # of the last response the user was told
    sent: bytes = b""  # what a retransmission sends: the request, in Completed the ACK
    datagram_flow: Flow | None = None  # where the request goes if the stream chosen for its size fails
    cancel_headers: tuple[tuple[str, str], ...] | None = None  # a CANCEL waits or was sent
    interval_s: float = 0.0
    retransmit_timer: Timer | None = None
    wait_timer: Timer | None = None

    def cancel(self, headers: Headers = ()) -> None:
        """Cancels an INVITE: at once after a provisional response, else with the first one (RFC 3261 section 9.1).

        ``headers`` are added to the CANCEL (Reason: RFC 3326). Without effect once a final response came or when called again.
        """
        self.handle(CANCEL, headers)

    def give_up(self) -> None:
        """Cancels an INVITE whose user has gone on without it: one that nobody answered yet is not repeated either, or a peer
        that comes back would ring for a call that is over.
        """
        if self.state == CALLING and self.retransmit_timer is not None:
            self.retransmit_timer.cancel()
            self.retransmit_timer = None
            if self.wait_timer is None:
                self._await_timeout(self.layer.settings.timeout_s)
        self.cancel()

    def transport_failed(self) -> None:
        """The flow is lost. A request that took a stream for its size alone is sent as a datagram (section 18.1.1)."""
        if self.datagram_flow is not None and self.state in (CALLING, TRYING):
            self._fall_back(self.datagram_flow)
        else:
            self.handle(TRANSPORT_ERROR)

    handle = handle

    def count_illegal(self, event: Event) -> None:
        self.layer.count_illegal("client", self.state, event)

    # actions

    def tell(self, response: Message) -> None:
        self.last_status = response.status
        if self.owner is not None:
            self.owner.on_response(self, response)

    def tell_timeout(self, _: object) -> None:
        if self.owner is not None:
            self.owner.on_timeout(self)

    def tell_transport_error(self, _: object) -> None:
        if self.owner is not None:
            self.owner.on_transport_error(self)

    def resend(self, _: object) -> None:
        self.flow.send(self.sent)

    def send_ack(self, response: Message) -> None:
        """RFC 3261 section 17.1.1.3."""
        ack = self.request.derive("ACK")
        to = response.get("To")
        if to is not None:
            ack.set("To", to)
        flow = self.layer.live_flow(self.flow)
        self.sent = ack.to_bytes(stream=flow.reliable)
        flow.send(self.sent)

    def resend_ack(self, _: object) -> None:
        self.layer.live_flow(self.flow).send(self.sent)

    def remember_cancel(self, headers: Headers) -> None:
        if self.cancel_headers is None:
            self.cancel_headers = tuple(headers)

    def send_cancel(self, headers: Headers) -> None:
        if self.cancel_headers is None:
            self.cancel_headers = tuple(headers)
            self.send_remembered_cancel(None)

    def send_remembered_cancel(self, _: object) -> None:
        """RFC 3261 section 9.1; without a final response 64*T1 later the INVITE counts as cancelled."""
        if self.cancel_headers is None or self.wait_timer is not None:
            return
        cancel = self.request.derive("CANCEL")
        for name, value in self.cancel_headers:
            cancel.append(name, value)
        self.layer.request(cancel, self.layer.live_flow(self.flow), None)
        self.wait_timer = self.layer.timers.after(self.layer.settings.timeout_s, FIRE[TIMER_CANCELLED], self)

    def restart_a(self, _: object) -> None:
        """Doubles without a cap, unlike Timer E (RFC 3261 section 17.1.1.2)."""
        self._retransmit_after(FIRE_A, 2 * self.interval_s)

    def restart_e(self, _: object) -> None:
        self._retransmit_after(FIRE_E, min(2 * self.interval_s, self.layer.settings.t2_s))

    def restart_e_slowly(self, _: object) -> None:
        self._retransmit_after(FIRE_E, self.layer.settings.t2_s)

    def settle_d(self, _: object) -> None:
        self._settle(FIRE_D, self.layer.settings.timer_d_s)

    def settle_k(self, _: object) -> None:
        self._settle(FIRE_K, self.layer.settings.t4_s)

    def settle_m(self, _: object) -> None:
        layer = self.layer
        self.stop_timers(None)
        self.wait_timer = layer.timers.after(layer.settings.timeout_s, FIRE_M, self)

    def stop_timers(self, _: object) -> None:
        if self.retransmit_timer is not None:
            self.retransmit_timer.cancel()
            self.retransmit_timer = None
        if self.wait_timer is not None:
            self.wait_timer.cancel()
            self.wait_timer = None

    def release(self, _: object) -> None:
        """The request has had its use; so has the user, save after a 2xx to an INVITE, which may be followed by others."""
        del self.request
        self.cancel_headers = None
        if self.state == ACCEPTED:
            self.sent = b""
        else:
            self.owner = None

    def drop_owner(self, _: object) -> None:
        self.owner = None

    def forget(self, _: object) -> None:
        self.stop_timers(None)
        self.layer.remove_client(self)

    def send_first(self, data: bytes) -> None:
        """Sends the request. Over an unreliable transport it may be repeated: until the first time Timer A or E, which is
        shorter, does for Timer B or F."""
        self.sent = data
        flow = self.flow
        flow.send(data)
        layer = self.layer
        if not flow.reliable:
            self.interval_s = t1_s = layer.settings.t1_s
            self.retransmit_timer = layer.timers.after(t1_s, FIRE_A if self.state == CALLING else FIRE_E, self)
        elif self.wait_timer is None:
            self._await_timeout(layer.settings.timeout_s)

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

    def _retransmit_after(self, fire: Fire, interval_s: float) -> None:
        layer = self.layer
        if self.wait_timer is None:
            settings = layer.settings
            self._await_timeout(settings.timeout_s - settings.t1_s)
        self.interval_s = interval_s
        self.retransmit_timer = layer.timers.after(interval_s, fire, self)

    def _await_timeout(self, delay_s: float) -> None:
        """Timer B or F."""
        self.wait_timer = self.layer.timers.after(delay_s, FIRE_B if self.state == CALLING else FIRE_F, self)

    def _settle(self, fire: Fire, delay_s: float) -> None:
        """Nothing is left but to wait for retransmissions, which a reliable transport doesn't have (zero seconds there)."""
        self.stop_timers(None)
        if self.flow.reliable:
            fire(self)
        else:
            self.wait_timer = self.layer.timers.after(delay_s, fire, self)


_INVITE: Machine = bind(INVITE_CLIENT, ClientTransaction)
_NON_INVITE: Machine = bind(NON_INVITE_CLIENT, ClientTransaction)


def begin(
    layer: TransactionLayer, key: str, request: Message, flow: Flow, owner: ClientUser | None, fixed_flow: bool
) -> ClientTransaction:
    """The transaction of a request, which is sent."""
    machine, state = (_INVITE, CALLING) if request.method == "INVITE" else (_NON_INVITE, TRYING)
    transaction = ClientTransaction(layer, key, request, flow, owner, machine, state)
    data = request.to_bytes(stream=flow.reliable)
    if len(data) > layer.settings.max_datagram_bytes > 0 and not (flow.reliable or fixed_flow):
        data = transaction.prefer_stream(data)
    transaction.send_first(data)
    return transaction
