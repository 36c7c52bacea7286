"""WebRTC peers (aiortc, headless Chromium) through the media daemon, as Kamailio asks for it: ICE and DTLS-SRTP on their side.

Each case first held against rtpengine (``INTEROP_NODE=kamailio``).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from interop import chromium, ng, webrtc
from interop.kamailio.node import MediaDaemon, Rtpengine
from interop.phone import Phone
from interop.process import wait_for
from tests.interop.beside import Address

PATIENCE_S = 60.0
BESIDE = os.environ.get("INTEROP_NODE") == "kamailio"
BROWSER_HZ, PHONE_HZ = 500.0, 700.0
TOWARDS: dict[str, dict[str, Any]] = {
    "browser": {"transport_protocol": "UDP/TLS/RTP/SAVPF", "ICE": "force", "rtcp_mux": ["offer"]},
    "RTP/AVP": {"transport_protocol": "RTP/AVP", "ICE": "remove", "rtcp_mux": ["demux"]},
    "RTP/AVPF": {"transport_protocol": "RTP/AVPF", "ICE": "remove", "rtcp_mux": ["offer"]},
    "RTP/SAVP": {"transport_protocol": "RTP/SAVP", "ICE": "remove", "rtcp_mux": ["demux"], "DTLS": "off"},
}
Browser = webrtc.Peer | chromium.Peer


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    """Its ports are none that a browser beside it gets: what comes from those is never believed."""
    running = (Rtpengine if BESIDE else MediaDaemon)(tmp_path_factory.mktemp("relay"))
    try:
        yield running.ng
    finally:
        running.stop()


@pytest.fixture(scope="module")
def chromes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Browser]:
    browser = chromium.Browser(tmp_path_factory.mktemp("chromium") / "log")
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(params=["aiortc", "chromium"])
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    made: Browser
    if request.param == "aiortc":
        made = webrtc.Peer(BROWSER_HZ)
    else:
        made = chromium.Peer(request.getfixturevalue("chromes"), BROWSER_HZ)
    with contextlib.closing(made):
        yield made


@pytest.fixture(params=["RTP/AVP", "RTP/SAVP"])
def phone(request: pytest.FixtureRequest) -> Iterator[Phone]:
    with contextlib.closing(Phone(PHONE_HZ, request.param)) as made:
        yield made


class Call:
    """Two parties through a relay, with what each one's side is to be."""

    def __init__(self, relay: Address, caller: Browser | Phone, callee: Browser | Phone) -> None:
        self._relay = relay
        self._caller, self._callee = caller, callee
        self.call_id = os.urandom(8).hex()

    def invite(self, offered: str = "") -> None:
        """An INVITE or re-INVITE of the caller's, answered."""
        offer = self._passed("offer", offered or self._caller.offer(), self._callee)
        answer = self._passed("answer", self._callee.answer(offer), self._caller)
        self._caller.accept(answer)

    def counted(self) -> dict[str, Any]:
        return ng.ask(self._relay, "query", call_id=self.call_id)

    def end(self) -> None:
        ng.ask(self._relay, "delete", call_id=self.call_id)

    def _passed(self, command: str, sdp: str, receiver: Browser | Phone) -> str:
        tags = {"from_tag": "a", **({"to_tag": "b"} if command == "answer" else {})}
        kind = receiver.profile if isinstance(receiver, Phone) else "browser"
        reply = ng.ask(self._relay, command, call_id=self.call_id, sdp=sdp, **tags, **TOWARDS[kind])
        assert reply["result"] == "ok", reply
        return str(reply["sdp"])


@contextlib.contextmanager
def calling(relay: Address, caller: Browser | Phone, callee: Browser | Phone) -> Iterator[Call]:
    call = Call(relay, caller, callee)
    call.invite()
    try:
        yield call
    finally:
        call.end()


def hears(party: Browser | Phone, other: Browser | Phone) -> None:
    wait_for(lambda: party.heard.share(other.tone_hz) > 0.9, f"{party} hears {other.tone_hz} Hz", PATIENCE_S, 0.1)


def hear_each_other(one: Browser | Phone, other: Browser | Phone) -> None:
    hears(one, other)
    hears(other, one)


def hears_nothing(party: Browser | Phone, other: Browser | Phone) -> None:
    wait_for(lambda: party.heard.share(other.tone_hz) < 0.1, f"{party} hears no more {other.tone_hz} Hz", PATIENCE_S, 0.1)


