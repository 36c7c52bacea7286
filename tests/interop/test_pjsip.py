"""Two PJSIP phones, each playing a tone of its own: the far tone must be in each recording, before and after hold.

Phones over TLS check our certificate.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from interop import tones
from interop.certificates import Authority
from interop.node import Node, Setup, SipmeshNode, start
from interop.pjsua import Phone
from tests.interop.conftest import USERS, serving

TONE_HZ = {"alice": 600.0, "bob": 1100.0}
IN_FLIGHT = 6  # packets that may be on their way between two readings
MakePhone = Callable[..., Phone]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """With TLS it is sipmesh always: Kamailio's configuration has none."""
    digest, tls = request.param
    folder = tmp_path_factory.mktemp("node")
    if tls:
        own = authority.issue("own", "DNS:127.0.0.1", "IP:127.0.0.1", "DNS:example.test")
        yield from serving(SipmeshNode(Setup(users=USERS, digest=digest, tls=(own.certificate, own.key)), folder))
    else:
        yield from serving(start(Setup(users=USERS, digest=digest), folder))


@pytest.fixture
def phone(node: Node, authority: Authority, tmp_path: Path) -> Iterator[MakePhone]:
    started: list[Phone] = []

    def make(user: str, transport: str) -> Phone:
        wav, log = tmp_path / f"{user}-tone.wav", tmp_path / f"{user}.log"
        tones.write(wav, TONE_HZ[user])
        port = node.tls_port if transport == "tls" and isinstance(node, SipmeshNode) else node.port
        made = Phone(user, node.setup.domain, USERS[user], (node.address, port), wav, log, transport, authority.ca)
        started.append(made)
        return made

    yield make
    for one in started:
        one.close()


def assert_tones(alice: Phone, bob: Phone, folder: Path) -> None:
    """Each hears the other's tone and not its own."""
    files = {phone.user: folder / f"{phone.user}-{time.monotonic_ns()}.wav" for phone in (alice, bob)}
    for phone in (alice, bob):
        phone.do("record", path=str(files[phone.user]))
    time.sleep(1.0)
    for phone in (alice, bob):
        phone.do("stop_recording")
    for hearer, speaker in (("alice", "bob"), ("bob", "alice")):
        heard = {who: tones.strength(files[hearer], hertz) for who, hertz in TONE_HZ.items()}
        assert heard[speaker] > 0.8, f"{hearer} does not hear {speaker}: {heard}"
        assert heard[hearer] < 0.05, f"{hearer} hears itself: {heard}"


def assert_counters_agree(node: Node, alice: Phone, bob: Phone) -> None:
    """Over half a second the relay counts as many packets as both phones sent.

    The phones go on sending between two readings, so theirs are taken before and after the relay's.
    """

    def reading() -> tuple[int, int, int]:
        before = alice.state()["sent"] + bob.state()["sent"]
        relayed = node.relayed(alice.state()["call_id"])
        return before, relayed, alice.state()["sent"] + bob.state()["sent"]

    first = reading()
    time.sleep(0.5)
    last = reading()
    assert last[0] - first[2] > 20
    assert last[0] - first[2] - IN_FLIGHT <= last[1] - first[1] <= last[2] - first[0] + IN_FLIGHT
    assert alice.state()["lost"] == bob.state()["lost"] == 0


PLAIN, SECURE, BOTH = (("MD5",), False), (("MD5",), True), (("SHA-256", "MD5"), False)  # digest algorithms, TLS
CASES = [
    *((PLAIN, *ways) for ways in (("udp", "udp"), ("udp", "tcp"), ("tcp", "udp"))),
    *((SECURE, *ways) for ways in (("tls", "udp"), ("udp", "tls"), ("tls", "tls"))),
    (BOTH, "udp", "udp"),
]


@pytest.mark.parametrize(("node", "near", "far"), CASES, indirect=["node"])
def test_they_hear_each_other_before_and_after_hold(node: Node, phone: MakePhone, tmp_path: Path, near: str, far: str) -> None:
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
    assert_counters_agree(node, alice, bob)
    bob.do("hangup")
    for one in (alice, bob):
        one.wait(ended=200)
