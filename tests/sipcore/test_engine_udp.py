"""The UDP shell over real loopback sockets."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import Callable

import pytest

from native.sip import Message, Timer
from sipcore.flow import Destination
from sipcore.overload_signs import MIN_WAITING
from sipcore.transaction import ServerTransaction, TransactionSettings
from tests.sipcore.loop import Datagrams, Running, answer_200, run, within
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient


def from_peer(peer: Datagrams, method: str = "OPTIONS", branch: str = "z9hG4bK-1", **options: object) -> bytes:
    return request(method, sent_by=f"127.0.0.1:{peer.port}", branch=branch, **options).raw  # type: ignore[arg-type]


def test_a_request_is_answered() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            peer.send(from_peer(peer), world)
            answer = await peer.message()
            assert (answer.status, answer.call_id) == (200, "call-1@192.0.2.2")
            assert world.user.transactions[0].flow.local_host == "127.0.0.1"

    run(main())


def test_a_burst_larger_than_a_batch() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            for n in range(100):
                peer.send(from_peer(peer, branch=f"z9hG4bK-{n}"), world)
            branches = {(await peer.message()).via.branch for _ in range(100)}
            assert len(branches) == 100

    run(main())


def test_the_batch_is_committed_before_its_answers_leave() -> None:
    order: list[str] = []

    def answer(transaction: ServerTransaction) -> None:
        order.append("request")
        transaction.respond(transaction.request.reply(200, to_tag="x"))

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)

        def commit() -> None:
            with pytest.raises(BlockingIOError):
                peer.recv(4096)
            order.append("commit")

        async def main() -> None:
            async with Running(answer, lambda: commit() if order == ["request"] else None) as world:
                sent = request("OPTIONS", sent_by=f"127.0.0.1:{peer.getsockname()[1]}").raw
                peer.sendto(sent, (world.host, world.port))
                await world.until(lambda: "commit" in order)
                assert Message(peer.recv(4096)).status == 200

        run(main())
    assert order == ["request", "commit"]


class Commits:
    """``on_batch_end`` that fails ``failures`` times while there is something to commit."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.pending = 0
        self.done = 0

    def __call__(self) -> None:
        pending, self.pending = self.pending, 0
        if pending and self.failures:
            self.failures -= 1
            raise OSError("no space left")
        self.done += pending


def committing(commits: Commits) -> Callable[[ServerTransaction], None]:
    def answer(transaction: ServerTransaction) -> None:
        commits.pending += 1
        transaction.respond(transaction.request.reply(200, to_tag=f"x{len(commits_seen)}"))
        commits_seen.append(transaction)

    commits_seen: list[ServerTransaction] = []
    return answer


