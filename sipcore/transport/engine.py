"""The shell around the core: event loop, clock, batches. Everything the core does happens between ``begin`` and ``end``."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from native.sip import Address, Batches
from sipcore.admission import Admission
from sipcore.flow import Listener
from sipcore.ports import Counters
from sipcore.quiet_log import QuietLog
from sipcore.timers import Timers
from sipcore.transaction import TransactionLayer
from sipcore.transport.handshakes import Handshakes
from sipcore.transport.ingress import Gate, Ingress
from sipcore.transport.settings import TransportSettings
from sipcore.transport.siblings import MAX_WORKERS, Siblings
from sipcore.transport.table import TransportTable
from sipcore.transport.tcp import TcpEndpoint
from sipcore.transport.tls_context import ListenerTls
from sipcore.transport.udp import UdpEndpoint

LOSS_LOG_INTERVAL_S = 5.0

log = logging.getLogger("sipcore.transport")


class Sender(Protocol):
    def flush(self) -> None: ...

    def discard(self) -> None:
        """What this batch queued never leaves."""


class Engine(Batches):
    """Owns the sockets and drives ``timers``.

    A batch is what one wake-up brought: up to 64 datagrams, the bytes one connection had, the timers due, or one ``run``. At
    its end ``on_batch_end`` is called (commit the store there), then what the core sent leaves. When that raises, nothing
    of the batch leaves: peers and our own timers send again, and what was answered is decided anew.
    """

    def __init__(
        self,
        listeners: Iterable[Listener],
        counters: Counters,
        settings: TransportSettings | None = None,
        on_batch_end: Callable[[], None] | None = None,
        tls: Mapping[int, ListenerTls] | None = None,
        siblings: Siblings | None = None,
    ) -> None:
        """``siblings``: the other workers on the same addresses, if there are any."""
        self.counters = counters
        self.settings = settings or TransportSettings()
        timers = Timers(time.monotonic(), time.time(), lambda: self.report("a timer"))
        super().__init__(timers, on_batch_end, self.settings.turn_s, self.settings.stall_s)
        self.flows = TransportTable(tuple(listeners), self)
        self.tls = tls or {}  # by index of the listener; another one is used from the next handshake on
        self.loop: asyncio.AbstractEventLoop
        self.handshakes: Handshakes
        self.layer: TransactionLayer
        self.gate: Gate | None = None  # set before ``start``
        self.quiet = QuietLog(log)
        self.ingress: Ingress
        self.siblings = siblings
        self._connection_numbers = itertools.count(time.time_ns() // 1000)  # begins above every one of an earlier run
        self._log_loss_at = 0.0
        self._late_end: asyncio.Handle | None = None
        self._turn: asyncio.Handle | None = None
        self._catching_up: asyncio.Handle | None = None
        self._unreachable: set[tuple[int, Address]] = set()

    async def start(self, sockets: dict[int, socket.socket], layer: TransactionLayer) -> None:
        """Serves ``sockets``: bound (streams listening or not), by listener index. They are the engine's from now on."""
        self.loop = asyncio.get_running_loop()
        self.layer = layer
        self.handshakes = Handshakes(self.loop)
        if self.settings.shed_load:
            self.admission = Admission(layer, self.timers, self.counters, time.thread_time)
        self.ingress = Ingress(layer, self.flows, self.counters, self.gate, self.admission)
        self.receive = self.ingress.receive
        if self.siblings is not None:
            self.ingress.share(self.siblings.index, self.siblings.count, self.siblings.pass_on)
            self.receive = self.ingress.receive_shared
            await self.siblings.start(self)
        for listener in self.flows.listeners:
            sock = sockets[listener.index]
            if listener.transport == "udp":
                self.flows.add(UdpEndpoint(listener, sock, self))
            else:
                endpoint = TcpEndpoint(listener, self)
                await endpoint.start(sock)
                self.flows.add(endpoint)
        if self.siblings is not None:
            self.loop.call_soon(self.siblings.serve)

    def new_connection_id(self) -> int:
        """Never used twice, also not by a sibling; tells which of them holds the connection."""
        index = 0 if self.siblings is None else self.siblings.index
        return next(self._connection_numbers) * MAX_WORKERS + index

    async def stop(self) -> None:
        """Takes nothing new, lets what is queued leave, closes. The core's state is not touched."""
        if self.tick is not None:
            self.tick.cancel()
        if self._turn is not None:
            self._turn.cancel()  # who waits comes again
        self.admission = None
        for endpoint in self.flows.endpoints:
            endpoint.stop_reading()
        self.run(lambda: None)
        for endpoint in self.flows.endpoints:
            if endpoint.listener.reliable:
                endpoint.close()
        deadline = self.loop.time() + self.settings.stop_s
        while any(endpoint.busy for endpoint in self.flows.endpoints) and self.loop.time() < deadline:
            await asyncio.sleep(0.005)
        for endpoint in self.flows.endpoints:  # datagrams last: what a lost connection was to carry may leave as one
            if not endpoint.listener.reliable:
                endpoint.close()
        if self.tick is not None:
            self.tick.cancel()
        if self._catching_up is not None:
            self._catching_up.cancel()
        self.handshakes.close()
        if self.siblings is not None:
            self.siblings.stop()

    # batches

    def flooded(self) -> None:
        """A transport found as much as it can take at once: more may wait, so new requests let the others pass."""
        if self.admission is not None:
            self.admission.sorting = True

    def lose_batch(self) -> None:
        """What ``on_batch_end`` raised."""
        self.counters["sip_batches_lost_total"] += 1
        if self.timers.now >= self._log_loss_at:
            self._log_loss_at = self.timers.now + LOSS_LOG_INTERVAL_S
            log.exception("a batch can't be committed, its answers are held back")
        senders = self.to_flush.copy()
        self.to_flush.clear()
        for sender in senders:
            sender.discard()
        self.layer.forget_answered(self.begun)

    def run(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Calls ``function`` inside a batch; for what comes from elsewhere (a media reply, a DNS answer)."""
        if self.in_batch:
            function(*arguments)
            return
        self.begin()
        try:
            function(*arguments)
        except Exception:
            self.report(getattr(function, "__qualname__", "a callback"))
        self.end()

    def end_later(self) -> None:
        """Something was sent outside of a batch."""
        if self._late_end is None:
            self._late_end = self.loop.call_soon(self._end_late)

    def plan_turn(self) -> None:
        """Requests may wait."""
        if self._turn is None and self.admission is not None and self.admission.has_due():
            self._turn = self.loop.call_soon(self._take_turn)

    def unreachable_later(self, listener_index: int, remote: Address) -> None:
        """Tells the layer, soon, that datagrams to ``remote`` don't leave; many of them cost one walk."""
        if not self._unreachable:
            self.timers.after(self.settings.unreachable_s, self._tell_unreachable, None)
        self._unreachable.add((listener_index, remote))

    def report(self, what: str) -> None:
        """An error of ours, handled by going on: logged with its traceback and counted."""
        self.counters["sip_internal_errors_total"] += 1
        log.exception("internal error while handling %s", what)

    def _end_late(self) -> None:
        self._late_end = None
        self.run(lambda: None)

    def _take_turn(self) -> None:
        """Serves some of the requests that wait; the transports are looked at before the next turn."""
        self._turn = None
        assert self.admission is not None  # who sorted else?
        self.begin()
        for request, flow in self.admission.due():
            try:
                self.layer.receive_request(request, flow)
            except Exception:
                self.report("a request that waited")
        self.end()

    def _tell_unreachable(self, _: None) -> None:
        addresses, self._unreachable = self._unreachable, set()
        self.layer.unreachable(addresses)

    # clock

    def arm_tick(self, deadline: float) -> None:
        if self.tick is not None:
            self.tick.cancel()
        delay_s = min(deadline - self.timers.now + self.settings.tick_late_s, self.settings.tick_max_s)
        self.tick = self.loop.call_later(max(delay_s, 0.0), self._wake)

    def catch_up(self) -> None:
        """The process stood still past a timer: the answer that would have stopped it may lie in a socket."""
        self.counters["sip_stalls_total"] += 1
        self._catching_up = self.loop.call_later(self.settings.catch_up_s, self._end_catching_up)

    def _end_catching_up(self) -> None:
        self.caught_up()
        self.begin()
        self.end()

    def _wake(self) -> None:
        """Timers fire at the end of every batch; of this one if there was no other."""
        self.tick = None
        self.begin()
        self.end()
