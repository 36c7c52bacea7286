"""What the application does about one proxied request: ``sipcore.ports.Exchange`` for calls, for requests within them, and for
everything else that leaves by a trunk."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from native.sip import (
    SEES_BRANCH_ENDS,
    SEES_END,
    SEES_IDENTITIES,
    SEES_SUCCESSES,
    ByeExchangeBase,
    DialogExchangeBase,
    InviteExchangeBase,
    Message,
    flow_of_token,
)
from sipcore.ports import Proceed
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.proxy.cookie import Cookie
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.media_client import Body
from sipmesh.signalling.media_glue import DialogMedia, InviteMedia, MediaGlue, Sender, Tags, has_sdp
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.signalling.privacy import ASSERTED, PREFERRED
from sipmesh.signalling.trunks import TargetState
from sipmesh.store import CallRecord, Ender

if TYPE_CHECKING:
    from sipcore.flow import FlowTable
    from sipcore.timers import Timers

LOST = frozenset({408, 503})  # final status of a branch whose target gave no answer, or none it could use


class CallServices:
    """What exchanges share. ``glue`` is None when media is not anchored."""

    __slots__ = ("calls", "flows", "glue", "hang_up_callee", "timers")

    def __init__(self, calls: Calls, glue: MediaGlue | None, flows: FlowTable, timers: Timers) -> None:
        self.calls = calls
        self.glue = glue
        self.flows = flows
        self.timers = timers
        self.hang_up_callee: Callable[[CallRecord], None]  # set once there is somebody to send BYE

    def sender_of(self, cookie: Cookie, request: Message) -> Sender:
        """Who sent ``request``; the address is known, and needed, only of a side behind NAT."""
        token = cookie.caller_flow if cookie.caller_to_callee(request) else cookie.callee_flow
        flow = flow_of_token(self.flows, token) if token else None
        return Sender("", natted=False) if flow is None else Sender(flow.remote[0], natted=True)

    def srtp_of(self, cookie: Cookie, request: Message) -> Legs:
        """Of who sent ``request`` and of the other side of the call."""
        record = self.calls.get(cookie.call_key)
        if record is None or record.srtp == PASSES:
            return PASSES
        return record.srtp if cookie.caller_to_callee(request) else (record.srtp[1], record.srtp[0])

    def media_within(self, request: Message, cookie: Cookie) -> DialogMedia | None:
        """Of INVITE, UPDATE or PRACK within a call; None when media is not anchored."""
        if self.glue is None:
            return None
        key = cookie.call_key
        record = self.calls.get(key)
        return DialogMedia(
            self.glue,
            request,
            self.sender_of(cookie, request),
            receiver_natted=bool(cookie.flow_token(request)),
            answering=request.method == "PRACK" and self.calls.early_offers.takes(key, request.to_tag or ""),
            early=record is not None and record.state == "ringing",
            srtp=self.srtp_of(cookie, request),
        )

    def hang_up(self, key: str, tags: Tags) -> None:
        """A dialog has ended, and its media with it. The call ends with what the daemon says of that, or without when it says
        nothing."""
        glue = self.glue
        assert glue is not None
        if self.calls.wants_quality(key):
            glue.delete(tags, partial(self._measured, key, tags))
        else:
            glue.delete(tags)
            self.calls.hung_up(key, tags.caller, tags.callee)

    def _measured(self, key: str, tags: Tags, reply: Body | None) -> None:
        self.calls.measured(key, reply)
        self.calls.hung_up(key, tags.caller, tags.callee)

    def branch_lost(self, branch: Branch, status: int) -> None:
        """Takes a trunk's target out that gave no answer."""
        target = branch.target.label
        if not isinstance(target, TargetState):
            return
        now, answer = self.timers.now, branch.answer
        if status < 300:
            target.answered()
        elif answer is not None:
            target.answered()
            if status == 503:
                target.overloaded(now, answer.get("Retry-After"))
        elif status in LOST and not branch.context.cancelled:
            target.failed(now, f"a request got {status}")


