"""CSeq numbers of a side whose requests we repeat with credentials: each repetition takes a number the side does not know of.
All its later requests in the dialog then leave with higher ones than it wrote (RFC 3261 sections 8.1.3.5 and 12.2.1.1).

``Shifts`` says by how much: (first number as the side wrote it, what is added from that one on), in ascending order.
"""

from collections.abc import Callable

from sipmesh.store.records import Shifts

MAX_SHIFTS = 16  # kept; older ones are of requests answered long ago
REFER = "refer"


def shift_of(shifts: Shifts, cseq: int) -> int:
    """What is added to ``cseq``."""
    found = 0
    for first, shift in shifts:
        if first > cseq:
            break
        found = shift
    return found


def with_shift(shifts: Shifts, cseq: int, shift: int) -> Shifts:
    """``shifts``, now that the request that the side gave ``cseq`` left with ``cseq + shift``."""
    if shift_of(shifts, cseq) == shift:
        return shifts
    return (*(each for each in shifts if each[0] < cseq), (cseq, shift))[-MAX_SHIFTS:]


def written(shifts: Shifts, cseq: int) -> int:
    """The number as the side wrote it that left as ``cseq``."""
    for first, shift in reversed(shifts):
        if cseq - shift >= first:
            return cseq - shift
    return cseq


def shifted_rack(value: str, shifts: Shifts) -> str:
    """RAck (RFC 3262 section 7.2): RSeq, CSeq number and method of what a PRACK acknowledges."""
    words = value.split()
    if len(words) != 3 or not _is_number(words[1]):
        return value
    number = int(words[1])
    return f"{words[0]} {number + shift_of(shifts, number)} {words[2]}"


def shifted_event(value: str, shifts: Shifts) -> str:
    """``Event: refer;id=N`` towards the other side, where N is the CSeq number of a REFER (RFC 3515 section 2.4.6)."""
    return _with_id(value, lambda number: number + shift_of(shifts, number))


def written_event(value: str, shifts: Shifts) -> str:
    """The same coming back."""
    return _with_id(value, lambda number: written(shifts, number))


def _with_id(value: str, changed: Callable[[int], int]) -> str:
    package, *params = value.split(";")
    if package.strip().lower() != REFER:
        return value
    for index, param in enumerate(params):
        name, _, number = param.partition("=")
        if name.strip().lower() == "id" and _is_number(number.strip()):
            params[index] = f"id={changed(int(number))}"
    return ";".join((package, *params))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