def test_what_can_not_be_committed_is_not_answered_but_decided_anew(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        commits = Commits(failures=2)
        async with Running(committing(commits), commits) as world:
            peer = await Datagrams.open()
            for lost in (1, 2):
                peer.send(from_peer(peer), world)
                await world.until(lambda lost=lost: world.counters["sip_batches_lost_total"] == lost)
                assert world.layer.server_count == 0
            peer.send(from_peer(peer), world)
            assert (await peer.message()).to_tag == "x2"
            assert (commits.done, peer.queue.qsize(), world.layer.server_count) == (1, 0, 1)
            assert not world.counters["sip_internal_errors_total"]

    run(main())
    assert [record.message for record in caplog.records] == ["a batch can't be committed, its answers are held back"]


def test_a_lost_batch_leaves_earlier_transactions_and_invites_alone() -> None:
    async def main() -> None:
        commits = Commits(failures=0)
        async with Running(committing(commits), commits) as world:
            peer = await Datagrams.open()
            peer.send(from_peer(peer, branch="z9hG4bK-before"), world)
            await peer.message()
            commits.failures = 1
            peer.send(from_peer(peer, "INVITE", branch="z9hG4bK-invite"), world)
            await world.until(lambda: world.counters["sip_batches_lost_total"])
            assert world.layer.server_count == 2
            peer.send(from_peer(peer, branch="z9hG4bK-before"), world)
            assert (await peer.message()).via.branch == "z9hG4bK-before"

    run(main())


def test_more_answers_than_a_batch_holds_wait_for_the_commit_too() -> None:
    commits = Commits(failures=1)

    async def main() -> None:
        async with Running(lambda transaction: None, commits) as world:
            peer = await Datagrams.open()
            flow = world.engine.flows.flow_to(Destination("udp", "127.0.0.1", peer.port))

            def burst() -> None:
                commits.pending = 1
                for _ in range(100):
                    flow.send(request().raw)

            world.engine.run(burst)
            assert world.counters["sip_batches_lost_total"] == 1
            await asyncio.sleep(0.05)
            assert peer.queue.qsize() == 0
            world.engine.run(burst)
            for _ in range(100):
                await peer.message()

    run(main())


def test_an_error_of_ours_does_not_stop_the_others() -> None:
    def answer(transaction: ServerTransaction) -> None:
        if transaction.request.via.branch == "z9hG4bK-bad":
            raise RuntimeError("a bug")
        transaction.respond(transaction.request.reply(200, to_tag="x"))

    async def main() -> None:
        async with Running(answer) as world:
            peer = await Datagrams.open()
            peer.send(from_peer(peer, branch="z9hG4bK-bad"), world)
            peer.send(from_peer(peer, branch="z9hG4bK-good"), world)
            answers = {(await peer.message()).status for _ in range(2)}
            assert answers == {500, 200}
            assert world.counters["sip_internal_errors_total"] == 1

    run(main())


def test_a_stun_keep_alive_is_answered() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            peer.send(bytes.fromhex("000100002112a442") + b"123456789012", world)
            answer = await within(peer.queue.get())
            assert answer[:20] == bytes.fromhex("0101000c2112a442") + b"123456789012"
            assert int.from_bytes(answer[26:28], "big") ^ 0x2112 == peer.port
            assert world.counters["sip_keepalives_total|transport=udp"] == 1

    run(main())


def test_timers_run_by_themselves() -> None:
    async def main() -> None:
        async with Running(lambda transaction: None, layer_settings=TransactionSettings(t1_s=0.5, t2_s=0.5)) as world:
            peer = await Datagrams.open()
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("udp", "127.0.0.1", peer.port))
            mine = request("OPTIONS", sent_by=f"127.0.0.1:{world.port}")
            world.engine.run(world.layer.request, mine.copy(), flow, client)
            assert [(await peer.message()).method for _ in range(4)] == ["OPTIONS"] * 4
            peer.send(mine.reply(200, to_tag="x").to_bytes(), world)
            await world.until(lambda: client.told == [200])

    run(main())


def test_a_message_that_waited_while_the_process_stood_still_is_in_time() -> None:
    """It lies behind a hundred others, and the timer that it stops fell due long before it is read."""
    fired: list[str] = []

    def answer(transaction: ServerTransaction) -> None:
        if transaction.request.via.branch == "z9hG4bK-last":
            timer.cancel()
        answer_200(transaction)

    async def main() -> None:
        nonlocal timer
        async with Running(answer) as world:
            peer = await Datagrams.open()
            timer = world.engine.timers.after(0.1, fired.append, "fired")
            for branch in (*map(str, range(100)), "last"):
                peer.send(from_peer(peer, branch=f"z9hG4bK-{branch}"), world)
            time.sleep(0.1 + 2 * world.settings.stall_s)
            for _ in range(101):
                await peer.message()
            assert (fired, world.counters["sip_stalls_total"] > 0) == ([], True)

    timer: Timer
    run(main())


def test_what_is_sent_outside_a_batch_leaves_too() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            flow = world.engine.flows.flow_to(Destination("udp", "127.0.0.1", peer.port))
            flow.send(request().raw)
            assert (await peer.message()).method == "INVITE"

    run(main())


def test_a_refused_datagram_fails_its_transaction() -> None:
    async def main() -> None:
        async with Running() as world:
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("udp", "255.255.255.255", 5060))  # EACCES: no broadcast
            mine = request("OPTIONS", sent_by=f"127.0.0.1:{world.port}")
            world.engine.run(world.layer.request, mine, flow, client)
            await world.until(lambda: client.told == ["transport error"])
            assert world.counters["sip_send_failed_total|transport=udp"] == 1

    run(main())


def test_clause_13_a_port_nobody_listens_at_is_found_at_once() -> None:
    """RFC 3261 section 18.4, by ICMP."""

    async def main() -> None:
        async with Running() as world:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as gone:
                gone.bind((world.host, 0))
                port = gone.getsockname()[1]
            for number in range(3):  # the socket lives on
                flow = world.engine.flows.flow_to(Destination("udp", world.host, port))
                client = RecordingClient()
                sent = request("OPTIONS", branch=f"z9hG4bK-{number}", sent_by=flow.listener.sent_by)
                world.engine.run(world.layer.request, sent, flow, client)
                await world.until(lambda: client.told == ["transport error"])  # noqa: B023
            assert world.counters["sip_icmp_errors_total|known=yes"] == 3
            assert world.counters["sip_send_failed_total|transport=udp"] == 0

    run(main())


