"""UDP: batches of datagrams in, batches out. Their way is in C (``native.sip.UdpPort``); here is what is odd about it."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

from native.sip import UdpFlow, UdpPort, UdpSocket
from sipcore.flow import Listener

if TYPE_CHECKING:
    from native.sip import Address, Shedding
    from sipcore.transport.engine import Engine


class UdpEndpoint(UdpPort):
    """One bound socket. The engine's batch brackets everything it receives; what is sent waits for the end of the batch."""

    busy = False  # nothing is left to wait for after ``close``

    def __init__(self, listener: Listener, sock: socket.socket, engine: Engine) -> None:
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, engine.settings.socket_buffer_bytes)
        super().__init__(UdpSocket(sock.detach()), listener, engine, UdpFlow)
        self._engine = engine
        # what ICMP left makes the socket poll as broken, and uvloop would stop at that: it sees this descriptor only
        self._poll = select.epoll()
        self._poll.register(self.socket.fileno(), select.EPOLLIN)
        self._failed_name = "sip_send_failed_total|transport=udp"
        engine.loop.add_reader(self._poll.fileno(), self.ready)

    @property
    def dropped(self) -> int:
        """Datagrams the kernel dropped for want of buffer."""
        return self.socket.dropped

    @property
    def oversized(self) -> int:
        return self.socket.oversized

    def stop_reading(self) -> None:
        self._engine.loop.remove_reader(self._poll.fileno())

    def close(self) -> None:
        self.flush()
        self._poll.close()
        self.socket.close()
        self.drop_flows()

    # from the port

    def watch_writable(self, wanted: bool) -> None:
        """Whether datagrams wait for room in the socket."""
        self._poll.modify(self.socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def told_unreachable(self, errors: tuple[tuple[Address, bytes], ...]) -> None:
        self._engine.run(self._find_undelivered, errors)

    def shedding(self) -> Shedding | None:
        """None unless it is overload."""
        engine, admission = self._engine, self._engine.admission
        if admission is None or not admission.backlog.signs.busy:
            return None
        room, retry_after_s = admission.backlog.room(engine.timers.now), engine.layer.settings.retry_after_s
        # what a sibling has in progress looks new here, so nothing is refused that its owner has not seen
        workers, index = (1, 0) if engine.siblings is None else (engine.siblings.count, engine.siblings.index)
        return room, retry_after_s, admission.held, workers, index

    def failed(self, remote: Address) -> None:
        self._engine.counters[self._failed_name] += 1
        self._engine.unreachable_later(self.listener.index, remote)

    # inside

    def _find_undelivered(self, errors: tuple[tuple[Address, bytes], ...]) -> None:
        """RFC 3261 section 18.4. What ICMP brings back must show the branch of a request of ours: else anybody could make a
        carrier look dead."""
        for _, sent in errors:
            known = self._engine.layer.undelivered(sent)
            self._engine.counters[f"sip_icmp_errors_total|known={'yes' if known else 'no'}"] += 1
