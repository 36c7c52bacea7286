"""A media daemon without sockets: a relay that only remembers, a clock that is turned by hand, and bodies to send."""

import errno
import os
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from media import bencode, ng
from media.calls import CallTable
from media.chains import Chains
from media.clock import Clock
from media.commands import OWN, Commands
from media.dispatch import Dispatcher
from media.flags import normalise
from media.handshakes import Handshakes
from media.load import Load
from media.neighbours import Neighbours
from media.offer_answer import OfferAnswer
from media.options import Options, read
from media.origin import Announced
from media.ports import PortPool
from media.proxy_counts import ProxyCounts
from media.recording import Recordings
from media.report import Reporter
from media.rewrite import LocalLine
from media.sampling import History
from media.sdp import parse
from media.sdp_fields import Connection
from media.settings import Interface, MediaSettings
from media.streams import Lines
from media.timeouts import Timeouts
from native import relay

NS = 1_000_000_000
NEAR = Interface("192.0.2.10", name="near")
FAR = Interface("198.51.100.10", "203.0.113.10", name="far")
PROXY = "192.0.2.250"
SIX = Interface("2001:db8::10", name="six")


class FakeRelay:
    """Keeps what it is told, per stream. ``heard`` sets when a stream last had a packet."""

    def __init__(self, capacity: int = 1000) -> None:
        self.capacity = capacity
        self.kinds: dict[int, int] = {}
        self.awaited: set[int] = set()
        self.threads: dict[int, int] = {}
        self.remotes: dict[tuple[int, int, int], tuple[Any, int, str | None]] = {}
        self.muxed: dict[tuple[int, int], bool] = {}
        self.forwarding: dict[tuple[int, int], bool] = {}
        self.silenced: dict[tuple[int, int], bool] = {}
        self.reports: dict[int, bool] = {}
        self.reported: list[int] = []
        self.feedback: dict[tuple[int, int], bool] = {}
        self.blocked_types: dict[tuple[int, int], int] = {}
        self.clocks: dict[tuple[int, int], int] = {}
        self.dscp: dict[tuple[int, int], int] = {}
        self.heard: dict[int, int] = {}
        self.counted: dict[tuple[int, int, int], dict[str, Any]] = {}
        self.removed: list[int] = []
        self.reaped = 0
        self.recordings: list[relay.RecordingStatus] = []
        self.taped: dict[int, int | None] = {}
        self.keys: dict[tuple[int, int], Any] = {}
        self.ice: dict[tuple[int, int], tuple[str, str, str]] = {}
        self.shaking: dict[tuple[int, int], bool] = {}
        self.letters: list[tuple[int, int, tuple[str, int], bytes]] = []
        self.sent: list[tuple[int, int, tuple[str, int] | None, bytes]] = []
        self.latched: dict[tuple[int, int], tuple[str, int]] = {}
        self.inbox_dropped = 0
        self.turns: dict[tuple[int, int], int] = {}
        self._next = 0

    def add(self, kind: int, ports: Any, thread: int = -1, awaited: bool = False) -> int:
        if len(self.kinds) >= self.capacity:
            raise MemoryError
        self._next += 1
        self.kinds[self._next] = kind
        self.forwarding |= {(self._next, 0): True, (self._next, 1): True}
        self.awaited |= {self._next} if awaited else set()
        self.threads[self._next] = thread if thread >= 0 else self._next % 2
        return self._next

    def thread_of(self, stream: int) -> int:
        return self.threads[stream]

    def set_remote(
        self, stream: int, side: int, component: int, remote: Any, *, mode: int = relay.SYMMETRIC, learn_host: str | None = None
    ) -> None:
        assert stream in self.kinds
        self.remotes[stream, side, component] = (remote, mode, learn_host)

    def set_crypto(self, stream: int, side: int, receive: Any, send: Any) -> None:
        self.keys[stream, side] = (receive, send)

    def set_ice(self, stream: int, side: int, ufrag: str, password: str, peer: str) -> None:
        self.ice[stream, side] = (ufrag, password, peer)

    def set_dtls(self, stream: int, side: int, on: bool) -> None:
        self.shaking[stream, side] = on

    def inbox(self) -> list[tuple[int, int, tuple[str, int], bytes]]:
        letters, self.letters = self.letters, []
        return letters

    def send(self, stream: int, side: int, to: tuple[str, int] | None, data: bytes) -> bool:
        self.sent.append((stream, side, to, data))
        return to is not None or self.remotes[stream, side, 0][0] is not None

    def latch(self, stream: int, side: int, source: tuple[str, int]) -> None:
        self.latched[stream, side] = source

    def rollovers(self, stream: int, side: int) -> int:
        return self.turns.get((stream, side), 0)

    def set_forward(self, stream: int, side: int, forward: bool) -> None:
        self.forwarding[stream, side] = forward

    def set_silenced(self, stream: int, side: int, silenced: bool) -> None:
        self.silenced[stream, side] = silenced

    def set_feedback(self, stream: int, side: int, feedback: bool) -> None:
        self.feedback[stream, side] = feedback

    def set_reports(self, stream: int, reports: bool) -> None:
        self.reports[stream] = reports

    def send_reports(self, stream: int, cname: str) -> None:
        assert len(cname) == 12
        self.reported.append(stream)

    def set_blocked_types(self, stream: int, side: int, types: int) -> None:
        self.blocked_types[stream, side] = types

    def place(self, stream: int, side: int, rtp: Any, rtcp: Any, mode: int, mux: bool) -> None:
        for component, (remote, learn_host) in enumerate((rtp, rtcp)):
            self.set_remote(stream, side, component, remote, mode=mode, learn_host=learn_host)
        self.muxed[stream, side] = mux

    def release(self, stream: int) -> None:
        assert stream in self.kinds
        self.awaited.discard(stream)

    def set_clock(self, stream: int, payload_type: int, clock_hz: int) -> None:
        self.clocks[stream, payload_type] = clock_hz

    def set_dscp(self, stream: int, side: int, dscp: int) -> None:
        self.dscp[stream, side] = dscp

    def begin_recording(self, fd: int, max_bytes: int) -> int:
        os.close(fd)
        self.recordings.append(relay.RecordingStatus(relay.RECORDING, 0, 0, 0, 0))
        return len(self.recordings) - 1

    def end_recording(self, recording: int) -> None:
        status = self.recordings[recording]
        if status.state == relay.RECORDING:
            self.recordings[recording] = status._replace(state=relay.RECORDED)

    def recording_status(self, recording: int) -> relay.RecordingStatus:
        return self.recordings[recording]

    def tape(self, stream: int, recording: int | None, near: str = "", far: str = "") -> None:
        assert stream in self.kinds
        self.taped[stream] = recording

    def stats(self, stream: int, side: int, component: int) -> relay.ComponentStats:
        zero = dict.fromkeys(relay.ComponentStats._fields, 0) | {"remote": None, "latched": False}
        return relay.ComponentStats(**(zero | self.counted.get((stream, side, component), {})))

    def stream_stats(self, stream: int) -> Any:
        near, far = ((self.stats(stream, side, 0), self.stats(stream, side, 1)) for side in (0, 1))
        return relay.StreamStats((near, far))

    def last_packet_ns(self, stream: int) -> int:
        return self.heard.get(stream, 0)

    def remove(self, stream: int) -> None:
        del self.kinds[stream]
        self.taped.pop(stream, None)
        self.removed.append(stream)

    def totals(self, streams: list[int]) -> relay.Totals:
        rtp, rtcp = ([self.stats(stream, side, component) for stream in streams for side in (0, 1)] for component in (0, 1))
        return relay.Totals(_tally(rtp), _tally(rtcp))

    def reap(self) -> None:
        self.reaped = len(self.removed)


