"""Server transactions in virtual time: what is sent when, what the user is told, and how requests find them."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.transaction import ServerTransaction, TransactionSettings
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Stack, Wire


class Server:
    """A stack at 192.0.2.1, and a phone at 192.0.2.2 that sends to it."""

    def __init__(self, user: RecordingUser | None = None, **settings: object) -> None:
        self.wire = Wire(delay_s=0.0)
        self.node = self.wire.node("192.0.2.1", transports=("udp", "tcp"))
        self.phone = self.wire.node("192.0.2.2", transports=("udp", "tcp"))
        self.user = user or RecordingUser()
        self.stack = Stack(self.node, self.user, TransactionSettings(**settings))  # type: ignore[arg-type]
        self.start_s = self.wire.timers.now

    def receive(self, message: Message, transport: str = "udp") -> None:
        self.phone.send(message, self.node, transport)
        self.wire.run(0.0)

    def respond(self, status: int, number: int = -1) -> None:
        self.user.transactions[number].respond(self.user.requests[number].reply(status, to_tag="to-1"))

    def sent(self) -> list[tuple[float, str]]:
        return [(round(packet.at_s - self.start_s, 3), packet.start) for packet in self.wire.sent(self.node)]

    @property
    def states(self) -> list[str]:
        return [transaction.state for transaction in self.user.transactions]


def test_an_invite_is_told_once_and_its_retransmissions_get_the_last_provisional() -> None:
    server = Server()
    server.receive(request())
    server.receive(request())
    server.respond(180)
    server.receive(request())
    assert len(server.user.transactions) == 1
    assert [start for _, start in server.sent()] == ["100", "100", "180", "180"]
    trying = server.wire.sent(server.node, "100")[0].message
    assert trying.to_tag is None


def test_no_100_when_the_user_answers_at_once() -> None:
    server = Server(RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(404, to_tag="x"))))
    server.receive(request())
    server.wire.run(0.3)
    assert [start for _, start in server.sent()] == ["404"]


@pytest.mark.parametrize(("answer_after_s", "expected"), [(0.1, ["180"]), (0.3, ["100", "180"])])
def test_100_after_200_ms_when_not_immediate(answer_after_s: float, expected: list[str]) -> None:
    server = Server(immediate_trying=False)
    server.receive(request())
    server.wire.run(answer_after_s)
    server.respond(180)
    server.wire.run(1)
    assert [start for _, start in server.sent()] == expected
    if len(expected) == 2:
        assert server.sent()[0][0] == 0.2


def test_timer_g_repeats_a_failure_capped_at_t2_until_timer_h() -> None:
    server = Server(RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(486, to_tag="x"))))
    server.receive(request())
    server.wire.run(33)
    assert [at for at, start in server.sent()] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert server.states == ["terminated"]
    assert server.stack.layer.server_count == 0


def test_ack_ends_the_repetition_and_is_absorbed() -> None:
    server = Server(RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(486, to_tag="x"))))
    server.receive(request())
    server.wire.run(0.7)
    server.receive(request("ACK", to_tag="x"))
    server.receive(request("ACK", to_tag="x"))
    server.wire.run(4.9)
    assert [at for at, _ in server.sent()] == [0.0, 0.5]
    assert server.states == ["confirmed"]
    server.wire.run(0.2)
    assert server.states == ["terminated"]
    assert server.user.acks == []


def test_after_a_2xx_retransmissions_are_absorbed_and_acks_told_for_64_t1() -> None:
    """RFC 6026 section 7.1."""
    server = Server()
    server.receive(request())
    server.respond(200)
    server.receive(request())
    server.respond(200)  # the far end repeats its 2xx
    server.receive(request("ACK", to_tag="to-1"))
    server.receive(request("ACK", to_tag="to-1", branch="z9hG4bK-other"))
    assert [start for _, start in server.sent()] == ["100", "200", "200"]
    assert len(server.user.acks) == 2
    server.wire.run(31.9)
    assert server.states == ["accepted"]
    server.wire.run(0.2)
    assert server.stack.layer.server_count == 0
    server.respond(200)
    assert len(server.sent()) == 3


def test_a_second_final_response_and_a_late_provisional_are_dropped_and_counted() -> None:
    server = Server()
    server.receive(request())
    server.respond(200)
    server.respond(486)
    server.respond(180)
    assert [start for _, start in server.sent()] == ["100", "200"]
    illegal = {name: n for name, n in server.stack.counters.items() if name.startswith("sip_transaction_illegal")}
    assert illegal == {
        "sip_transaction_illegal_events_total|side=server,state=accepted,event=300-699": 1,
        "sip_transaction_illegal_events_total|side=server,state=accepted,event=1xx": 1,
    }


def test_non_invite_gets_100_only_when_timer_e_reached_t2() -> None:
    """RFC 4320 section 4.1."""
    server = Server()
    server.receive(request("OPTIONS"))
    server.respond(180)
    server.respond(100)
    server.receive(request("OPTIONS"))
    server.wire.run(3.4)
    assert server.sent() == []
    server.wire.run(0.2)
    assert server.sent() == [(3.5, "100")]
    server.receive(request("OPTIONS"))
    assert [start for _, start in server.sent()] == ["100", "100"]


def test_non_invite_that_is_never_answered_ends_in_silence() -> None:
    """RFC 4320 section 4.2: no 408."""
    server = Server()
    server.receive(request("MESSAGE"))
    server.wire.run(31.9)
    assert server.stack.layer.server_count == 1
    server.wire.run(0.2)
    assert server.stack.layer.server_count == 0
    server.respond(200)
    assert [start for _, start in server.sent()] == ["100"]


def test_a_final_non_invite_response_is_repeated_on_request_for_64_t1() -> None:
    server = Server(RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(200, to_tag="x"))))
    for _ in range(3):
        server.receive(request("OPTIONS"))
        server.wire.run(10)
    assert len(server.user.transactions) == 1
    assert [start for _, start in server.sent()] == ["200", "200", "200"]
    server.wire.run(2.1)
    server.receive(request("OPTIONS"))
    assert len(server.user.transactions) == 2


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_over_a_reliable_transport_waiting_takes_no_time(method: str) -> None:
    server = Server(RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(486, to_tag="x"))))
    server.receive(request(method, transport="TCP"), "tcp")
    if method == "INVITE":
        assert server.states == ["completed"]
        server.wire.run(5)
        assert [start for _, start in server.sent()] == ["486"]
        server.receive(request("ACK", transport="TCP", to_tag="x"), "tcp")
    assert server.states == ["terminated"]
    assert server.stack.layer.server_count == 0


def test_cancel_finds_its_invite_and_its_repetition_gets_the_same_answer() -> None:
    server = Server()
    server.receive(request())
    server.receive(request("CANCEL"))
    server.receive(request("CANCEL"))
    ((cancel, invite),) = server.user.cancels
    assert invite is server.user.transactions[0]
    assert cancel is not invite
    assert [start for _, start in server.sent()] == ["100", "200", "200"]


def test_cancel_after_the_final_response_still_finds_its_invite() -> None:
    server = Server()
    server.receive(request())
    server.respond(200)
    server.receive(request("CANCEL"))
    assert server.user.cancels[0][1] is server.user.transactions[0]


def test_cancel_of_nothing() -> None:
    server = Server()
    server.receive(request())
    server.receive(request("CANCEL", branch="z9hG4bK-2"))
    assert server.user.cancels[0][1] is None
    assert [start for _, start in server.sent()] == ["100", "481"]


def test_same_branch_from_another_sent_by_is_another_transaction() -> None:
    server = Server()
    server.receive(request(sent_by="192.0.2.2:5060"))
    server.receive(request(sent_by="192.0.2.2:5062"))
    server.receive(request(sent_by="phone.example.com:5060"))
    assert len(server.user.transactions) == 3


def test_rfc_2543_clients_match_without_a_branch() -> None:
    server = Server()
    server.receive(request(branch="1", call_id="a"))
    server.receive(request(branch="1", call_id="a"))
    server.receive(request(branch="1", call_id="b"))
    server.receive(request("CANCEL", branch="1", call_id="b"))
    assert len(server.user.transactions) == 2
    assert server.user.cancels[0][1] is server.user.transactions[1]
    server.respond(486, 0)
    server.receive(request("ACK", branch="1", call_id="a", to_tag="to-1"))
    assert server.states == ["confirmed", "proceeding"]


def test_ack_without_a_transaction_is_told() -> None:
    server = Server()
    server.receive(request("ACK", to_tag="to-1"))
    assert [ack.method for ack in server.user.acks] == ["ACK"]
    assert server.stack.layer.server_count == 0


def test_ack_while_proceeding_is_illegal() -> None:
    server = Server()
    server.receive(request())
    server.receive(request("ACK"))
    assert server.user.acks == []
    assert server.states == ["proceeding"]


def test_above_the_limit_new_requests_get_503_and_old_ones_go_on() -> None:
    server = Server(max_server_transactions=1, retry_after_s=7)
    server.receive(request())
    server.receive(request(branch="z9hG4bK-2"))
    server.receive(request())
    refusal = server.wire.sent(server.node, "503")[0].message
    assert 1 <= int(refusal.get("Retry-After") or "") <= 7
    assert refusal.to_tag
    assert [start for _, start in server.sent()] == ["100", "503", "100"]
    assert server.stack.counters["sip_transactions_refused_total"] == 1


def test_an_error_of_the_user_is_answered_with_500() -> None:
    def fail(transaction: ServerTransaction) -> None:
        raise RuntimeError("a bug")

    server = Server(RecordingUser(fail))
    with pytest.raises(RuntimeError, match="a bug"):
        server.receive(request())
    assert [start for _, start in server.sent()] == ["500"]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_an_error_of_the_user_after_its_answer_adds_none(method: str) -> None:
    def answer_and_fail(transaction: ServerTransaction) -> None:
        transaction.respond(transaction.request.reply(404, to_tag="x"))
        raise RuntimeError("a bug")

    server = Server(RecordingUser(answer_and_fail))
    with pytest.raises(RuntimeError, match="a bug"):
        server.receive(request(method))
    assert [start for _, start in server.sent()] == ["404"]
    assert server.states == ["completed"]
    assert not [name for name in server.stack.counters if name.startswith("sip_transaction_illegal")]


def test_what_ends_the_process_is_no_error_to_be_answered() -> None:
    def stop(transaction: ServerTransaction) -> None:
        raise KeyboardInterrupt

    server = Server(RecordingUser(stop))
    with pytest.raises(KeyboardInterrupt):
        server.receive(request())
    assert server.sent() == []


def test_the_request_is_dropped_with_the_final_response() -> None:
    server = Server()
    server.receive(request())
    transaction = server.user.transactions[0]
    assert transaction.request.method == "INVITE"
    server.respond(200)
    with pytest.raises(AttributeError):
        transaction.request.method  # noqa: B018


@pytest.mark.parametrize(
    ("sent_by", "via_params", "source_port", "expected_port"),
    [
        ("192.0.2.2:5060", "", 5060, 5060),
        ("192.0.2.2:5062", "", 5060, 5062),
        ("192.0.2.2", "", 5062, 5060),
        ("192.0.2.2:5062", ";rport", 5060, 5060),
        ("phone.example.com:5062", "", 5060, 5062),
        ("10.0.0.1:5062", ";rport", 5060, 5060),
    ],
)
def test_udp_responses_go_where_via_and_source_say(sent_by: str, via_params: str, source_port: int, expected_port: int) -> None:
    server = Server()
    phone = server.wire.node("192.0.2.3", port=source_port)
    sent_by = sent_by.replace("192.0.2.2", "192.0.2.3")
    phone.send(request("OPTIONS", sent_by=sent_by, via_params=via_params), server.node)
    server.wire.run(0.0)
    transaction = server.user.transactions[0]
    transaction.respond(transaction.request.reply(200, to_tag="x"))
    (packet,) = server.wire.sent(server.node)
    assert packet.destination == ("192.0.2.3", expected_port)
    via = packet.message.via
    assert via.received == (None if sent_by.startswith("192.0.2.3") and not via_params else "192.0.2.3")
    assert via.rport == (source_port if via_params else None)


def test_maddr_is_served_when_it_is_one_host() -> None:
    server = Server()
    server.receive(request("OPTIONS", via_params=";maddr=192.0.2.9"))
    server.receive(request("OPTIONS", branch="z9hG4bK-2", via_params=";maddr=224.0.1.75"))
    for transaction in server.user.transactions:
        transaction.respond(transaction.request.reply(200, to_tag="x"))
    assert [packet.destination[0] for packet in server.wire.sent(server.node)] == ["192.0.2.9", "192.0.2.2"]


def test_a_closed_connection_is_replaced_by_one_to_the_sent_by_port() -> None:
    """RFC 3261 section 18.2.2; never to the source port."""
    server = Server()
    server.receive(request("OPTIONS", transport="TCP", sent_by="192.0.2.2:5060"), "tcp")
    first = next(iter(server.phone.flows.connections.values()))
    first.close()
    server.wire.run(0.1)
    transaction = server.user.transactions[0]
    transaction.respond(transaction.request.reply(200, to_tag="x"))
    server.wire.run(0.1)
    (packet,) = server.wire.sent(server.node)
    assert (packet.transport, packet.destination) == ("tcp", ("192.0.2.2", 5060))
    assert [message.status for message in server.phone.received] == [200]
