"""Phones with SRTP behind one INVITE, whose answers take different keys of the same offer, over a real relay."""

from __future__ import annotations

import itertools

import pytest

from media.sdes import SUITES, OwnKeys, parse_all
from tests.media.live import LOOPBACK, Phone, Proxy, phones, port_of
from tests.native.relay_wire import rtcp, rtp
from tests.native.test_relay_srtp import Secure

OFFERED, ANSWERED = "RTP/AVP 0", "RTP/SAVP 0"


class Branch:
    """A phone that takes one suite of what it is offered, always by the same keys."""

    def __init__(self, proxy: Proxy, phone: Phone, suite: str, offered: str, tag: str = "") -> None:
        lines = [line.removeprefix("a=crypto:") for line in offered.splitlines() if line.startswith("a=crypto:")]
        (ours,) = (crypto for crypto in parse_all(lines) if crypto.suite == suite)
        own = OwnKeys().crypto(ours.tag, suite)
        self.proxy, self.phone, self.crypto, self.tag = proxy, phone, own, tag or f"b{phone.ssrc}"
        self.srtp = Secure(suite, (own.key, ours.key))
        self.relay = LOOPBACK, port_of(offered)

    def answer(self, sip_code: int) -> int:
        """The port that the caller is told."""
        body = self.phone.sdp(f"a=crypto:{self.crypto}", protocol=ANSWERED)
        keys = {"call_id": "c", "from_tag": "a", "to_tag": self.tag, "sdp": body, "sip_code": sip_code}
        return port_of(self.proxy.ask("answer", **keys)["sdp"])

    def misheard(self, caller: Phone, near: int, *numbers: int) -> list[tuple[bytes, bytes]]:
        """What was sent and came otherwise, and how, when both sides send RTP of these numbers and a packet of RTCP."""
        pairs, port = [], self.relay[1]
        for packet in map(rtp, numbers):
            caller.rtp.sendto(packet, (LOOPBACK, near))
            pairs.append((packet, self.srtp.rx.unprotect(self.phone.rtp.recv(2000))))
            self.phone.rtp.sendto(self.srtp.tx.protect(packet), self.relay)
            pairs.append((packet, caller.rtp.recv(2000)))
        caller.rtcp.sendto(rtcp(), (LOOPBACK, near + 1))
        pairs.append((rtcp(), self.srtp.rx.unprotect_rtcp(self.phone.rtcp.recv(2000))))
        self.phone.rtcp.sendto(self.srtp.tx.protect_rtcp(rtcp()), (LOOPBACK, port + 1))
        pairs.append((rtcp(), caller.rtcp.recv(2000)))
        return [(sent, came) for sent, came in pairs if sent != came]


@pytest.mark.parametrize("suites", list(itertools.pairwise(SUITES)), ids="-".join)
def test_the_branch_that_answers_goes_on_where_its_early_media_was(proxy: Proxy, suites: tuple[str, str]) -> None:
    with phones(1, 2, 3) as (caller, one, two):
        told = proxy.ask("offer", call_id="c", from_tag="a", sdp=caller.sdp(), transport_protocol="RTP/SAVP")["sdp"]
        first, second = (Branch(proxy, phone, suite, told) for phone, suite in zip((one, two), suites, strict=True))
        early = first.answer(183)
        assert first.misheard(caller, early, 65535, 65536) == []
        assert second.misheard(caller, second.answer(183), 65537) == []
        final = first.answer(200)
        assert final == early
        assert first.misheard(caller, final, 65538, 65539) == []
