"""What an answerer sends before its answer has come: kept for half a second, and treated as what it sends after."""

from __future__ import annotations

import time
from typing import Any

import pylibsrtp
import pytest

from media.sdes import OwnKeys, parse_all
from native import relay
from tests.media.live import LOOPBACK, Live, Phone, Proxy, phones, port_of, udp
from tests.media.world import World, sdp
from tests.native.relay_wire import eventually

DROPPED = "media_early_dropped_total"
TWO_LINES = ("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 97")


def offered(proxy: Proxy, a: Phone, **keys: Any) -> int:
    """The port that the answerer is told."""
    return port_of(proxy.ask("offer", call_id="c", from_tag="a", **({"sdp": a.sdp()} | keys))["sdp"])


def answered(proxy: Proxy, b: Phone, **keys: Any) -> str:
    reply = proxy.ask("answer", call_id="c", from_tag="a", **({"to_tag": "b", "sdp": b.sdp()} | keys))
    return str(reply["sdp"])


def early(phone: Phone, port: int, count: int) -> list[bytes]:
    packets = [phone.packet() for _ in range(count)]
    for packet in packets:
        phone.rtp.sendto(packet, (LOOPBACK, port))
    return packets


def test_a_line_waits_for_its_first_answer() -> None:
    world = World()
    world.offer(sdp())
    (stream,) = world.streams()
    assert world.relay.awaited == {stream}
    world.answer(sdp(host="192.0.2.2"), SIP_code=183)
    assert world.relay.awaited == set()
    world.offer(sdp(*TWO_LINES), to_tag="b")
    assert world.relay.awaited == {*world.streams()} - {stream}
    world.answer(sdp(*TWO_LINES, host="192.0.2.2"))
    assert world.relay.awaited == set()


def test_a_refused_line_waits_no_longer() -> None:
    world = World()
    world.offer(sdp(*TWO_LINES))
    world.answer(sdp("m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 97", host="192.0.2.2"))
    assert (len(world.streams()), world.relay.awaited) == (2, set())


def test_whoever_sends_first_is_heard_before_the_answer_only_where_that_is_asked_for() -> None:
    world = World()
    world.offer(sdp(), call="1")
    assert not world.relay.remotes
    world.offer(sdp(), call="2", endpoint_learning="any")
    stream = max(world.streams())
    assert [world.relay.remotes[stream, side, 0][:2] for side in (0, 1)] == [
        (("192.0.2.1", 5000), relay.ANY),
        (None, relay.ANY),
    ]
    assert world.relay.awaited == set(world.streams()) - {stream}
    world.answer(sdp(host="192.0.2.2"), call="2", endpoint_learning="any")
    assert world.remote(stream, 1) == ("192.0.2.2", 5000)


def test_nobody_is_heard_before_the_keys_are_known_nor_by_a_server_of_ours() -> None:
    world = World(servers=(("192.0.2.10", 5060),))
    world.offer(sdp(), call="1", endpoint_learning="any", transport_protocol="RTP/SAVP")
    world.offer(sdp("m=audio 5060 RTP/AVP 0", host="192.0.2.10"), call="2", endpoint_learning="any")
    assert not world.relay.remotes


def test_a_second_offer_to_an_answered_call_opens_nothing() -> None:
    world = World()
    world.offer(sdp())
    world.answer(sdp(host="192.0.2.2"))
    before = dict(world.relay.remotes)
    world.offer(sdp("m=audio 6000 RTP/AVP 0"), to_tag="b", endpoint_learning="any")
    assert world.relay.remotes == before


