"""What messages within a call change in its record: CSeq numbers and remote targets (RFC 3261 section 12.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Message
from sipcore.proxy.cookie import Cookie
from sipmesh.signalling.cseq_shift import with_shift
from sipmesh.signalling.legs import CALLEE, CALLER, legs_of

if TYPE_CHECKING:
    from sipmesh.signalling.calls import Calls


def in_dialog(calls: Calls, cookie: Cookie, request: Message) -> None:
    """Keeps the CSeq each side has seen, and the target it refreshed (RFC 3261 section 12.2.1.1)."""
    record = calls.get(cookie.call_key)
    if record is None:
        return
    if record.state == "ringing" and cookie.caller_to_callee(request):  # in whichever early dialog
        record.legs[CALLEE].cseq = max(record.legs[CALLEE].cseq, request.cseq)
    legs = legs_of(record, request)
    if legs is None:
        return
    sender, receiver = legs
    receiver.cseq = max(receiver.cseq, request.cseq)
    if request.method in ("INVITE", "UPDATE"):
        sender.remote_target = request.contact_uri_text or sender.remote_target
    calls.put(cookie.call_key, record)


def response_in_dialog(calls: Calls, cookie: Cookie, request: Message, response: Message) -> None:
    """A 2xx refreshes the target of the side it came from."""
    record = calls.get(cookie.call_key)
    contact = response.contact_uri_text
    legs = None if record is None else legs_of(record, request)
    if record is None or legs is None or not contact:
        return
    answering = legs[1]
    if answering.remote_target != contact:
        answering.remote_target = contact
        calls.put(cookie.call_key, record)


def sent_as(calls: Calls, key: str, side: int, cseq: int, sent: int) -> None:
    """A request that ``side`` gave the number ``cseq`` leaves with ``sent``."""
    record = calls.get(key)
    if record is None:
        return
    shifts = list(record.shifts)
    shifts[side] = with_shift(shifts[side], cseq, sent - cseq)
    for leg in (record.legs[CALLEE], *record.forks) if side == CALLER else (record.legs[CALLER],):
        leg.cseq = max(leg.cseq, sent)
    if shifts[side] is not record.shifts[side]:
        record.shifts = (shifts[0], shifts[1])
        calls.put(key, record)
