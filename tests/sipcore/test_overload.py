"""sipcore.overload: a share of new requests is refused while a queue stands, and what was let in is served."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.overload import AGAIN_S, FIRST_S, MAX_SHARE, STEP, Overload
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Stack, Wire


def test_nothing_is_refused_in_quiet_times() -> None:
    overload = Overload()
    assert (overload.share, overload.patience_s) == (0.0, FIRST_S)
    assert not any(overload.refuses("INVITE", False, now) for now in range(100))


def test_the_share_grows_by_steps_and_shrinks_by_itself() -> None:
    overload = Overload()
    assert overload.stands(10.0)
    assert (overload.share, overload.patience_s) == (STEP, AGAIN_S)
    assert not overload.stands(10.05)
    assert overload.share == STEP  # one step for each interval
    for step in range(1, 40):
        overload.stands(10.0 + step * AGAIN_S)
    assert overload.share == MAX_SHARE
    overload.refuses("INVITE", False, 60.0)
    assert overload.share == 0.0
    assert overload.stands(61.0)


def test_the_share_is_kept_exactly() -> None:
    overload = Overload()
    for step in range(6):
        overload.stands(10.0 + step * AGAIN_S)
    share, now = overload.share, 10.0 + 5 * AGAIN_S
    assert sum(overload.refuses("INVITE", False, now) for _ in range(1000)) == pytest.approx(1000 * share, abs=1)


@pytest.mark.parametrize(("method", "within"), [("BYE", True), ("INVITE", True), ("CANCEL", False), ("PRACK", True)])
def test_what_belongs_to_something_let_in_is_served(method: str, within: bool) -> None:
    overload = Overload()
    for step in range(20):
        overload.stands(10.0 + step * AGAIN_S)
    assert not any(overload.refuses(method, within, 12.0) for _ in range(100))


def test_a_refused_request_gets_503_with_retry_after_and_no_transaction() -> None:
    wire = Wire(delay_s=0.0)
    node, phone = wire.node("192.0.2.1"), wire.node("192.0.2.2")
    stack = Stack(node, RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(200, to_tag="x"))))
    stack.layer.overload = overload = Overload()
    now = wire.timers.now
    for step in range(20):
        overload.stands(now + step * AGAIN_S)
    wire.timers.now = now + 19 * AGAIN_S
    flow = node.flows.flow_of(0, ("192.0.2.2", 5060), 0)
    assert flow is not None
    for number in range(20):
        node.receive(request("OPTIONS", branch=f"z9hG4bK-{number}").raw, flow)  # type: ignore[arg-type]
    wire.run(0.0)
    answers: list[Message] = phone.received
    assert sorted({answer.status for answer in answers}) == [200, 503]
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) in (18, 19)
    assert all(answer.get("Retry-After") for answer in refused)
    assert stack.counters["sip_transactions_refused_total"] == len(refused)
    assert stack.layer.server_count == 20 - len(refused)
