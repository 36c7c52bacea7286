"""A leg with SRTP that another phone takes over within the dialogue, as after a transfer behind a PBX, when the rollover
counters of both ways have turned: the newcomer has none of them (RFC 4568 section 7.1.4)."""

from __future__ import annotations

import pytest

from media.sdes import SUITES, OwnKeys, parse_all
from tests.media.live import LOOPBACK, Phone, Proxy, phones, port_of
from tests.media.test_forked_srtp import ANSWERED, Branch
from tests.native.test_relay_srtp import Secure

TAG = "b"
TURN = (65535, 65536)  # numbers of packets, so that both sides know of more than 65,536


def called(proxy: Proxy, caller: Phone, callee: Phone, suite: str) -> tuple[Branch, int]:
    """The callee's branch, and the port that the caller sends to."""
    told = proxy.ask("offer", call_id="c", from_tag="a", sdp=caller.sdp(), transport_protocol="RTP/SAVP")["sdp"]
    branch = Branch(proxy, callee, suite, told, TAG)
    return branch, branch.answer(200)


@pytest.mark.parametrize("suite", SUITES)
def test_another_phone_answers(proxy: Proxy, suite: str) -> None:
    with phones(1, 2, 3) as (caller, callee, newcomer):
        branch, near = called(proxy, caller, callee, suite)
        assert branch.misheard(caller, near, *TURN) == []
        again = proxy.ask("offer", call_id="c", from_tag="a", to_tag=TAG, sdp=caller.sdp())["sdp"]
        branch = Branch(proxy, newcomer, suite, again, TAG)
        assert branch.misheard(caller, branch.answer(200), 65537, 65538) == []


@pytest.mark.parametrize("suite", SUITES)
def test_another_phone_offers(proxy: Proxy, suite: str) -> None:
    with phones(1, 2, 3) as (caller, callee, newcomer):
        branch, near = called(proxy, caller, callee, suite)
        assert branch.misheard(caller, near, *TURN) == []
        own = OwnKeys().crypto(1, suite)
        offer = newcomer.sdp(f"a=crypto:{own}", protocol=ANSWERED)
        near = port_of(proxy.ask("offer", call_id="c", from_tag=TAG, to_tag="a", sdp=offer)["sdp"])
        told = proxy.ask("answer", call_id="c", from_tag=TAG, to_tag="a", sdp=caller.sdp())["sdp"]
        (ours,) = parse_all(line.removeprefix("a=crypto:") for line in told.splitlines() if line.startswith("a=crypto:"))
        branch.phone, branch.srtp, branch.relay = newcomer, Secure(suite, (own.key, ours.key)), (LOOPBACK, port_of(told))
        assert branch.misheard(caller, near, 65537, 65538) == []


def test_the_same_phone_goes_on(proxy: Proxy) -> None:
    """It takes another key of ours, and keeps its own with what that has counted."""
    suite = "AEAD_AES_256_GCM"
    with phones(1, 2) as (caller, callee):
        branch, near = called(proxy, caller, callee, suite)
        assert branch.misheard(caller, near, *TURN) == []
        again = proxy.ask("offer", call_id="c", from_tag="a", to_tag=TAG, sdp=caller.sdp())["sdp"]
        renewed = Branch(proxy, callee, suite, again, TAG)
        renewed.crypto = branch.crypto
        renewed.srtp.tx = branch.srtp.tx
        assert renewed.misheard(caller, renewed.answer(200), 65537, 65538) == []
