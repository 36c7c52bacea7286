"""What strangers send: keep-alives, STUN, garbage, bad requests, responses that aren't ours."""

from __future__ import annotations

import pytest

from native.sip import Message
from sipcore.flow import Destination
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Node, Stack, Wire

STUN = bytes.fromhex("000100002112a442") + b"123456789012"


class World:
    def __init__(self) -> None:
        self.wire = Wire(delay_s=0.0)
        self.node = self.wire.node("192.0.2.1")
        self.phone: Node = self.wire.node("192.0.2.2")
        self.user = RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(200, to_tag="x")))
        self.stack = Stack(self.node, self.user)

    def receive(self, data: bytes) -> list[Message]:
        """Sends raw bytes from the phone; what it gets back."""
        self.node.receive(data, self.node.flows.flow_of(0, ("192.0.2.2", 5060), 0))  # type: ignore[arg-type]
        self.wire.run(0.0)
        return self.phone.received

    def count(self, name: str) -> int:
        return self.stack.counters[name]


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n", b"\0", b"\0\0\0\0"])
def test_keep_alives_are_ignored(data: bytes) -> None:
    world = World()
    assert world.receive(data) == []
    assert world.count("sip_keepalives_total|transport=udp") == 1


def test_stun_that_asks_for_nothing_is_ignored() -> None:
    world = World()
    assert world.receive(b"\0\x11" + STUN[2:]) == []
    assert world.count("sip_not_sip_total") == 1


def test_line_ends_before_the_start_line_are_skipped() -> None:
    world = World()
    assert [message.status for message in world.receive(b"\r\n\r\n" + request("OPTIONS").raw)] == [200]


@pytest.mark.parametrize(
    "data", [b"hello", b"\xff" * 100, b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS sip:a SIP/2.0\r\n\r\n", b"\x1f\r\n"]
)
def test_garbage_is_counted_and_not_answered(data: bytes) -> None:
    world = World()
    assert world.receive(data) == []
    assert world.user.transactions == []
    assert sum(n for name, n in world.stack.counters.items() if name.startswith("sip_parse_errors_total")) == 1


def test_a_request_cut_short_gets_400_that_says_why() -> None:
    """RFC 3261 section 18.3: the datagram ends before the body does."""
    world = World()
    (answer,) = world.receive(request("OPTIONS", body=b"12345").raw[:-2])
    assert answer.status == 400
    assert answer.to_tag
    assert (answer.get("Warning") or "").startswith("399 192.0.2.1:5060 ")
    assert world.user.transactions == []


def test_the_400_of_a_retransmission_is_the_same() -> None:
    world = World()
    for _ in range(2):
        world.receive(request("OPTIONS", body=b"12345").raw[:-2])
    assert world.phone.received[0].raw == world.phone.received[1].raw


def test_a_bad_ack_or_response_is_never_answered() -> None:
    world = World()
    world.receive(request("ACK", body=b"12345").raw[:-2])
    world.receive(request("OPTIONS", sent_by="192.0.2.1:5060").reply(200, body=b"12345").to_bytes()[:-2])
    assert world.phone.received == []


def test_a_request_without_via_is_counted_and_not_answered() -> None:
    world = World()
    lines = [line for line in request("OPTIONS").raw.split(b"\r\n") if not line.startswith(b"Via")]
    assert world.receive(b"\r\n".join(lines)) == []
    assert world.user.transactions == []


@pytest.mark.parametrize(
    "via",
    [b"SIP/2.0/UDP 192.0.2.2:5060;;,;,,", b"SIP/2.0/UDP 192.0.2.2;branch=", b"SIP/2.0/UDP 192.0.2.2:99999;branch=z", b"x"],
)
def test_a_request_with_a_broken_via_is_answered_where_it_came_from(via: bytes) -> None:
    """RFC 4475 section 3.1.2.1."""
    world = World()
    raw = request("OPTIONS").raw
    (answer,) = world.receive(raw.replace(raw.split(b"Via: ")[1].split(b"\r\n")[0], via))
    assert (answer.status, answer.get("Via")) == (400, via.decode())
    assert (answer.get("Warning") or "").startswith('399 192.0.2.1:5060 "bad Via: ')


def test_responses_of_another_version_are_dropped() -> None:
    world = World()
    client = RecordingClient()
    flow = world.node.flows.flow_to(Destination("udp", "192.0.2.2", 5060))
    mine = request("OPTIONS", sent_by="192.0.2.1:5060")
    world.stack.layer.request(mine.copy(), flow, client)
    world.receive(mine.reply(200).to_bytes().replace(b"SIP/2.0 200", b"SIP/3.0 200"))
    assert (client.told, world.count("sip_dropped_responses_total|reason=version")) == ([], 1)


def test_responses_that_are_not_ours_are_dropped() -> None:
    """RFC 3261 section 18.1.2."""
    world = World()
    client = RecordingClient()
    flow = world.node.flows.flow_to(Destination("udp", "192.0.2.2", 5060))
    mine = request("OPTIONS", sent_by="192.0.2.1:5060")
    world.stack.layer.request(mine.copy(), flow, client)
    world.receive(request("OPTIONS", sent_by="192.0.2.99:5060").reply(200).to_bytes())
    world.receive(request("OPTIONS", sent_by="192.0.2.1").reply(200).to_bytes())
    assert client.told == []
    assert world.count("sip_dropped_responses_total|reason=sent-by") == 2
    world.receive(b"SIP/2.0 200 OK\r\n\r\n")
    assert world.count("sip_parse_errors_total|header=Via") == 1
    world.receive(mine.reply(200).to_bytes())
    assert client.told == [200]


@pytest.mark.parametrize(
    ("sent_by", "via_params", "received", "rport"),
    [
        ("192.0.2.2:5060", "", None, None),
        ("192.0.2.2:5060", ";rport", "192.0.2.2", 5060),
        ("192.0.2.2:5060", ";rport=1", "192.0.2.2", 5060),
        ("10.0.0.1:5060", "", "192.0.2.2", None),
        ("phone.example.com", "", "192.0.2.2", None),
        ("192.0.2.2:5060", ";received=10.9.9.9", "192.0.2.2", None),
    ],
)
def test_the_top_via_is_stamped(sent_by: str, via_params: str, received: str | None, rport: int | None) -> None:
    """RFC 3261 section 18.2.1, RFC 3581 section 4; what the sender claims about itself is not believed."""
    world = World()
    world.receive(request("OPTIONS", sent_by=sent_by, via_params=via_params).raw)
    via = world.user.requests[0].via
    assert (via.received, via.rport) == (received, rport)


def test_requests_are_counted_by_known_method() -> None:
    world = World()
    for method in ("OPTIONS", "OPTIONS", "FANCY", "FANCIER"):
        world.receive(request(method, branch=f"z9hG4bK-{method}").raw)
    assert world.count("sip_requests_total|method=OPTIONS,transport=udp") == 2
    assert world.count("sip_requests_total|method=other,transport=udp") == 2


def test_malformed_messages_are_logged_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    too_many = request("OPTIONS").raw.replace(b"CSeq", b"X: x\r\n" * 300 + b"CSeq")
    for _ in range(3):
        world.receive(too_many)
    assert [record.message for record in caplog.records] == ["malformed messages: 192.0.2.2, too many headers"]
    world.wire.run(10.0)
    world.receive(b"hello")
    assert caplog.records[-1].message.endswith("(2 more since the last line)")
