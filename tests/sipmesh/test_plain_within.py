"""A request within a call goes the way, and leaves the traces, of one that Python looks at."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from native.sip import Message
from tests.sipmesh.signal_world import traces_of
from tests.sipmesh.test_plain_calls import ALICE, BOB, SDP, Call

MOVED = ("Contact", "<sip:alice@192.0.2.77:5070>")
NAT_MOVED = ("Contact", "<sip:bob@192.0.2.20:5099>")


def targets(call: Call) -> list[str]:
    return [leg.remote_target for leg in call.kept[0].legs]


def cseqs(call: Call) -> list[int]:
    return [leg.cseq for leg in call.kept[0].legs]


def info(call: Call) -> None:
    call.within(call.answered(), "INFO", ("Content-Type", "application/dtmf-relay"), cseq=5)
    assert call.reply(200, to="INFO").status == 200
    assert cseqs(call) == [0, 5]


def info_of_the_callee(call: Call) -> None:
    call.answered()
    call.within(call.bob.got("INVITE")[0], "INFO", by="bob", cseq=9)
    call.alice.reply(call.alice.got("INFO")[0], 200)
    call.run()
    assert call.bob.got()[-1].status == 200
    assert cseqs(call) == [9, 1]


def an_older_number_changes_nothing(call: Call) -> None:
    ok = call.answered()
    call.within(ok, "INFO", cseq=8)
    call.within(ok, "INFO", cseq=3)
    assert cseqs(call) == [0, 8]


def session_refreshed(call: Call) -> None:
    """RFC 4028 section 7.4."""
    call.within(call.answered(), "UPDATE", ("Session-Expires", "1800;refresher=uac"), MOVED)
    assert call.reply(200, ("Session-Expires", "1800;refresher=uac"), to="UPDATE").status == 200
    assert targets(call) == ["sip:alice@192.0.2.77:5070", call.bob.contact]


def refresh_answered_from_elsewhere(call: Call) -> None:
    """RFC 3261 section 12.2.1.2: the 2xx moves its sender's target."""
    call.within(call.answered(), "UPDATE", MOVED)
    bob = call.bob.got("UPDATE")[0]
    call.bob.send(bob.reply(200, to_tag=None, headers=[NAT_MOVED]))
    call.run()
    assert targets(call)[1] == "sip:bob@192.0.2.20:5099"


def refused_and_so_unmoved(call: Call) -> None:
    call.within(call.answered(), "UPDATE", ("Contact", f"<{call.alice.contact}>"))
    bob = call.bob.got("UPDATE")[0]
    call.bob.send(bob.reply(500, to_tag=None, headers=[NAT_MOVED]))
    call.run()
    assert targets(call)[1] == call.bob.contact


def renegotiated(call: Call) -> None:
    ok = call.answered()
    call.within(ok, "INVITE", MOVED, body=SDP)
    again = call.reply(200, body=SDP)
    call.within(again, "ACK")
    assert [message.method for message in call.bob.got()] == ["INVITE", "ACK", "INVITE", "ACK"]
    assert targets(call)[0] == "sip:alice@192.0.2.77:5070"


def renegotiated_by_the_callee(call: Call) -> None:
    call.answered()
    call.within(call.bob.got("INVITE")[0], "INVITE", NAT_MOVED, by="bob", cseq=7, body=SDP)
    call.alice.reply(call.alice.got("INVITE")[0], 200)
    call.run()
    assert call.bob.got()[-1].status == 200
    assert (targets(call)[1], cseqs(call)) == ("sip:bob@192.0.2.20:5099", [7, 1])


def refused(call: Call) -> None:
    """Of its ACK, which is hop by hop, the other side gets its own."""
    call.within(call.answered(), "INVITE", body=SDP)
    assert call.reply(488).status == 488
    assert call.kept[0].state == "answered"
    assert call.bob.got("ACK")[-1].cseq == 2


def glare(call: Call) -> None:
    call.within(call.answered(), "INVITE", body=SDP)
    call.within(call.bob.got("INVITE")[0], "INVITE", by="bob", cseq=7, body=SDP)
    call.alice.reply(call.alice.got("INVITE")[0], 491)
    call.run()
    assert call.reply(491).status == 491


def given_up_within(call: Call) -> None:
    call.alice.cancel(call.within(call.answered(), "INVITE", body=SDP))
    call.run()
    call.reply(180)
    call.reply(200, to="CANCEL")
    assert call.reply(487).status == 487
    assert call.kept[0].state == "answered"


def to_another_place(call: Call) -> None:
    call.world.phone("192.0.2.99")
    ok = call.answered()
    ok.set("Contact", "<sip:premium@192.0.2.99>")
    call.within(ok, "INVITE")
    assert call.alice.got()[-1].status == 403
    assert call.world.counters["sip_dialog_requests_elsewhere_total"] == 1


