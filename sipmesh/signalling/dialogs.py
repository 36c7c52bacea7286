"""Requests within a call, held against its record.

Those that came without our Route: user agents that ignore Record-Route send ACK and BYE to us as if we were the other side.
Call-ID, both tags and the address of the party that the tags name must agree with the record of an answered call; nothing
else of such a request is believed, and it goes where the record says the other side is.

Those that came with our cookie: it lets the parties reach each other, and must not let them call somebody else unseen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from native.sip import Message, NameAddr, Uri, flow_name
from sipcore.errors import PeerError
from sipcore.flow import Flow
from sipcore.ports import Counters, Dialog
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.legs import CALLEE, CALLER
from sipmesh.signalling.trunks import Trunks
from sipmesh.store import CallLeg, CallRecord

if TYPE_CHECKING:
    from native.sip import Address

OF_CALLS = frozenset({"ACK", "INVITE", "BYE", "UPDATE", "PRACK", "INFO"})  # what belongs to no dialog but that of an INVITE
STARTS_SOMETHING = frozenset({"INVITE", "REFER", "SUBSCRIBE", "MESSAGE"})  # outside a dialog these need an account
RENEGOTIATES = frozenset({"INVITE", "UPDATE", "PRACK"})  # an offer or an answer may come with it, or with its response
WITHIN_CALLS = OF_CALLS | {"REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "OPTIONS"}
DEFAULT_PORT = 5060  # of a URI without one


class Dialogs:
    """``trunks``: any address of a trunk may speak for its side."""

    def __init__(self, calls: Calls, trunks: Trunks, counters: Counters) -> None:
        self._calls = calls
        self._trunks = trunks
        self._counters = counters

    def find(self, request: Message, flow: Flow) -> Dialog | None:
        """The dialog of ``request``, which came over ``flow`` with a To tag and without our cookie."""
        if request.method not in WITHIN_CALLS:
            return None
        tags = (request.from_tag, request.to_tag)
        found = None
        for key in self._calls.keys_of(request.call_id):
            record = self._calls.get(key)
            sender = None if record is None else _side_of(record, tags)
            if record is None or sender is None or not record.legs[1 - sender].remote_target:
                continue
            leg = record.legs[sender]
            if (leg.remote_host, leg.remote_port) == flow.remote:
                found = _dialog(key, record, sender)
                break
            if found is None and self._speaks_for(record, sender, flow.remote):
                found = _dialog(key, record, sender)
        self._counters[f"sip_dialog_requests_without_route_total|known={'no' if found is None else 'yes'}"] += 1
        return found

    def check_target(self, request: Message, call_key: str, is_ours: Callable[[Uri], bool]) -> None:
        """PeerError when ``request``, which the cookie of a call lets pass, is of no dialog of that call, or would leave for a
        place that isn't the other side's (RFC 3261 section 12.2.1.1: it is the remote target, or the first of the route set).
        What leads back to us is looked at then. Of a subscription there is no record: it is kept from other trunks only."""
        hop = request.routes[0].uri if request.has_route else request.request_uri
        if is_ours(hop):
            return
        record = self._calls.get(call_key)
        legs = None if record is None else record.sides(request)
        if legs is None and (record is not None or request.method != "SUBSCRIBE"):
            self._counters["sip_dialog_requests_unknown_total"] += 1
            raise PeerError(481, "Call Does Not Exist")
        if legs is not None and (hop.host, hop.port or DEFAULT_PORT) == (legs[1].remote_host, legs[1].remote_port):
            return  # the very address it uses, though a trunk's target may have the same host
        dialog = record or self._calls.trunks.subscriptions.get(call_key)
        known = () if dialog is None else (dialog.trunk_in, dialog.trunk_out)
        trunks = self._trunks.with_target(hop.host)
        if (legs is not None and not _leads_to(hop, legs[1])) or (trunks and trunks.isdisjoint(known)):
            self._counters["sip_dialog_requests_elsewhere_total"] += 1
            raise PeerError(403, "Not The Other Side Of This Call")

    def _speaks_for(self, record: CallRecord, side: int, source: Address) -> bool:
        if source[0] == record.legs[side].remote_host:
            return True
        name = record.trunk_out if side == CALLEE else record.trunk_in
        trunk = self._trunks.by_source(source[0]) if name else None
        return trunk is not None and trunk.name == name


def _side_of(record: CallRecord, tags: tuple[str | None, str | None]) -> int | None:
    """Who sent a request with these From and To tags; None when it is neither side, or nobody answered yet."""
    if not record.from_tag or not record.to_tag:
        return None
    if tags == (record.from_tag, record.to_tag):
        return CALLER
    return CALLEE if tags == (record.to_tag, record.from_tag) else None


def _leads_to(hop: Uri, leg: CallLeg) -> bool:
    """Whether ``hop`` is where ``leg`` is: by address and port of its Contact or route set, or by the address it uses."""
    if hop.host == leg.remote_host or not leg.remote_target:
        return True
    known = [Uri(leg.remote_target)]
    if leg.route_set:
        known.append(NameAddr(leg.route_set[0]).uri)
    return any((hop.host, hop.port) == (uri.host, uri.port) for uri in known)


def _dialog(key: str, record: CallRecord, sender: int) -> Dialog:
    caller, callee = record.legs
    other = record.legs[1 - sender]
    return Dialog(key, record.from_tag, _flow_of(caller), _flow_of(callee), other.remote_target, other.route_set)


def _flow_of(leg: CallLeg) -> str:
    return flow_name(leg.listener, leg.remote_host, leg.remote_port, leg.connection_id) if leg.natted else ""
