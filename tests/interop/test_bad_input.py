"""Bad input against a live node: the right answer or none, no crash, calls go on, memory stays within a bound."""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from interop.node import Node, Setup
from interop.process import PATIENCE_S, wait_for
from interop.rawsip import Client, options
from interop.stage import Stage
from interop.torture import EXPECTED, Torture, messages
from tests.interop.conftest import USERS

DOMAIN = "example.com"
FOREIGNER = "127.0.0.5"  # binds the ports that the torture messages want their answers on
GROWTH_BYTES = 24 << 20  # what all processes together may grow by in a test, allocator slack included
TRANSACTION_BYTES = 8 << 10  # and for each request that is answered: it is remembered for 32 s (RFC 3261 Timer J)
TORTURE = messages()


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup(domain=DOMAIN, users=USERS)


@pytest.fixture
def unharmed(request: pytest.FixtureRequest, node: Node, stage: Stage) -> Iterator[None]:
    """The same processes, healthy, hardly larger, and a call goes through: after whatever the test did."""
    pids, before = set(node.pids()), node.rss_bytes()
    answered = 10_000 if "ten_thousand" in request.node.name else 0
    yield
    wait_for(node.healthy, "a healthy node")
    assert set(node.pids()) == pids, "a process was replaced"
    assert node.rss_bytes() - before < GROWTH_BYTES + answered * TRANSACTION_BYTES
    call = stage.call("bye_from_caller", stage.registered("alice"), stage.registered("bob"))
    call.talk(packets=10)
    call.expect_ok()


def test_every_torture_message_is_there() -> None:
    assert {message.name for message in TORTURE} == set(EXPECTED)


def torture_over_udp(node: Node, message: Torture, sockets: dict[int, socket.socket]) -> int:
    """The final status of the answer, 0 for none."""
    source = sockets[5060]
    port = message.reply_port()
    listening = source if port is None else sockets[port]
    for each in sockets.values():
        with contextlib.suppress(BlockingIOError):
            while each.recv(65535):
                pass
    source.sendto(message.data, (node.address, node.port))
    end = time.monotonic() + (0.4 if 0 in message.statuses else PATIENCE_S)
    while (left := end - time.monotonic()) > 0 and select.select([listening], [], [], left)[0]:
        answer = listening.recv(65535)
        final = answer.startswith(b"SIP/2.0 ") and not answer.startswith(b"SIP/2.0 1")
        if final and message.call_id() in answer:  # not a failure of an earlier INVITE again, which nobody acknowledged
            return int(answer[8:11])
    return 0


@pytest.mark.usefixtures("unharmed")
def test_torture_over_udp(node: Node) -> None:
    ports = {message.reply_port() or 5060 for message in TORTURE} | {5060}
    with contextlib.ExitStack() as stack:
        sockets = {}
        for port in ports:
            sockets[port] = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            sockets[port].bind((FOREIGNER, port))
            sockets[port].setblocking(False)
        wrong = {}
        for message in TORTURE:
            status = torture_over_udp(node, message, sockets)
            if status not in message.statuses:
                wrong[message.name] = f"{status or 'no answer'}, not one of {sorted(message.statuses)}: {message.reason}"
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())


@pytest.mark.usefixtures("unharmed")
def test_torture_over_tcp(node: Node) -> None:
    """On a stream the length of a broken message may be unknown: an answer of the table, 400, a close, or silence."""
    for message in TORTURE:
        with Client((node.address, node.port), "tcp") as client:
            client.send(message.data)
            answer = client.final(0.15)
            status = answer.status if answer else 0
        assert status in message.statuses | {0, 400}, f"{message.name}: {status}"


