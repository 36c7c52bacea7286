"""Whole exchanges over a bad network: whatever is lost, doubled or late, both ends agree and nothing stays behind."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.flow import Destination
from sipcore.transaction import ServerTransaction
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Stack, Wire

SEEDS = range(12)


class Pair:
    """A client stack and a server stack, and the wire between them."""

    def __init__(self, seed: int, status: int, **network: float) -> None:
        self.wire = Wire(seed=seed, **{"loss": 0.3, "duplicates": 0.2, "delay_s": 0.02, "jitter_s": 0.3, **network})  # type: ignore[arg-type]
        self.near = self.wire.node("192.0.2.1")
        self.far = self.wire.node("192.0.2.2")
        self.client = RecordingClient()
        self.user = RecordingUser(lambda transaction: self.answer(transaction, status))
        self.caller = Stack(self.near, RecordingUser())
        self.callee = Stack(self.far, self.user)

    def answer(self, transaction: ServerTransaction, status: int) -> None:
        invite = transaction.request
        if invite.method == "INVITE":
            transaction.respond(invite.reply(180, to_tag="x"))
        later = self.wire.timers.after
        later(1.0, lambda _: transaction.respond(invite.reply(status, to_tag="x")), None)
        if status == 200 and invite.method == "INVITE":  # the callee repeats its 2xx (RFC 3261 section 13.3.1.4)
            for delay in (1.5, 2.5, 4.5, 8.5, 12.5, 16.5):
                later(delay, lambda _: transaction.respond(invite.reply(status, to_tag="x")), None)

    def send(self, message: Message) -> None:
        flow = self.near.flows.flow_to(Destination("udp", "192.0.2.2", 5060))
        self.transaction = self.caller.layer.request(message, flow, self.client)

    def left(self) -> int:
        layers = (self.caller.layer, self.callee.layer)
        return sum(layer.server_count + layer.client_count for layer in layers)


def ours(method: str) -> Message:
    return request(method, sent_by="192.0.2.1:5060")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rejected_invite(seed: int) -> None:
    pair = Pair(seed, 486)
    pair.send(ours("INVITE"))
    pair.wire.run(40)
    assert pair.client.told[-1] == 486
    assert pair.client.told.count(486) == 1
    assert len(pair.user.transactions) == 1
    assert pair.user.acks == []
    pair.wire.run(60)
    assert pair.left() == 0
    assert pair.wire.timers.next_deadline() is None


@pytest.mark.parametrize("seed", SEEDS)
def test_an_accepted_invite(seed: int) -> None:
    pair = Pair(seed, 200)
    pair.send(ours("INVITE"))
    pair.wire.run(20)
    assert pair.client.told[-1] == 200
    assert len(pair.user.transactions) == 1
    pair.wire.run(60)
    assert pair.left() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_non_invite(seed: int) -> None:
    pair = Pair(seed, 200)
    pair.send(ours("OPTIONS"))
    pair.wire.run(70)
    assert pair.client.told == [200]
    assert len(pair.user.transactions) == 1
    assert pair.left() == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cancelled_invite(seed: int) -> None:
    pair = Pair(seed, 487)
    pair.send(ours("INVITE"))
    pair.transaction.cancel()
    pair.wire.run(100)
    assert pair.client.told[-1] == 487
    assert len(pair.user.cancels) <= 1
    assert pair.left() == 0


def test_nobody_there() -> None:
    pair = Pair(0, 200, loss=1.0)
    pair.send(ours("INVITE"))
    pair.wire.run(33)
    assert pair.client.told == ["timeout"]
    assert pair.left() == 0


def test_the_same_seed_is_the_same_run() -> None:
    logs = []
    for _ in range(2):
        pair = Pair(7, 486)
        pair.send(ours("INVITE"))
        pair.wire.run(60)
        logs.append([(packet.at_s, packet.start, packet.copies) for packet in pair.wire.log])
    assert logs[0] == logs[1]