def with_another_route(call: Call) -> None:
    edge = call.world.phone("192.0.2.50")
    ok = call.answered()
    ok.set("Record-Route", f"<sip:192.0.2.50;lr>, {ok.get('Record-Route')}")
    call.within(ok, "INVITE")
    call.within(ok, "INFO", cseq=3)
    assert (call.alice.got(403)[-1].cseq, [message.method for message in edge.got()]) == (2, ["INFO"])


def of_another_dialog(call: Call) -> None:
    ok = call.answered()
    ok.set("To", f"<{BOB}>;tag=another")
    for number, method in enumerate(("INVITE", "UPDATE", "INFO"), 2):
        call.within(ok, method, cseq=number)
    assert call.alice.got()[-1].status == 481
    assert cseqs(call) == [0, 1]
    assert len(call.bob.got("UPDATE")) == 1


def after_its_end(call: Call) -> None:
    ok = call.answered()
    call.within(ok, "BYE")
    call.reply(200, to="BYE")
    call.within(ok, "INVITE", cseq=3)
    call.within(ok, "UPDATE", cseq=4)
    assert call.bob.got("UPDATE")


def of_the_second_phone_that_answered(call: Call) -> None:
    call.answered()
    call.bob.reply(call.bob.got("INVITE")[0], 200, tag="other")
    call.run()
    second = call.alice.got()[-1]
    call.within(second, "UPDATE", MOVED, cseq=4)
    assert [leg.cseq for leg in call.kept[0].forks] == [4]
    call.reply(200, to="UPDATE", tag="other")


def early(call: Call) -> None:
    """RFC 3311 section 5: while it rings, in a dialog that no reliable response made, too."""
    call.bind()
    call.invite()
    call.within(call.reply(183), "UPDATE", cseq=6, body=SDP)
    assert cseqs(call) == [0, 6]
    call.reply(200, to="UPDATE", body=SDP)
    call.within(call.reply(200), "ACK", cseq=1)


def who_says_who_it_is(call: Call) -> None:
    ok = call.answered()
    call.within(ok, "UPDATE", ("P-Asserted-Identity", f"<{ALICE}>"))
    assert not call.reply(200, ("P-Preferred-Identity", f"<{BOB}>"), to="UPDATE").has("P-Preferred-Identity")
    call.within(ok, "UPDATE", cseq=3)
    assert not call.reply(200, ("P-Asserted-Identity", f"<{BOB}>"), to="UPDATE").has("P-Asserted-Identity")


def unreadable_answer(call: Call) -> None:
    call.within(call.answered(), "UPDATE")
    answer = call.bob.got("UPDATE")[0].reply(200, headers=[("Contact", "<sip:@@>")])
    call.bob.send(answer)
    call.run()
    assert call.alice.got()[-1].status == 502


def behind_nat(call: Call) -> None:
    """Its own flow leads there, whatever its Contact says."""
    call.alice.says_host = "10.0.0.1"
    call.answered()
    call.within(call.bob.got("INVITE")[0], "INVITE", by="bob", cseq=7, body=SDP)
    assert call.alice.got("INVITE")


SCENES = [
    *(info, info_of_the_callee, an_older_number_changes_nothing, session_refreshed, refresh_answered_from_elsewhere),
    *(refused_and_so_unmoved, renegotiated, renegotiated_by_the_callee, refused, glare, given_up_within, to_another_place),
    *(with_another_route, of_another_dialog, after_its_end, of_the_second_phone_that_answered, early, who_says_who_it_is),
    *(unreadable_answer, behind_nat),
]


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_within_a_call(scene: Callable[[Call], None], relayed: bool) -> None:
    by_python = traces_of(scene, Call(known=False, relayed=relayed))
    assert traces_of(scene, Call(known=True, relayed=relayed)) == by_python


@pytest.mark.parametrize("scene", [info, session_refreshed, renegotiated, refused], ids=lambda scene: scene.__name__)
def test_what_is_usual_is_not_looked_at(scene: Callable[[Call], None], monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(known=True)
    monkeypatch.setattr(type(call.world.app), "within_dialog", None)
    scene(call)
    assert call.world.counters["sip_internal_errors_total"] == 0


def test_the_sides_of_a_call_are_told_by_tags() -> None:
    call = Call(known=True)
    ok = call.answered()
    (record,) = call.kept
    caller, callee = record.legs
    request = Message.request("INFO", BOB, [(name, ok.get(name) or "") for name in ("From", "To")])
    assert record.sides(request) == (caller, callee)
    request.set("To", f"<{BOB}>")
    assert record.sides(request) is None
