"""RTP relay threads (C). Packets never touch the GIL; control calls never hold a lock a packet waits for.

A *stream* is one media line of one call between two *sides*: 0 faces the offerer, 1 the answerer. A side has an RTP socket
and, unless RTCP shares it, an RTCP socket: *components* 0 and 1. What arrives at a side is checked against the side's
remote and sent out of the other side's socket to the other side's remote. All sockets of a stream belong to one thread, so
the order of packets is kept.

The stream table and all counters live in a memfd (``Relay.table_fd``; layout in native/crelay/relay_table.h, version and a checksum
per stream in it), so another process can map it and go on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Self, TypeVar

_Request = TypeVar("_Request")
_Line = TypeVar("_Line")
_Told = TypeVar("_Told")
_Described = TypeVar("_Described")

TABLE_VERSION: Final[int]
FAST_LEG_DTYPE: Final[list[Any]]  # of one leg of Relay.fast_legs_fd
STREAM_DTYPE: Final[list[Any]]  # numpy dtype description of one table entry: numpy.frombuffer(mmap, dtype=STREAM_DTYPE)

STATIC_ENCODINGS: Final[dict[int, str]]  # of static payload types (RFC 3551 tables 4 and 5), as a=rtpmap has them

# learning of a side's address; the values of ``mode``
FIXED: Final[int]  # send to the given address, accept from exactly that address and port
SYMMETRIC: Final[
    int
]  # first packet from ``learn_host``, any port, latches (RFC 4961); until then send to the given address. Later another
# port of that host is let in, and learned, only with the same SSRC within 536 sequence numbers, or when it is exactly the given one
ASYMMETRIC: Final[int]  # accept from ``learn_host``, any port; always send to the given address
ANY: Final[int]  # first packet from anywhere latches. Only when asked for by name
ICE: Final[int]  # who passed a check may send, and who was nominated by one is sent to; until then ``remote`` is both
HANDOVER: Final[int]  # SYMMETRIC, and who goes on with SSRC and sequence numbers may come from another host

# kinds of stream
RTP: Final[int]
OPAQUE: Final[int]  # UDPTL and whatever else the SDP announces: one component, bytes relayed as they are

# states of a recording
RECORDING: Final[int]
RECORDED: Final[int]
RECORDING_FULL: Final[int]
RECORDING_FAILED: Final[int]

# kinds of event
LATCHED: Final[int]  # a side's address was learned (or learned again)

# (suite by its name in RFC 4568 or RFC 7714, master key followed by master salt, bytes of MKI in each packet)
_CryptoKey = tuple[str, bytes, int]

class Event(NamedTuple):
    kind: int
    stream: int
    side: int
    component: int

class ComponentStats(NamedTuple):
    """Counters of what one side *sent us* on one component, since the stream was added."""

    packets: int
    bytes: int  # UDP payload
    forwarded: int  # packets given to the kernel for the other side
    send_errors: int
    strangers: int  # wrong source, dropped
    malformed: int  # not RTP/RTCP where it must be, dropped
    no_remote: int  # other side's address still unknown, dropped
    auth_failed: int  # SRTP that does not authenticate, dropped
    replayed: int  # SRTP seen before or too old to tell, dropped; and what would be sent under an index used before
    checks: int  # of ICE, answered (RFC 8445 section 7.3)
    checks_refused: int  # with an error or with nothing
    lost: int  # RFC 3550 A.3, expected minus received, signed
    gaps: int  # runs of missing sequence numbers; a late packet closes none
    jitter: int  # RFC 3550 A.8, RTP timestamp units
    round_trip_us: int  # from us to this side and back, by its last report on the other's (RFC 3550 section 6.4.1); 0: unknown
    ssrc: int  # last seen, 0 before the first
    payload_type: int  # last seen
    first_ns: int  # CLOCK_MONOTONIC of the first and last accepted packet, 0 when none
    last_ns: int
    remote: tuple[str, int] | None  # where we send, latched or given
    latched: bool

class Tally(NamedTuple):
    """Of several ComponentStats."""

    packets: int
    bytes: int
    errors: int  # send_errors and malformed
    strangers: int
    forged: int  # auth_failed and replayed
    checks: int
    checks_refused: int

class Totals:
    """What a line, a dialogue or a call has received from both sides."""

    def __new__(cls, rtp: Tally = ..., rtcp: Tally = ...) -> Self:
        """Without arguments nothing."""
    rtp: Final[Tally]
    rtcp: Final[Tally]
    def plus(self, other: Totals, /) -> Totals: ...
    def told(self) -> bytes:
        """As ng tells them, in bencode."""

class StreamStats:
    """By side (what its RTP, its RTCP counted), of one stream."""

    def __new__(cls, sides: tuple[tuple[ComponentStats, ComponentStats], tuple[ComponentStats, ComponentStats]]) -> Self: ...
    def __getitem__(self, side: int, /) -> tuple[ComponentStats, ComponentStats]: ...
    def __len__(self) -> int: ...

class RecordingStatus(NamedTuple):
    state: int  # RECORDING, RECORDED, RECORDING_FULL (at its limit of bytes) or RECORDING_FAILED; all but the first: the file is closed
    packets: int
    bytes: int  # written
    dropped: int  # packets that came faster than they could be written
    error: int  # errno of one that failed

def bind_udp(host: str, port: int, dscp: int = 46) -> int:
    """A bound, non-blocking UDP socket's descriptor. OSError (EADDRINUSE, EMFILE ...) as the kernel says."""

