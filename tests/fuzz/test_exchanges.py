"""Some of the exchanges that the fuzzer plays, the same every time."""

from __future__ import annotations

from tests.fuzz.exchanges import check


def test_whatever_is_asked_is_answered_and_nothing_is_left() -> None:
    done = set.union(*(check(seed) for seed in range(40)))
    assert done >= {"offer", "answer", "delete", "query", "block media", "silence media"}
