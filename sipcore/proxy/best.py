"""Choosing the best response (RFC 3261 section 16.7 items 6 and 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from native.sip import Message

if TYPE_CHECKING:
    from sipcore.proxy.branch import Branch

CHALLENGES = frozenset({401, 407})
TELLING = frozenset({401, 407, 415, 420, 484})  # they say how to ask again
LEAST = frozenset({408, 487, 503})  # last of their class: they say nothing about the callee


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a branch ended without success. ``response`` is None when no answer came and the status is our own word."""

    branch: Branch
    status: int
    reason: str = ""
    response: Message | None = None

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """Lower is better: 6xx, then what somebody answered, then the lowest class, then what helps the caller to ask again."""
        within = 0 if self.status in TELLING else 2 if self.status in LEAST else 1
        return self.status < 600, self.response is None, self.status // 100, within


def best_outcome(outcomes: Sequence[Outcome]) -> Outcome:
    """The first of the best; its response carries the challenges of all (item 7)."""
    # no name of this function is an inner one's too: CPython 3.11 would lose the outcomes if it had no memory for that
    best = min(outcomes, key=lambda outcome: outcome.rank)
    if best.response is not None and best.status in CHALLENGES:
        for outcome in outcomes:
            if outcome is not best and outcome.response is not None and outcome.status in CHALLENGES:
                add_challenges(best.response, outcome.response)
    return best


def add_challenges(response: Message, other: Message) -> None:
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for value in other.get_all(name):
            if "\0" not in value:  # a quoted NUL can't be written anew
                response.append(name, value)