def bind_pairs(host: str, port: int, count: int, dscp: int, /) -> tuple[tuple[int, int], ...]:
    """``count`` pairs of such sockets on consecutive ports, ``port`` the first. OSError, and then none is left open."""

def bencode_decode(data: bytes, max_depth: int) -> Any:
    """The one value in ``data``: int, str, list or dict, lists and dictionaries ``max_depth`` deep at most. ValueError ``at byte N: ...``."""

def bencode_encode(value: Any) -> bytes:
    """Bytes are bencode already. TypeError for what bencode can't say."""

def party_report(
    party: Any,
    side: int,
    other_tag: str,
    via_branch: str,
    shown: list[_Line | None],
    described: list[_Described],
    lines: Any,
    counts: dict[_Line, list[StreamStats]],
    unix_s: float,
    now_ns: int,
    more: Callable[[_Line, _Described, int, Any], tuple[bytes, bytes]],
    /,
) -> bytes:
    """What ng tells of ``party``, one side of a dialogue (media.session.Side), and of the lines it is ``shown`` with what it says of
    them, in bencode. ``counts``: of each stream of a line, as ``lines.counts`` tells them of one that is not there yet; ``unix_s``, ``now_ns``: the time, on both clocks. ``more`` is called for a line on which anybody was heard: flags and
    entries of it, in bencode."""

def slim_report(report: bytes, /) -> bytes:
    """Of a ``party_report`` what statistics of quality need: who it is, and what was counted. ValueError when it has another form."""

def ng_options(data: bytes, /) -> bytes | None:
    """All keys of an ng request in bencode with their values as they were written, but for those of its own: call-id, from-tag, to-tag,
    via-branch, sdp and received-from. None for what doesn't have that form; that it does doesn't say that it is right."""

class Count:
    """Requests of one command from one host. ``asked`` and ``refused`` name the counters of all hosts."""

    def __init__(self, asked: str, refused: str) -> None: ...
    requests: Final[int]
    errors: Final[int]
    duration_ns: Final[int]
    def add(self, counters: dict[str, int], failed: bool, duration_ns: int, /) -> None:
        """One request more, also in ``counters``."""

class ReplyCacheBase:
    """See media.reply_cache."""

    def __init__(self, now: float, generation_s: float, most_bytes: int) -> None: ...
    def get(self, key: tuple[str, int, bytes], now: float, /) -> bytes | None: ...
    def scan(self, now: float, /) -> None:
        """Forgets what is too old."""
    def put(self, key: tuple[str, int, bytes], reply: bytes, /) -> None:
        """After a ``get`` that found nothing."""
    def __len__(self) -> int: ...

