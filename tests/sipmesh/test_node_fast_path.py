"""The relay's fast path in a whole node: opened by the supervisor, used by the media worker, kept while that is replaced."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
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
    started.process.communicate(timeout=60)


def fast_streams(node: Node) -> str:
    text = httpx.get(f"http://127.0.0.1:{node.console}/metrics", timeout=60).text
    found = next((line.split()[1] for line in text.splitlines() if line.startswith("sipmesh_media_fast_streams{")), "")
    return found.removesuffix(".0")


def talk(sender: Phone, port: int, receiver: Phone) -> None:
    packet = sender.packet()
    sender.rtp.sendto(packet, ("127.0.0.1", port))
    assert receiver.rtp.recv(2000) == packet


def stops(sender: Phone, port: int, receiver: Phone) -> None:
    """What is sent now reaches nobody; what was to come is there before that of the receiver's own."""
    with contextlib.suppress(ConnectionRefusedError):
        sender.rtp.sendto(sender.packet(), ("127.0.0.1", port))
    own = receiver.packet()
    receiver.rtp.sendto(own, receiver.rtp.getsockname())
    with contextlib.suppress(ConnectionRefusedError):
        assert receiver.rtp.recv(2000) == own


@dataclass(frozen=True)
class Talk:
    node: Node
    proxy: OwnProxy
    alice: Phone
    bob: Phone
    to_bob: int
    to_alice: int

    def say(self) -> None:
        talk(self.alice, self.to_bob, self.bob)
        talk(self.bob, self.to_alice, self.alice)


@contextlib.contextmanager
def on_the_fast_path(node: Node) -> Iterator[Talk]:
    proxy = OwnProxy(SimpleNamespace(unix_path=str(node.folder / "data" / "ng.sock")))  # type: ignore[arg-type]
    with phones(1, 2) as (alice, bob):
        offer = proxy.ask("offer", call_id="c", from_tag="a", sdp=alice.sdp())
        answer = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=bob.sdp())
        made = Talk(node, proxy, alice, bob, port_of(answer["sdp"]), port_of(offer["sdp"]))
        for _ in range(3):
            made.say()
        node.wait(lambda: fast_streams(node) == str(int(MAY_OPEN_FAST)))
        yield made
    proxy.socket.close()


def test_a_call_comes_onto_it_and_its_counters_go_on(node: Node) -> None:
    with on_the_fast_path(node) as call:
        for _ in range(20):
            call.say()
        totals = call.proxy.ask("query", call_id="c")["totals"]
        assert totals["RTP"]["packets"] == 46
        ended = call.proxy.ask("delete", call_id="c", from_tag="a")
        assert ended["totals"]["RTP"]["packets"] == 46
        stops(call.alice, call.to_bob, call.bob)
        stops(call.bob, call.to_alice, call.alice)
        node.wait(lambda: fast_streams(node) == "0")


def test_nothing_is_relayed_for_a_media_worker_that_was_killed(node: Node) -> None:
    """It may end meanwhile, and nobody would tell."""
    with on_the_fast_path(node) as call:
        killed = node.worker("media")["pid"]
        os.kill(killed, signal.SIGKILL)
        node.wait(lambda: node.worker("media")["pid"] != killed)
        stops(call.alice, call.to_bob, call.bob)
        stops(call.bob, call.to_alice, call.alice)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_in_the_kernel_when_the_supervisor_ends(node: Node, end: signal.Signals) -> None:
    with on_the_fast_path(node) as call:
        workers = [node.worker("media")["pid"]]
        node.process.send_signal(end)
        node.process.wait(60)
        node.wait(lambda: not any(Path(f"/proc/{pid}/fd").exists() and os.listdir(f"/proc/{pid}/fd") for pid in workers))
        stops(call.alice, call.to_bob, call.bob)
        stops(call.bob, call.to_alice, call.alice)


def test_it_outlives_the_media_worker(node: Node) -> None:
    log = node.log()
    assert ("no fast path" in log) != MAY_OPEN_FAST
    killed = node.worker("media")["pid"]
    os.kill(killed, signal.SIGKILL)
    node.wait(lambda: node.worker("media")["pid"] not in (0, killed) and node.worker("media")["state"] == "ready")
    test_a_call_comes_onto_it_and_its_counters_go_on(node)
