"""The TCP shell over real loopback sockets: framing, keep-alives, reuse, limits, closed peers."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from ipaddress import ip_network

import pytest

from native.sip import Message
from sipcore.errors import TransportError
from sipcore.flow import Destination
from sipcore.transaction import ServerTransaction
from tests.sipcore.loop import Datagrams, Running, Stream, run, within
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient, RecordingUser


def options(branch: str = "z9hG4bK-1", **more: object) -> bytes:
    return request("OPTIONS", transport="TCP", sent_by="127.0.0.1:5999", branch=branch, **more).raw  # type: ignore[arg-type]


class Listening:
    """A TCP peer that accepts."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()

    async def __aenter__(self) -> Listening:
        self.server = await asyncio.start_server(lambda r, w: self.accepted.put_nowait(Stream(r, w)), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.server.close()


def test_one_byte_at_a_time() -> None:
    async def main() -> None:
        async with Running() as world:
            stream = await world.connect()
            for byte in options(body=b"hello"):
                stream.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await stream.message()).status == 200
            assert world.user.requests[0].body == b"hello"

    run(main())


def test_ten_messages_in_one_segment_and_an_eleventh_cut_in_two() -> None:
    async def main() -> None:
        async with Running() as world:
            stream = await world.connect()
            data = b"".join(options(f"z9hG4bK-{n}", body=b"x" * n) for n in range(11))
            stream.send(data[:-100])
            assert [(await stream.message()).via.branch for _ in range(10)] == [f"z9hG4bK-{n}" for n in range(10)]
            stream.send(data[-100:])
            assert (await stream.message()).via.branch == "z9hG4bK-10"

    run(main())


def test_crlf_crlf_gets_crlf_and_a_single_one_nothing() -> None:
    """RFC 5626 section 4.4.1; RFC 3261 section 7.5."""

    async def main() -> None:
        async with Running() as world:
            stream = await world.connect()
            stream.send(b"\r\n" + options("z9hG4bK-1"))
            assert (await stream.message()).status == 200
            for piece in (b"\r", b"\n\r", b"\n", b"\r\n\r\n", b"\r\n" + options("z9hG4bK-2")):
                stream.send(piece)
                await asyncio.sleep(0.01)
            assert await stream.bytes(4) == b"\r\n\r\n"
            assert (await stream.message()).via.branch == "z9hG4bK-2"
            assert world.counters["sip_keepalives_total|transport=tcp"] == 2

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
        options().replace(b"Content-Length: 0\r\n", b""),
        options().replace(b"Content-Length: 0", b"Content-Length: -1"),
        options().replace(b"Content-Length: 0", b"Content-Length: 99999999999"),
        b"OPTIONS sip:a SIP/2.0\r\n" + b"X: " + b"y" * 70000,
    ],
)
def test_what_can_never_be_framed_ends_the_connection(data: bytes) -> None:
    async def main() -> None:
        async with Running() as world:
            stream = await world.connect()
            stream.send(data)
            rest = await stream.closed()
            if b"Call-ID" in data:
                assert Message(rest).status in (400, 513)
            assert world.counters["sip_connections_closed_total|reason=framing"] == 1
            again = await world.connect()
            again.send(options())
            assert (await again.message()).status == 200

    run(main())


def test_a_framed_message_that_does_not_parse_gets_400_and_the_connection_goes_on() -> None:
    async def main() -> None:
        async with Running() as world:
            stream = await world.connect()
            stream.send(options().replace(b"branch=z9hG4bK-1", b"branch=;;=") + options("z9hG4bK-2"))
            statuses = {}
            for _ in range(2):
                answer = await stream.message()
                statuses["bad" if "branch=;;=" in (answer.get("Via") or "") else "good"] = answer.status
            assert statuses == {"bad": 400, "good": 200}

    run(main())


def test_a_slow_sender_is_cut_off_and_an_idle_half_ping_is_not() -> None:
    async def main() -> None:
        async with Running(partial_s=0.1) as world:
            idle, slow = await world.connect(), await world.connect()
            idle.send(options() + b"\r\n")
            assert (await idle.message()).status == 200
            for byte in options()[:-1]:
                if slow.reader.at_eof() or slow.writer.transport.is_closing():
                    break
                slow.send(bytes([byte]))
                await asyncio.sleep(0.002)
            assert await slow.closed() == b""
            assert world.counters["sip_connections_closed_total|reason=slow"] == 1
            idle.send(b"\r\n")
            assert await idle.bytes(2) == b"\r\n"

    run(main())


