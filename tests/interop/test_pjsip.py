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
from interop.process import PATIENCE_S, wait_for
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


def hear_each_other(alice: Phone, bob: Phone, folder: Path) -> bool:
    """Whether each hears the other's tone in one second without a pause of the machine."""
    until = time.monotonic() + PATIENCE_S
    while not (heard := tones_heard(alice, bob, folder)) and time.monotonic() < until:
        pass
    return heard


def tones_heard(alice: Phone, bob: Phone, folder: Path) -> bool:
    """Whether both have heard the other clearly in the last second; neither may hear itself."""
    files = {phone.user: folder / f"{phone.user}-{time.monotonic_ns()}.wav" for phone in (alice, bob)}
    for phone in (alice, bob):
        phone.do("record", path=str(files[phone.user]))
    time.sleep(1.0)
    for phone in (alice, bob):
        phone.do("stop_recording")
    heard = {hearer: {who: tones.strength(file, hertz) for who, hertz in TONE_HZ.items()} for hearer, file in files.items()}
    for hearer, strengths in heard.items():
        assert strengths[hearer] < 0.05, f"{hearer} hears itself: {heard}"
    return heard["alice"]["bob"] > 0.8 and heard["bob"]["alice"] > 0.8


def lost_while_counted(node: Node, alice: Phone, bob: Phone) -> tuple[int, int]:
    """What each has lost when the relay has counted as many packets as both sent, which they go on doing.

    They go on sending between two readings, so theirs are taken before and after the relay's; and what waits for the relay at
    a reading is not counted yet, so that the second reading may have to be taken again.
    """

    def reading() -> tuple[int, int, int]:
        before = alice.state()["sent"] + bob.state()["sent"]
        relayed = node.relayed(alice.state()["call_id"])
        return before, relayed, alice.state()["sent"] + bob.state()["sent"]

    first = reading()

    def agree() -> bool:
        last = reading()
        least, counted, most = last[0] - first[2], last[1] - first[1], last[2] - first[0]
        return least > 20 and least - IN_FLIGHT <= counted <= most + IN_FLIGHT

    wait_for(agree, f"as many packets counted as sent since {first}")
    return alice.state()["lost"], bob.state()["lost"]


PLAIN, SECURE, BOTH = (("MD5",), False), (("MD5",), True), (("SHA-256", "MD5"), False)  # digest algorithms, TLS
CALLS = [
    *((PLAIN, near, far) for near, far in (("udp", "udp"), ("udp", "tcp"), ("tcp", "udp"))),
    *((SECURE, near, far) for near, far in (("tls", "udp"), ("udp", "tls"), ("tls", "tls"))),
    (BOTH, "udp", "udp"),
]


@pytest.mark.parametrize(("node", "near", "far"), CALLS, indirect=["node"])
def test_they_hear_each_other_after_a_hold_too(node: Node, phone: MakePhone, tmp_path: Path, near: str, far: str) -> None:
    alice, bob = phone("alice", near), phone("bob", far)
    for one in (alice, bob):
        one.wait(registered=200)
    alice.do("call", uri=f"sip:bob@{node.setup.domain}")
    for one in (alice, bob):
        one.wait(call="CONFIRMED", media=True)
    assert hear_each_other(alice, bob, tmp_path)
    assert lost_while_counted(node, alice, bob) == (0, 0)
    alice.do("hold")
    alice.wait(media=False)
    bob.wait(media=False)
    alice.do("resume")
    for one in (alice, bob):
        one.wait(media=True)
    assert hear_each_other(alice, bob, tmp_path)
    assert lost_while_counted(node, alice, bob) == (0, 0)
    bob.do("hangup")
    for one in (alice, bob):
        one.wait(ended=200)
