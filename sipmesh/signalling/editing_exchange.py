"""A request that the other side sees otherwise than its sender wrote it.

Nothing of where a caller is who wants it so (RFC 3323 section 5.1): others stand in Via and Contact.

Other names in From and To: whoever wrote them sees them unchanged in whatever comes back (RFC 3323 section 5.3).

Our answer to a trunk's challenge: 401 and 407 are answered in a new branch with the next CSeq number, and every response goes
back with the number the sender wrote. From then on the sender's requests in that dialog are shifted; the record of the call, or
its ``Subscription``, says by how much (``sipmesh.signalling.cseq_shift``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from native.sip import Message
from sipcore.flow import Listener
from sipcore.ports import SEES_ALL, Exchange, Proceed
from sipcore.proxy.context import CHALLENGES, Branch, ResponseContext
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.cseq_shift import shift_of, shifted_event, shifted_rack, written_event
from sipmesh.signalling.legs import CALLER
from sipmesh.signalling.privacy import ANONYMOUS, TELLING_HEADERS, hide_contact, hide_way, restore_way
from sipmesh.signalling.subscriptions import Subscription
from sipmesh.store import CallRecord, Names

if TYPE_CHECKING:
    from native.sip import Address
    from sipmesh.signalling.trunks import TrunkState

MAX_CSEQ = 2**31 - 1  # RFC 3261 section 8.1.1.5

log = logging.getLogger(__name__)


class EditingExchange:
    """Around ``inner``, the exchange that the request would have without it. ``trunk``: it goes to, if to any."""

    __slots__ = (
        "_answered",
        "_calls",
        "_challenger",
        "_cseq",
        "_hides",
        "_inner",
        "_key",
        "_message",
        "_names",
        "_record",
        "_sent_cseq",
        "_side",
        "_subscription",
        "_trunk",
    )

    looks_on = False
    sees = SEES_ALL

    def __init__(
        self,
        calls: Calls,
        inner: Exchange | None,
        message: Message,
        trunk: TrunkState | None,
        key: str = "",
        side: int = CALLER,
        names: Names | None = None,
        subscription: Subscription | None = None,
        *,
        hides: bool = False,
    ) -> None:
        """``key``: of the call, which has names of its own; "" for what belongs to none. ``subscription``: the request's, if
        it is of no call. ``side``: who of either sends the request. ``hides``: Via and Contact of a request that makes
        no call; of a call the record says so."""
        self._calls = calls
        self._inner = inner
        self._trunk = trunk
        self._key = key
        self._side = side
        self._message = message
        self._record = calls.get(key) if key else None
        self._subscription = subscription
        dialog = self._record or subscription
        self._names = names if dialog is None else dialog.names
        self._hides = hides or (self._record is not None and self._record.hides_caller)
        self._cseq = message.cseq
        self._sent_cseq = self._cseq + (0 if dialog is None else shift_of(dialog.shifts[side], self._cseq))
        self._answered = 0  # challenges of ``_challenger``
        self._challenger: Address | None = None

    def request_out(self, branch: Branch, request: Message, proceed: Proceed) -> None:
        sent = self._sent_cseq
        if self._names is not None:
            rename(request, self._names, self._side)
        if self._hides and self._side == CALLER:
            hide_way(request, request.via.text)
            hide_contact(request, branch.flow.listener)
        if self._record is not None:
            rewrite(request, self._record, self._side)
            self._calls.sent_as(self._key, self._side, self._cseq, sent)
        elif self._subscription is not None:
            self._subscription.sent_as(self._side, self._cseq, sent)
        if sent != self._cseq:
            request.set("CSeq", f"{sent} {request.method}")
        digest = self._trunk.digest if self._trunk is not None else None
        if digest is not None:
            request.remove("Authorization")  # the sender's are not for the carrier
            request.remove("Proxy-Authorization")
            credentials = digest.credentials(request.method, request.request_uri_text)
            for name, value in credentials:
                request.append(name, value)
            if request.method == "INVITE" and self._record is not None:
                self._calls.trunks.credentials[self._key, self._side] = credentials
        inner = self._inner
        if inner is None:
            proceed()
            return
        inner.request_out(branch, request, proceed)
        if inner.looks_on:
            proceed()

    def challenged(self, branch: Branch, response: Message) -> bool:
        digest = self._trunk.digest if self._trunk is not None else None
        if branch.flow.remote != self._challenger:  # each gateway may have nonces of its own
            self._challenger, self._answered = branch.flow.remote, 0
        if digest is None or self._sent_cseq >= MAX_CSEQ or not digest.challenged(branch.request, response, self._answered):
            return False
        self._answered += 1
        self._sent_cseq += 1
        return True

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        trunk = self._trunk
        if trunk is not None and trunk.digest is not None:
            if response.status in CHALLENGES:
                self._refused(trunk, branch, response, proceed)
                return
            if response.status < 300:
                trunk.digest.confirmed(response)
        if response.cseq != self._cseq:
            response.set("CSeq", f"{self._cseq} {response.cseq_method}")
        if self._names is not None:
            self._restore_names(response)
        if self._hides and self._side == CALLER:
            restore_way(response, self._message)
        elif self._hides:  # once ``inner`` has read it
            proceed = partial(hide_and_proceed, response, branch.context.request.listener, proceed)
        inner = self._inner
        if inner is None:
            proceed()
            return
        inner.response_in(branch, response, proceed)
        if inner.looks_on:
            proceed()

    def _restore_names(self, response: Message) -> None:
        message = self._message
        response.set("From", message.get("From") or "")
        to, tag = message.get("To") or "", response.to_tag
        if message.to_tag is None and tag is not None:
            to = f"{to};tag={tag}"
        response.set("To", to)

    def branch_ended(self, branch: Branch, status: int) -> None:
        if self._inner is not None:
            self._inner.branch_ended(branch, status)

    def ended(self, context: ResponseContext, status: int) -> None:
        if self._inner is not None:
            self._inner.ended(context, status)

    def _refused(self, trunk: TrunkState, branch: Branch, response: Message, proceed: Proceed) -> None:
        """The sender could make nothing of the challenge: it has no account there."""
        if branch.context.cancelled:
            proceed(487, "Request Terminated")
            return
        self._calls.counters[f"sip_trunk_credentials_refused_total|trunk={trunk.name}"] += 1
        log.warning(
            "trunk %s refuses our credentials: %d %s",
            *(trunk.name, response.status, response.reason),
            extra={"call_id": response.call_id},
        )
        proceed(500, "Trunk Refuses Our Credentials")


def hide_and_proceed(response: Message, listener: Listener, proceed: Proceed, status: int = 0, reason: str = "") -> None:
    hide_contact(response, listener)
    proceed(status, reason)


def rename(request: Message, names: Names, side: int) -> None:
    """From and To as the receiver knows them."""
    from_, to = (names.callee_from, names.callee_to) if side == CALLER else (names.caller_to, names.caller_from)
    for header, name, tag in (("From", from_, request.from_tag), ("To", to, request.to_tag)):
        request.set(header, name if tag is None else f"{name};tag={tag}")
    if names.callee_from == ANONYMOUS and side == CALLER:
        for header in TELLING_HEADERS:
            request.remove(header)


def rewrite(request: Message, record: CallRecord, side: int) -> None:
    """What of a request within a call that ``side`` sends speaks of CSeq numbers, save CSeq itself."""
    own, other = record.shifts[side], record.shifts[1 - side]
    if own and request.has("RAck"):
        request.set("RAck", shifted_rack(request.get("RAck") or "", own))
    if (own or other) and request.has("Event"):
        request.set("Event", written_event(shifted_event(request.get("Event") or "", own), other))


def edit_ack(request: Message, record: CallRecord, side: int, credentials: Iterable[tuple[str, str]]) -> None:
    """An ACK for a 2xx has the number and the credentials of its INVITE (RFC 3261 section 13.2.2.4)."""
    for name, value in credentials:
        request.append(name, value)
    if record.names is not None:
        rename(request, record.names, side)
    if record.hides_caller and side == CALLER:
        hide_way(request)
        request.remove("Contact")
    shift = shift_of(record.shifts[side], request.cseq)
    if shift:
        request.set("CSeq", f"{request.cseq + shift} ACK")
