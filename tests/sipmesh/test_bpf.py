"""The assembler, against the encoding of RFC 9669, and what the kernel says to what it makes."""

import os

import pytest

from sipmesh.bpf import R0, R1, R2, R3, STACK_END, Program, load


def words(program: Program) -> list[str]:
    code = program.to_bytes()
    return [code[at : at + 8].hex() for at in range(0, len(code), 8)]


def test_arithmetic_and_loads() -> None:
    program = Program()
    program.do("mov", R0, -1, bits=32)
    program.do("add", R2, R3)
    program.do("mul", R3, 5, bits=32)
    program.load(R2, STACK_END, -8, 1)
    program.leave()
    assert words(program) == [
        "b4000000ffffffff",
        "0f32000000000000",
        "2403000005000000",
        "71a2f8ff00000000",
        "9500000000000000",
    ]


def test_a_constant_takes_two_places_and_eight_bytes_come_lowest_first() -> None:
    program = Program()
    program.constant(R1, 0x1122334455667788)
    program.load(R2, STACK_END, -8, 8)
    assert words(program) == ["1801000088776655", "0000000044332211", "79a2f8ff00000000", "d402000040000000"]


def test_jumps_count_from_the_next_instruction() -> None:
    program = Program()
    program.label("again")
    program.jump_if(R1, ">", 7, "out")
    program.jump_if(R1, "!=", R2, "again", bits=32)
    program.jump("again")
    program.label("out")
    program.leave()
    assert words(program) == ["2501020007000000", "5e21feff00000000", "0500fdff00000000", "9500000000000000"]


def test_labels_must_be_set_once() -> None:
    program = Program()
    program.jump("nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        program.to_bytes()
    program.label("nowhere")
    with pytest.raises(ValueError, match="nowhere is set twice"):
        program.label("nowhere")


def test_what_the_kernel_refuses_is_an_error() -> None:
    program = Program()
    program.do("mov", R0, R3)  # never written: its check says no, or it lets us load nothing at all
    program.leave()
    with pytest.raises(OSError, match=r"\S"):
        load(program.to_bytes())


def test_an_unknown_machine_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(OSError, match=os.strerror(38)):
        load(b"")
