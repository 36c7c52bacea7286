"""Where messages come from and go to: listeners, flows, destinations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

if TYPE_CHECKING:
    from native.sip import Address, Message


@dataclass(frozen=True, slots=True)
class Listener:
    """One address we listen on. ``advertised_*`` is what Via and Record-Route say of it (RFC 3261 section 18.1.1)."""

    index: int  # position in the configuration; part of flow tokens, so stable over restarts
    transport: str  # "udp", "tcp", "tls"; later "ws", "wss"
    host: str  # bound, numeric
    port: int
    advertised_host: str
    advertised_port: int

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"

    @property
    def sent_by(self) -> str:
        """Host and port for Via (RFC 3261 section 18.1.1)."""
        host = f"[{self.advertised_host}]" if ":" in self.advertised_host else self.advertised_host
        return f"{host}:{self.advertised_port}"


class Destination(msgspec.Struct, frozen=True, gc=False):
    """One resolved next hop (RFC 3263)."""

    transport: str
    host: str  # numeric
    port: int
    name: str = ""  # whom the other side of TLS must prove to be: the host of the URI, before any DNS (RFC 5922 section 7.3)


@runtime_checkable
class Flow(Protocol):
    """A way to reach one remote address: a UDP address pair or one connection (RFC 5626 section 1)."""

    listener: Listener
    remote: Address
    local_host: str  # our address the last datagram came to; for a socket bound to the wildcard
    connection_id: int  # 0 for UDP; never used twice in one run
    reliable: bool
    closed: bool
    name: str  # whom we opened it to and TLS has verified, else ""

    def send(self, data: bytes) -> None:
        """Queues ``data``. Never blocks and never raises: failures reach ``TransactionLayer.flow_failed``."""


class FlowTable(Protocol):
    """What the core needs of the transports."""

    listeners: tuple[Listener, ...]

    def flow_to(self, destination: Destination, near: Listener | None = None) -> Flow:
        """A flow to ``destination``. UDP: from ``near`` if it fits, else from the first listener of that transport and family.
        TCP: an open connection to that address, else a new one that connects while data waits; TLS: the same, to that name.
        TransportError when no listener fits."""

    def flow_of(self, listener_index: int, remote: Address, connection_id: int) -> Flow | None:
        """The flow a token or a binding names; None when that connection is gone or the listener no longer exists."""

    def reply_flow(self, request: Message, flow: Flow) -> Flow:
        """Where responses to ``request``, which came over ``flow``, go now (RFC 3261 section 18.2.2, RFC 3581 section 4): the
        connection itself while it is open; for UDP the address that the top Via, received and rport in it, names."""

    def stream_flow(self, flow: Flow) -> Flow | None:
        """TCP to where the UDP ``flow`` leads, for a request too long for a datagram (RFC 3261 section 18.1.1); None without a
        TCP listener of that family."""

    def is_local(self, host: str, port: int | None, transport: str | None) -> bool:
        """Whether host and port are one of our listeners, bound or advertised, wildcard binds included."""
