"""A call to a user with several phones goes the way, and leaves the traces, of one that Python looks at."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from native.sip import Message
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import traces_of
from tests.sipmesh.test_plain_calls import DOMAIN, SDP, Call, seen, typed


class ForkedCall(Call):
    """Bob has phones at 192.0.2.20, .21 and so on."""

    def __init__(self, *, known: bool, phones: int = 2, **more: Any) -> None:
        super().__init__(known=known, **more)
        self.phones: list[Phone] = [self.bob]
        for number in range(1, phones):
            self.phones.append(self.world.phone(f"192.0.2.{20 + number}"))
            self.phones[-1]._branches = count(1)

    def bind(self, **more: Any) -> None:
        for phone in self.phones:
            self.world.bind(f"bob@{DOMAIN}", phone, **more)

    def invite(self, *headers: tuple[str, str], **more: Any) -> Message:
        self.sent = super().invite(*headers, **more)
        return self.sent

    def ring(self, *statuses: int) -> None:
        """Every phone, unless ``statuses`` say otherwise."""
        self.bind()
        self.invite()
        for phone, status in zip(self.phones, statuses or (180,) * len(self.phones), strict=False):
            self.say(phone, status)

    def say(self, phone: Phone, status: int, *headers: tuple[str, str], to: str = "INVITE", body: bytes = b"") -> None:
        tag = f"tag{self.phones.index(phone)}"
        phone.reply(phone.got(to)[-1], status, (*headers, *typed(body)), tag=tag, body=body)
        self.run()

    def lose(self, *phones: Phone) -> None:
        """They are cancelled, and say so."""
        for phone in phones:
            self.say(phone, 200, to="CANCEL")
            self.say(phone, 487)

    @property
    def final(self) -> list[int]:
        return [message.status for message in self.alice.got() if message.status >= 200]

    @property
    def traces(self) -> tuple[Any, ...]:
        return super().traces, [[seen(message) for message in phone.got()] for phone in self.phones[1:]]


def methods(phone: Phone) -> list[str]:
    """In their order; what comes again is left out."""
    return list(dict.fromkeys(message.method for message in phone.got()))


def answered_by_the_first(call: ForkedCall) -> None:
    call.ring()
    call.say(call.bob, 200, body=SDP)
    call.lose(*call.phones[1:])
    for phone in call.phones[1:]:
        assert methods(phone) == ["INVITE", "CANCEL", "ACK"]
        assert phone.got("CANCEL")[0].get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    ok = call.alice.got(200)[0]
    call.within(ok, "ACK", cseq=1)
    call.within(ok, "BYE")
    call.say(call.bob, 200, to="BYE")
    assert (call.kept, call.final) == ([], [200, 200])


def answered_while_the_other_is_silent(call: ForkedCall) -> None:
    """RFC 3261 section 9.1: no CANCEL before it has said something."""
    call.ring(180)
    call.say(call.bob, 200, body=SDP)
    assert not call.phones[1].got("CANCEL")
    call.say(call.phones[1], 180)
    assert methods(call.phones[1])[-1] == "CANCEL"
    call.lose(call.phones[1])
    assert [message.status for message in call.alice.got(180)] == [180]


def both_answer_at_once(call: ForkedCall) -> None:
    """RFC 3261 section 13.2.2.4: the caller hangs one of them up."""
    call.ring()
    call.bob.reply(call.bob.got("INVITE")[0], 200, tag="tag0")
    call.say(call.phones[1], 200)
    first, second = call.alice.got(200)
    for ok in (first, second):
        call.within(ok, "ACK", cseq=1)
    call.within(second, "BYE")
    call.say(call.phones[1], 200, to="BYE")
    assert [message.method for message in call.bob.got()] == ["INVITE", "ACK"]
    assert (call.kept[0].state, call.kept[0].forks) == ("answered", [])


def a_lost_one_answers_after_all(call: ForkedCall) -> None:
    call.ring()
    call.say(call.bob, 200)
    call.say(call.phones[1], 200, to="CANCEL")
    call.say(call.phones[1], 200)
    assert [message.to_tag for message in call.alice.got(200)] == ["tag0", "tag1"]
    assert [leg.tag for leg in call.kept[0].forks] == ["tag1"]


def one_is_busy(call: ForkedCall) -> None:
    call.ring(486, 180)
    assert call.final == []
    call.say(call.phones[1], 200)
    assert call.final == [200]


def all_refuse(call: ForkedCall) -> None:
    call.ring(480, 486)
    assert (call.final, call.kept) == ([480], [])


def the_best_refusal(call: ForkedCall) -> None:
    call.ring(503, 404)
    assert call.final == [404]


def nothing_but_503(call: ForkedCall) -> None:
    call.ring(503, 503)
    assert call.final == [500]


def one_declines_for_all(call: ForkedCall) -> None:
    call.ring(180, 603)
    assert call.bob.got("CANCEL")[0].get("Reason") == 'SIP;cause=603;text="Declined elsewhere"'
    assert call.final == []
    call.lose(call.bob)
    assert call.final == [603]


def declined_and_answered(call: ForkedCall) -> None:
    call.ring(180, 603)
    call.say(call.bob, 200)
    assert call.final == [200]


def challenged(call: ForkedCall) -> None:
    """RFC 3261 section 16.7 item 7."""
    call.bind()
    call.invite()
    for number, phone in enumerate(call.phones):
        call.say(phone, 407, ("Proxy-Authenticate", f'Digest realm="{number}", nonce="n"'))
    assert call.final == [407]
    assert len(call.alice.got(407)[0].get_all("Proxy-Authenticate")) == len(call.phones)


def given_up(call: ForkedCall) -> None:
    call.ring()
    call.alice.cancel(call.sent, (("Reason", "SIP;cause=600"),))
    call.run()
    assert [phone.got("CANCEL")[0].get("Reason") for phone in call.phones] == ["SIP;cause=600"] * len(call.phones)
    call.lose(*call.phones)
    assert (call.final, call.kept) == ([200, 487], [])


def given_up_while_nobody_has_said_anything(call: ForkedCall) -> None:
    call.bind()
    invite = call.invite()
    call.alice.cancel(invite)
    call.run()
    assert not any(phone.got("CANCEL") for phone in call.phones)
    for phone in call.phones:
        call.say(phone, 180)
    call.lose(*call.phones)
    assert call.final == [200, 487]


def given_up_and_no_phone_says_so(call: ForkedCall) -> None:
    call.ring()
    call.alice.cancel(call.sent)
    call.world.run(33.0)
    assert call.final[:2] == [200, 487]


def nobody_answers(call: ForkedCall) -> None:
    """Timer C of each branch (RFC 3261 section 16.8)."""
    call.ring()
    call.world.run(186.0)
    assert call.world.counters["sip_proxy_timer_c_total"] == len(call.phones)
    call.lose(*call.phones)
    assert call.final == [487]


def no_phone_is_there(call: ForkedCall) -> None:
    call.bind()
    call.invite()
    call.world.run(33.0)
    assert call.final[0] == 408


def repeated(call: ForkedCall) -> None:
    """Retransmissions of what was said (RFC 6026)."""
    call.ring()
    call.say(call.bob, 200)
    call.lose(call.phones[1])
    call.say(call.phones[1], 487)
    call.say(call.bob, 200)
    call.alice.send(call.sent)
    call.run()
    assert (call.final, len(call.phones[1].got("ACK"))) == ([200, 200], 2)


def early_dialogs_of_both(call: ForkedCall) -> None:
    call.bind()
    call.invite(("Supported", "100rel"))
    for phone in call.phones[:2]:
        call.say(phone, 183, ("RSeq", "1"), ("Require", "100rel"), body=SDP)
    assert [leg.tag for leg in call.kept[0].forks] == ["tag0", "tag1"]
    for progress in call.alice.got(183):
        call.within(progress, "PRACK", ("RAck", "1 1 INVITE"))
    call.say(call.phones[1], 200)
    call.lose(call.bob)


def no_breadth_left(call: ForkedCall) -> None:
    call.bind()
    call.invite(("Max-Breadth", "1"))
    assert call.final == [440]


SCENES = [
    *(answered_by_the_first, answered_while_the_other_is_silent, both_answer_at_once, a_lost_one_answers_after_all),
    *(one_is_busy, all_refuse, the_best_refusal, nothing_but_503, one_declines_for_all, declined_and_answered, challenged),
    *(given_up, given_up_while_nobody_has_said_anything, given_up_and_no_phone_says_so, nobody_answers, no_phone_is_there),
    *(repeated, early_dialogs_of_both, no_breadth_left),
]
MANY = [answered_by_the_first, challenged, given_up, nobody_answers, no_phone_is_there]


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_forked_call(scene: Callable[[ForkedCall], None], relayed: bool) -> None:
    by_python = traces_of(scene, ForkedCall(known=False, relayed=relayed))
    assert traces_of(scene, ForkedCall(known=True, relayed=relayed)) == by_python


@pytest.mark.parametrize("phones", [8, 9])
@pytest.mark.parametrize("scene", MANY, ids=lambda scene: scene.__name__)
def test_it_is_the_same_to_many_phones(scene: Callable[[ForkedCall], None], phones: int) -> None:
    by_python = traces_of(scene, ForkedCall(known=False, phones=phones))
    assert traces_of(scene, ForkedCall(known=True, phones=phones)) == by_python


@pytest.mark.parametrize(
    "scene", [answered_by_the_first, one_is_busy, all_refuse, one_declines_for_all, given_up], ids=lambda scene: scene.__name__
)
def test_nothing_of_it_is_asked_for(scene: Callable[[ForkedCall], None], monkeypatch: pytest.MonkeyPatch) -> None:
    call = ForkedCall(known=True)
    for name in ("dispatch", "route"):
        monkeypatch.setattr(type(call.world.app), name, None)
    scene(call)
    assert call.world.counters["sip_internal_errors_total"] == 0
