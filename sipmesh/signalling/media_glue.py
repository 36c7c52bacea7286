"""Session descriptions on their way through: each offer and answer goes to the media daemon and comes back rewritten.

Which it is follows from the transaction alone (RFC 3261 section 13.2.1, RFC 3264): a body in a request is an offer, and one in
its responses the answer, or, when the request had none, an offer that ACK or PRACK answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec

from media import bencode
from native.sip import GlueBase, InviteMediaBase, Message, PassingBody
from sipcore.ports import Counters, Proceed
from sipmesh.signalling.media_client import Answered, Body, Media
from sipmesh.signalling.media_security import PASSES, Legs, asked, is_secured

if TYPE_CHECKING:
    from sipcore.proxy.context import Branch

SDP = "application/sdp"
UNAVAILABLE = (503, "Media Relay Unavailable")
NOT_ACCEPTABLE = (488, "Not Acceptable Here")
INSECURE = (488, "SRTP Needed")
FULL = frozenset({"Parallel session limit reached", "Ran out of ports"})  # as rtpengine words them

log = logging.getLogger(__name__)


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Who sent a body. ``host``: where the SIP message came from, and behind NAT its media too; "" when unknown."""

    host: str
    natted: bool


NO_TAG = "-"  # of a party that has none (RFC 2543), as ng wants one


class Tags(msgspec.Struct, frozen=True, gc=False):
    """A dialog as ng names it. ``via_branch`` tells the branches of a fork apart until they have To tags."""

    call_id: str
    caller: str  # From tag of the request, "" when it has none
    callee: str  # To tag, "" before it is known
    via_branch: str = ""
    early: bool = False  # nobody has answered the INVITE yet


def has_sdp(message: Message) -> bool:
    return bool(message.body) and message.content_type == SDP


class MediaGlue(GlueBase):
    """Sends bodies to the daemon, and lets the message go with what comes back; the base's is the way of those that leave
    (native/csip/sip_media_glue.c). ``srtp``: the caller's and the callee's of ``tags``; for a request within a dialog those are
    who sent it and the other one."""

    def __init__(self, media: Media, counters: Counters) -> None:
        super().__init__(media, counters)

    def offer(
        self, message: Message, tags: Tags, sender: Sender, proceed: Proceed, *, reverse: bool = False, srtp: Legs = PASSES
    ) -> None:
        """``message`` carries an offer; ``reverse``: of the callee (in a response to a request without one)."""
        more: Body = {}
        if srtp != PASSES:
            offerer, answerer = reversed(srtp) if reverse else srtp
            if offerer == "mandatory" and not is_secured(message.body):
                self._insecure("offer", message.call_id, proceed)
                return
            more = asked(offerer, answerer)
        self._pass("offer", message, tags, sender, proceed, reverse=reverse, more=more)

    def answer(
        self, message: Message, tags: Tags, sender: Sender, proceed: Proceed, *, reverse: bool = False, srtp: Legs = PASSES
    ) -> None:
        """``message`` carries the answer to the caller's offer; ``reverse``: to the callee's."""
        offerer, answerer = reversed(srtp) if reverse else srtp
        if answerer == "mandatory" and not is_secured(message.body):
            self._insecure("answer", message.call_id, proceed)
            return
        self._pass("answer", message, tags, sender, proceed, reverse=reverse, insists=offerer == "mandatory")

    def delete(self, tags: Tags, done: Answered | None = None) -> None:
        """Ends the media of a branch, or of a dialog; ``done`` gets the figures."""
        body: Body = {"command": "delete", "call-id": tags.call_id, "from-tag": tags.caller or NO_TAG}
        if tags.callee:
            body["to-tag"] = tags.callee
        if tags.via_branch:
            body["via-branch"] = tags.via_branch
        body["flags"] = ["fast" if done is None else "brief"]
        self._media.request(bencode.encode(body), partial(self._deleted, done))

    def query(self, tags: Tags, done: Answered) -> None:
        """The figures of a call's media."""
        self._media.request(bencode.encode({"command": "query", "call-id": tags.call_id, "flags": ["brief"]}), done)

    def _pass(
        self,
        command: str,
        message: Message,
        tags: Tags,
        sender: Sender,
        proceed: Proceed,
        *,
        reverse: bool,
        insists: bool = False,
        more: Body | None = None,
    ) -> None:
        """In ng the from-tag is always the offerer's, in its answer too. ``insists``: who gets the body takes no plain RTP.
        ``more``: keys of the request."""
        caller = tags.caller or NO_TAG
        offerer, answerer = (tags.callee, caller) if reverse else (caller, tags.callee)
        texts = (tags.call_id, offerer, answerer, tags.via_branch, sender.host)
        entries = bencode.encode(more)[1:-1] if more else b""
        self.pass_body(command, message, texts, proceed, natted=sender.natted, early=tags.early, insists=insists, more=entries)

    def answered(self, passing: PassingBody, reply: Body | None) -> None:
        """What the daemon says of a body, where that isn't a plain assent."""
        command, call_id = passing.command, passing.message.call_id
        if reply is None:
            self._count(command, "unanswered")
            log.error("no answer from the media daemon to %s", command, extra={"call_id": call_id})
            passing.stay(*UNAVAILABLE)
            return
        sdp = reply.get("sdp")
        if reply.get("result") == "ok" and isinstance(sdp, str):
            body = sdp.encode("utf-8", "surrogateescape")
            if passing.insists and not is_secured(body):
                self._insecure(command, call_id, passing.stay)
                return
            passing.arrive(body)
            return
        reason = str(reply.get("error-reason") or reply.get("message") or "no session description in the reply")
        full = reason in FULL or reply.get("result") == "load limit"
        self._count(command, "full" if full else "refused")
        log.warning("the media daemon refuses the %s: %s", command, reason, extra={"call_id": call_id})
        passing.stay(*(UNAVAILABLE if full else NOT_ACCEPTABLE))

    def _insecure(self, command: str, call_id: str, proceed: Callable[[int, str], None]) -> None:
        self._count(command, "insecure")
        log.warning("the %s would leave plain RTP where srtp is mandatory", command, extra={"call_id": call_id})
        proceed(*INSECURE)

    def _deleted(self, done: Answered | None, reply: Body | None) -> None:
        self._count("delete", "unanswered" if reply is None else str(reply.get("result")))
        if done is not None:
            done(reply)

    def _count(self, command: str, outcome: str) -> None:
        self._counters[f"ng_requests_total|command={command},outcome={outcome}"] += 1


