"""The way to one other signal worker, and the flows over its connections."""

from __future__ import annotations

import contextlib
import logging
import socket
from collections import deque
from typing import TYPE_CHECKING

from native.sip import MAX_MESSAGE_BYTES, Address
from sipcore.flow import Flow, Listener
from sipcore.transport.sibling_items import Closed, Greeted, Item, News, Opened, Passed, Send, Started, decode, encode, packet

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine
    from sipcore.transport.siblings import Siblings

log = logging.getLogger(__name__)

MAX_PACKET_BYTES = 64 * 1024  # packed beyond the first item; one item may be as long as a message
READ_BYTES = MAX_PACKET_BYTES + 2 * MAX_MESSAGE_BYTES
MAX_WAITING_BYTES = 16 << 20  # for one sibling that does not read
MAX_PACKETS_A_WAKE_UP = 16


class SiblingConnection:
    """A Flow over a connection that another worker holds, as far as that one has said."""

    __slots__ = ("_link", "closed", "connection_id", "listener", "local_host", "remote")

    reliable = True
    name = ""

    def __init__(self, link: Link, listener: Listener, remote: Address, local_host: str, connection_id: int) -> None:
        self._link = link
        self.listener = listener
        self.remote = remote
        self.local_host = local_host
        self.connection_id = connection_id
        self.closed = False

    def send(self, data: bytes) -> None:
        if not self.closed:
            self._link.tell(Send(self.connection_id, data))


class Link:
    """The way to one sibling, and its connections that we use. What is told leaves as one packet at the end of the batch.

    What it says of its connections is known as soon as it was read. All else is taken in a batch of its own: a batch reads one
    state of the store, and its sender may know of a newer one.
    """

    def __init__(self, siblings: Siblings, index: int, sock: socket.socket, engine: Engine) -> None:
        self._siblings = siblings
        self._index = index
        self._sock = sock
        self._engine = engine
        self._items: list[Item] = []
        self._packets: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._said: list[Item] = []  # not taken yet
        self._open: set[int] = set()  # ids of its connections
        self._connections: dict[int, SiblingConnection] = {}  # those of them that were used
        sock.setblocking(False)
        engine.loop.add_reader(sock.fileno(), self._readable)

    def tell(self, item: Item) -> None:
        if not self._items:
            self._engine.flush_later(self)
        self._items.append(item)

    def flush(self) -> None:
        items, self._items = self._items, []
        part: list[bytes] = []
        size = 0
        for packed in map(encode, items):
            if part and size + len(packed) > MAX_PACKET_BYTES:
                self._send(part)
                part, size = [], 0
            part.append(packed)
            size += len(packed)
        if part:
            self._send(part)

    discard = flush  # what others are told does not hang on our store

    def connection(self, listener: Listener, remote: Address, connection_id: int, local_host: str) -> Flow | None:
        known = self._connections.get(connection_id)
        if known is None:
            if connection_id not in self._open and not self._has_opened(connection_id):
                return None
            known = SiblingConnection(self, listener, remote, local_host, connection_id)
            self._connections[connection_id] = known
        return known

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._engine.loop.remove_reader(self._sock.fileno())
            self._engine.loop.remove_writer(self._sock.fileno())
            self._sock.close()

    def _send(self, part: list[bytes]) -> None:
        data = packet(part)
        if self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            self._engine.counters["sip_passed_on_dropped_total"] += len(part)  # as a full socket buffer would
            return
        self._packets.append(data)
        self._waiting_bytes += len(data)
        if len(self._packets) == 1 and not self._drain():
            self._engine.loop.add_writer(self._sock.fileno(), self._writable)

    def _drain(self) -> bool:
        """Whether all has left."""
        while self._packets:
            try:
                self._sock.send(self._packets[0])
            except BlockingIOError:
                return False
            except OSError as error:
                log.error("a packet for signal worker %d can't be sent: %s", self._index, error)
                self._engine.counters["sip_passed_on_dropped_total"] += 1
            self._waiting_bytes -= len(self._packets.popleft())
        return True

    def _writable(self) -> None:
        if self._drain():
            self._engine.loop.remove_writer(self._sock.fileno())

    def _has_opened(self, connection_id: int) -> bool:
        """Whether that is among what it said and we did not read: who told us of the connection may have been quicker."""
        self._receive()
        if self._said:
            self._engine.loop.call_soon(self.take)
        return connection_id in self._open

    def _readable(self) -> None:
        self._receive()
        self.take()

    def _receive(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(MAX_PACKETS_A_WAKE_UP):
                items = decode(self._sock.recv(READ_BYTES))
                self._said += items
                for item in items:
                    self._note(item)

    def _note(self, item: Item) -> None:
        if isinstance(item, Opened):
            self._open.add(item.connection_id)
        elif isinstance(item, Closed):
            self._open.discard(item.connection_id)
        elif isinstance(item, Started):
            self._open.clear()
        if isinstance(item, (Started, Greeted)):
            self._siblings.greeted_by(self._index)

    def take(self) -> None:
        """What was said, once we serve."""
        if self._said and self._siblings.serving:
            self._engine.run(self._take_all)

    def _take_all(self) -> None:
        said, self._said = self._said, []
        for item in said:
            try:
                self._take(item)
            except Exception:
                self._engine.report("what another worker said")

    def _take(self, item: Item) -> None:
        if isinstance(item, Passed):
            self._take_message(item)
        elif isinstance(item, Send):
            self._send_over(item)
        elif isinstance(item, Closed):
            self._lose(item.connection_id)
        elif isinstance(item, Started):
            self._greet()
        elif isinstance(item, News):
            hear = self._siblings.on_news.get(item.topic)
            if hear is not None:
                hear(self._index, item.text)

    def _take_message(self, item: Passed) -> None:
        flows = self._engine.flows
        remote = (item.host, item.port)
        if item.connection_id:
            flow: Flow | None = self.connection(flows.listeners[item.listener], remote, item.connection_id, item.local_host)
        else:
            flow = flows.datagram_flow(item.listener, remote, item.local_host)
        if flow is not None:
            self._engine.ingress.receive(item.data, flow)

    def _send_over(self, item: Send) -> None:
        connection = self._engine.flows.own_connection(item.connection_id)
        if connection is None:
            self.tell(Closed(item.connection_id))
        else:
            connection.send(item.data)

    def _greet(self) -> None:
        for connection_id in [each for each in self._connections if each not in self._open]:
            self._lose(connection_id)
        for connection_id in self._engine.flows.own_connections():
            self.tell(Opened(connection_id))
        self.tell(Greeted())
        if self._siblings.on_started is not None:
            self._siblings.on_started(self._index)

    def _lose(self, connection_id: int) -> None:
        connection = self._connections.pop(connection_id, None)
        if connection is not None:
            connection.closed = True
            self._engine.layer.flow_failed(connection)
