"""sipmesh.signalling.media_glue: which ng request each message becomes, and what the message leaves with."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest

from media import bencode
from native.sip import Message
from sipmesh.signalling.media_client import Answered, Body
from sipmesh.signalling.media_glue import DialogMedia, InviteMedia, MediaGlue, Sender, Tags

OFFER = b"v=0\r\no=alice 1 1 IN IP4 192.0.2.1\r\n"
CALLER = Sender("192.0.2.1", natted=False)


class FakeMedia:
    """Keeps the requests and answers them when told; ``auto`` answers at once."""

    def __init__(self, auto: Body | None = None) -> None:
        self.asked: list[tuple[Body, Answered]] = []
        self.auto = auto

    def request(self, data: bytes, answered: Answered, /) -> None:
        self.asked.append((bencode.decode(data), answered))
        if self.auto is not None:
            answered(self.auto)

    @property
    def bodies(self) -> list[Body]:
        return [body for body, _ in self.asked]

    @property
    def commands(self) -> list[str]:
        return [body["command"] for body in self.bodies]


class Gate:
    """A ``proceed`` that notes how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, str]] = []

    def __call__(self, status: int = 0, reason: str = "") -> None:
        self.calls.append((status, reason))


def branch(name: str = "z9hG4bKone", remote: str = "198.51.100.2", natted: bool = False) -> Any:
    return SimpleNamespace(
        via_branch=name,
        flow=SimpleNamespace(remote=(remote, 5060)),
        target=SimpleNamespace(natted=natted),
        context=SimpleNamespace(refuse=Gate()),
    )


def request(method: str = "INVITE", body: bytes = OFFER, to_tag: str = "", kind: str = "application/sdp") -> Message:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"),
        ("From", "<sip:alice@example.com>;tag=A"),
        ("To", "<sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else "")),
        ("Call-ID", "call-1"),
        ("CSeq", f"1 {method}"),
        ("Max-Forwards", "70"),
    ]
    if body:
        headers.append(("Content-Type", kind))
    return Message.request(method, "sip:bob@example.com", headers, body)


def response(status: int, body: bytes = OFFER, to_tag: str = "B", method: str = "INVITE") -> Message:
    headers = [("Content-Type", "application/sdp")] if body else []
    return request(method, b"").reply(status, to_tag=to_tag, headers=headers, body=body)


def glued(auto: Body | None = None) -> tuple[MediaGlue, FakeMedia, defaultdict[str, int]]:
    counters: defaultdict[str, int] = defaultdict(int)
    media = FakeMedia(auto)
    return MediaGlue(media, counters), media, counters


def test_an_invite_leaves_with_the_body_the_daemon_wrote() -> None:
    glue, media, counters = glued()
    invite, gate = request(), Gate()
    InviteMedia(glue, invite, CALLER).request_out(branch(), invite, gate)
    assert gate.calls == []
    body, answered = media.asked[0]
    assert body == {
        "command": "offer",
        "call-id": "call-1",
        "from-tag": "A",
        "via-branch": "z9hG4bKone",
        "sdp": OFFER.decode(),
        "replace": ["origin", "session-connection"],
        "flags": ["trust-address"],
        "received-from": ["IP4", "192.0.2.1"],
    }
    answered({"result": "ok", "sdp": "v=0 ours"})
    assert gate.calls == [(0, "")]
    assert invite.body == b"v=0 ours"
    assert counters["ng_requests_total|command=offer,outcome=ok"] == 1


def test_bytes_that_are_not_utf8_come_through() -> None:
    glue, media, _ = glued()
    odd = OFFER + b"s=caf\xe9\xff\r\n"
    invite = request(body=odd)
    InviteMedia(glue, invite, CALLER).request_out(branch(), invite, Gate())
    body, answered = media.asked[0]
    answered({"result": "ok", "sdp": body["sdp"]})
    assert invite.body == odd


