"""FlowTable: which endpoint leads where is asked once, and what is odd goes to the methods above."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import FlowTable, Message, Timers, UdpFlow
from tests.native.shell import Shell
from tests.native.sip_samples import INVITE

NEAR = SimpleNamespace(index=3)


class Table(FlowTable):
    """Of one endpoint for datagrams and one for streams."""

    def __init__(self, timers: Timers, datagrams: Any) -> None:
        self.kept: dict[Any, tuple[bool, float]] = {}
        super().__init__(timers, self.kept)
        self.streams = SimpleNamespace(connections={5: "an open one"})
        self.by_index[0], self.by_index[1] = datagrams, self.streams
        self.asked: list[Any] = []

    def choose(self, destination: Any, near: Any) -> Any:
        self.asked.append((destination.transport, near))
        endpoint = self.by_index[0 if destination.transport == "udp" else 1]
        self.chosen[destination.transport, destination.host, -1 if near is None else near.index] = endpoint
        return endpoint

    def stream_to(self, endpoint: Any, destination: Any) -> Any:
        return endpoint, destination.port

    def connection_elsewhere(self, endpoint: Any, remote: Any, connection_id: int) -> Any:
        return endpoint, remote, connection_id

    def flow_by_via(self, request: Message, flow: Any) -> str:
        return f"by Via of {request.method}"

    def find_local(self, host: str, port: int | None, transport: str | None) -> bool:
        self.asked.append(host)
        return False


def to(transport: str, port: int = 5060) -> Any:
    return SimpleNamespace(transport=transport, host="127.0.0.1", port=port)


def test_the_way_to_a_destination_is_kept() -> None:
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        there, also_there = to("udp"), to("udp")
        first = table.flow_to(there, NEAR)
        assert table.flow_to(there, NEAR) is table.flow_to(also_there, NEAR) is first
        assert table.flow_to(there) is first
        table.by_index[0] = "another"
        assert table.flow_to(there, NEAR) is table.flow_to(there) is first
        assert table.asked == [("udp", NEAR), ("udp", None)]


def test_a_choice_that_is_forgotten_is_made_anew() -> None:
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        there = to("udp")
        table.flow_to(there)
        table.forget_chosen()
        assert not table.chosen
        table.flow_to(there)
        assert table.asked == [("udp", None), ("udp", None)]


def test_a_way_ends_with_its_endpoint() -> None:
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        there = to("udp")
        table.flow_to(there)
        shell.port.close()
        table.by_index[0] = table.streams
        table.forget_chosen()
        assert table.flow_to(there) == (table.streams, 5060)


def test_an_endpoint_is_chosen_once_for_each_way() -> None:
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        first = table.flow_to(to("udp"))
        assert isinstance(first, UdpFlow)
        assert table.flow_to(to("udp"), None) is first
        assert table.flow_to(to("udp", 5061)).remote == ("127.0.0.1", 5061)
        assert table.flow_to(to("udp"), NEAR) is first
        assert table.flow_to(to("tcp"), NEAR) == (table.streams, 5060)
        assert table.asked == [("udp", None), ("udp", NEAR), ("tcp", NEAR)]


def test_a_flow_by_its_token() -> None:
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        assert table.flow_of(0, ("127.0.0.1", 9), 0) is table.flow_to(to("udp", 9))
        assert table.flow_of(0, ("127.0.0.1", 9), 7) is None
        assert table.flow_of(9, ("127.0.0.1", 9), 0) is None
        assert table.flow_of(1, ("127.0.0.1", 9), 5) == "an open one"
        assert table.flow_of(1, ("127.0.0.1", 9), 7) == (table.streams, ("127.0.0.1", 9), 7)


def test_answers_go_back_where_they_can() -> None:
    """RFC 3581 section 4: what came by a datagram and wants rport; RFC 3261 section 18.2.2: an open connection."""
    with Shell() as shell:
        table = Table(shell.engine.timers, shell.port)
        flow = table.flow_to(to("udp"))
        stamped, plain = Message.received(INVITE, ("192.0.2.1", 5)), Message(INVITE.replace(b";rport", b""))
        assert table.reply_flow(stamped, flow) is flow
        assert table.reply_flow(plain, flow) == "by Via of INVITE"
        connection = SimpleNamespace(reliable=True, closed=False)
        assert table.reply_flow(plain, connection) is connection
        connection.closed = True
        assert table.reply_flow(stamped, connection) == "by Via of INVITE"


def test_what_is_ours_is_known_for_a_while() -> None:
    table = Table(Timers(100.0, 0.0), None)
    place = ("example.com", 5060, "udp")
    assert not table.is_local(*place)
    table.kept[place] = (True, 100.5)
    assert table.is_local(*place)
    table.kept[place] = (True, 100.0)
    assert not table.is_local(*place)
    assert table.asked == ["example.com"] * 2


def test_wrong_arguments_are_refused() -> None:
    table: Any = Table(Timers(0.0, 0.0), None)
    for call in (
        table.flow_to,
        lambda: table.flow_of(0),
        lambda: table.reply_flow("x", "y"),
        lambda: table.is_local("x"),
        lambda: table.is_local([], 1, "udp"),
        lambda: FlowTable(None, {}),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    with pytest.raises(AttributeError):
        table.flow_to(5)
