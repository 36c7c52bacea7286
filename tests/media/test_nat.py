"""Who is to send first: a party behind a NAT (``NAT-wait``), or the relay (``pierce-NAT``)."""

import pytest

from native import relay
from tests.media.live import LOOPBACK, Proxy, phones, port_of
from tests.media.world import World, sdp

A, B = sdp(), sdp("m=audio 6000 RTP/AVP 0", host="192.0.2.2")
NOWHERE_YET = (None, relay.SYMMETRIC, "192.0.2.1")


def of_side(world: World, side: int) -> list[object]:
    (stream,) = world.streams()
    return [world.relay.remotes[stream, side, component] for component in (0, 1)]


def test_who_is_waited_for_is_nowhere_until_it_sends() -> None:
    world = World()
    world.offer(A, flags=["NAT-wait"])
    world.answer(B)
    assert of_side(world, 0) == [NOWHERE_YET, NOWHERE_YET]
    assert world.remote(world.streams()[0], 1) == ("192.0.2.2", 6000)
    world.offer(B, frm="b", to_tag="a")
    world.answer(A, frm="b", to="a", flags=["NAT wait"])
    assert of_side(world, 0) == [NOWHERE_YET, NOWHERE_YET]
    assert not world.sent_empty


def test_behind_a_nat_it_is_awaited_from_where_its_sip_came() -> None:
    world = World()
    world.offer(sdp(host="10.0.0.1"), flags=["NAT-wait"], received_from=["IP4", "192.0.2.1"])
    world.answer(B)
    assert of_side(world, 0) == [NOWHERE_YET, NOWHERE_YET]


@pytest.mark.parametrize("keys", [{"flags": ["NAT-wait", "asymmetric"]}, {"flags": ["NAT-wait"], "endpoint_learning": "off"}])
def test_who_is_never_learned_is_not_waited_for(keys: dict[str, object]) -> None:
    world = World()
    world.offer(A, **keys)
    world.answer(B)
    assert world.remote(world.streams()[0], 0) == ("192.0.2.1", 5000)


def test_an_empty_datagram_opens_the_way_to_each_port_it_named() -> None:
    world = World()
    world.offer(A, flags=["pierce-NAT"])
    assert not world.sent_empty
    world.answer(B)
    assert [address for _, address in world.sent_empty] == [("192.0.2.1", 5000), ("192.0.2.1", 5001)]
    assert {descriptor for descriptor, _ in world.sent_empty} < world.open_sockets


def test_with_both_it_is_sent_where_nothing_else_goes_yet() -> None:
    world = World()
    world.offer(A)
    world.answer(sdp("m=audio 6000/2 RTP/AVP 0|a=rtcp:7000", host="192.0.2.2"), flags=["NAT-wait", "pierce-NAT"])
    named = [address for _, address in world.sent_empty]
    assert named == [("192.0.2.2", port) for port in (6000, 7000)]


def test_nobody_on_hold_or_who_refused_is_sent_anything() -> None:
    world = World()
    world.offer(sdp(host="0.0.0.0"), flags=["pierce-NAT"])
    world.answer(sdp("m=audio 0 RTP/AVP 0", host="192.0.2.2"), flags=["pierce-NAT"])
    world.offer(sdp(host="0.0.0.0"), flags=["pierce-NAT"], call="2")
    world.answer(B, call="2")
    assert not world.sent_empty


def test_what_others_need_to_be_told_passes_in_silence() -> None:
    world = World()
    words = ["reset", "allow no codec media", "allow-empty-codec-medias", "NAT wait", "pierce NAT", "unidirectional", "debug"]
    world.offer(A, flags=words, template="x", xmlrpc_callback="192.0.2.9")
    assert world.counters["media_ng_ignored_words_total"] == 0


def test_nothing_is_sent_to_who_has_not_sent(proxy: Proxy) -> None:
    flags = ["NAT-wait", "pierce-NAT"]
    with phones(0xA, 0xB) as (a, b):
        far = port_of(proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp())["sdp"])
        told = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp(), flags=flags)
        assert b.rtp.recvfrom(2000) == (b"", (LOOPBACK, far))
        assert b.rtcp.recvfrom(2000) == (b"", (LOOPBACK, far + 1))
        a.rtp.sendto(a.packet(), (LOOPBACK, port_of(told["sdp"])))
        b.rtp.sendto(sent := b.packet(), (LOOPBACK, far))
        assert a.rtp.recv(2000) == sent
        a.rtp.sendto(second := a.packet(), (LOOPBACK, port_of(told["sdp"])))
        assert b.rtp.recv(2000) == second  # the first one was dropped