class DispatcherBase:
    """The usual way of an ng request, and the base of media.dispatch.Dispatcher, whose methods it calls by name: ``general`` for a request
    that is no bencode or whose options are not known, ``count``, ``note_ignored``, ``refusal`` when a function raised, ``fitted`` for a long reply, ``repeated``, ``broke``."""

    def __init__(
        self,
        functions: dict[str, Callable[[_Request], dict[str, Any]]],
        known: tuple[dict[bytes, Any], dict[bytes, Any]],
        request_type: type[_Request],
        read_address: Callable[[str], str],
        monotonic_ns: Callable[[], int],
        counts: dict[str, dict[str, Count]],
        counters: dict[str, int],
        replies: ReplyCacheBase,
        own: str,
        short_bytes: int,
    ) -> None:
        """``functions``: what serves a command, by its name. ``known``: options as ``ng_options`` tells them, of other proxies and of this node's
        own, whose host is ``own``. ``request_type``: made without its constructor, with call_id, from_tag, to_tag, via_branch, sdp and
        received_from ("" what is absent, the last one's last item as ``read_address`` reads it) and ``options``. ``counts``: by host
        and command; ``count`` is called for the first request of each. Replies to other hosts of more than ``short_bytes`` are ``fitted``."""
    def datagram(self, data: bytes, source: tuple[Any, ...], most_bytes: int, /) -> bytes | None:
        """The reply to a datagram from ``source`` (host, port), the stored one for a retransmission; None: no ng message."""
    def packet(self, data: bytes, most_bytes: int, /) -> bytes | None:
        """The same from this node's own proxy, over a connection that loses and repeats nothing."""

class NgUdpBase:
    """The base of media.ng_udp.NgUdpServer, whose methods it calls by name: ``is_stranger`` for a host that is not known to be allowed or a port that
    may be ours, ``unsent`` when a reply could not be sent."""

    def __new__(
        cls,
        fd: int,
        dispatcher: DispatcherBase,
        chains: ChainsBase,
        allowed: dict[str, bool],
        most_request_bytes: int,
        most_reply_bytes: int,
    ) -> Self:
        """``fd`` stays its owner's."""
    def readable(self) -> None:
        """Serves one datagram, if there is one."""

class PortBlock(NamedTuple):
    """Consecutive even/odd pairs from ``port`` on. The descriptors belong to whoever took the block."""

    port: int
    sockets: tuple[tuple[int, int], ...]  # per pair

class PortPoolBase:
    """The base of media.ports.PortPool, whose methods it calls by name: ``may_try_next`` with the OSError of a port that can't be bound,
    ``ran_out`` when nothing is left. Both may raise."""

    def __new__(
        cls,
        host: str,
        first: int,
        last: int,
        dscp: int,
        bind: Callable[[str, int, int, int], tuple[tuple[int, int], ...]],
        start: int,
    ) -> Self:
        """``start``: turns the ring by so many pairs."""
    free: Final[int]
    last_taken: Final[int]
    def take(self, count: int = 1, /) -> PortBlock:
        """``count`` consecutive bound pairs. OutOfPortsError when there are none, or when the host can't be bound."""
    def give_back(self, block: PortBlock, /) -> None:
        """The block's sockets are closed already. ValueError for what is free."""

class LineBase:
    """What media.line.Line keeps; pairs are by side."""

    def __new__(
        cls,
        kind: int,
        interfaces: tuple[Any, Any],
        blocks: tuple[PortBlock, PortBlock],
        streams: list[int],
        places: tuple[Any, Any],
        muted: tuple[Any, Any],
    ) -> Self: ...
    kind: Final[int]  # RTP or OPAQUE
    interfaces: Final[tuple[Any, Any]]
    blocks: Final[tuple[PortBlock, PortBlock]]
    streams: Final[list[int]]
    places: tuple[Any, Any]
    held: tuple[bool, bool]
    forwarded: tuple[bool, bool]
    muted: tuple[Any, Any]
    fed: tuple[bool, bool]
    secured: tuple[bool, bool]
    suites: tuple[str, str]
    muxed: tuple[bool, bool]
    kept_keys: Any
    kept_ice: Any
    recording: int  # what its streams are taped for, -1: nothing
    bridged: bool  # the proxy asked for different profiles

class ChainsBase:
    """The base of media.chains.Chains: which line has which of our ports."""

    exits: Final[
        dict[tuple[str, int], tuple[Any, int]]
    ]  # by host and even port the line, and the side that gets what arrives there
    def leave(self, line: LineBase, /) -> None:
        """When its ports are closed; what it sent before may still come."""
    def reserve(self, port: int, /) -> None:
        """Something else of ours has it."""
    def named(self, lines: list[Any], offered: list[Any], answered: list[Any], /) -> bool:
        """Whether what is sent to places of these lines, as they are or as both parties describe them (media.session.Described), may go to
        a port of ours."""
    def may_have(self, port: int, /) -> bool:
        """False: nothing of ours has it or the other one of its pair, on any host."""

