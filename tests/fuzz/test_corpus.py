"""The corpus of each fuzz target, replayed, and a short walk from it that is the same every time."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.run import mutated
from tests.fuzz.targets import TARGETS, seeds

STEPS = 200


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_breaks_no_promise(name: str) -> None:
    files = list(seeds(name))
    assert len(files) >= 4
    paths = {TARGETS[name](path.read_bytes()) for path in files}
    assert len(paths) > 2


@pytest.mark.parametrize("name", TARGETS)
def test_neither_does_what_is_near_it(name: str) -> None:
    pool = [path.read_bytes() for path in seeds(name)]
    choose = random.Random(1)
    paths = {TARGETS[name](mutated(choose.choice(pool), pool, choose)) for _ in range(STEPS)}
    assert len(paths) > 1, "a target that goes one way whatever it gets looks at nothing"
