"""A call over trunks, known from calls before, goes the way and leaves the traces of one that is looked at anew."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from native.sip import Message
from sipmesh.config import Domain, Numbers, Route, Trunk, TrunkTarget, User
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.routing_table import Hop, RoutingTable
from tests.sipmesh.signal_world import SignalWorld, traces_of

DOMAIN, CARRIER = "open.example", "carrier.example"
ALICE, BOB, NUMBER, ABROAD = f"sip:alice@{DOMAIN}", f"sip:bob@{DOMAIN}", f"sip:9123@{DOMAIN}", f"sip:+44123@{CARRIER}"
SOURCE, TARGET, SPARE = "192.0.2.66", "192.0.2.88", "192.0.2.89"
IN = Trunk(name="in", sources=(f"{SOURCE}/32",), transit=True, max_calls=2)
OUT = Trunk(name="out", targets=(TrunkTarget(uri=f"sip:{TARGET}"),), probe_s=0.0, max_calls=2)
NINES = Route(match="9*", to="trunk:out", strip=1, prefix="00")
RETURN_S = 40.0  # longer than any transaction


class Calls:
    """Alice and bob are users, ``near`` calls in by a trunk, ``far`` is called by another, and ``spare`` by one that has a
    second target. ``known``: from calls before."""

    def __init__(
        self, *, known: bool, incoming: Trunk = IN, outgoing: Trunk = OUT, routes: tuple[Route, ...] = (NINES,), **more: Any
    ) -> None:
        alice = User(aor=f"alice@{DOMAIN}", password="pw", caller_ids=("+49123",))
        self.world = world = SignalWorld((incoming, outgoing), routes, (alice, "bob"), **more)
        self.known = known
        self.alice, self.bob, self.near, self.far, self.spare = phones = [
            world.phone(host) for host in ("192.0.2.10", "192.0.2.20", SOURCE, TARGET, SPARE)
        ]
        for phone in phones:
            phone._branches = count(1)
        self.phones = phones
        self.seen: list[Any] = []
        world.bind(f"bob@{DOMAIN}", self.bob)
        self.remember()

    def remember(self) -> None:
        """What calls before would have left, or nothing of it."""
        authorizer, tables, trunks = self.world.app._authorizer, self.world.app.tables, self.world.trunks
        for each in (authorizer.callers, authorizer.sources, authorizer.strangers, tables.called, tables.called_from):
            each.clear()
        if not self.known:
            return
        authorizer.callers[ALICE] = Caller(aor=f"alice@{DOMAIN}")
        if (trunk := trunks.by_source(SOURCE)) is not None:
            authorizer.sources[SOURCE] = Caller(trunk=trunk)
            authorizer.strangers[CARRIER] = True
        tables.identities[f"alice@{DOMAIN}"] = f"sip:+49123@{DOMAIN}"
        tables.called[BOB] = Hop(aor=f"bob@{DOMAIN}")
        if tables.routes.any:
            tables.called[NUMBER] = Hop(trunk="out", number="00123", ways=trunks.ways("out", "00123"))

    def give_up(self) -> None:
        """While it rings at the far end."""
        invite = self.invite()
        self.reply("far", 180)
        self.near.cancel(invite)
        self.run()
        self.reply("far", 200, to="CANCEL")
        self.reply("far", 487)

    def invite(self, by: str = "near", to: str = NUMBER, *headers: tuple[str, str], from_: str = "", call: int = 1) -> Message:
        self.remember()
        phone = getattr(self, by)
        from_ = from_ or (ALICE if by == "alice" else ABROAD)
        via = ("Via", f"SIP/2.0/UDP {phone.says_host}:5060;branch=z9hG4bK-a{next(phone._branches)}")
        dialog = [("From", f"<{from_}>;tag=caller"), ("Call-ID", f"call-{call}"), ("CSeq", "1 INVITE")]
        called = [] if any(name == "To" for name, _ in headers) else [("To", f"<{to}>")]
        contact = ("Contact", f"<{phone.contact}>")
        invite = Message.request("INVITE", to, [via, ("Max-Forwards", "70"), *dialog, *called, contact, *headers], b"v=0\r\n")
        phone.send(invite)
        self.run()
        return invite

    def reply(self, phone: str, status: int, *headers: tuple[str, str], to: str = "INVITE", **more: Any) -> None:
        """To the last request of that method."""
        each = getattr(self, phone)
        each.reply(each.got(to)[-1], status, headers, **more)
        self.run()

    def within(self, dialog: Message, method: str, by: str = "near", cseq: int = 2) -> None:
        getattr(self, by).within(dialog, method, cseq)
        self.run()

    def hang_up(self, by: str, of: str) -> None:
        """A call that ``by`` began to ``of``, who answered."""
        ok = next(each for each in reversed(getattr(self, by).got()) if each.status == 200 and each.cseq_method == "INVITE")
        self.within(ok, "ACK", by, cseq=1)
        self.within(ok, "BYE", by)
        self.reply(of, 200, to="BYE")

    def run(self, for_s: float = 0.1) -> None:
        self.world.run(for_s)
        records = [record.as_dict() for _, record in self.world.stored.all()]
        self.seen.append((records, self.counts, self.health))

    @property
    def counts(self) -> dict[str, int]:
        return {trunk.name: trunk.calls for trunk in self.world.trunks}

    @property
    def health(self) -> list[tuple[float | None, float]]:
        targets = (target for trunk in self.world.trunks for target in trunk.targets)
        return [(target.failed_at, target.rests_until) for target in targets]

    def status(self, phone: str = "near") -> int:
        """Of its last answer."""
        return int(getattr(self, phone).got()[-1].status)

    @property
    def traces(self) -> tuple[Any, ...]:
        """What each phone got, what was seen meanwhile of records and trunks, the CDRs, and the counters."""
        wire = [[message.to_bytes() for message in phone.got()] for phone in self.phones]
        cdrs = [msgspec.structs.asdict(cdr) | {"call": cdr.call.as_dict()} for cdr in self.world.cdrs]
        return wire, self.seen, cdrs, dict(self.world.counters)


Scene = Callable[[Calls], None]


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
