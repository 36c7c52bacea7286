"""The calls this worker proxies: what is known of each, in the store for everybody to see, and how the node ends one itself.

A call is recorded before its INVITE leaves, and forgotten when its INVITE fails or a BYE passes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from native.sip import Message
from sipcore.ports import Counters
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.proxy.cookie import Cookie
from sipcore.timers import Timers
from sipmesh.addresses import join_host_port
from sipmesh.signalling.cdr_maker import CdrMaker, quality_of
from sipmesh.signalling.cseq_shift import with_shift
from sipmesh.signalling.legs import CALLEE, CALLER, MAX_ROUTE_SET, belongs, callee_of, contact_of, keep_fork, legs_of
from sipmesh.signalling.media_security import PASSES, Legs
from sipmesh.signalling.privacy import filter_identity
from sipmesh.signalling.trunks import TrunkState
from sipmesh.store import CallLeg, CallRecord, Ender, Names

if TYPE_CHECKING:
    from sipcore.proxy.core import InboundRequest
    from sipmesh.signalling.media_client import Body
    from sipmesh.store.live import Calls as StoredCalls

MAX_EARLY_OFFERS = 10_000  # that no PRACK has answered, of all calls
MAX_TEXT_CHARS = 512  # of an address kept for show

log = logging.getLogger(__name__)

TrunkOf = Callable[[str], TrunkState | None]


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
        self._trunk_of = trunk_of
        self._relayed = relayed
        self._cdrs = cdrs
        self._owns = owns
        self._calls: dict[str, CallRecord] = {}
        self._keys: dict[str, list[str]] = {}  # by Call-ID; more than one when a call spirals through us
        self._contexts: dict[str, ResponseContext] = {}  # of calls not answered yet
        self.credentials: dict[tuple[str, int], list[tuple[str, str]]] = {}  # of the last INVITE of a side, by key of the call
        self.edited: set[str] = set()  # keys of calls over a trunk whose messages we change
        self._early_offers: set[tuple[str, str]] = set()  # key and To tag

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

    def get(self, key: str) -> CallRecord | None:
        return self._calls.get(key)

    def keys_of(self, call_id: str) -> list[str]:
        return list(self._keys.get(call_id, ()))

    def context_of(self, key: str) -> ResponseContext | None:
        """Of a call that is not answered yet."""
        return self._contexts.get(key)

    def begin(
        self,
        request: InboundRequest,
        caller: str,
        callee: str,
        trunk_in: str,
        trunk_out: str,
        *,
        destination: str = "",
        route: str = "",
        srtp: Legs = PASSES,
        names: Names | None = None,
    ) -> None:
        """An INVITE that makes a dialog is about to be proxied."""
        message = request.message
        flow = request.flow
        host, port = request.source
        leg = CallLeg(
            tag=message.from_tag or "",
            remote_target=contact_of(message),
            route_set=tuple(message.values("Record-Route")[:MAX_ROUTE_SET]),
            listener=flow.listener.index,
            remote_host=host,
            remote_port=port,
            connection_id=flow.connection_id,
            natted=request.natted,
        )
        record = CallRecord(
            call_id=message.call_id,
            from_tag=message.from_tag or "",
            caller=caller[:MAX_TEXT_CHARS],
            callee=callee[:MAX_TEXT_CHARS],
            source=join_host_port(host, port),
            trunk_in=trunk_in,
            trunk_out=trunk_out,
            started_at=self._timers.wall,
            legs=[leg, CallLeg(cseq=message.cseq)],
            ng_call_id=message.call_id if self._relayed else "",
            destination=destination[:MAX_TEXT_CHARS],
            route=route,
            srtp=srtp,
            names=names,
        )
        self._add(request.call_key, record)
        self._stored.put(request.call_key, record)
        self.counters["sip_calls_started_total"] += 1

    def refused(self, request: InboundRequest, caller: str, callee: str, trunk_in: str, status: int) -> None:
        """An INVITE of somebody we know leads nowhere: a call that ended as it began."""
        if self._cdrs is not None:
            message = request.message
            record = CallRecord(
                call_id=message.call_id,
                caller=caller[:MAX_TEXT_CHARS],
                callee=callee[:MAX_TEXT_CHARS],
                source=join_host_port(*request.source),
                trunk_in=trunk_in,
                started_at=self._timers.wall,
            )
            self._cdrs.ended(request.call_key, record, "refused", status)

    def rang(self, key: str) -> None:
        """A callee rings. Not stored: a call that rings ends with its worker."""
        record = self._calls.get(key)
        if record is not None and not record.ringing_at:
            record.ringing_at = self._timers.wall

    def ringing(self, key: str, context: ResponseContext) -> None:
        self._contexts[key] = context

    def early_offer(self, key: str, to_tag: str) -> None:
        """A reliable provisional response brought an offer, which a PRACK of that early dialog answers (RFC 3262 section 5)."""
        if key in self._contexts and len(self._early_offers) < MAX_EARLY_OFFERS:
            self._early_offers.add((key, to_tag))

    def takes_early_offer(self, key: str, to_tag: str) -> bool:
        """Whether such an offer waits; it does so once."""
        waiting = (key, to_tag) in self._early_offers
        self._early_offers.discard((key, to_tag))
        return waiting

    def early(self, key: str, branch: Branch, response: Message) -> None:
        """A reliable provisional response makes an early dialog (RFC 3262 section 3). Not stored, like all that rings."""
        record = self._calls.get(key)
        if record is not None and record.state == "ringing":
            keep_fork(record, callee_of(record, branch, response))

    def answered(self, key: str, branch: Branch, response: Message) -> None:
        """A 2xx. The first makes the call; those of other branches make dialogs beside it (RFC 3261 section 13.2.2.4)."""
        record = self._calls.get(key)
        if record is None or response.to_tag == record.to_tag:
            return
        leg = callee_of(record, branch, response)
        if record.state != "ringing":
            if keep_fork(record, leg):
                self._stored.put(key, record)
            return
        record.forks = []
        record.to_tag = leg.tag
        record.legs[CALLEE] = leg
        record.state = "answered"
        record.ng_branch = branch.via_branch if self._relayed else ""
        record.answered_at = self._timers.wall
        self._contexts.pop(key, None)
        self._stored.put(key, record)
        self.counters["sip_calls_answered_total"] += 1

    def in_dialog(self, cookie: Cookie, request: Message) -> None:
        """Keeps the CSeq each side has seen, and the target it refreshed (RFC 3261 section 12.2.1.1)."""
        record = self._calls.get(cookie.call_key)
        if record is None:
            return
        if request.method == "BYE":
            if record.state != "ending" and belongs(record, request):
                by_caller = cookie.caller_to_callee(request)
                record.bye_at, record.bye_by = self._timers.wall, "caller" if by_caller else "callee"
            return
        if record.state == "ringing" and cookie.caller_to_callee(request):  # in whichever early dialog
            record.legs[CALLEE].cseq = max(record.legs[CALLEE].cseq, request.cseq)
        legs = legs_of(record, request)
        if legs is None:
            return
        sender, receiver = legs
        receiver.cseq = max(receiver.cseq, request.cseq)
        if request.method in ("INVITE", "UPDATE"):
            sender.remote_target = contact_of(request) or sender.remote_target
        self._stored.put(cookie.call_key, record)

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
            self._stored.put(key, record)

    def trunk_towards(self, record: CallRecord, side: int) -> TrunkState | None:
        """The trunk that ``side`` is behind."""
        name = record.trunk_out if side == CALLEE else record.trunk_in
        return self._trunk_of(name) if name else None

    def filter_identity(self, key: str, message: Message, sender: int) -> None:
        """Of a message within the call that ``sender`` sends: who is believed, and who is told, who it is (RFC 3325)."""
        record = self._calls.get(key)
        by = None if record is None else self.trunk_towards(record, sender)
        to = None if record is None else self.trunk_towards(record, 1 - sender)
        believed, trusted = (trunk is not None and trunk.config.trusted for trunk in (by, to))
        filter_identity(message, believed=believed, trusted=trusted, user=to is None)

    def response_in_dialog(self, cookie: Cookie, request: Message, response: Message) -> None:
        """A 2xx refreshes the target of the side it came from."""
        record = self._calls.get(cookie.call_key)
        contact = contact_of(response)
        legs = None if record is None else legs_of(record, request)
        if record is None or legs is None or not contact:
            return
        answering = legs[1]
        if answering.remote_target != contact:
            answering.remote_target = contact
            self._stored.put(cookie.call_key, record)

    def ending(self, key: str) -> None:
        """We end it ourselves: nobody shall do so again."""
        record = self._calls[key]
        record.state = "ending"
        record.bye_at, record.bye_by = self._timers.wall, "node"
        self._stored.put(key, record)

    def hung_up(self, key: str, bye: Message) -> None:
        """A BYE had its answer. The call ends with the last of its answered dialogs; a BYE in an early one ends nothing."""
        record = self._calls.get(key)
        if record is None or record.state == "ringing":
            return
        if not belongs(record, bye):
            record.forks = [leg for leg in record.forks if leg.tag not in (bye.from_tag, bye.to_tag)]
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
        self._contexts.pop(key, None)
        if self.edited:
            self.edited.discard(key)
            for side in (CALLER, CALLEE):
                self.credentials.pop((key, side), None)
        if record is None:
            return
        if self._early_offers:
            self._early_offers = {offer for offer in self._early_offers if offer[0] != key}
        keys = self._keys[record.call_id]
        keys.remove(key)
        if not keys:
            del self._keys[record.call_id]
        if record.trunk_in or record.trunk_out:
            self._count_on_trunks(record, -1)
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
        self._keys.setdefault(record.call_id, []).append(key)
        if record.trunk_in or record.trunk_out:
            self._count_on_trunks(record, 1)
            trunks = [self.trunk_towards(record, side) for side in (CALLER, CALLEE)]
            if any(record.shifts) or any(trunk is not None and trunk.edits for trunk in trunks):
                self.edited.add(key)
        if record.names is not None:
            self.edited.add(key)

    def _count_on_trunks(self, record: CallRecord, step: int) -> None:
        for name in (record.trunk_in, record.trunk_out):
            trunk = self._trunk_of(name) if name else None
            if trunk is not None:
                trunk.count_call(step)
