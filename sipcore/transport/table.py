"""The flows of this process: which socket leads where, and which addresses are ours. Implements ``sipcore.flow.FlowTable``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Address, FlowTable, Message
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, Listener
from sipcore.transport.connection import TcpConnection
from sipcore.transport.local import WILDCARDS, LocalAddresses, is_loopback
from sipcore.transport.tcp import TcpEndpoint
from sipcore.transport.udp import UdpEndpoint
from sipcore.transport.via import reply_address

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine

MAX_REMEMBERED = 4096

Endpoint = UdpEndpoint | TcpEndpoint


class TransportTable(FlowTable):
    """Endpoints are added when the engine starts; the listeners are known from the beginning. ``flow_to``, ``flow_of``,
    ``reply_flow`` and ``is_local`` are in C (``native.sip.FlowTable``)."""

    def __init__(self, listeners: tuple[Listener, ...], engine: Engine) -> None:
        self._local = LocalAddresses(listeners, engine.timers)
        super().__init__(engine.timers, self._local.places)
        self.listeners = listeners
        self.endpoints: list[Endpoint] = []
        self._engine = engine
        self._no_stream_until: dict[Address, float] = {}  # addresses that didn't take TCP when size asked for it

    def add(self, endpoint: Endpoint) -> None:
        self.endpoints.append(endpoint)
        self.by_index[endpoint.listener.index] = endpoint
        self.forget_chosen()

    def datagram_flow(self, listener_index: int, remote: Address, local_host: str) -> Flow | None:
        """The flow that a datagram came by, whichever worker got it."""
        endpoint = self.by_index.get(listener_index)
        return endpoint.flow(remote, local_host) if isinstance(endpoint, UdpEndpoint) else None

    def own_connection(self, connection_id: int) -> Flow | None:
        """One that this process holds."""
        for endpoint in self.endpoints:
            if isinstance(endpoint, TcpEndpoint) and connection_id in endpoint.connections:
                return endpoint.connections[connection_id]
        return None

    def stream_flow(self, flow: Flow) -> Flow | None:
        if self._no_stream_until.get(flow.remote, 0.0) > self._engine.timers.now:
            return None
        try:
            way = ("tcp", flow.remote[0], flow.listener.index)
            endpoint = self.chosen.get(way) or self.choose(Destination("tcp", *flow.remote), flow.listener)
            assert isinstance(endpoint, TcpEndpoint)  # what "tcp" gives
            connection = endpoint.open_to(flow.remote)
            if connection is None:
                connection = endpoint.connect(flow.remote, self._engine.settings.size_connect_s)
                connection.for_size = True
        except TransportError:
            return None
        return connection

    def connect_failed(self, connection: TcpConnection) -> None:
        """Remembers who has no TCP, so the next long request goes by UDP without delay."""
        if connection.for_size:
            if len(self._no_stream_until) >= MAX_REMEMBERED:
                self._no_stream_until.clear()
            self._no_stream_until[connection.remote] = self._engine.timers.now + self._engine.settings.size_retry_s

    def own_connections(self) -> list[int]:
        """Ids of all that this process holds."""
        return [key for endpoint in self.endpoints if isinstance(endpoint, TcpEndpoint) for key in endpoint.connections]

    # from the base

    def choose(self, destination: Destination, near: Listener | None) -> Endpoint:
        """The endpoint for it, from now on."""
        if len(self.chosen) >= MAX_REMEMBERED:
            self.forget_chosen()
        way = (destination.transport, destination.host, -1 if near is None else near.index)
        endpoint = self.chosen[way] = self._choose(destination, near)
        return endpoint

    def stream_to(self, endpoint: TcpEndpoint, destination: Destination) -> Flow:
        remote, name = (destination.host, destination.port), destination.name
        return endpoint.open_to(remote, name) or endpoint.connect(remote, self._engine.settings.connect_s, name)

    def connection_elsewhere(self, endpoint: TcpEndpoint, remote: Address, connection_id: int) -> Flow | None:
        """One that is not this process's."""
        siblings = self._engine.siblings
        return None if siblings is None else siblings.connection(endpoint.listener, remote, connection_id)

    def find_local(self, host: str, port: int | None, transport: str | None) -> bool:
        """Whether it is a place of ours; known for a while then."""
        return self._local.has(host, port, transport)

    def flow_by_via(self, request: Message, flow: Flow) -> Flow:
        """Where its top Via wants the responses that can't go back over ``flow``."""
        remote = reply_address(request, flow)
        if remote == flow.remote and not flow.closed:
            return flow
        try:
            destination = Destination(flow.listener.transport, *remote, request.via.host.lower())
            found: Flow = self.flow_to(destination, flow.listener)
        except TransportError:
            return flow
        return found

    def _choose(self, destination: Destination, near: Listener | None) -> Endpoint:
        """The listener that fits best: on loopback for loopback only, then ``near``, then one on the address of ``near``."""
        six = ":" in destination.host
        fitting = [
            endpoint
            for endpoint in self.endpoints
            if endpoint.listener.transport == destination.transport and (":" in endpoint.listener.host) == six
        ]
        if not fitting:
            raise TransportError(f"no listener for {destination.transport} over {'IPv6' if six else 'IPv4'}")
        loopback = is_loopback(destination.host)

        def distance(endpoint: Endpoint) -> tuple[bool, bool, bool]:
            listener = endpoint.listener
            wrong_side = is_loopback(listener.host) != loopback and listener.host not in WILDCARDS
            return wrong_side, listener is not near, near is not None and listener.host != near.host

        return min(fitting, key=distance)
