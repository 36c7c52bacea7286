"""A whole signal node with one fault on the wire: what it receives or sends passes a function that spoils it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from native.sip import UdpFlow
from sipcore.transport import udp
from sipcore.transport.connection import TcpConnection
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Target
from tests.sipmesh.live_node import LiveNode

Spoil = Callable[[bytes], bytes]
"""Returns what the node receives, or sends, in place of its argument; b"" for nothing."""

ACCOUNT = Account("alice", "pw-alice", "example.com")
START_S = 100.0


class FaultyNode:
    """Serves in a thread of its own until ``stop``."""

    def __init__(
        self, data: Path, patch: pytest.MonkeyPatch, received: Spoil | None = None, sent: Spoil | None = None, **more: Any
    ) -> None:
        self._received = received
        self.ended = False
        self._node: LiveNode
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        if sent is not None:
            patch.setattr(udp, "UdpFlow", type("SpoiledFlow", (UdpFlow,), {"send": spoiled_send(UdpFlow.send, sent)}))
            patch.setattr(TcpConnection, "send", spoiled_send(TcpConnection.send, sent))
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(data, more),), daemon=True)
        self._thread.start()
        assert self._ready.wait(START_S)
        self.target = Target("127.0.0.1", self._node.port, "udp", ACCOUNT)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(START_S)
        self._loop.close()
        assert self.ended, "the node did not end well"

    async def _serve(self, data: Path, more: dict[str, Any]) -> None:
        async with LiveNode(data, **more) as self._node:
            if self._received is not None:
                engine: Any = self._node.node.engine
                engine.receive = spoiled_receive(engine.receive, self._received)
            self._ready.set()
            await self._stopping.wait()
        self.ended = True


def spoiled_receive(receive: Callable[[bytes, Any], None], spoil: Spoil) -> Callable[[bytes, Any], None]:
    def take(data: bytes, flow: Any) -> None:
        if data := spoil(data):
            receive(data, flow)

    return take


def spoiled_send(send: Callable[[Any, bytes], None], spoil: Spoil) -> Callable[[Any, bytes], None]:
    def give(flow: Any, data: bytes) -> None:
        if data := spoil(data):
            send(flow, data)

    return give
