"""Strangers who spray packets at the ports of a call (RTP bleed, RTP injection), in every mode of learning and at every stage.

Nothing of theirs is relayed, nothing reaches them, and the counters know. A stranger is whoever sends from another host; once a
party is latched, also who sends from another port of its host without its SSRC and its place in the sequence.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from typing import Any

import pylibsrtp
import pytest

from media.sdes import OwnKeys, parse_all
from tests.media.live import LOOPBACK, Live, Phone, Proxy, phones, port_of, udp
from tests.native.relay_wire import eventually

ELSEWHERE = "127.0.0.66"
SSRCS = (0xA, 0xB)
MODES: dict[str, dict[str, Any]] = {
    "nothing said": {},
    "trust-address": {"flags": ["trust-address"], "received-from": ["IP4", LOOPBACK]},
    "SIP-source-address": {"flags": ["SIP-source-address"], "received-from": ["IP4", LOOPBACK]},
    "strict-source": {"flags": ["strict-source", "symmetric", "port-latching"]},
    "media-handover": {"flags": ["media-handover"]},
    "asymmetric": {"flags": ["asymmetric"]},
    "asymmetric, strict-source": {"flags": ["asymmetric", "strict-source"]},
    "learning off": {"endpoint-learning": "off"},
    "learning delayed": {"endpoint-learning": "delayed"},
    "learning immediate": {"endpoint-learning": "immediate"},
    "learning heuristic": {"endpoint-learning": "heuristic"},
}


def rtp(ssrc: int, sequence: int, payload_type: int = 0) -> bytes:
    head = bytes([0x80, payload_type]) + (sequence & 0xFFFF).to_bytes(2, "big") + (160 * sequence).to_bytes(4, "big")
    return head + ssrc.to_bytes(4, "big") + b"\x5a" * 160


def rtcp(kind: int, ssrc: int, words: int = 1) -> bytes:
    return bytes([0x80, kind, 0, words]) + ssrc.to_bytes(4, "big") + bytes(4 * (words - 1))


# What no sender may get through from another host, however much it knows
GUESSES = [
    *(rtp(ssrc, sequence) for ssrc in SSRCS for sequence in (1, 2, 3, 50, 0xFFFF)),
    *(rtcp(kind, ssrc, 6) for kind in (200, 201, 203) for ssrc in SSRCS),
]
# What needs no knowledge
NOISE = [
    *(rtp(0xBAD, 7, payload_type) for payload_type in (0, 8, 13, 101, 127, 0x80)),
    *(rtp(ssrc, 30000) for ssrc in SSRCS),
    rtcp(200, 0xBAD, 6),
    rtcp(204, 0xBAD, 2),
    bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("002500000000000000"),  # STUN with USE-CANDIDATE
    b"\x16\xfe\xfd" + bytes(60),  # DTLS
    b"",
    b"\x80",
    b"\xff" * 1400,
]


class Hostile:
    """Sends from one port of ``host`` whatever it can think of, and must never hear anything."""

    def __init__(self, host: str) -> None:
        self.socket = udp(host)
        self.sent = 0

    def spray(self, packets: list[bytes], *ports: int) -> None:
        for packet in packets:
            for port in ports:
                self.socket.sendto(packet, (LOOPBACK, port))
                self.sent += 1


class Case:
    """A call between ``a`` and ``b`` with a stranger elsewhere and one on the parties' host."""

    def __init__(self, proxy: Proxy, a: Phone, b: Phone, keys: dict[str, Any], known: list[bytes]) -> None:
        self.proxy, self.a, self.b, self.keys = proxy, a, b, keys
        self.known = known
        self.elsewhere, self.beside = Hostile(ELSEWHERE), Hostile(LOOPBACK)
        self.near = self.far = 0  # ports that a and b were told

    def close(self) -> None:
        self.elsewhere.socket.close()
        self.beside.socket.close()

    def offer(self, *attributes: str, to_tag: str = "") -> None:
        tags = {"to_tag": to_tag} if to_tag else {}
        told = self.proxy.ask("offer", call_id="c", from_tag="a", sdp=self.a.sdp(*attributes), **tags, **self.keys)
        self.far = port_of(told["sdp"])

    def answer(self) -> None:
        told = self.proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=self.b.sdp(), **self.keys)
        self.near = port_of(told["sdp"])

    @property
    def ports(self) -> tuple[int, ...]:
        return self.near, self.near + 1, self.far, self.far + 1

    def talk(self) -> None:
        """What the parties send is the next thing the other one hears."""
        for sender, port, hearer, source in ((self.a, self.near, self.b, self.far), (self.b, self.far, self.a, self.near)):
            sent = sender.packet()
            sender.rtp.sendto(sent, (LOOPBACK, port))
            assert hearer.rtp.recvfrom(2000) == (sent, (LOOPBACK, source))
            sender.rtcp.sendto(sender.report(), (LOOPBACK, port + 1))
            assert hearer.rtcp.recvfrom(2000) == (sender.report(), (LOOPBACK, source + 1))

    def counted(self, *names: str) -> int:
        """Sum over all streams of the call, as ``query`` has them; errors are what had no form and could not be sent."""
        parties = self.proxy.ask("query", call_id="c")["tags"].values()
        streams = [stream for party in parties for media in party["medias"] for stream in media["streams"]]
        return sum(stream["stats"]["errors"] if name == "errors" else stream[name] for stream in streams for name in names)

    def dropped(self) -> int:
        """How much of what was sent was counted as a stranger's or an error, when all has been or 100 s have passed."""
        deadline = time.monotonic() + 100
        while (counted := self.counted("strangers", "errors")) < self.sent and time.monotonic() < deadline:
            pass
        assert self.counted("strangers") >= self.elsewhere.sent or not self.known
        return counted

    @property
    def sent(self) -> int:
        return self.elsewhere.sent + self.beside.sent

    def hearers(self) -> list[str]:
        """Who has something to read."""
        receivers = {
            "stranger": self.elsewhere.socket,
            "stranger on the parties' host": self.beside.socket,
            "a": self.a.rtp,
            "a's RTCP": self.a.rtcp,
            "b": self.b.rtp,
            "b's RTCP": self.b.rtcp,
        }
        return [name for name, receiver in receivers.items() if not is_quiet(receiver)]


