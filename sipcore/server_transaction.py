"""Server transactions: one request received, and our answers to it (RFC 3261 section 17.2, RFC 6026, RFC 4320)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from native.sip import Message
from sipcore.flow import Flow
from sipcore.timers import Timer
from sipcore.transaction_table import (
    FAILURE,
    FIRE,
    INVITE_SERVER,
    NON_INVITE_SERVER,
    PROCEEDING,
    PROVISIONAL,
    SUCCESS,
    TIMER_EXPIRED,
    TIMER_G,
    TIMER_H,
    TIMER_I,
    TIMER_J,
    TIMER_L,
    TIMER_TRYING,
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

FIRE_I, FIRE_J, FIRE_L, FIRE_TRYING = (FIRE[event] for event in (TIMER_I, TIMER_J, TIMER_L, TIMER_TRYING))


class ServerTransaction(msgspec.Struct, eq=False, gc=False):
    """``owner`` is the user's own. ``request`` is gone once the final response was sent, of an INVITE ``owner`` too: only bytes
    that may have to be sent again are kept.

    Hundreds of thousands may wait for their last timer, so the garbage collector is spared walking them (``gc=False``);
    ``drop_owner`` and ``forget`` cut what could be a cycle.
    """

    layer: TransactionLayer
    key: str
    request: Message
    flow: Flow  # where the request came from
    reply_flow: Flow
    machine: Machine
    state: State
    owner: Any = None
    response: bytes = b""  # last response sent
    interval_s: float = 0.0
    retransmit_timer: Timer | None = None
    wait_timer: Timer | None = None

    def respond(self, response: Message) -> None:
        """Sends ``response``; counted and dropped when this transaction can't send it any more (or never: RFC 4320)."""
        self.answer(response.status, response.to_bytes(stream=self.reply_flow.reliable))

    def answer(self, status: int, data: bytes) -> None:
        """As ``respond``, with the bytes of the response."""
        self.handle(PROVISIONAL if status < 200 else SUCCESS if status < 300 else FAILURE, data)

    handle = handle

    def count_illegal(self, event: Event) -> None:
        self.layer.count_illegal("server", self.state, event)

    def await_user(self) -> None:
        """To be called when the user has seen the request: sees to the 100 if it didn't answer at once."""
        settings = self.layer.settings
        if self.state == TRYING:
            self.wait_timer = self.layer.timers.after(settings.non_invite_trying_s, FIRE_TRYING, self)
        elif self.state == PROCEEDING and not self.response:
            if settings.immediate_trying:
                self.handle(TIMER_TRYING)
            else:
                self._wait(TIMER_TRYING, settings.trying_s)

    def answered_at(self, now: float) -> bool:
        """Whether a non-INVITE request got its final response, over an unreliable transport, at ``now``."""
        timer = self.wait_timer
        return self.machine is _NON_INVITE and timer is not None and timer.deadline == now + self.layer.settings.timeout_s

    # actions

    def send(self, data: bytes) -> None:
        self._transmit(data)
        self.response = data

    def pass_on(self, data: bytes) -> None:
        """A 2xx for INVITE: whoever made it repeats it (RFC 6026 section 7.1)."""
        self._transmit(data)
        self.response = b""

    def resend(self, _: object) -> None:
        if self.response:
            self.reply_flow.send(self.response)

    def send_trying(self, _: object) -> None:
        """No To tag in it (RFC 3261 section 17.2.1)."""
        if not self.response:
            self.response = data = self.request.trying()
            self.reply_flow.send(data)

    def tell_ack(self, ack: Message) -> None:
        self.layer.user.on_ack(ack, self.flow)

    def start_g(self, _: object) -> None:
        if not self.reply_flow.reliable:
            self.interval_s = self.layer.settings.t1_s
            self._retransmit_later()

    def restart_g(self, _: object) -> None:
        self.interval_s = min(2 * self.interval_s, self.layer.settings.t2_s)
        self._retransmit_later()

    def start_h(self, _: object) -> None:
        self._wait(TIMER_H, self.layer.settings.timeout_s)

    def settle_i(self, _: object) -> None:
        self.response = b""
        self._settle(FIRE_I, self.layer.settings.t4_s)

    def settle_j(self, _: object) -> None:
        self._settle(FIRE_J, self.layer.settings.timeout_s)

    def settle_l(self, _: object) -> None:
        layer = self.layer
        self.stop_timers(None)
        self.wait_timer = layer.timers.after(layer.settings.timeout_s, FIRE_L, self)

    def start_expiry(self, _: object) -> None:
        settings = self.layer.settings
        self._wait(TIMER_EXPIRED, settings.timeout_s - settings.non_invite_trying_s)

    def stop_timers(self, _: object) -> None:
        if self.retransmit_timer is not None:
            self.retransmit_timer.cancel()
            self.retransmit_timer = None
        if self.wait_timer is not None:
            self.wait_timer.cancel()
            self.wait_timer = None

    def release(self, _: object) -> None:
        """The request has had its use, and so has what the user keeps of it."""
        del self.request
        self.owner = None

    def forget(self, _: object) -> None:
        self.stop_timers(None)
        self.owner = None
        self.layer.remove_server(self)

    def _transmit(self, data: bytes) -> None:
        flow = self.reply_flow
        if flow.closed:
            flow = self.reply_flow = self.layer.flows.reply_flow(Message(data), self.flow)
        flow.send(data)

    def _retransmit_later(self) -> None:
        self.retransmit_timer = self.layer.timers.after(self.interval_s, FIRE[TIMER_G], self)

    def _wait(self, event: Event, delay_s: float) -> None:
        self.wait_timer = self.layer.timers.after(delay_s, FIRE[event], self)

    def _settle(self, fire: Fire, delay_s: float) -> None:
        """Nothing is left but to wait for retransmissions, which a reliable transport doesn't have (zero seconds there)."""
        self.stop_timers(None)
        if self.reply_flow.reliable:
            fire(self)
        else:
            self.wait_timer = self.layer.timers.after(delay_s, fire, self)


_INVITE: Machine = bind(INVITE_SERVER, ServerTransaction)
_NON_INVITE: Machine = bind(NON_INVITE_SERVER, ServerTransaction)


def serve(layer: TransactionLayer, key: str, request: Message, flow: Flow) -> ServerTransaction:
    """The transaction of a new request, in its first state."""
    machine, state = (_INVITE, PROCEEDING) if request.method == "INVITE" else (_NON_INVITE, TRYING)
    return ServerTransaction(layer, key, request, flow, layer.flows.reply_flow(request, flow), machine, state)
