"""Bencode, the encoding of ng messages: dictionaries, lists, integers and byte strings.

Byte strings are ``str`` here, UTF-8 with surrogateescape, so every byte sequence survives a round trip. Keys need not be
sorted, in either direction. On duplicate keys the last one wins.
"""

from typing import Any

from media.errors import BencodeError
from native import relay

Value = Any  # int | str | list[Value] | dict[str, Value]

MAX_SIZE_BYTES = 256 * 1024
MAX_DEPTH = 16


def decode(data: bytes) -> Value:
    """The one value in ``data``. BencodeError, with the byte's position, for anything else."""
    if len(data) > MAX_SIZE_BYTES:
        raise BencodeError(f"Could not decode bencode: {len(data)} bytes, more than {MAX_SIZE_BYTES}")
    try:
        return relay.bencode_decode(data, MAX_DEPTH)
    except ValueError as cause:
        raise BencodeError(f"Could not decode bencode {cause}") from None


# A value as bencode, dictionaries in insertion order. Booleans are integers, bytes are bencode already. TypeError for others
encode = relay.bencode_encode
