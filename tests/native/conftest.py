"""Fixtures of the native tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from native import relay as native
from tests.native.relay_wire import Phone, started


@pytest.fixture
def relay() -> Iterator[native.Relay]:
    with started() as relay:
        yield relay


@pytest.fixture
def phone() -> Iterator[Callable[..., Phone]]:
    """Makes phones that are hung up at the end of the test."""
    made: list[Phone] = []

    def make(host: str = "127.0.0.1", port: int = 0) -> Phone:
        made.append(Phone(host, port))
        return made[-1]

    yield make
    for one in made:
        one.close()
