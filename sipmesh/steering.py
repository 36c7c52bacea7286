"""Which signal worker's socket the kernel puts a datagram into: that of its owner (``call_slot``), so that none needs to be
passed on.

An eBPF program on the group of sockets that share an address reads the Call-ID, of a REGISTER the user that it is for, and
returns the worker's index. It looks for what nearly every message has; what it can't read goes to a socket by the kernel's own
hash, and whoever gets it passes it on (sipcore/transport/siblings.py). So a mistake here costs time and nothing else.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from typing import Final

from sipmesh.bpf import R0, R1, R2, R3, R4, R6, R7, R8, R9, STACK_END, Program, Register, load

SO_ATTACH_REUSEPORT_EBPF: Final = 52
SKB_LOAD_BYTES: Final = 26  # of the kernel's functions: (context, offset, memory, size), negative beyond the end
MAX_HEADER_BYTES: Final = 2048  # looked through for the header
MAX_VALUE_BYTES: Final = 160  # of a Call-ID or a user
MAX_BLANKS: Final = 8  # before it
MAX_NAME_BYTES: Final = 128  # of a display name
CRC_POLYNOMIAL: Final = 0xEDB88320  # the one of crc_slot
CONTEXT, POSITION, WINDOW, LEFT = R6, R7, R8, R9  # what outlives calls
CRC = WINDOW

log = logging.getLogger(__name__)


def steer(groups: Sequence[Sequence[socket.socket]]) -> bool:
    """Attaches the program to each group: all sockets that share an address, in the order they were bound, as many in each.
    Whether the kernel let us (it takes root, or CAP_BPF and CAP_NET_ADMIN)."""
    if not groups:
        return True
    try:
        program = load(program_for(len(groups[0])).to_bytes())
    except OSError as error:
        log.info("datagrams are passed on between signal workers: the kernel does not let us steer them (%s)", error.strerror)
        return False
    try:
        for group in groups:
            group[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, program)
    finally:
        os.close(program)
    return True


def program_for(workers: int) -> Program:
    """Its context is a datagram's payload; its result the index of one of ``workers``, or a number that no socket has."""
    program = Program()
    program.do("mov", CONTEXT, R1)
    program.do("mov", POSITION, 0)
    _read(program, 8, "unknown")
    program.constant(R3, int.from_bytes(b"REGISTER", "little"))
    program.jump_if(R2, "==", R3, "registration")
    _find_header(program, "call", b"call-id:", b"\ni:")
    _hash(program, "call", ends=b"", workers=workers, folded=False)
    program.label("registration")
    _find_header(program, "to", b"\nto:", b"\nt:")
    _find_byte(program, "uri", b"<", MAX_NAME_BYTES)
    _find_byte(program, "user", b":", len("sips:"))
    _hash(program, "name", ends=b"@:;>?", workers=workers, folded=True)
    program.label("unknown")
    program.do("mov", R0, -1, bits=32)
    program.leave()
    return program


def _read(program: Program, size: int, beyond: str) -> None:
    """R2 = the bytes at POSITION; on to ``beyond`` when there are not so many."""
    program.do("mov", R1, CONTEXT)
    program.do("mov", R2, POSITION)
    program.do("mov", R3, STACK_END)
    program.do("add", R3, -8)
    program.do("mov", R4, size)
    program.call(SKB_LOAD_BYTES)
    program.jump_if(R0, "!=", 0, beyond)
    program.load(R2, STACK_END, -8, size)


