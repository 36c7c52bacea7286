"""TCP and TLS: a listener, the connections it accepted and those we opened, and their limits."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from native.sip import Message, ParseError
from sipcore.errors import TransportError
from sipcore.flow import Listener
from sipcore.transport.connection import TcpConnection
from sipcore.transport.tls import TlsLayer
from sipcore.transport.via import DEFAULT_PORTS

if TYPE_CHECKING:
    from native.sip import Address
    from sipcore.transport.engine import Engine


class TcpEndpoint:
    """One listener and all its connections, those we opened included."""

    def __init__(self, listener: Listener, engine: Engine) -> None:
        self.listener = listener
        self.engine = engine
        self.connections: dict[int, TcpConnection] = {}
        self._reusable: dict[tuple[Address, str], TcpConnection] = {}  # by address, and over TLS the name wanted there
        self._per_source: Counter[str] = Counter()
        self._half_open: Counter[str] = Counter()  # TLS handshakes of others, by source
        self._opening: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._secure = listener.transport == "tls"

    async def start(self, sock: socket.socket) -> None:
        def accept() -> asyncio.Protocol:
            return self._protocol(TcpConnection(self, ("", 0), outgoing=False))

        self._server = await self.engine.loop.create_server(accept, sock=sock, backlog=self.engine.settings.backlog)

    def open_to(self, remote: Address, name: str = "") -> TcpConnection | None:
        """The open (or opening) connection to ``remote``, whoever opened it; over TLS one whose peer has proved to be
        ``name`` (RFC 5923 section 8)."""
        return self._reusable.get((remote, name))

    def connect(self, remote: Address, timeout_s: float, name: str = "") -> TcpConnection:
        """A connection that opens while what is sent waits. TransportError at a limit, and when nobody is to be verified."""
        settings = self.engine.settings
        if len(self._opening) >= settings.max_connecting or len(self.connections) >= settings.max_connections:
            raise TransportError("too many connections")
        if self._secure and not name:
            raise TransportError("no name to verify the other side of TLS by")
        connection = TcpConnection(self, remote, outgoing=True, name=name)
        self._add(connection)
        self._reuse(connection, remote, (name,))
        task = self.engine.loop.create_task(self._open(connection, timeout_s, name))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return connection

    def admit(self, connection: TcpConnection) -> str:
        """Takes an accepted connection in; the reason if a limit forbids it."""
        settings, source = self.engine.settings, connection.remote[0]
        if len(self.connections) >= settings.max_connections:
            return "connections"
        full = 0 < settings.max_connections_per_source <= self._per_source[source]
        if full and not settings.is_exempt(source):
            return "connections per source"
        if self._secure:
            if 0 < settings.max_handshakes_per_source <= self._half_open[source] and not settings.is_exempt(source):
                return "handshakes per source"
            connection.half_open = True
            self._half_open[source] += 1
        self._add(connection)
        if not self._secure:
            self._reuse(connection, connection.remote, ("",))
        return ""

    def opened(self, connection: TcpConnection) -> None:
        """Over TLS: who was verified, and whoever is meant by the bare address that the connection leads to. That name is
        nobody's but the other side's, and phones, which have no certificate, are reached by no other."""
        if not self._secure:
            return
        self._shaken(connection)
        host = connection.remote[0]
        self._reuse(connection, connection.remote, (host, *connection.identities) if connection.outgoing else (host,))
        connection.may_alias = not connection.outgoing and bool(connection.identities)

    def alias(self, connection: TcpConnection, data: bytes) -> None:
        """RFC 5923 section 8.2: a peer with a certificate that says ``alias`` in its Via takes requests over its connection, as
        if they went to the address it advertises."""
        try:
            via = Message(data).via
        except ParseError:
            return
        if "alias" in via.params:
            connection.may_alias = False
            port = via.port or DEFAULT_PORTS[self.listener.transport]
            self._reuse(connection, (connection.remote[0], port), connection.identities)

    def remove(self, connection: TcpConnection) -> None:
        if self.connections.pop(connection.connection_id, None) is None:
            return
        self._shaken(connection)
        for place in connection.reuse:
            if self._reusable.get(place) is connection:
                del self._reusable[place]
        source = connection.remote[0]
        self._per_source[source] -= 1
        if self._per_source[source] <= 0:
            del self._per_source[source]

    @property
    def busy(self) -> bool:
        """Whether connections still wait for their end."""
        return bool(self.connections)

    def stop_reading(self) -> None:
        """No new connections; those there are go on."""
        if self._server is not None:
            self._server.close()

    def close(self) -> None:
        for task in self._opening:
            task.cancel()
        for connection in list(self.connections.values()):
            connection.close()

    def _add(self, connection: TcpConnection) -> None:
        self.connections[connection.connection_id] = connection
        self._per_source[connection.remote[0]] += 1

    def _shaken(self, connection: TcpConnection) -> None:
        """Its handshake, if it was in one, is over, one way or the other."""
        if connection.half_open:
            connection.half_open = False
            source = connection.remote[0]
            self._half_open[source] -= 1
            if self._half_open[source] <= 0:
                del self._half_open[source]

    def _reuse(self, connection: TcpConnection, remote: Address, names: Iterable[str]) -> None:
        for name in names:
            self._reusable[remote, name] = connection
            connection.reuse.add((remote, name))

    def _protocol(self, connection: TcpConnection, name: str = "") -> asyncio.Protocol:
        if not self._secure:
            return connection
        return TlsLayer(connection, self.engine, self.engine.handshakes, name)

    async def _open(self, connection: TcpConnection, timeout_s: float, name: str) -> None:
        host, port = connection.remote
        wildcard = self.listener.host in ("0.0.0.0", "::")  # noqa: S104  compared, not bound
        own = None if wildcard else (self.listener.host, 0)
        try:
            async with asyncio.timeout(timeout_s):
                await self.engine.loop.create_connection(lambda: self._protocol(connection, name), host, port, local_addr=own)
        except (OSError, TimeoutError):
            self.engine.flows.connect_failed(connection)
            connection.abort("connect")
