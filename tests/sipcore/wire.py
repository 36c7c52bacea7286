"""An in-memory network in virtual time: nodes, datagrams with seeded loss, delay, reordering and duplication, and connections.

    wire = Wire(seed=1, loss=0.2)
    proxy = wire.node("192.0.2.1", transports=("udp", "tcp"))     # proxy.flows is its FlowTable, proxy.listeners its listeners
    phone = wire.node("192.0.2.2")                                # without a stack: phone.received collects its messages
    stack = Stack(proxy, user)                                    # Ingress and TransactionLayer on a node
    phone.send(message, proxy)
    wire.run(1.0)                                                 # one virtual second

``wire.log`` has every packet that was sent, dropped ones too.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from native.sip import Address, Message
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, Listener
from sipcore.ports import Counters, TransactionUser
from sipcore.timers import Timers
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transport.ingress import Ingress
from sipcore.transport.via import reply_address


@dataclass(slots=True)
class Packet:
    """One send, as the network saw it."""

    at_s: float
    transport: str
    source: Address
    destination: Address
    data: bytes
    copies: int = 1  # 0: lost, 2: duplicated

    @property
    def message(self) -> Message:
        return Message(self.data)

    @property
    def start(self) -> str:
        """Method of a request, status of a response."""
        return self.message.method if self.message.is_request else str(self.message.status)


class WireFlow:
    """Flow of the sans-I/O core over the wire: a UDP address pair or one end of a connection."""

    name = ""

    def __init__(self, node: Node, listener: Listener, remote: Address, connection_id: int = 0) -> None:
        self.node = node
        self.listener = listener
        self.remote = remote
        self.local = (listener.host, listener.port)
        self.local_host = listener.host
        self.connection_id = connection_id
        self.reliable = connection_id != 0
        self.closed = False
        self.peer: WireFlow | None = None  # other end of the connection

    def send(self, data: bytes) -> None:
        self.node.wire.carry(self, data)

    def close(self) -> None:
        """Ends the connection; this end knows at once, the other after the wire's delay."""
        self.closed = True
        if self.peer is not None:
            self.node.wire.later(self.peer.lost)

    def lost(self) -> None:
        if not self.closed:
            self.closed = True
            self.node.on_flow_failed(self)


class Wire:
    """``loss`` and ``duplicates`` are probabilities per datagram; ``jitter_s`` on top of ``delay_s`` reorders."""

    def __init__(
        self, *, seed: int = 0, delay_s: float = 0.005, jitter_s: float = 0.0, loss: float = 0.0, duplicates: float = 0.0
    ) -> None:
        self.timers = Timers(1000.0, 1_700_000_000.0)
        self.log: list[Packet] = []
        self.drop: Callable[[Packet], bool] = lambda packet: False  # loses the datagrams it says True for
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        self.loss = loss
        self.duplicates = duplicates
        self._random = Random(seed)
        self._nodes: dict[tuple[str, Address], tuple[Node, Listener]] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._connection_id = 0

    def node(self, host: str, port: int = 5060, transports: tuple[str, ...] = ("udp",)) -> Node:
        node = Node(self, tuple(Listener(i, name, host, port, host, port) for i, name in enumerate(transports)))
        for listener in node.listeners:
            self._nodes[listener.transport, (host, port)] = (node, listener)
        return node

    def remove(self, node: Node) -> None:
        """Pulls the plug: what is sent to the node from now on is lost, connections to it are refused."""
        self._nodes = {key: entry for key, entry in self._nodes.items() if entry[0] is not node}

    def run(self, for_s: float) -> None:
        """Lets ``for_s`` virtual seconds pass, event by event."""
        end = self.timers.now + for_s
        while True:
            deadline = self.timers.next_deadline()
            packet_at = self._queue[0][0] if self._queue else None
            next_at = min((at for at in (deadline, packet_at) if at is not None), default=None)
            if next_at is None or next_at > end:
                break
            self._advance(next_at)
            while self._queue and self._queue[0][0] <= next_at:
                heapq.heappop(self._queue)[2]()
        self._advance(end)

    def sent(self, source: Node, *starts: str) -> list[Packet]:
        """What ``source`` sent, in order; only those methods and statuses if any are given."""
        hosts = {listener.host for listener in source.listeners}
        return [packet for packet in self.log if packet.source[0] in hosts and (not starts or packet.start in starts)]

    def carry(self, flow: WireFlow, data: bytes) -> None:
        if flow.closed:
            return
        packet = Packet(self.timers.now, flow.listener.transport, flow.local, flow.remote, data)
        self.log.append(packet)
        if flow.reliable:
            self.later(lambda: self._deliver_stream(flow, data))
            return
        if self.drop(packet) or self._random.random() < self.loss:
            packet.copies = 0
        elif self._random.random() < self.duplicates:
            packet.copies = 2
        for _ in range(packet.copies):
            self.later(lambda: self._deliver_datagram(packet), self._random.random() * self.jitter_s)

    def connect(self, node: Node, listener: Listener, remote: Address) -> WireFlow:
        self._connection_id += 2
        near = WireFlow(node, listener, remote, self._connection_id)
        near.local = (listener.host, 40000 + self._connection_id)
        entry = self._nodes.get((listener.transport, remote))
        if entry is None:
            self.later(near.lost)
            return near
        far_node, far_listener = entry
        far = WireFlow(far_node, far_listener, near.local, self._connection_id + 1)
        near.peer, far.peer = far, near
        far_node.flows.connections[far.connection_id] = far
        return near

    def later(self, action: Callable[[], None], extra_s: float = 0.0) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (self.timers.now + self.delay_s + extra_s, self._sequence, action))

    def _advance(self, now: float) -> None:
        self.timers.advance(now, self.timers.wall + now - self.timers.now)

    def _deliver_datagram(self, packet: Packet) -> None:
        entry = self._nodes.get((packet.transport, packet.destination))
        if entry is not None:
            node, listener = entry
            node.receive(packet.data, WireFlow(node, listener, packet.source))

    def _deliver_stream(self, flow: WireFlow, data: bytes) -> None:
        far = flow.peer
        if far is not None and not far.closed:
            far.node.receive(data, far)