def _find_header(program: Program, name: str, long: bytes, compact: bytes) -> None:
    """POSITION = behind the colon of that header, in whatever case. The WINDOW holds the last eight bytes; to fold the case,
    each has the bit that small letters have, which makes a line end an asterisk."""
    program.do("mov", WINDOW, 0)
    program.do("mov", LEFT, MAX_HEADER_BYTES // 8)
    program.label(f"{name}-eight")
    _read(program, 8, "unknown")
    for index in range(8):
        program.do("mov", R3, R2)
        program.do("and", R3, 0xFF)
        program.do("or", R3, 0x20)
        program.do("rsh", R2, 8)
        program.do("lsh", WINDOW, 8)
        program.do("or", WINDOW, R3)
        program.jump_if(R3, "==", ord(":"), f"{name}-colon-{index}")
        program.label(f"{name}-no-{index}")
    program.do("add", POSITION, 8)
    program.do("add", LEFT, -1)
    program.jump_if(LEFT, "!=", 0, f"{name}-eight")
    program.jump("unknown")
    for index in range(8):
        program.label(f"{name}-colon-{index}")
        _jump_if_window(program, long, f"{name}-at-{index}")
        _jump_if_window(program, compact, f"{name}-at-{index}")
        program.jump(f"{name}-no-{index}")
        program.label(f"{name}-at-{index}")
        program.do("add", POSITION, index + 1)
        program.jump(f"{name}-found")
    program.label(f"{name}-found")


def _jump_if_window(program: Program, text: bytes, label: str) -> None:
    """Whether the WINDOW ends with ``text``."""
    program.do("mov", R3, WINDOW)
    program.do("lsh", R3, 64 - 8 * len(text))
    program.constant(R4, int.from_bytes(bytes(byte | 0x20 for byte in text), "big") << 64 - 8 * len(text))
    program.jump_if(R3, "==", R4, label)


def _find_byte(program: Program, name: str, wanted: bytes, within: int) -> None:
    """POSITION = behind ``wanted``, in this line."""
    program.do("mov", LEFT, within)
    program.label(f"{name}-next")
    _read(program, 1, "unknown")
    program.do("add", POSITION, 1)
    program.jump_if(R2, "==", wanted[0], f"{name}-found")
    program.jump_if(R2, "==", ord("\n"), "unknown")
    program.do("add", LEFT, -1)
    program.jump_if(LEFT, "!=", 0, f"{name}-next")
    program.jump("unknown")
    program.label(f"{name}-found")


def _hash(program: Program, name: str, *, ends: bytes, workers: int, folded: bool) -> None:
    """Returns the index for the value at POSITION, up to a blank or one of ``ends``; with its case ``folded``."""
    program.do("mov", LEFT, MAX_BLANKS)
    program.label(f"{name}-blank")
    _read(program, 1, "unknown")
    program.jump_if(R2, ">", ord(" "), f"{name}-begins")
    program.do("add", POSITION, 1)
    program.do("add", LEFT, -1)
    program.jump_if(LEFT, "!=", 0, f"{name}-blank")
    program.jump("unknown")
    program.label(f"{name}-begins")
    program.do("mov", CRC, -1, bits=32)
    program.do("mov", LEFT, MAX_VALUE_BYTES)
    program.label(f"{name}-next")
    _read(program, 1, f"{name}-end")
    program.do("add", POSITION, 1)
    for end in ends:
        program.jump_if(R2, "==", end, f"{name}-end")
    program.jump_if(R2, "<=", ord(" "), f"{name}-end")
    if folded:
        program.jump_if(R2, "<", ord("A"), f"{name}-small")
        program.jump_if(R2, ">", ord("Z"), f"{name}-small")
        program.do("or", R2, 0x20)
        program.label(f"{name}-small")
    _add_to_crc(program, R2)
    program.do("add", LEFT, -1)
    program.jump_if(LEFT, "!=", 0, f"{name}-next")
    program.jump("unknown")
    program.label(f"{name}-end")
    program.do("xor", CRC, -1, bits=32)
    program.do("mod", CRC, workers, bits=32)
    program.do("mov", R0, CRC, bits=32)
    program.leave()


def _add_to_crc(program: Program, byte: Register) -> None:
    program.do("xor", CRC, byte, bits=32)
    for _ in range(8):
        program.do("mov", R3, CRC, bits=32)
        program.do("and", R3, 1, bits=32)
        program.do("mul", R3, CRC_POLYNOMIAL, bits=32)
        program.do("rsh", CRC, 1, bits=32)
        program.do("xor", CRC, R3, bits=32)
