"""The relay daemon: settings and a relay in, ng sockets served, calls relayed."""

import asyncio
import logging
import secrets
import socket
import time
from collections import defaultdict
from collections.abc import Callable

from media import ng_udp, ng_unix
from media.calls import CallTable
from media.chains import Chains
from media.clock import Clock
from media.commands import Commands
from media.dispatch import Dispatcher
from media.fast_watch import FastWatch
from media.handshakes import Handshakes
from media.load import Load
from media.neighbours import Neighbours
from media.ng import Body
from media.offer_answer import OfferAnswer
from media.one_way import OneWayWatch
from media.ports import PortPool
from media.proxy_counts import ProxyCounts
from media.raw import RawWatch
from media.recording import Recordings
from media.report import Reporter
from media.sampling import QualitySampler
from media.settings import MediaSettings
from media.statistics import Statistics
from media.streams import Lines
from media.table import StreamTable
from media.timeouts import Timeouts
from native import relay

log = logging.getLogger(__name__)

SAMPLE_INTERVAL_S = 5  # of quality
SYSTEM_CLOCK = Clock(time.time, relay.monotonic_ns)


class MediaDaemon:
    """``counters`` collects what is counted, under names for metrics. The relay stays its owner's to start and stop."""

    def __init__(
        self,
        settings: MediaSettings,
        relay_: relay.Relay,
        counters: dict[str, int] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._settings = settings
        self.counters = defaultdict[str, int](int) if counters is None else counters
        self._pools = {
            interface.address: PortPool(
                interface.address, settings.first_port, settings.last_port, settings.dscp, relay.bind_pairs
            )
            for interface in settings.interfaces
        }
        self._handshakes = Handshakes(relay_, clock, self.counters, _later)
        self._lines = lines = Lines(relay_, self._pools, Chains(settings.interfaces), self._handshakes)
        for host in {host for interface in settings.interfaces for host in (interface.address, interface.announced)}:
            relay_.own_ports(host, settings.first_port, settings.last_port)
        recordings = Recordings(relay_, settings.recording, clock, self.counters)
        self.load = Load(settings, lambda: self.statistics.rates.bytes)
        self.calls = CallTable(lines, recordings, clock, self.load)
        self.table = StreamTable(relay_.table_fd, lambda: lines.streams > 0, relay_.fast_legs_fd)
        proxies = ProxyCounts()
        self.sampler = QualitySampler(self.table.capacity, lines.encoding)
        self.statistics = Statistics(self.calls, self.table, proxies, self.counters, settings.interfaces, self.sampler)
        self.one_way = OneWayWatch(self.calls, self.sampler, self.emit, self.counters)
        self._raw = RawWatch(relay_, self.counters)
        self.fast = FastWatch(relay_)
        self._sample_ns = 0
        reporter = Reporter(lines, clock, self.sampler.history, self.one_way.is_silent)
        self._timeouts = Timeouts(self.calls, settings, self.emit, self.counters, reporter.brief)
        commands = Commands(
            self.calls,
            OfferAnswer(self.calls, settings.interfaces, secrets.token_hex(6), Neighbours(settings)),
            reporter,
            self._timeouts,
            self.statistics.body,
            self.counters,
            proxies,
            settings.delete_delay_s,
        )
        self._ended = commands.ended
        self._dispatcher = Dispatcher(commands, clock, self.counters, settings.short_reply_bytes)
        self._unix: ng_unix.NgUnixServer | None = None
        self._udp: ng_udp.NgUdpServer | None = None
        self._listening: asyncio.AbstractEventLoop | None = None  # to what comes of DTLS

    async def start(self, unix_socket: socket.socket | None = None, udp_socket: socket.socket | None = None) -> None:
        """Serves the given sockets (listening seqpacket, bound UDP), or opens those the settings name. OSError."""
        if unix_socket is None and self._settings.unix_path:
            unix_socket = ng_unix.listen(self._settings.unix_path)
        if udp_socket is None and self._settings.ng is not None:
            udp_socket = ng_udp.bind(self._settings.ng)
        self._listening = asyncio.get_running_loop()
        self._listening.add_reader(self._lines.relay.inbox_fd, self._handshakes.read)
        if unix_socket is not None:
            self._unix = ng_unix.NgUnixServer(self._dispatcher, unix_socket)
        if udp_socket is not None:
            self._udp = ng_udp.NgUdpServer(
                self._dispatcher, udp_socket, self._settings.ng_allow, self.counters, self._lines.chains
            )

    async def run(self, stopping: asyncio.Event) -> None:
        """Until ``stopping`` is set; ``start`` came before."""
        self.fast.start(asyncio.get_running_loop())
        while not stopping.is_set():
            self._tick()
            try:
                await asyncio.wait_for(stopping.wait(), self._settings.scan_interval_s)
            except TimeoutError:
                continue
        self.close()

    def _tick(self) -> None:
        """A fault here must not end the calls of everybody."""
        try:
            self._timeouts.scan()
            self._lines.reap()
            self._ended.scan()
            self._dispatcher.scan()
            self.fast.look()
            self._handshakes.look()
            self._lines.reporting.look(self.calls.clock.monotonic_ns())
            self.calls.recordings.scan()
            self.statistics.measure()
            self.load.measure()
            self._raw.look()
            self._count_early()
            self._sample()
        except Exception:
            self.counters["media_scan_failures_total"] += 1
            log.exception("a scan for timeouts failed")

    def _count_early(self) -> None:
        """What came before its sender was placed."""
        early = self._lines.relay.early
        self.counters["media_early_judged_total"] = early.judged
        self.counters["media_early_dropped_total"] = early.dropped

    def _sample(self) -> None:
        now_ns = self.calls.clock.monotonic_ns()
        if not (self._lines.streams or self.sampler.summary.streams):
            return
        if now_ns - self._sample_ns >= SAMPLE_INTERVAL_S * 1_000_000_000:
            self._sample_ns = now_ns
            self.sampler.take(self.table.sources(), self.calls.clock.unix_s())
            self.one_way.look()

    def emit(self, event: Body) -> None:
        """Tells this node's proxy."""
        if self._unix is not None:
            self._unix.emit(event)

    def close(self) -> None:
        """Serves no longer and ends all calls. Idempotent."""
        self.fast.stop()
        if self._unix is not None:
            self._unix.close()
            self._unix = None
        if self._udp is not None:
            self._udp.close()
            self._udp = None
        if self._listening is not None:
            self._listening.remove_reader(self._lines.relay.inbox_fd)
            self._listening = None
        for call in list(self.calls):
            self.calls.end(call)
        self._lines.reap()

    @property
    def ng_address(self) -> tuple[str, int] | None:
        """Where UDP is served."""
        return self._udp.address if self._udp is not None else None

    @property
    def free_ports(self) -> int:
        """Port pairs left on the address that has fewest."""
        return min(pool.free for pool in self._pools.values())


def _later(delay_s: float, call: Callable[[], None]) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(delay_s, call)