def test_a_destination_that_is_no_address_fails_too() -> None:
    async def main() -> None:
        async with Running() as world:
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("udp", "not-numeric", 5060))
            mine = request("OPTIONS", sent_by=f"127.0.0.1:{world.port}")
            world.engine.run(world.layer.request, mine, flow, client)
            await world.until(lambda: bool(client.told))
            assert client.told == ["transport error"]
            assert world.layer.client_count == 0

    run(main())


def test_ipv6() -> None:
    async def main() -> None:
        async with Running(host="::1") as world:
            peer = await Datagrams.open("::1")
            peer.send(request("OPTIONS", sent_by=f"[::1]:{peer.port}").raw, world)
            assert (await peer.message()).status == 200

    run(main())


def test_a_long_request_takes_tcp_falls_back_and_then_remembers() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            client = RecordingClient()
            flow = world.engine.flows.flow_to(Destination("udp", "127.0.0.1", peer.port))
            for n in range(2):
                mine = request("MESSAGE", sent_by=f"127.0.0.1:{world.port}", branch=f"z9hG4bK-{n}", body=b"x" * 1400)
                world.engine.run(world.layer.request, mine, flow, client)
                got = await peer.message()
                assert (got.via.transport, len(got.body)) == ("UDP", 1400)
                peer.send(got.reply(200, to_tag="x").to_bytes(), world)
                await world.until(lambda n=n: client.told == [200] * (n + 1))
            assert world.counters["sip_stream_fallbacks_total"] == 1

    run(main())


def test_stop_sends_what_is_queued() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            flow = world.engine.flows.flow_to(Destination("udp", "127.0.0.1", peer.port))
            flow.send(request().raw)
        assert (await peer.message()).method == "INVITE"

    run(main())


def test_a_sender_that_fails_stops_nothing() -> None:
    class Broken:
        def flush(self) -> None:
            raise OSError("a broken socket")

        def discard(self) -> None: ...

    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            world.engine.flush_later(Broken())
            peer.send(from_peer(peer), world)
            assert (await peer.message()).status == 200
            assert world.counters["sip_internal_errors_total"] == 1

    run(main())


def test_more_than_can_be_handled_is_refused_in_time_and_the_rest_served() -> None:
    async def main() -> None:
        def slow(transaction: ServerTransaction) -> None:
            time.sleep(0.005)
            transaction.respond(transaction.request.reply(200, to_tag="x"))

        async with Running(slow) as world:
            peer = await Datagrams.open()
            for n in range(120):  # over half a second's work, whose answers a socket has room for
                peer.send(from_peer(peer, branch=f"z9hG4bK-{n}"), world)
            statuses = Counter([(await peer.message()).status for _ in range(120)])
            assert set(statuses) == {200, 503}
            assert statuses[503] == world.counters["sip_requests_shed_total"]
            assert statuses[200] == len(world.user.transactions)
            peer.send(from_peer(peer, "BYE", branch="z9hG4bK-bye", to_tag="t"), world)
            assert (await peer.message()).status == 200

    run(main())


def test_in_overload_the_socket_refuses_by_itself() -> None:
    async def main() -> None:
        async with Running() as world:
            peer = await Datagrams.open()
            backlog = world.engine.admission.backlog  # type: ignore[union-attr]
            now = world.engine.timers.now
            backlog.put("long", None, now - 1, goes_on=False)  # type: ignore[arg-type]
            assert list(backlog.late(now)) == [None]
            backlog.signs.busy, backlog.signs.limit = True, MIN_WAITING
            backlog.signs.end = now + 3600.0  # this interval lasts until all are answered, however long that takes
            for n in range(100):
                peer.send(from_peer(peer, branch=f"z9hG4bK-{n}"), world)
            answers = [await peer.message() for _ in range(100)]
            refused = [answer for answer in answers if answer.status == 503]
            assert {answer.status for answer in answers} == {200, 503}
            assert world.counters["sip_requests_shed_total"] == len(refused)
            assert backlog.signs.refused > 0

    run(main())


def test_without_shedding_nothing_waits() -> None:
    async def main() -> None:
        async with Running(shed_load=False) as world:
            peer = await Datagrams.open()
            for n in range(100):
                peer.send(from_peer(peer, branch=f"z9hG4bK-{n}"), world)
            assert {(await peer.message()).status for _ in range(100)} == {200}
            assert world.engine.admission is None

    run(main())
