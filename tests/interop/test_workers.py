"""Three signal workers on one address: calls work whatever worker the kernel gives their messages to. (sipmesh only.)"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from interop.credentials import authorization
from interop.node import Node, Setup, SipmeshNode
from interop.process import wait_for
from interop.rawsip import Client
from interop.response import Response
from interop.stage import Stage
from native.sip import Message, crc_slot
from tests.interop.conftest import USERS, serving
from tests.interop.test_restart import kill

WORKERS = 3


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup(users=USERS, signal_workers=WORKERS, bindings=100)


@pytest.fixture(scope="module")
def node(setup: Setup, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(SipmeshNode(setup, tmp_path_factory.mktemp("node")), expected="worker ended")


def by_worker(node: SipmeshNode, name: str) -> dict[str, float]:
    """A counter of each signal worker, its labels summed up."""
    counts: dict[str, float] = {}
    for worker, value in re.findall(rf'(?m)^{name}{{.*?worker="(signal-\d)".*?}} (\S+)$', node.get("/metrics")):
        counts[worker] = counts.get(worker, 0.0) + float(value)
    return counts


@pytest.mark.parametrize("flow", ["bye_from_caller", "cancel"])
@pytest.mark.parametrize(("near", "far"), [("udp", "udp"), ("tcp", "tcp"), ("udp", "tcp")])
def test_flows(stage: Stage, flow: str, near: str, far: str) -> None:
    call = stage.call(flow, stage.registered("alice", near), stage.registered("bob", far))
    if flow.startswith("bye"):
        call.talk()
    call.expect_ok()


def options(stage: Stage, client: Client, call_id: str) -> bytes:
    host, port = stage.target
    return (
        f"OPTIONS sip:{host}:{port} SIP/2.0\r\nVia: SIP/2.0/{client.transport.upper()} 127.0.0.1:{client.port};rport;"
        f"branch=z9hG4bK{call_id}{client.transport}\r\nFrom: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:{host}>\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def each_took_part(node: SipmeshNode, before: dict[str, float]) -> bool:
    """A worker that had no request before tells of none until it reports its counters again."""
    counts = by_worker(node, "sipmesh_sip_requests_total")
    return len(counts) == WORKERS and all(count > before.get(name, 0) for name, count in counts.items())


def test_all_workers_take_part_and_each_message_finds_its_own(stage: Stage, node: SipmeshNode) -> None:
    """One socket, so one worker accepted the connection; what is others' is passed on."""
    call_ids = {crc_slot(text) % WORKERS: text for text in map(str, range(50))}
    assert len(call_ids) == WORKERS
    before, passed = by_worker(node, "sipmesh_sip_requests_total"), by_worker(node, "sipmesh_sip_passed_on_total")
    for transport in ("udp", "tcp"):
        with Client(stage.target, transport=transport) as client:
            for call_id in call_ids.values():
                client.send(options(stage, client, call_id))
                answer = client.response()
                assert answer is not None
                assert answer.status == 200
    wait_for(lambda: each_took_part(node, before), "requests at every worker")
    wait_for(
        lambda: sum(by_worker(node, "sipmesh_sip_passed_on_total").values()) >= sum(passed.values()) + WORKERS - 1,
        "what is others' passed on",
    )
    assert node.metric("sipmesh_sip_passed_on_dropped_total") == 0
    assert node.metric("sipmesh_sip_proxy_stray_responses_total") == 0
    assert node.metric("sipmesh_sip_proxy_cancels_unmatched_total") == 0


@dataclass
class Asker:
    """Asks users for OPTIONS, with credentials from the first time on."""

    client: Client
    setup: Setup
    user: str = "alice"
    challenged: Response | None = None
    uses: int = 0

    def ask(self, user: str, call_id: str) -> None:
        """The answer is the client's to receive."""
        uri = f"sip:{user}@{self.setup.domain}"
        if self.challenged is None:
            self.client.request("OPTIONS", uri, self.user, self.setup.domain)
            self.challenged = self.client.final()
            assert self.challenged is not None
        self.uses += 1
        proof = authorization(self.challenged, self.user, self.setup.users[self.user], "OPTIONS", uri, "MD5", self.uses)
        self.client.request("OPTIONS", uri, self.user, self.setup.domain, (f"Proxy-Authorization: {proof}",), call_id=call_id)


def call_ids() -> Iterator[str]:
    """The next is always another worker's."""
    for n in itertools.count():
        yield next(text for k in itertools.count() if crc_slot(text := f"asked-{n}-{k}") % WORKERS == n % WORKERS)


def next_request(client: Client, but: bytes) -> bytes:
    """What begins ``but`` otherwise: a request that was answered may have been repeated before."""
    while (data := client.receive()) is not None and data.startswith((but, b"SIP/2.0 ")):
        pass
    assert data is not None
    return data


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_registration_is_known_everywhere_before_its_200_leaves(stage: Stage, node: SipmeshNode, transport: str) -> None:
    """Asked through each worker at once. Over TCP one of them holds the connection, and all others use it."""
    setup = node.setup
    password, before = setup.users["carol"], ""
    with Client(stage.target, transport=transport) as phone, Client(stage.target) as client:
        asker = Asker(client, setup)
        for n, call_id in zip(range(20), call_ids(), strict=False):
            contact = f"<sip:carol-{n}@127.0.0.1:{phone.port};transport={transport}>"
            assert phone.register("carol", setup.domain, password, contact=contact + before).status == 200
            before = f", {contact};expires=0"
            asker.ask("carol", call_id)
            asked = next_request(phone, but=f"OPTIONS sip:carol-{n - 1}@".encode())
            assert asked.startswith(f"OPTIONS sip:carol-{n}@".encode())
            phone.send(Message(asked).reply(200, to_tag="x").to_bytes(stream=transport == "tcp"))
            answer = client.final()
            assert answer is not None
            assert answer.status == 200
        phone.register("carol", setup.domain, password, contact="*", expires_s=0)


def test_a_call_that_stands_outlives_any_worker(stage: Stage, node: SipmeshNode) -> None:
    """Its hold, its end and the BYE come after a worker was killed: its own, or another."""
    for index in (0, 2):
        call = stage.call("hold", stage.registered("alice"), stage.registered("bob"))
        call.caller.media("answer")
        with call.halted():
            call.talk()
            kill(node, f"signal-{index}")
        call.caller.media("answer-sendrecv")
        call.talk("answer-sendrecv")
        call.expect_ok()