class Judge(Protocol):
    """Whoever decides what becomes of a message whose body the daemon did not let pass."""

    def unserved(self, branch: Branch, message: Message, proceed: Proceed, status: int, reason: str) -> None:
        """Calls ``proceed`` with status and reason."""


class InviteMedia(InviteMediaBase):
    """The media of an initial INVITE: one offer per branch, and its end when the branch fails. The fields are the base's, and
    so is the way of bodies whose SRTP is the parties' own (native/csip/sip_media_invite.c)."""

    __slots__ = ()

    _glue: MediaGlue
    _srtp: Legs
    _call_id: str
    _caller_tag: str
    _host: str  # of the sender, who may be ``_natted``
    _natted: bool
    _open: set[str]  # via-branches the daemon knows
    offered: bool  # by the caller

    def secure(self, branch: Branch, message: Message, proceed: Proceed, judge: Judge | None) -> None:
        """As ``request_out`` and ``response_in``, of a call that is to have, or not to have, SRTP on one side."""
        let_go = partial(_let_go, judge, branch, message, proceed)
        if message.is_request:
            self._open.add(branch.via_branch)
            sender = Sender(self._host, self._natted)
            self._glue.offer(message, self._tags(branch, ""), sender, let_go, srtp=self._srtp)
            return
        tags = self._tags(branch, message.to_tag or "")
        sender = Sender(branch.flow.remote[0], branch.target.natted)
        if self.offered:
            self._glue.answer(message, tags, sender, let_go, srtp=self._srtp)
        else:
            self._open.add(branch.via_branch)
            self._glue.offer(message, tags, sender, let_go, reverse=True, srtp=self._srtp)

    def unserved(self, branch: Branch, message: Message, proceed: Proceed, status: int, reason: str) -> None:
        """Without relay the request fails as a whole: no other target would fare better, and this one is not to blame."""
        branch.context.refuse(status, reason)
        proceed(status, reason)

    def branch_ended(self, branch: Branch, status: int) -> None:
        if status >= 300 and branch.via_branch in self._open:
            self._open.discard(branch.via_branch)
            self._glue.delete(self._tags(branch, ""))

    def _tags(self, branch: Branch, callee: str) -> Tags:
        return Tags(self._call_id, self._caller_tag, callee, branch.via_branch)


def _let_go(judge: Judge | None, branch: Branch, message: Message, proceed: Proceed, status: int = 0, reason: str = "") -> None:
    if status and judge is not None:
        judge.unserved(branch, message, proceed, status, reason)
    else:
        proceed(status, reason)


class DialogMedia:
    """The media of a request within a dialog: re-INVITE, UPDATE, PRACK.

    ``answering``: a body in the request answers an offer that a response brought (PRACK after a reliable 18x, RFC 3262
    section 5). ``early``: the call rings. ``srtp``: the sender's and the receiver's.
    """

    __slots__ = ("_answering", "_glue", "_offered", "_receiver", "_sender", "_srtp", "_tags")

    def __init__(
        self,
        glue: MediaGlue,
        request: Message,
        sender: Sender,
        receiver_natted: bool,
        *,
        answering: bool = False,
        early: bool = False,
        srtp: Legs = PASSES,
    ) -> None:
        self._glue = glue
        self._srtp = srtp
        self._tags = Tags(request.call_id, request.from_tag or "", request.to_tag or "", early=early)
        self._sender = sender
        self._receiver = receiver_natted
        self._answering = answering
        self._offered = has_sdp(request) and not answering

    def request_out(self, request: Message, proceed: Proceed) -> None:
        if not has_sdp(request):
            proceed()
        elif self._answering:
            self._glue.answer(request, self._tags, self._sender, proceed, reverse=True, srtp=self._srtp)
        else:
            self._glue.offer(request, self._tags, self._sender, proceed, srtp=self._srtp)

    def response_in(self, branch: Branch, response: Message, proceed: Proceed) -> None:
        if response.status >= 300 or not has_sdp(response):
            proceed()
            return
        sender = Sender(branch.flow.remote[0], self._receiver)
        if self._offered:
            self._glue.answer(response, self._tags, sender, proceed, srtp=self._srtp)
        else:
            self._glue.offer(response, self._tags, sender, proceed, reverse=True, srtp=self._srtp)
