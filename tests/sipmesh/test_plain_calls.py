"""A call between users who are known from calls before goes the way, and leaves the traces, of one that is looked at anew."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from native.sip import Message
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.rates import Rates
from sipmesh.signalling.routing_table import Hop
from sipmesh.store import CallRecord, StoreError
from tests.sipmesh.fake_relay import FakeRelay
from tests.sipmesh.signal_world import SignalWorld, traces_of

DOMAIN = "open.example"
ALICE, BOB = f"sip:alice@{DOMAIN}", f"sip:bob@{DOMAIN}"
AT_HER_END = "sip:alice@192.0.2.10:40002;transport=tls"  # of the first connection
SDP = b"v=0\r\n"


def typed(body: bytes) -> list[tuple[str, str]]:
    return [("Content-Type", "application/sdp")] if body else []


def seen(message: Message) -> bytes:
    """A BYE of the node's own has a branch that nobody can foretell."""
    text = message.to_bytes()
    return re.sub(rb"branch=[^;\r]*", b"", text) if message.method == "BYE" and message.via_count == 1 else text


class Call:
    """Alice and bob; ``known``: from calls before. There is a listener for TLS, and users may call once a second."""

    def __init__(self, *, known: bool, transport: str = "udp", contact: str = "", relayed: bool = False) -> None:
        """``relayed``: by a media daemon. ``transport`` and ``contact``: alice's, the latter where it isn't where she is."""
        self.contact = contact
        self.world = world = SignalWorld(transports=("udp", "tcp", "tls"), user_rates=Rates(1.0, min_burst=1), relayed=relayed)
        self.alice, self.bob = world.phone("192.0.2.10", transport=transport), world.phone("192.0.2.20")
        for phone in (self.alice, self.bob):
            phone._branches = count(1)
        if known:
            world.app._authorizer.callers[ALICE] = Caller(aor=f"alice@{DOMAIN}")
            world.app.tables.called[BOB] = Hop(aor=f"bob@{DOMAIN}")
            world.app.tables.passing.update((f"alice@{DOMAIN}", f"bob@{DOMAIN}"))
        else:
            world.ask_python()
        self.records: list[dict[str, Any]] = []

    def bind(self, **more: Any) -> None:
        self.world.bind(f"bob@{DOMAIN}", self.bob, **more)

    @property
    def relay(self) -> FakeRelay:
        assert self.world.relay is not None
        return self.world.relay

    def give_up(self) -> None:
        """While it rings."""
        invite = self.invite()
        self.reply(180)
        self.alice.cancel(invite)
        self.run()
        self.reply(200, to="CANCEL")
        assert self.reply(487).status == 487

    def invite(self, *headers: tuple[str, str], uri: str = BOB, body: bytes = SDP) -> Message:
        via = (
            "Via",
            f"SIP/2.0/{self.alice.transport.upper()} {self.alice.says_host}:5060;branch=z9hG4bK-a{next(self.alice._branches)}",
        )
        dialog = [("From", f"<{ALICE}>;tag=caller"), ("To", f"<{BOB}>"), ("Call-ID", "call-1"), ("CSeq", "1 INVITE")]
        contact = ("Contact", f"<{self.contact or self.alice.contact}>")
        invite = Message.request("INVITE", uri, [via, ("Max-Forwards", "70"), *dialog, contact, *headers, *typed(body)], body)
        self.alice.send(invite)
        self.run()
        return invite

    def reply(self, status: int, *headers: tuple[str, str], to: str = "INVITE", **more: Any) -> Message:
        """Bob's, to the last request of that method."""
        self.bob.reply(self.bob.got(to)[-1], status, (*headers, *typed(more.get("body", b""))), **more)
        self.run()
        return self.alice.got()[-1]

    def within(
        self, dialog: Message, method: str, *headers: tuple[str, str], by: str = "alice", cseq: int = 2, body: bytes = b""
    ) -> Message:
        request: Message = getattr(self, by).within(dialog, method, cseq, (*headers, *typed(body)), body=body)
        self.run()
        return request

    def answered(self) -> Message:
        """Alice's 200, which she has acknowledged."""
        self.bind()
        self.invite()
        ok = self.reply(200, body=SDP)
        self.within(ok, "ACK", cseq=1)
        return ok

    def run(self) -> None:
        self.world.run()
        self.records += [record.as_dict() for _, record in self.world.stored.all()]

    @property
    def traces(self) -> tuple[Any, ...]:
        """What each phone got, each state of the record, and the counters."""
        wire = [[seen(message) for message in phone.got()] for phone in (self.alice, self.bob)]
        asked = self.world.relay.asked if self.world.relay is not None else []
        return wire, self.records, dict(self.world.counters), [record.as_dict() for record in self.kept], asked

    @property
    def kept(self) -> list[CallRecord]:
        return [record for key in self.world.calls.keys_of("call-1") if (record := self.world.calls.get(key)) is not None]


