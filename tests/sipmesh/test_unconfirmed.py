"""Calls that were answered, and whose ACK never came (RFC 3261 section 13.3.1.4)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from native.sip import Message
from sipmesh.signalling.calls import UNCONFIRMED_S
from sipmesh.store.records import Cdr
from tests.sipmesh.signal_world import traces_of
from tests.sipmesh.test_plain_calls import SDP, Call


class Unconfirmed(Call):
    def answer(self) -> Message:
        self.bind()
        self.invite()
        self.world.run(1.0)
        return self.reply(200, body=SDP)

    def look(self, after_s: float) -> None:
        """What is done once a second, then."""
        self.world.run(after_s)
        self.world.calls.end_unconfirmed()
        self.run()

    @property
    def cdr(self) -> Cdr:
        (cdr,) = self.world.cdrs
        return cdr


def caller_is_gone(call: Unconfirmed) -> None:
    call.answer()
    answered_at = call.kept[0].answered_at
    call.look(UNCONFIRMED_S - 1)
    assert len(call.kept) == 1
    call.look(1)
    assert call.kept == []
    assert (call.cdr.disposition, call.cdr.cause, call.cdr.ended_by) == ("answered", "unconfirmed", "node")
    assert call.cdr.ended_at == answered_at
    assert call.bob.got("BYE") == call.alice.got("BYE") == []  # who is there knows what to do


def acknowledged(call: Unconfirmed) -> None:
    call.within(call.answer(), "ACK", cseq=1)
    call.look(UNCONFIRMED_S + 1)
    assert len(call.kept) == 1


def acknowledged_by_another_way(call: Unconfirmed) -> None:
    """Some other request of the call comes by us."""
    call.within(call.answer(), "INFO")
    call.look(UNCONFIRMED_S + 1)
    assert len(call.kept) == 1


def hung_up_by_the_callee(call: Unconfirmed) -> None:
    """As he is to do, but the caller is gone."""
    call.answer()
    call.world.run(UNCONFIRMED_S / 2)
    call.within(call.bob.got("INVITE")[0], "BYE", by="bob", cseq=7)
    call.look(UNCONFIRMED_S / 2 + 1)
    assert call.cdr.cause == "bye"


def bye_without_answer_yet(call: Unconfirmed) -> None:
    call.answer()
    call.world.run(UNCONFIRMED_S - 10)
    call.within(call.bob.got("INVITE")[0], "BYE", by="bob", cseq=7)
    call.look(12)
    assert len(call.kept) == 1
    call.look(32)
    assert call.cdr.cause == "bye"


SCENES = (caller_is_gone, acknowledged, acknowledged_by_another_way, hung_up_by_the_callee, bye_without_answer_yet)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_a_call_that_nobody_confirms_is_forgotten(scene: Callable[[Unconfirmed], None]) -> None:
    by_python = traces_of(scene, Unconfirmed(known=False))
    assert traces_of(scene, Unconfirmed(known=True)) == by_python


def test_where_media_is_relayed_that_tells_whether_it_lives() -> None:
    call = Unconfirmed(known=True, relayed=True)
    call.answer()
    call.look(UNCONFIRMED_S + 1)
    assert len(call.kept) == 1


def test_a_call_of_the_worker_before_counts_as_confirmed() -> None:
    call = Unconfirmed(known=True)
    call.answer()
    call.world.start()
    call.look(UNCONFIRMED_S + 1)
    assert len(call.kept) == 1


def test_a_trunk_is_free_again() -> None:
    call = Unconfirmed(known=True)
    call.answer()
    call.look(UNCONFIRMED_S + 1)
    assert len(call.world.calls) == 0
    assert call.world.stored.all() == []
    assert call.world.counters["sip_calls_ended_total|cause=unconfirmed"] == 1
