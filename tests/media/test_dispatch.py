import pytest

from media import bencode
from tests.media.world import World, sdp

MOST = 65507
SOURCE = ("10.0.0.1", 40000)


def request(cookie: str = "1", **keys: object) -> bytes:
    return cookie.encode() + b" " + bencode.encode({key.replace("_", "-"): value for key, value in keys.items()})


def body(reply: bytes | None) -> dict[str, object]:
    assert reply is not None
    return dict(bencode.decode(reply.partition(b" ")[2]))


def test_a_retransmission_gets_the_first_reply_and_does_nothing() -> None:
    world = World()
    offer = request(command="offer", sdp=sdp(), call_id="c", from_tag="a")
    first = world.dispatcher.datagram(offer, SOURCE, MOST)
    delete = request("2", command="delete", call_id="c")
    deleted = world.dispatcher.datagram(delete, SOURCE, MOST)
    assert world.dispatcher.datagram(offer, SOURCE, MOST) == first
    assert world.dispatcher.datagram(delete, SOURCE, MOST) == deleted
    assert len(world.calls) == 0
    assert world.counters["media_ng_retransmissions_total"] == 2


def test_the_same_cookie_a_minute_later_is_a_new_request() -> None:
    world = World()
    offer = request(command="offer", sdp=sdp(), call_id="c", from_tag="a")
    world.dispatcher.datagram(offer, SOURCE, MOST)
    world.serve("delete", call_id="c")
    world.turn(61)
    world.dispatcher.datagram(offer, SOURCE, MOST)
    assert len(world.calls) == 1


def test_what_is_no_ng_gets_no_answer_and_is_counted() -> None:
    world = World()
    assert world.dispatcher.datagram(b"\x80\x00\x12", SOURCE, MOST) is None
    assert world.dispatcher.packet(b"", MOST) is None
    assert world.counters["media_ng_malformed_total"] == 2


def test_a_malformed_body_gets_an_answer_and_is_counted() -> None:
    world = World()
    reply = body(world.dispatcher.datagram(b"1 d7:command", SOURCE, MOST))
    assert reply == {"result": "error", "error-reason": "Could not decode bencode at byte 10: end of data"}
    assert world.counters["media_ng_malformed_total"] == 1


def test_our_own_failure_is_an_answer_too(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world.relay, "add", None)
    reply = world.dispatcher.datagram(request(command="offer", sdp=sdp(), call_id="c", from_tag="a"), SOURCE, MOST)
    assert body(reply) == {"result": "error", "error-reason": "Internal error"}
    assert world.counters["media_ng_failures_total"] == 1
    assert len(world.calls) == 0


@pytest.mark.parametrize("command", ["query", "delete"])
@pytest.mark.parametrize(("source", "short"), [(SOURCE, True), (("127.0.0.1", 40000), False), (("::1", 40000), False)])
def test_statistics_fit_into_a_datagram_where_one_may_be_lost(command: str, source: tuple[str, int], short: bool) -> None:
    world = World()
    world.offer(sdp("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 96"), call="c")
    world.answer(sdp("m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96"), call="c")
    reply = world.dispatcher.datagram(request(command=command, call_id="c"), source, MOST) or b""
    assert (len(reply) <= 1400) is short
    assert "totals" in body(reply)


def test_lists_fit_into_a_datagram_where_one_may_be_lost() -> None:
    world = World(last_port=30999)
    for number in range(100):
        world.offer(sdp(), call="x" * 50 + str(number))
    ask = request(command="list", limit=100)
    reply = world.dispatcher.datagram(ask, SOURCE, MOST) or b""
    assert len(reply) <= 1400
    assert len(body(reply)["calls"]) > 18
    assert len(body(world.dispatcher.datagram(ask, ("127.0.0.1", 40000), MOST))["calls"]) == 100


def test_a_reply_that_no_packet_holds_says_so() -> None:
    world = World(last_port=30999)
    for number in range(100):
        world.offer(sdp(), call="x" * 50 + str(number))
    cut = body(world.dispatcher.packet(request(command="list", limit=100), 1000))
    assert cut["warning"] == "100 calls do not fit into one datagram"
    reply = body(world.dispatcher.packet(request("2", command="list", limit=100), 10))
    assert str(reply["error-reason"]).startswith("The reply has ")