def talk_hold_and_resume(call: Call, caller: Browser | Phone, callee: Browser | Phone) -> None:
    hear_each_other(caller, callee)
    caller.turn("inactive")
    call.invite()
    hears_nothing(caller, callee)
    hears_nothing(callee, caller)
    caller.turn("sendrecv")
    call.invite()
    hear_each_other(caller, callee)


def test_peers_of_the_tests_hear_each_other_without_a_relay(chromes: chromium.Browser) -> None:
    with contextlib.closing(chromium.Peer(chromes, 500)) as alice, contextlib.closing(webrtc.Peer(700)) as bob:
        alice.accept(bob.answer(alice.offer()))
        hear_each_other(alice, bob)


def test_a_browser_calls_a_phone(relay: Address, browser: Browser, phone: Phone) -> None:
    with calling(relay, browser, phone) as call:
        talk_hold_and_resume(call, browser, phone)
        assert call.counted()["totals"]["RTP"]["packets"] >= browser.packets() + phone.packets() - 10


def test_a_phone_calls_a_browser(relay: Address, browser: Browser, phone: Phone) -> None:
    with calling(relay, phone, browser) as call:
        talk_hold_and_resume(call, phone, browser)


@pytest.mark.skipif(BESIDE, reason="rtpengine 10.5 does not read it")
def test_one_flag_says_it_all(relay: Address, chromes: chromium.Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOWARDS, "browser", {"flags": ["WebRTC"]})
    with (
        contextlib.closing(chromium.Peer(chromes, BROWSER_HZ)) as browser,
        contextlib.closing(Phone(PHONE_HZ)) as phone,
        calling(relay, phone, browser),
    ):
        hear_each_other(phone, browser)


def test_two_browsers_hear_each_other(relay: Address, chromes: chromium.Browser) -> None:
    with (
        contextlib.closing(chromium.Peer(chromes, 500)) as alice,
        contextlib.closing(webrtc.Peer(700)) as bob,
        calling(relay, alice, bob),
    ):
        hear_each_other(alice, bob)


def test_a_browser_begins_ice_anew(relay: Address, chromes: chromium.Browser) -> None:
    with (
        contextlib.closing(chromium.Peer(chromes, BROWSER_HZ)) as browser,
        contextlib.closing(Phone(PHONE_HZ)) as phone,
        calling(relay, browser, phone) as call,
    ):
        hear_each_other(browser, phone)
        call.invite(browser.offer(restart=True))
        before = phone.packets(), browser.packets()
        wait_for(lambda: phone.packets() > before[0] + 50, "50 packets after the restart", PATIENCE_S)
        wait_for(lambda: browser.packets() > before[1] + 50, "50 packets after the restart", PATIENCE_S)
        hear_each_other(browser, phone)


def test_sound_and_picture_in_one_call(relay: Address, chromes: chromium.Browser) -> None:
    """The browser bundles, the phone has two ports; its picture comes back when it has asked for one."""
    with (
        contextlib.closing(chromium.Peer(chromes, BROWSER_HZ, video=True)) as browser,
        contextlib.closing(Phone(PHONE_HZ, "RTP/AVPF")) as phone,
        calling(relay, browser, phone),
    ):
        hear_each_other(browser, phone)
        wait_for(lambda: browser.pictures() > 20, "20 pictures that came back", PATIENCE_S)
        assert phone.mirror.asked


@pytest.mark.parametrize("called", [False, True], ids=["caller", "callee"])
def test_who_has_another_certificate_than_was_signalled_is_not_heard(relay: Address, called: bool) -> None:
    """Nor does it hear anything: it may be whoever came between."""
    with (
        contextlib.closing(Forged(BROWSER_HZ)) as browser,
        contextlib.closing(Phone(PHONE_HZ)) as phone,
        calling(relay, *((phone, browser) if called else (browser, phone))),
    ):
        wait_for(browser.reached, "ICE of the browser", PATIENCE_S)
        before = phone.sent()
        wait_for(lambda: phone.sent() > before + 100, "100 packets to the browser", PATIENCE_S)
        assert phone.packets() == browser.packets() == 0


class Forged(webrtc.Peer):
    """Its bodies have the fingerprint of someone else."""

    def offer(self) -> str:
        return self._forged(super().offer())

    def answer(self, offer: str) -> str:
        return self._forged(super().answer(offer))

    def _forged(self, body: str) -> str:
        return re.sub(r"(?m)^(a=fingerprint:\S+ )([\w:]+)", lambda match: match[1] + match[2][::-1], body)
