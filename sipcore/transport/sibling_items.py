"""What signal workers of one node tell each other: items, several of them a packet."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec


class Passed(msgspec.Struct, array_like=True, tag=0, gc=False):
    """A message that came in here and is the sibling's. ``connection_id``: 0 for a datagram."""

    listener: int
    host: str
    port: int
    local_host: str
    connection_id: int
    data: bytes


class Send(msgspec.Struct, array_like=True, tag=1, gc=False):
    """To be sent over a connection that the sibling holds."""

    connection_id: int
    data: bytes


class Opened(msgspec.Struct, array_like=True, tag=5, gc=False):
    """A connection of the teller's can be used."""

    connection_id: int


class Closed(msgspec.Struct, array_like=True, tag=2, gc=False):
    """A connection of the teller's is no more."""

    connection_id: int


class Started(msgspec.Struct, array_like=True, tag=3, gc=False):
    """The teller is a new process: no connection of the one before is left."""


class Greeted(msgspec.Struct, array_like=True, tag=6, gc=False):
    """The teller has said all that one who started must know."""


class News(msgspec.Struct, array_like=True, tag=4, gc=False):
    """What the application tells its like."""

    topic: str
    text: bytes


Item = Passed | Send | Opened | Closed | Started | Greeted | News
encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(list[Item]).decode


def packet(packed: Sequence[bytes]) -> bytes:
    """Of items that were encoded one by one: a msgpack array of them."""
    return b"\xdd" + len(packed).to_bytes(4, "big") + b"".join(packed)
