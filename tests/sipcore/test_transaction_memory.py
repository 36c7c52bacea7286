"""What ended leaves nothing behind, and what waits for its last timer keeps little."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from sipcore.flow import Destination
from sipcore.ports import Target
from sipcore.proxy.core import InboundRequest
from sipcore.transaction import ServerTransaction
from tests.sipcore.messages import request
from tests.sipcore.proxy_world import World as ProxyWorld
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Stack, Wire

CALLS = 200


class World:
    def __init__(self) -> None:
        self.wire = Wire()
        self.near, self.far = self.wire.node("192.0.2.1"), self.wire.node("192.0.2.2")
        self.user = RecordingUser(self.answer)
        self.caller, self.callee = Stack(self.near, RecordingUser()), Stack(self.far, self.user)
        self.count = 0

    def answer(self, transaction: ServerTransaction) -> None:
        invite = transaction.request
        transaction.owner = [transaction]  # a cycle that only the end of the transaction cuts
        status = 200 if self.count % 2 else 486
        self.wire.timers.after(0.5, lambda _: transaction.respond(invite.reply(status, to_tag="x")), None)

    def call(self, calls: int) -> None:
        flow = self.near.flows.flow_to(Destination("udp", "192.0.2.2", 5060))
        for _ in range(calls):
            self.count += 1
            method = "INVITE" if self.count % 3 else "OPTIONS"
            message = request(method, sent_by="192.0.2.1:5060", branch=f"z9hG4bK-{self.count}", body=b"v=0\r\n" * 60)
            self.caller.layer.request(message, flow, RecordingClient())
            self.wire.run(0.1)

    def used_bytes(self) -> int:
        self.wire.log.clear()
        self.user.transactions.clear()
        self.user.requests.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


def test_memory_comes_back_and_waiting_takes_little() -> None:
    world = World()
    tracemalloc.start()
    try:
        world.call(CALLS)
        world.wire.run(100)
        before = world.used_bytes()
        world.call(CALLS)
        waiting = world.used_bytes() - before
        world.wire.run(100)
        after = world.used_bytes() - before
    finally:
        tracemalloc.stop()
    assert (world.caller.layer.client_count, world.callee.layer.server_count) == (0, 0)
    assert waiting < 5000 * CALLS
    assert after < 100 * CALLS


def test_a_request_that_the_proxy_answered_itself_keeps_its_answer_only() -> None:
    world = ProxyWorld()
    alice = world.phone("192.0.2.10")

    def waiting_bytes() -> int:
        before = used()
        for _ in range(CALLS):
            alice.request("REGISTER", "sip:nobody@example.com", (("X-Filler", "x" * 4000),))
            world.run(0.001)
        world.app.requests.clear()
        alice.node.received.clear()
        return used() - before

    def used() -> int:
        world.wire.log.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        waiting_bytes()
        world.run(100)
        assert waiting_bytes() < 2500 * CALLS
    finally:
        tracemalloc.stop()


class Caller:
    """Sends INVITEs through a proxy, each ended in one way."""

    def __init__(self, end: str) -> None:
        self.world = world = ProxyWorld()
        self.end = end
        self.phones = [world.phone(f"192.0.2.{number}") for number in (10, 20, 30)]
        self.alice, self.bob, silent = self.phones
        world.app.register("bob@example.com", self.bob, silent)
        world.app.register("lost@example.com", silent)
        if end == "broken":
            world.app.decide = self.fail  # type: ignore[method-assign]

    def fail(self, request: InboundRequest) -> None:
        request.proxy([Target(self.bob.contact)])
        raise RuntimeError("the policy has a bug")

    def call(self) -> None:
        user = "lost" if self.end == "lost" else "bob"
        invite = self.alice.request("INVITE", f"sip:{user}@example.com")
        if self.end == "broken":
            with pytest.raises(RuntimeError):
                self.world.run(0.05)
        self.world.run(0.05)
        if self.end in ("answered", "refused"):
            self.bob.reply(self.bob.got("INVITE")[-1], 200 if self.end == "answered" else 603)
        elif self.end == "cancelled":
            self.bob.reply(self.bob.got("INVITE")[-1], 180)
            self.world.run(0.05)
            self.alice.cancel(invite)
        self.world.run(1)

    def used_bytes(self) -> int:
        self.world.run(300)
        self.world.wire.log.clear()
        self.world.app.requests.clear()
        for phone in self.phones:
            phone.node.received.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]


@pytest.mark.parametrize("end", ["answered", "refused", "cancelled", "lost", "broken"])
def test_a_proxied_invite_leaves_nothing_behind_however_it_ends(end: str) -> None:
    caller = Caller(end)
    tracemalloc.start()
    try:
        messages = [request("OPTIONS") for _ in range(50)]
        del messages  # the room of some is kept for the next ones, and is full from now on
        caller.call()
        before = caller.used_bytes()
        for _ in range(10):
            caller.call()
        after = caller.used_bytes() - before
    finally:
        tracemalloc.stop()
    assert after < 10 * 300
