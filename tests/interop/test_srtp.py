"""PJSIP phones that insist on SRTP in calls with phones that have none; the proxy asks the media daemon to go between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop import tones
from interop.kamailio.node import KamailioNode, MediaDaemon
from interop.node import Node, Setup
from interop.pjsua import Phone
from tests.interop.conftest import USERS, serving
from tests.interop.test_pjsip import TONE_HZ, assert_tones

SUITES = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]  # what PJSIP from PyPI has of ours


@pytest.fixture(scope="module")
def setup(request: pytest.FixtureRequest) -> Setup:
    return Setup(users=USERS, profile=request.param)


@pytest.fixture(scope="module")
def node(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(KamailioNode(setup, tmp_path_factory.mktemp("kamailio"), MediaDaemon))


def call(node: Node, folder: Path, alice_srtp: str, bob_srtp: str) -> None:
    """They hear each other, before and after the caller's hold."""
    phones = []
    try:
        for user, srtp in (("alice", alice_srtp), ("bob", bob_srtp)):
            wav = folder / f"{user}-tone.wav"
            tones.write(wav, TONE_HZ[user])
            target = (node.address, node.port)
            phones.append(Phone(user, node.setup.domain, USERS[user], target, wav, folder / f"{user}.log", srtp=srtp))
            phones[-1].wait(registered=200)
        alice, bob = phones
        alice.do("call", uri=f"sip:bob@{node.setup.domain}")
        for one in phones:
            one.wait(call="CONFIRMED", media=True)
        assert_tones(alice, bob, folder)
        alice.do("hold")
        for one in phones:
            one.wait(media=False)
        alice.do("resume")
        for one in phones:
            one.wait(media=True)
        time.sleep(0.2)
        assert_tones(alice, bob, folder)
        assert alice.state()["lost"] == bob.state()["lost"] == 0
        bob.do("hangup")
        alice.wait(ended=200)
    finally:
        for one in phones:
            one.close()


@pytest.mark.parametrize("setup", ["RTP/AVP"], indirect=True)
@pytest.mark.parametrize("suite", SUITES)
def test_a_phone_with_srtp_calls_one_without(node: Node, tmp_path: Path, suite: str) -> None:
    call(node, tmp_path, suite, "")


@pytest.mark.parametrize("setup", ["RTP/SAVP"], indirect=True)
@pytest.mark.parametrize("suite", SUITES)
def test_a_phone_without_srtp_calls_one_with(node: Node, tmp_path: Path, suite: str) -> None:
    call(node, tmp_path, "", suite)
