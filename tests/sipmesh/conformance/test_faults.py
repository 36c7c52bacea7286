"""Each case passes against a sound node and fails against one with a fault: what a fault does is a function over bytes."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from sipmesh.conformance.patience import STEP_S
from sipmesh.conformance.run import all_cases, run_case
from tests.sipmesh.conformance.faulty_node import FaultyNode, Spoil

CASES = {case.run.__name__: case for case in all_cases()}
Maker = Callable[[], Spoil]


def unless(pattern: bytes) -> Spoil:
    """Loses what ``pattern`` is found in."""
    return lambda data: b"" if re.search(pattern, data, re.S) else data


def with_(pattern: bytes, new: bytes | Callable[[re.Match[bytes]], bytes], times: int = 0) -> Spoil:
    return lambda data: re.sub(pattern, new, data, count=times, flags=re.S)


def once(pattern: bytes, names: bytes) -> Spoil:
    """Loses what matches ``pattern`` when all that ``names`` finds in it was there before."""
    seen: set[tuple[bytes, ...]] = set()

    def take(data: bytes) -> bytes:
        if not re.search(pattern, data, re.S):
            return data
        key = tuple(re.findall(names, data))
        known = key in seen
        seen.add(key)
        return b"" if known else data

    return take


def only_first(pattern: bytes) -> Spoil:
    return once(pattern, b"^nothing is found")


def forgets_own_via(data: bytes) -> bytes:
    """Of more than two, which only a request has that comes back, the first alone is left."""
    vias = re.findall(rb"Via: [^\r]*\r\n", data)
    for via in vias[1:] if len(vias) > 2 else ():
        data = data.replace(via, b"")
    return data


def passes_failures_on(data: bytes) -> bytes:
    """To the second Via's port, whatever came before."""
    if data.startswith(b"SIP/2.0 603"):
        first, second = re.findall(rb"Via: [^\r]*\r\n", data)
        port = re.search(rb"rport=(\d+)", second)
        assert port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
            raw.sendto(data.replace(first, b""), ("127.0.0.1", int(port[1])))
    return data


def sleeps(data: bytes) -> bytes:
    if data.startswith(b"MESSAGE") and b"Proxy-Authorization" in data:
        for _ in range(75):  # in steps as the tester's, of which a stalled machine makes fewer too
            time.sleep(STEP_S)
    return data