def _tally(counted: list[relay.ComponentStats]) -> relay.Tally:
    return relay.Tally(
        sum(each.packets for each in counted),
        sum(each.bytes for each in counted),
        sum(each.send_errors + each.malformed for each in counted),
        sum(each.strangers for each in counted),
        sum(each.auth_failed + each.replayed for each in counted),
        sum(each.checks for each in counted),
        sum(each.checks_refused for each in counted),
    )


class Timer:
    def cancel(self) -> None:
        """Whoever turns the timers looks whether they are still of use."""


class World:
    """Commands and a dispatcher over fakes. ``taken``: ports another program has."""

    def __init__(self, interfaces: tuple[Interface, ...] = (NEAR,), *, relay_capacity: int = 1000, **settings: Any) -> None:
        self.now_ns = 1_000 * NS
        self.clock = Clock(lambda: 1_700_000_000.5 + self.now_ns / NS, lambda: self.now_ns)
        self.settings = MediaSettings(interfaces, **({"first_port": 30000, "last_port": 30099} | settings))
        self.relay = FakeRelay(relay_capacity)
        self.taken: set[int] = set()
        self.open_sockets: set[int] = set()
        self.bind_error: int = 0
        self._next_descriptor = 100
        self.counters: dict[str, int] = defaultdict(int)
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.silent: set[tuple[int, int]] = set()
        self.histories: dict[tuple[int, int], History] = {}
        self.events: list[dict[str, Any]] = []
        pools = {each.address: self.pool(each.address) for each in interfaces}
        self.pools = pools
        self.sent_empty: list[tuple[int, tuple[str, int]]] = []
        self.handshakes = Handshakes(self.relay, self.clock, self.counters, self.later)
        send_empty = lambda *sent: self.sent_empty.append(sent)  # noqa: E731
        lines = Lines(self.relay, pools, Chains(interfaces), self.handshakes, self.close, send_empty)
        recordings = Recordings(self.relay, self.settings.recording, self.clock, self.counters)
        self.cpu_times = (0, 0)
        self.load_average = 0.0
        self.bytes_per_s = 0.0
        self.load = Load(self.settings, lambda: self.bytes_per_s, lambda: self.cpu_times, lambda: (self.load_average, 0.0, 0.0))
        self.proxies = ProxyCounts()
        self.calls = CallTable(lines, recordings, self.clock, self.load)
        reporter = Reporter(
            lines,
            self.clock,
            lambda stream, side, stats, trip_us: self.histories.get((stream, side)),
            lambda stream, side: (stream, side) in self.silent,
        )
        self.timeouts = Timeouts(self.calls, self.settings, self.events.append, self.counters, reporter.brief)
        self.commands = Commands(
            self.calls,
            OfferAnswer(self.calls, interfaces, "this-node", Neighbours(self.settings)),
            reporter,
            self.timeouts,
            dict,
            self.counters,
            self.proxies,
            self.settings.delete_delay_s,
        )
        self.dispatcher = Dispatcher(self.commands, self.clock, self.counters, self.settings.short_reply_bytes)

    def later(self, delay_s: float, call: Callable[[], None]) -> Timer:
        """Kept in ``timers``, and never called by itself."""
        self.timers.append((delay_s, call))
        return Timer()

    def free_ports(self) -> list[int]:
        """Of each pool, once the lines that were closed have gone."""
        self.calls.lines.reap()
        return [pool.free for pool in self.pools.values()]

    def pool(self, host: str) -> PortPool:
        return PortPool(host, self.settings.first_port, self.settings.last_port, self.settings.dscp, self.bind)

    def bind(self, host: str, port: int, count: int, dscp: int) -> tuple[tuple[int, int], ...]:
        if self.bind_error:
            raise OSError(self.bind_error, "as the test wants it")
        if self.taken & {*range(port, port + 2 * count)}:
            raise OSError(errno.EADDRINUSE, "taken")
        return tuple((self._open(), self._open()) for _ in range(count))

    def _open(self) -> int:
        self._next_descriptor += 1
        self.open_sockets.add(self._next_descriptor)
        return self._next_descriptor

    def close(self, descriptor: int) -> None:
        self.open_sockets.remove(descriptor)

    def turn(self, seconds: float) -> None:
        self.now_ns += int(seconds * NS)

    def serve(self, command: str, own: bool = False, **keys: Any) -> dict[str, Any]:
        """One request; key names are written with ``_`` for ``-``."""
        return self.request({"command": command} | {key.replace("_", "-"): value for key, value in keys.items()}, own)

    def request(self, body: dict[str, Any], own: bool = False) -> dict[str, Any]:
        reply = self.commands.serve(message(body), OWN if own else PROXY)
        return dict(bencode.decode(bencode.encode(reply)))

    def offer(self, sdp: str, *, call: str = "call-1", frm: str = "a", **keys: Any) -> str:
        return self._body(self.serve("offer", sdp=sdp, call_id=call, from_tag=frm, **keys))

    def answer(self, sdp: str, *, call: str = "call-1", frm: str = "a", to: str = "b", **keys: Any) -> str:
        return self._body(self.serve("answer", sdp=sdp, call_id=call, from_tag=frm, to_tag=to, **keys))

    def streams(self) -> list[int]:
        return sorted(self.relay.kinds)

    def remote(self, stream: int, side: int, component: int = 0) -> Any:
        return self.relay.remotes[stream, side, component][0]

    @staticmethod
    def _body(reply: dict[str, Any]) -> str:
        assert reply["result"] == "ok", reply
        return str(reply["sdp"])


