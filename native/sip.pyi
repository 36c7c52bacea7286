"""SIP messages and batched UDP sockets (C).

One scan over the bytes finds the start line, every header and the body; header values are slices until somebody
asks for them. Edits are kept as a list and applied when the outgoing bytes are built: every header nobody touched
is copied byte for byte (RFC 3261 section 16.6, items 4 to 6).

Limits (constants below) hold for every message, so a stranger decides neither our memory nor our time.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, Self, TypeVar

_Target = TypeVar("_Target")  # a sipcore.ports.Target

MAX_MESSAGE_BYTES: Final[int]  # 65535: one datagram
MAX_HEADERS: Final[int]  # 256 header lines
MAX_LINE_BYTES: Final[int]  # 16384: one header, folding included
BATCH: Final[int]  # 64 datagrams a system call
SHARE: Final[int]  # of these, after which a UdpPort ends its batch, so that the answers leave
MAX_BATCHES: Final[int]  # taken by a UdpPort in one wake-up

# traits of a request: ``Message.check``
OTHER_SCHEME: Final[int]  # Request-URI: none of sip, sips, tel
LAST_HOP: Final[int]  # Max-Forwards is 0
REQUIRES: Final[int]  # Proxy-Require
HAS_BREADTH: Final[int]  # Max-Breadth
ROUTED: Final[int]  # Route
URI_DIRECTS: Final[int]  # lr or maddr in the Request-URI
IN_DIALOG: Final[int]  # a To tag
SEVERAL_VIAS: Final[int]

# what an exchange is to be told of: ``sipcore.ports.Exchange.sees``
SEES_REQUESTS: Final[int]
SEES_PROVISIONALS: Final[int]  # but 100
SEES_SUCCESSES: Final[int]  # every 2xx
SEES_FAILURES: Final[int]  # the one of 300 and up that goes upstream
SEES_IDENTITIES: Final[int]  # responses with P-Asserted-Identity or P-Preferred-Identity, whatever their status
SEES_BRANCH_ENDS: Final[int]
SEES_END: Final[int]
SEES_FAILED_END: Final[int]  # with a final response of 300 and up

Address = tuple[str, int]  # (host, port); host is a numeric address, IPv6 without brackets

class ParseError(ValueError):
    """Bytes that are not what their grammar says. Carries what a reply needs."""

    reason: str  # short, fit for a Reason-Phrase or a Warning, e.g. "bad CSeq"
    header: str | None  # canonical header name at fault, None for the start line or the framing
    status: int  # what to answer if a reply is possible: 400, 505 (version), 513 (size)

class Uri:
    """A URI (RFC 3261 section 19.1, RFC 3966 for tel). Immutable.

    ``Uri(text)`` raises ParseError. Any scheme is accepted; for schemes other than sip, sips and tel only ``scheme``
    and ``text`` are filled; tel has its number as ``user`` and ``aor``, and no host. Equality is RFC 3261 section 19.1.4
    (RFC 3966 section 5 for tel), and ``hash`` agrees with it. At most 64 parameters and 64 headers.
    """

    def __init__(self, text: str) -> None: ...
    @staticmethod
    def build(
        scheme: str, user: str | None, host: str, port: int | None = None, params: dict[str, str | None] | None = None
    ) -> Uri: ...
    text: str  # as received
    scheme: str  # lower case
    user: str | None  # as written, escapes kept
    user_unescaped: str | None
    password: str | None
    host: str  # lower case; IPv6 reference without brackets, its ":::" as "::" (RFC 5118 section 4.10)
    host_is_ip: bool  # numeric IPv4 or IPv6
    port: int | None
    params: dict[str, str | None]  # a copy; lower-case names, None for a parameter without value, escapes kept
    headers: str | None  # after '?', without it
    transport: str | None  # lower-case transport parameter
    lr: bool
    maddr: str | None
    aor: str  # "user@host", user unescaped, host lower case, no port, no parameters; "host" without user
    def without_params(self, *names: str) -> Uri: ...
    def __eq__(self, other: object) -> bool: ...
    def __hash__(self) -> int: ...
    def __str__(self) -> str: ...

class NameAddr:
    """One value of From, To, Contact, Route, Record-Route, Path (name-addr or addr-spec; RFC 3261 section 20.10)."""

    def __init__(self, text: str) -> None: ...
    text: str
    display: str | None  # unquoted
    uri: Uri  # ParseError for "*"
    params: dict[str, str | None]  # a copy; header parameters, lower-case names, quoted values unquoted
    tag: str | None
    is_star: bool  # Contact: *

class Via:
    """One Via value (RFC 3261 section 20.42)."""

    def __init__(self, text: str) -> None: ...
    text: str
    version: str  # "2.0"
    transport: str  # upper case
    host: str  # lower case, IPv6 without brackets
    port: int | None
    sent_by: str  # host[:port] as written, lower case
    branch: str | None
    has_rport: bool
    rport: int | None
    received: str | None  # IPv6 without brackets, as sent by some (RFC 5118 section 4.5)
    maddr: str | None
    params: dict[str, str | None]

class Message:
    """A SIP request or response: the bytes received plus the edits to apply when it is written out.

    ``Message(data)`` raises ParseError when the start line, the header framing or a limit is wrong; then no reply
    is possible. A wrong header *value* raises ParseError when that value is first asked for, with ``header`` set, so the
    rest stays usable for the 400.

    Every read sees the message *with* its edits.
    Content-Length shorter than the bytes: the rest is dropped (``trailing_bytes`` counts it). Longer: ParseError
    (RFC 3261 section 18.3). A datagram may end with its last header line; it leaves with the empty line. CRLF and bare LF end
    a line, a CR elsewhere is refused. Header names match without case, compact forms included; ``get("v")`` is ``get("Via")``.
    """

    def __init__(self, data: bytes) -> None: ...
    @staticmethod
    def request(method: str, uri: str, headers: list[tuple[str, str]], body: bytes = b"") -> Message:
        """Builds a request; Content-Length is added."""
    @staticmethod
    def received(data: bytes, source: Address, /) -> Message:
        """As it came from there: a request has its top Via stamped (``stamp_source``) and a ``server_key``, a response a
        ``client_key``; ParseError when that can't be."""
    @staticmethod
    def salvage(data: bytes) -> Message | None:
        """The headers a 400 needs (Via, From, To, Call-ID, CSeq) out of bytes ``Message`` refuses; None if they aren't there. What
        they say need not be readable."""

    # start line
    is_request: bool
    method: str  # request: start line's; response: CSeq's. "" when a response has no readable CSeq
    request_uri: Uri  # ParseError when malformed; AttributeError on a response
    request_uri_text: str
    is_sips: bool  # the Request-URI
    has_route: bool  # ``has("Route")``
    version: str  # "2.0"; another version parses, the core answers 505
    status: int  # 0 for a request
    reason: str
    # header values, typed, cached; ParseError when malformed, None (or []) when absent unless said otherwise
    via: Via  # topmost; ParseError when absent
    via_count: int
    call_id: str  # ParseError when absent or malformed; so are the next five
    cseq: int
    cseq_method: str
    from_: NameAddr
    to: NameAddr
    from_uri_text: str  # ``from_.uri.text`` without the objects
    from_tag: str | None
    to_tag: str | None
    max_forwards: int | None
    expires: int | None  # malformed or out of range: RFC 3261 section 20.19 lets us take None
    content_type: str | None  # lower case, without parameters
    routes: list[NameAddr]
    record_routes: list[NameAddr]
    contacts: list[NameAddr]
    contact_uri_text: str  # of the first Contact; "" without one, or when it is "*"
    paths: list[NameAddr]
    server_key: str
    """RFC 3261 section 17.2.3: branch, sent-by host and port, method with ACK taken as INVITE; the RFC 2543 fields when the
    branch lacks the magic cookie or is nothing but it. Equal keys mean the same server transaction. The key ends with "|" and that method, so a
    CANCEL's key with INVITE at its end is the key of the INVITE it names (section 9.2)."""
    client_key: str
    """RFC 3261 section 17.1.3: branch of the top Via and CSeq method, branch case kept. Responses; also requests of ours."""
    identity: str
    """What tells a request from every other, and its retransmissions not (RFC 3261 section 16.11): the server key without method,
    Call-ID, CSeq number, From tag."""
    loop_hash: str  # digits
    """32-bit hash of what in a request may decide where it goes (RFC 5393 section 4.2.1): Request-URI, Routes, To tag,
    Proxy-Require, Proxy-Authorization; and of Call-ID, CSeq number and From tag, so that a collision doesn't strike the next
    attempt again (section 4.2.4)."""
    body: bytes
    trailing_bytes: int
    raw: bytes  # the bytes received; a bare LF before the body is CRLF in them
    def get(self, name: str) -> str | None:
        """First value, unfolded and trimmed, comma list not split."""
    def get_all(self, name: str) -> list[str]:
        """One entry per header line."""
    def values(self, name: str) -> list[str]:
        """Comma lists split, quoted strings and <> respected, over all lines of that name."""
    def sender_natted(self, host: str, reliable: bool, /) -> bool | None:
        """Whether its sender can only be reached over the flow it came by, from ``host`` (numeric), over a connection when
        ``reliable`` (sipcore/proxy/nat.py); None when that depends on whose the address in Contact is."""
    def has(self, *names: str) -> bool:
        """Whether it has a header of any of these names."""
    def header_names(self) -> list[str]:
        """Canonical long names in order, one per line, unknown names as written."""
    def check(self) -> int:
        """RFC 3261 section 16.3 item 1 and 8.1.1: every mandatory header present once and well-formed, CSeq method equal to the
        start line's, version 2.0, all typed values above readable. Raises ParseError on the first that is not.

        Returns the sum of the traits found (OTHER_SCHEME and so on): a rule about something that isn't there has nothing to do."""

    # edits: ValueError for CR, LF or NUL in what is put in, for a name that is no token and for a line of more than 65,000 bytes
    def copy(self) -> Message:
        """Shares the bytes, has its own edits (one per forked branch)."""
    def push_via(self, value: str) -> None: ...
    def pop_via(self) -> bool:
        """The first value goes, and its line with the last one; so for the other pops. ParseError when there is none. Whether
        another Via is left."""
    def stamp_source(self, host: str, port: int) -> None:
        """``received`` and ``rport`` on the top Via of a request that came from there (RFC 3261 section 18.2.1, RFC 3581 section 4):
        ``received`` when rport is asked for, when the sent-by host is another (or a name), or in place of one the sender wrote;
        ``rport`` when asked for. ParseError without a readable Via."""
    def push_route(self, value: str) -> None: ...
    def pop_route(self) -> None: ...
    def pop_last_route(self) -> None: ...
    def append_route(self, value: str) -> None: ...
    def push_record_route(self, value: str) -> None: ...
    def push(self, name: str, value: str) -> None:
        """New line before the first of that name, else after the last Via."""
    def append(self, name: str, value: str) -> None:
        """New line after the last of that name, else at the end of the headers."""
    def set(self, name: str, value: str) -> None:
        """Replaces all lines of that name with one, in the place of the first; appended when there is none."""
    def remove(self, name: str) -> None: ...
    def set_request_uri(self, uri: str) -> None: ...
    def count_hop(self, max_forwards: int, max_breadth: int) -> None:
        """Max-Forwards one less, ``max_forwards`` when there was none (RFC 3261 section 16.6 item 3); ParseError when it is 0 or
        malformed. Max-Breadth as given (RFC 5393 section 5.3.3)."""
    def forwarded(self, uri: str, max_forwards: int, max_breadth: int, /) -> Message:
        """A copy that leaves for ``uri``, its hop counted (RFC 3261 section 16.6 items 1 to 3)."""
    def route_param(self, name: str) -> str | None:
        """``routes[0].uri.params[name]`` without the objects; None without a Route, the parameter or a value of it."""
    def set_body(self, body: bytes, content_type: str | None = None) -> None:
        """Replaces the body and Content-Length."""
    def to_bytes(self, *, stream: bool = False) -> bytes:
        """The bytes to send. ``stream`` adds Content-Length when it is missing (RFC 3261 section 18.3). Cached until the next edit."""
    def reply(
        self,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> Message:
        """Response to this request (RFC 3261 section 8.2.6): Vias, From, To, Call-ID, CSeq copied byte for byte, Timestamp for 100,
        ``to_tag`` added when To has none. Default reason from the registry. Works on a salvaged message too."""
    def answer(self, tags: Mac, status: int, reason: str | None, headers: Iterable[tuple[str, str]], body: bytes, /) -> bytes:
        """The bytes of such a response, its To tag made with ``tags``: the same for a retransmission (RFC 3261 section 8.2.6.2), and
        for a CANCEL and its INVITE (section 9.2). ParseError without a readable Via."""
    def trying(self) -> bytes:
        """``reply(100).to_bytes()`` without the object (RFC 3261 section 17.2.1: no To tag)."""
    def derive(self, method: Literal["ACK", "CANCEL"]) -> Message:
        """ACK for a non-2xx final, or CANCEL, of this request as it was sent (RFC 3261 sections 17.1.1.3 and 9.1): Request-URI, top Via
        alone, From, To, Call-ID, CSeq number, Routes; Max-Forwards 70. For ACK the caller then sets To from the response."""

def frame_length(buffer: bytes | bytearray | memoryview, start: int = 0) -> int:
    """Length of the message that begins at ``start`` of a stream (RFC 3261 section 18.3), 0 while it is incomplete.

    ParseError when it can never be framed: no or bad Content-Length, a limit exceeded, not a SIP start line."""

class UdpSocket:
    """Batches of datagrams over one bound UDP socket, IPv4 or IPv6. Never blocks."""

    def __init__(self, fd: int) -> None:
        """Takes over ``fd`` (bound, any family); makes it non-blocking; asks for destination addresses and SO_RXQ_OVFL."""
    def fileno(self) -> int: ...
    address: Address  # bound address
    dropped: int  # datagrams the kernel dropped for want of buffer, since the socket was opened
    oversized: int  # truncated datagrams (longer than MAX_MESSAGE_BYTES), dropped and counted
    def receive(self) -> list[tuple[bytes, Address, str]]:
        """Up to BATCH datagrams: (data, source, destination host). Empty when there is nothing. Errors left by ICMP are for ``unreachable``."""
    def queue(self, data: bytes, destination: Address, source_host: str | None = None) -> None:
        """Adds a datagram to the send batch; a full batch is flushed. ValueError when ``destination`` is not numeric or of another family."""
    def flush(self) -> list[tuple[Address, int]]:
        """Sends the batch. Returns (destination, errno) of each datagram the kernel refused; EAGAIN ones are kept for the next flush."""
    def send(self, datagrams: list[tuple[bytes, Address, str | None]], /) -> list[tuple[Address, int]]:
        """``queue`` for each, then ``flush``; what ``queue`` raises ValueError for is among the refused."""
    def unreachable(self) -> tuple[tuple[Address, bytes], ...]:
        """What ICMP says did not arrive since the last call, when an error was met while sending or receiving: destination, and what it brought
        back of the datagram, its beginning or nothing. Anybody can forge that who can guess those bytes. While there is more, the socket polls
        as broken, which some event loops take as its end: watch it through an epoll descriptor."""
    pending: int  # datagrams that wait for a flush
    def close(self) -> None:
        """The counts stay readable."""

class Batches:
    """Base of the engine (sipcore/transport/engine.py): what it does with every batch."""

    timers: Timers
    to_flush: list[Any]  # senders of this batch
    layer: Any  # of transactions; None at first
    begun: int  # server transactions when the batch began
    tick: Any  # the handle that wakes the engine up for a timer, or None
    admission: Any
    receive: Callable[[bytes, Any], None]  # what the sockets bring, with its flow; set before there are sockets
    in_batch: bool
    def __init__(
        self, timers: Timers, on_batch_end: Callable[[], None] | None = None, turn_s: float = 0.0, late_s: float = ...
    ) -> None:
        """``turn_s``: ``timers`` fire at most so often. ``late_s``: when one is later, the process stood still; without it, it never did."""
    def begin(self) -> None:
        """Reads the clock into ``timers``."""
    def end(self) -> None:
        """Fires the timers that are due, if it is their turn. Calls ``on_batch_end``, and ``lose_batch`` when it raises; then each
        sender's ``flush``, ``arm_tick(deadline)`` unless there is a ``tick`` that comes in time, and ``plan_turn`` while ``admission``
        sorts. ``report`` is told what a sender raises. Instead of firing timers that are later than ``late_s``, it calls ``catch_up``: none fires
        before the end of the batch that follows ``caught_up``."""
    def caught_up(self) -> None:
        """The sockets have been looked at since ``catch_up`` was called."""
    def flush_later(self, sender: Any, /) -> None:
        """``sender.flush()`` once, at the end of this batch. Outside of one, ``end_later`` is called, to have an empty batch follow soon."""

class UdpFlow:
    """A remote address and the address of ours that it talks to; a Flow (sipcore/flow.py)."""

    listener: Any
    remote: Address
    local_host: str
    connection_id: int
    reliable: bool
    closed: bool
    name: str
    def send(self, data: bytes, /) -> None:
        """``data`` leaves at the end of the batch."""

Shedding = tuple[int, int, tuple[dict[str, Any], ...], int, int]
"""What a UdpPort refuses: how many new requests may still pass, how many seconds the others are to stay away at most, what holds requests
by their server keys, and of how many workers this is the how manieth: what ``call_slot`` gives to another passes."""

class UdpPort:
    """Base of UdpEndpoint (sipcore/transport/udp.py): the flows over one socket, what it receives and what waits to be sent."""

    socket: UdpSocket
    listener: Any
    flow_count: int  # kept for the next datagram from their address
    def __init__(self, socket: UdpSocket, listener: Any, batches: Batches, flow_type: type[UdpFlow] = ...) -> None:
        """While ``batches.admission`` is ``sorting``, the subclass says by ``shedding`` whether the socket refuses by itself: of requests that
        begin something without credentials and whose server key nothing holds, those there is no room for get a 503 with To tag and
        Retry-After, which leaves before anything else is done; ``batches.admission.shed`` is told how many. The ACKs for them are dropped."""
    def ready(self) -> None:
        """To be called when the socket is readable, or writable while datagrams wait: what there is passes ``batches.receive``, in
        batches, and ``told_unreachable`` learns what ``UdpSocket.unreachable`` says. ``batches.flooded`` is told of full batches."""
    def flow(self, remote: Address, local_host: str | None = None, /) -> UdpFlow:
        """``local_host`` None: whichever address of ours was used last."""
    def flush(self) -> None:
        """Sends what waits; ``failed`` is told of each address that was refused, ``watch_writable`` when there is no room, and some again."""
    def discard(self) -> None:
        """What waits never leaves."""
    def drop_flows(self) -> None:
        """To be called in the end: flows and port hold each other."""

class FlowTable:
    """Base of TransportTable (sipcore/transport/table.py), the FlowTable of sipcore/flow.py: the datagrams' part of it."""

    chosen: dict[tuple[str, str, int], Any]  # endpoints, by transport, host and index of the listener near it or -1
    by_index: dict[int, Any]  # endpoints, by index of their listener
    def __init__(self, timers: Timers, places: dict[Any, tuple[bool, float]]) -> None:
        """``places``: whether (host, port, transport) is ours, and until when that is known."""
    def forget_chosen(self) -> None:
        """Empties ``chosen``, and what is kept because of it."""
    def flow_to(self, destination: Any, near: Any = None, /) -> Any:
        """``choose`` finds an endpoint that is not in ``chosen`` yet, ``stream_to`` the connection to it."""
    def flow_of(self, listener_index: int, remote: Address, connection_id: int, /) -> Any:
        """``connection_elsewhere`` finds a connection that is none of the endpoint's ``connections``."""
    def reply_flow(self, request: Message, flow: Any, /) -> Any:
        """``flow_by_via`` finds the way when it is not ``flow``."""
    def is_local(self, host: str, port: int | None, transport: str | None, /) -> bool:
        """``find_local`` finds out what is not known in ``places``."""

class SourceGate:
    """Base of Gate (sipmesh/signalling/gate.py): whether a request may come in, by its source and User-Agent."""

    exempt: dict[str, bool]  # whether there are no limits for it, by host
    scanners: dict[str, bool]  # whether a scanner calls itself so, by User-Agent
    def __init__(self, limits_rates: bool, refuses_scanners: bool) -> None: ...
    def __call__(self, request: Message, flow: Any) -> bool:
        """``find_exempt`` and ``find_scanner`` find what is in neither dict, ``exceeds`` whether a host sends too often; ``refuse_scanner``
        is told of the host of one."""

class StreamFlow:
    """Base of TcpConnection (sipcore/transport/connection.py): cuts messages out of what a connection brings, keeps what is to be sent."""

    listener: Any
    remote: Address
    local_host: str
    transport: Any  # what it writes to, or None
    partial_timer: Timer | None  # the owner's; runs while the beginning of a message is kept
    last_used_s: float  # when something came or went
    closed: bool
    is_open: bool
    closing: bool  # nothing is read any more; closed when what is queued has left
    half_ping: bool  # one CRLF of a CRLF CRLF was there
    had_message: bool
    may_alias: bool  # ``alias`` is told of each message
    is_waiting: bool  # something is to be sent
    def __init__(self, batches: Batches, listener: Any, remote: Address, local_host: str, max_unsent_bytes: int) -> None: ...
    def data_received(self, data: bytes, /) -> None:
        """One batch: each message passes ``batches.receive``. ``take_crlf`` is told of line ends between them, ``take_garbage`` of what
        can't be framed, ``watch_partial`` whether the beginning of another message is kept; ``batches.flooded`` of long reads."""
    def send(self, data: bytes, /) -> None:
        """``data`` leaves at the end of the batch, or when it is open. ``abort`` is called when too much waits, ``count_unsent`` when it is
        closed."""
    def flush(self) -> None:
        """Writes what waits, and closes ``transport`` when ``closing``."""
    def forget(self) -> None:
        """What was kept and what waits."""

class Receiver:
    """Base of Ingress (sipcore/transport/ingress.py): parses, stamps and counts what is a proper message, and hands it to the layer's
    ``receive_request`` or ``receive_response``."""

    layer: Any
    counters: dict[str, int]
    names: dict[str, dict[str, str]]  # of counters, by transport and method
    def __init__(
        self,
        layer: Any,
        counters: dict[str, int],
        our_sent_by: frozenset[str],
        gate: Callable[[Message, Any], bool] | None = None,
        admission: Any = None,
    ) -> None:
        """``our_sent_by``: in lower case."""
    def receive(self, data: bytes, flow: Any, /) -> None:
        """One datagram, or one message that was framed. What begins like no message passes ``skip_noise``; what can't be parsed goes to
        ``refuse``; ``name_counter`` names the counter of a request whose name is not known yet."""
    def share(self, worker: int, workers: int, pass_on: Callable[[bytes, Any, int], None], /) -> None:
        """What has the slot (``call_slot``) of another of so many workers is ``pass_on``'s, with that worker's index."""
    def receive_shared(self, data: bytes, flow: Any, /) -> None:
        """The same of a socket that all workers have."""

class Mac:
    """A keyed hash (SipHash-2-4, 128-bit key) for short texts that we hand out and want back unaltered. Text is taken as UTF-8 with
    surrogateescape."""

    def __init__(self, key: bytes) -> None:
        """``key``: 16 bytes."""
    def of(self, text: str) -> str:
        """72 bits in 12 URL-safe characters."""
    def matches(self, text: str, mac: str) -> bool:
        """Whether ``mac`` is that of ``text``; takes the same time wherever they differ."""
    def branch(self, prefix: str, key_id: str, call_id: str, identity: str, target: str, loop: str, attempt: int, /) -> str:
        """The branch of our Via (sipcore/proxy/via_branch.py says what is in it)."""

class Timer:
    """One running timer; made by ``Timers.after``."""

    def cancel(self) -> None:
        """Never fires from now on; harmless after it fired or when cancelled before."""

class Timers:
    """The core's only clock and its timers, moved by the shell alone. ``now`` is monotonic, ``wall`` Unix time; both in seconds.

    One queue for each timer length: starting, cancelling and expiring are O(1), and a retransmission costs no heap
    operation. Meant for few lengths (the timers of RFC 3261 and the configured limits); many different ones work too, but
    each costs a look per ``advance``.
    """

    now: float
    wall: float
    ahead_s: float  # of the machine's clocks, where they are read: lets time pass that nobody waits for
    lengths: int  # how many different ones are kept in mind
    def __init__(self, now: float, wall: float, on_error: Callable[[], None] | None = None) -> None:
        """``on_error`` is called, as in an except block, when a callback raises; without it the exception leaves ``advance``."""
    def after(self, delay_s: float, callback: Callable[[Any], None], argument: Any, /) -> Timer:
        """Calls ``callback(argument)`` in the first ``advance`` that reaches now + ``delay_s``."""
    def advance(self, now: float, wall: float, /) -> None:
        """Moves the clock and fires what is due, in order of deadline. Timers started meanwhile wait for the next call."""
    def next_deadline(self) -> float | None:
        """When ``advance`` has something to do next; None when no timer runs."""

class NumericHosts:
    """What ``sipcore.transport.resolver.DnsResolver`` is made of."""

    numeric: dict[str, Any]  # next hops by the text of a URI that needs no DNS; the subclass fills it
    def resolve(self, uri: Uri, done: Callable[[list[Any]], None], /) -> list[Any] | None:
        """``sipcore.ports.Resolver``. Calls ``find(uri, done)`` for what is not in ``numeric``."""

class CoreBase:
    """What ``sipcore.proxy.core.ProxyCore`` is made of: it puts here what the bases below need."""

    max_forwards: int
    max_breadth: int
    timer_c_s: float
    branch_mac: Mac
    branch_key_id: str
    branch_prefix: str
    vias: dict[int, str]  # by listener index, as the next
    record_routes: dict[int, str]
    cookie_keys: Any  # sipcore.keys.KeyRing
    ports: frozenset[int]  # of our listeners
    no_dialog: frozenset[str]  # methods that get no Record-Route
    inbound_class: type[InboundBase]
    context_class: type[ContextBase]
    branch_class: type[BranchBase]
    ack_class: type[AckBase]
    target_class: Callable[..., Any]  # sipcore.ports.Target
    def is_ours(self, uri: Uri, /) -> bool:
        """Whether ``uri`` names us: one of our listeners, or a domain of ours on the default port or a port of a listener."""
    def on_request(self, transaction: ServerTransactionBase, /) -> None:
        """``sipcore.ports.TransactionUser``: RFC 3261 sections 16.3 and 16.4, then to the application, or within a dialog of ours by
        Route, Request-URI or the flow of a side behind NAT. Calls ``apply_rules``, ``breadth_of``, ``preprocess``, ``pop_rest``,
        ``find_dialog``, ``refuse_loop``, ``not_admitted``, ``instance_target``, ``flow_gone`` and ``serve_own_uri``."""
    def on_ack(self, request: Message, flow: Any, /) -> None:
        """Likewise, to the application. Calls ``apply_rules``, ``preprocess``, ``pop_rest``, ``find_dialog`` and ``ack_refused``."""
    def on_cancel(self, cancel: TransactionBase, invite: TransactionBase | None, /) -> None:
        """RFC 3261 sections 9.2 and 16.10. Calls ``cancel_unmatched`` when there is no such INVITE."""

class InboundBase:
    """What ``sipcore.proxy.inbound.InboundRequest`` is made of; there the fields are named. No garbage collector walks it, nor the
    two below."""

    def proxy(self, targets: list[Any], exchange: Any = None, /) -> None:
        """Forwards the request to these ``sipcore.ports.Target`` (RFC 3261 section 16.6), with that ``Exchange``. Nothing happens once
        it was cancelled. Calls ``misused`` and, for other than one target, ``fork``. ``natted`` is what ``sender_is_natted`` says
        when ``Message.sender_natted`` can't say."""
    def begin(self, groups: tuple[list[Any], ...], exchange: Any, /) -> None:
        """To the first of these groups of targets, and to the next when it has failed. Calls ``broke`` for an error of ours."""
    def reply(self, status: int, reason: str | None = None, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> None:
        """Sends a final response of our own (RFC 3261 section 8.2.6) with a To tag. Nothing happens once the request was cancelled.
        Calls ``misanswered``."""
    def respond(
        self, status: int, reason: str | None = None, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        """The same whatever became of the request."""
    def release(self) -> None:
        """Lets go of the message and of the context."""

class ContextBase:
    """What ``sipcore.proxy.context.ResponseContext`` is made of."""

    def __init__(self, request: InboundBase, exchange: Any, groups: tuple[Any, ...]) -> None: ...
    def stop(self, headers: Iterable[tuple[str, str]], /) -> None:
        """No new branches; those that wait are cancelled with these headers (RFC 3261 section 16.7 item 10)."""
    def settle(self) -> None:
        """Every branch has failed: the best response goes upstream (item 6). Calls ``answer_for`` of a branch without one that can, and
        ``join_challenges``; before that ``try_again`` of a branch whose target may have another way, and ``refuse_breadth``."""
    def forward(self, response: Message) -> None:
        """Sends a response upstream that may go there now (RFC 3261 section 16.7 items 5 and 9)."""
    def end(self, status: int) -> None:
        """The final response has gone upstream, or 408 has not (RFC 4320 section 4.2)."""
    def finish(self) -> None:
        """Lets go of the messages when nothing is left to wait for; a late 2xx needs none of them."""

class AckBase:
    """What ``sipcore.proxy.ack.Ack`` is made of: an ACK for a 2xx."""

    def __call__(self, status: int = 0, reason: str = "") -> None:
        """Lets it go on; with a status it is dropped. Calls ``drop``, ``to_instance``, ``next_hop``, ``malformed`` and ``unreachable``,
        of the core ``instance_target`` and ``flow_of``."""
    def reach(self, destinations: Any, /) -> None:
        """Goes on with what the resolver found."""
    def leave(self, flow: Any, /) -> None: ...

class Cookie:
    """What our Record-Route says of a dialog, in the ``c`` parameter of its URI: key id, MAC and four fields joined by ``~``; what
    they say of flows is masked, so that it tells neither side where the other is. The MAC covers the fields and the Call-ID, so a
    cookie is of no use in another call. Equal texts are equal cookies."""

    call_key: str  # the same for every branch of one request
    caller_flow: str  # flow token, "" when the caller is reached by its Contact
    callee_flow: str
    text: str  # as it stands in the URI
    @staticmethod
    def issue(keys: Any, fields: str, call_id: str, /) -> Cookie:
        """By the current key of a ``sipcore.keys.KeyRing``. ValueError without four fields."""
    @staticmethod
    def read(keys: Any, text: str, request: Message, /) -> Cookie | None:
        """The cookie when a key of the ``sipcore.keys.KeyRing`` made it and it belongs to the dialog of ``request``."""
    def caller_to_callee(self, request: Message, /) -> bool:
        """Whether ``request`` goes the way of the request that made the dialog."""
    def flow_token(self, request: Message, /) -> str:
        """Token of the flow the receiver of ``request`` must be reached over; "" when its URI says where it is."""

class BranchBase:
    """What ``sipcore.proxy.branch.Branch`` is made of. A new one is the last of its context's."""

    def __init__(self, context: ContextBase, target: Any, destinations: Any = None) -> None: ...
    def on_response(self, transaction: Any, response: Message) -> None:
        """``sipcore.ports.ClientUser``. Calls ``without_via`` and ``unwanted`` of the branch, and ``malformed`` for a ParseError.

        What raises while a branch takes a response, or starts, or when a timer of its runs out, is an error of ours: the branch
        goes on with ``broke``."""
    def start(self) -> None:
        """RFC 3261 section 16.6 items 1 to 10. Calls ``request_uri``, ``add_headers``, ``find_hop``, ``is_secure_way``, ``record_sips``,
        ``unresolvable``, ``not_started``, ``show_request`` and ``not_sent`` of the branch, ``cookie_for`` of the context; and ``stayed_silent``
        when nothing came for the target's ``first_response_s``."""
    def reach(self, destinations: Any, /) -> None:
        """Goes on with what the resolver found."""
    def send(self) -> None:
        """To a client transaction (item 10)."""
    def cancel(self, headers: Iterable[tuple[str, str]] = (), /) -> None:
        """RFC 3261 section 9.1: before a provisional response the transaction keeps the CANCEL back. Timer C, which is not awaited any
        longer then, calls ``timer_c_fired``."""
    def fail(self, status: int, reason: str, /) -> None:
        """Ends the branch without an answer from downstream, unless it has ended."""

class Machine:
    """The rules of one kind of transaction: ``table[state][event]`` is (next state, names of actions); sipcore/transaction_table.py
    has the tables. An action is a method of ``cls`` that takes what the event brought; one in C is called without a lookup.

    TypeError for what is no such table, ValueError for a state or an event that is not known, AttributeError for an action
    that ``cls`` lacks.
    """

    def __init__(self, table: dict[str, dict[str, tuple[str, tuple[str, ...]]]], cls: type[TransactionBase]) -> None: ...

class TransactionBase:
    """What either kind of transaction has; made by ``TransactionLayerBase`` alone. Not walked by the garbage collector.

    Subclasses have ``count_illegal(event)``, called for an event that is illegal in the present state and changes nothing.
    Arguments of actions that are called ``_`` are not looked at.
    """

    machine: Machine  # read-only, as ``layer`` and ``key`` are
    key: str
    request: Message  # AttributeError once it has had its use
    owner: Any
    @property
    def state(self) -> str: ...
    @property
    def retransmits(self) -> bool:
        """Whether its timer for that runs."""
    @property
    def waits(self) -> bool:
        """Whether the timer runs that ends this state."""
    @property
    def wait_deadline(self) -> float | None: ...
    def handle(self, event: str, message: Any = None, /) -> None:
        """Takes one step; the new state is set before the actions run, so a user they call may come back in. When an
        action raises, the others are taken all the same, and then its exception goes on."""
    def start_wait(self, event: str, delay_s: float, /) -> None:
        """That timer, from the beginning; ``event`` is what happens at its end."""
    def stop_retransmitting(self) -> None: ...
    def stop_timers(self, _: object, /) -> None: ...

class ServerTransactionBase(TransactionBase):
    """The actions of INVITE_SERVER and NON_INVITE_SERVER, and what their user calls."""

    number: int  # the how manieth of its layer
    response: bytes | None  # what a retransmission of the request is answered with
    def respond(self, response: Message, /) -> None:
        """Sends ``response``; counted and dropped when this transaction can't send it any more (or never: RFC 4320)."""
    def answer(self, status: int, data: bytes, /) -> None:
        """As ``respond``, with the bytes of the response."""
    def send(self, data: bytes, /) -> None: ...
    def pass_on(self, data: bytes, /) -> None:
        """A 2xx for INVITE: whoever made it repeats it (RFC 6026 section 7.1)."""
    def resend(self, _: object, /) -> None: ...
    def send_trying(self, _: object, /) -> None:
        """Unless there was a response. No To tag in it (RFC 3261 section 17.2.1)."""
    def tell_ack(self, ack: Message, /) -> None: ...
    def start_g(self, _: object, /) -> None: ...
    def restart_g(self, _: object, /) -> None: ...
    def start_h(self, _: object, /) -> None: ...
    def settle_i(self, _: object, /) -> None: ...
    def settle_j(self, _: object, /) -> None: ...
    def settle_l(self, _: object, /) -> None: ...
    def start_expiry(self, _: object, /) -> None: ...
    def release(self, _: object, /) -> None:
        """The request has had its use, and so has what the user keeps of it."""
    def forget(self, _: object, /) -> None: ...

class ClientTransactionBase(TransactionBase):
    """The actions of INVITE_CLIENT and NON_INVITE_CLIENT."""

    last_status: int  # of the last response the owner was told
    sent: bytes | None  # what a retransmission sends: the request, in Completed the ACK
    def send_first(self, data: bytes, /) -> None:
        """Sends the request. Over an unreliable transport it may be repeated: until the first time Timer A or E, which is
        shorter, does for Timer B or F."""
    def resend(self, _: object, /) -> None: ...
    def restart_a(self, _: object, /) -> None:
        """Doubles without a cap, unlike Timer E (RFC 3261 section 17.1.1.2)."""
    def restart_e(self, _: object, /) -> None: ...
    def restart_e_slowly(self, _: object, /) -> None: ...
    def tell(self, response: Message, /) -> None: ...
    def tell_timeout(self, _: object, /) -> None: ...
    def tell_transport_error(self, _: object, /) -> None: ...
    def send_ack(self, response: Message, /) -> None:
        """RFC 3261 section 17.1.1.3. What is left of a flow that is closed says ``live_flow`` of the layer; so also below."""
    def resend_ack(self, _: object, /) -> None: ...
    def remember_cancel(self, headers: Iterable[tuple[str, str]], /) -> None: ...
    def send_cancel(self, headers: Iterable[tuple[str, str]], /) -> None: ...
    def send_remembered_cancel(self, _: object, /) -> None:
        """If there is one, and it was not sent (section 9.1). Without a final response 64*T1 later the INVITE counts as cancelled."""
    def settle_d(self, _: object, /) -> None: ...
    def settle_k(self, _: object, /) -> None: ...
    def settle_m(self, _: object, /) -> None: ...
    def release(self, _: object, /) -> None:
        """The request has had its use; so has the user, save after a 2xx to an INVITE, which may be followed by others."""
    def drop_owner(self, _: object, /) -> None: ...
    def forget(self, _: object, /) -> None: ...

class TransactionLayerBase:
    """Finds and makes transactions; sipcore/transaction.py has the rest.

    A subclass has ``machines`` (of INVITE and other servers, INVITE and other clients) and the methods that are called for what
    is rare: ``user_failed``, ``refuse_new``, ``refuse_client`` and ``fail_soon``. ``settings`` are read once.
    """

    user: Any
    counters: dict[str, int]  # read-only, as all that follow are
    flows: Any
    timers: Timers
    settings: Any
    servers: dict[str, Any]  # by server key, oldest first; only to be looked at
    clients: dict[str, Any]  # the same, by client key
    watched: dict[int, dict[Any, None]]  # clients by the id of the connection they depend on, oldest first
    begun: int  # server transactions so far
    def __new__(cls, user: Any, flows: Any, timers: Timers, settings: Any, counters: dict[str, int]) -> Self: ...
    def unwatch(self, client: ClientTransactionBase, /) -> None:
        """Its connection's fate no longer matters to ``client``."""
    def receive_request(self, request: Message, flow: Any, /) -> None:
        """A new request starts a transaction; an ACK without one goes straight to the user."""
    def receive_response(self, response: Message, flow: Any, /) -> None:
        """For the client transaction it matches, else the user."""
    def request(self, message: Message, flow: Any, owner: Any, /, *, fixed_flow: bool = False) -> Any:
        """Sends ``message``, whose top Via is ours and unique, and tells ``owner`` (a ClientUser) how it ends. The
        transaction.

        A request too long for a datagram leaves by TCP (section 18.1.1), unless ``flow`` is fixed: the only way to a peer
        behind NAT. Nothing is told before this returns. UsageError for a branch in use, or an ACK: it has no transaction.
        """

def digest_params(value: str) -> dict[str, str] | None:
    """Parameters of an Authorization or Proxy-Authorization value in the Digest scheme, names in lower case, quotes and quoted
    pairs undone; None for another scheme. ParseError for what doesn't follow the grammar and for a name that comes twice."""

class DigestClaim:
    """The credentials of one Authorization or Proxy-Authorization value (RFC 7616 section 3.4); quotes and quoted pairs are undone."""

    username: str | None
    realm: str | None
    nonce: str | None
    algorithm: str  # "MD5", also when none is named, "SHA-256", or "" for another
    use_count: int  # nc; 0 when it is not 8 hex digits
    count: int  # of all parameters
    fault: str | None
    """What makes it useless though it follows the grammar: a value too long, a required parameter missing, an unknown qop, a bad nc."""
    @staticmethod
    def read(value: str, /) -> DigestClaim | None:
        """None for another scheme; ParseError for what doesn't follow the grammar and for a name we know that comes twice."""
    def matches(self, ha1: str, method: str, body: bytes, /) -> bool:
        """Whether the response is the one that ``ha1`` makes (section 3.4.1); takes the same time wherever they differ. False with a
        fault."""

DIGEST_REFUSED: int
DIGEST_STALE: int
DIGEST_ACCEPTED: int

class DigestBase:
    """What ``sipcore.digest.Digest`` is made of: nonces, challenges and the check of credentials in one realm. Calls
    ``decode_username``."""

    realm: str  # read-only, as the others are
    algorithms: tuple[Any, ...]
    tracked_nonces: int  # whose use counts are kept, ``max_tracked`` at most
    def __new__(
        cls,
        realm: str,
        head: str,
        credentials: Any,
        keys: Any,
        instance: str,
        algorithms: tuple[Any, ...],
        lifetime_s: int,
        max_tracked: int,
    ) -> Self:
        """``head``: of a challenge, up to the nonce. ``credentials``: ``sipcore.digest.Credentials``; ``keys``: a KeyRing."""
    def challenges(self, now: float, algorithms: tuple[Any, ...] = ..., *, stale: bool = False) -> tuple[str, ...]:
        """Values of WWW-Authenticate or Proxy-Authenticate with a new nonce, one per algorithm, in the order given (RFC 8760 section
        2.4). ``algorithms``: some of the realm's, for a client that can't read all."""
    def weigh(self, value: str, method: str, body: bytes, now: float, /) -> tuple[int, str] | None:
        """DIGEST_ACCEPTED, DIGEST_STALE (the right password, but a nonce that is too old or not ours, or a use count seen before) or
        DIGEST_REFUSED, and the username; None for another scheme, realm or algorithm. ParseError for what can't be read or lacks
        something. Only what is accepted changes anything."""
    def accepted(self, request: Message, header: str, now: float, /) -> str | None:
        """The user whose credentials are the only value of that header; None when they are anything but right, and nothing has
        changed."""
    def forget_secrets(self) -> None:
        """Of users that were asked for."""

def bound_to(record: bytes, now: float, flows: Any, target_class: type[_Target], /) -> list[_Target] | None:
    """The targets, to be tried at once, of the bindings in the stored ``record`` of an AOR that are alive at ``now`` (Unix time): its
    Contact, its Path and the flow it is reached over, which ``flows`` (sipcore/flow.py) still has; None when the bindings must be looked
    at one by one (sipmesh/signalling/locate.py): with q, of several flows of one user agent, of more than eight."""

def flow_name(listener_index: int, host: str, port: int, connection_id: int, /) -> str:
    """The token of the flow of these parts (native/csip/sip_flow_token.c)."""

def flow_of_token(flows: Any, token: str, /) -> Any:
    """The flow that a token out of a cookie names; None when it is gone. ValueError for what is no token."""

def is_unverifiable(request: Message, flow: Any, /) -> bool:
    """Whether the user agent that sent ``request`` over TLS says in Contact that it listens elsewhere than at its end of the
    connection ``flow``: a phone has no certificate to be verified by there, so only the connection leads to it."""

class RecentBase:
    """What ``sipmesh.signalling.rates.Recent`` is made of."""

    def __new__(cls, max_keys: int) -> Self: ...
    def __len__(self) -> int: ...
    def get(self, key: Any, /) -> Any: ...
    def put(self, key: Any, value: Any, /) -> None: ...
    def drop(self, key: Any, /) -> None: ...

class RecentTexts:
    """Texts that were put there lately, some ten thousand of them: those of more than 63 characters and those that aren't ASCII are not
    kept."""

    def add(self, text: str, /) -> None: ...
    def clear(self) -> None: ...
    def __contains__(self, text: object, /) -> bool: ...

class RatesBase:
    """What ``sipmesh.signalling.rates.Rates`` is made of."""

    def __new__(cls, cost_s: float, burst_s: float, used_up: Any) -> Self: ...
    def take(self, key: Any, now: float, /) -> bool: ...

class BackoffBase:
    """What ``sipmesh.signalling.rates.Backoff`` is made of."""

    counts: Any  # read-only, as ``ends``
    ends: Any
    def __new__(cls, counts: Any, ends: Any) -> Self: ...
    def pause_left_s(self, key: Any, now: float, /) -> float: ...
    def succeeded(self, key: Any, /) -> None: ...

class AuthorizerBase:
    """What ``sipmesh.signalling.authorize.Authorizer`` is made of. Calls ``forbid``."""

    callers: Mapping[str, Any]  # dicts, read-only as attributes
    claims: Mapping[str, tuple[Any, str, str, DigestBase]]
    sources: Mapping[str, Any]
    strangers: Mapping[str, bool]
    realms: Mapping[str, DigestBase | None]
    def __init__(
        self,
        counters: dict[str, int],
        challenges: Any,
        challenged: RecentBase,
        backoff: BackoffBase | None,
        is_exempt: Callable[[str], bool],
    ) -> None:
        """``challenges.algorithms(request, configured)``: what the sender of a request can read of several. ``challenged``: by Call-ID,
        dropped with right credentials. ``backoff``: of (source host, AOR), save for hosts that are exempt."""
    def note(self, request: Message, digest: DigestBase, who: tuple[str, str] | None, /) -> None:
        """Right credentials. ``who``: of the back-off, or None."""

class RegisteringBase:
    """What ``sipmesh.signalling.registering.Registering`` is made of."""

    authorizer: Any
    accounts: Any  # ``has(aor)``, not called of those in ``known``
    registrar: Any
    policy: Any  # ``active``
    timers: Any
    counters: dict[str, int]
    def __new__(
        cls,
        authorizer: AuthorizerBase,
        accounts: Any,
        known: RecentTexts,
        registrar: RegistrarBase,
        policy: Any,
        timers: Timers,
        counters: dict[str, int],
    ) -> Self: ...
    def serve(self, request: InboundBase, /) -> None:
        """Answers a REGISTER. Done here: one for a user of a domain, by its name, that has no credentials and gets a challenge, or has
        right ones, or needs none, while there is no policy. Calls ``serve_other``, ``check_proven`` and the registrar's ``change``; whatever
        they raise is passed on."""

class RegistrarBase:
    """What ``sipcore.registrar.Registrar`` is made of: the refresh of a plain binding, from the store and back to it. Calls
    ``date_of``."""

    locations: Any  # sipcore.location.Locations
    def __new__(
        cls,
        locations: Any,
        shortest_s: int,
        default_s: int,
        max_s: int,
        max_contact: int,
        max_call_id: int,
        max_user_agent: int,
        flow_timer_s: int,
        gruus: bool,
    ) -> Self:
        """The shortest time that is not refused, the one granted by default and the longest, in seconds; sizes in bytes;
        what a user agent with a flow is told; whether those that ask for GRUUs get some."""
    def refresh(self, request: Message, aor: str, source: Any, now: float, /) -> tuple[tuple[str, str], ...] | None:
        """Does what a REGISTER over the flow ``source`` asks for, if that is to refresh one binding that is alive at ``now`` (Unix time)
        and is told all by its Contact, Call-ID, CSeq, User-Agent and flow. Headers of the answer; None when
        ``sipcore.registrar.Registrar`` must look, which would leave and answer the same."""
    def date(self, now: float, /) -> str:
        """Value of the Date header, made once a second."""

class ApplicationBase:
    """What ``sipmesh.signalling.application.SignalApplication`` is made of: of ``sipcore.ports.Application`` what needs no decision but
    those that were made before."""

    def __init__(
        self,
        authorizer: AuthorizerBase,
        called: dict[str, Any],
        called_from: dict[tuple[str, str], Any],
        identities: dict[str, str],
        passing: set[str],
        trunks: CallTrunksBase,
        policy: Any,
        locations: Any,
        registering: Any,
        services: Any,
        timers: Timers,
        invite_class: type[InviteExchangeBase],
        bye_class: type[ByeExchangeBase],
        dialog_class: type[DialogExchangeBase],
        media_class: type[InviteMediaBase],
        glue: GlueBase | None,
        capabilities: str,
        *,
        user_rates: RatesBase | None,
        verifies: bool,
    ) -> None:
        """``called``: Hop by the Request-URI, where it leads whoever calls; ``called_from``: by the numeric host of a trunk and the
        Request-URI, where it leads that trunk's calls. ``identities``: by AOR, the URI by which trunks that are trusted know who
        calls. ``passing``: AORs of those who have whatever SRTP they want. ``glue``: None when media is not relayed. ``capabilities``:
        header lines of the answer to OPTIONS. ``registering`` serves REGISTER. ``user_rates``: of calls, by AOR; calls
        ``limited`` for one too many. ``verifies``: there are listeners for TLS."""
    registering: Any
    def on_request(self, request: Any, /) -> None:
        """A REGISTER is served by ``registering``, OPTIONS to a domain of ours are answered unless ``check_required``, asked when there
        is a Require, raises something. Calls ``dispatch`` for what else is no INVITE of a caller who is known or challenged, ``route`` when it is not known whom it calls,
        or it can't simply be sent on to the plain bindings or targets there are, and ``not_served`` with what is raised."""
    def on_dialog_request(self, request: Any, cookie: Any, /) -> Any:
        """The exchange. Calls ``within_dialog`` for what is not usual within a call (BYE, INVITE, UPDATE, PRACK, INFO), or doesn't pass
        as it is, and ``services.media_within`` when media is relayed."""
    def on_ack(self, request: Message, cookie: Any, proceed: Any, /) -> None:
        """Calls ``acknowledge`` where it does not pass as it is."""

class InviteExchangeBase:
    """What ``sipmesh.signalling.exchanges.InviteExchange`` is made of; there the fields are named. No garbage collector walks it,
    nor a ByeExchangeBase."""

    looks_on: bool
    sees: int
    def __init__(self, services: Any, key: str, media: Any, *, by_trunk: bool) -> None: ...
    def request_out(self, branch: Any, request: Message, proceed: Any, /) -> None:
        """To the media, if there is any."""
    def response_in(self, branch: Any, response: Message, proceed: Any, /) -> None:
        """Tells ``services.calls`` of an answer, and the record when it rings. Calls ``look_closer`` for what says more. With media
        it goes by that, with itself as the judge."""
    def branch_ended(self, branch: Any, status: int, /) -> None:
        """Calls ``branch_over``, save of a branch that was answered by a target known to be alive."""
    def ended(self, context: ContextBase, status: int, /) -> None:
        """Tells ``services.calls`` of a call that failed."""

class NgRequest:
    """A request to the media daemon that waits for its reply."""

    packet: bytes

class MediaClientBase:
    """What ``sipmesh.signalling.media_client.MediaClient`` is made of."""

    _link: Any
    _counters: dict[str, int]
    _pending: Mapping[bytes, NgRequest]  # by cookie
    def __init__(
        self, link: Any, instance: bytes, timers: Timers, counters: dict[str, int], answer_s: float, attempts: int, most: int
    ) -> None:
        """``attempts``: how often a request is sent, each time ``answer_s`` after the last. ``most`` may wait."""
    def request(self, data: bytes, answered: Callable[[Any], None], /) -> None:
        """Sends it by ``link``. Calls ``refused`` when too many wait, and ``unanswered`` at last."""
    def received(self, packet: bytes, /) -> None:
        """Lets the message of a PassingBody go on. Calls ``look_at`` with what is no plain assent to one."""
    def settle(self, cookie: bytes, /) -> Callable[[Any], None] | None:
        """What is to be called with the reply to the request of that cookie, which waits no longer; None when there is none."""

class GlueBase:
    """What ``sipmesh.signalling.media_glue.MediaGlue`` is made of."""

    _media: Any
    _counters: dict[str, int]
    def __init__(self, media: Any, counters: dict[str, int]) -> None: ...
    def pass_body(
        self,
        command: str,
        message: Message,
        texts: tuple[str, str, str, str, str],
        proceed: Any,
        *,
        natted: bool,
        early: bool,
        insists: bool,
        more: bytes,
    ) -> None:
        """Asks for an "offer" or "answer" with the message's body. ``texts``: Call-ID, tags of offerer and answerer, Via branch, host
        that the message came from. ``more``: entries of the dictionary. The message goes on when the daemon assents;
        ``answered`` is called with what else it says."""

class PassingBody:
    """Of a request to the media daemon: whoever gets the reply calls it."""

    command: str
    message: Message
    insists: bool  # who gets the body takes no plain RTP
    def __call__(self, reply: dict[str, Any] | None, /) -> None: ...
    def arrive(self, body: bytes, /) -> None:
        """The message goes on with it."""
    def stay(self, status: int, reason: str, /) -> None:
        """The message does not go on."""

class InviteMediaBase:
    """What ``sipmesh.signalling.media_glue.InviteMedia`` is made of; there the fields are named. No garbage collector walks it."""

    def __init__(self, glue: GlueBase, request: Message, sender: Any, srtp: Any = ("pass", "pass")) -> None: ...
    def request_out(self, branch: Any, request: Message, proceed: Any, /) -> None:
        """Passes its offer, with itself as the judge. Calls ``secure`` when SRTP is more than the parties' own."""
    def response_in(self, branch: Any, response: Message, proceed: Any, judge: Any = None, /) -> None: ...

class ByeExchangeBase:
    """What ``sipmesh.signalling.exchanges.ByeExchange`` is made of."""

    def __init__(self, services: Any, key: str, request: Message) -> None:
        """Tells ``services.calls`` that the call is being hung up."""
    def ended(self, context: Any, status: int, /) -> None:
        """Tells ``services.calls`` that it is hung up, or goes on. Calls ``end_media`` in place of the former when media is relayed."""

class DialogExchangeBase:
    """What ``sipmesh.signalling.exchanges.DialogExchange`` is made of. Calls ``identified`` with a response that says who it is of."""

    looks_on: bool
    def __init__(self, services: Any, cookie: Cookie, request: Message, media: Any, /) -> None:
        """``media``: told what passes, or None."""
    def request_out(self, branch: Any, request: Message, proceed: Any, /) -> None: ...
    def response_in(self, branch: Any, response: Message, proceed: Any, /) -> None:
        """A 2xx refreshes the target of the side it came from."""

class EnvironmentBase:
    """The usual steps of sipmesh.store.environment.Environment, which says what the methods here mean."""

    _env: Any  # lmdb.Environment
    _write: Any  # transactions, or None
    _staged: dict[tuple[Any, bytes], bytes | None]  # writes that wait for ``commit``; None: a deletion
    _spare_bytes: int  # may be written before the next look at how full the map is
    _keeps_read: bool
    _stages: bool
    _dirty: bool  # the write transaction holds something
    _lost: bool  # an error took what had been written before it
    def get(self, table: Any, key: bytes, /) -> bytes | None: ...
    def put(self, table: Any, key: bytes, value: bytes, /) -> None: ...
    def delete(self, table: Any, key: bytes, /) -> bool:
        """False when there is no such key."""
    def renew(self) -> None:
        """What others have committed is read from now on."""
    def renew_with(self, other: EnvironmentBase, /) -> None:
        """``commit`` renews what is read of ``other`` too."""
    def write_staged(self) -> None:
        """Opens the transaction for what waited, and for what follows until ``commit``; nothing when nothing waits."""
    def commit(self) -> None:
        """StoreError: nothing written since the last commit is kept, be it for an error now or for an earlier one."""

class TableBase:
    """Records of one table of the store, by text: subclasses say in TABLE which one, and give ``key_of`` for keys that are not short
    ASCII."""

    TABLE: str
    _env: Any
    _table: Any
    def __init__(self, environment: EnvironmentBase, /) -> None: ...
    def record(self, key: str, /) -> bytes | None: ...
    def put_record(self, key: str, record: bytes, /) -> None: ...
    def delete(self, key: str, /) -> None: ...

class CallLeg:
    """One side of a call: what a request to it within the dialog needs. No garbage collector walks it, nor a CallRecord."""

    FIELDS: Final[tuple[str, ...]]  # in the order they are stored in
    tag: str
    remote_target: str  # its Contact URI
    cseq: int  # highest CSeq it has seen from us in its other party's name
    listener: int  # the flow its requests came over
    remote_host: str
    remote_port: int
    natted: bool  # requests go over that flow, whatever the Contact says
    connection_id: int
    route_set: tuple[str, ...]  # Route values towards it, topmost first, ours left out
    def __init__(
        self,
        *,
        tag: str = "",
        remote_target: str = "",
        cseq: int = 0,
        listener: int = 0,
        remote_host: str = "",
        remote_port: int = 0,
        natted: bool = False,
        connection_id: int = 0,
        route_set: tuple[str, ...] = (),
    ) -> None: ...
    def as_dict(self) -> dict[str, Any]:
        """What is not as it is by default."""

class CallRecord:
    """A call this node proxies, from the first INVITE that leaves to the end of its dialog."""

    FIELDS: Final[tuple[str, ...]]  # in the order they are stored in
    v: int  # of the schema
    call_id: str
    from_tag: str
    to_tag: str
    caller: str  # AOR or number, as shown to people
    callee: str
    source: str  # address:port the INVITE came from
    state: Literal["ringing", "answered", "ending"]
    started_at: float  # Unix time, s
    answered_at: float  # 0 before the answer
    legs: list[CallLeg]  # caller's, then callee's, of which only the CSeq is known before the answer
    destination: str  # where ``callee``, as dialled, was routed: AOR, number at the trunk, foreign AOR
    route: str  # id of the [[route]]
    trunk_in: str  # name; "" when a user calls
    trunk_out: str
    ng_call_id: str  # call-id at the media daemon; "" without relayed media
    ng_branch: str  # via-branch at the media daemon
    ringing_at: float  # first 18x; not kept over the end of the worker while it rings
    bye_at: float  # the request that may end it passed, or was sent by us
    bye_by: Literal["", "caller", "callee", "node"]
    silent: Literal["", "caller", "callee", "node"]  # of whom nothing was heard for a while, the other one speaking
    srtp: tuple[Any, Any]  # as it was when the call began: the caller's and the callee's
    hides_caller: bool  # the callee is shown nothing of where the caller is
    names: Any  # Names, when the callee is shown others than the caller wrote, else None
    shifts: tuple[
        tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]
    ]  # of the CSeq numbers that the caller and the callee write
    media: tuple[Any, Any] | None  # Quality of what the caller and the callee sent
    forks: list[CallLeg]  # callees of its other dialogs: early ones with 100rel, then those that answered after the first
    def __init__(self, **fields: Any) -> None:
        """``v`` is the newest; all others are empty, and the call rings, unless ``fields`` say otherwise."""
    def belongs(self, from_tag: str | None, to_tag: str | None, /) -> bool:
        """Whether a request within a dialog, with these tags, is of the one the call made, or of an early one."""
    def sides(self, request: Message, /) -> tuple[CallLeg, CallLeg] | None:
        """Sender and receiver of a request within one of the call's dialogs, by its tags; None when they are of none."""
    def as_dict(self) -> dict[str, Any]:
        """What is not as it is by default."""
    def packed(self) -> bytes:
        """As it is stored: see sipmesh.store.records.read_call."""

class TargetBase:
    """What ``sipmesh.signalling.trunks.TargetState`` is made of."""

    weight: int
    probed: bool
    failed_at: float | None  # monotonic, s; None: it did not
    rests_until: float  # monotonic, s
    def alive(self, now: float, /) -> bool:
        """Whether calls may go there at ``now``. One that failed has a rest of 30 s when nothing probes it."""

class TrunkBase:
    """What ``sipmesh.signalling.trunks.TrunkState`` is made of: what a call needs to know of a trunk."""

    targets: list[Any]  # TargetBase
    random: Callable[[], float]  # from 0 up to 1
    def in_turn(self, now: float, /) -> list[Any]:
        """``targets`` in the order to try them at ``now`` (monotonic, s): a random one, in which heavier targets tend to the front and
        those of weight 0 stay last (RFC 2782's way). Those known to be dead come only when no other lives."""

    name: str
    calls: int  # of this worker
    max_calls: int  # of all workers together; 0: no limit
    edits: bool  # messages of its calls are changed
    plain: bool  # neither they, nor From, To and numbers in what begins a call, nor its SRTP
    transit: bool
    trusted: bool
    calls_elsewhere: dict[int, int]
    on_count: Any
    @property
    def full(self) -> bool: ...
    def count_call(self, step: int, /) -> None:
        """One more, or one less with a negative ``step``. Calls ``on_count`` with itself when they are limited."""

class CallTrunksBase:
    """What ``sipmesh.signalling.call_trunks.CallTrunks`` is made of."""

    edited: set[str]
    _by_name: dict[str, Any]
    def __init__(self, trunks: dict[str, Any], /) -> None: ...
    def begun(self, key: str, record: CallRecord, /) -> None:
        """Counts a call with the trunks it goes over."""
    def ended(self, key: str, record: CallRecord, /) -> None:
        """Calls ``forget`` when messages of it were changed."""

class CallsBase:
    """The way of calls with one dialog: the base of sipmesh.signalling.calls.Calls, which has what is said of forks, trunks and CDRs."""

    _calls: dict[str, CallRecord]
    _keys: dict[str, tuple[str, ...]]  # by Call-ID; more than one when a call spirals through us
    _invites: dict[str, Any]  # InboundRequest of calls not answered yet
    _unconfirmed: dict[str, None]  # keys, oldest first: answered, and no ACK has passed since
    _stored: Any
    _timers: Timers
    _cdrs: Any
    counters: dict[str, int]
    trunks: Any
    early_offers: Any
    relayed: bool
    def __init__(self, stored: Any, timers: Timers, counters: dict[str, int], cdrs: Any, /) -> None: ...
    def __len__(self) -> int: ...
    def get(self, key: str, /) -> CallRecord | None: ...
    def put(self, key: str, record: CallRecord, /) -> None:
        """``record`` has changed."""
    def add(self, key: str, record: CallRecord, /) -> None:
        """One that is stored already. Another with that key ends."""
    def begin(self, key: str, record: CallRecord, invite: Any, /) -> None:
        """``invite`` is about to leave."""
    def answered(self, key: str, branch: Any, response: Message, /) -> None:
        """A 2xx. The first makes the call; those of other branches make dialogs beside it (``answered_again``)."""
    def within(self, cookie: Cookie, request: Message, /) -> None:
        """A request within the call passes: keeps the CSeq each side has seen, and the target it refreshed (RFC 3261 section
        12.2.1.1)."""
    def confirmed(self, key: str, /) -> None:
        """An ACK passes."""
    def hangs_up(self, key: str, from_tag: str | None, to_tag: str | None, /) -> None:
        """A BYE with these tags passes."""
    def hung_up(self, key: str, from_tag: str | None, to_tag: str | None, /) -> None:
        """It had its answer: see ``dialog_ended``."""
    def end(self, key: str, cause: str, status: int = 0, by: Literal["", "caller", "callee", "node"] = "") -> None:
        """Forgets the call. ``cause``: one word for the counters; ``status``: the failure the caller got; ``by``: by whom."""

def begun_by(
    request: Any,
    caller: Any,
    hop: Any,
    started_at: float,
    *,
    relayed: bool = False,
    srtp: tuple[Any, Any] = ("pass", "pass"),
    names: Any = None,
) -> CallRecord:
    """The record of a call that is about to be proxied; ``relayed``: its media is. Of one that leads nowhere when ``hop`` is None, for
    its CDR. ``request``: an InboundRequest; ``caller``: sipmesh.signalling.authorize.Caller; ``hop``: a Hop of its routing_table."""

def callee_of(record: CallRecord, branch: Any, response: Message, /) -> CallLeg:
    """The callee of the dialog that ``response`` makes; of one that can't be read, what the branch knows of it: the response is the
    caller's to judge, and passes."""

def tag_hash(tag: str | None) -> str:
    """``crc_slot`` of a tag in decimal digits; None is the empty tag."""

def crc_slot(text: str) -> int:
    """Stable 32-bit hash of a Call-ID: slots and shards (the same in every process and version)."""

def call_slot(data: bytes) -> int:
    """``crc_slot`` of the Call-ID in a message that is not parsed yet: all messages of a call agree. Of a REGISTER that of the
    user in To, so that the bindings of an address-of-record have one writer, however it is written. -1 when the header is not there."""

def forget_idle_uris() -> None:
    """Of the Uris that are kept by their text, those that nobody asked for since the last call go."""

def use_huge_pages() -> None:
    """From now on the interpreter takes memory for its objects in pages of 2 MiB where the kernel gives them (madvise(2)). For a
    process that holds much and comes back to it seldom; it can't be undone."""