RECEIVED: dict[str, Maker] = {
    "loop": lambda: forgets_own_via,
    "loop_in_disguise": lambda: forgets_own_via,
    "spiral": lambda: with_(rb";way=2 ", b" "),
    "merged": lambda: once(rb"^MESSAGE", rb"Call-ID: [^\r]*|CSeq: [^\r]*"),
    "failure_after_2xx": lambda: passes_failures_on,
    "answer_after_decline": lambda: unless(rb"^SIP/2.0 200 Test.*CSeq: [0-9]+ INVITE"),
    "notify_of_every_fork": lambda: unless(rb"^NOTIFY"),
    "long_request_without_tcp": lambda: lambda data: data[:1300],
    "refused_once": lambda: only_first(rb"^MESSAGE [^\r]*\r\n.*Proxy-Authorization"),
    "name_looked_up": lambda: sleeps,
    "contacts_differ": lambda: with_(rb"Contact: [^\r]*", lambda found: found[0].lower()),
    "gruus": lambda: with_(rb"^MESSAGE ([^ ;]*);gr=[^ ]*", rb"MESSAGE \1"),
    "flow_replaced": lambda: with_(rb"urn:uuid:[^>]*", lambda _: f"urn:uuid:{uuid4()}".encode()),
    "one_flow": lambda: with_(rb"urn:uuid:[^>]*", lambda _: f"urn:uuid:{uuid4()}".encode()),
    "push_parameters": lambda: with_(rb";pn-prid=[^;>]*", b""),
    "quoted_pairs": lambda: with_(rb'username="\\', rb'username="\\\\\\\\'),
    "malformed": lambda: lambda data: data if b"\r\nFrom:" in data else b"",
    "ipv6_addresses": lambda: unless(rb"received=\["),
    "ipv6_without_brackets": lambda: unless(rb"sip:2001:"),
}
SENT: dict[str, Maker] = {
    "record_route_twice": lambda: with_(rb"Record-Route: [^\r]*\r\n", b"", 1),
    "ack_branch": lambda: (
        lambda data: (
            re.sub(rb"branch=", b"branch=z9hG4bK%d" % time.monotonic_ns(), data, count=1) if data.startswith(b"ACK") else data
        )
    ),
    "non_invite_retransmission": lambda: once(rb"^MESSAGE", rb"branch=[^\r;]*"),
    "from_tag": lambda: with_(rb"^(CANCEL.*?From: [^\r]*?);tag=[^\r]*", rb"\1"),
    "own_require": lambda: with_(rb"^SIP/2.0 420 [^\r]*", b"SIP/2.0 200 OK"),
    "overload_offer": lambda: with_(rb";oc;", b";oc=20;"),
    "overload_feedback": lambda: with_(rb"^(SIP/2.0 200 Test.*?Via: [^\r]*)", rb"\1;oc=20"),
    "to_is_no_sip_uri": lambda: with_(rb"^SIP/2.0 400", b"SIP/2.0 404"),
    "failure_repeated": lambda: once(rb"^SIP/2.0 486", rb"Call-ID: [^\r]*"),
    "session_timer": lambda: with_(rb"Session-Expires: 120", b"Session-Expires: 90"),
    "retry_after": lambda: with_(rb"Retry-After: [^\r]*\r\n", b""),
    "long_request": lambda: unless(rb"^MESSAGE.*\nVia: SIP/2.0/TCP"),
    "answer_after_close": lambda: unless(rb"^SIP/2.0 486"),
    "alias_without_certificate": lambda: unless(rb"^MESSAGE.*\nVia: SIP/2.0/TCP"),
    "closed_udp_port": lambda: unless(rb"^SIP/2.0 500"),
    "identity_kept": lambda: with_(rb"Identity: [^\r]*;ppt=shaken", b"Identity: x"),
    "bulk": lambda: with_(rb"Unsupported: gin", b"Unsupported: none"),
    "path": lambda: with_(rb"\r\nRoute: [^\r]*", b""),
}


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FaultyNode]]:
    started: list[FaultyNode] = []

    def start(**faults: Spoil) -> FaultyNode:
        started.append(FaultyNode(tmp_path, monkeypatch, **faults))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyNode]:
    with pytest.MonkeyPatch.context() as patch:
        node = FaultyNode(tmp_path_factory.mktemp("sound"), patch)
        yield node
        node.stop()


@pytest.mark.parametrize("name", sorted({*RECEIVED, *SENT}))
def test_a_sound_node_passes(sound: FaultyNode, name: str) -> None:
    result = run_case(CASES[name], sound.target)
    assert (result.outcome, result.reason) == ("pass", "")


@pytest.mark.parametrize(("fault", "name"), [*(("received", name) for name in RECEIVED), *(("sent", name) for name in SENT)])
def test_a_faulty_one_fails_with_reason_and_messages(node: Callable[..., FaultyNode], fault: str, name: str) -> None:
    spoil = (RECEIVED if fault == "received" else SENT)[name]()
    result = run_case(CASES[name], node(**{fault: spoil}).target)
    assert result.outcome == "fail", result.reason
    assert result.reason
    assert result.trace


def test_a_node_that_sends_sips_in_the_clear_fails(node: Callable[..., FaultyNode], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipcore.proxy.branch.SECURE_TRANSPORTS", {"udp", "tcp"})
    monkeypatch.setattr("sipmesh.signalling.forwarding.suited", lambda targets, **_: targets)
    for module in ("branch", "forward"):
        monkeypatch.setattr(f"sipcore.proxy.{module}.secured", lambda hop: hop)
    result = run_case(CASES["sips_in_the_clear"], node().target)
    assert (result.outcome, result.reason) == ("fail", "left by UDP")