class LinesBase:
    """The base of media.streams.Lines, whose methods it calls by name: ``too_many``, ``ran_out``, ``discard`` and ``undo`` when a line can't be opened,
    ``place_opaque``, ``totals_of_ports`` and ``counts_of_ports`` for lines that are not RTP, ``hold``. ``relay`` is called by name too."""

    def __new__(
        cls,
        relay: Relay,
        pools: dict[str, Any],
        chains: ChainsBase,
        line_type: type[LineBase],
        places: tuple[Any, Any],
        muted: tuple[Any, Any],
    ) -> Self:
        """``pools``: PortPoolBases by host. ``line_type``: made without its constructor, with ``places`` and ``muted``."""
    relay: Final[Relay]
    encodings: Final[dict[int, dict[int, str]]]  # by stream and payload type
    streams: Final[int]  # that the relay has of ours
    def open(self, kind: int, count: int, interfaces: tuple[Any, Any], beside: Any, /) -> Any:
        """A line with fresh ports, on the relay thread of ``beside``. OutOfPortsError."""
    def place(self, line: Any, side: int, endpoint: Any, mux: bool, /) -> None:
        """Sets where ``side`` is. A held side keeps its address, but is sent nothing."""
    def release(self, line: Any, /) -> None:
        """Its sides are placed, and all that was agreed is in effect: what came before is judged by that."""
    def learn(self, line: Any, one: Any, other: Any, /) -> None:
        """From the RtpMaps of both sides (media.encodings): names by payload type, and clocks of dynamic ones, for the jitter of both sides."""
    def totals(self, line: Any, /) -> Totals:
        """What it has received."""
    def counts(self, line: Any, /) -> list[StreamStats]:
        """Of each port pair."""
    def close(self, line: Any, /) -> None:
        """Ends its streams. Its ports are free after the next ``reap``."""
    def reap(self) -> None:
        """Frees the ports of lines that were closed: of many at once, for it waits for the relay threads."""
    def remove(self, line: Any, /) -> None:
        """Ends its streams."""
    def give_back(self, line: Any, /) -> None:
        """Its ports, whose sockets are closed."""

class ConnectionBase:
    """What a c= line says (media.sdp_fields.Connection)."""

    def __new__(
        cls, family: int, address: str, text: str, host: str | None, zero: bool, unicast: bool, private: bool, /
    ) -> Self: ...
    family: Final[int]  # 4 or 6, the address's where it is numeric
    address: Final[str]  # as written
    text: Final[str]  # as ``IN IP4 192.0.2.1``
    host: Final[str | None]  # in its shortest form; None: not numeric
    unicast: Final[bool]  # media can be sent to it: numeric, not multicast, not zero
    private: Final[bool]  # it means something at its own place only

class SectionBase:
    """A section of a description that was read (media.sdp.Section). What is of m= lines only is empty in a session's."""

    number: Final[int]  # of the first line, counted from 1
    end: Final[int]  # of the line after the last
    connection: Any  # of its own c= line
    direction: Final[str]  # "" when it says none
    fingerprint: Final[bool]
    crypto: Final[bool]
    kind: Final[str]  # audio, video, image ...
    port: Final[int]
    count: Final[int]  # of consecutive ports (RFC 8866 section 5.14)
    protocol: Final[str]
    formats: Final[str]
    mux: Final[bool]  # a=rtcp-mux (RFC 5761)
    mid: Final[str]  # a=mid (RFC 5888), "" when absent
    held: Final[bool]  # "send nothing to me" by a zero address (RFC 3264 section 8.4)
    rtcp_port: Final[int]  # a=rtcp (RFC 3605), 0 when absent
    rtcp_connection: Any
    @property
    def fields(self) -> list[tuple[str, str, str]]:
        """Per line (line, name, value): of ``a=name:value`` its parts, ``""`` for what is missing, of others the letter with its ``=`` and
        the rest."""

