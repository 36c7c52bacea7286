"""Records with text that is not UTF-8.

SIP lets through bytes of other character sets, which we hold as lone surrogates (PEP 383), and MessagePack has no room for
those. A record that has some is stored behind a mark, with characters for private use in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

Record = TypeVar("Record")

MARK = b"\xc1"  # no MessagePack begins with it
SURROGATES = range(0xDC80, 0xDD00)
STAND_INS = range(0x10F080, 0x10F100)  # if a record with surrogates has these as well, they are taken for surrogates
HIDE = dict(zip(SURROGATES, STAND_INS, strict=True))
SHOW = dict(zip(STAND_INS, SURROGATES, strict=True))


def encoder(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """``encode`` for every text."""

    def encoded(record: object) -> bytes:
        try:
            return encode(record)
        except UnicodeEncodeError:
            return MARK + encode(_translated(msgspec.to_builtins(record, builtin_types=(bytes,)), HIDE))

    return encoded


def decoder(kind: type[Record], own: Callable[[type, Any], Any] | None = None) -> Callable[[bytes], Record]:
    """Of what an ``encoder`` made of a ``kind``. ``own`` makes what msgspec doesn't know, its ``dec_hook``."""
    decode = msgspec.msgpack.Decoder(kind, dec_hook=own).decode

    def decoded(data: bytes) -> Record:
        if data[:1] != MARK:
            return decode(data)
        return msgspec.convert(_translated(msgspec.msgpack.decode(data[1:]), SHOW), kind, dec_hook=own)

    return decoded


def _translated(value: Any, table: dict[int, int]) -> Any:
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, dict):
        return {key: _translated(each, table) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_translated(each, table) for each in value]
    return value
