"""Some of the calls that the fuzzer plays, the same every time; and that a difference would be seen."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fuzz.calls import first_difference, play

SEEDS = range(30)


@pytest.mark.parametrize("seed", SEEDS)
def test_both_ways_send_store_and_count_the_same(seed: int) -> None:
    assert first_difference(play(seed, plain=True), play(seed, plain=False)) == ""


def test_the_seeds_lead_to_what_calls_are() -> None:
    played = [play(seed, plain=True) for seed in SEEDS]
    counted: set[str] = {name for each in played for name, _ in each["counters"]}
    wanted = {"sip_calls_answered_total", "sip_authorizations_total|outcome=accepted", "sip_registrations_total|status=200"}
    assert counted >= wanted | {f"sip_calls_ended_total|cause={cause}" for cause in ("bye", "cancelled", "failed")}
    assert {cdr["disposition"] for each in played for cdr in each["cdrs"]} >= {
        "answered",
        "busy",
        "cancelled",
        "failed",
        "no-answer",
    }
    assert {body["command"] for each in played for body in each["asked"]} == {"offer", "answer", "delete"}
    assert first_difference(played[0], play(0, plain=True, steps=10))


def test_a_difference_is_told() -> None:
    one: dict[str, list[Any]] = {"sent": [1, 2], "counters": []}
    assert first_difference(one, one | {"sent": [1, 2]}) == ""
    assert first_difference(one, one | {"sent": [1]}).startswith("sent 1\nplain: 2\n")
    assert first_difference(one, one | {"counters": [3]}).startswith("counters 0")
