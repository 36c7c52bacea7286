"""Bencode, the encoding of ng messages: dictionaries, lists, integers and byte strings.

Byte strings are ``str`` here, UTF-8 with surrogateescape, so every byte sequence survives a round trip. Keys need not be
sorted, in either direction. On duplicate keys the last one wins.
"""

from typing import Any

from media.errors import BencodeError

Value = Any  # int | str | list[Value] | dict[str, Value]

MAX_SIZE_BYTES = 256 * 1024
MAX_DEPTH = 16
_MAX_INT_DIGITS = 20
_MAX_LENGTH_DIGITS = 7

_DIGITS = frozenset(b"0123456789")
_DICT, _LIST, _INT, _END = b"dlie"


def decode(data: bytes) -> Value:
    """The one value in ``data``. BencodeError, with the byte's position, for anything else."""
    if len(data) > MAX_SIZE_BYTES:
        raise BencodeError(f"Could not decode bencode: {len(data)} bytes, more than {MAX_SIZE_BYTES}")
    items, end = _decode_items(data, 0, 0, alone=True)
    if end != len(data):
        raise _error(end, "data after the end")
    return items[0]


def encode(value: Value) -> bytes:
    """``value`` as bencode, dictionaries in insertion order. Booleans are integers. TypeError for what bencode can't say."""
    parts: list[bytes] = []
    _encode_into(value, parts)
    return b"".join(parts)


def _decode_items(data: bytes, at: int, depth: int, *, keyed: bool = False, alone: bool = False) -> tuple[list[Value], int]:
    """The values up to the ``e`` that ends a list or a dictionary (``keyed``), flat; or the next value alone."""
    if depth > MAX_DEPTH:
        raise _error(at - 1, f"nested deeper than {MAX_DEPTH}")
    items: list[Value] = []
    item: Value
    while not (alone and items):
        mark = data[at] if at < len(data) else 0
        if mark in _DIGITS:
            item, at = _decode_string(data, at)
        elif mark == _END and not alone:
            break
        elif keyed and mark and len(items) % 2 == 0:
            raise _error(at, "a dictionary key must be a string")
        elif mark == _DICT:
            pairs, at = _decode_items(data, at + 1, depth + 1, keyed=True)
            if len(pairs) % 2:
                raise _error(at - 1, "a dictionary key without a value")
            item = dict(zip(pairs[::2], pairs[1::2], strict=True))
        elif mark == _LIST:
            item, at = _decode_items(data, at + 1, depth + 1)
        elif mark == _INT:
            item, at = _decode_int(data, at)
        else:
            raise _error(at, f"unexpected {data[at : at + 1]!r}" if at < len(data) else "end of data")
        items.append(item)
    return items, at + (not alone)


def _decode_int(data: bytes, at: int) -> tuple[int, int]:
    end = data.find(b"e", at + 1, at + _MAX_INT_DIGITS + 3)
    text = data[at + 1 : end] if end > 0 else b""
    digits = text[1:] if text[:1] == b"-" else text
    if not digits.isdigit() or (digits[:1] == b"0" and text != b"0"):
        raise _error(at, "not an integer")
    return int(text), end + 1


def _decode_string(data: bytes, at: int) -> tuple[str, int]:
    colon = data.find(b":", at, at + _MAX_LENGTH_DIGITS + 1)
    digits = data[at:colon] if colon > 0 else b""
    if not digits.isdigit():
        raise _error(at, "not a string length")
    end = colon + 1 + int(digits)
    if end > len(data):
        raise _error(at, f"a string of {int(digits)} bytes, but {len(data) - colon - 1} are left")
    return data[colon + 1 : end].decode("utf-8", "surrogateescape"), end


def _error(at: int, what: str) -> BencodeError:
    return BencodeError(f"Could not decode bencode at byte {at}: {what}")


def _encode_into(value: Value, parts: list[bytes]) -> None:
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        parts.append(b"%d:%b" % (len(data), data))
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, dict):
        parts.append(b"d")
        for key, item in value.items():
            _encode_into(key, parts)
            _encode_into(item, parts)
        parts.append(b"e")
    elif isinstance(value, list | tuple):
        parts.append(b"l")
        for item in value:
            _encode_into(item, parts)
        parts.append(b"e")
    else:
        raise TypeError(f"bencode has no {type(value).__name__}")
