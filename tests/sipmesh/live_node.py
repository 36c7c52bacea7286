"""A signal node in this process, over real loopback sockets, with its own store."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sipcore.transport.tls_context import CertificateFiles
from sipmesh.config import Config, Domain, Listen, Media, Node, Route, Trunk, User
from sipmesh.config_values import Srtp
from sipmesh.signalling.node import SignalNode
from sipmesh.store import Store
from sipmesh.worker import listeners_of
from tests.sipcore.loop import PATIENCE_S, pass_time
from tests.sipmesh.phones import Phone

USERS = ("alice", "bob", "carol")


def bound_pair() -> tuple[socket.socket, socket.socket, int]:
    """A UDP and a TCP socket on one free port."""
    for _ in range(100):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            tcp.bind(udp.getsockname())
        except OSError:
            udp.close()
            tcp.close()
            continue
        return udp, tcp, udp.getsockname()[1]
    raise OSError("no port free for both UDP and TCP")


class LiveNode:
    """``async with LiveNode(tmp_path) as node``. ``anchor`` connects to ``data``/ng.sock, which the test serves; ``files``
    open a TLS listener, and ``trust`` is what phones use to reach it; ``srtp`` is that of users, by name."""

    def __init__(
        self,
        data: Path,
        *,
        trunks: tuple[Trunk, ...] = (),
        routes: tuple[Route, ...] = (),
        anchor: bool = False,
        files: CertificateFiles | None = None,
        trust: ssl.SSLContext | None = None,
        srtp: Mapping[str, Srtp] = MappingProxyType({}),
        **more: Any,
    ) -> None:
        self.data = data
        self.udp, self.tcp, self.port = bound_pair()
        address = f"127.0.0.1:{self.port}"
        listen = [Listen(transport="udp", address=address), Listen(transport="tcp", address=address)]
        self.sockets = {0: self.udp, 1: self.tcp}
        self.trust = trust
        if files is not None:
            self.sockets[2] = socket.create_server(("127.0.0.1", 0))
            self.tls_port = self.sockets[2].getsockname()[1]
            at = f"127.0.0.1:{self.tls_port}"
            listen.append(Listen(transport="tls", address=at, certificate=files.certificate, key=files.key))
        self.config = Config(
            node=more.pop("node", None) or Node(name="test", data=str(data)),
            listen=tuple(listen),
            domain=(Domain(name="example.com"), Domain(name="open.example", auth=False)),
            user=(
                *(User(aor=f"{name}@example.com", password=f"pw-{name}", srtp=srtp.get(name)) for name in USERS),
                User(aor="olga@open.example", password="pw-olga"),
            ),
            trunk=trunks,
            route=routes,
            media=Media(anchor=anchor),
            **more,
        )
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.gauges: dict[str, Callable[[], float]] = {}
        self.phones: list[Phone] = []

    async def __aenter__(self) -> LiveNode:
        self.store = Store.open(self.data)
        self.store.directory.apply(self.config)
        await self._serve()
        return self

    async def _serve(self) -> None:
        config = self.store.config()
        assert config is not None
        ng_path = str(self.data / "ng.sock")
        self.node = SignalNode(config, self.store, listeners_of(config), ng_path, self.counters, self.gauges)
        await self.node.start({index: each.dup() for index, each in self.sockets.items()})

    async def restart(self) -> None:
        """The worker ends and another takes over its sockets and store, as after a crash."""
        await self.node.stop()
        await self._serve()

    async def __aexit__(self, *_: object) -> None:
        for phone in self.phones:
            phone.close()
        await self.node.stop()
        self.store.close()
        for each in self.sockets.values():
            each.close()
        assert not self.counters["sip_internal_errors_total"]

    async def phone(self, user: str, transport: str = "udp", domain: str = "example.com", register: bool = True) -> Phone:
        """A phone with the account's password, registered unless told otherwise."""
        at = ("127.0.0.1", self.tls_port if transport == "tls" else self.port)
        phone = Phone(user, f"pw-{user}", at, transport, domain)
        phone.tls = self.trust if transport == "tls" else None
        await phone.start()
        self.phones.append(phone)
        if register:
            response = await phone.register()
            assert response.status == 200, response.raw
        return phone

    def pass_time(self, seconds: float) -> None:
        pass_time(self.node.engine, seconds)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Lets the node work until ``condition`` holds."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.01)
