"""The relay's fast path in a whole node: opened by the supervisor, used by the media worker, kept while that is replaced."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.media.live import OwnProxy, Phone, phones, port_of
from tests.native.relay_fast import MAY_OPEN_FAST
from tests.sipmesh.test_node import CONFIG, Node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    started = Node(tmp_path, config=CONFIG.replace("[media]", '[media]\nfastpath = "auto"'))
    started.wait_for_ready_line()
    yield started
    started.process.terminate()
    started.process.communicate(timeout=120)


def fast_streams(node: Node) -> str:
    text = httpx.get(f"http://127.0.0.1:{node.console}/metrics", timeout=120).text
    found = next((line.split()[1] for line in text.splitlines() if line.startswith("sipmesh_media_fast_streams{")), "")
    return found.removesuffix(".0")


def talk(sender: Phone, port: int, receiver: Phone) -> None:
    packet = sender.packet()
    sender.rtp.sendto(packet, ("127.0.0.1", port))
    assert receiver.rtp.recv(2000) == packet


def test_a_call_comes_onto_it_and_its_counters_go_on(node: Node) -> None:
    proxy = OwnProxy(SimpleNamespace(unix_path=str(node.folder / "data" / "ng.sock")))  # type: ignore[arg-type]
    with phones(1, 2) as (alice, bob):
        offer = proxy.ask("offer", call_id="c", from_tag="a", sdp=alice.sdp())
        answer = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=bob.sdp())
        to_bob, to_alice = port_of(answer["sdp"]), port_of(offer["sdp"])
        for _ in range(3):
            talk(alice, to_bob, bob)
            talk(bob, to_alice, alice)
        node.wait(lambda: fast_streams(node) == str(int(MAY_OPEN_FAST)))
        for _ in range(20):
            talk(alice, to_bob, bob)
            talk(bob, to_alice, alice)
        totals = proxy.ask("query", call_id="c")["totals"]
        assert totals["RTP"]["packets"] == 46
        ended = proxy.ask("delete", call_id="c", from_tag="a")
        assert ended["totals"]["RTP"]["packets"] == 46
        node.wait(lambda: fast_streams(node) == "0")
    proxy.socket.close()


def test_it_outlives_the_media_worker(node: Node) -> None:
    log = node.log()
    assert ("no fast path" in log) != MAY_OPEN_FAST
    killed = node.worker("media")["pid"]
    os.kill(killed, signal.SIGKILL)
    node.wait(lambda: node.worker("media")["pid"] not in (0, killed) and node.worker("media")["state"] == "ready")
    test_a_call_comes_onto_it_and_its_counters_go_on(node)