class DescriptionBase:
    """A session description that was read (media.sdp.Description)."""

    def __init__(
        self,
        body: str,
        session: type[SectionBase],
        media: type[SectionBase],
        read_connection: Callable[[str], ConnectionBase | str],
        /,
    ) -> None:
        """``session`` and ``media``: what sections are made of, without their constructors. ``read_connection`` reads the value of a
        c= line, or says what is wrong with it. Lines end in LF or CRLF and are counted from 1. ValueError (line, what is wrong); line 0 is
        the body as a whole."""
    body: Final[str]
    session: Any
    media: Any  # a tuple
    origin_fields: Final[tuple[str, str, str, int, str]]  # user name, session id, version, family and address of the o= line

class DescribedBase:
    """What a party last said of one line (media.session.Described)."""

    def __new__(
        cls,
        kind: str,
        protocol: str,
        direction: str,
        mux: bool,
        endpoint: tuple[Any, ...],
        rtp_map: object,
        mid: str,
        stream_kind: int | None,
    ) -> Self: ...
    kind: Final[str]  # audio, image ...
    protocol: Final[str]
    direction: Final[str]  # sendrecv ..., as it says it
    mux: Final[bool]
    endpoint: Any
    rtp_map: Any
    mid: Final[str]
    stream_kind: Final[int | None]  # RTP, OPAQUE; None: it is not relayed
    ice: tuple[str, str, bool, bool] | None  # ufrag, password; whether it is lite; whether its address was changed

class AnnouncedBase:
    """What one party was told (media.origin.Announced)."""

    def __new__(cls, session_id: int, /) -> Self: ...
    session_id: Final[int]
    version: Final[int]  # 0: nothing was told yet
    username: Final[str]  # the first one
    session_name: Final[str]  # the first s= line

class SideBase:
    """What media.session.Side keeps of a party."""

    def __new__(cls, tag: str, interface: Any, announced: Any, created_at: float) -> Self: ...
    tag: str  # empty while unknown
    interface: Any
    announced: Any
    label: str
    muted: frozenset[str]
    described: list[Any]
    created_at: Final[float]  # Unix time, s

class DialogueBase:
    """What media.session.Dialogue keeps."""

    def __new__(cls, sides: tuple[Any, Any], via_branch: str, created_at: float) -> Self: ...
    sides: tuple[Any, Any]
    via_branch: Final[str]
    lines: list[Any]
    offers: list[Any]
    created_at: Final[float]
    last_offerer: int
    answered: bool  # by more than a provisional response
    reports: bool  # both parties get RTCP of ours
    past: Totals  # of lines closed meanwhile
    def side_of(self, tag: str, /) -> int | None:
        """A tag both sides have (a call to oneself through a stateless loop) is the first's."""
    def has_tags(self, one: str, other: str, /) -> bool: ...
    def all_lines(self) -> list[Any]:
        """Lines in effect and those only offered, each once."""

def sdp_describe(
    description: DescriptionBase,
    request: Any,
    interface: Any,
    makers: tuple[
        type[_Described],
        type[tuple[Any, ...]],
        tuple[Any, ...],
        dict[bytes, Any],
        Callable[[Any], object],
        Callable[[str, str], bool],
    ],
    /,
) -> list[_Described]:
    """What each m= line says, as instances of the first of ``makers``, a DescribedBase. The others: the class of endpoints
    (media.endpoint.Endpoint), the one of nobody; what formats mean, by how they are written, and who finds out for a section; whether
    a party at the second address may mean itself by the first. ValueError (line, what is wrong) for an address that can't be sent to, or not from ``interface``."""

def sdp_as_offered(
    description: DescriptionBase, described: list[Any], /
) -> tuple[list[bool], list[str], list[bool], list[str], bool]:
    """What goes on of an offer unless something of it is changed, per line: whether it has port 0, its profile, whether RTCP is multiplexed,
    its mid; and whether no line speaks of SRTP."""

def sdp_told(
    told_type: type[_Told],
    description: DescriptionBase,
    lines: Sequence[LineBase | None],
    side: int,
    muxes: list[bool],
    one_port: bool,
    protocols: list[str],
    no_rtcp: bool,
    /,
) -> list[_Told | None]:
    """What ``side`` is told of our ports, per m= line of a description as a media.rewrite.LocalLine, which is ``told_type``; None: it is passed on
    untouched. ``lines``, ``muxes``, ``protocols``: at least one for each. ``one_port``: where RTCP is multiplexed it has no port of its own to fall back to.
    ``no_rtcp``: no a=rtcp."""