def test_the_first_syllable_is_heard(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        port = offered(proxy, a)
        packets = early(b, port, 10)
        b.rtcp.sendto(b.report(), (LOOPBACK, port + 1))
        answered(proxy, b)
        packets += early(b, port, 3)
        assert [a.rtp.recv(2000) for _ in packets] == packets
        assert a.rtcp.recv(2000) == b.report()
        streams = proxy.ask("query", call_id="c")["tags"]["b"]["medias"][0]["streams"]
        assert [(each["stats"]["packets"], each["strangers"]) for each in streams] == [(13, 0), (1, 0)]


def test_what_is_old_by_then_is_not() -> None:
    with Live(early_ms=0) as live, phones(0xA, 0xB) as (a, b):
        proxy = Proxy(live)
        port = offered(proxy, a)
        sent = len(early(b, port, 1))
        while sent == 1 or live.daemon.counters[DROPPED] < sent - 1:  # each goes when a later one comes
            sent += len(early(b, port, 1))
            time.sleep(0.1)
        answered(proxy, b)
        eventually(lambda: live.daemon.counters[DROPPED] == sent)
        fresh = early(b, port, 2)
        assert [a.rtp.recv(2000) for _ in fresh] == fresh


def test_of_many_that_were_asked_only_who_answers_is_heard(proxy: Proxy) -> None:
    """They were told one port, as the proxy names no branches."""
    with phones(0xA, 0xB) as (a, b), udp("127.0.0.66") as other:
        port = offered(proxy, a)
        for sequence in range(3):
            other.sendto(b"\x80\x00" + bytes([0, sequence]) + bytes(168), (LOOPBACK, port))
        packets = early(b, port, 3)
        answered(proxy, b, SIP_code=183)
        assert [a.rtp.recv(2000) for _ in packets] == packets
        assert proxy.ask("query", call_id="c")["tags"]["b"]["medias"][0]["streams"][0]["strangers"] == 3


def test_branches_have_each_their_own(proxy: Proxy) -> None:
    with phones(0xA, 0xB, 0xC) as (a, b, c):
        ports = [offered(proxy, a, via_branch=branch) for branch in ("1", "2")]
        of_b, of_c = early(b, ports[0], 3), early(c, ports[1], 3)
        answered(proxy, c, via_branch="2", to_tag="c")
        assert [a.rtp.recv(2000) for _ in of_c] == of_c
        answered(proxy, b, via_branch="1")
        assert [a.rtp.recv(2000) for _ in of_b] == of_b


def test_what_is_blocked_by_the_answer_was_never_heard(proxy: Proxy) -> None:
    events = ("a=rtpmap:101 telephone-event/8000",)
    with phones(0xA, 0xB) as (a, b):
        port = offered(proxy, a, sdp=a.sdp(*events, protocol="RTP/AVP 0 101"))
        digit = bytes([0x80, 101]) + bytes(14)
        b.rtp.sendto(digit, (LOOPBACK, port))
        (spoken,) = early(b, port, 1)
        answered(proxy, b, sdp=b.sdp(*events, protocol="RTP/AVP 0 101"), flags=["block-DTMF"])
        assert a.rtp.recv(2000) == spoken


def test_what_was_protected_early_is_read_by_the_key_of_the_answer(proxy: Proxy) -> None:
    own = OwnKeys().crypto(1, "AES_CM_128_HMAC_SHA1_80")
    with phones(0xA, 0xB) as (a, b):
        told = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), transport_protocol="RTP/SAVP")["sdp"]
        assert any(parse_all(line[9:] for line in told.splitlines() if line.startswith("a=crypto:")))
        protect = pylibsrtp.Session(pylibsrtp.Policy(key=own.key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_OUTBOUND)).protect
        packets = [b.packet() for _ in range(3)]
        for packet in packets:
            b.rtp.sendto(protect(packet), (LOOPBACK, port_of(told)))
        b.rtp.sendto(bytes(protect(b.packet()))[:-1] + b"\0", (LOOPBACK, port_of(told)))
        answered(proxy, b, sdp=b.sdp(f"a=crypto:{own}", protocol="RTP/SAVP 0"))
        assert [a.rtp.recv(2000) for _ in packets] == packets
        assert proxy.ask("query", call_id="c")["tags"]["b"]["medias"][0]["streams"][0]["forged"] == 1


@pytest.mark.parametrize("learning", ["any", "Any"])
def test_anyone_is_heard_at_once_where_that_is_asked_for(proxy: Proxy, learning: str) -> None:
    with phones(0xA, 0xB) as (a, b):
        port = offered(proxy, a, endpoint_learning=learning)
        packets = early(b, port, 3)
        assert [a.rtp.recv(2000) for _ in packets] == packets
        answered(proxy, b, endpoint_learning=learning)
        packets = early(b, port, 3)
        assert [a.rtp.recv(2000) for _ in packets] == packets
