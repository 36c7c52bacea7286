"""A TCP port of the tester, for connections that the target opens."""

from __future__ import annotations

import socket
from collections.abc import Callable

from sipmesh.conformance.agent import WAIT_S, Agent
from sipmesh.conformance.errors import FailedError
from sipmesh.conformance.patience import Patience


class Listening:
    """``port`` 0: any that is free. ``made`` turns a connection into an agent."""

    def __init__(self, host: str, port: int, made: Callable[[socket.socket], Agent]) -> None:
        self._socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._made = made
        self.port: int = self._socket.getsockname()[1]
        self.address = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def accept(self, timeout_s: float = WAIT_S) -> Agent | None:
        connection = self.accept_socket(timeout_s)
        return None if connection is None else self._made(connection)

    def accept_socket(self, timeout_s: float = WAIT_S) -> socket.socket | None:
        accepted = Patience(timeout_s).read(self._socket, self._socket.accept)
        return None if accepted is None else accepted[0]

    def expect(self, timeout_s: float = WAIT_S) -> Agent:
        agent = self.accept(timeout_s)
        if agent is None:
            raise FailedError(f"opened no connection to {self.address} within {timeout_s:g} s")
        return agent

    def close(self) -> None:
        self._socket.close()