def sdp_write(
    description: DescriptionBase,
    announced: list[Any],
    mids: list[str] | None,
    ours: ConnectionBase,
    writing: int,
    loop_mark: str,
    told: AnnouncedBase,
    /,
) -> str:
    """The body to send on; lines end in CRLF. ``announced``: per m= line a media.rewrite.LocalLine; None passes it on untouched, with the
    address it inherited. ``mids``: per m= line too, perhaps more of them, in place of what was said of it, "" for none; None: that is left as
    it is. ``ours``: our address. ``writing``: bits of ``WRITE_``. ``told``: what its receiver was told so far, which is counted on."""

WRITE_FULL_RTCP: Final[int]  # the address in a=rtcp too
WRITE_ZERO_ADDRESS: Final[int]  # our address even in place of 0.0.0.0
WRITE_DIRECTIONS: Final[int]  # as received; else each line says its own, and "hold" where its address is zero
WRITE_NO_EXTMAP: Final[int]
WRITE_LOOP_MARK: Final[int]  # ``loop_mark`` at session level
WRITE_ORIGIN: Final[int]  # our address in the o= line
WRITE_OWN_ORIGIN: Final[int]  # all of the o= line is ours
WRITE_USERNAME: Final[int]  # there the first one
WRITE_VERSION: Final[int]  # there ours, which grows when the body changes, or the sender's address
WRITE_NEXT_VERSION: Final[int]  # there ours, which always grows
WRITE_NAME: Final[int]  # the first s= line
WRITE_ICE_LITE: Final[int]  # a=ice-lite at session level

def interface_of(host: str) -> int:
    """The number of the interface with that address; 0 when there is none, or one without Ethernet headers. OSError."""

def monotonic_ns() -> int:
    """The clock of ``first_ns`` and ``last_ns``."""

class FastStatus(NamedTuple):
    """How many active streams the kernel relays by itself, and why it does not relay the others."""

    on: int
    unsettled: int  # not both sides have sent RTP and are known
    treated: int  # SRTP that ends here, or something to be held back, silenced or recorded; no RTP
    chained: int  # a side is another stream of ours
    route: (
        int  # its packets come or leave where the program is not, by a path for less than 1280 bytes, or between IPv4 and IPv6
    )
    packet: int  # a packet took it off; it is tried again
    busy: int  # something waited in its sockets, or the kernel had no room

class RawStatus(NamedTuple):
    """Of the raw sockets a relay sends by."""

    sockets: int  # in use
    given_up: int  # refused again and again what UDP sockets could send
    packets: int
    refused: int  # of packets that UDP sockets then could send

class EarlyStatus(NamedTuple):
    """Of packets that were kept because nobody had said where their senders are."""

    judged: int  # once somebody had
    dropped: int  # too old by then, or too many

