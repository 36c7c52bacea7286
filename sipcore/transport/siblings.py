"""The other signal workers of this node, which serve the same addresses.

The kernel hands a datagram or a connection to any worker. A message belongs to the one its slot names (``call_slot``), so all
of a call meet in one place whatever socket they came by: what lands elsewhere is passed on, once. What the owner says over
a connection of another worker goes back the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from native.sip import Address
from sipcore.flow import Flow, Listener
from sipcore.transport.sibling_items import Closed, Item, Opened, Passed, Started
from sipcore.transport.sibling_link import Link

if TYPE_CHECKING:
    from sipcore.transport.engine import Engine

MAX_WORKERS = 64
GREETING_S = 0.5


class Siblings:
    """``links``: a datagram socket to each other worker, by its index; they are this object's from now on."""

    def __init__(self, index: int, links: Mapping[int, socket.socket]) -> None:
        self.index = index
        self.on_news: dict[str, Callable[[int, bytes], None]] = {}  # by topic; told the teller's index
        self.on_started: Callable[[int], None] | None = None  # another began anew; told its index
        self.count = len(links) + 1  # of workers, this one too
        self._sockets = dict(links)
        self.serving = False
        self._links: dict[int, Link] = {}
        self._engine: Engine
        self._silent = set(links)  # those that have not told us of their connections
        self._all_greeted = asyncio.Event()

    async def start(self, engine: Engine) -> None:
        """Until the others have told of their connections; who starts himself, or is busy, is not waited for long."""
        self._engine = engine
        self._links = {index: Link(self, index, sock, engine) for index, sock in self._sockets.items()}
        self.tell_all(Started())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_greeted.wait(), GREETING_S)

    def serve(self) -> None:
        """Messages that are passed on are taken from now on."""
        self.serving = True
        for link in self._links.values():
            link.take()

    def greeted_by(self, index: int) -> None:
        self._silent.discard(index)
        if not self._silent:
            self._all_greeted.set()

    def stop(self) -> None:
        for link in self._links.values():
            link.close()

    def owns(self, slot: int) -> bool:
        """Whether what has this slot (``crc_slot`` of the Call-ID) is ours."""
        return slot % self.count == self.index

    def pass_on(self, data: bytes, flow: Flow, owner: int) -> None:
        """A message from one of our own sockets goes to its owner, another worker."""
        self._engine.counters["sip_passed_on_total"] += 1
        host, port = flow.remote
        self._links[owner].tell(Passed(flow.listener.index, host, port, flow.local_host, flow.connection_id, data))

    def connection(self, listener: Listener, remote: Address, connection_id: int, local_host: str = "") -> Flow | None:
        """The flow over a connection of another worker; None when no other holds it (any more)."""
        link = self._links.get(connection_id % MAX_WORKERS)
        return None if link is None else link.connection(listener, remote, connection_id, local_host or listener.host)

    def connection_opened(self, connection_id: int) -> None:
        """One of ours. All are told: whoever looks up a binding must know whether its connection lives."""
        self.tell_all(Opened(connection_id))

    def connection_lost(self, connection_id: int) -> None:
        self.tell_all(Closed(connection_id))

    def tell_all(self, item: Item) -> None:
        for link in self._links.values():
            link.tell(item)
