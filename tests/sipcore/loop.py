"""A running engine on loopback sockets, and the plainest of peers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import uvloop

from native.sip import Message, frame_length
from sipcore.flow import Listener
from sipcore.ports import Counters
from sipcore.transaction import ServerTransaction, TransactionLayer, TransactionSettings
from sipcore.transport.engine import Engine
from sipcore.transport.settings import TransportSettings
from sipcore.transport.siblings import Siblings
from sipcore.transport.tls_context import ListenerTls
from tests.sipcore.users import RecordingUser

PATIENCE_S = 100.0  # only what never happens takes so long, however slow the machine is
PATIENT = {"connect_s": PATIENCE_S, "handshake_s": PATIENCE_S, "partial_s": PATIENCE_S, "first_message_s": PATIENCE_S}
TLS = 2  # index of that listener
T = TypeVar("T")


def run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main, 300))


def bound_sockets(host: str = "127.0.0.1", port: int = 0, *, shared: bool = False) -> tuple[socket.socket, socket.socket]:
    """UDP and TCP on the same free port, or on ``port``, which others may ``share``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        udp = socket.socket(family, socket.SOCK_DGRAM)
        tcp = socket.socket(family, socket.SOCK_STREAM)
        for each in (udp, tcp) if shared else ():
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        udp.bind((host, port))
        try:
            tcp.bind((host, udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp
    raise RuntimeError("no port is free for both UDP and TCP")


def pass_time(engine: Engine, seconds: float) -> None:
    """At once; what is due by then happens, as nothing lies in the sockets that could stop it."""
    engine.timers.ahead_s += seconds
    engine.caught_up()
    engine.run(lambda: None)


def answer_200(transaction: ServerTransaction) -> None:
    transaction.respond(transaction.request.reply(200, to_tag="x"))


class Running:
    """``async with Running() as world``: an engine with a UDP and a TCP listener on one port; one more with ``tls``."""

    def __init__(
        self,
        answer: Callable[[ServerTransaction], None] = answer_200,
        on_batch_end: Callable[[], None] | None = None,
        host: str = "127.0.0.1",
        layer_settings: TransactionSettings | None = None,
        tls: ListenerTls | None = None,
        siblings: Siblings | None = None,
        port: int = 0,
        **settings: Any,
    ) -> None:
        self.host = host
        self.user = RecordingUser(answer)
        self.counters: Counters = defaultdict(int)
        self.settings = TransportSettings(**(PATIENT | settings))
        self.layer_settings = layer_settings or TransactionSettings()
        self.on_batch_end = on_batch_end
        self.tls = tls
        self.siblings = siblings
        self.port = port

    async def __aenter__(self) -> Running:
        udp, tcp = bound_sockets(self.host, self.port, shared=self.siblings is not None)
        self.port = udp.getsockname()[1]
        listeners = [Listener(i, name, self.host, self.port, self.host, self.port) for i, name in enumerate(("udp", "tcp"))]
        sockets = {0: udp, 1: tcp}
        if self.tls is not None:
            sockets[TLS] = socket.create_server((self.host, 0))
            self.tls_port = sockets[TLS].getsockname()[1]
            listeners.append(Listener(TLS, "tls", self.host, self.tls_port, self.host, self.tls_port))
        contexts = {TLS: self.tls} if self.tls else {}
        self.engine = Engine(listeners, self.counters, self.settings, self.on_batch_end, contexts, self.siblings)
        self.layer = TransactionLayer(self.user, self.engine.flows, self.engine.timers, self.layer_settings, self.counters)
        await self.engine.start(sockets, self.layer)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.engine.stop()

    async def connect(self) -> Stream:
        reader, writer = await asyncio.open_connection(self.host, self.port)
        return Stream(reader, writer)

    async def connect_tls(self, context: ssl.SSLContext, name: str = "a.test") -> Stream:
        """Waits for the end of the handshake; OSError when it fails on our side."""
        reader, writer = await within(asyncio.open_connection(self.host, self.tls_port, ssl=context, server_hostname=name))
        return Stream(reader, writer)

    def pass_time(self, seconds: float) -> None:
        pass_time(self.engine, seconds)

    async def until(self, condition: Callable[[], Any]) -> None:
        """Waits for something the engine does by itself."""
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, "it never happened"
            await asyncio.sleep(0.005)


class Stream:
    """A TCP peer that reads whole messages."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.buffer = b""

    @property
    def port(self) -> int:
        return int(self.writer.get_extra_info("sockname")[1])

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def message(self) -> Message:
        while True:
            length = frame_length(self.buffer) if self.buffer else 0
            if length:
                data, self.buffer = self.buffer[:length], self.buffer[length:]
                return Message(data)
            self.buffer += await within(self._more())

    async def bytes(self, count: int) -> bytes:
        return await within(self.reader.readexactly(count))

    async def closed(self) -> bytes:
        """Waits for the end, a reset too; what still came."""
        try:
            return await within(self.reader.read())
        except ConnectionError:
            return b""

    async def _more(self) -> bytes:
        data = await self.reader.read(65536)
        assert data, "the connection was closed"
        return data

    def close(self) -> None:
        self.writer.close()


class Datagrams(asyncio.DatagramProtocol):
    """A UDP peer."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes] = asyncio.Queue()

    @classmethod
    async def open(cls, host: str = "127.0.0.1") -> Datagrams:
        peer = cls()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: peer, local_addr=(host, 0))
        peer.transport = transport
        peer.port = transport.get_extra_info("sockname")[1]
        return peer

    transport: asyncio.DatagramTransport
    port: int

    def datagram_received(self, data: bytes, source: Any) -> None:
        self.queue.put_nowait(data)

    def send(self, data: bytes, world: Running) -> None:
        self.transport.sendto(data, (world.host, world.port))

    async def message(self) -> Message:
        return Message(await within(self.queue.get()))

    def close(self) -> None:
        self.transport.close()


async def within(awaitable: Awaitable[T]) -> T:
    return await asyncio.wait_for(awaitable, PATIENCE_S)
