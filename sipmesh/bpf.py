"""A small assembler for the kernel's eBPF (RFC 9669), and the system call that loads what it made.

For programs of a hundred lines that must not ask for a compiler where a node is installed.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Final

SYSTEM_CALL: Final = {"x86_64": 321, "aarch64": 280, "riscv64": 280}  # bpf(2), which the C library has no function for
PROG_LOAD: Final = 5
SOCKET_FILTER: Final = 1
LICENSE: Final = b"MIT"

OPERATIONS: Final = {
    "add": 0x00,
    "mul": 0x20,
    "or": 0x40,
    "and": 0x50,
    "lsh": 0x60,
    "rsh": 0x70,
    "mod": 0x90,
    "xor": 0xA0,
    "mov": 0xB0,
}
COMPARISONS: Final = {"==": 0x10, ">": 0x20, ">=": 0x30, "!=": 0x50, "<": 0xA0, "<=": 0xB0}
SIZES: Final = {1: 0x10, 8: 0x18}  # bytes


class Register(int):
    """0 holds results, 1 to 5 arguments, 6 to 9 outlive calls, 10 is the end of the stack."""


R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, STACK_END = (Register(number) for number in range(11))
Operand = Register | int  # an int that is no Register is a constant


class Program:
    """Instructions in the order of the calls. Labels may be jumped to before they are set."""

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int, int]] = []  # opcode, destination, source, offset, constant
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def do(self, operation: str, to: Register, value: Operand, *, bits: int = 64) -> None:
        """``to`` becomes ``to`` <operation> ``value``; with 32 bits the upper half becomes zero."""
        by_register = isinstance(value, Register)
        opcode = OPERATIONS[operation] | (0x07 if bits == 64 else 0x04) | (0x08 if by_register else 0)
        self._add(opcode, to, value if by_register else 0, 0, 0 if by_register else value)

    def constant(self, to: Register, value: int) -> None:
        """64 bits."""
        self._add(0x18, to, 0, 0, value & 0xFFFFFFFF)
        self._add(0, 0, 0, 0, value >> 32)

    def load(self, to: Register, base: Register, offset: int, size: int) -> None:
        """``size`` bytes from memory, the first one lowest whatever the machine's order."""
        self._add(0x61 | SIZES[size], to, base, offset, 0)
        if size == 8:
            self._add(0xD4, to, 0, 0, 64)

    def jump(self, label: str) -> None:
        self._jumps.append((len(self._code), label))
        self._add(0x05, 0, 0, 0, 0)

    def jump_if(self, left: Register, comparison: str, right: Operand, label: str, *, bits: int = 64) -> None:
        """Unsigned."""
        by_register = isinstance(right, Register)
        self._jumps.append((len(self._code), label))
        opcode = COMPARISONS[comparison] | (0x05 if bits == 64 else 0x06) | (0x08 if by_register else 0)
        self._add(opcode, left, right if by_register else 0, 0, 0 if by_register else right)

    def label(self, name: str) -> None:
        if name in self._labels:
            raise ValueError(f"label {name} is set twice")
        self._labels[name] = len(self._code)

    def call(self, helper: int) -> None:
        """One of the kernel's functions, by number; it changes R0 to R5."""
        self._add(0x85, 0, 0, 0, helper)

    def leave(self) -> None:
        self._add(0x95, 0, 0, 0, 0)

    def to_bytes(self) -> bytes:
        """KeyError for a label that was never set."""
        code = list(self._code)
        for index, label in self._jumps:
            opcode, to, source, _, value = code[index]
            code[index] = (opcode, to, source, self._labels[label] - index - 1, value)
        return b"".join(
            struct.pack("=BBhI", opcode, source << 4 | to, offset, value & 0xFFFFFFFF)
            for opcode, to, source, offset, value in code
        )

    def _add(self, opcode: int, to: int, source: int, offset: int, value: int) -> None:
        self._code.append((opcode, to, source, offset, value))


def load(code: bytes, kind: int = SOCKET_FILTER) -> int:
    """Hands ``code`` to the kernel, which checks it. A descriptor; OSError when the kernel or the machine has no such thing,
    when we may not, or when the check fails."""
    number = SYSTEM_CALL.get(platform.machine())
    if number is None:
        raise OSError(os.strerror(38))
    instructions, license_name = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(LICENSE)
    attributes = struct.pack(
        "=IIQQIIQII",
        *(kind, len(code) // 8, ctypes.addressof(instructions), ctypes.addressof(license_name)),
        *(0, 0, 0, 0, 0),  # no log
    )
    call = ctypes.CDLL(None, use_errno=True).syscall
    descriptor: int = call(number, PROG_LOAD, ctypes.create_string_buffer(attributes, len(attributes)), len(attributes))
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return descriptor
