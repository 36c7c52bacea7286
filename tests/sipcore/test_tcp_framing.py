"""However a stream is cut into reads, the same messages and the same end come of it; and no bytes make the shell fail."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from sipcore.flow import Flow
from sipcore.transport.connection import TcpConnection
from sipcore.transport.tcp import TcpEndpoint
from tests.sipcore.loop import Running, run
from tests.sipcore.messages import request

SEEDS = range(150)
PIECES = (b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b"SIP/2.0 200 OK\r\n", b"Content-Length: 5\r\n", b"\xff", b"\r\n\r\n\r\n")


class Pipe(asyncio.Transport):
    """What a connection writes to."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 5060), "peername": ("127.0.0.1", 40000)})
        self.written = b""
        self.ended = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


def stream(random: Random) -> bytes:
    """Good messages, noise between and sometimes inside them."""
    parts: list[bytes] = []
    for n in range(random.randrange(1, 6)):
        data = bytearray(request("OPTIONS", branch=f"z9hG4bK-{n}", transport="TCP", body=b"y" * random.randrange(40)).raw)
        if random.random() < 0.3:
            for _ in range(random.randrange(1, 4)):
                at = random.randrange(len(data))
                data[at : at + random.randrange(3)] = random.choice(PIECES)
        parts += [random.choice((b"", b"", b"\r\n", b"\r\n\r\n")), bytes(data)]
    return b"".join(parts)


def feed(world: Running, chunks: list[bytes]) -> tuple[list[bytes], bytes, bool]:
    """Messages framed, bytes written back, whether the connection ended."""
    seen: list[bytes] = []
    receive = world.engine.receive

    def watched(data: bytes, flow: Flow) -> None:
        seen.append(data)
        receive(data, flow)

    endpoint = world.engine.flows.endpoints[1]
    assert isinstance(endpoint, TcpEndpoint)
    world.engine.receive = watched
    connection, pipe = TcpConnection(endpoint, ("", 0), outgoing=False), Pipe()
    connection.connection_made(pipe)
    for chunk in chunks:
        if not pipe.ended:
            connection.data_received(chunk)
    world.engine.receive = receive
    connection.connection_lost(None)
    return seen, pipe.written, pipe.ended


def cut(data: bytes, random: Random) -> list[bytes]:
    chunks = []
    while data:
        size = random.choice((1, 2, 3, 10, 100, 1000))
        chunks.append(data[:size])
        data = data[size:]
    return chunks


@pytest.mark.parametrize("first", range(0, len(SEEDS), 50))
def test_cutting_changes_nothing(first: int) -> None:
    async def main() -> None:
        async with Running(lambda transaction: None) as world:
            for seed in SEEDS[first : first + 50]:
                data = stream(Random(seed))
                whole = feed(world, [data])
                bytewise = feed(world, [data[at : at + 1] for at in range(len(data))])
                pieces = feed(world, cut(data, Random(seed)))
                assert whole[0] == bytewise[0] == pieces[0], seed
                assert whole[2] == bytewise[2] == pieces[2], seed
            assert world.counters["sip_internal_errors_total"] == 0

    run(main())


def test_good_streams_lose_nothing() -> None:
    async def main() -> None:
        async with Running() as world:
            messages = [request("OPTIONS", branch=f"z9hG4bK-{n}", transport="TCP", body=b"z" * n).raw for n in range(30)]
            seen, written, ended = feed(world, cut(b"\r\n".join(messages), Random(1)))
            assert seen == messages
            assert not ended
            assert written.count(b"SIP/2.0 200 OK") == 30

    run(main())


def test_random_datagrams_never_fail() -> None:
    async def main() -> None:
        async with Running(lambda transaction: None) as world:
            random = Random(5)
            flow = world.engine.flows.flow_of(0, ("127.0.0.1", 9), 0)
            assert flow is not None
            for _ in range(3000):
                data = bytearray(stream(random)[: random.randrange(600)])
                if random.random() < 0.3:
                    data = bytearray(random.randbytes(random.randrange(100)))
                world.engine.run(world.engine.ingress.receive, bytes(data), flow)
            assert world.counters["sip_internal_errors_total"] == 0

    run(main())