def test_each_branch_of_a_fork_gets_its_own_offer_and_answer() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    one, two = branch("z9hG4bKone"), branch("z9hG4bKtwo", "198.51.100.3")
    call = InviteMedia(glue, request(), CALLER)
    for each in (one, two):
        call.request_out(each, request(), Gate())
    call.response_in(two, response(183, to_tag="B2"), Gate())
    call.response_in(one, response(200, to_tag="B1"), Gate())
    told = [(body["command"], body["via-branch"], body["from-tag"], body.get("to-tag")) for body in media.bodies]
    assert told == [
        ("offer", "z9hG4bKone", "A", None),
        ("offer", "z9hG4bKtwo", "A", None),
        ("answer", "z9hG4bKtwo", "A", "B2"),
        ("answer", "z9hG4bKone", "A", "B1"),
    ]
    assert media.bodies[2]["received-from"] == ["IP4", "198.51.100.3"]
    assert [body.get("SIP-code") for body in media.bodies] == [None, None, 183, 200]


def test_a_failed_branch_is_deleted_once_and_the_one_that_answered_is_not() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    one, two = branch("z9hG4bKone"), branch("z9hG4bKtwo")
    call = InviteMedia(glue, request(), CALLER)
    for each in (one, two):
        call.request_out(each, request(), Gate())
    call.branch_ended(one, 200)
    call.branch_ended(two, 487)
    call.branch_ended(two, 487)
    deleted = [body for body in media.bodies if body["command"] == "delete"]
    assert deleted == [
        {"command": "delete", "call-id": "call-1", "from-tag": "A", "via-branch": "z9hG4bKtwo", "flags": ["fast"]}
    ]


def test_a_delayed_offer_is_the_callees_and_the_ack_answers_it() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    invite, gate = request(body=b""), Gate()
    call = InviteMedia(glue, invite, CALLER)
    call.request_out(branch(), invite, gate)
    assert media.asked == []
    call.response_in(branch(), response(200), gate)
    glue.answer(request("ACK", to_tag="B"), Tags("call-1", "A", "B"), CALLER, gate, reverse=True)
    told = [(body["command"], body["from-tag"], body["to-tag"]) for body in media.bodies]
    assert told == [("offer", "B", "A"), ("answer", "B", "A")]
    assert gate.calls == [(0, "")] * 3


def test_a_delayed_offer_of_a_branch_that_fails_is_deleted() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    call = InviteMedia(glue, request(body=b""), CALLER)
    call.response_in(branch(), response(183), Gate())
    call.branch_ended(branch(), 486)
    assert media.commands == ["offer", "delete"]


def test_who_is_behind_nat_is_learned_from_the_address_sip_came_from() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    call = InviteMedia(glue, request(), Sender("2001:db8::9", natted=True))
    call.request_out(branch(), request(), Gate())
    call.response_in(branch(remote="203.0.113.7", natted=True), response(200), Gate())
    assert [(body["flags"], body["received-from"]) for body in media.bodies] == [
        (["SIP-source-address"], ["IP6", "2001:db8::9"]),
        (["SIP-source-address"], ["IP4", "203.0.113.7"]),
    ]


@pytest.mark.parametrize(
    "message",
    [response(180, b""), response(200, b""), response(488, OFFER), response(302, OFFER)],
    ids=["180 without body", "200 without body", "488 with body", "302 with body"],
)
def test_what_carries_no_offer_or_answer_passes(message: Message) -> None:
    glue, media, _ = glued()
    gate = Gate()
    InviteMedia(glue, request(), CALLER).response_in(branch(), message, gate)
    assert gate.calls == [(0, "")]
    assert media.asked == []


def test_a_body_of_another_type_passes_untouched() -> None:
    glue, media, _ = glued()
    invite, gate = request(body=b"<xml/>", kind="application/xml"), Gate()
    InviteMedia(glue, invite, CALLER).request_out(branch(), invite, gate)
    assert (gate.calls, media.asked, invite.body) == ([(0, "")], [], b"<xml/>")


