"""Workers on one address: whatever socket a message comes by, its owner gets it, and answers over the way it came."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from native.sip import Message, crc_slot
from sipcore.flow import Flow
from sipcore.overload_signs import Signs
from sipcore.transaction import ServerTransaction
from sipcore.transport.sibling_items import Closed, Greeted, News, Opened, Passed, encode, packet
from sipcore.transport.sibling_link import MAX_WAITING_BYTES
from sipcore.transport.siblings import Siblings
from tests.sipcore.loop import Datagrams, Running, Stream, answer_200, run, within
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient

OWNERS = 2


def owned_by(index: int, start: int = 0) -> str:
    """A Call-ID whose slot is that worker's."""
    return next(str(n) for n in range(start, start + 1000) if crc_slot(str(n)) % OWNERS == index)


def options(call_id: str, branch: str = "z9hG4bK-1", transport: str = "UDP", port: int = 5999) -> bytes:
    message = request(
        "OPTIONS", transport=transport, sent_by=f"127.0.0.1:{port}", branch=branch, call_id=call_id, via_params=";rport"
    )
    return message.raw


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[tuple[Running, Running]]:
    """Two workers on one UDP and TCP port."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one = Running(siblings=Siblings(0, {1: ends[0]}))
    async with one, Running(siblings=Siblings(1, {0: ends[1]}), port=one.port) as other:
        yield one, other


async def answer_to(data: bytes, world: Running) -> Message:
    """What a phone with a socket of its own gets for it."""
    phone = await Datagrams.open()
    phone.send(data, world)
    try:
        return await phone.message()
    finally:
        phone.close()


async def stream_held_by(worker: Running, others: tuple[Running, ...]) -> Stream:
    """A connection that the kernel gave to ``worker``."""
    for _ in range(100):
        stream = await worker.connect()
        await worker.until(lambda: any(each.engine.flows.endpoints[1].connections for each in (worker, *others)))
        if worker.engine.flows.endpoints[1].connections:  # type: ignore[union-attr]
            return stream
        stream.close()
        await worker.until(lambda: not any(each.engine.flows.endpoints[1].connections for each in others))
    raise AssertionError("the kernel gives all connections to the other worker")


def test_a_datagram_gets_to_the_owner_of_its_call_and_the_answer_comes_from_the_shared_port() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            for owner, worker in enumerate((one, other)):
                for attempt in range(8):  # from other ports: by the kernel's choice to either worker
                    data = options(owned_by(owner, 100 * attempt), f"z9hG4bK-{owner}-{attempt}")
                    assert (await answer_to(data, one)).status == 200
                assert [crc_slot(each.call_id) % OWNERS for each in worker.user.requests] == [owner] * 8
            passed = [each.counters["sip_passed_on_total"] for each in (one, other)]
            assert 0 < sum(passed) < 16

    run(main())


def test_in_overload_each_refuses_its_own_and_passes_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with pair() as (one, other):
            monkeypatch.setattr(Signs, "turn", lambda *_: None)  # it stays as it is
            admission = one.engine.admission
            assert admission is not None
            admission.sorting, signs = True, admission.backlog.signs
            signs.busy, signs.limit = True, 0
            for owner, status in enumerate((503, 200)):
                for attempt in range(8):
                    data = options(owned_by(owner, 100 * attempt), f"z9hG4bK-{owner}-{attempt}")
                    assert (await answer_to(data, one)).status == status
            assert one.counters["sip_requests_shed_total"] == 8
            assert len(other.user.requests) == 8

    run(main())


def test_retransmissions_are_absorbed_by_the_owner() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            for attempt in range(8):
                phone = await Datagrams.open()
                data = options(owned_by(1, 100 * attempt), f"z9hG4bK-{attempt}")
                for _ in range(3):
                    phone.send(data, one)
                    assert (await phone.message()).status == 200
                phone.close()
            assert (len(one.user.requests), len(other.user.requests)) == (0, 8)

    run(main())


def test_a_message_over_a_stream_is_answered_over_it_by_the_owner() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            stream = await stream_held_by(one, (other,))
            for owner in (1, 0, 1):
                stream.send(options(owned_by(owner), f"z9hG4bK-{owner}-{len(other.user.requests)}", "TCP"))
                assert (await stream.message()).status == 200
            assert (len(one.user.requests), len(other.user.requests)) == (1, 2)

    run(main())


def test_a_flow_over_anothers_connection_leads_there_and_closes_with_it() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            stream = await stream_held_by(one, (other,))
            (connection_id,) = one.engine.flows.endpoints[1].connections  # type: ignore[union-attr]
            remote = ("127.0.0.1", stream.port)
            await other.until(lambda: other.engine.flows.flow_of(1, remote, connection_id))
            flow = other.engine.flows.flow_of(1, remote, connection_id)
            assert flow is not None
            client = send_options(other, flow)
            received = await stream.message()
            assert received.method == "OPTIONS"
            stream.send(received.reply(200, to_tag="x").to_bytes(stream=True))
            await other.until(lambda: client.told)
            pending = send_options(other, flow, "z9hG4bK-later")
            await stream.message()
            stream.close()
            await other.until(lambda: pending.told == ["transport error"])
            assert flow.closed

    run(main())


def send_options(world: Running, flow: Flow, branch: str = "z9hG4bK-out") -> RecordingClient:
    client = RecordingClient()
    message = Message(options(owned_by(1), branch, "TCP", world.port))
    world.engine.run(world.layer.request, message, flow, client)
    return client


def test_a_connection_that_is_gone_is_no_flow() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            stream = await stream_held_by(one, (other,))
            (connection_id,) = one.engine.flows.endpoints[1].connections  # type: ignore[union-attr]
            remote = ("127.0.0.1", stream.port)
            await other.until(lambda: other.engine.flows.flow_of(1, remote, connection_id))
            stream.close()
            await other.until(lambda: other.engine.flows.flow_of(1, remote, connection_id) is None)
            for stranger in (64 * 12345, 64 * 12345 + 1, 64 * 12345 + 7):
                assert other.engine.flows.flow_of(1, remote, stranger) is None

    run(main())


def test_what_is_sent_over_a_connection_that_closes_meanwhile_fails() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            stream = await stream_held_by(one, (other,))
            (connection,) = one.engine.flows.endpoints[1].connections.values()  # type: ignore[union-attr]
            remote = ("127.0.0.1", stream.port)
            await other.until(lambda: other.engine.flows.flow_of(1, remote, connection.connection_id))
            flow = other.engine.flows.flow_of(1, remote, connection.connection_id)
            assert flow is not None
            del one.engine.flows.endpoints[1].connections[connection.connection_id]  # type: ignore[union-attr]
            client = send_options(other, flow)
            await other.until(lambda: client.told == ["transport error"])

    run(main())


def test_a_worker_that_starts_is_told_of_the_connections_there_are() -> None:
    async def main() -> None:
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        async with Running(siblings=Siblings(0, {1: ends[0]})) as one:
            stream = await one.connect()
            await one.until(lambda: one.engine.flows.endpoints[1].connections)
            (connection_id,) = one.engine.flows.endpoints[1].connections  # type: ignore[union-attr]
            async with Running(siblings=Siblings(1, {0: ends[1]}), port=one.port) as other:  # before its first message
                flow = other.engine.flows.flow_of(1, ("127.0.0.1", stream.port), connection_id)
                assert flow is not None
                assert (flow.connection_id, flow.closed) == (connection_id, False)

    run(main())


def test_a_connection_is_known_as_soon_as_it_was_told_of() -> None:
    """Who registers over it may be called by a worker that is busy and has not read of it."""

    async def main() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        async with Running(siblings=Siblings(0, {1: near})) as world:
            opened, closed = 64 * 12345 + 1, 64 * 12346 + 1
            passed = Passed(0, "127.0.0.1", 5999, "127.0.0.1", 0, options(owned_by(0)))
            far.send(packet([encode(each) for each in (passed, Opened(closed), Opened(opened), Closed(closed))]))
            assert world.engine.flows.flow_of(1, ("127.0.0.1", 9), opened) is not None
            assert world.engine.flows.flow_of(1, ("127.0.0.1", 9), closed) is None
            assert world.user.requests == []  # not in the middle of something else
            await world.until(lambda: len(world.user.requests) == 1)
        far.close()

    run(main())


def test_what_was_passed_on_to_the_worker_before_waits_for_the_one_that_starts() -> None:
    async def main() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        far.send(packet([encode(Passed(0, "127.0.0.1", 5999, "127.0.0.1", 0, options(owned_by(0))))]))
        siblings = Siblings(0, {1: near})
        heard: list[bytes] = []
        siblings.on_news["weather"] = lambda _, text: heard.append(text)
        far.send(packet([encode(News("weather", b"fair")), encode(Greeted())]))
        async with Running(siblings=siblings) as world:
            assert (world.user.requests, heard) == ([], [])  # who starts it has more to do before
            await world.until(lambda: len(world.user.requests) == 1 and heard == [b"fair"])
        far.close()

    run(main())


def test_connections_of_a_worker_that_starts_anew_are_closed() -> None:
    async def main() -> None:
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        kept = ends[0].dup()
        started: list[int] = []
        siblings = Siblings(1, {0: ends[1]})
        siblings.on_started = started.append
        async with Running(siblings=siblings) as other:
            first = Siblings(0, {1: ends[0]})
            async with Running(siblings=first, port=other.port):
                await other.until(lambda: started == [0])
                first.connection_opened(64 * 12345)
                await other.until(lambda: other.engine.flows.flow_of(1, ("127.0.0.1", 9), 64 * 12345))
                flow = other.engine.flows.flow_of(1, ("127.0.0.1", 9), 64 * 12345)
                assert flow is not None
            async with Running(siblings=Siblings(0, {1: kept}), port=other.port):
                await other.until(lambda: flow.closed)
                assert started == [0, 0]

    run(main())


def test_what_is_passed_on_meanwhile_is_of_a_later_batch() -> None:
    """Its sender may know of something that was committed since this batch began to read the store."""

    async def main() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        events: list[str] = []

        def passed(number: int) -> bytes:
            data = options(owned_by(0, 100 * number), f"z9hG4bK-{number}")
            return packet([encode(Passed(0, "127.0.0.1", 5999, "127.0.0.1", 0, data))])

        def answer(transaction: ServerTransaction) -> None:
            events.append("request")
            if events.count("request") == 1:
                far.send(passed(2))
            answer_200(transaction)

        siblings = Siblings(0, {1: near})
        async with Running(answer, on_batch_end=lambda: events.append("end"), siblings=siblings) as world:
            far.send(passed(1))
            await world.until(lambda: events.count("request") == 2)
            assert "end" in events[events.index("request") : len(events) - events[::-1].index("request")]
        far.close()

    run(main())


def test_news_is_heard_by_topic() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            heard: list[tuple[int, bytes]] = []
            assert one.siblings is not None
            assert other.siblings is not None
            other.siblings.on_news["weather"] = lambda index, text: heard.append((index, text))
            one.siblings.tell_all(News("gossip", b"?"))
            one.siblings.tell_all(News("weather", b"fair"))
            await other.until(lambda: heard == [(0, b"fair")])
            assert not other.counters["sip_internal_errors_total"]

    run(main())


def test_what_a_sibling_has_no_room_for_waits_and_only_beyond_a_limit_is_lost() -> None:
    async def main() -> None:
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        far.setblocking(False)
        async with Running(siblings=Siblings(0, {1: near})) as world:
            assert world.siblings is not None
            text = b"x" * 60_000
            count = 2 * MAX_WAITING_BYTES // len(text)
            world.engine.run(lambda: [world.siblings and world.siblings.tell_all(News("t", text)) for _ in range(count)])
            lost = world.counters["sip_passed_on_dropped_total"]
            assert 0 < lost < count
            received = 0
            async with asyncio.timeout(100):
                while received < count - lost:
                    packet = await within(asyncio.get_running_loop().sock_recv(far, 1 << 20))
                    received += packet.count(text)
            assert received == count - lost
        far.close()

    run(main())
