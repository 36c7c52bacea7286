"""What every message passes before the transaction layer: parsing, Via checks and stamps, the 400 for what can't be parsed.
The way of a proper message is in C (``native.sip.Receiver``).

Does no I/O itself, so tests put it behind an in-memory wire.
"""

import logging
from collections.abc import Callable

from native.sip import Message, ParseError, Receiver, crc_slot
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


class Ingress(Receiver):
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
        our_sent_by = frozenset(listener.sent_by.lower() for listener in flows.listeners)
        super().__init__(layer, counters, our_sent_by, gate, admission)
        self._quiet = QuietLog(log)

    def skip_noise(self, data: bytes, flow: Flow) -> bytes:
        """What follows line ends; nothing after keep-alives (empty, line ends, zero bytes, STUN that wants an answer)."""
        data = data.lstrip(b"\r\n")
        if not data.strip(b"\0"):
            self.counters["sip_keepalives_total|transport=udp"] += 1
            return b""
        if data[0] < 4:  # the first byte of STUN (RFC 7983 section 7)
            answer = None if flow.reliable else stun_answer(data, flow.remote)
            if answer is None:
                self.counters["sip_not_sip_total"] += 1
            else:
                self.counters["sip_keepalives_total|transport=udp"] += 1
                flow.send(answer)
            return b""
        return data

    def name_counter(self, method: str, transport: str) -> str:
        """The counter of such requests; kept in ``names`` if it has one of its own."""
        label = method if method in METHODS else "other"
        name = f"sip_requests_total|method={label},transport={transport}"
        if label == method:
            self.names.setdefault(transport, {})[method] = name
        return name

    def refuse(self, data: bytes, flow: Flow, error: ParseError) -> None:
        """Answers what is no proper message, if enough of it is readable (RFC 3261 section 16.3 item 1, section 18.3)."""
        self.counters[f"sip_parse_errors_total|header={error.header or 'start'}"] += 1
        self._quiet.warning("malformed messages", self.layer.timers.now, f"{flow.remote[0]}, {error.reason}")
        request = Message.salvage(data)
        if request is None or not request.is_request or request.method == "ACK":
            return
        warning = f'399 {flow.listener.sent_by} "{error.reason}"'
        readable = is_stamped(request, flow)
        answer = request.reply(
            error.status,
            "Bad Request" if error.status == 400 else None,
            to_tag=f"{crc_slot(request.get('Via') or ''):08x}",  # the same for a retransmission (RFC 3261 section 8.2.7)
            headers=[("Warning", warning)],
        )
        if readable:
            self.layer.respond_statelessly(request, flow, answer)
        else:
            flow.send(answer.to_bytes(stream=flow.reliable))


def is_stamped(request: Message, flow: Flow) -> bool:
    """Whether the Via of a request could be read, which has its source now; else an answer can only go back there."""
    try:
        request.stamp_source(*flow.remote)
    except ParseError:
        return False
    return True
