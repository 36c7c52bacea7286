"""A leg with SRTP that another phone takes over within the dialogue, as after a transfer behind a PBX, when the rollover
counters of both ways have turned: the newcomer has none of them (RFC 4568 section 7.1.4)."""

from __future__ import annotations

import pytest

from media.sdes import SUITES, OwnKeys, parse_all
from tests.media.live import LOOPBACK, Phone, Proxy, phones, port_of
from tests.media.test_forked_srtp import ANSWERED, Branch
from tests.native.test_relay_srtp import Secure

TAG = "b"


def called(proxy: Proxy, caller: Phone, callee: Phone, suite: str) -> Branch:
    """Of a call in which both have sent more than 65,536 packets, by their numbers."""
    told = proxy.ask("offer", call_id="c", from_tag="a", sdp=caller.sdp(), transport_protocol="RTP/SAVP")["sdp"]
    branch = Branch(proxy, callee, suite, told, TAG)
    branch.talk(caller, branch.answer(200), 65535, 65536)
    return branch


@pytest.mark.parametrize("suite", SUITES)
def test_another_phone_answers(proxy: Proxy, suite: str) -> None:
    with phones(1, 2, 3) as (caller, callee, newcomer):
        called(proxy, caller, callee, suite)
        again = proxy.ask("offer", call_id="c", from_tag="a", to_tag=TAG, sdp=caller.sdp())["sdp"]
        branch = Branch(proxy, newcomer, suite, again, TAG)
        branch.talk(caller, branch.answer(200), 65537, 65538)


@pytest.mark.parametrize("suite", SUITES)
def test_another_phone_offers(proxy: Proxy, suite: str) -> None:
    with phones(1, 2, 3) as (caller, callee, newcomer):
        branch = called(proxy, caller, callee, suite)
        own = OwnKeys().crypto(1, suite)
        offer = newcomer.sdp(f"a=crypto:{own}", protocol=ANSWERED)
        near = port_of(proxy.ask("offer", call_id="c", from_tag=TAG, to_tag="a", sdp=offer)["sdp"])
        told = proxy.ask("answer", call_id="c", from_tag=TAG, to_tag="a", sdp=caller.sdp())["sdp"]
        (ours,) = parse_all(line.removeprefix("a=crypto:") for line in told.splitlines() if line.startswith("a=crypto:"))
        branch.phone, branch.srtp, branch.relay = newcomer, Secure(suite, (own.key, ours.key)), (LOOPBACK, port_of(told))
        branch.talk(caller, near, 65537, 65538)


def test_the_same_phone_goes_on(proxy: Proxy) -> None:
    """It takes another key of ours, and keeps its own with what that has counted."""
    suite = "AEAD_AES_256_GCM"
    with phones(1, 2) as (caller, callee):
        branch = called(proxy, caller, callee, suite)
        again = proxy.ask("offer", call_id="c", from_tag="a", to_tag=TAG, sdp=caller.sdp())["sdp"]
        renewed = Branch(proxy, callee, suite, again, TAG)
        renewed.crypto = branch.crypto
        renewed.srtp.tx = branch.srtp.tx
        renewed.talk(caller, renewed.answer(200), 65537, 65538)