class WireFlows:
    """FlowTable over the wire."""

    def __init__(self, node: Node, listeners: tuple[Listener, ...]) -> None:
        self.node = node
        self.listeners = listeners
        self.connections: dict[int, WireFlow] = {}

    def flow_to(self, destination: Destination, near: Listener | None = None) -> Flow:
        fitting = [listener for listener in self.listeners if listener.transport == destination.transport]
        if not fitting:
            raise TransportError(f"no listener for {destination.transport}")
        listener = near if near in fitting else fitting[0]
        remote = (destination.host, destination.port)
        if not listener.reliable:
            return WireFlow(self.node, listener, remote)
        for flow in self.connections.values():
            if flow.remote == remote and not flow.closed:
                return flow
        flow = self.node.wire.connect(self.node, listener, remote)
        self.connections[flow.connection_id] = flow
        return flow

    def flow_of(self, listener_index: int, remote: Address, connection_id: int) -> Flow | None:
        if connection_id:
            flow = self.connections.get(connection_id)
            return flow if flow is not None and not flow.closed else None
        if listener_index >= len(self.listeners):
            return None
        return WireFlow(self.node, self.listeners[listener_index], remote)

    def reply_flow(self, request: Message, flow: Flow) -> Flow:
        if flow.reliable and not flow.closed:
            return flow
        host, port = reply_address(request, flow)
        return flow if (host, port) == flow.remote else self.flow_to(Destination(flow.listener.transport, host, port))

    def stream_flow(self, flow: Flow) -> Flow | None:
        if not any(listener.transport == "tcp" for listener in self.listeners):
            return None
        return self.flow_to(Destination("tcp", *flow.remote))

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return any(
            listener.host == host and listener.port == (port or 5060) and transport in (None, listener.transport)
            for listener in self.listeners
        )


class Node:
    """One host. ``receive`` and ``on_flow_failed`` are replaced by a Stack; until then messages collect in ``received``."""

    def __init__(self, wire: Wire, listeners: tuple[Listener, ...]) -> None:
        self.wire = wire
        self.listeners = listeners
        self.flows = WireFlows(self, listeners)
        self.received: list[Message] = []
        self.receive: Callable[[bytes, Flow], None] = lambda data, flow: self.received.append(Message(data))
        self.on_flow_failed: Callable[[Flow], None] = lambda flow: None

    def send(self, message: Message, to: Node, transport: str = "udp") -> None:
        """Sends to the first listener of ``to`` with that transport."""
        listener = next(listener for listener in to.listeners if listener.transport == transport)
        flow = self.flows.flow_to(Destination(transport, listener.host, listener.port))
        flow.send(message.to_bytes(stream=flow.reliable))


class Stack:
    """Ingress and transaction layer on a node, as the engine would put them together."""

    def __init__(self, node: Node, user: TransactionUser, settings: TransactionSettings | None = None) -> None:
        self.node = node
        self.counters: Counters = defaultdict(int)
        self.layer = TransactionLayer(user, node.flows, node.wire.timers, settings or TransactionSettings(), self.counters)
        self.ingress = Ingress(self.layer, node.flows, self.counters)
        node.receive = self.ingress.receive
        node.on_flow_failed = self.layer.flow_failed
