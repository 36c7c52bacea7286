"""sipcore.admission: what of the messages waits while more comes in than can be taken at once."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from native.sip import Message
from sipcore.admission import LOG_INTERVAL_S, TURN, Admission
from sipcore.overload_signs import BUSY_AFTER, CALM_AFTER, INTERVAL_S, MAX_WAITING, PATIENCE_S
from sipcore.transaction import refusal_tag
from sipcore.transport.ingress import Ingress
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Stack, Wire


class World:
    """A node that sorts, and a phone."""

    def __init__(self) -> None:
        self.wire = Wire(delay_s=0.0)
        self.node, self.phone = self.wire.node("192.0.2.1"), self.wire.node("192.0.2.2")
        self.user = RecordingUser()
        stack = Stack(self.node, self.user)
        self.counters, self.layer = stack.counters, stack.layer
        self.admission = Admission(stack.layer, self.wire.timers, stack.counters, lambda: self.wire.timers.now)
        self.admission.sorting = True
        self.ingress = Ingress(stack.layer, self.node.flows, stack.counters, None, self.admission)
        self.node.receive = self.ingress.receive

    def send(self, method: str = "INVITE", **options: Any) -> Message:
        message = request(method, **options)
        self.phone.send(message, self.node)
        self.wire.run(0.0)
        return message

    def turn(self) -> int:
        """How many were served."""
        served = list(self.admission.due())
        for message, flow in served:
            self.layer.receive_request(message, flow)
        self.wire.run(0.0)
        return len(served)

    @property
    def told(self) -> list[str]:
        return [message.method for message in self.user.requests]

    @property
    def answered(self) -> list[int]:
        return [message.status for message in self.phone.received]


@pytest.fixture
def world() -> World:
    return World()


def test_what_is_new_waits_for_its_turn(world: World) -> None:
    world.send()
    world.send("REGISTER", branch="z9hG4bK-2")
    assert world.told == []
    assert world.turn() == 2
    assert world.told == ["INVITE", "REGISTER"]
    assert not world.admission.has_due()
    assert not world.admission.sorting


def test_in_overload_it_goes_on_sorting_though_nothing_waits(world: World) -> None:
    backlog = world.admission.backlog
    for number in range(BUSY_AFTER + 2):
        world.wire.run(INTERVAL_S)
        world.send()
        world.wire.run(0.02 + 0.01 * number)
        backlog.next(world.wire.timers.now)
    assert backlog.busy
    assert not world.admission.has_due()
    assert world.admission.sorting
    world.wire.run((CALM_AFTER + 1) * INTERVAL_S)
    assert not world.admission.has_due()
    assert not world.admission.sorting


def test_what_belongs_to_something_goes_on_at_once(world: World) -> None:
    world.send("BYE", to_tag="t")
    world.send("INVITE", to_tag="t", branch="z9hG4bK-2")
    world.send("INFO", branch="z9hG4bK-3")
    world.send("ACK", to_tag="t", branch="z9hG4bK-4")
    assert world.told == ["BYE", "INVITE", "INFO"]
    assert [ack.method for ack in world.user.acks] == ["ACK"]


def test_a_retransmission_of_what_was_let_in_is_absorbed(world: World) -> None:
    world.admission.sorting = False
    world.send()
    world.admission.sorting = True
    world.send()
    assert world.told == ["INVITE"]
    assert world.turn() == 0
    assert world.answered == [100, 100]


def test_a_retransmission_of_what_waits_is_dropped(world: World) -> None:
    world.send()
    world.send()
    assert world.counters["sip_requests_waiting_repeated_total"] == 1
    assert world.turn() == 1
    assert world.answered == [100]


def test_whoever_comes_back_with_credentials_is_served_first(world: World) -> None:
    world.send("REGISTER")
    world.send("INVITE", branch="z9hG4bK-2", headers=(("Proxy-Authorization", "Digest a=b"),))
    world.turn()
    assert world.told == ["INVITE", "REGISTER"]


def test_a_turn_is_short(world: World) -> None:
    for number in range(TURN + 2):
        world.send("OPTIONS", branch=f"z9hG4bK-{number}")
    assert world.turn() == TURN
    assert world.admission.has_due()
    assert world.turn() == 2


def test_who_waits_for_too_long_gets_503(world: World) -> None:
    invite = world.send()
    world.wire.run(PATIENCE_S + 0.01)
    assert world.turn() == 0
    (answer,) = world.phone.received
    assert answer.status == 503
    assert answer.to_tag == refusal_tag(invite.server_key)
    assert 1 <= int(answer.get("Retry-After") or "") <= 5
    assert world.counters["sip_requests_shed_total"] == 1
    assert world.layer.server_count == 0


def test_the_ack_of_a_503_ends_here(world: World) -> None:
    invite = world.send()
    world.wire.run(PATIENCE_S + 0.01)
    world.turn()
    world.admission.sorting = True
    world.send("ACK", to_tag=refusal_tag(invite.server_key))
    assert world.user.acks == []


def test_an_invite_that_waits_can_be_cancelled(world: World) -> None:
    world.send()
    world.send("CANCEL")
    assert world.answered == [487, 481]
    assert world.turn() == 0
    assert world.told == []


def test_a_cancel_of_what_was_let_in_reaches_it(world: World) -> None:
    world.send()
    world.turn()
    world.send("CANCEL")
    assert world.user.cancels[0][1] is world.user.transactions[0]


def test_without_room_the_answer_comes_at_once(world: World) -> None:
    for number in range(MAX_WAITING):
        world.admission.backlog.put(str(number), None, world.wire.timers.now, goes_on=False)  # type: ignore[arg-type]
    world.send()
    assert world.answered == [503]


def test_a_to_that_cannot_be_read_is_left_to_the_core(world: World) -> None:
    data = request().raw.replace(b"To: <sip:", b"To: <<sip:")
    flow = world.node.flows.flow_of(0, ("192.0.2.2", 5060), 0)
    assert flow is not None
    world.node.receive(data, flow)
    assert world.turn() == 1


def test_the_log_has_a_line_now_and_then(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        world.admission.shed(3)
        world.admission.shed(4)
        world.wire.run(LOG_INTERVAL_S)
        world.admission.shed(5)
    assert [record.getMessage().rpartition("refused: ")[2] for record in caplog.records] == [
        "3 since the last line",
        "9 since the last line",
    ]
    assert world.counters["sip_requests_shed_total"] == 12
