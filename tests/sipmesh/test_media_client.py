"""sipmesh.signalling.media_client: cookies, repetition, silence, events; in virtual time."""

from collections import defaultdict
from typing import Any

from media import bencode
from sipcore.timers import Timers
from sipmesh.signalling import media_client
from sipmesh.signalling.media_client import ANSWER_S, MediaClient


class Daemon:
    """The other end of the link: remembers what came and answers when told."""

    def __init__(self) -> None:
        self.came: list[tuple[bytes, Any]] = []

    def send(self, datagram: bytes) -> None:
        cookie, _, data = datagram.partition(b" ")
        self.came.append((cookie, bencode.decode(data)))


class World:
    def __init__(self) -> None:
        self.timers = Timers(0.0, 0.0)
        self.daemon = Daemon()
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.events: list[Any] = []
        self.answers: list[Any] = []
        self.client = MediaClient(self.daemon, "w1", self.timers, self.counters, self.events.append)

    def ask(self, **body: Any) -> None:
        self.client.request(bencode.encode(body), self.answers.append)

    def reply(self, cookie: bytes, **body: Any) -> None:
        self.client.received(cookie + b" " + bencode.encode(body))

    def wait(self, seconds: float) -> None:
        now = self.timers.now + seconds
        self.timers.advance(now, now)


def test_a_reply_reaches_who_asked() -> None:
    world = World()
    world.ask(command="ping")
    world.ask(command="query")
    (first, body), (second, _) = world.daemon.came
    assert body == {"command": "ping"}
    assert first != second
    world.reply(second, result="two")
    world.reply(first, result="one")
    assert world.answers == [{"result": "two"}, {"result": "one"}]
    assert world.client.pending == 0


def test_silence_is_answered_with_a_repetition_of_the_same_cookie_then_given_up() -> None:
    world = World()
    world.ask(command="ping")
    world.wait(ANSWER_S - 0.01)
    assert len(world.daemon.came) == 1
    world.wait(0.01)
    assert world.daemon.came[0] == world.daemon.came[1]
    assert world.answers == []
    world.wait(ANSWER_S)
    assert world.answers == [None]
    assert (world.counters["ng_retransmissions_total"], world.counters["ng_timeouts_total"]) == (1, 1)


def test_an_answer_to_the_repetition_is_in_time() -> None:
    world = World()
    world.ask(command="ping")
    world.wait(ANSWER_S)
    world.reply(world.daemon.came[0][0], result="pong")
    world.wait(10.0)
    assert world.answers == [{"result": "pong"}]


def test_a_second_or_late_reply_is_counted_only() -> None:
    world = World()
    world.ask(command="ping")
    cookie = world.daemon.came[0][0]
    world.reply(cookie, result="pong")
    world.reply(cookie, result="pong")
    assert world.answers == [{"result": "pong"}]
    assert world.counters["ng_late_replies_total"] == 1


def test_what_waits_is_sent_again_when_the_link_is_back() -> None:
    world = World()
    world.ask(command="ping")
    world.client.connected()
    assert world.daemon.came[0] == world.daemon.came[1]


def test_an_event_is_handed_on() -> None:
    world = World()
    world.reply(b"event", event="timeout", **{"call-id": "c1"})
    assert world.events == [{"event": "timeout", "call-id": "c1"}]


def test_garbage_is_counted() -> None:
    world = World()
    world.ask(command="ping")
    for datagram in (b"", b"x", b"x ", b"x d3:abc", b"\xff\xfe \x00", world.daemon.came[0][0] + b" i1"):
        world.client.received(datagram)
    assert world.counters["ng_malformed_total"] == 6
    assert world.answers == []


def test_a_reply_that_is_no_dictionary_counts_as_none() -> None:
    world = World()
    world.ask(command="ping")
    world.client.received(world.daemon.came[0][0] + b" i1e")
    assert world.answers == [None]


def test_what_waits_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr(media_client, "MAX_PENDING", 2)
    world = World()
    for _ in range(3):
        world.ask(command="ping")
    assert world.answers == [None]
    assert len(world.daemon.came) == 2
    assert world.counters["ng_requests_refused_total"] == 1
