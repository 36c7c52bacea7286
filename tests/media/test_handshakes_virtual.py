"""When handshakes are tried again, given up or not begun: a relay that only remembers, and a clock that is turned by hand."""

from __future__ import annotations

import pytest

from media import handshakes
from media.dtls import HANDSHAKE_S
from tests.media.dtls_peer import RawPeer
from tests.media.world import World, sdp

DTLS = "UDP/TLS/RTP/SAVPF"
PLAIN = "m=audio 6000 RTP/AVP 0"
AT = ("192.0.2.1", 5000)


def browser(peer: RawPeer, setup: str, port: int = 5000) -> str:
    return f"m=audio {port} {DTLS} 0|a=setup:{setup}|a=fingerprint:{peer.fingerprint}|a=rtcp-mux"


def called(world: World, peer: RawPeer, setup: str, call: str = "call-1", port: int = 5000) -> int:
    """A call from that peer to a plain phone; its stream."""
    before = set(world.streams())
    world.offer(sdp(browser(peer, setup, port)), call=call, transport_protocol="RTP/AVP")
    world.answer(sdp(PLAIN), call=call)
    (stream,) = set(world.streams()) - before
    return stream


def hear(world: World, stream: int, datagrams: list[bytes], source: tuple[str, int] = AT) -> list[bytes]:
    """What is answered to that source."""
    before = len(world.relay.sent)
    world.relay.letters += [(stream, 0, source, datagram) for datagram in datagrams]
    world.handshakes.read()
    return [data for at, side, to, data in world.relay.sent[before:] if (at, side, to) == (stream, 0, source)]


def finish(world: World, stream: int, peer: RawPeer, datagrams: list[bytes]) -> None:
    while datagrams:
        datagrams = [each for data in hear(world, stream, datagrams) for each in peer.receive(data)]


def test_keys_get_to_the_relay_and_the_place_that_was_proven() -> None:
    world, peer = World(), RawPeer(True)
    stream = called(world, peer, "active")
    assert world.relay.keys == {}
    finish(world, stream, peer, peer.begin())
    assert peer.keys is not None
    receive, send = world.relay.keys[stream, 0]
    assert (receive[1], send[1]) == peer.keys[1:]
    assert world.relay.latched == {(stream, 0): AT}
    assert world.counters["media_dtls_handshakes_total"] == 1


def test_answers_go_where_a_party_was_heard_and_to_nobody_who_was_not() -> None:
    world, peer = World(), RawPeer(True)
    stream = called(world, peer, "active")
    assert world.relay.sent == []
    elsewhere = ("192.0.2.1", 40000)
    assert hear(world, stream, peer.begin(), elsewhere)
    assert {to for _, _, to, _ in world.relay.sent} == {elsewhere}


def test_a_first_flight_waits_until_it_is_known_where_to() -> None:
    world, peer = World(), RawPeer(False)
    held = sdp(browser(peer, "passive"), host="0.0.0.0")
    world.offer(held, transport_protocol="RTP/AVP")
    world.relay.remotes = {(stream, 0, 0): (None, 0, None) for stream in world.streams()} | world.relay.remotes
    world.answer(sdp(PLAIN))
    (stream,) = world.streams()
    assert len(world.relay.sent) == 1
    world.relay.set_remote(stream, 0, 0, AT)
    delay_s, again = world.timers[-1]
    assert delay_s < 1
    again()
    first, second = (sent[3] for sent in world.relay.sent)
    assert first == second


def test_nobody_answers_and_it_is_given_up_and_counted() -> None:
    world, peer = World(), RawPeer(False)
    called(world, peer, "passive")
    world.turn(HANDSHAKE_S)
    world.timers[-1][1]()
    assert world.counters["media_dtls_failed_total|reason=timeout"] == 1
    count = len(world.relay.sent)
    for _, timer in list(world.timers):
        timer()
    assert len(world.relay.sent) == count


def test_a_wrong_certificate_is_counted_and_the_right_one_may_still_come() -> None:
    world, peer, other = World(), RawPeer(True), RawPeer(True)
    stream = called(world, peer, "active")
    finish(world, stream, other, other.begin())
    assert world.relay.keys == {}
    assert world.counters["media_dtls_failed_total|reason=fingerprint"] == 1
    finish(world, stream, peer, peer.begin())
    assert (stream, 0) in world.relay.keys


def test_a_copy_of_a_client_hello_begins_nothing() -> None:
    world, peer = World(), RawPeer(True)
    stream = called(world, peer, "active")
    hello = peer.begin()
    finish(world, stream, peer, hello)
    keys = dict(world.relay.keys)
    hear(world, stream, hello * 5)
    assert world.relay.keys == keys
    assert world.counters["media_dtls_failed_total|reason=timeout"] == 0


def test_as_many_handshakes_as_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "MOST_IN_PROGRESS", 3)
    world = World()
    peers = [RawPeer(True) for _ in range(4)]
    streams = [called(world, peer, "active", f"call-{number}", 5000 + 2 * number) for number, peer in enumerate(peers)]
    hellos = [peer.begin() for peer in peers]
    answered = [bool(hear(world, stream, hello)) for stream, hello in zip(streams, hellos, strict=True)]
    assert answered == [True, True, True, False]
    assert world.counters["media_dtls_busy_total"] == 1
    world.serve("delete", call_id="call-0", from_tag="a")
    world.handshakes.look()
    finish(world, streams[3], peers[3], hellos[3])
    assert (streams[3], 0) in world.relay.keys


def test_a_session_of_a_closed_line_is_forgotten_and_its_timers_do_nothing() -> None:
    world, peer = World(), RawPeer(False)
    stream = called(world, peer, "passive")
    world.serve("delete", call_id="call-1", from_tag="a")
    count = len(world.relay.sent)
    world.timers[-1][1]()
    assert hear(world, stream, RawPeer(True).begin()) == []
    world.handshakes.look()
    assert len(world.relay.sent) == count


def test_letters_of_streams_that_have_no_dtls_are_dropped() -> None:
    world = World()
    assert hear(world, 7, RawPeer(True).begin()) == []


def test_query_tells_the_suite_and_that_it_is_not_from_sdes() -> None:
    world, peer = World(), RawPeer(True)
    stream = called(world, peer, "active")
    told = world.serve("query", call_id="call-1")["tags"]["a"]["medias"][0]
    assert "crypto suite" not in told["streams"][0]
    finish(world, stream, peer, peer.begin())
    told = world.serve("query", call_id="call-1")["tags"]["a"]["medias"][0]
    assert told["streams"][0]["crypto suite"] == "AES_CM_128_HMAC_SHA1_80"
    assert "SDES" not in told["flags"]
