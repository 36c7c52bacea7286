"""A short soak, and what its verdict says; ``python -m interop.soak`` makes it as long as one likes."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from interop import soak
from interop.sipp import GIVEN_UP, UNEXPECTED, reason_of
from interop.soak import STALL_REACH_S, STALL_S, Failures, Held, Outcome
from interop.stalls import Stalls

NOTHING = Held(0, 0, 22, 40 << 20)
ABORTED = "Aborting call on unexpected message for Call-Id '7-1@127.0.0.1': while expecting "
ERRORS = f"""2026-11-22\t19:37:15.500000\t1795376235.500000: {ABORTED}'200' (index 10), received 'SIP/2.0 408 Request Timeout
Via: SIP/2.0/UDP 127.0.0.1:28186;rport=28186;branch=z9hG4bK-1-7-9
CSeq: 3 BYE
Content-Length: 0

'2026-11-22\t19:37:47.098184\t1795376267.098184: Dead call 8-1@127.0.0.1 (successful), received 'SIP/2.0 200 OK
CSeq: 3 BYE

'2026-11-22\t19:37:47.098184\t1795376267.098184: {ABORTED}'ACK' (index 4), received 'BYE sip:bob@127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:5060
CSeq: 3 BYE

'"""


def test_nothing_is_left_of_a_hundred_calls(tmp_path: Path) -> None:
    outcome = soak.run(100, 25.0, tmp_path)
    assert (outcome.faults, outcome.failures, outcome.refused) == ([], Failures(), {})
    assert outcome.before.descriptors == outcome.after.descriptors


def test_reasons_are_what_sipp_says() -> None:
    assert [reason_of(found) for found in UNEXPECTED.finditer(ERRORS)] == ["408 to BYE, not 200", "BYE, not ACK"]
    assert [found[1] for found in GIVEN_UP.finditer(ERRORS)] == ["1795376235.500000", "1795376267.098184"]


@pytest.mark.parametrize(
    ("after", "failed", "refused", "faults"),
    [
        (NOTHING, 13, {}, []),
        (NOTHING, 2000, {}, ["2000 calls failed"]),
        (NOTHING, 0, {"offer": 3}, ["the daemon refused 3 requests: offer"]),
        (Held(1, 2, 24, 90 << 20), 0, {}, None),
    ],
)
def test_a_leak_is_told_from_calls_that_failed(
    after: Held, failed: int, refused: dict[str, int], faults: list[str] | None
) -> None:
    outcome = Outcome(100_000, Failures(failed, Counter({"408 to BYE, not 200": failed})), refused, 1.0, NOTHING, after)
    leaks = ["1 sessions are left", "2 ports are left", "2 descriptors are left", "memory has grown by 50 MB, more than 48"]
    assert outcome.faults == (leaks if faults is None else faults)
    told = outcome.told()
    assert (told["clean"], told["leaks"]) == (not outcome.faults, leaks if faults is None else [])
    assert told["failures"] == {"calls": failed, "stalled": 0, "reasons": {"408 to BYE, not 200": failed}}


def test_calls_that_failed_in_a_stall_count_apart() -> None:
    stalls = Stalls([(1000.0, 0.4), (1000.0, 3.0)])
    times = (996.9, 997.1, 1000.0, 1039.9, 1040.1)
    assert [stalls.reach(at, STALL_REACH_S, STALL_S) for at in times] == [False, True, True, True, False]
    outcome = Outcome(1000, Failures(7, stalled=6), {}, 1.0, NOTHING, NOTHING, stalls)
    assert (outcome.faults, outcome.told()["stalls"]) == ([], {"count": 2, "longest_s": 3.0})
    assert replace(outcome, failures=Failures(8, stalled=6)).faults == ["2 calls failed"]
