"""Bindings of addresses-of-record (RFC 3261 section 10), how they are stored, and the port to where they are kept."""

from typing import Protocol

import msgspec

from sipcore.raw_text import decoder, encoder

SCHEMA = 2


class Binding(msgspec.Struct, array_like=True):
    """One contact of an AOR, as registered.

    ``listener`` with ``remote_*`` and ``connection_id`` is the flow the REGISTER came over; ``natted`` says that the Contact's
    own address can't be used, so requests go back over that flow. Stored as an array, since there are very many of them:
    new fields come last; ``native.sip.RegistrarBase`` reads and writes it too.
    """

    contact: str  # Contact URI as registered
    call_id: str
    cseq: int
    expires_at: float  # Unix time, s; written as whole seconds, which take half the room
    v: int = SCHEMA
    registered_at: float = 0.0
    listener: int = 0
    remote_host: str = ""
    remote_port: int = 0
    user_agent: str = ""
    natted: bool = False
    connection_id: int = 0
    q: float = 1  # an int takes less room
    instance: str = ""  # +sip.instance (RFC 5626)
    reg_id: int = 0
    path: tuple[str, ...] = ()  # Path values, topmost first (RFC 3327)


_KEYS_1 = {
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
"""Schema 1 had a map of these names."""

_Binding1 = msgspec.defstruct(
    "_Binding1", [(field.name, field.type, field.default) for field in msgspec.structs.fields(Binding)], rename=_KEYS_1
)

encode_bindings = encoder(msgspec.msgpack.Encoder().encode)
_decode = decoder(list[Binding])
_decode_1 = msgspec.msgpack.Decoder(list[_Binding1]).decode  # type: ignore[valid-type]


def decode_bindings(record: bytes) -> list[Binding]:
    """A record of any schema."""
    try:
        return _decode(record)
    except msgspec.ValidationError:
        return [Binding(**{**msgspec.structs.asdict(old), "v": SCHEMA}) for old in _decode_1(record)]


class Locations(Protocol):
    """Reads see every write made before; one write is atomic, and committed before the answers of its batch leave. A record is
    what ``encode_bindings`` makes of all bindings of an AOR."""

    def get(self, aor: str) -> list[Binding]:
        """All stored bindings, expired ones possibly among them."""

    def put(self, aor: str, bindings: list[Binding]) -> None:
        """Replaces the AOR's bindings; an empty list removes it."""

    def record(self, aor: str) -> bytes | None:
        """None: no bindings."""

    def put_record(self, aor: str, record: bytes) -> None: ...
