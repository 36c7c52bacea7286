"""The flows of this process: which socket leads where, and which addresses are ours. Implements ``sipcore.flow.FlowTable``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from native.sip import Address, Message
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, Listener
from sipcore.transport.tcp import TcpConnection, TcpEndpoint
from sipcore.transport.udp import UdpEndpoint
from sipcore.transport.via import DEFAULT_PORTS, reply_address

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine

WILDCARDS = frozenset(("0.0.0.0", "::"))  # noqa: S104  compared, not bound
MAX_REMEMBERED = 4096
OWN_ADDRESS_S = 30.0  # how long an address found to be this host's, or not, counts as that


class TransportTable:
    """Endpoints are added when the engine starts; the listeners are known from the beginning."""

    def __init__(self, listeners: tuple[Listener, ...], engine: Engine) -> None:
        self.listeners = listeners
        self.endpoints: list[UdpEndpoint | TcpEndpoint] = []
        self._engine = engine
        self._by_index: dict[int, UdpEndpoint | TcpEndpoint] = {}
        self._no_stream_until: dict[Address, float] = {}  # addresses that didn't take TCP when size asked for it
        self._tried_for_size: set[int] = set()  # connection ids
        self._own_hosts: dict[str, tuple[float, bool]] = {}

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
        host = host.lower().strip("[]")
        return any(
            transport in (None, listener.transport) and self._is_listener(listener, host, port) for listener in self.listeners
        )

    def _is_listener(self, listener: Listener, host: str, port: int | None) -> bool:
        if port is None:
            port = DEFAULT_PORTS[listener.transport]
        if host == listener.advertised_host.lower() and port == listener.advertised_port:
            return True
        if port != listener.port:
            return False
        if host == listener.host:
            return True
        if host == "localhost":
            return listener.host in WILDCARDS or _is_loopback(listener.host)
        return listener.host in WILDCARDS and self._is_own_host(host, listener.host)

    def _is_own_host(self, host: str, wildcard: str) -> bool:
        """Whether this machine has the address ``host``: then, and only then, a socket can be bound to it."""
        now = self._engine.timers.now
        known = self._own_hosts.get(host)
        if known is not None and known[0] > now:
            return known[1]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if (family == socket.AF_INET6) != (wildcard == "::") or not _is_numeric(family, host):
            return False
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((host, 0))
                own = True
            except OSError:
                own = False
        if len(self._own_hosts) >= MAX_REMEMBERED:
            self._own_hosts.clear()
        self._own_hosts[host] = (now + OWN_ADDRESS_S, own)
        return own

    def _endpoint_for(self, destination: Destination, near: Listener | None) -> UdpEndpoint | TcpEndpoint:
        """``near`` if it fits; else the first that fits, one on loopback only for a destination on loopback."""
        if near is not None and _fits(near, destination) and near.index in self._by_index:
            return self._by_index[near.index]
        fitting = [endpoint for endpoint in self.endpoints if _fits(endpoint.listener, destination)]
        if not fitting:
            family = "IPv6" if ":" in destination.host else "IPv4"
            raise TransportError(f"no listener for {destination.transport} over {family}")
        loopback = _is_loopback(destination.host)
        return min(
            fitting,
            key=lambda endpoint: (
                near is not None and endpoint.listener.host != near.host,
                _is_loopback(endpoint.listener.host) != loopback,
            ),
        )


def _fits(listener: Listener, destination: Destination) -> bool:
    return listener.transport == destination.transport and (":" in listener.host) == (":" in destination.host)


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _is_numeric(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except OSError:
        return False
    return True
