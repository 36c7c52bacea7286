"""Calls over a trunk with several targets, known from calls before, go the way of those looked at anew."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sipmesh.config import TrunkTarget
from tests.sipmesh.signal_world import traces_of
from tests.sipmesh.trunk_calls import IN, OUT, RETURN_S, SPARE, Calls, Scene


def answered_by_the_first(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 180)
    calls.reply("far", 200)
    calls.hang_up("near", "far")
    assert not calls.spare.got()


def first_refuses(calls: Calls) -> None:
    """What a target says of the call ends it."""
    calls.invite()
    calls.reply("far", 486)
    assert calls.status() == 486
    assert not calls.spare.got()


def first_is_overloaded(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 503, ("Retry-After", "20"))
    calls.reply("spare", 200)
    calls.hang_up("near", "spare")
    calls.invite(call=2)  # the first rests
    assert [message.call_id for message in calls.spare.got("INVITE")] == ["call-1", "call-2"]
    calls.reply("spare", 486)
    calls.run(RETURN_S)
    calls.invite(call=3)
    assert calls.far.got("INVITE")[-1].call_id == "call-3"


def first_is_silent(calls: Calls) -> None:
    calls.invite()
    calls.run(RETURN_S)
    assert calls.spare.got("INVITE")


def none_answers(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 503)
    calls.reply("spare", 503)
    assert calls.status() == 500
    calls.invite(call=2)  # with none alive all are tried
    assert calls.far.got("INVITE")[-1].call_id == "call-2"


def given_up_before_the_second(calls: Calls) -> None:
    calls.give_up()
    calls.run(RETURN_S)
    assert not calls.spare.got()


TURNS = (answered_by_the_first, first_refuses, first_is_overloaded, first_is_silent, none_answers, given_up_before_the_second)
WITH_SPARE = replace(OUT, max_calls=0, targets=(TrunkTarget(uri=f"sip:{SPARE}", weight=0), *OUT.targets))


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.parametrize("scene", TURNS, ids=lambda scene: scene.__name__)
def test_targets_in_turn(scene: Scene, relayed: bool) -> None:
    by_python = traces_of(scene, Calls(known=False, outgoing=WITH_SPARE, relayed=relayed))
    assert traces_of(scene, Calls(known=True, outgoing=WITH_SPARE, relayed=relayed)) == by_python


def spread(calls: Calls) -> None:
    for call in range(12):
        calls.invite(call=call)
    assert len(calls.far.got("INVITE")) > len(calls.spare.got("INVITE")) > 0


def test_calls_are_spread_by_weight() -> None:
    targets = (TrunkTarget(uri=f"sip:{SPARE}", weight=1), *(replace(each, weight=3) for each in OUT.targets))
    weighted = {"incoming": replace(IN, max_calls=0), "outgoing": replace(OUT, max_calls=0, targets=targets)}
    by_python = traces_of(spread, Calls(known=False, **weighted))
    assert traces_of(spread, Calls(known=True, **weighted)) == by_python


@pytest.mark.parametrize("scene", TURNS, ids=lambda scene: scene.__name__)
def test_of_several_targets_the_first_is_called_the_plain_way(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(known=True, outgoing=WITH_SPARE)
    for name in ("dispatch", "route"):
        monkeypatch.setattr(type(calls.world.app), name, None)
    scene(calls)
    assert calls.world.counters["sip_internal_errors_total"] == 0
