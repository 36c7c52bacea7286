"""Ending a call that neither side ended: media stopped, or somebody asked for it."""

from __future__ import annotations

import logging
from functools import partial

from native.sip import Message, ParseError, Uri
from sipcore.flow import FlowTable
from sipmesh.addresses import sip_uri
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.instances import GRUU_MARK
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.media_client import Body
from sipmesh.signalling.media_glue import MediaGlue, Tags
from sipmesh.signalling.requester import UNREACHABLE, Done, Requester
from sipmesh.signalling.trunks import TrunkState
from sipmesh.store import CallLeg, CallRecord

ONE_WAY = "one-way audio"
MEDIA_TIMEOUT = "media timeout"  # as the daemon calls it
NO_RELAY = 'SIP;cause=503;text="Media Relay Unavailable"'
NO_MEDIA = 'SIP;cause=408;text="No Media"'

log = logging.getLogger(__name__)


class CallEnder:
    """BYE to both sides, each in the name of the other; a call that only rings gets a final response instead."""

    def __init__(self, calls: Calls, requester: Requester, flows: FlowTable, glue: MediaGlue | None) -> None:
        self._calls = calls
        self._requester = requester
        self._flows = flows
        self._glue = glue

    def end(self, key: str, cause: str, reason: str, *, has_media: bool = True) -> bool:
        """``cause``: a word for the counters; ``reason``: value of the Reason header (RFC 3326); ``has_media``: the daemon
        still has it. False: no such call."""
        record = self._calls.get(key)
        if record is None or record.state == "ending":
            return False
        log.info("ending the call from %s to %s: %s", record.caller, record.callee, cause, extra={"call_id": record.call_id})
        if record.state == "ringing":
            context = self._calls.context_of(key)
            self._calls.end(key, cause, by="node")
            if context is not None:
                context.refuse(480, "Call Ended By This Node")
            return True
        if self._glue is not None and has_media and self._calls.wants_quality(key):
            tags = Tags(record.call_id, record.from_tag, record.to_tag)
            self._glue.query(tags, partial(self._calls.measured, key))
        self._calls.ending(key)
        waiting = {CALLER, CALLEE}
        for side in (CALLER, CALLEE):
            self._bye(record, side, reason, partial(self._said, key, cause, waiting, side))
        return True

    def hang_up_callee(self, record: CallRecord) -> None:
        """BYE to a callee whose answer can't be passed on, so that he does not wait for an ACK."""
        self._bye(record, CALLEE, NO_RELAY, lambda status, response: None)

    def on_media_event(self, body: Body) -> None:
        """After a media timeout the daemon has ended the media already, and tells its figures. Other events change nothing."""
        if body.get("event") == ONE_WAY:
            call_id, silent = str(body.get("call-id", "")), str(body.get("silent", ""))
            log.warning("one-way audio: nothing is heard of %s", silent or "a party without tag", extra={"call_id": call_id})
            self._calls.silent(call_id, silent)
        if body.get("event") != MEDIA_TIMEOUT:
            return
        for key in self._calls.keys_of(str(body.get("call-id", ""))):
            record = self._calls.get(key)
            if record is not None and record.state == "answered" and _concerns(body, record):
                if self._calls.wants_quality(key):
                    self._calls.measured(key, body)
                self.end(key, "media-timeout", NO_MEDIA, has_media=False)

    def _said(self, key: str, cause: str, waiting: set[int], side: int, status: int, response: Message | None) -> None:
        waiting.discard(side)
        if not waiting:
            record = self._calls.get(key)
            self._calls.end(key, cause)
            if record is not None and self._glue is not None:
                self._glue.delete(Tags(record.call_id, record.from_tag, record.to_tag))

    def _bye(self, record: CallRecord, side: int, reason: str, done: Done) -> None:
        leg, other = record.legs[side], record.legs[1 - side]
        names = (record.caller, record.callee)
        leg.cseq += 1
        headers = [("Route", route) for route in leg.route_set]
        headers += [
            ("From", f"<{sip_uri(names[1 - side])}>;tag={other.tag}"),
            ("To", f"<{sip_uri(names[side])}>" + (f";tag={leg.tag}" if leg.tag else "")),
            ("Call-ID", record.call_id),
            ("CSeq", f"{leg.cseq} BYE"),
            ("Reason", reason),
        ]
        try:
            self._send(leg, headers, done, self._calls.trunks.towards(record, side))
        except ParseError as error:
            log.warning("no BYE to %s: %s", leg.remote_target, error.reason, extra={"call_id": record.call_id})
            done(UNREACHABLE, None)

    def _send(self, leg: CallLeg, headers: list[tuple[str, str]], done: Done, trunk: TrunkState | None) -> None:
        flow = None
        if leg.natted or leg.connection_id or GRUU_MARK in leg.remote_target:
            flow = self._flows.flow_of(leg.listener, (leg.remote_host, leg.remote_port), leg.connection_id)
            if flow is None and leg.natted:
                done(UNREACHABLE, None)
                return
        digest = trunk.digest if trunk is not None else None
        next_hop = _route_uri(leg.route_set[0]) if leg.route_set else leg.remote_target
        self._requester.send("BYE", leg.remote_target, headers, done, next_hop=next_hop, flow=flow, digest=digest)


def _concerns(body: Body, record: CallRecord) -> bool:
    """An event may name a tag; then it is about that dialog of a forked call alone."""
    tags = {body[name] for name in ("from-tag", "to-tag") if body.get(name)}
    return tags <= {record.from_tag, record.to_tag}


def _route_uri(route: str) -> str:
    return Uri(route.partition("<")[2].partition(">")[0] or route).text
