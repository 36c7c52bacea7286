"""Bindings of addresses-of-record (RFC 3261 section 10) and the port to where they are kept."""

from typing import Protocol

import msgspec

KEYS = {
    "contact": "c",
    "call_id": "i",
    "cseq": "n",
    "expires_at": "e",
    "registered_at": "t",
    "q": "q",
    "path": "p",
    "listener": "l",
    "remote_host": "h",
    "remote_port": "r",
    "connection_id": "o",
    "natted": "a",
    "user_agent": "u",
    "instance": "s",
    "reg_id": "g",
    "v": "v",
}
"""What the fields are called where bindings are stored: there are very many of them."""


class Binding(msgspec.Struct, omit_defaults=True, rename=KEYS):
    """One contact of an AOR, as registered.

    ``listener`` with ``remote_*`` and ``connection_id`` is the flow the REGISTER came over; ``natted`` says that the Contact's
    own address can't be used, so requests go back over that flow.
    """

    contact: str  # Contact URI as registered
    call_id: str
    cseq: int
    expires_at: float  # Unix time, s
    q: float = 1.0
    path: tuple[str, ...] = ()  # Path values, topmost first (RFC 3327)
    listener: int = 0
    remote_host: str = ""
    remote_port: int = 0
    connection_id: int = 0
    natted: bool = False
    user_agent: str = ""
    registered_at: float = 0.0
    instance: str = ""  # +sip.instance (RFC 5626), kept though flows per instance come later
    reg_id: int = 0
    v: int = 1  # schema version


class Locations(Protocol):
    """Reads see every write made before; one ``put`` is atomic, and committed before the answers of its batch leave."""

    def get(self, aor: str) -> list[Binding]:
        """All stored bindings, expired ones possibly among them."""

    def put(self, aor: str, bindings: list[Binding]) -> None:
        """Replaces the AOR's bindings; an empty list removes it."""
