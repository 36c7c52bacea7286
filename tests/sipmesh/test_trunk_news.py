"""Trunks over several signal workers: one limit of calls for all, one who probes."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from random import Random

import msgspec

from sipcore.keys import Key, KeyRing
from sipcore.transport.sibling_items import News
from sipcore.transport.siblings import Siblings
from sipmesh.config import Trunk, TrunkTarget
from sipmesh.signalling.trunk_news import TrunkNews
from sipmesh.signalling.trunks import Trunks, TrunkState
from tests.sipcore.loop import Running, run

LIMITED = Trunk(name="carrier", targets=(TrunkTarget(uri="sip:192.0.2.1"),), max_calls=3)


class Worker:
    def __init__(self, index: int, end: socket.socket) -> None:
        self.trunks = Trunks(Random(1), KeyRing("contact", Key("a", b"k" * 32)))
        self.trunks.load([LIMITED])
        self.siblings = Siblings(index, {1 - index: end})
        self.running = Running(siblings=self.siblings)

    async def start(self) -> None:
        await self.running.__aenter__()
        self.news = TrunkNews(self.trunks, self.siblings, self.running.engine.timers)
        self.news.watch()

    @property
    def trunk(self) -> TrunkState:
        found = self.trunks.get("carrier")
        assert found is not None
        return found


@contextlib.asynccontextmanager
async def pair() -> AsyncIterator[tuple[Worker, Worker]]:
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    workers = (Worker(0, ends[0]), Worker(1, ends[1]))
    for worker in workers:
        await worker.start()
    try:
        yield workers
    finally:
        for worker in workers:
            await worker.running.engine.stop()


def test_a_limit_holds_for_the_calls_of_all_workers() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            one.trunk.count_call(1)
            one.trunk.count_call(1)
            await other.running.until(lambda: other.trunk.calls_elsewhere == {0: 2})
            assert not other.trunk.full
            other.trunk.count_call(1)
            await one.running.until(lambda: one.trunk.full)
            assert other.trunk.full
            one.trunk.count_call(-1)
            await other.running.until(lambda: not other.trunk.full)

    run(main())


def test_a_limit_that_comes_later_holds_for_calls_that_are_up() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            for worker in (one, other):
                worker.trunks.load([msgspec.structs.replace(LIMITED, max_calls=0)])
                worker.news.watch()
            one.trunk.count_call(1)
            for worker in (other, one):
                worker.trunks.load([msgspec.structs.replace(LIMITED, max_calls=1)])
                worker.news.watch()
            await other.running.until(lambda: other.trunk.full)
            assert other.trunk.calls_elsewhere == {0: 1}

    run(main())


def test_a_worker_that_starts_anew_has_no_calls_and_hears_of_the_others() -> None:
    async def main() -> None:
        ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        spare = ends[1].dup()
        one, other = Worker(0, ends[0]), Worker(1, ends[1])
        await one.start()
        await other.start()
        one.trunk.count_call(1)
        other.trunk.count_call(1)
        await one.running.until(lambda: one.trunk.calls_elsewhere == {1: 1})
        await other.running.engine.stop()
        again = Worker(1, spare)
        await again.start()
        await again.running.until(lambda: again.trunk.calls_elsewhere.get(0) == 1)
        await one.running.until(lambda: not one.trunk.calls_elsewhere.get(1))
        assert again.trunk.calls_elsewhere == {0: 1}
        for worker in (one, again):
            await worker.running.engine.stop()

    run(main())


def test_what_a_probe_found_is_told() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            asked, told = one.trunk.targets[0], other.trunk.targets[0]
            asked.failed(1.0, "OPTIONS got 408")
            one.news.tell_target(asked)
            await other.running.until(lambda: told.failed_at is not None)
            asked.answered()
            one.news.tell_target(asked)
            await other.running.until(lambda: told.failed_at is None)
            assert not other.running.counters["sip_internal_errors_total"]

    run(main())


def test_news_of_a_trunk_that_is_gone_changes_nothing() -> None:
    async def main() -> None:
        async with pair() as (one, other):
            other.trunks.load([])
            one.trunk.count_call(1)
            one.news.tell_target(one.trunk.targets[0])
            heard: list[bytes] = []
            other.siblings.on_news["later"] = lambda _, text: heard.append(text)
            one.siblings.tell_all(News("later", b"told last"))
            await other.running.until(lambda: heard)
            assert not other.running.counters["sip_internal_errors_total"]

    run(main())