class Relay:
    """Calls about a stream raise KeyError when there is none of that id, RuntimeError when the relay is stopped or another one has taken
    its table over, and in a fork of the process that made it (where dropping it closes its descriptors and nothing else)."""

    def __init__(
        self,
        *,
        threads: int = 1,
        capacity: int = 4096,
        fifo: bool = True,
        table_fd: int = -1,
        raw: list[Any] = ...,
        fast: tuple[int, int, list[int]] | None = None,
        early_ms: int = 500,
    ) -> None:
        """``capacity`` streams. ``fifo``: SCHED_FIFO for the relay threads if allowed (see ``fifo_threads``). ``table_fd``: go on with that table (its
        streams are idle until ``adopt`` gives each its sockets back); -1 makes a new one. ``raw``: sockets (SOCK_RAW, IPPROTO_UDP), which stay the caller's: the first of a family is for the first thread,
        and so on. Streams bound to an address and with the same DSCP send by it; all others, and what it is refused, by their own socket.
        ValueError for another kind of socket or for more than one a thread and family. ``fast``: the maps of media.fast_path.FastPath, which stay the
        caller's, and the numbers of the interfaces its program is at. ValueError when they are no such maps. ``early_ms``: how long what came before
        its sender was placed is kept."""
    threads: int
    fifo_threads: int  # how many threads got SCHED_FIFO
    capacity: int
    table_fd: int
    raw: RawStatus
    early: EarlyStatus
    fast: FastStatus
    fast_changes_fd: int  # readable when the machine's routes, addresses or interfaces changed; -1 without a fast path
    fast_legs_fd: int  # the map of legs on the fast path, by stream and side (FAST_LEG_DTYPE); -1 without
    event_fd: int  # readable when events() has something
    inbox_fd: int  # readable when inbox() has something
    inbox_dropped: int  # there was no room in it, or a side said too much
    def start(self) -> None: ...
    def stop(self) -> None:
        """Ends the threads and closes every socket. Idempotent."""
    def add(self, kind: int, ports: tuple[tuple[int, int], tuple[int, int]], thread: int = -1, awaited: bool = False) -> int:
        """A new stream from ((rtp_fd, rtcp_fd), (rtp_fd, rtcp_fd)), side 0 first; -1 for no RTCP socket. Takes the descriptors over.
        Returns its id. ``thread`` -1: the least loaded (keep a call's streams together by naming one). MemoryError when the table is full;
        ValueError when a descriptor is no UDP socket. ``awaited``: what comes for a side that is nowhere yet is kept until ``release``, the
        newest 500 ms and 64 packets of it, and while something is, no place that is set takes effect. The descriptors stay the caller's when it raises."""
    def adopt(self, stream: int, ports: tuple[tuple[int, int], tuple[int, int]]) -> None:
        """The sockets of a stream of a table that was taken over: it goes on with its latches and counters. ValueError on a checksum
        mismatch (remove the stream, add a new one) and when it has its sockets already."""
    def thread_of(self, stream: int) -> int: ...
    def own_ports(self, host: str, first: int, last: int) -> None:
        """Ports of a host that only this relay sends from: no side is learned to be there, and whoever was given such an address as its
        ``remote`` is there and nowhere else. A wildcard stands for every host this machine has now. MemoryError for a 65th host."""
    def set_remote(
        self,
        stream: int,
        side: int,
        component: int,
        remote: tuple[str, int] | None,
        *,
        mode: int = SYMMETRIC,
        learn_host: str | None = None,
    ) -> None:
        """Where the side is. A call that changes nothing keeps a latch; a new address, mode or learn_host drops it. ``learn_host`` None: the host of
        ``remote``. What comes from the address it was at is let in for up to 4 s more, or until the first packet from the new one.
        ``remote`` None: forget it (hold with port 0). ValueError when its family is not that of the side's socket. Component 1 that was
        never set follows component 0: same rules, next port."""
    def place(
        self,
        stream: int,
        side: int,
        rtp: tuple[tuple[str, int] | None, str | None],
        rtcp: tuple[tuple[str, int] | None, str | None],
        mode: int,
        mux: bool,
        /,
    ) -> None:
        """set_remote of both components, each (remote, learn_host), and set_mux in one step. ValueError: nothing was changed."""
    def release(self, stream: int, /) -> None:
        """Its sides are where they were set: what was kept for them is judged by that, in the order it came, and nothing is kept any more."""
    def set_mux(self, stream: int, side: int, mux: bool) -> None:
        """RTCP of this side travels on its RTP socket (RFC 5761)."""
    def set_forward(self, stream: int, side: int, forward: bool) -> None:
        """False: what this side sends is counted and dropped (block media)."""
    def set_silenced(self, stream: int, side: int, silenced: bool) -> None:
        """True: G.711 from this side leaves as silence; sound in other codecs is dropped. RTCP goes on."""
    def set_feedback(self, stream: int, side: int, feedback: bool) -> None:
        """False: feedback (RFC 4585) is taken out of the RTCP that this side sends."""
    def set_reports(self, stream: int, reports: bool) -> None:
        """True: RTCP of both sides is counted and read, but goes no further, feedback (RFC 4585) aside: they are to have ours by
        ``send_reports``. ValueError for an OPAQUE stream."""
    def send_reports(self, stream: int, cname: str, /) -> None:
        """A report (RFC 3550 section 6.4) to each side in the name of the other one, which has sent RTP, if ``set_reports`` asks for
        them. ``cname``: 12 ASCII characters. The round trip of ``stats`` then is that of our reports."""
    def set_blocked_types(self, stream: int, side: int, types: int) -> None:
        """Dynamic payload types of this side that are counted and dropped: a bit each, 96 the lowest."""
    def set_dscp(self, stream: int, side: int, dscp: int) -> None: ...
    def set_clock(self, stream: int, payload_type: int, clock_hz: int) -> None:
        """Clock rate of a dynamic payload type (96-127) of both sides; without it such packets have no jitter."""
    def set_crypto(self, stream: int, side: int, receive: _CryptoKey | None, send: _CryptoKey | None) -> None:
        """SRTP and SRTCP towards a side: what it sends is unprotected with ``receive``, what it is sent is protected with ``send``; None: plain.
        What fails authentication or was seen before is dropped and teaches nothing. A key keeps its rollover counter and replay
        window, also while others, or none, are set; of each way the last six are known. A new one begins at 0. ValueError for an unknown suite, a key of another length than the suite's, an MKI to send, an
        OPAQUE stream."""
    def set_dtls(self, stream: int, side: int, on: bool, /) -> None:
        """Keys of that side come from a handshake with us (RFC 5764), to be set by ``set_crypto``: until they are there, nothing it sends passes,
        and nothing leaves for it. What it sends of DTLS to its port of RTP gets to ``inbox``. ValueError for an OPAQUE stream."""
    def inbox(self) -> list[tuple[int, int, tuple[str, int], bytes]]:
        """Datagrams of DTLS that came: (stream, side, source, data), at most 256 at once. Their sources were judged as those of any packet; nothing
        was learned from them."""
    def send(self, stream: int, side: int, to: tuple[str, int] | None, data: bytes, /) -> bool:
        """Sends from the side's port of RTP, None: to where it is. False: that isn't known, or the kernel did not take it."""
    def latch(self, stream: int, side: int, source: tuple[str, int], /) -> None:
        """The side has proven to be there: it is learned as by a packet, if its mode learns."""
    def set_ice(self, stream: int, side: int, ufrag: str, password: str, peer: str, /) -> None:
        """What checks from a side whose mode is ICE are proven by (RFC 8445), and the party's own ufrag, "" while nobody has answered: then checks
        are answered, and nothing follows from them. Another ufrag or password is a restart: the party stays where it is until it nominates
        again. ValueError for what RFC 8839 section 5.4 doesn't have, or longer than 32."""
    def rollovers(self, stream: int, side: int) -> int:
        """The highest rollover counter that a side was sent under the key in effect; 0 without one."""
    def scan_fast(self, begin: bool = True, /) -> bool:
        """Lets the kernel relay the RTP of streams that may be on the fast path: both sides sent and are known, both plain, nothing
        to be held back, changed or recorded. A change to a stream takes it off again, so does a packet that the kernel left to us, and a
        change of its routes. To be called about once a second; takes 2 ms and says whether there is more to do, for another call soon. ``begin``
        False: only that, and what ``fast_changes_fd`` tells."""
    def begin_recording(self, fd: int, max_bytes: int) -> int:
        """A pcap file that a thread of its own writes to ``fd``, which is taken over. Returns its number. MemoryError when there are as many as may
        be; the descriptor stays the caller's when it raises."""
    def end_recording(self, recording: int) -> None:
        """What its streams had accepted before still gets into the file."""
    def recording_status(self, recording: int) -> RecordingStatus:
        """One that was ended is forgotten once this has told that its file is closed. ValueError when there is none of that number."""
    def tape(self, stream: int, recording: int | None, near: str = ..., far: str = ..., /) -> None:
        """What the stream accepts goes to that recording too, as UDP over IP from its source to our socket, SRTP taken off; None: no longer.
        ``near``, ``far``: the host shown for a side's socket that is bound to none."""
    def stats(self, stream: int, side: int, component: int) -> ComponentStats: ...
    def stream_stats(self, stream: int) -> StreamStats:
        """Those of all its legs: [side][component]."""
    def totals(self, streams: list[int], /) -> Totals:
        """Of both sides of all of them: RTP, RTCP. An OPAQUE stream counts as RTP."""
    def last_packet_ns(self, stream: int) -> int:
        """Latest accepted packet of either side, 0 when none."""
    def remove(self, stream: int) -> None:
        """Ends it: packets that come from now on are not relayed, and it is known no more. Its sockets stay bound until ``reap``."""
    def reap(self) -> None:
        """Closes the sockets of removed streams and frees their ids. Waits for the relay threads that had them, once each."""
    def events(self) -> list[Event]: ...
    def progress(self) -> list[int]:
        """Per thread: loop turns so far (for a watchdog)."""
