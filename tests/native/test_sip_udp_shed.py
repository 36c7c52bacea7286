"""UdpPort in overload: what is refused by the socket itself, what passes, and that the refusal is the core's own."""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import BATCH, Message, UdpFlow, UdpSocket, call_slot, crc_slot
from sipcore.transaction import refusal_tag
from tests.native.shell import Engine, Port
from tests.sipcore.messages import request

RETRY_AFTER_S = 5


class Pair:
    """``node`` in overload, and a ``phone`` that talks to it."""

    def __init__(self, family: int, host: str) -> None:
        self.engine = Engine()
        self.engine.admission = SimpleNamespace(sorting=True, shed=self._told)
        self.engine.receive = self._passes
        self.node = Port(self.engine, host)
        plain = socket.socket(family, socket.SOCK_DGRAM)
        plain.bind((host, 0))
        self.phone = UdpSocket(plain.detach())
        self.sent_by = f"[{host}]" if ":" in host else host
        self._passed: list[bytes] = []
        self._refused = 0

    def _told(self, refused: int) -> None:
        self._refused += refused

    def _passes(self, data: bytes, flow: UdpFlow) -> None:
        assert flow.remote == self.phone.address
        self._passed.append(data)

    def request(self, method: str = "INVITE", branch: str = "z9hG4bK-1", **options: Any) -> bytes:
        options.setdefault("via_params", ";rport")
        return request(method, branch=branch, sent_by=f"{self.sent_by}:{self.phone.address[1]}", **options).raw

    def shed(
        self, *datagrams: bytes, room: int = 0, held: tuple[dict[str, Any], ...] = (), workers: int = 1, index: int = 0
    ) -> tuple[list[bytes], int]:
        """What passes, and how many were refused."""
        for each in datagrams:
            self.phone.queue(each, self.node.socket.address)
        self.phone.flush()
        self._passed, self._refused = [], 0
        self.node.shedding = lambda: (room, RETRY_AFTER_S, held, workers, index)
        self.node.ready()
        return self._passed, self._refused

    def answers(self) -> list[Message]:
        return [Message(data) for data, _, _ in self.phone.receive()]

    def close(self) -> None:
        self.node.close()
        self.phone.close()
        self.engine.admission = self.engine.receive = None  # type: ignore[assignment]


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(*request.param)
    yield pair
    pair.close()
    assert pair.engine.errors == []


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER"])
def test_what_begins_something_is_refused(pair: Pair, method: str) -> None:
    data = pair.request(method)
    assert pair.shed(data) == ([], 1)
    (answer,) = pair.answers()
    key = Message(data).server_key
    assert (answer.status, answer.reason, answer.call_id) == (503, "Service Unavailable", "call-1@192.0.2.2")
    assert answer.to_tag == refusal_tag(key)
    assert answer.get("Retry-After") == str(1 + crc_slot(key) % RETRY_AFTER_S)
    assert (answer.via.received, answer.via.rport) == pair.phone.address


def test_what_begins_something_after_empty_lines_is_refused(pair: Pair) -> None:
    assert pair.shed(b"\r\n\r\n" + pair.request()) == ([], 1)
    assert [answer.status for answer in pair.answers()] == [503]


