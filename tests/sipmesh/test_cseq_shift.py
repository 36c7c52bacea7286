"""sipmesh.signalling.cseq_shift: numbers there and back."""

import pytest

from sipmesh.signalling.cseq_shift import (
    MAX_SHIFTS,
    Shifts,
    shift_of,
    shifted_event,
    shifted_rack,
    with_shift,
    written,
    written_event,
)

SHIFTS: Shifts = ((10, 1), (15, 3))


@pytest.mark.parametrize(("cseq", "shift"), [(9, 0), (10, 1), (14, 1), (15, 3), (400, 3)])
def test_a_shift_holds_from_its_number_on(cseq: int, shift: int) -> None:
    assert shift_of(SHIFTS, cseq) == shift
    assert written(SHIFTS, cseq + shift) == cseq


def test_shifts_are_added_in_order_and_within_bounds() -> None:
    shifts: Shifts = ()
    assert with_shift(shifts, 1, 0) == ()
    shifts = with_shift(shifts, 1, 1)
    assert with_shift(shifts, 2, 1) == shifts == ((1, 1),)
    assert with_shift(shifts, 1, 2) == ((1, 2),)  # the same request, challenged twice
    assert with_shift(shifts, 1, 0) == ((1, 0),)  # another target took it without
    for cseq in range(2, 100):
        shifts = with_shift(shifts, cseq, cseq)
    assert len(shifts) == MAX_SHIFTS
    assert shift_of(shifts, 99) == 99


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("776656 10 INVITE", "776656 11 INVITE"),
        ("1  16\tINVITE", "1 19 INVITE"),
        ("1 9 INVITE", "1 9 INVITE"),
        ("1 x INVITE", "1 x INVITE"),
        ("10", "10"),
    ],
)
def test_rack(value: str, result: str) -> None:
    assert shifted_rack(value, SHIFTS) == result


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("refer;id=12", "refer;id=13"),
        ("refer", "refer"),
        ("Refer;x=1;id=20", "Refer;x=1;id=23"),
        ("refer;id=x", "refer;id=x"),
        ("presence;id=12", "presence;id=12"),
        ("refer;id=9", "refer;id=9"),
    ],
)
def test_event_of_a_refer(here: str, there: str) -> None:
    assert shifted_event(here, SHIFTS) == there
    assert written_event(there, SHIFTS) == here