def message(body: dict[str, Any]) -> ng.Message:
    return ng.split(b"cookie " + bencode.encode(body))


def options(body: dict[str, Any]) -> Options:
    return read(normalise(body))


def sdp(*media: str, host: str = "192.0.2.1", version: int = 1, session: tuple[str, ...] = ()) -> str:
    """A body: its m= sections as text with lines parted by ``|``, default one audio line at port 5000."""
    family = "IP6" if ":" in host else "IP4"
    head = ["v=0", f"o=peer 77 {version} IN {family} {host}", "s=talk", f"c=IN {family} {host}", "t=0 0", *session]
    sections = [line for section in media or ("m=audio 5000 RTP/AVP 0 8",) for line in section.split("|")]
    return "\r\n".join([*head, *sections]) + "\r\n"


def passed_on(body: str) -> str:
    """As a body leaves whose lines are all passed on untouched, to a side of the same address. Without the
    session's address that sections get which have none."""
    description = parse(body)
    connection = description.session.connection or Connection(4, "192.0.2.1")
    untouched: list[LocalLine | None] = [None] * len(description.media)
    written = relay.sdp_write(description, untouched, None, connection, 0, "", Announced(1))
    lines: list[str] = []
    sections = iter(description.media)
    inherits = False
    for line in written.split("\r\n"):
        if lines and line.startswith("m="):
            inherits = next(sections).connection is None and description.session.connection is not None
        if inherits and line == f"c={connection}":
            inherits = False
        else:
            lines.append(line)
    return "\r\n".join(lines)


def ports_of(body: str) -> list[int]:
    return [int(line.split()[1].partition("/")[0]) for line in body.splitlines() if line.startswith("m=")]


def lines_of(body: str, start: str) -> list[str]:
    return [line for line in body.splitlines() if line.startswith(start)]


def without(body: str, *starts: str) -> list[str]:
    return [line for line in body.splitlines() if not line.startswith(starts)]