def answered_and_ended(call: Call) -> None:
    call.bind()
    call.invite()
    call.reply(180)
    assert call.kept[0].ringing_at
    ok = call.reply(200, body=SDP)
    call.within(ok, "ACK", cseq=1)
    assert [message.method for message in call.bob.got()] == ["INVITE", "ACK"]
    call.within(ok, "BYE")
    assert call.kept[0].bye_by == "caller"
    call.reply(200, to="BYE")
    assert call.kept == []


def ended_by_the_callee(call: Call) -> None:
    call.bind()
    call.invite()
    call.within(call.reply(200), "ACK", cseq=1)
    call.within(call.bob.got("INVITE")[0], "BYE", by="bob", cseq=7)
    assert call.kept[0].bye_by == "callee"
    call.alice.reply(call.alice.got("BYE")[0], 200)
    call.run()
    assert call.kept == []


def bye_challenged(call: Call) -> None:
    call.bind()
    call.invite()
    call.within(ok := call.reply(200), "ACK", cseq=1)
    call.within(ok, "BYE")
    assert call.reply(401, ("WWW-Authenticate", 'Digest realm="x",nonce="y"'), to="BYE").status == 401
    assert (call.kept[0].bye_at, call.kept[0].bye_by) == (0.0, "")


def bye_that_says_who_sends_it(call: Call) -> None:
    call.bind()
    call.invite()
    call.within(ok := call.reply(200), "ACK", cseq=1)
    call.within(ok, "BYE", ("P-Asserted-Identity", f"<{ALICE}>"))
    assert not call.bob.got("BYE")[0].has("P-Asserted-Identity")
    assert not call.reply(200, ("P-Asserted-Identity", f"<{BOB}>"), to="BYE").has("P-Asserted-Identity")


def ack_of_no_call(call: Call) -> None:
    call.bind()
    call.invite()
    ok = call.reply(200)
    ok.remove("Record-Route")
    ok.set("Contact", "<sip:nobody@192.0.2.77>")
    call.within(ok, "ACK", cseq=9)


def refused_by_the_callee(call: Call) -> None:
    call.bind()
    call.invite()
    assert call.reply(486).status == 486
    assert call.kept == []


def given_up(call: Call) -> None:
    call.bind()
    call.give_up()
    assert call.kept == []


def reliably_provisional(call: Call) -> None:
    call.bind()
    call.invite(("Supported", "100rel"))
    ringing = call.reply(183, ("RSeq", "1"), ("Require", "100rel"), body=SDP)
    assert [leg.tag for leg in call.kept[0].forks] == ["callee"]
    call.within(ringing, "PRACK", ("RAck", "1 1 INVITE"))
    call.reply(200, to="PRACK")
    call.within(call.reply(200), "ACK", cseq=1)


def answer_that_asserts(call: Call) -> None:
    call.bind()
    call.invite()
    assert not call.reply(180, ("P-Asserted-Identity", f"<{BOB}>")).has("P-Asserted-Identity")


def caller_behind_nat(call: Call) -> None:
    call.alice.says_host = "10.0.0.1"
    call.bind()
    call.invite()
    assert call.kept[0].legs[0].natted
    ok = call.reply(200)
    call.within(ok, "ACK", cseq=1)
    call.within(call.bob.got("INVITE")[0], "BYE", by="bob", cseq=7)
    assert call.alice.got("BYE")


def nobody_bound(call: Call) -> None:
    call.invite()
    assert call.alice.got()[-1].status == 480


def caller_who_wants_privacy(call: Call) -> None:
    call.bind()
    call.invite(("Privacy", "user;header"))
    assert call.bob.got("INVITE")[0].contact_uri_text.startswith("sip:anonymous@")


def caller_who_wants_no_privacy(call: Call) -> None:
    call.bind()
    call.invite(("Privacy", "None"))
    assert call.bob.got("INVITE")[0].get("Privacy") == "None"


def caller_who_asserts(call: Call) -> None:
    call.bind()
    call.invite(("P-Asserted-Identity", "<sip:president@open.example>"))
    assert not call.bob.got("INVITE")[0].has("P-Asserted-Identity")


def sips_is_asked_for(call: Call) -> None:
    call.bind()
    call.invite(uri=f"sips:bob@{DOMAIN}")
    assert call.alice.got()[-1].status in (404, 480)


def calls_too_often(call: Call) -> None:
    call.bind()
    call.invite()
    call.reply(486)
    call.invite(("Call-Info", "<sip:again>"))
    refusal = call.alice.got()[-1]
    assert (refusal.status, refusal.get("Retry-After")) == (503, "1")
    assert call.world.counters["sip_calls_limited_total|by=user"] == 1
    call.world.run(1.0)
    call.invite()
    assert len(call.bob.got("INVITE")) == 2


def store_out_of_order(call: Call) -> None:
    call.bind()

    def broken(key: str, record: CallRecord) -> None:
        raise StoreError("the disk is full")

    stored: Any = call.world.stored
    stored.put = broken
    call.invite()
    assert call.alice.got()[-1].status == 500


