"""Over real sockets: the kernel puts each datagram into the socket of the worker that ``call_slot`` names."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from native.sip import call_slot
from sipmesh import steering
from sipmesh.sockets import open_shared, open_udp
from sipmesh.steering import MAX_HEADER_BYTES, MAX_VALUE_BYTES, steer

WORKERS = 3
HEAD = "INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"


class Group:
    def __init__(self, sockets: list[socket.socket], sender: socket.socket) -> None:
        self.sockets = sockets
        self.steered = False  # the kernel may not let us
        self._sender = sender
        for each in sockets:
            each.setblocking(False)

    def taker(self, data: bytes) -> int:
        """Index of the one socket that got it."""
        self._sender.sendto(data, self.sockets[0].getsockname())
        takers = []
        for index, each in enumerate(self.sockets):
            try:
                assert each.recv(65535) == data
            except BlockingIOError:
                continue
            takers.append(index)
        assert len(takers) == 1
        return takers[0]


@contextmanager
def opened(host: str) -> Iterator[Group]:
    with ExitStack() as stack:
        sockets = open_shared(open_udp, host, 0, WORKERS)
        sender = open_udp(host, 0)
        for each in (*sockets, sender):
            stack.enter_context(each)
        yield Group(sockets, sender)


@pytest.fixture(scope="module", params=["127.0.0.1", "::1"])
def group(request: pytest.FixtureRequest) -> Iterator[Group]:
    with opened(request.param) as group:
        group.steered = steer([group.sockets])
        yield group


def owner(data: bytes) -> int:
    return call_slot(data) % WORKERS


def test_each_message_of_a_call_finds_its_worker(group: Group) -> None:
    names = ("Call-ID", "i", "CALL-ID", "call-id")
    values = ("{}", " {}@host.example.com", "   {}", "\t{}-a:b")
    messages = [
        f"{HEAD}{names[n % 4]}:{values[n // 4 % 4].format(n * 7919)}\r\nCSeq: 1 INVITE\r\n\r\n".encode() for n in range(96)
    ]
    found = [group.taker(message) for message in messages]
    assert set(found) == set(range(WORKERS)) or not group.steered
    assert found == [owner(message) for message in messages] or not group.steered


def test_registrations_by_their_address_of_record(group: Group) -> None:
    values = ("<sip:User{}@EXAMPLE.com>", '"Bob: x" <sip:user{}@example.com;user=phone>;x=1', "<sips:u{}@h:5061?a=b>")
    messages = [
        f"REGISTER sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1\r\n{('To', 't')[n % 2]}: {values[n % 3].format(n)}\r\n"
        f"Call-ID: {n}\r\nCSeq: 1 REGISTER\r\n\r\n".encode()
        for n in range(60)
    ]
    found = [group.taker(message) for message in messages]
    assert found == [owner(message) for message in messages] or not group.steered


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\0" * 20,
        b"Call-ID:",
        b"INVITE sip:a@b SIP/2.0\r\nCall-ID:" + b" " * 50,
        b"INVITE sip:a@b SIP/2.0\r\nCall-ID: " + b"x" * (2 * MAX_VALUE_BYTES) + b"\r\n\r\n",
        HEAD.encode() + b"X: " + b"y" * (2 * MAX_HEADER_BYTES) + b"\r\nCall-ID: 1\r\n\r\n",
        b"REGISTER sip:h SIP/2.0\r\nTo: sip:bob@example.com\r\n\r\n",
        b"REGISTER sip:h SIP/2.0\r\nTo: <bob>\r\n\r\n",
        b"\xff" * 9000,
    ],
)
def test_what_it_cannot_read_arrives_all_the_same(group: Group, data: bytes) -> None:
    assert group.taker(data) in range(WORKERS)


def test_without_leave_the_node_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(code: bytes) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(steering, "load", refuse)
    with opened("127.0.0.1") as group, caplog.at_level(logging.INFO):
        assert not steer([group.sockets])
        assert "does not let us steer them (Operation not permitted)" in caplog.text
        assert group.taker(b"OPTIONS sip:h SIP/2.0\r\n\r\n") in range(WORKERS)


def test_nothing_to_steer() -> None:
    assert steer([])
