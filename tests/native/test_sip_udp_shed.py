"""UdpSocket.receive_shedding: what is refused by the socket itself, what passes, and that the refusal is the core's own."""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import pytest

from native.sip import BATCH, Message, UdpSocket, call_slot, crc_slot
from sipcore.transaction import refusal_tag
from tests.sipcore.messages import request

RETRY_AFTER_S = 5


class Pair:
    """``node`` and a ``phone`` that talks to it."""

    def __init__(self, family: int, host: str) -> None:
        self.node, self.phone = (self._opened(family, host) for _ in range(2))
        self.sent_by = f"[{host}]" if ":" in host else host

    @staticmethod
    def _opened(family: int, host: str) -> UdpSocket:
        plain = socket.socket(family, socket.SOCK_DGRAM)
        plain.bind((host, 0))
        return UdpSocket(plain.detach())

    def request(self, method: str = "INVITE", branch: str = "z9hG4bK-1", **options: Any) -> bytes:
        options.setdefault("via_params", ";rport")
        return request(method, branch=branch, sent_by=f"{self.sent_by}:{self.phone.address[1]}", **options).raw

    def send(self, *datagrams: bytes) -> None:
        for each in datagrams:
            self.phone.queue(each, self.node.address)
        self.phone.flush()

    def shed(self, *datagrams: bytes, room: int = 0, held: tuple[dict[str, Any], ...] = ()) -> tuple[list[bytes], int, int]:
        """What passes, how many there were, how many were refused."""
        self.send(*datagrams)
        passed, count, refused = self.node.receive_shedding(room, RETRY_AFTER_S, held)
        assert self.node.flush() == []
        return [data for data, source, _ in passed if source == self.phone.address], count, refused

    def answers(self) -> list[Message]:
        return [Message(data) for data, _, _ in self.phone.receive()]

    def close(self) -> None:
        self.node.close()
        self.phone.close()


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    pair = Pair(*request.param)
    yield pair
    pair.close()


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "REFER"])
def test_what_begins_something_is_refused(pair: Pair, method: str) -> None:
    data = pair.request(method)
    assert pair.shed(data) == ([], 1, 1)
    (answer,) = pair.answers()
    key = Message(data).server_key
    assert (answer.status, answer.reason, answer.call_id) == (503, "Service Unavailable", "call-1@192.0.2.2")
    assert answer.to_tag == refusal_tag(key)
    assert answer.get("Retry-After") == str(1 + crc_slot(key) % RETRY_AFTER_S)
    assert (answer.via.received, answer.via.rport) == pair.phone.address


@pytest.mark.parametrize("method", ["ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "NOTIFY", "NEW"])
def test_what_belongs_to_something_passes(pair: Pair, method: str) -> None:
    data = pair.request(method)
    assert pair.shed(data) == ([data], 1, 0)


def test_what_goes_on_passes(pair: Pair) -> None:
    within = pair.request(to_tag="t")
    response = Message(pair.request()).reply(200, to_tag="t").raw
    known = [pair.request(headers=((name, "Digest x=y"),)) for name in ("Authorization", "Proxy-Authorization")]
    assert pair.shed(within, response, *known) == ([within, response, *known], 4, 0)


def test_what_is_held_passes(pair: Pair) -> None:
    data, other = pair.request(), pair.request(branch="z9hG4bK-2")
    held = ({}, OrderedDict({Message(data).server_key: 1}))
    assert pair.shed(data, other, held=held) == ([data], 2, 1)


def test_so_many_pass_as_there_is_room_for(pair: Pair) -> None:
    data = [pair.request(branch=f"z9hG4bK-{number}") for number in range(5)]
    assert pair.shed(*data, room=2) == (data[:2], 5, 3)
    assert len(pair.answers()) == 3


def test_a_full_batch_is_refused(pair: Pair) -> None:
    assert pair.shed(*[pair.request(branch=f"z9hG4bK-{number}") for number in range(BATCH)]) == ([], BATCH, BATCH)
    assert len(pair.answers()) == BATCH


def test_the_ack_for_a_refusal_ends_there(pair: Pair) -> None:
    tag = refusal_tag(Message(pair.request()).server_key)
    ours, other = pair.request("ACK", to_tag=tag), pair.request("ACK", "z9hG4bK-2", to_tag=tag)
    assert pair.shed(ours, other) == ([other], 2, 0)
    assert pair.answers() == []


def test_what_is_answered_elsewhere_passes(pair: Pair) -> None:
    """To another port, or by maddr: not for a shortcut."""
    plain = request("INVITE", sent_by=f"{pair.sent_by}:1").raw
    maddr = pair.request(via_params=";rport;maddr=192.0.2.9")
    assert pair.shed(plain, maddr) == ([plain, maddr], 2, 0)
    same = pair.request(via_params="")
    assert pair.shed(same) == ([], 1, 1)
    assert len(pair.answers()) == 1


def test_what_is_anothers_passes(pair: Pair) -> None:
    """Of three workers each refuses its own third."""
    calls = [pair.request(branch=f"z9hG4bK-{number}", call_id=f"call-{number}") for number in range(30)]
    for index in range(3):
        pair.send(*calls)
        passed, count, refused = pair.node.receive_shedding(0, RETRY_AFTER_S, (), 3, index)
        pair.node.flush()
        others = [call for call in calls if call_slot(call) % 3 != index]
        assert [data for data, _, _ in passed] == others
        assert (count, refused) == (30, 30 - len(others))
        assert 0 < refused < 30
        assert {answer.status for answer in pair.answers()} == {503}


def test_what_is_no_message_passes(pair: Pair) -> None:
    strange = [b"\r\n\r\n", b"\0\1\0\0", b"INVITE nothing", b"INVITE sip:x SIP/2.0\r\nTo: x\r\n\r\n"]
    assert pair.shed(*strange) == (strange, 4, 0)
    assert pair.shed() == ([], 0, 0)


def test_arguments_are_checked(pair: Pair) -> None:
    with pytest.raises(TypeError):
        pair.node.receive_shedding(0, 1, [])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tuple of dicts"):
        pair.node.receive_shedding(0, 1, ([],))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="retry_after_s"):
        pair.node.receive_shedding(0, 0, ())
    pair.node.close()
    with pytest.raises(ValueError, match="closed"):
        pair.node.receive_shedding(0, 1, ())
