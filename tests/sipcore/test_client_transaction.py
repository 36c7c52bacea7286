"""Client transactions in virtual time: what is sent when, and what the user is told."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.errors import UsageError
from sipcore.flow import Destination
from sipcore.transaction import ClientTransaction, TransactionSettings
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Node, Stack, Wire, WireFlow


class Client:
    """A stack at 192.0.2.1 that sends to a phone at 192.0.2.2."""

    def __init__(self, transports: tuple[str, ...] = ("udp",), peer: tuple[str, ...] | None = None) -> None:
        self.wire = Wire(delay_s=0.0)
        self.node = self.wire.node("192.0.2.1", transports=transports)
        self.phone: Node = self.wire.node("192.0.2.2", transports=peer or transports)
        self.user = RecordingUser()
        self.stack = Stack(self.node, self.user)
        self.client = RecordingClient()
        self.start_s = self.wire.timers.now

    def send(self, message: Message, transport: str = "udp") -> ClientTransaction:
        flow = self.node.flows.flow_to(Destination(transport, "192.0.2.2", 5060))
        return self.stack.layer.request(message, flow, self.client)

    def answer(self, message: Message, status: int, to_tag: str = "to-1") -> None:
        self.phone.send(message.reply(status, to_tag=to_tag), self.node)

    def times(self, *starts: str) -> list[float]:
        return [round(packet.at_s - self.start_s, 3) for packet in self.wire.sent(self.node, *starts)]


def ours(method: str = "INVITE", **options: object) -> Message:
    return request(method, sent_by="192.0.2.1:5060", **options)  # type: ignore[arg-type]


def test_timer_a_doubles_without_a_cap_until_timer_b() -> None:
    world = Client()
    transaction = world.send(ours())
    world.wire.run(31.99)
    assert world.client.told == []
    world.wire.run(0.02)
    assert world.times() == [0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert world.client.told == ["timeout"]
    assert transaction.state == "terminated"
    assert world.stack.layer.client_count == 0
    world.wire.run(100)
    assert len(world.times()) == 7


def test_timer_e_is_capped_at_t2_until_timer_f() -> None:
    world = Client()
    world.send(ours("OPTIONS"))
    world.wire.run(33)
    assert world.times() == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert world.client.told == ["timeout"]


def test_settings_scale_the_timers() -> None:
    world = Client()
    world.stack = Stack(world.node, world.user, TransactionSettings(t1_s=0.1))
    world.send(ours())
    world.wire.run(10)
    assert world.times() == [0.0, 0.1, 0.3, 0.7, 1.5, 3.1, 6.3]
    assert world.client.told == ["timeout"]


def test_a_provisional_ends_retransmission_and_timer_b_of_invite() -> None:
    world = Client()
    world.send(ours())
    world.wire.run(0.7)
    world.answer(ours(), 180)
    world.wire.run(180)
    assert world.times() == [0.0, 0.5]
    assert world.client.told == [180]


def test_after_a_provisional_non_invite_goes_on_at_t2() -> None:
    world = Client()
    world.send(ours("OPTIONS"))
    world.wire.run(0.6)
    world.answer(ours("OPTIONS"), 100)
    world.wire.run(12)
    assert world.times() == [0.0, 0.5, 1.5, 5.5, 9.5]
    world.answer(ours("OPTIONS"), 200)
    world.wire.run(100)
    assert world.client.told == [100, 200]
    assert len(world.times()) == 5


def test_nothing_is_repeated_over_a_reliable_transport() -> None:
    world = Client(("tcp",))
    world.send(ours(transport="TCP"), "tcp")
    world.send(ours("OPTIONS", transport="TCP", branch="z9hG4bK-2"), "tcp")
    world.wire.run(40)
    assert world.times() == [0.0, 0.0]
    assert world.client.told == ["timeout", "timeout"]


def test_ack_for_a_failure() -> None:
    """RFC 3261 section 17.1.1.3: Request-URI, top Via alone, Route, CSeq number of the INVITE; To of the response."""
    world = Client()
    invite = ours(
        cseq=7, headers=(("Route", "<sip:192.0.2.2;lr>"), ("Route", "<sip:192.0.2.3;lr>"), ("Contact", "<sip:x@192.0.2.1>"))
    )
    invite.append("Via", "SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bK-upstream")
    world.send(invite.copy())
    world.wire.run(0.1)
    world.answer(invite, 486)
    world.wire.run(0.1)
    (packet,) = world.wire.sent(world.node, "ACK")
    ack = packet.message
    assert packet.destination == ("192.0.2.2", 5060)
    assert ack.request_uri_text == "sip:bob@example.com"
    assert ack.get_all("Via") == [invite.via.text]
    assert (ack.cseq, ack.cseq_method, ack.call_id) == (7, "ACK", invite.call_id)
    assert (ack.from_.text, ack.to_tag) == (invite.from_.text, "to-1")
    assert [route.text for route in ack.routes] == ["<sip:192.0.2.2;lr>", "<sip:192.0.2.3;lr>"]
    assert not ack.has("Contact")
    assert ack.body == b""


def test_a_repeated_failure_gets_its_ack_again_for_32_seconds() -> None:
    world = Client()
    world.send(ours())
    world.wire.run(0.1)
    for _ in range(3):
        world.answer(ours(), 486)
        world.wire.run(15)
    assert world.client.told == [486]
    assert len(world.wire.sent(world.node, "ACK")) == 3
    assert world.stack.layer.client_count == 0
    world.answer(ours(), 486)
    world.wire.run(1)
    assert [response.status for response in world.user.strays] == [486]


def test_every_2xx_is_told_for_64_t1_and_failures_after_it_are_not() -> None:
    world = Client()
    transaction = world.send(ours())
    world.wire.run(0.1)
    for status, tag in ((200, "a"), (200, "b"), (486, "c"), (180, "d"), (200, "a")):
        world.answer(ours(), status, tag)
        world.wire.run(1)
    assert world.client.told == [200, 200, 200]
    assert transaction.last_status == 200
    assert world.wire.sent(world.node, "ACK") == []
    world.wire.run(32)
    assert world.stack.layer.client_count == 0
    assert world.stack.counters["sip_transaction_illegal_events_total|side=client,state=accepted,event=300-699"] == 1


def test_cancel_waits_for_the_first_provisional() -> None:
    world = Client()
    transaction = world.send(ours())
    transaction.cancel((("Reason", "SIP;cause=200"),))
    transaction.cancel()
    world.wire.run(2)
    assert world.wire.sent(world.node, "CANCEL") == []
    world.answer(ours(), 100)
    world.wire.run(0.1)
    (packet,) = world.wire.sent(world.node, "CANCEL")
    cancel = packet.message
    assert cancel.get_all("Via") == [ours().via.text]
    assert (cancel.cseq, cancel.cseq_method) == (1, "CANCEL")
    assert cancel.get("Reason") == "SIP;cause=200"
    assert (cancel.to_tag, cancel.from_tag, cancel.request_uri_text) == (None, "from-1", "sip:bob@example.com")


def test_cancel_after_a_provisional_goes_at_once_and_once() -> None:
    world = Client()
    transaction = world.send(ours())
    world.wire.run(0.1)
    world.answer(ours(), 180)
    world.wire.run(0.1)
    transaction.cancel()
    transaction.cancel()
    world.answer(ours("CANCEL"), 200)
    world.answer(ours(), 180)
    world.wire.run(0.1)
    assert world.times("CANCEL") == [0.2]
    world.answer(ours(), 487)
    world.wire.run(0.1)
    assert world.client.told == [180, 180, 487]
    assert world.times("ACK") == [0.3]


def test_cancel_from_inside_the_first_provisional() -> None:
    world = Client()
    world.client.react = lambda transaction, response: transaction.cancel() if response.status < 200 else None
    world.send(ours())
    world.answer(ours(), 180)
    world.wire.run(0.1)
    assert len(world.wire.sent(world.node, "CANCEL")) == 1


def test_an_invite_that_ignores_its_cancel_times_out() -> None:
    """RFC 3261 section 9.1: 64*T1 after the CANCEL; the CANCEL itself is repeated like any non-INVITE request."""
    world = Client()
    transaction = world.send(ours())
    world.answer(ours(), 180)
    world.wire.run(1)
    transaction.cancel()
    world.wire.run(31.9)
    assert world.client.told == [180]
    world.wire.run(0.2)
    assert world.client.told == [180, "timeout"]
    assert len(world.wire.sent(world.node, "CANCEL")) == 11
    assert world.stack.layer.client_count == 0


def test_cancel_after_the_final_response_does_nothing() -> None:
    world = Client()
    transaction = world.send(ours())
    world.answer(ours(), 200)
    world.wire.run(0.1)
    transaction.cancel()
    world.wire.run(1)
    assert world.wire.sent(world.node, "CANCEL") == []


def test_responses_match_by_branch_with_case_and_by_method() -> None:
    world = Client()
    world.send(ours(branch="z9hG4bK-AbC"))
    world.answer(ours(branch="z9hG4bK-aBc"), 180)
    world.answer(ours("OPTIONS", branch="z9hG4bK-AbC"), 200)
    world.wire.run(0.1)
    assert world.client.told == []
    assert [response.status for response in world.user.strays] == [180, 200]


def test_the_request_is_dropped_with_the_final_response() -> None:
    world = Client()
    seen: list[str] = []
    world.client.react = lambda transaction, response: seen.append(transaction.request.method)
    transaction = world.send(ours())
    world.answer(ours(), 200)
    world.wire.run(0.1)
    assert seen == ["INVITE"]
    with pytest.raises(AttributeError):
        transaction.request.method  # noqa: B018


def test_a_branch_in_use_and_an_ack_are_refused() -> None:
    world = Client()
    world.send(ours())
    with pytest.raises(UsageError):
        world.send(ours())
    with pytest.raises(UsageError):
        world.send(ours("ACK", branch="z9hG4bK-2"))


def test_a_refused_connection_is_told_but_not_before_request_returns() -> None:
    world = Client(("tcp",), peer=("udp",))
    world.send(ours(transport="TCP"), "tcp")
    assert world.client.told == []
    world.wire.run(0.1)
    assert world.client.told == ["transport error"]
    assert world.stack.layer.client_count == 0


def test_a_connection_that_closes_fails_what_waits_on_it() -> None:
    world = Client(("tcp",))
    world.send(ours("OPTIONS", transport="TCP"), "tcp")
    ringing = ours(transport="TCP", branch="z9hG4bK-2")
    world.send(ringing, "tcp")
    world.wire.run(0.1)
    far = next(iter(world.phone.flows.connections.values()))
    far.send(ringing.reply(180, to_tag="x").to_bytes())
    world.wire.run(0.1)
    far.close()
    world.wire.run(0.1)
    assert world.client.told == [180, "transport error"]
    assert world.stack.layer.client_count == 1  # the ringing INVITE may still be answered over another connection


def test_a_request_over_a_closed_flow_is_told_later() -> None:
    world = Client(("tcp",))
    flow = world.node.flows.flow_to(Destination("tcp", "192.0.2.2", 5060))
    assert isinstance(flow, WireFlow)
    flow.close()
    world.stack.layer.request(ours(transport="TCP"), flow, world.client)
    assert world.client.told == []
    world.wire.run(0.1)
    assert world.client.told == ["transport error"]


LONG = ours(body=b"x" * 1300)


def test_a_long_request_takes_tcp_and_its_via_says_so() -> None:
    world = Client(("udp", "tcp"))
    world.send(LONG.copy())
    world.wire.run(1)
    (packet,) = world.wire.log
    assert packet.transport == "tcp"
    assert packet.message.via.transport == "TCP"
    assert packet.message.via.branch == LONG.via.branch
    far = next(iter(world.phone.flows.connections.values()))
    far.send(packet.message.reply(200, to_tag="x").to_bytes())
    world.wire.run(1)
    assert world.client.told == [200]


def test_a_long_request_falls_back_to_udp_when_tcp_is_refused() -> None:
    world = Client(("udp", "tcp"), peer=("udp",))
    world.send(LONG.copy())
    world.wire.run(1)
    assert [(packet.transport, packet.message.via.transport) for packet in world.wire.log] == [
        ("tcp", "TCP"),
        ("udp", "UDP"),
        ("udp", "UDP"),
    ]
    world.answer(LONG, 200)
    world.wire.run(1)
    assert world.client.told == [200]
    assert world.stack.counters["sip_stream_fallbacks_total"] == 1


@pytest.mark.parametrize("limit", [1300, 0])
def test_a_long_request_stays_on_udp_without_tcp_or_limit(limit: int) -> None:
    world = Client(("udp",) if limit else ("udp", "tcp"))
    world.stack = Stack(world.node, world.user, TransactionSettings(max_datagram_bytes=limit))
    world.send(LONG.copy())
    world.wire.run(0.1)
    assert [packet.transport for packet in world.wire.log] == ["udp"]


def test_a_long_request_stays_on_a_fixed_flow() -> None:
    world = Client(("udp", "tcp"))
    flow = world.node.flows.flow_to(Destination("udp", "192.0.2.2", 5060))
    world.stack.layer.request(LONG.copy(), flow, world.client, fixed_flow=True)
    assert [packet.transport for packet in world.wire.log] == ["udp"]


@pytest.mark.parametrize("way", ["send", "stream_flow"])
def test_a_request_that_does_not_leave_for_an_error_of_ours_leaves_nothing_behind(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    world = Client(("udp", "tcp"))
    monkeypatch.setattr(WireFlow if way == "send" else type(world.node.flows), way, fail)
    with pytest.raises(RuntimeError, match="a bug"):
        world.send(LONG.copy())
    assert world.stack.layer.client_count == 0
    assert world.wire.timers.next_deadline() is None
    monkeypatch.undo()
    world.send(LONG.copy())
    assert world.stack.layer.client_count == 1


def test_an_unreachable_address_fails_its_datagram_transactions() -> None:
    world = Client()
    world.send(ours())
    world.stack.layer.unreachable({(0, ("192.0.2.9", 5060)), (1, ("192.0.2.2", 5060))})
    assert world.client.told == []
    world.stack.layer.unreachable({(0, ("192.0.2.2", 5060))})
    assert world.client.told == ["transport error"]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_what_icmp_brings_back_fails_the_request_it_is_the_beginning_of(method: str) -> None:
    world = Client()
    sent = ours(method)
    world.send(sent)
    data = sent.to_bytes()
    end_of_via = data.index(b"\r\n", data.index(b"branch="))
    forged = [
        b"",
        data[:8],
        data[:end_of_via],  # whether the branch ends there nobody knows
        data.replace(b"branch=z9hG4bK-1", b"branch=z9hG4bK-2"),
        data.replace(method.encode(), b"MESSAGE", 1),
        data.replace(method.encode(), b"\xff\xfe", 1),
        b"SIP/2.0 200 OK" + data[data.index(b"\r\n") :],
    ]
    assert [world.stack.layer.undelivered(each) for each in forged] == [False] * len(forged)
    assert world.client.told == []
    assert world.stack.layer.undelivered(data[: end_of_via + 1])
    assert world.client.told == ["transport error"]
    assert not world.stack.layer.undelivered(data)


def test_icmp_says_nothing_of_an_invite_that_rings_or_of_a_stream() -> None:
    world = Client(("udp", "tcp"))
    ringing, over_tcp = ours(), ours("OPTIONS", branch="z9hG4bK-2", transport="TCP")
    world.send(ringing)
    world.answer(ringing, 180)
    world.wire.run(0.1)
    world.send(over_tcp, "tcp")
    assert world.stack.layer.undelivered(ringing.to_bytes())
    assert not world.stack.layer.undelivered(over_tcp.to_bytes())
    assert world.client.told == [180]
