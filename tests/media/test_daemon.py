"""The daemon over real sockets: ng in, RTP both ways, counted at both ends."""

import asyncio
import gc
import os
import socket

import pytest

from media import ng_udp
from media.daemon import MediaDaemon
from media.errors import ConfigError
from media.settings import Interface, MediaSettings
from native.relay import Relay
from tests.media.live import LOOPBACK, Live, OwnProxy, Phone, Proxy, free_ports, phones, port_of, udp
from tests.native.relay_wire import eventually

COUNT = 50


def agree(proxy: Proxy, a: Phone, b: Phone, **keys: object) -> tuple[int, int]:
    """The ports told to a and to b."""
    told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), **keys)
    told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp(), **keys)
    return port_of(told_a["sdp"]), port_of(told_b["sdp"])


def send(sender: socket.socket, data: bytes, port: int) -> None:
    sender.sendto(data, (LOOPBACK, port))


def quiet(receiver: socket.socket) -> bool:
    """Whether nothing waits there; what was sent before has been relayed once a later packet came through."""
    receiver.setblocking(False)
    try:
        receiver.recv(2000)
    except BlockingIOError:
        return True
    finally:
        receiver.settimeout(100)
    return False


def test_rtp_both_ways_is_counted_at_both_ends_and_in_between(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        near, far = agree(proxy, a, b)
        for _ in range(COUNT):
            from_a, from_b = a.packet(), b.packet()
            send(a.rtp, from_a, near)
            send(b.rtp, from_b, far)
            assert b.rtp.recvfrom(2000) == (from_a, (LOOPBACK, far))
            assert a.rtp.recvfrom(2000) == (from_b, (LOOPBACK, near))
        send(a.rtcp, a.report(), near + 1)
        assert b.rtcp.recvfrom(2000) == (a.report(), (LOOPBACK, far + 1))
        reply = proxy.ask("delete", call_id="c")
    assert reply["totals"]["RTP"] == {"packets": 2 * COUNT, "bytes": 2 * COUNT * 172, "errors": 0}
    assert reply["totals"]["RTCP"]["packets"] == 1


def test_a_stranger_is_dropped_and_counted(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        near, _ = agree(proxy, a, b)
        send(a.rtp, a.packet(), near)
        b.rtp.recv(2000)
        with udp("127.0.0.2") as stranger:
            send(stranger, a.packet(), near)
        last = a.packet()
        send(a.rtp, last, near)
        assert b.rtp.recv(2000) == last
        assert quiet(b.rtp)
        streams = proxy.ask("query", call_id="c")["tags"]["a"]["medias"][0]["streams"]
    assert streams[0]["strangers"] == 1
    assert streams[0]["stats"]["packets"] == 2


def test_a_phone_behind_nat_is_learned_from_its_sip_source(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        inside = a.sdp().replace(LOOPBACK, "192.168.7.7")
        keys = {"received_from": ["IP4", LOOPBACK], "flags": ["SIP-source-address"]}
        told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=inside, **keys)["sdp"]
        told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"]
        with udp() as mapped:
            send(mapped, a.packet(), port_of(told_a))
            assert b.rtp.recv(2000)[8:12] == b"\0\0\0\x0a"
            back = b.packet()
            send(b.rtp, back, port_of(told_b))
            assert mapped.recv(2000) == back


def test_rtcp_mux_on_one_side_only(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp("a=rtcp-mux"), rtcp_mux=["demux"])["sdp"]
        told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"]
        assert "a=rtcp-mux" not in told_b
        assert "a=rtcp-mux" in told_a
        send(a.rtp, a.report(), port_of(told_a))
        assert b.rtcp.recv(2000) == a.report()
        send(b.rtcp, b.report(), port_of(told_b) + 1)
        assert a.rtp.recv(2000) == b.report()


def test_fax_is_relayed_as_it_is(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        fax = {"kind": "image", "protocol": "udptl t38"}
        told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(**fax))["sdp"]
        told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp(**fax))["sdp"]
        for size in (1, 3, 900):
            send(a.rtp, b"\x00" * size, port_of(told_a))
            assert b.rtp.recv(2000) == b"\x00" * size
        send(b.rtp, b"\xff", port_of(told_b))
        assert a.rtp.recv(2000) == b"\xff"


def test_media_moves_with_a_re_invite_and_back(proxy: Proxy) -> None:
    with phones(0xA, 0xB, 0xA) as (a, b, elsewhere):
        near, far = agree(proxy, a, b)
        for phone in (elsewhere, a):
            proxy.ask("offer", call_id="c", from_tag="a", to_tag="b", sdp=phone.sdp())
            told = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"]
            assert port_of(told) == near
            packet = b.packet()
            send(b.rtp, packet, far)
            assert phone.rtp.recv(2000) == packet


def test_statistics_count_calls_and_packets(proxy: Proxy) -> None:
    before = proxy.ask("statistics")["statistics"]
    with phones(0xA, 0xB) as (a, b):
        near, _ = agree(proxy, a, b)
        send(a.rtp, a.packet(), near)
        b.rtp.recv(2000)
        during = proxy.ask("statistics")["statistics"]
    proxy.ask("delete", call_id="c")
    after = proxy.ask("statistics")["statistics"]
    assert during["currentstatistics"]["sessionsown"] == 1
    assert after["currentstatistics"]["sessionsown"] == 0
    counted = [part["totalstatistics"]["relayedpackets"] for part in (before, during, after)]
    assert counted == [counted[0], counted[0] + 1, counted[0] + 1]
    assert after["totalstatistics"]["managedsessions"] == before["totalstatistics"]["managedsessions"] + 1
    assert after["controlstatistics"]["totaloffercount"] == before["controlstatistics"]["totaloffercount"] + 1


def test_the_same_datagram_again_is_answered_the_same(proxy: Proxy) -> None:
    ping = b"cookie d7:command4:pinge"
    assert proxy.raw(ping) == proxy.raw(ping) == b"cookie d6:result4:ponge"


def test_silence_is_told_to_our_own_proxy_only() -> None:
    with Live(timeout_s=0.1) as live, phones(0xA, 0xB) as (a, b):
        own, other = OwnProxy(live), Proxy(live)
        own.ask("offer", call_id="c", from_tag="a", via_branch="v", sdp=a.sdp())
        own.ask("answer", call_id="c", from_tag="a", to_tag="b", via_branch="v", sdp=b.sdp())
        cookie, event = own.receive()
        assert cookie == b"event1"
        assert list(event.pop("tags")) == ["a", "b"]
        assert event == {"event": "media timeout", "call-id": "c", "from-tag": "a", "to-tag": "b", "via-branch": "v"}
        assert own.ask("list")["calls"] == []
        assert quiet(other.socket)


def test_strangers_get_no_answer() -> None:
    with Live(ng_allow=("192.0.2.0/24",)) as live:
        proxy, own = Proxy(live), OwnProxy(live)
        proxy.socket.send(b"1 d7:command4:pinge")
        while live.daemon.counters["media_ng_refused_total"] == 0:
            own.ask("ping")
        assert quiet(proxy.socket)


def test_strangers_fill_no_log(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody knows how many addresses one has made up."""
    monkeypatch.setattr(ng_udp, "QUIET_S", 3600.0)
    with Live(ng_allow=("192.0.2.0/24",)) as live:
        own = OwnProxy(live)
        assert live.address is not None
        for number in range(1, 51):
            with udp(f"127.0.0.{number}") as stranger:
                stranger.sendto(b"1 d7:command4:pinge", live.address)
        while live.daemon.counters["media_ng_refused_total"] < 50:
            own.ask("ping")
    assert [record.getMessage() for record in caplog.records if record.name == "media.ng_udp"] == [
        "ng from 127.0.0.1 refused: not in ng_allow"
    ]


def test_ipv6_towards_one_side() -> None:
    with Live(interfaces=(Interface(LOOPBACK), Interface("::1"))) as live, phones(0xA) as (a,):
        proxy = Proxy(live)
        told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), address_family="IP6")["sdp"]
        assert "c=IN IP6 ::1\r\n" in told_b
        b = Phone(0xB, "::1")
        answer = b.sdp().replace("IP4", "IP6")
        told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=answer)["sdp"]
        assert f"c=IN IP4 {LOOPBACK}\r\n" in told_a
        packet = a.packet()
        send(a.rtp, packet, port_of(told_a))
        assert b.rtp.recv(2000) == packet
        b.close()


def test_a_second_daemon_on_the_same_ports_shares_the_range() -> None:
    first = free_ports(8)
    ports = {"first_port": first, "last_port": first + 7}
    with Live(**ports):
        pass
    with Live(**ports) as one, Live(**ports) as two, phones(0xA) as (a,):
        told = [Proxy(each).ask("offer", call_id="c", from_tag="a", sdp=a.sdp()) for each in (one, two)]
        assert port_of(told[0]["sdp"]) != port_of(told[1]["sdp"])
        assert Proxy(one).ask("offer", call_id="d", from_tag="a", sdp=a.sdp())["error-reason"] == "Ran out of ports"


def test_ended_calls_free_their_sockets(proxy: Proxy) -> None:
    with phones(0xA, 0xB) as (a, b):
        gc.collect()  # sockets of earlier tests
        before = len(os.listdir("/proc/self/fd"))  # the daemon is a thread of this process
        for _ in range(300):
            agree(proxy, a, b)
            proxy.ask("delete", call_id="c", flags=["fast"])
        eventually(lambda: len(os.listdir("/proc/self/fd")) == before)
        assert proxy.ask("list")["calls"] == []


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"interfaces": ()}, "interfaces: at least one address is needed"),
        ({"interfaces": (Interface("host"),)}, "address: 'host' is no IPv4 or IPv6 address"),
        ({"interfaces": (Interface("127.0.0.1", "x"),)}, "advertise: 'x' is no IPv4"),
        ({"interfaces": (Interface("127.0.0.1", "::1"),)}, "advertise: ::1 and 127.0.0.1 are of different families"),
        ({"first_port": 5000, "last_port": 4000}, "ports: 5000-4000 is no range"),
        ({"first_port": 5000, "last_port": 5002}, "ports: 5000-5002 has no room"),
        ({"ng_allow": ("10.0.0.1/8",)}, "ng_allow: 10.0.0.1/8 has host bits set"),
        ({"dscp": 64}, "dscp: 64 is not within 0-63"),
    ],
)
def test_settings_that_can_not_work_are_named(settings: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        MediaSettings(**({"interfaces": (Interface(LOOPBACK),)} | settings))  # type: ignore[arg-type]
    assert str(caught.value).startswith(text)


def test_closing_twice_does_no_harm() -> None:
    relay = Relay(threads=1, capacity=4, fifo=False)
    daemon = MediaDaemon(MediaSettings((Interface(LOOPBACK),)), relay)
    daemon.close()
    daemon.close()
    assert daemon.ng_address is None
    assert daemon.free_ports == 5000
    relay.stop()


def test_a_failed_scan_is_counted_and_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("as the test wants it")

    async def run() -> None:
        stopping = asyncio.Event()
        running = asyncio.create_task(daemon.run(stopping))
        while daemon.counters["media_scan_failures_total"] < 2:
            await asyncio.sleep(0)
        stopping.set()
        await running

    relay = Relay(threads=1, capacity=4, fifo=False)
    daemon = MediaDaemon(MediaSettings((Interface(LOOPBACK),), scan_interval_s=0.0), relay)
    monkeypatch.setattr(daemon.statistics, "measure", broken)
    asyncio.run(run())
    assert daemon.counters["media_scan_failures_total"] >= 2
    relay.stop()
