"""Fixtures of the native tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from media.raw import close_raw, open_raw
from native import relay as native
from tests.native.relay_fast import MAY_OPEN_FAST, scanned, started_fast
from tests.native.relay_raw import MAY_OPEN_RAW
from tests.native.relay_wire import Phone, started

FAST_WAYS = ("fast path",) if MAY_OPEN_FAST else ()
WAYS = ("own sockets", "raw sockets", *FAST_WAYS) if MAY_OPEN_RAW else ("own sockets", *FAST_WAYS)


@pytest.fixture(params=WAYS)
def relay(request: pytest.FixtureRequest) -> Iterator[native.Relay]:
    """Sends as ``request.param`` says."""
    if request.param == "fast path":
        with started_fast(["127.0.0.1", "::1"]) as relay, scanned(relay):
            yield relay
        return
    raw = open_raw(["127.0.0.1", "::1"], 46, 1) if request.param == "raw sockets" else []
    with started(raw=raw) as relay:
        close_raw(raw)
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