@pytest.mark.parametrize("method", ["ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "NOTIFY", "NEW"])
def test_what_belongs_to_something_passes(pair: Pair, method: str) -> None:
    data = pair.request(method)
    assert pair.shed(data) == ([data], 0)


def test_what_goes_on_passes(pair: Pair) -> None:
    within = pair.request(to_tag="t")
    response = Message(pair.request()).reply(200, to_tag="t").raw
    known = [pair.request(headers=((name, "Digest x=y"),)) for name in ("Authorization", "Proxy-Authorization")]
    assert pair.shed(within, response, *known) == ([within, response, *known], 0)


def test_what_is_held_passes(pair: Pair) -> None:
    data, other = pair.request(), pair.request(branch="z9hG4bK-2")
    held = ({}, OrderedDict({Message(data).server_key: 1}))
    assert pair.shed(data, other, held=held) == ([data], 1)


def test_so_many_pass_as_there_is_room_for(pair: Pair) -> None:
    data = [pair.request(branch=f"z9hG4bK-{number}") for number in range(5)]
    assert pair.shed(*data, room=2) == (data[:2], 3)
    assert len(pair.answers()) == 3


def test_a_full_batch_is_refused(pair: Pair) -> None:
    assert pair.shed(*[pair.request(branch=f"z9hG4bK-{number}") for number in range(BATCH)]) == ([], BATCH)
    assert len(pair.answers()) == BATCH


def test_the_ack_for_a_refusal_ends_there(pair: Pair) -> None:
    tag = refusal_tag(Message(pair.request()).server_key)
    ours, other = pair.request("ACK", to_tag=tag), pair.request("ACK", "z9hG4bK-2", to_tag=tag)
    assert pair.shed(ours, other) == ([other], 0)
    assert pair.answers() == []


@pytest.mark.parametrize("rest", [b";x=1", b" ;x", b'; y=">"'])
def test_the_ack_for_a_refusal_may_have_more_behind_its_tag(pair: Pair, rest: bytes) -> None:
    tag = refusal_tag(Message(pair.request()).server_key)
    ours = pair.request("ACK", to_tag=tag).replace(f"tag={tag}".encode(), f"tag={tag}".encode() + rest)
    other = ours.replace(f"tag={tag}".encode(), f"tag={tag}x".encode())
    assert pair.shed(ours, other) == ([other], 0)


@pytest.mark.parametrize("to", [b'"a>b" <sip:b@c>;tag=x', b"sip:b@c;tag=x", b'<sip:b@c>;z=">";TAG =x'])
def test_whatever_stands_before_it_a_tag_is_seen(pair: Pair, to: bytes) -> None:
    data = pair.request()
    start = data.index(b"To: ") + len(b"To: ")
    within = data[:start] + to + data[data.index(b"\r\n", start) :]
    assert pair.shed(within) == ([within], 0)


def test_what_is_answered_elsewhere_passes(pair: Pair) -> None:
    """To another port, or by maddr: not for a shortcut."""
    plain = request("INVITE", sent_by=f"{pair.sent_by}:1").raw
    maddr = pair.request(via_params=";rport;maddr=192.0.2.9")
    assert pair.shed(plain, maddr) == ([plain, maddr], 0)
    same = pair.request(via_params="")
    assert pair.shed(same) == ([], 1)
    assert len(pair.answers()) == 1


def test_what_is_anothers_passes(pair: Pair) -> None:
    """Of three workers each refuses its own third."""
    calls = [pair.request(branch=f"z9hG4bK-{number}", call_id=f"call-{number}") for number in range(30)]
    for index in range(3):
        passed, refused = pair.shed(*calls, workers=3, index=index)
        others = [call for call in calls if call_slot(call) % 3 != index]
        assert passed == others
        assert refused == 30 - len(others)
        assert 0 < refused < 30
        assert {answer.status for answer in pair.answers()} == {503}


def test_what_is_refused_is_told_and_answered_before_the_rest_is_seen(pair: Pair) -> None:
    seen: list[int] = []
    receive = pair.engine.receive

    def watched(data: bytes, flow: UdpFlow) -> None:
        seen.append(len(pair.answers()))
        receive(data, flow)

    pair.engine.receive = watched
    bye = pair.request("BYE", to_tag="t")
    assert pair.shed(bye, pair.request()) == ([bye], 1)
    assert seen == [1]


def test_an_error_with_one_datagram_leaves_the_others_alone(pair: Pair) -> None:
    byes = [pair.request("BYE", f"z9hG4bK-{number}", to_tag="t") for number in range(2)]
    receive = pair.engine.receive

    def failing(data: bytes, flow: UdpFlow) -> None:
        receive(data, flow)
        raise RuntimeError("ours")

    pair.engine.receive = failing
    assert pair.shed(*byes) == (byes, 0)
    assert pair.engine.told == ["a datagram", "a datagram", "turn"]
    pair.engine.errors.clear()


def test_what_is_no_message_passes(pair: Pair) -> None:
    strange = [b"\r\n\r\n", b"\0\1\0\0", b"INVITE nothing", b"INVITE sip:x SIP/2.0\r\nTo: x\r\n\r\n"]
    assert pair.shed(*strange) == (strange, 0)
    assert pair.shed() == ([], 0)


@pytest.mark.parametrize(
    ("rules", "error", "text"),
    [
        ((0, 1, [], 1, 0), TypeError, "tuple"),
        ((0, 1, ([],), 1, 0), TypeError, "tuple of dicts"),
        ((0, 0, (), 1, 0), ValueError, "retry_after_s"),
        ([], TypeError, "tuple"),
    ],
)
def test_rules_are_checked(pair: Pair, rules: Any, error: type[Exception], text: str) -> None:
    pair.node.shedding = lambda: rules
    with pytest.raises(error, match=text):
        pair.node.ready()


def test_without_rules_nothing_is_refused(pair: Pair) -> None:
    data = pair.request()
    pair.phone.queue(data, pair.node.socket.address)
    pair.phone.flush()
    pair.node.shedding = lambda: None
    pair.node.ready()
    assert pair.answers() == []
    assert pair.engine.told == ["turn"]