def is_quiet(receiver: socket.socket) -> bool:
    receiver.setblocking(False)
    try:
        receiver.recv(2000, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        receiver.settimeout(100)
    return False


@pytest.fixture
def case(proxy: Proxy, request: pytest.FixtureRequest) -> Iterator[Case]:
    keys = MODES[request.param]
    known = [] if request.param == "media-handover" else GUESSES  # there they would prove who they are
    with phones(*SSRCS) as (a, b), contextlib.closing(Case(proxy, a, b, keys, known)) as made:
        yield made


in_every_mode = pytest.mark.parametrize("case", MODES, indirect=True)


@in_every_mode
def test_nothing_passes_before_during_and_after_latching(case: Case) -> None:
    case.offer()
    case.elsewhere.spray(case.known + NOISE, case.far, case.far + 1)
    case.answer()
    case.elsewhere.spray(case.known + NOISE, *case.ports)
    assert (case.dropped(), case.hearers()) == (case.sent, [])
    case.talk()
    case.elsewhere.spray(case.known + NOISE, *case.ports)
    case.talk()
    assert (case.dropped(), case.hearers()) == (case.sent, [])


@in_every_mode
def test_nothing_passes_on_hold_and_after_a_party_moved(case: Case) -> None:
    case.offer()
    case.answer()
    case.talk()
    case.offer("a=sendonly", to_tag="b")
    case.answer()
    case.elsewhere.spray(case.known + NOISE, *case.ports)
    case.talk()
    with phones(case.a.ssrc) as (moved,):
        case.a = moved
        case.offer(to_tag="b")
        case.answer()
        case.elsewhere.spray(case.known + NOISE, *case.ports)
        assert (case.dropped(), case.hearers()) == (case.sent, [])
        case.talk()
        case.elsewhere.spray(case.known + NOISE, *case.ports)
        case.talk()
        assert (case.dropped(), case.hearers()) == (case.sent, [])


@pytest.mark.parametrize("case", [mode for mode in MODES if mode != "asymmetric"], indirect=True)
def test_nothing_passes_from_another_port_of_a_latched_host(case: Case) -> None:
    case.offer()
    case.answer()
    case.talk()
    case.beside.spray(NOISE, *case.ports)
    case.talk()
    assert (case.dropped(), case.hearers()) == (case.sent, [])


@pytest.mark.parametrize(
    "case", [mode for mode in MODES if mode not in ("asymmetric", "asymmetric, strict-source", "learning off")], indirect=True
)
def test_nothing_passes_after_a_party_was_learned_again(case: Case) -> None:
    """Behind a NAT that gave it another port."""
    case.offer()
    case.answer()
    case.talk()
    with udp() as mapped:
        sent = case.a.packet()
        mapped.sendto(sent, (LOOPBACK, case.near))
        assert case.b.rtp.recv(2000) == sent
        case.elsewhere.spray(case.known + NOISE, *case.ports)
        case.beside.spray(NOISE, case.near, case.far)
        back = case.b.packet()
        case.b.rtp.sendto(back, (LOOPBACK, case.far))
        assert mapped.recv(2000) == back
        assert (case.dropped(), case.hearers()) == (case.sent, [])


def test_a_party_that_has_never_named_an_address_is_nobody(proxy: Proxy) -> None:
    """Held from the first offer on: it is sent nothing, and nothing is taken from anybody in its name."""
    with phones(*SSRCS) as (a, b), contextlib.closing(Case(proxy, a, b, {}, GUESSES)) as case:
        body = a.sdp().replace(f"c=IN IP4 {LOOPBACK}", "c=IN IP4 0.0.0.0")
        case.far = port_of(proxy.ask("offer", call_id="c", from_tag="a", sdp=body)["sdp"])
        case.answer()
        for hostile in (case.elsewhere, case.beside):
            hostile.spray(GUESSES + NOISE, case.near, case.near + 1)
        case.elsewhere.spray(GUESSES + NOISE, case.far, case.far + 1)
        assert (case.dropped(), case.hearers()) == (case.sent, [])


def test_nobody_else_is_taken_for_who_is_waited_for(proxy: Proxy) -> None:
    """With NAT-wait: who has sent nothing is sent nothing, whoever speaks in its name."""
    waiting = {"flags": ["NAT-wait"]}
    with phones(*SSRCS) as (a, b), contextlib.closing(Case(proxy, a, b, waiting, GUESSES)) as case:
        case.offer()
        case.elsewhere.spray(GUESSES + NOISE, case.far, case.far + 1)
        case.answer()
        case.elsewhere.spray(GUESSES + NOISE, *case.ports)
        for phone, port in ((a, case.near), (b, case.far)):
            phone.rtp.sendto(phone.packet(), (LOOPBACK, port))
            phone.rtcp.sendto(phone.report(), (LOOPBACK, port + 1))
        eventually(lambda: proxy.ask("query", call_id="c")["totals"]["RTCP"]["packets"] == 2)
        while not is_quiet(a.rtp):
            a.rtp.recv(2000)  # what b sent after a had
        while not is_quiet(a.rtcp):
            a.rtcp.recv(2000)
        case.talk()
        case.elsewhere.spray(GUESSES + NOISE, *case.ports)
        case.talk()
        assert (case.dropped(), case.hearers()) == (case.sent, [])


@pytest.mark.parametrize("kind", ["rtcp-mux", "fax"])
def test_nothing_passes_on_a_port_for_both_or_for_anything(proxy: Proxy, kind: str) -> None:
    what: dict[str, Any] = {"kind": "image", "protocol": "udptl t38"} if kind == "fax" else {}
    lines = ["a=rtcp-mux"] if kind == "rtcp-mux" else []
    with phones(*SSRCS) as (a, b), contextlib.closing(Case(proxy, a, b, {}, GUESSES)) as case:
        case.far = port_of(proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(*lines, **what))["sdp"])
        told = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp(*lines, **what))
        case.near = port_of(told["sdp"])
        case.elsewhere.spray(GUESSES + NOISE, *case.ports)
        for sent in (a.packet(), a.report()):
            a.rtp.sendto(sent, (LOOPBACK, case.near))
            assert b.rtp.recv(2000) == sent
            b.rtp.sendto(sent, (LOOPBACK, case.far))
            assert a.rtp.recv(2000) == sent
        case.elsewhere.spray(GUESSES + NOISE, *case.ports)
        unused = case.ports if kind == "rtcp-mux" else (case.near, case.far)  # where RTCP would come that is not multiplexed
        case.beside.spray(NOISE, *unused)
        assert (case.dropped(), case.hearers()) == (case.sent, [])


