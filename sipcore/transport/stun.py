"""STUN keep-alives on the SIP port (RFC 5626 section 8): a Binding request is told where it came from, no more than that."""

from __future__ import annotations

import socket
from struct import Struct

from native.sip import Address

MAGIC = 0x2112A442  # RFC 5389 section 6
BINDING_REQUEST, BINDING_SUCCESS, BINDING_ERROR = 0x0001, 0x0101, 0x0111
ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS = 0x0009, 0x000A, 0x0020
REQUIRED = 0x8000  # attribute types below must be understood (section 15)
UNDERSTOOD = frozenset({0x0006, 0x0008})  # USERNAME and MESSAGE-INTEGRITY: nobody has to show who he is here
MAX_UNKNOWN = 8  # named in an error

HEADER = Struct("!HHI12s")
ATTRIBUTE = Struct("!HH")


def stun_answer(data: bytes, source: Address) -> bytes | None:
    """The response to ``data`` from ``source``; None unless it is a Binding request."""
    if len(data) < HEADER.size or len(data) % 4:
        return None
    kind, length, magic, transaction_id = HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or magic != MAGIC or length != len(data) - HEADER.size:
        return None
    unknown = _unknown(data)
    if unknown is None:
        return None
    if unknown:
        body = _attribute(ERROR_CODE, b"\0\0\x04\x14Unknown Attribute")
        body += _attribute(UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in unknown[:MAX_UNKNOWN]))
        return HEADER.pack(BINDING_ERROR, len(body), MAGIC, transaction_id) + body
    body = _attribute(XOR_MAPPED_ADDRESS, _xor_address(source, transaction_id))
    return HEADER.pack(BINDING_SUCCESS, len(body), MAGIC, transaction_id) + body


def _unknown(data: bytes) -> list[int] | None:
    """Types of attributes that we would have to understand; None when they aren't framed as they should be."""
    unknown = []
    at = HEADER.size
    while at < len(data):
        kind, size = ATTRIBUTE.unpack_from(data, at)
        at += ATTRIBUTE.size + (size + 3 & ~3)
        if kind < REQUIRED and kind not in UNDERSTOOD:
            unknown.append(kind)
    return unknown if at == len(data) else None


def _attribute(kind: int, value: bytes) -> bytes:
    return ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)


def _xor_address(source: Address, transaction_id: bytes) -> bytes:
    """Section 15.2."""
    host, port = source
    six = ":" in host
    address = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, host.partition("%")[0])
    pad = MAGIC.to_bytes(4, "big") + transaction_id
    xored = bytes(one ^ other for one, other in zip(address, pad, strict=False))
    return bytes((0, 2 if six else 1)) + (port ^ MAGIC >> 16).to_bytes(2, "big") + xored