def test_a_connection_that_never_says_anything_is_closed() -> None:
    async def main() -> None:
        async with Running(first_message_s=60.0, idle_s=1000.0) as world:
            mute, talking = await world.connect(), await world.connect()
            talking.send(options())
            await talking.message()
            await world.until(lambda: len(world.engine.flows.endpoints[1].connections) == 2)  # type: ignore[union-attr]
            world.pass_time(61.0)
            assert await mute.closed() == b""
            talking.send(options("z9hG4bK-2"))
            assert (await talking.message()).status == 200
            assert world.counters["sip_connections_closed_total|reason=idle"] == 1

    run(main())


def test_an_idle_connection_is_closed_and_a_used_one_stays() -> None:
    async def main() -> None:
        async with Running(first_message_s=1000.0, idle_s=1000.0) as world:
            used, idle = await world.connect(), await world.connect()
            for each in (idle, used):
                each.send(options())
                await each.message()
            for n in range(2):
                world.pass_time(600.0)
                used.send(options(f"z9hG4bK-{n}"))
                await used.message()
            assert await idle.closed() == b""
            used.send(options("z9hG4bK-last"))
            assert (await used.message()).via.branch == "z9hG4bK-last"

    run(main())


@pytest.mark.parametrize("hello", [b"", b"OPTIONS sip:x SIP/2.0\r\n"])
def test_a_connection_that_was_reset_before_it_was_accepted_is_closed(hello: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Running() as world:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(20):
                with socket.create_connection((world.host, world.port)) as gone:
                    gone.sendall(hello)
                    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            await world.until(lambda: world.counters["sip_connections_closed_total|reason=reset"] == 20)
            await world.until(lambda: len(os.listdir("/proc/self/fd")) == before)
            stream = await world.connect()
            stream.send(options())
            assert (await stream.message()).status == 200

    run(main())
    assert not caplog.records


def test_limits_of_connections(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Running(max_connections_per_source=2) as world:
            streams = [await world.connect() for _ in range(2)]
            for n, stream in enumerate(streams):
                stream.send(options(f"z9hG4bK-{n}"))
                await stream.message()
            third = await world.connect()
            assert await third.closed() == b""
            assert world.counters["sip_connections_closed_total|reason=connections per source"] == 1
            streams[0].close()
            await world.until(lambda: len(world.engine.flows.endpoints[1].connections) == 1)  # type: ignore[union-attr]
            fourth = await world.connect()
            fourth.send(options("z9hG4bK-4"))
            assert (await fourth.message()).status == 200
            for _ in range(2):
                assert await (await world.connect()).closed() == b""

    run(main())
    # each is counted; the log has the first
    assert [record.message for record in caplog.records] == ["connections closed, limit of connections per source: 127.0.0.1"]


def test_a_full_listener_takes_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with Running(max_connections=1) as world:
            await world.connect()
            assert await (await world.connect()).closed() == b""
            assert world.counters["sip_connections_closed_total|reason=connections"] == 1

    run(main())
    assert "limit of connections: 127.0.0.1" in caplog.text


def test_an_exempt_source_has_no_limit_of_its_own() -> None:
    async def main() -> None:
        async with Running(max_connections_per_source=1, exempt=(ip_network("127.0.0.0/8"),)) as world:
            for n in range(3):
                stream = await world.connect()
                stream.send(options(f"z9hG4bK-{n}"))
                assert (await stream.message()).status == 200

    run(main())


def test_a_peer_that_does_not_read_is_cut_off() -> None:
    async def main() -> None:
        async with Running(max_unsent_bytes=100_000) as world, Listening() as peer:
            flow = world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", peer.port))
            flow.send(options())
            stream = await within(peer.accepted.get())
            stream.writer.transport.pause_reading()
            payload = options(body=b"x" * 50_000)
            for _ in range(400):
                world.engine.run(flow.send, payload)
                await asyncio.sleep(0)
                if flow.closed:
                    break
            assert flow.closed
            assert world.counters["sip_connections_closed_total|reason=unsent"] == 1

    run(main())


def test_requests_reuse_the_connection_they_can() -> None:
    async def main() -> None:
        async with Running() as world, Listening() as peer:
            client = RecordingClient()
            flows = world.engine.flows
            for n in range(2):
                flow = flows.flow_to(Destination("tcp", "127.0.0.1", peer.port))
                mine = request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{world.port}", branch=f"z9hG4bK-{n}")
                world.engine.run(world.layer.request, mine, flow, client)
            stream = await within(peer.accepted.get())
            for _ in range(2):
                stream.send((await stream.message()).reply(200, to_tag="x").to_bytes(stream=True))
            await world.until(lambda: client.told == [200, 200])
            assert peer.accepted.empty()
            # and the one an incoming request came over, by its remote address and by its id
            incoming = await world.connect()
            incoming.send(options())
            await incoming.message()
            flow = world.user.transactions[0].flow
            assert flows.flow_to(Destination("tcp", "127.0.0.1", incoming.port)) is flow
            assert flows.flow_of(1, flow.remote, flow.connection_id) is flow
            assert flows.flow_of(1, flow.remote, flow.connection_id + 1) is None

    run(main())


def test_a_refused_connection_is_told_at_once() -> None:
    async def main() -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        async with Running() as world:
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", port))
            mine = request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{world.port}")
            world.engine.run(world.layer.request, mine, flow, client)
            await world.until(lambda: bool(client.told))
            assert client.told == ["transport error"]
            assert world.layer.client_count == 0

    run(main())


def test_a_connect_that_takes_too_long() -> None:
    async def main() -> None:
        with socket.socket() as full:  # a backlog of none, filled: further connects hang
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = [socket.socket() for _ in range(3)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
            async with Running(connect_s=0.2) as world:
                client = RecordingClient()
                flow = world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", full.getsockname()[1]))
                mine = request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{world.port}")
                world.engine.run(world.layer.request, mine, flow, client)
                await world.until(lambda: bool(client.told))
                assert client.told == ["transport error"]
                assert world.layer.client_count == 0
            for filler in fillers:
                filler.close()

    run(main())


def test_a_closed_peer_fails_the_waiting_request_at_once() -> None:
    async def main() -> None:
        async with Running() as world, Listening() as peer:
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", peer.port))
            mine = request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{world.port}")
            world.engine.run(world.layer.request, mine, flow, client)
            stream = await within(peer.accepted.get())
            await stream.message()
            stream.close()
            await world.until(lambda: client.told == ["transport error"])
            assert flow.closed
            assert world.engine.flows.flow_of(1, flow.remote, flow.connection_id) is None
            flow.send(b"lost")
            assert world.counters["sip_send_failed_total|transport=tcp"] == 1

    run(main())


def test_a_late_answer_opens_a_connection_to_the_sent_by_port() -> None:
    """RFC 3261 section 18.2.2."""
    waiting: list[ServerTransaction] = []

    async def main() -> None:
        async with Running(waiting.append) as world, Listening() as peer:
            stream = await world.connect()
            stream.send(request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{peer.port}").raw)
            await world.until(lambda: waiting)
            stream.close()
            await world.until(lambda: waiting[0].flow.closed)
            world.engine.run(waiting[0].respond, waiting[0].request.reply(200, to_tag="x"))
            back = await within(peer.accepted.get())
            assert (await back.message()).status == 200

    run(main())


def test_an_error_of_ours_leaves_the_connection_open() -> None:
    def answer(transaction: ServerTransaction) -> None:
        if transaction.request.via.branch == "z9hG4bK-bad":
            raise RuntimeError("a bug")
        transaction.respond(transaction.request.reply(200, to_tag="x"))

    async def main() -> None:
        async with Running(answer) as world:
            stream = await world.connect()
            stream.send(options("z9hG4bK-bad") + options("z9hG4bK-good"))
            assert [(await stream.message()).status for _ in range(2)] == [500, 200]
            assert world.counters["sip_internal_errors_total"] == 1

    run(main())


def test_too_many_connections_being_opened() -> None:
    async def main() -> None:
        async with Running(max_connecting=2) as world:
            for port in (1, 2):
                world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", port))
            with pytest.raises(TransportError):
                world.engine.flows.flow_to(Destination("tcp", "127.0.0.1", 3))

    run(main())


def test_a_response_over_udp_and_tcp_keeps_its_transport() -> None:
    async def main() -> None:
        async with Running() as world:
            stream, peer = await world.connect(), await Datagrams.open()
            stream.send(options("z9hG4bK-t"))
            peer.send(request("OPTIONS", sent_by=f"127.0.0.1:{peer.port}", branch="z9hG4bK-u").raw, world)
            assert (await stream.message()).via.branch == "z9hG4bK-t"
            assert (await peer.message()).via.branch == "z9hG4bK-u"

    run(main())


def test_stop_sends_the_last_answer_and_closes() -> None:
    async def main() -> None:
        async with Running(lambda transaction: None) as world:
            stream = await world.connect()
            stream.send(options())
            await world.until(lambda: world.user.transactions)
            transaction = world.user.transactions[0]
            transaction.respond(transaction.request.reply(503, to_tag="x"))
        assert Message(await stream.closed()).status == 503

    run(main())


def test_a_batch_that_can_not_be_committed_ends_its_connections() -> None:
    def fail() -> None:
        if world_users and world_users[0].transactions:
            raise OSError("no space left")

    world_users: list[RecordingUser] = []

    async def main() -> None:
        async with Running(on_batch_end=fail) as world:
            world_users.append(world.user)
            stream = await world.connect()
            stream.send(request("OPTIONS", transport="TCP", sent_by=f"127.0.0.1:{stream.port}").to_bytes(stream=True))
            assert await stream.closed() == b""
            assert world.counters["sip_connections_closed_total|reason=batch lost"] == 1
            world.user.transactions.clear()

    run(main())