@pytest.mark.parametrize("command", [b"4:list", b"6:delete7:call-id1:d"])
def test_nobody_gives_orders_through_the_relay(live: Live, proxy: Proxy, command: bytes) -> None:
    """A party says that its media is where the daemon is controlled from."""
    assert live.address is not None
    with phones(0xA, 0xB) as (victim, hostile):
        proxy.ask("offer", call_id="d", from_tag="v", sdp=victim.sdp())
        ours = hostile.sdp(kind="image", protocol="udptl t38").replace(f"image {hostile.port} ", f"image {live.address[1]} ")
        offered = proxy.ask("offer", call_id="c", from_tag="a", sdp=ours)
        theirs = hostile.sdp(kind="image", protocol="udptl t38")
        proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=theirs)
        before = live.daemon.counters["media_ng_relayed_total"]
        hostile.rtp.sendto(b"cookie d7:command" + command + b"e", (LOOPBACK, port_of(offered["sdp"])))
        eventually(lambda: live.daemon.counters["media_ng_relayed_total"] == before + 1)
        assert sorted(proxy.ask("list")["calls"]) == ["c", "d"]
        proxy.ask("delete", call_id="d")


def test_nothing_is_learned_from_our_own_ports(proxy: Proxy) -> None:
    """Another call sends to a port of this one, whose party is said to be on our host."""
    with phones(*SSRCS, 0xC, 0xD) as (a, b, c, d), contextlib.closing(Case(proxy, a, b, {}, GUESSES)) as case:
        case.offer()
        case.answer()
        told = proxy.ask("offer", call_id="d", from_tag="c", sdp=c.sdp())
        aimed = d.sdp().replace(f"audio {d.port} ", f"audio {case.near} ")
        via = port_of(proxy.ask("answer", call_id="d", from_tag="c", to_tag="d", sdp=aimed)["sdp"])
        assert port_of(told["sdp"]) != via
        for _ in range(3):
            c.rtp.sendto(c.packet(), (LOOPBACK, via))
        eventually(lambda: case.dropped() == 3)
        for sender, port, receiver in ((a, case.near, b), (b, case.far, a)):
            packet = sender.packet()
            sender.rtp.sendto(packet, (LOOPBACK, port))
            assert receiver.rtp.recv(2000) == packet
        proxy.ask("delete", call_id="d")


