"""The flows of this process: which socket leads where, and which addresses are ours. Implements ``sipcore.flow.FlowTable``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from native.sip import Address, Message
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, Listener
from sipcore.transport.local import LocalAddresses, is_loopback
from sipcore.transport.tcp import TcpConnection, TcpEndpoint
from sipcore.transport.udp import UdpEndpoint
from sipcore.transport.via import reply_address

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine

MAX_REMEMBERED = 4096


class TransportTable:
    """Endpoints are added when the engine starts; the listeners are known from the beginning."""

    def __init__(self, listeners: tuple[Listener, ...], engine: Engine) -> None:
        self.listeners = listeners
        self.endpoints: list[UdpEndpoint | TcpEndpoint] = []
        self._engine = engine
        self._by_index: dict[int, UdpEndpoint | TcpEndpoint] = {}
        self._no_stream_until: dict[Address, float] = {}  # addresses that didn't take TCP when size asked for it
        self._tried_for_size: set[int] = set()  # connection ids
        self._local = LocalAddresses(listeners, engine.timers)

    def add(self, endpoint: UdpEndpoint | TcpEndpoint) -> None:
        self.endpoints.append(endpoint)
        self._by_index[endpoint.listener.index] = endpoint

    def flow_to(self, destination: Destination, near: Listener | None = None) -> Flow:
        endpoint = self._endpoint_for(destination, near)
        remote = (destination.host, destination.port)
        if isinstance(endpoint, UdpEndpoint):
            return endpoint.flow(remote)
        return endpoint.open_to(remote) or endpoint.connect(remote, self._engine.settings.connect_s)

    def flow_of(self, listener_index: int, remote: Address, connection_id: int) -> Flow | None:
        endpoint = self._by_index.get(listener_index)
        if isinstance(endpoint, TcpEndpoint):
            return endpoint.connections.get(connection_id)
        if endpoint is None or connection_id:
            return None
        return endpoint.flow(remote)

    def reply_flow(self, request: Message, flow: Flow) -> Flow:
        if flow.reliable and not flow.closed:
            return flow
        remote = reply_address(request, flow)
        if remote == flow.remote and not flow.closed:
            return flow
        try:
            return self.flow_to(Destination(flow.listener.transport, *remote), flow.listener)
        except TransportError:
            return flow

    def stream_flow(self, flow: Flow) -> Flow | None:
        if self._no_stream_until.get(flow.remote, 0.0) > self._engine.timers.now:
            return None
        try:
            endpoint = self._endpoint_for(Destination("tcp", *flow.remote), flow.listener)
            assert isinstance(endpoint, TcpEndpoint)  # what "tcp" gives
            connection = endpoint.open_to(flow.remote)
            if connection is None:
                connection = endpoint.connect(flow.remote, self._engine.settings.size_connect_s)
                self._tried_for_size.add(connection.connection_id)
        except TransportError:
            return None
        return connection

    def connect_failed(self, connection: TcpConnection) -> None:
        """Remembers who has no TCP, so the next long request goes by UDP without delay."""
        if connection.connection_id in self._tried_for_size:
            if len(self._no_stream_until) >= MAX_REMEMBERED:
                self._no_stream_until.clear()
            self._no_stream_until[connection.remote] = self._engine.timers.now + self._engine.settings.size_retry_s

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        return self._local.has(host, port, transport)

    def _endpoint_for(self, destination: Destination, near: Listener | None) -> UdpEndpoint | TcpEndpoint:
        """``near`` if it fits; else the first that fits, one on loopback only for a destination on loopback."""
        if near is not None and _fits(near, destination) and near.index in self._by_index:
            return self._by_index[near.index]
        fitting = [endpoint for endpoint in self.endpoints if _fits(endpoint.listener, destination)]
        if not fitting:
            family = "IPv6" if ":" in destination.host else "IPv4"
            raise TransportError(f"no listener for {destination.transport} over {family}")
        loopback = is_loopback(destination.host)
        return min(
            fitting,
            key=lambda endpoint: (
                near is not None and endpoint.listener.host != near.host,
                is_loopback(endpoint.listener.host) != loopback,
            ),
        )


def _fits(listener: Listener, destination: Destination) -> bool:
    return listener.transport == destination.transport and (":" in listener.host) == (":" in destination.host)
