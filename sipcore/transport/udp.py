"""UDP: batches of datagrams in, batches out."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

from native.sip import BATCH, UdpSocket
from sipcore.flow import Listener

if TYPE_CHECKING:
    from native.sip import Address
    from sipcore.admission import Admission
    from sipcore.transport.engine import Engine

MAX_BATCHES = 4  # taken before timers and connections have their turn
MAX_KEPT_FLOWS = 65536  # flow objects kept for the next datagram from their address


class UdpFlow:
    """A remote address and the address of ours that it talks to."""

    __slots__ = ("_endpoint", "_out", "_source_host", "listener", "local_host", "remote")

    connection_id = 0
    reliable = False
    closed = False
    name = ""

    def __init__(self, endpoint: UdpEndpoint, remote: Address, local_host: str) -> None:
        self._endpoint = endpoint
        self.listener = endpoint.listener
        self.remote = remote
        self.local_host = local_host
        self._source_host = local_host if local_host != endpoint.listener.host else None
        self._out = endpoint.out

    def send(self, data: bytes) -> None:
        out = self._out
        if not out:
            self._endpoint.flush_soon()
        out.append((data, self.remote, self._source_host))


class UdpEndpoint:
    """One bound socket. The engine's batch brackets everything it receives; what is sent waits for the end of the batch."""

    busy = False  # nothing is left to wait for after ``close``

    def __init__(self, listener: Listener, sock: socket.socket, engine: Engine) -> None:
        self.listener = listener
        self._engine = engine
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, engine.settings.socket_buffer_bytes)
        self._socket = UdpSocket(sock.detach())
        # what ICMP left makes the socket poll as broken, and uvloop would stop at that: it sees this descriptor only
        self._poll = select.epoll()
        self._poll.register(self._socket.fileno(), select.EPOLLIN)
        self._flows: dict[Address, UdpFlow] = {}
        self._waiting_to_write = False
        self.out: list[tuple[bytes, Address, str | None]] = []  # of this batch: nothing leaves before its end
        self._failed_name = "sip_send_failed_total|transport=udp"
        engine.loop.add_reader(self._poll.fileno(), self._ready)

    @property
    def dropped(self) -> int:
        """Datagrams the kernel dropped for want of buffer."""
        return self._socket.dropped

    @property
    def oversized(self) -> int:
        return self._socket.oversized

    def flow(self, remote: Address, local_host: str | None = None) -> UdpFlow:
        """``local_host`` None: whichever address of ours was used last."""
        flow = self._flows.get(remote)
        if flow is None or (local_host is not None and flow.local_host != local_host):
            if len(self._flows) >= MAX_KEPT_FLOWS:
                self._flows.clear()
            flow = self._flows[remote] = UdpFlow(self, remote, local_host or self.listener.host)
        return flow

    def flush_soon(self) -> None:
        self._engine.flush_later(self)

    def discard(self) -> None:
        self.out.clear()

    def flush(self) -> None:
        failed = self._socket.send(self.out)
        self.out.clear()
        for remote, _ in failed:
            self.failed(remote)
        if (self._socket.pending > 0) != self._waiting_to_write:
            self._waiting_to_write = not self._waiting_to_write
            self._poll.modify(self._socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if self._waiting_to_write else 0))

    def stop_reading(self) -> None:
        self._engine.loop.remove_reader(self._poll.fileno())

    def close(self) -> None:
        self.flush()
        self._poll.close()
        self._socket.close()

    def _ready(self) -> None:
        if self._waiting_to_write:
            self.flush()
        self._read()
        if unreachable := self._socket.unreachable():
            self._engine.run(self._told_unreachable, unreachable)

    def _told_unreachable(self, errors: tuple[tuple[Address, bytes], ...]) -> None:
        """RFC 3261 section 18.4. What ICMP brings back must show the branch of a request of ours: else anybody could make a
        carrier look dead."""
        for _, sent in errors:
            known = self._engine.layer.undelivered(sent)
            self._engine.counters[f"sip_icmp_errors_total|known={'yes' if known else 'no'}"] += 1

    def _read(self) -> None:
        """What belongs to something is not kept waiting by what is new, so all there is must be seen."""
        engine = self._engine
        receive = engine.receive
        flows = self._flows
        for _ in range(MAX_BATCHES):
            if engine.admission is None or not engine.admission.backlog.busy or engine.siblings is not None:
                # what a sibling has in progress looks new here, so nothing is refused before its owner saw it
                batch = self._socket.receive()
                count = len(batch)
            else:
                batch, count = self._receive_shedding(engine.admission)
            if batch:
                engine.begin()
                if count == BATCH:
                    engine.flooded()
                for data, source, local_host in batch:
                    flow = flows.get(source)
                    try:
                        if flow is None or flow.local_host != local_host:
                            flow = self.flow(source, local_host)
                        receive(data, flow)
                    except Exception:
                        engine.report("a datagram")
                engine.end()
            if count < BATCH:
                return

    def _receive_shedding(self, admission: Admission) -> tuple[list[tuple[bytes, Address, str]], int]:
        """A batch without the requests there is no room for, and how many datagrams it had with them. Those are refused in C:
        what can't be served must cost next to nothing."""
        retry_after_s = self._engine.layer.settings.retry_after_s
        room = admission.backlog.room(self._engine.timers.now)
        batch, count, refused = self._socket.receive_shedding(room, retry_after_s, admission.held)
        if refused:
            admission.shed(refused)
            self.flush()
        return batch, count

    def failed(self, remote: Address) -> None:
        self._engine.counters[self._failed_name] += 1
        self._engine.unreachable_later(self.listener.index, remote)
