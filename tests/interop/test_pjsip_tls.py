"""A PJSIP phone over TLS, which checks our certificate, and one over UDP: both hear each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop import tones
from interop.certificates import Authority
from interop.node import Setup, SipmeshNode
from interop.pjsua import Phone
from tests.interop.conftest import USERS
from tests.interop.test_pjsip import TONE_HZ, assert_counters_agree, assert_tones

MakePhone = Callable[[str, str], Phone]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SipmeshNode]:
    own = authority.issue("own", "DNS:127.0.0.1", "IP:127.0.0.1", "DNS:example.test")
    started = SipmeshNode(Setup(users=USERS, tls=(own.certificate, own.key)), tmp_path_factory.mktemp("node"))
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture
def phone(node: SipmeshNode, authority: Authority, tmp_path: Path) -> Iterator[MakePhone]:
    started: list[Phone] = []

    def make(user: str, transport: str) -> Phone:
        wav, log = tmp_path / f"{user}-tone.wav", tmp_path / f"{user}.log"
        tones.write(wav, TONE_HZ[user])
        target = (node.address, node.tls_port if transport == "tls" else node.port)
        made = Phone(user, node.setup.domain, USERS[user], target, wav, log, transport, authority.ca)
        started.append(made)
        return made

    yield make
    for one in started:
        one.close()


@pytest.mark.parametrize(("near", "far"), [("tls", "udp"), ("udp", "tls"), ("tls", "tls")])
def test_they_hear_each_other(node: SipmeshNode, phone: MakePhone, tmp_path: Path, near: str, far: str) -> None:
    alice, bob = phone("alice", near), phone("bob", far)
    for one in (alice, bob):
        one.wait(registered=200)
    alice.do("call", uri=f"sip:bob@{node.setup.domain}")
    for one in (alice, bob):
        one.wait(call="CONFIRMED", media=True)
    assert_tones(alice, bob, tmp_path)
    assert_counters_agree(node, alice, bob)
    alice.do("hold")
    alice.wait(media=False)
    bob.wait(media=False)
    alice.do("resume")
    for one in (alice, bob):
        one.wait(media=True)
    time.sleep(0.2)
    assert_tones(alice, bob, tmp_path)
    bob.do("hangup")
    for one in (alice, bob):
        one.wait(ended=200)
