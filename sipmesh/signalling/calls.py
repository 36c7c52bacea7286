"""The calls this worker proxies: what is known of each, in the store for everybody to see, and how the node ends one itself.

A call is recorded before its INVITE leaves, and forgotten when its INVITE fails or a BYE passes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from native.sip import CallLeg, CallsBase, Message, begun_by, callee_of
from sipcore.ports import Counters
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.timers import Timers
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.call_trunks import CallTrunks
from sipmesh.signalling.cdr_maker import CdrMaker, quality_of
from sipmesh.signalling.cseq_shift import with_shift
from sipmesh.signalling.early_offers import EarlyOffers
from sipmesh.signalling.legs import CALLEE, CALLER, keep_fork
from sipmesh.signalling.trunks import TrunkState

UNCONFIRMED_S = 64.0  # a 2xx is repeated for 64*T1 (RFC 3261 section 13.3.1.4), and then a BYE for as long

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest
    from sipmesh.signalling.media_client import Body
    from sipmesh.store.live import Calls as StoredCalls


class Calls(CallsBase):
    """``trunks``: those of ``CallTrunks``. ``relayed``: the media of calls is. ``cdrs``: told of each call that ends, or None.

    What a call with one dialog needs is the base's: ``begin``, ``answered``, ``within``, ``hangs_up``, ``hung_up``, ``end``.
    """

    trunks: CallTrunks
    early_offers: EarlyOffers
    _cdrs: CdrMaker | None
    _invites: dict[str, InboundRequest]
    _stored: StoredCalls

    def __init__(
        self,
        stored: StoredCalls,
        timers: Timers,
        counters: Counters,
        trunks: dict[str, TrunkState],
        *,
        relayed: bool = False,
        cdrs: CdrMaker | None = None,
        owns: Callable[[str], bool] = lambda call_id: True,
    ) -> None:
        """``owns``: whether a call, by its Call-ID, is this worker's."""
        super().__init__(stored, timers, counters, cdrs)
        self.relayed = relayed
        self._owns = owns
        self.trunks = CallTrunks(trunks)
        self.early_offers = EarlyOffers()

    def load(self) -> None:
        """Takes over the answered calls of the worker before this one; those that only rang are gone with it."""
        for key, record in [(key, record) for key, record in self._stored.all() if self._owns(record.call_id)]:
            if record.state == "answered":
                self.add(key, record)
            else:
                self._stored.delete(key)
                if self._cdrs is not None:
                    self._cdrs.ended(key, record, "lost")

    def stop(self) -> None:
        """The node stops: calls that ring end with it, and so do those whose media it relays."""
        for key, record in list(self._calls.items()):
            if record.state != "answered" or record.ng_call_id:
                self.end(key, "node-stop")

    def trunks_replaced(self) -> None:
        self.trunks.count_anew(self._calls.values())

    def keys_of(self, call_id: str) -> tuple[str, ...]:
        return self._keys.get(call_id, ())

    def context_of(self, key: str) -> ResponseContext | None:
        """Of a call that is not answered yet."""
        invite = self._invites.get(key)
        return None if invite is None else invite.context

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

    def answered_again(self, key: str, leg: CallLeg) -> None:
        """A 2xx of another branch makes a dialog beside the call's (RFC 3261 section 13.2.2.4)."""
        record = self._calls[key]
        if leg.tag != record.to_tag and keep_fork(record, leg):
            self.put(key, record)

    def sent_as(self, key: str, side: int, cseq: int, sent: int) -> None:
        """A request that ``side`` gave the number ``cseq`` leaves with ``sent``."""
        record = self._calls.get(key)
        if record is None:
            return
        shifts = list(record.shifts)
        shifts[side] = with_shift(shifts[side], cseq, sent - cseq)
        for leg in (record.legs[CALLEE], *record.forks) if side == CALLER else (record.legs[CALLER],):
            leg.cseq = max(leg.cseq, sent)
        if shifts[side] is not record.shifts[side]:
            record.shifts = (shifts[0], shifts[1])
            self.put(key, record)

    def unrelayed(self, key: str) -> None:
        """It was answered, and no body of it went through the daemon."""
        record = self._calls[key]
        record.ng_call_id = ""
        self.put(key, record)

    def ending(self, key: str) -> None:
        """We end it ourselves: nobody shall do so again."""
        record = self._calls[key]
        record.state = "ending"
        record.bye_at, record.bye_by = self._timers.wall, "node"
        self.put(key, record)

    def dialog_ended(self, key: str, tags: tuple[str | None, str | None]) -> None:
        """A BYE with these tags had its answer, in a call that has, or had, several dialogs: it ends with the last of those
        that were answered. A BYE in an early one ends nothing."""
        record = self._calls[key]
        if not record.belongs(*tags):
            record.forks = [leg for leg in record.forks if leg.tag not in tags]
        elif record.forks and record.state == "answered":
            record.legs[CALLEE] = record.forks.pop(0)
            record.to_tag = record.legs[CALLEE].tag
            record.bye_at, record.bye_by = 0.0, ""
        else:
            self.end(key, "bye")
            return
        self.put(key, record)

    def wants_quality(self, key: str) -> bool:
        """Whether the figures of its media are for a CDR or the log."""
        if self._cdrs is None or not self._cdrs.wants_quality:
            return False
        record = self._calls.get(key)
        return record is not None and record.state == "answered" and bool(record.ng_call_id)

    def measured(self, key: str, reply: Body | None) -> None:
        """``reply``: to a query of its media, or its delete; perhaps it is not there any more."""
        record = self._calls.get(key)
        if record is not None and reply is not None and "tags" in reply:
            record.media = (quality_of(reply, record.from_tag), quality_of(reply, record.to_tag))

    def silent(self, call_id: str, tag: str) -> None:
        """Nothing is heard of the party with that tag, while the other one is."""
        for key in self._keys.get(call_id, ()):
            record = self._calls[key]
            if tag and tag in (record.from_tag, record.to_tag):
                record.silent = "caller" if tag == record.from_tag else "callee"
                self.put(key, record)

    def goes_on(self, key: str) -> None:
        """The BYE was challenged."""
        record = self._calls.get(key)
        if record is not None and record.state != "ending":
            record.bye_at, record.bye_by = 0.0, ""

    def one_key_less(self, call_id: str, key: str) -> None:
        self._keys[call_id] = tuple(each for each in self._keys[call_id] if each != key)

    def relayed_keys(self) -> list[str]:
        """Of answered calls whose media the daemon should have."""
        return [key for key, record in self._calls.items() if record.state == "answered" and record.ng_call_id]

    def end_unconfirmed(self) -> None:
        """Forgets calls that were answered, but neither ACK nor BYE came while the callee may have waited for one or sent the
        other. Where media is relayed, that tells whether they live."""
        limit = self._timers.wall - UNCONFIRMED_S
        while key := next(iter(self._unconfirmed), None):
            record = self._calls.get(key)
            if record is not None and record.answered_at > limit:
                return
            del self._unconfirmed[key]
            if record is not None and record.state == "answered" and not record.ng_call_id and not record.bye_at:
                record.bye_at = record.answered_at
                self.end(key, "unconfirmed", by="node")

    def older_than(self, age_s: float) -> list[str]:
        """Keys of calls that started so long ago."""
        limit = self._timers.wall - age_s
        return [key for key, record in self._calls.items() if record.started_at < limit]
