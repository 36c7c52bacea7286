"""TCP: a listener, the connections it accepted and those we opened, and their limits."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from typing import TYPE_CHECKING

from sipcore.errors import TransportError
from sipcore.flow import Listener
from sipcore.transport.connection import TcpConnection

if TYPE_CHECKING:
    from native.sip import Address
    from sipcore.transport.engine import Engine


class TcpEndpoint:
    """One listener and all its connections, those we opened included."""

    def __init__(self, listener: Listener, engine: Engine) -> None:
        self.listener = listener
        self.engine = engine
        self.connections: dict[int, TcpConnection] = {}
        self._by_remote: dict[Address, TcpConnection] = {}
        self._per_source: Counter[str] = Counter()
        self._opening: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        self._server = await self.engine.loop.create_server(
            lambda: TcpConnection(self, ("", 0), outgoing=False), sock=sock, backlog=self.engine.settings.backlog
        )

    def open_to(self, remote: Address) -> TcpConnection | None:
        """The open (or opening) connection to ``remote``, whoever opened it."""
        return self._by_remote.get(remote)

    def connect(self, remote: Address, timeout_s: float) -> TcpConnection:
        """A connection that opens while what is sent waits. TransportError at a limit."""
        settings = self.engine.settings
        if len(self._opening) >= settings.max_connecting or len(self.connections) >= settings.max_connections:
            raise TransportError("too many connections")
        connection = TcpConnection(self, remote, outgoing=True)
        self._add(connection)
        task = self.engine.loop.create_task(self._open(connection, timeout_s))
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
        self._add(connection)
        return ""

    def remove(self, connection: TcpConnection) -> None:
        if self.connections.pop(connection.connection_id, None) is None:
            return
        if self._by_remote.get(connection.remote) is connection:
            del self._by_remote[connection.remote]
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
        self._by_remote[connection.remote] = connection
        self._per_source[connection.remote[0]] += 1

    async def _open(self, connection: TcpConnection, timeout_s: float) -> None:
        host, port = connection.remote
        wildcard = self.listener.host in ("0.0.0.0", "::")  # noqa: S104  compared, not bound
        try:
            async with asyncio.timeout(timeout_s):
                await self.engine.loop.create_connection(
                    lambda: connection, host, port, local_addr=None if wildcard else (self.listener.host, 0)
                )
        except (OSError, TimeoutError):
            self.engine.flows.connect_failed(connection)
            connection.abort("connect")
