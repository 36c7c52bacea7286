"""A call over trunks, known from calls before, goes the way and leaves the traces of one that is looked at anew."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sipmesh.config import Domain, Numbers, TrunkTarget
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.routing_table import RoutingTable
from tests.sipmesh.signal_world import traces_of
from tests.sipmesh.trunk_calls import (
    ABROAD,
    ALICE,
    BOB,
    CARRIER,
    DOMAIN,
    IN,
    NINES,
    NUMBER,
    OUT,
    RETURN_S,
    SPARE,
    TARGET,
    Calls,
    Scene,
)


def from_trunk_to_user(calls: Calls) -> None:
    calls.invite(to=BOB)
    calls.reply("bob", 180)
    calls.reply("bob", 200)
    assert calls.counts == {"in": 1, "out": 0}
    calls.hang_up("near", "bob")
    assert calls.counts == {"in": 0, "out": 0}


def from_trunk_to_trunk(calls: Calls) -> None:
    calls.invite()
    assert calls.far.got("INVITE")[0].request_uri_text == f"sip:00123@{TARGET}"
    calls.reply("far", 180)
    calls.reply("far", 200)
    assert calls.counts == {"in": 1, "out": 1}
    calls.hang_up("near", "far")
    assert calls.counts == {"in": 0, "out": 0}
    cdrs = [(cdr.disposition, cdr.call.trunk_in, cdr.call.trunk_out, cdr.call.destination) for cdr in calls.world.cdrs]
    assert cdrs == [("answered", "in", "out", "00123")]


def from_user_to_trunk(calls: Calls) -> None:
    calls.invite("alice")
    assert calls.far.got("INVITE")[0].get("P-Asserted-Identity") == f"<sip:+49123@{DOMAIN}>"
    calls.reply("far", 200)
    calls.hang_up("alice", "far")
    assert calls.counts == {"in": 0, "out": 0}


def the_called_trunk_hangs_up(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 200)
    calls.within(next(each for each in calls.near.got() if each.status == 200), "ACK", cseq=1)
    calls.within(calls.far.got("INVITE")[0], "BYE", by="far", cseq=7)
    calls.reply("near", 200, to="BYE")
    assert calls.counts == {"in": 0, "out": 0}


def bye_challenged(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 200)
    ok = next(each for each in calls.near.got() if each.status == 200)
    calls.within(ok, "ACK", cseq=1)
    calls.within(ok, "BYE")
    calls.reply("far", 401, to="BYE")
    assert calls.counts == {"in": 1, "out": 1}


def refused(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 486)
    assert (calls.status(), calls.counts) == (486, {"in": 0, "out": 0})


def challenged_without_credentials_of_ours(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 407, ("Proxy-Authenticate", 'Digest realm="x",nonce="y"'))
    assert (calls.status(), calls.counts) == (407, {"in": 0, "out": 0})


def given_up(calls: Calls) -> None:
    calls.give_up()
    assert calls.counts == {"in": 0, "out": 0}
    assert [cdr.disposition for cdr in calls.world.cdrs] == ["cancelled"]


def given_up_and_answered_all_the_same(calls: Calls) -> None:
    invite = calls.invite()
    calls.reply("far", 180)
    calls.near.cancel(invite)
    calls.run()
    calls.reply("far", 200, to="CANCEL")
    calls.reply("far", 200)
    assert calls.counts == {"in": 1, "out": 1}
    calls.hang_up("near", "far")
    assert calls.counts == {"in": 0, "out": 0}


def silent_target(calls: Calls) -> None:
    calls.invite()
    calls.run(RETURN_S)
    assert calls.status() == 408
    assert calls.counts == {"in": 0, "out": 0}
    assert calls.health[0][0] is not None
    calls.invite(call=2)  # it is the only one there is
    calls.reply("far", 180)
    calls.reply("far", 200)
    assert calls.health[0][0] is None
    calls.hang_up("near", "far")


def silent_user(calls: Calls) -> None:
    calls.invite(to=BOB)
    calls.run(RETURN_S)
    assert (calls.status(), calls.counts) == (408, {"in": 0, "out": 0})


def rings_for_ever(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 180)
    calls.run(400.0)
    assert calls.counts == {"in": 0, "out": 0}


def overloaded_target(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 503, ("Retry-After", "60"))
    assert (calls.status(), calls.counts) == (500, {"in": 0, "out": 0})
    assert calls.health[0][1] > 60.0


def calling_trunk_full(calls: Calls) -> None:
    for call in (1, 2, 3):
        calls.invite(to=BOB, call=call)
    assert (calls.status(), calls.counts) == (503, {"in": 2, "out": 0})
    calls.reply("bob", 486)
    calls.invite(to=BOB, call=4)
    assert (len(calls.bob.got("INVITE")), calls.counts) == (3, {"in": 2, "out": 0})


def called_trunk_full(calls: Calls) -> None:
    for call in (1, 2, 3):
        calls.invite("alice", call=call)
    assert (calls.status("alice"), calls.counts) == (503, {"in": 0, "out": 2})
    calls.world.trunks.by_name["out"].calls_elsewhere[1] = 1
    calls.reply("far", 486)
    calls.invite("alice", call=4)
    assert (calls.status("alice"), calls.counts) == (503, {"in": 0, "out": 1})
    calls.world.trunks.by_name["out"].calls_elsewhere[1] = 0
    calls.invite("alice", call=5)
    assert (calls.status("alice"), calls.counts) == (100, {"in": 0, "out": 2})


def same_call_again(calls: Calls) -> None:
    invite = calls.invite()
    calls.near.send(invite)
    calls.run()
    assert calls.counts == {"in": 1, "out": 1}


def worker_after_this_one(calls: Calls) -> None:
    calls.invite(call=1)
    calls.reply("far", 200)
    calls.invite(call=2)
    assert calls.counts == {"in": 2, "out": 2}
    calls.world.start()
    assert calls.counts == {"in": 1, "out": 1}  # the one that rang is gone with its worker
    calls.hang_up("near", "far")
    assert calls.counts == {"in": 0, "out": 0}


def tables_replaced(calls: Calls) -> None:
    calls.invite(call=1)
    calls.reply("far", 200)
    world = calls.world
    ours = Domains(world.domains, lambda host: False)
    world.app._authorizer.serve(ours)
    world.trunks.load([replace(IN, sources=("192.0.2.99/32",)), replace(OUT, max_calls=1)])
    world.app.tables.replace(ours, RoutingTable([NINES]))
    assert calls.counts == {"in": 1, "out": 1}
    calls.invite(call=2)
    assert calls.status() == 403  # no source of a trunk any more
    calls.invite("alice", call=3)
    assert calls.status("alice") == 503  # one call is all there may be
    calls.hang_up("near", "far")
    assert calls.counts == {"in": 0, "out": 0}


def trunk_taken_away(calls: Calls) -> None:
    calls.invite(call=1)
    calls.reply("far", 200)
    world = calls.world
    ours = Domains(world.domains, lambda host: False)
    world.app._authorizer.serve(ours)
    world.trunks.load([IN])
    world.app.tables.replace(ours, RoutingTable([NINES]))
    calls.invite(call=2)
    assert (calls.status(), calls.counts) == (404, {"in": 1})
    calls.hang_up("near", "far")
    assert calls.counts == {"in": 0}


def named_by_tel(calls: Calls) -> None:
    calls.invite("near", NUMBER, ("To", "<tel:+49123;ext=1>"))
    calls.invite("near", NUMBER, from_="tel:+44-123", call=2)
    assert len(calls.far.got("INVITE")) == 2


def user_of_ours_calls_from_the_trunk(calls: Calls) -> None:
    calls.invite(from_=ALICE)
    assert calls.far.got("INVITE")[0].get("P-Asserted-Identity") == f"<sip:+49123@{DOMAIN}>"


def number_of_ours_that_is_no_account(calls: Calls) -> None:
    calls.invite(from_=f"sip:+44123@{DOMAIN}")
    assert calls.counts == {"in": 1, "out": 1}


def asserted(calls: Calls) -> None:
    calls.invite("near", NUMBER, ("P-Asserted-Identity", f"<{ABROAD}>"))
    calls.reply("far", 180, ("P-Asserted-Identity", f"<{NUMBER}>"))
    assert calls.near.got()[-1].has("P-Asserted-Identity")


def private(calls: Calls) -> None:
    calls.invite("alice", NUMBER, ("Privacy", "id"))
    assert calls.far.got("INVITE")[0].get("Privacy") == "id"


def open_to_all(calls: Calls) -> None:
    for call, by in enumerate(("near", "alice")):
        calls.invite(by, NUMBER, ("Privacy", "none"), call=call)
    assert [message.get("Privacy") for message in calls.far.got("INVITE")] == ["none", "none"]


def answered_reliably(calls: Calls) -> None:
    calls.invite("near", NUMBER, ("Supported", "100rel"))
    calls.reply("far", 183, ("RSeq", "1"), ("Require", "100rel"))
    calls.within(calls.near.got()[-1], "PRACK")
    calls.reply("far", 200, to="PRACK")
    calls.reply("far", 200)
    calls.hang_up("near", "far")


def request_within_the_call(calls: Calls) -> None:
    calls.invite()
    calls.reply("far", 200)
    calls.within(next(each for each in calls.near.got() if each.status == 200), "INFO")
    calls.reply("far", 200, to="INFO")
    assert calls.status() == 200


SCENES: list[Scene] = [
    *(
        from_trunk_to_user,
        from_trunk_to_trunk,
        from_user_to_trunk,
        the_called_trunk_hangs_up,
        bye_challenged,
        refused,
        given_up,
    ),
    *(challenged_without_credentials_of_ours, given_up_and_answered_all_the_same, silent_target, silent_user, rings_for_ever),
    *(overloaded_target, calling_trunk_full, called_trunk_full, same_call_again, worker_after_this_one, tables_replaced),
    *(trunk_taken_away, named_by_tel, user_of_ours_calls_from_the_trunk, number_of_ours_that_is_no_account, asserted, private),
    *(open_to_all, answered_reliably, request_within_the_call),
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_call(scene: Scene) -> None:
    by_python = traces_of(scene, Calls(known=False))
    assert traces_of(scene, Calls(known=True)) == by_python


def reaches_users_only(calls: Calls) -> None:
    calls.invite()
    assert (calls.status(), calls.counts) == (403, {"in": 0, "out": 0})
    calls.invite(to=BOB, call=2)
    assert calls.bob.got("INVITE")


def tells_nobody_who_calls(calls: Calls) -> None:
    calls.invite("alice")
    assert not calls.far.got("INVITE")[0].has("P-Asserted-Identity")


def is_named_by_number(calls: Calls) -> None:
    calls.invite("alice")
    assert calls.far.got("INVITE")[0].get("From") == f"<sip:+49123@{DOMAIN}>;tag=caller"


def gets_national_numbers(calls: Calls) -> None:
    calls.invite(from_=f"sip:+49551@{CARRIER}")
    assert calls.far.got("INVITE")[0].get("From") == f"<sip:0551@{CARRIER}>;tag=caller"


def writes_national_numbers(calls: Calls) -> None:
    calls.invite(from_=f"sip:0551@{CARRIER}")
    calls.invite(to=f"sip:0551@{DOMAIN}", call=2)


def falls_over(calls: Calls) -> None:
    calls.invite()
    calls.run(RETURN_S)
    assert len(calls.far.got("INVITE")) > 0


NATIONAL = Numbers(country="49", sent="national", received="national")


@pytest.mark.parametrize(
    ("scene", "config"),
    [
        (reaches_users_only, {"incoming": replace(IN, transit=False)}),
        (tells_nobody_who_calls, {"outgoing": replace(OUT, trusted=False)}),
        (is_named_by_number, {"outgoing": replace(OUT, from_="identity")}),
        (gets_national_numbers, {"outgoing": replace(OUT, numbers=NATIONAL)}),
        (writes_national_numbers, {"incoming": replace(IN, numbers=NATIONAL)}),
        (falls_over, {"outgoing": replace(OUT, targets=(*OUT.targets, TrunkTarget(uri=f"sip:{SPARE}", weight=0)))}),
        (from_trunk_to_user, {"incoming": replace(IN, trusted=False)}),
        (from_trunk_to_trunk, {"incoming": replace(IN, max_calls=0), "outgoing": replace(OUT, max_calls=0)}),
        (from_user_to_trunk, {"domains": (Domain(name=DOMAIN, auth=False), Domain(name="other.example"))}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_trunks_of_each_kind(scene: Scene, config: dict[str, Any]) -> None:
    by_python = traces_of(scene, Calls(known=False, **config))
    assert traces_of(scene, Calls(known=True, **config)) == by_python


@pytest.mark.parametrize("scene", [from_trunk_to_user, from_trunk_to_trunk, from_user_to_trunk, silent_user, called_trunk_full])
def test_what_is_known_is_not_asked_for_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = Calls(known=True)
    app = type(calls.world.app)
    asked: list[str] = []
    for name in ("dispatch", "route"):
        step = getattr(app, name)
        monkeypatch.setattr(app, name, lambda *args, _name=name, _step=step: (asked.append(_name), _step(*args)))
    scene(calls)
    assert asked == (["route", "route"] if scene is called_trunk_full else [])
