"""DTLS-SRTP that ends at a real daemon: parties with a handshake of their own, and media both ways."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pylibsrtp
import pytest

from media.dtls import is_dtls
from media.sdes import Crypto, parse
from tests.media.dtls_peer import THEM, RawPeer
from tests.media.live import LOOPBACK, Live, Phone, Proxy, phones, port_of
from tests.native.relay_wire import eventually

DTLS = "UDP/TLS/RTP/SAVPF 0"
POLICIES = {
    b"SRTP_AES128_CM_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    b"SRTP_AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


class Shaker:
    """A phone with DTLS."""

    def __init__(self, phone: Phone, active: bool = True, profile: bytes = b"SRTP_AES128_CM_SHA1_80") -> None:
        self.phone, self.active, self.profile = phone, active, profile
        self.peer = RawPeer(active, profiles=profile)
        self.tls_id = f"{id(self):040x}"

    def sdp(self, setup: str = "actpass") -> str:
        said = f"a=setup:{setup}", f"a=fingerprint:{self.peer.fingerprint}", f"a=tls-id:{self.tls_id}", "a=rtcp-mux"
        return self.phone.sdp(*said, protocol=DTLS)

    def begin_anew(self) -> None:
        """As a phone that was started again, with the certificate it had."""
        self.peer = self.peer.again()

    def send(self, datagrams: list[bytes], port: int) -> None:
        for datagram in datagrams:
            self.phone.rtp.sendto(datagram, (LOOPBACK, port))

    def shake(self, port: int) -> None:
        """Until it has keys, or an alert."""
        if self.active:
            self.send(self.peer.begin(), port)
        while self.peer.keys is None and not self.peer.error:
            data = self.phone.rtp.recv(2048)
            if is_dtls(data):
                self.send(self.peer.receive(data), port)

    def sessions(self) -> tuple[pylibsrtp.Session, pylibsrtp.Session]:
        """(for what it sends, for what it hears)."""
        assert self.peer.keys is not None
        profile, client, server = self.peer.keys
        ours, theirs = (client, server) if self.active else (server, client)
        return session(ours, POLICIES[profile], sends=True), session(theirs, POLICIES[profile], sends=False)

    def hear(self, heard: pylibsrtp.Session) -> bytes:
        while is_dtls(data := self.phone.rtp.recv(2048)):
            continue
        return bytes(heard.unprotect(data))


def session(key: bytes, profile: int, *, sends: bool) -> pylibsrtp.Session:
    kind = pylibsrtp.Policy.SSRC_ANY_OUTBOUND if sends else pylibsrtp.Policy.SSRC_ANY_INBOUND
    return pylibsrtp.Session(pylibsrtp.Policy(key=key, ssrc_type=kind, srtp_profile=profile))


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as made:
        yield made


@pytest.fixture
def proxy(live: Live) -> Proxy:
    return Proxy(live)


def ask(proxy: Proxy, command: str, call: str, sdp: str, **keys: Any) -> str:
    tags = {"from_tag": "a", "to_tag": "b"} if command == "answer" else {"from_tag": "a"}
    reply = proxy.ask(command, sdp=sdp, call_id=call, **(tags | keys))
    assert reply["result"] == "ok", reply
    return str(reply["sdp"])


def count(live: Live, name: str) -> int:
    return live.daemon.counters[name]


def both_ways(shaker: Shaker, shakes_at: int, plain: Phone, plain_at: int) -> None:
    sent, heard = shaker.sessions()
    packet = shaker.phone.packet()
    shaker.phone.rtp.sendto(sent.protect(packet), (LOOPBACK, shakes_at))
    assert plain.rtp.recv(2048) == packet
    answer = plain.packet()
    plain.rtp.sendto(answer, (LOOPBACK, plain_at))
    assert shaker.hear(heard) == answer


@pytest.mark.parametrize("profile", POLICIES)
@pytest.mark.parametrize("active", [True, False])
def test_a_browser_and_a_phone_hear_each_other(live: Live, proxy: Proxy, active: bool, profile: bytes) -> None:
    call = f"one-{active}-{profile!r}"
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        browser = Shaker(a, active, profile)
        at_b = port_of(ask(proxy, "offer", call, browser.sdp("active" if active else "actpass"), transport_protocol="RTP/AVP"))
        told = ask(proxy, "answer", call, b.sdp())
        at_a = port_of(told)
        assert ("a=setup:passive" in told) is active
        b.rtp.sendto(b.packet(), (LOOPBACK, at_b))  # before there are keys
        browser.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 1)
        both_ways(browser, at_a, b, at_b)


@pytest.mark.parametrize("active", [True, False])
def test_a_phone_calls_a_browser(proxy: Proxy, active: bool) -> None:
    with phones(1, 2) as (a, b):
        browser = Shaker(b, active)
        at_b = port_of(ask(proxy, "offer", f"two-{active}", a.sdp(), transport_protocol="UDP/TLS/RTP/SAVPF"))
        at_a = port_of(ask(proxy, "answer", f"two-{active}", browser.sdp("active" if active else "passive")))
        browser.shake(at_b)
        sent, heard = browser.sessions()
        for number in range(3):
            packet = a.packet()
            a.rtp.sendto(packet, (LOOPBACK, at_a))
            if number == 0:
                browser.phone.rtp.settimeout(2)
            try:
                assert browser.hear(heard) == packet
                break
            except TimeoutError:
                continue  # the browser was done sooner than we
        else:
            pytest.fail("nothing was heard")
        packet = b.packet()
        b.rtp.sendto(sent.protect(packet), (LOOPBACK, at_b))
        assert a.rtp.recv(2048) == packet


def test_sdes_on_the_other_side(live: Live, proxy: Proxy) -> None:
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        browser = Shaker(a)
        told_b = ask(proxy, "offer", "three", browser.sdp("active"), transport_protocol="RTP/SAVP")
        offered = next(line for line in told_b.split("\r\n") if "AES_CM_128_HMAC_SHA1_80" in line)
        ours = parse(offered.removeprefix("a=crypto:"))
        assert ours is not None
        theirs = Crypto(ours.tag, ours.suite, bytes(range(30)))
        at_a = port_of(ask(proxy, "answer", "three", b.sdp(f"a=crypto:{theirs}", protocol="RTP/SAVP 0")))
        browser.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 1)
        profile = pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
        near_sent, near_heard = browser.sessions()
        packet = a.packet()
        a.rtp.sendto(near_sent.protect(packet), (LOOPBACK, at_a))
        assert session(ours.key, profile, sends=False).unprotect(b.rtp.recv(2048)) == packet
        packet = b.packet()
        b.rtp.sendto(session(theirs.key, profile, sends=True).protect(packet), (LOOPBACK, port_of(told_b)))
        assert browser.hear(near_heard) == packet


def test_two_browsers_with_us_between_them(live: Live, proxy: Proxy) -> None:
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        near, far = Shaker(a), Shaker(b, profile=b"SRTP_AEAD_AES_256_GCM")
        at_b = port_of(ask(proxy, "offer", "four", near.sdp("active"), flags=["recrypt"]))
        at_a = port_of(ask(proxy, "answer", "four", far.sdp("active")))
        near.shake(at_a)
        far.shake(at_b)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 2)
        (near_sent, near_heard), (far_sent, far_heard) = near.sessions(), far.sessions()
        packet, answer = a.packet(), b.packet()
        a.rtp.sendto(near_sent.protect(packet), (LOOPBACK, at_a))
        assert far.hear(far_heard) == packet
        b.rtp.sendto(far_sent.protect(answer), (LOOPBACK, at_b))
        assert near.hear(near_heard) == answer


def test_another_certificate_than_signalled_gets_no_media(live: Live, proxy: Proxy) -> None:
    name = "media_dtls_failed_total|reason=fingerprint"
    before = count(live, name)
    with phones(1, 2) as (a, b):
        browser = Shaker(a)
        lie = browser.sdp("active").replace(str(browser.peer.fingerprint), str(THEM.fingerprint()))
        at_b = port_of(ask(proxy, "offer", "five", lie, transport_protocol="RTP/AVP"))
        at_a = port_of(ask(proxy, "answer", "five", b.sdp()))
        browser.shake(at_a)
        eventually(lambda: count(live, name) == before + 1)
        assert browser.peer.keys is None
        a.rtp.sendto(a.packet(), (LOOPBACK, at_a))
        b.rtp.sendto(b.packet(), (LOOPBACK, at_b))
        forged = lambda: sum(side["forged"] for side in query_streams(proxy, "five"))  # noqa: E731
        eventually(lambda: forged() == 1)
        assert not any(media_at(phone) for phone in (a, b))


def media_at(phone: Phone) -> list[bytes]:
    """What waits there, but for DTLS."""
    phone.rtp.setblocking(False)
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(phone.rtp.recv(2048))
    return [data for data in found if not is_dtls(data)]


def query_streams(proxy: Proxy, call: str) -> list[dict[str, Any]]:
    tags = proxy.ask("query", call_id=call)["tags"]
    return [each["stats"] | each for tag in tags.values() for media in tag["medias"] for each in media["streams"]]


def test_a_phone_that_was_started_again_shakes_hands_anew(live: Live, proxy: Proxy) -> None:
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        browser = Shaker(a)
        at_b = port_of(ask(proxy, "offer", "six", browser.sdp("active"), transport_protocol="RTP/AVP"))
        at_a = port_of(ask(proxy, "answer", "six", b.sdp()))
        for number in (1, 2):
            browser.shake(at_a)
            eventually(lambda number=number: count(live, "media_dtls_handshakes_total") == done + number)  # type: ignore[misc]
            both_ways(browser, at_a, b, at_b)
            browser.begin_anew()


def test_old_keys_hold_until_there_are_new_ones_and_a_reinvite_changes_nothing(live: Live, proxy: Proxy) -> None:
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        browser, other = Shaker(a), Shaker(a)
        at_b = port_of(ask(proxy, "offer", "seven", browser.sdp("active"), transport_protocol="RTP/AVP"))
        at_a = port_of(ask(proxy, "answer", "seven", b.sdp()))
        browser.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 1)
        sent, _ = browser.sessions()
        for asked in (browser, other):
            ask(proxy, "offer", "seven", asked.sdp("active"), to_tag="b")
            assert port_of(ask(proxy, "answer", "seven", b.sdp())) == at_a
            packet = a.packet()
            a.rtp.sendto(sent.protect(packet), (LOOPBACK, at_a))
            assert b.rtp.recv(2048) == packet
        other.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 2)
        both_ways(other, at_a, b, at_b)


def test_who_says_goodbye_is_heard_no_more(live: Live, proxy: Proxy) -> None:
    name = "media_dtls_failed_total|reason=closed"
    done, closed = count(live, "media_dtls_handshakes_total"), count(live, name)
    with phones(1, 2) as (a, b):
        browser = Shaker(a)
        ask(proxy, "offer", "eight", browser.sdp("active"), transport_protocol="RTP/AVP")
        at_a = port_of(ask(proxy, "answer", "eight", b.sdp()))
        browser.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 1)
        sent, _ = browser.sessions()
        browser.send(browser.peer.close(), at_a)
        eventually(lambda: count(live, name) == closed + 1)
        a.rtp.sendto(sent.protect(a.packet()), (LOOPBACK, at_a))
        eventually(lambda: sum(each["forged"] for each in query_streams(proxy, "eight")) == 1)


def test_a_flood_of_client_hellos_is_cut_off_and_the_call_goes_on(live: Live, proxy: Proxy) -> None:
    done = count(live, "media_dtls_handshakes_total")
    with phones(1, 2) as (a, b):
        browser = Shaker(a)
        at_b = port_of(ask(proxy, "offer", "nine", browser.sdp("active"), transport_protocol="RTP/AVP"))
        at_a = port_of(ask(proxy, "answer", "nine", b.sdp()))
        browser.shake(at_a)
        eventually(lambda: count(live, "media_dtls_handshakes_total") == done + 1)
        (hello,) = RawPeer(True).begin()
        for number in range(300):
            a.rtp.sendto(hello[:27] + number.to_bytes(32, "big") + hello[59:], (LOOPBACK, at_a))
        eventually(lambda: count(live, "media_dtls_dropped_total") > 0)
        both_ways(browser, at_a, b, at_b)


def test_a_call_that_ends_in_a_handshake_leaves_nothing(live: Live, proxy: Proxy) -> None:
    with phones(1, 2) as (a, b):
        browser = Shaker(a, active=False)
        ask(proxy, "offer", "ten", browser.sdp(), transport_protocol="RTP/AVP")
        ask(proxy, "answer", "ten", b.sdp())
        assert is_dtls(a.rtp.recv(2048))
        assert proxy.ask("delete", call_id="ten", from_tag="a")["result"] == "ok"
        assert proxy.ask("ping")["result"] == "pong"