class RequestExchange:
    """A request other than INVITE that leaves by a trunk."""

    __slots__ = ("_services",)

    looks_on = True
    sees = SEES_BRANCH_ENDS

    def __init__(self, services: CallServices) -> None:
        self._services = services

    def request_out(self, branch: Branch, request: Message, proceed: Proceed) -> None:
        pass

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        pass

    def challenged(self, branch: Branch, response: Message) -> bool:
        return False

    def branch_ended(self, branch: Branch, status: int) -> None:
        self._services.branch_lost(branch, status)

    def ended(self, context: ResponseContext, status: int) -> None:
        pass


class InviteExchange(InviteExchangeBase):
    """An INVITE that makes a call; ``media``: None when it is not anchored. ``by_trunk``: it leaves by one. The fields are the
    base's, and so is the way of a response that says no more than others."""

    __slots__ = ()

    _services: CallServices
    _key: str
    _media: InviteMedia | None
    _ended_by: Ender  # if it fails

    def look_closer(self, branch: Branch, response: Message) -> None:
        """It says who the callee is, or is a reliable provisional response: one that makes an early dialog and may bring its
        offer (RFC 3262 sections 3 and 5)."""
        calls, media = self._services.calls, self._media
        if response.has(ASSERTED, PREFERRED):
            calls.trunks.filter_identity(calls.get(self._key), response, CALLEE)
        if response.status >= 200 or not response.has("RSeq"):
            return
        calls.early(self._key, branch, response)
        if media is not None and not media.offered and has_sdp(response) and calls.context_of(self._key) is not None:
            calls.early_offers.came(self._key, response.to_tag or "")

    def unserved(self, branch: Branch, response: Message, proceed: Proceed, status: int, reason: str) -> None:
        """The media daemon did not let the response pass: who answered is hung up."""
        record = self._services.calls.get(self._key) if response.status >= 200 else None
        if record is not None and record.state == "answered":
            self._services.hang_up_callee(record)
        proceed(status, reason)

    def challenged(self, branch: Branch, response: Message) -> bool:
        return False

    # ``branch_ended`` is the base's

    def branch_over(self, branch: Branch, status: int) -> None:
        """``branch_ended`` where that changes what is known of a trunk's target, or it failed."""
        if branch.target.label is not None:
            self._services.branch_lost(branch, status)
        if self._media is not None:
            self._media.branch_ended(branch, status)

    # ``ended`` is the base's: a call that failed is forgotten


class ByeExchange(ByeExchangeBase):
    """A BYE within a call. It ends it, whatever the answer (RFC 3261 section 15.1.1), save 401 and 407: then the call goes on.
    The fields are the base's, and so is what becomes of the call."""

    __slots__ = ()

    _services: CallServices
    _key: str
    _from_tag: str | None
    _to_tag: str | None
    _media_of: str | None  # Call-ID in ng, when media is relayed

    looks_on = True
    sees = SEES_IDENTITIES | SEES_END

    def request_out(self, branch: Branch, request: Message, proceed: Proceed) -> None:
        pass

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        if response.has(ASSERTED, PREFERRED):
            calls = self._services.calls
            record = calls.get(self._key)
            by_caller = record is not None and (self._from_tag or "") == record.from_tag
            calls.trunks.filter_identity(record, response, CALLEE if by_caller else CALLER)

    def challenged(self, branch: Branch, response: Message) -> bool:
        return False

    def branch_ended(self, branch: Branch, status: int) -> None:
        pass

    # ``ended`` is the base's

    def end_media(self) -> None:
        """In place of telling ``calls`` alone."""
        self._services.hang_up(self._key, Tags(self._media_of or "", self._from_tag or "", self._to_tag or ""))


class DialogExchange(DialogExchangeBase):
    """INVITE, UPDATE or PRACK within a call. The fields are the base's, and so is what becomes of the call and its media."""

    __slots__ = ()

    _calls: Calls
    _cookie: Cookie
    _message: Message

    sees = SEES_IDENTITIES | SEES_SUCCESSES

    def identified(self, response: Message) -> None:
        """Whoever answers says who it is."""
        calls, cookie = self._calls, self._cookie
        answering = CALLEE if cookie.caller_to_callee(self._message) else CALLER
        calls.trunks.filter_identity(calls.get(cookie.call_key), response, answering)

    def challenged(self, branch: Branch, response: Message) -> bool:
        return False

    def branch_ended(self, branch: Branch, status: int) -> None:
        pass

    def ended(self, context: ResponseContext, status: int) -> None:
        pass