@pytest.mark.usefixtures("unharmed")
def test_random_and_mutated_bytes(node: Node) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    generator = random.Random(seed)
    with Client((node.address, node.port), address=FOREIGNER) as client:
        for number in range(3000):
            data = bytearray(generator.choice(TORTURE).data) if number % 3 else bytearray(generator.randbytes(200))
            for _ in range(generator.randrange(1, 8)):
                data[generator.randrange(len(data))] = generator.randrange(256)
            client.send(bytes(data))
            if number % 20 == 0:
                time.sleep(0.002)
    wait_for(node.healthy, f"a healthy node after seed {seed}")
    assert options((node.address, node.port)) == 200, f"after seed {seed}"


@pytest.mark.usefixtures("unharmed")
def test_every_truncation_of_an_invite(node: Node) -> None:
    whole = next(message for message in TORTURE if message.name == "sdp01").data
    with Client((node.address, node.port), address=FOREIGNER) as client:
        for length in range(len(whole)):
            client.send(whole[:length])
    assert options((node.address, node.port)) == 200


def send_endless_headers(client: Client) -> None:
    client.send(f"OPTIONS sip:{DOMAIN} SIP/2.0\r\n".encode())
    for number in range(8000):
        client.send(f"Subject-{number}: {'a' * 1000}\r\n".encode())


@pytest.mark.usefixtures("unharmed")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_oversized(node: Node, transport: str) -> None:
    """A header of 60 kB; over TCP 8 MB of headers without an end, which must be cut off."""
    with Client((node.address, node.port), transport) as client:
        client.request("OPTIONS", f"sip:{DOMAIN}", "x", DOMAIN, (f"Subject: {'a' * 60000}",))
        answer = client.final()
        assert answer is None or answer.status in (200, 400, 403, 404, 407, 413, 480, 513)
    if transport == "tcp":
        with Client((node.address, node.port), "tcp") as client, pytest.raises((ConnectionResetError, BrokenPipeError)):
            send_endless_headers(client)


@pytest.mark.usefixtures("unharmed")
def test_slow_tcp_sender_does_not_hold_up_others(node: Node) -> None:
    """50 connections send a byte now and then; others are answered meanwhile, and the one that gets to its end as well."""
    slow = [Client((node.address, node.port), "tcp") for _ in range(50)]
    request = (
        f"OPTIONS sip:{node.address}:{node.port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKslow\r\n"
        f"From: <sip:x@y.example>;tag=1\r\nTo: <sip:{node.address}>\r\nCall-ID: slow\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 5\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()
    try:
        for index, byte in enumerate(request):
            slow[0].send(bytes([byte]))
            if index % 20 == 0:
                for client in slow[1:]:
                    client.send(request[index // 20 : index // 20 + 1])
                assert options((node.address, node.port)) == 200
        answer = slow[0].final()
        assert answer is not None
        assert answer.status == 200
    finally:
        for client in slow:
            client.close()


@pytest.mark.usefixtures("unharmed")
def test_sdp_without_connection_line(stage: Stage) -> None:
    """The caller learns that its offer was bad, or the call goes through without media: no silence, no crash."""
    body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    bob = stage.registered("bob")
    with Client((bob.address, bob.port), address="127.0.0.9") as idle, Client(stage.target) as client:
        assert idle
        answer = client.invite_with_digest(f"sip:bob@{DOMAIN}", "alice", DOMAIN, USERS["alice"], body)
    assert answer.status in (400, 488, 408, 480, 503)


@pytest.mark.usefixtures("unharmed")
def test_ten_thousand_registrations_for_one_aor(node: Node) -> None:
    """Beyond the limit of bindings each is refused; what was there stays."""
    with Client((node.address, node.port)) as client:
        statuses = Counter(client.register_many("carol", DOMAIN, USERS["carol"], 10_000))
        kept = client.register("carol", DOMAIN, USERS["carol"], contact="<sip:carol@192.0.2.1:1024>")
        client.register("carol", DOMAIN, USERS["carol"], contact="*", expires_s=0)
    assert statuses[200] == node.setup.bindings
    assert sum(statuses.values()) == 10_000
    assert set(statuses) <= {200, 403, 413, 500, 503}
    assert ", ".join(kept.headers("Contact")).count("sip:carol@") == node.setup.bindings