@pytest.mark.parametrize(
    ("reply", "status", "outcome"),
    [
        (None, 503, "unanswered"),
        ({"result": "error", "error-reason": "Ran out of ports"}, 503, "full"),
        ({"result": "error", "error-reason": "Parallel session limit reached"}, 503, "full"),
        ({"result": "load limit", "message": "too much"}, 503, "full"),
        ({"result": "error", "error-reason": "Failed to parse SDP"}, 488, "refused"),
        ({"result": "ok"}, 488, "refused"),
    ],
)
def test_a_daemon_that_does_not_serve_fails_the_message(reply: Body | None, status: int, outcome: str) -> None:
    glue, media, counters = glued()
    invite, gate, refused = request(), Gate(), branch()
    InviteMedia(glue, invite, CALLER).request_out(refused, invite, gate)
    media.asked[0][1](reply)
    assert [call[0] for call in gate.calls] == [status]
    assert refused.context.refuse.calls == gate.calls
    assert counters[f"ng_requests_total|command=offer,outcome={outcome}"] == 1
    assert invite.body == OFFER


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_new_offer_within_the_dialog(method: str) -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    again = request(method, to_tag="B")
    dialog = DialogMedia(glue, again, CALLER, receiver_natted=True)
    dialog.request_out(again, Gate())
    dialog.response_in(branch(), response(200, method=method), Gate())
    told = [(body["command"], body["from-tag"], body["to-tag"], body["flags"]) for body in media.bodies]
    assert told == [("offer", "A", "B", ["trust-address"]), ("answer", "A", "B", ["SIP-source-address"])]
    assert not any("via-branch" in body for body in media.bodies)


def test_a_reinvite_without_body_gets_an_offer_back() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    again = request(body=b"", to_tag="B")
    dialog = DialogMedia(glue, again, CALLER, receiver_natted=False)
    dialog.request_out(again, Gate())
    dialog.response_in(branch(), response(200), Gate())
    assert [(body["command"], body["from-tag"], body["to-tag"]) for body in media.bodies] == [("offer", "B", "A")]


def test_a_prack_answers_the_offer_of_a_reliable_response() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    prack, gate = request("PRACK", to_tag="B"), Gate()
    dialog = DialogMedia(glue, prack, CALLER, receiver_natted=False, answering=True)
    dialog.request_out(prack, gate)
    dialog.response_in(branch(), response(200, b"", method="PRACK"), gate)
    assert [(body["command"], body["from-tag"], body["to-tag"]) for body in media.bodies] == [("answer", "B", "A")]
    assert gate.calls == [(0, "")] * 2


def test_a_prack_can_bring_a_new_offer() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    prack = request("PRACK", to_tag="B")
    dialog = DialogMedia(glue, prack, CALLER, receiver_natted=False)
    dialog.request_out(prack, Gate())
    dialog.response_in(branch(), response(200, method="PRACK"), Gate())
    assert media.commands == ["offer", "answer"]


@pytest.mark.parametrize("early", [True, False])
def test_what_is_agreed_while_it_rings_is_no_answer_to_the_call(early: bool) -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "new"})
    update = request("UPDATE", to_tag="B")
    dialog = DialogMedia(glue, update, CALLER, receiver_natted=False, early=early)
    dialog.request_out(update, Gate())
    dialog.response_in(branch(), response(200, method="UPDATE"), Gate())
    assert media.commands == ["offer", "answer"]
    assert [("provisional" in body["flags"]) for body in media.bodies] == [early, early]


def test_delete_names_the_dialog() -> None:
    glue, media, counters = glued({"result": "ok"})
    glue.delete(Tags("call-1", "A", "B"))
    assert media.bodies == [{"command": "delete", "call-id": "call-1", "from-tag": "A", "to-tag": "B", "flags": ["fast"]}]
    assert counters["ng_requests_total|command=delete,outcome=ok"] == 1