def test_srtp_that_is_not_authentic_passes_from_nowhere(proxy: Proxy) -> None:
    """Not even from the party's own address; and what it sent once passes once."""
    own = OwnKeys().crypto(1, "AES_CM_128_HMAC_SHA1_80")
    with phones(*SSRCS) as (a, b), contextlib.closing(Case(proxy, a, b, {}, GUESSES)) as case:
        body = a.sdp(f"a=crypto:{own}", protocol="RTP/SAVP 0")
        told = proxy.ask("offer", call_id="c", from_tag="a", sdp=body, transport_protocol="RTP/AVP")
        case.far = port_of(told["sdp"])
        answered = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"]
        case.near = port_of(answered)
        (theirs,) = parse_all(line[9:] for line in answered.splitlines() if line.startswith("a=crypto:"))
        outbound, inbound = pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND
        tx = pylibsrtp.Session(pylibsrtp.Policy(key=own.key, ssrc_type=outbound))
        rx = pylibsrtp.Session(pylibsrtp.Policy(key=theirs.key, ssrc_type=inbound))
        well_formed = [packet for packet in GUESSES + NOISE if packet[:1] == b"\x80" and len(packet) > 11]
        case.beside.spray(well_formed, case.near)  # its host, before it has spoken: not learned
        for _ in range(3):
            plain = a.packet()
            protected = tx.protect(plain)
            a.rtp.sendto(protected, (LOOPBACK, case.near))
            assert b.rtp.recv(2000) == plain
            case.beside.spray([protected], case.near)
            case.elsewhere.spray([protected], *case.ports)
            a.rtp.sendto(b"\x90" + protected[1:], (LOOPBACK, case.near + 1))
            back = b.packet()
            b.rtp.sendto(back, (LOOPBACK, case.far))
            assert rx.unprotect(a.rtp.recv(2000)) == back
        own_forgeries = [packet for packet in well_formed if packet[1] & 0x7F < 64]
        for packet in own_forgeries:
            a.rtp.sendto(packet, (LOOPBACK, case.near))
        deadline = time.monotonic() + 100
        sent = case.beside.sent + case.elsewhere.sent + len(own_forgeries) + 3
        while case.counted("strangers", "errors", "forged") < sent:
            assert time.monotonic() < deadline
        assert case.counted("forged") >= 3 + len(own_forgeries)
        assert all(is_quiet(each) for each in (case.elsewhere.socket, case.beside.socket, a.rtp, a.rtcp, b.rtp, b.rtcp))
    assert proxy.ask("query", call_id="c")["totals"]["RTP"]["packets"] == 6