SCENES = [
    *(
        answered_and_ended,
        ended_by_the_callee,
        bye_challenged,
        bye_that_says_who_sends_it,
        ack_of_no_call,
    ),
    *(refused_by_the_callee, given_up, reliably_provisional, answer_that_asserts, caller_behind_nat, nobody_bound),
    calls_too_often,
    *(caller_who_wants_privacy, caller_who_wants_no_privacy, caller_who_asserts),
    *(sips_is_asked_for, store_out_of_order),
]


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_call(scene: Callable[[Call], None], relayed: bool) -> None:
    by_python = traces_of(scene, Call(known=False, relayed=relayed))
    assert traces_of(scene, Call(known=True, relayed=relayed)) == by_python


@pytest.mark.parametrize(
    "scene", [answered_and_ended, ended_by_the_callee, refused_by_the_callee], ids=lambda scene: scene.__name__
)
@pytest.mark.parametrize(("contact", "natted"), [(AT_HER_END, False), ("", True)])
def test_it_is_the_same_call_over_tls(scene: Callable[[Call], None], contact: str, natted: bool) -> None:
    by_python, plain = (Call(known=known, transport="tls", contact=contact) for known in (False, True))
    assert traces_of(scene, by_python) == traces_of(scene, plain)
    assert by_python.records[0]["legs"][0].natted is natted


def relayed_both_ways(call: Call) -> None:
    answered_and_ended(call)
    assert call.bob.got("INVITE")[0].body == SDP + b"a=by:offer\r\n"
    assert call.alice.got()[-2].body == SDP + b"a=by:answer\r\n"
    assert call.relay.commands == ["offer", "answer", "delete"]


def answered_again_after_its_end(call: Call) -> None:
    answered_and_ended(call)
    again = call.reply(200, body=SDP)
    assert (again.status, again.cseq, again.body) == (200, 1, b"")
    assert call.relay.commands == ["offer", "answer", "delete"]


def offered_by_the_callee(call: Call) -> None:
    call.bind()
    call.invite(body=b"")
    ok = call.reply(200, body=SDP)
    call.alice.within(ok, "ACK", 1, tuple(typed(SDP)), body=SDP)
    call.run()
    assert [(body["command"], body["from-tag"]) for body in call.relay.asked] == [("offer", "callee"), ("answer", "callee")]


def refused_by_the_relay(call: Call) -> None:
    call.bind()
    call.relay.answers["offer"] = {"result": "error", "error-reason": "Ran out of ports"}
    call.invite()
    assert call.alice.got()[-1].status == 503
    assert not call.bob.got("INVITE")


def without_answer_from_the_relay(call: Call) -> None:
    call.bind()
    call.relay.answers["offer"] = None
    call.invite()
    call.world.run(3.0)
    assert call.alice.got()[-1].status == 503


def answer_refused_by_the_relay(call: Call) -> None:
    call.bind()
    call.invite()
    call.relay.answers["answer"] = {"result": "error", "error-reason": "no"}
    assert call.reply(200, body=SDP).status == 488
    assert call.bob.got("BYE")


def given_up_while_the_relay_is_asked(call: Call) -> None:
    call.bind()
    call.relay.answers["offer"] = None
    invite = call.invite()
    call.alice.cancel(invite)
    call.run()
    assert call.alice.got()[-1].status == 487
    call.world.run(3.0)


def unreadable_answers(call: Call) -> None:
    """What can't be read of a provisional response is passed over, of an answer it is 502."""
    call.bind()
    call.invite()
    for status in (183, 200):
        response = call.bob.got("INVITE")[0].reply(status, to_tag="b", headers=typed(SDP), body=SDP)
        response.set("To", f"<{BOB}>;tag=b;;")
        call.bob.send(response)
        call.run()
    assert [message.status for message in call.alice.got()] == [100, 502]
    assert call.world.counters["sip_proxy_responses_malformed_total"] == 2
    assert not call.world.counters["sip_internal_errors_total"]


RELAYED = [
    *(
        relayed_both_ways,
        answered_again_after_its_end,
        offered_by_the_callee,
        refused_by_the_relay,
        without_answer_from_the_relay,
    ),
    *(answer_refused_by_the_relay, given_up_while_the_relay_is_asked, unreadable_answers),
]


@pytest.mark.parametrize("scene", RELAYED, ids=lambda scene: scene.__name__)
def test_it_is_the_same_relayed_call(scene: Callable[[Call], None]) -> None:
    by_python = traces_of(scene, Call(known=False, relayed=True))
    assert traces_of(scene, Call(known=True, relayed=True)) == by_python


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
def test_what_is_known_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch, relayed: bool) -> None:
    call = Call(known=True, relayed=relayed)
    monkeypatch.setattr(type(call.world.app), "dispatch", None)
    monkeypatch.setattr(type(call.world.app), "route", None)
    answered_and_ended(call)
    assert call.world.counters["sip_internal_errors_total"] == 0


def test_an_error_of_ours_is_told_of_and_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(known=True)
    call.bind()

    def broken(*whatever: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(type(call.world.app), "not_served", broken)
    locations: Any = call.world.locations
    locations.record = broken
    with pytest.raises(ZeroDivisionError):
        call.invite()
