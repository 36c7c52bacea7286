"""PJSIP phones that insist on SRTP in calls with phones that have none: this node goes between as it is configured, and its
media daemon as Kamailio asks it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop import tones
from interop.kamailio.node import KamailioNode, MediaDaemon
from interop.node import Node, Setup, SipmeshNode
from interop.pjsua import Phone
from tests.interop.conftest import USERS, serving
from tests.interop.test_pjsip import TONE_HZ, hear_each_other

SUITES = ["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"]  # what PJSIP from PyPI has of ours
OURS = Setup(users=USERS, srtp="off", srtp_of={"alice": "mandatory"})
OPTIONAL = Setup(users=USERS, srtp="off", srtp_of={"alice": "optional"})


@pytest.fixture(scope="module")
def setup(request: pytest.FixtureRequest) -> Setup:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def node(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("node")
    yield from serving(KamailioNode(setup, folder, MediaDaemon) if setup.profile else SipmeshNode(setup, folder))


@contextlib.contextmanager
def talking(
    node: Node, folder: Path, srtp: dict[str, str], caller: str = "alice", *, insists: bool = True
) -> Iterator[tuple[Phone, Phone]]:
    """Alice and Bob in a call, who hear each other. ``srtp``: by user, the suite its phone takes, ``insists`` on."""
    with contextlib.ExitStack() as phones:
        made = []
        for user in ("alice", "bob"):
            wav, log = folder / f"{user}-tone.wav", folder / f"{user}.log"
            tones.write(wav, TONE_HZ[user])
            target = (node.address, node.port)
            suite = srtp.get(user, "")
            phone = Phone(user, node.setup.domain, USERS[user], target, wav, log, srtp=suite, insists=insists)
            phones.callback(phone.close)
            phone.wait(registered=200)
            made.append(phone)
        alice, bob = made
        calling, called = (alice, bob) if caller == "alice" else (bob, alice)
        calling.do("call", uri=f"sip:{called.user}@{node.setup.domain}")
        for one in (alice, bob):
            one.wait(call="CONFIRMED", media=True)
        assert hear_each_other(alice, bob, folder)
        yield alice, bob


def call(node: Node, folder: Path, srtp: dict[str, str], caller: str = "alice", *, insists: bool = True) -> dict[str, str]:
    """They hear each other, before and after the caller's hold. What the phones logged, by user."""
    with talking(node, folder, srtp, caller, insists=insists) as (alice, bob):
        calling, called = (alice, bob) if caller == "alice" else (bob, alice)
        calling.do("hold")
        for one in (alice, bob):
            one.wait(media=False)
        calling.do("resume")
        for one in (alice, bob):
            one.wait(media=True)
        assert hear_each_other(alice, bob, folder)
        assert alice.state()["lost"] == bob.state()["lost"] == 0
        called.do("hangup")
        calling.wait(ended=200)
        return {phone.user: phone.log.read_text(errors="replace") for phone in (alice, bob)}


@pytest.mark.parametrize("setup", [OURS], indirect=True, ids=["node"])
@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_the_node_goes_between_a_phone_with_srtp_and_one_without(node: Node, tmp_path: Path, caller: str) -> None:
    suite = {"alice": "AES_256_CM_HMAC_SHA1_80", "bob": SUITES[0]}[caller]
    logs = call(node, tmp_path, {"alice": suite}, caller)
    assert f"SRTP started, keying=SDES, crypto={suite}" in logs["alice"]
    assert "SRTP started" not in logs["bob"]


@pytest.mark.parametrize("setup", [OURS], indirect=True, ids=["node"])
def test_a_phone_goes_over_to_another_suite_and_back(node: Node, tmp_path: Path) -> None:
    started = [f"SRTP started, keying=SDES, crypto={suite}" for suite in (*SUITES, SUITES[0])]
    with talking(node, tmp_path, {"alice": ",".join(SUITES)}) as (alice, bob):
        for suite in (SUITES[1], SUITES[0]):
            before = alice.state()["media_updates"]
            alice.do("rekey", suite=suite)
            alice.wait(media_updates=before + 1)
            assert hear_each_other(alice, bob, tmp_path)
    assert re.findall("SRTP started, keying=SDES, crypto=\\w+", alice.log.read_text(errors="replace")) == started


@pytest.mark.parametrize("setup", [OPTIONAL], indirect=True, ids=["node"])
@pytest.mark.parametrize("caller", ["alice", "bob"])
def test_a_phone_that_can_have_srtp_has_it(node: Node, tmp_path: Path, caller: str) -> None:
    logs = call(node, tmp_path, {"alice": SUITES[0]}, caller, insists=False)
    assert f"SRTP started, keying=SDES, crypto={SUITES[0]}" in logs["alice"]
    assert "RTP/SAVP" not in logs["alice"]
    assert "SRTP started" not in logs["bob"]


@pytest.mark.parametrize("setup", [Setup(users=USERS, profile="RTP/AVP")], indirect=True, ids=["kamailio"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_phone_with_srtp_calls_one_without(node: Node, tmp_path: Path, suite: str) -> None:
    logs = call(node, tmp_path, {"alice": suite})
    assert f"SRTP started, keying=SDES, crypto={suite}" in logs["alice"]
    assert "SRTP started" not in logs["bob"]


@pytest.mark.parametrize("setup", [Setup(users=USERS, profile="RTP/SAVP")], indirect=True, ids=["kamailio"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_phone_without_srtp_calls_one_with(node: Node, tmp_path: Path, suite: str) -> None:
    logs = call(node, tmp_path, {"bob": suite})
    assert f"SRTP started, keying=SDES, crypto={suite}" in logs["bob"]
    assert "SRTP started" not in logs["alice"]
