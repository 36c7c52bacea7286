"""The calls this worker proxies: what is known of each, in the store for everybody to see, and how the node ends one itself.

A call is recorded before its INVITE leaves, and forgotten when its INVITE fails or a BYE passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from native.sip import Message, begun_by, callee_of
from sipcore.ports import Counters
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.timers import Timers
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.call_trunks import CallTrunks, TrunkOf
from sipmesh.signalling.cdr_maker import CdrMaker, quality_of
from sipmesh.signalling.early_offers import EarlyOffers
from sipmesh.signalling.legs import CALLEE, belongs, keep_fork
from sipmesh.store import CallRecord, Ender

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest
    from sipmesh.signalling.media_client import Body
    from sipmesh.store.live import Calls as StoredCalls


class Calls:
    """``trunk_of`` finds a trunk by its name, for the count of its calls. ``relayed``: their media is. ``cdrs``: told of each
    call that ends, or None."""

    def __init__(
        self,
        stored: StoredCalls,
        timers: Timers,
        counters: Counters,
        trunk_of: TrunkOf,
        *,
        relayed: bool = False,
        cdrs: CdrMaker | None = None,
        owns: Callable[[str], bool] = lambda call_id: True,
    ) -> None:
        """``owns``: whether a call, by its Call-ID, is this worker's."""
        self._stored = stored
        self._timers = timers
        self.counters = counters
        self.relayed = relayed
        self._cdrs = cdrs
        self._owns = owns
        self._calls: dict[str, CallRecord] = {}
        self._keys: dict[str, tuple[str, ...]] = {}  # by Call-ID; more than one when a call spirals through us
        self._invites: dict[str, InboundRequest] = {}  # of calls not answered yet
        self.trunks = CallTrunks(trunk_of)
        self.early_offers = EarlyOffers()

    def __len__(self) -> int:
        return len(self._calls)

    def load(self) -> None:
        """Takes over the answered calls of the worker before this one; those that only rang are gone with it."""
        for key, record in [(key, record) for key, record in self._stored.all() if self._owns(record.call_id)]:
            if record.state == "answered":
                self._add(key, record)
            else:
                self._stored.delete(key)
                if self._cdrs is not None:
                    self._cdrs.ended(key, record, "lost")

    def stop(self) -> None:
        """The node stops: calls that ring end with it, and so do those whose media it relays."""
        for key, record in list(self._calls.items()):
            if record.state != "answered" or record.ng_call_id:
                self.end(key, "node-stop")

    def put(self, key: str, record: CallRecord) -> None:
        """``record`` has changed."""
        self._stored.put(key, record)

    def get(self, key: str) -> CallRecord | None:
        return self._calls.get(key)

    def keys_of(self, call_id: str) -> tuple[str, ...]:
        return self._keys.get(call_id, ())

    def context_of(self, key: str) -> ResponseContext | None:
        """Of a call that is not answered yet."""
        invite = self._invites.get(key)
        return None if invite is None else invite.context

    def begin(self, key: str, record: CallRecord, invite: InboundRequest) -> None:
        """``invite`` is about to leave."""
        self._add(key, record)
        self._invites[key] = invite
        self._stored.put(key, record)
        self.counters["sip_calls_started_total"] += 1

    def refused(self, request: InboundRequest, caller: Caller, status: int) -> None:
        """An INVITE of somebody we know leads nowhere: a call that ended as it began."""
        if self._cdrs is not None:
            record = begun_by(request, caller, None, self._timers.wall)
            self._cdrs.ended(request.call_key, record, "refused", status)

    def early(self, key: str, branch: Branch, response: Message) -> None:
        """A reliable provisional response makes an early dialog (RFC 3262 section 3). Not stored, like all that rings."""
        record = self._calls.get(key)
        if record is not None and record.state == "ringing":
            keep_fork(record, callee_of(record, branch, response))

    def answered(self, key: str, branch: Branch, response: Message) -> None:
        """A 2xx. The first makes the call; those of other branches make dialogs beside it (RFC 3261 section 13.2.2.4)."""
        record = self._calls.get(key)
        if record is None:
            return
        leg = callee_of(record, branch, response)
        if leg.tag == record.to_tag and record.state != "ringing":
            return
        if record.state != "ringing":
            if keep_fork(record, leg):
                self._stored.put(key, record)
            return
        record.forks = []
        record.to_tag = leg.tag
        record.legs[CALLEE] = leg
        record.state = "answered"
        record.ng_branch = branch.via_branch if self.relayed else ""
        record.answered_at = self._timers.wall
        self._invites.pop(key, None)
        self._stored.put(key, record)
        self.counters["sip_calls_answered_total"] += 1

    def ending(self, key: str) -> None:
        """We end it ourselves: nobody shall do so again."""
        record = self._calls[key]
        record.state = "ending"
        record.bye_at, record.bye_by = self._timers.wall, "node"
        self._stored.put(key, record)

    def hangs_up(self, key: str, from_tag: str | None, to_tag: str | None) -> None:
        """A BYE with these tags passes."""
        record = self._calls.get(key)
        if record is None or record.state == "ending":
            return
        if (record.from_tag == from_tag and record.to_tag == to_tag) or belongs(record, from_tag, to_tag):
            record.bye_at, record.bye_by = self._timers.wall, "caller" if from_tag == record.from_tag else "callee"

    def hung_up(self, key: str, from_tag: str | None, to_tag: str | None) -> None:
        """It had its answer. The call ends with the last of its answered dialogs; a BYE in an early one ends nothing."""
        record = self._calls.get(key)
        if record is None or record.state == "ringing":
            return
        if (record.from_tag != from_tag or record.to_tag != to_tag) and not belongs(record, from_tag, to_tag):
            record.forks = [leg for leg in record.forks if leg.tag not in (from_tag, to_tag)]
        elif record.forks and record.state == "answered":
            record.legs[CALLEE] = record.forks.pop(0)
            record.to_tag = record.legs[CALLEE].tag
            record.bye_at, record.bye_by = 0.0, ""
        else:
            self.end(key, "bye")
            return
        self._stored.put(key, record)

    def wants_quality(self, key: str) -> bool:
        """Whether the figures of its media are for a CDR or the log."""
        if self._cdrs is None or not self._cdrs.wants_quality:
            return False
        record = self._calls.get(key)
        return record is not None and record.state == "answered" and bool(record.ng_call_id)

    def measured(self, key: str, reply: Body | None) -> None:
        """``reply``: to a query of its media."""
        record = self._calls.get(key)
        if record is not None and reply is not None:
            record.media = (quality_of(reply, record.from_tag), quality_of(reply, record.to_tag))

    def silent(self, call_id: str, tag: str) -> None:
        """Nothing is heard of the party with that tag, while the other one is."""
        for key in self._keys.get(call_id, ()):
            record = self._calls[key]
            if tag and tag in (record.from_tag, record.to_tag):
                record.silent = "caller" if tag == record.from_tag else "callee"
                self._stored.put(key, record)

    def goes_on(self, key: str) -> None:
        """The BYE was challenged."""
        record = self._calls.get(key)
        if record is not None and record.state != "ending":
            record.bye_at, record.bye_by = 0.0, ""

    def end(self, key: str, cause: str, status: int = 0, by: Ender = "") -> None:
        """Forgets the call. ``cause``: one word for the counters; ``status``: the failure the caller got; ``by``: by whom."""
        record = self._calls.pop(key, None)
        if record is None:
            return
        if record.state == "ringing":
            self._invites.pop(key, None)
        if self.early_offers.waiting:
            self.early_offers.forget(key)
        keys = self._keys.pop(record.call_id)
        if keys != (key,):
            self._keys[record.call_id] = tuple(each for each in keys if each != key)
        if record.trunk_in or record.trunk_out or record.disguised:
            self.trunks.ended(key, record)
        self._stored.delete(key)
        if self._cdrs is not None:
            self._cdrs.ended(key, record, cause, status, by)
        self.counters[f"sip_calls_ended_total|cause={cause}"] += 1

    def older_than(self, age_s: float) -> list[str]:
        """Keys of calls that started so long ago."""
        limit = self._timers.wall - age_s
        return [key for key, record in self._calls.items() if record.started_at < limit]

    def _add(self, key: str, record: CallRecord) -> None:
        if key in self._calls:
            self.end(key, "replaced")
        self._calls[key] = record
        self._keys[record.call_id] = (*self._keys.get(record.call_id, ()), key)
        if record.trunk_in or record.trunk_out or record.disguised:
            self.trunks.begun(key, record)
