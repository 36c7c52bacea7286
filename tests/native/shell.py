"""The native shell without the Python around it: engine, transaction layer and endpoint only note what they are told."""

from __future__ import annotations

import socket
import sys
from types import SimpleNamespace
from typing import Any

from native.sip import Address, Batches, Message, Receiver, StreamFlow, Timers, UdpFlow, UdpPort, UdpSocket

LISTENER = SimpleNamespace(transport="udp", host="127.0.0.1", index=0, sent_by="127.0.0.1:5060")


class Engine(Batches):
    """Keeps what it is told in ``told``; an error is kept in ``errors``."""

    def __init__(self) -> None:
        super().__init__(Timers(0.0, 0.0))
        self.told: list[Any] = []
        self.errors: list[BaseException | None] = []

    def report(self, what: str) -> None:
        self.told.append(what)
        self.errors.append(sys.exc_info()[1])

    def arm_tick(self, deadline: float) -> None: ...

    def end_later(self) -> None: ...

    def plan_turn(self) -> None:
        self.told.append("turn")

    def flooded(self) -> None:
        self.told.append("flooded")


class Layer:
    """Answers requests with 200 over the flow they came by."""

    def __init__(self) -> None:
        self.responses: list[Message] = []

    def receive_request(self, request: Message, flow: Any) -> None:
        flow.send(request.reply(200, to_tag="t").to_bytes())

    def receive_response(self, response: Message, flow: Any) -> None:
        self.responses.append(response)


class Ingress(Receiver):
    def __init__(self, layer: Any, counters: dict[str, int], gate: Any = None, admission: Any = None) -> None:
        super().__init__(layer, counters, frozenset({"127.0.0.1:5060"}), gate, admission)
        self.refused: list[tuple[bytes, str]] = []

    def skip_noise(self, data: bytes, flow: Any) -> bytes:
        return data.lstrip(b"\r\n\0")

    def name_counter(self, method: str, transport: str) -> str:
        name = f"{method} over {transport}"
        self.names.setdefault(transport, {})[method] = name
        return name

    def refuse(self, data: bytes, flow: Any, error: Exception) -> None:
        self.refused.append((data, str(error)))


class Port(UdpPort):
    """On a free port of loopback."""

    def __init__(
        self, engine: Engine, host: str = "127.0.0.1", flow_type: type[UdpFlow] = UdpFlow, listener: Any = LISTENER
    ) -> None:
        plain = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        plain.bind((host, 0))
        try:
            made = UdpSocket(plain.fileno())
            plain.detach()
            super().__init__(made, listener, engine, flow_type)
        finally:
            plain.close()
        self.failures: list[Address] = []
        self.unreachable: list[tuple[Address, bytes]] = []

    def failed(self, remote: Address) -> None:
        self.failures.append(remote)

    def watch_writable(self, wanted: bool) -> None:
        self.failures.append(("", int(wanted)))

    def told_unreachable(self, errors: tuple[tuple[Address, bytes], ...]) -> None:
        self.unreachable += errors

    def shedding(self) -> Any:
        return None

    def close(self) -> None:
        self.drop_flows()
        self.discard()
        self.socket.close()


class Stream(StreamFlow):
    """A connection whose transport is itself."""

    def __init__(self, engine: Engine, max_unsent_bytes: int = 1 << 20) -> None:
        super().__init__(engine, SimpleNamespace(transport="tcp"), ("127.0.0.1", 5060), "127.0.0.1", max_unsent_bytes)
        self.written: list[bytes] = []
        self.told: list[str] = []
        self.transport, self.is_open = self, True

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.told.append("close")

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self, reason: str) -> None:
        self.told.append(reason)
        self.closed = True

    def alias(self, data: bytes) -> None:
        self.told.append("alias")

    def take_crlf(self) -> None:
        self.told.append("crlf")

    def take_garbage(self, data: bytes, error: Exception) -> None:
        self.told.append(f"garbage: {error}")
        self.closing = True

    def watch_partial(self, kept: bool) -> None:
        self.told.append(f"partial {kept}")

    def count_unsent(self) -> None:
        self.told.append("unsent")


class Shell:
    """All of it, with a peer's socket."""

    def __init__(self, host: str = "127.0.0.1", **port: Any) -> None:
        self.engine = Engine()
        self.layer = Layer()
        self.counters: dict[str, int] = {}
        self.ingress = Ingress(self.layer, self.counters)
        self.engine.receive = self.ingress.receive
        self.port = Port(self.engine, host, **port)
        self.peer = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((host, 0))
        self.peer.settimeout(100)

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *error: object) -> None:
        self.port.close()
        self.peer.close()
        self.engine.receive = None  # type: ignore[assignment]
        self.engine.errors.clear()  # their frames hold flows, which the garbage collector does not walk

    def send(self, *datagrams: bytes) -> None:
        """From the peer; the port takes them in one wake-up."""
        for data in datagrams:
            self.peer.sendto(data, self.port.socket.address)
        self.port.ready()

    def answers(self, count: int) -> list[bytes]:
        return [self.peer.recv(65536) for _ in range(count)]
