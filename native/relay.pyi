"""RTP relay threads (C). Packets never touch the GIL; control calls never hold a lock a packet waits for.

A *stream* is one media line of one call between two *sides*: 0 faces the offerer, 1 the answerer. A side has an RTP socket
and, unless RTCP shares it, an RTCP socket: *components* 0 and 1. What arrives at a side is checked against the side's
remote and sent out of the other side's socket to the other side's remote. All sockets of a stream belong to one thread, so
the order of packets is kept.

The stream table and all counters live in a memfd (``Relay.table_fd``; layout in native/crelay/relay_table.h, version and a checksum
per stream in it), so another process can map it and go on.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

_Section = TypeVar("_Section")
_Media = TypeVar("_Media")
_Origin = TypeVar("_Origin")
_Request = TypeVar("_Request")
_Line = TypeVar("_Line")
_Described = TypeVar("_Described")

TABLE_VERSION: Final[int]
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
    shown: list[tuple[_Line | None, _Described]],
    counts: dict[_Line, list[tuple[tuple[ComponentStats, ComponentStats], tuple[ComponentStats, ComponentStats]]]],
    unix_s: float,
    now_ns: int,
    more: Callable[[_Line, _Described, int, Any], tuple[bytes, bytes]],
    /,
) -> bytes:
    """What ng tells of ``party``, one side of a dialogue (media.session.Side), and of the lines it is ``shown``, in bencode. ``counts``: of
    each stream of a line; ``unix_s``, ``now_ns``: the time, on both clocks. ``more`` is called for a line on which anybody was heard: flags and
    entries of it, in bencode."""

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

def sdp_read(
    body: str,
    classes: tuple[type[_Section], type[_Media], type[_Origin], Callable[[str], object], Callable[[_Media, str, int], None]],
    /,
) -> tuple[_Section, _Origin, list[_Media]]:
    """The session's section, the o= line and the m= sections of a session description, as instances of ``classes`` made without their
    constructors. Sections get the attributes of media.sdp.Section, those of m= lines of media.sdp.Media; the origin is a named tuple
    (user name, session id, version, family, address). The fourth reads the value of a c= line, or returns a string that says what is
    wrong with it; the fifth notes the value of an a=rtcp line and its number in its section. Lines end in LF or CRLF and are counted
    from 1. ValueError (line, what is wrong); line 0 is the body as a whole."""

def sdp_split(body: str, first: int, end: int, /) -> list[tuple[str, str, str]]:
    """Per line of a description from ``first`` to before ``end`` (line, name, value): of ``a=name:value`` its parts, ``""`` for what is
    missing, of others the letter with its ``=`` and the rest."""

def sdp_write(
    body: str,
    announced: Sequence[tuple[int, int, int, bool, str, str | None] | None],
    mids: Sequence[str] | None,
    connection: str,
    family: int,
    full_rtcp: bool,
    replace_zero: bool,
    keep_directions: bool,
    strip_extmap: bool,
    loop_mark: str,
    inherited: str,
    /,
) -> tuple[str, str, str]:
    """The body to send on: what comes before its o= line, that line, what comes after it; lines end in CRLF. ``announced``: see media.rewrite.LocalLine, ``mids``: see media.rewrite.rewrite, one
    for each m= line. ``inherited``: the session's own connection, for sections that pass as they are. ValueError as sdp_read."""

def monotonic_ns() -> int:
    """The clock of ``first_ns`` and ``last_ns``."""

class RawStatus(NamedTuple):
    """Of the raw sockets a relay sends by."""

    sockets: int  # in use
    given_up: int  # refused again and again what UDP sockets could send
    packets: int
    refused: int  # of packets that UDP sockets then could send

class Relay:
    """Calls about a stream raise KeyError when there is none of that id, RuntimeError when the relay is stopped or another one has taken
    its table over, and in a fork of the process that made it (where dropping it closes its descriptors and nothing else)."""

    def __init__(
        self, *, threads: int = 1, capacity: int = 4096, fifo: bool = True, table_fd: int = -1, raw: list[Any] = ...
    ) -> None:
        """``capacity`` streams. ``fifo``: SCHED_FIFO for the relay threads if allowed (see ``fifo_threads``). ``table_fd``: go on with that table (its
        streams are idle until ``adopt`` gives each its sockets back); -1 makes a new one. ``raw``: sockets (SOCK_RAW, IPPROTO_UDP), which stay the caller's: the first of a family is for the first thread,
        and so on. Streams bound to an address and with the same DSCP send by it; all others, and what it is refused, by their own socket.
        ValueError for another kind of socket or for more than one a thread and family."""
    threads: int
    fifo_threads: int  # how many threads got SCHED_FIFO
    capacity: int
    table_fd: int
    raw: RawStatus
    event_fd: int  # readable when events() has something
    def start(self) -> None: ...
    def stop(self) -> None:
        """Ends the threads and closes every socket. Idempotent."""
    def add(self, kind: int, ports: tuple[tuple[int, int], tuple[int, int]], *, thread: int = -1) -> int:
        """A new stream from ((rtp_fd, rtcp_fd), (rtp_fd, rtcp_fd)), side 0 first; -1 for no RTCP socket. Takes the descriptors over.
        Returns its id. ``thread`` -1: the least loaded (keep a call's streams together by naming one). MemoryError when the table is full;
        ValueError when a descriptor is no UDP socket. The descriptors stay the caller's when it raises."""
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
    def set_mux(self, stream: int, side: int, mux: bool) -> None:
        """RTCP of this side travels on its RTP socket (RFC 5761)."""
    def set_forward(self, stream: int, side: int, forward: bool) -> None:
        """False: what this side sends is counted and dropped (block media)."""
    def set_silenced(self, stream: int, side: int, silenced: bool) -> None:
        """True: G.711 from this side leaves as silence; sound in other codecs is dropped. RTCP goes on."""
    def set_feedback(self, stream: int, side: int, feedback: bool) -> None:
        """False: feedback (RFC 4585) is taken out of the RTCP that this side sends."""
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
    def stream_stats(self, stream: int) -> tuple[tuple[ComponentStats, ComponentStats], tuple[ComponentStats, ComponentStats]]:
        """Those of all its legs: [side][component]."""
    def totals(self, streams: list[int], /) -> tuple[Tally, Tally]:
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
