"""What every message passes before the transaction layer: parsing, Via checks and stamps, the 400 for what can't be parsed.

Does no I/O itself, so tests put it behind an in-memory wire.
"""

import logging
from collections import defaultdict
from collections.abc import Callable

from native.sip import Message, ParseError, crc_slot
from sipcore.admission import Admission
from sipcore.flow import Flow, FlowTable
from sipcore.ports import Counters
from sipcore.quiet_log import QuietLog
from sipcore.transaction import TransactionLayer
from sipcore.transport.stun import stun_answer

log = logging.getLogger(__name__)

# those with a counter of their own; a stranger must not invent counters
METHODS = frozenset(
    (
        *("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY"),
        *("OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER", "SUBSCRIBE", "UPDATE"),
    )
)


Gate = Callable[[Message, Flow], bool]


class Ingress:
    """``receive`` takes bytes from the transports; it raises for nothing that a peer sends."""

    def __init__(
        self,
        layer: TransactionLayer,
        flows: FlowTable,
        counters: Counters,
        gate: Gate | None = None,
        admission: Admission | None = None,
    ) -> None:
        """``gate`` says of each request whether it comes in; what does not is dropped, and the gate's to count. ``admission``
        says which of those wait."""
        self._quiet = QuietLog(log)
        self._gate = gate
        self._admission = admission
        self._layer = layer
        self._counters = counters
        self._our_sent_by = frozenset(listener.sent_by.lower() for listener in flows.listeners)
        self._request_names: defaultdict[str, dict[str, str]] = defaultdict(dict)  # of counters, by transport and method

    def receive(self, data: bytes, flow: Flow) -> None:
        """One datagram, or one message that was framed: a message, a keep-alive, or something that isn't SIP."""
        if data[:1] < b" ":
            data = self._skip_noise(data, flow)
            if not data:
                return
        try:
            message = Message.received(data, flow.remote)
        except ParseError as error:
            self.refuse(data, flow, error)
            return
        counters = self._counters
        if message.is_request:
            names = self._request_names[flow.listener.transport]
            counters[names.get(message.method) or self._name(message.method, flow.listener.transport)] += 1
            if self._gate is not None and not self._gate(message, flow):
                return
            admission = self._admission
            if admission is None or not admission.sorting or not admission.takes(message, flow):
                self._layer.receive_request(message, flow)
        elif message.via_sent_by in self._our_sent_by:
            counters["sip_responses_total"] += 1
            self._layer.receive_response(message, flow)
        else:  # RFC 3261 section 18.1.2
            counters["sip_dropped_responses_total|reason=sent-by"] += 1

    def _skip_noise(self, data: bytes, flow: Flow) -> bytes:
        """What follows line ends; nothing after keep-alives (empty, line ends, zero bytes, STUN that wants an answer)."""
        data = data.lstrip(b"\r\n")
        if not data.strip(b"\0"):
            self._counters["sip_keepalives_total|transport=udp"] += 1
            return b""
        if data[0] < 4:  # the first byte of STUN (RFC 7983 section 7)
            answer = None if flow.reliable else stun_answer(data, flow.remote)
            if answer is None:
                self._counters["sip_not_sip_total"] += 1
            else:
                self._counters["sip_keepalives_total|transport=udp"] += 1
                flow.send(answer)
            return b""
        return data

    def _name(self, method: str, transport: str) -> str:
        """Of the counter."""
        label = method if method in METHODS else "other"
        name = f"sip_requests_total|method={label},transport={transport}"
        if label == method:
            self._request_names[transport][method] = name
        return name

    def refuse(self, data: bytes, flow: Flow, error: ParseError) -> None:
        """Answers what is no proper message, if enough of it is readable (RFC 3261 section 16.3 item 1, section 18.3)."""
        self._counters[f"sip_parse_errors_total|header={error.header or 'start'}"] += 1
        self._quiet.warning("malformed messages", self._layer.timers.now, f"{flow.remote[0]}, {error.reason}")
        request = Message.salvage(data)
        if request is None or not request.is_request or request.method == "ACK":
            return
        try:
            request.stamp_source(*flow.remote)
        except ParseError:
            return  # nobody knows where an answer would have to go
        warning = f'399 {flow.listener.sent_by} "{error.reason}"'
        answer = request.reply(
            error.status,
            "Bad Request" if error.status == 400 else None,
            to_tag=f"{crc_slot(request.get('Via') or ''):08x}",  # the same for a retransmission (RFC 3261 section 8.2.7)
            headers=[("Warning", warning)],
        )
        self._layer.respond_statelessly(request, flow, answer)
