"""A live daemon a module, and a proxy that leaves it without calls.

Hypothesis judges what comes out here, not how long it takes: the machine may be busy."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.media.live import Live, Proxy

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with Live() as running:
        yield running


@pytest.fixture
def proxy(live: Live) -> Iterator[Proxy]:
    client = Proxy(live)
    yield client
    for call_id in client.ask("list", limit=1000)["calls"]:
        client.ask("delete", call_id=call_id)
    client.socket.close()
