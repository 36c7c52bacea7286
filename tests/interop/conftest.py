"""One node a module (those with ordinary needs share one), one stage a test.

Each case first held against Kamailio with rtpengine (``INTEROP_NODE=kamailio``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.node import Node, Setup, start
from interop.process import PATIENCE_S
from interop.stage import Stage
from tests.interop import beside

USERS = {"alice": "wonder-land", "bob": "builder-1", "carol": "christmas", "dave": "dave-pw"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that hangs ends at the patience of what it waits for; this is for what has none."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(5 * PATIENCE_S))


@pytest.fixture(scope="module")
def setup() -> Setup:
    """A module with other needs overrides this."""
    return Setup(users=USERS)


@pytest.fixture(scope="session")
def ordinary_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(start(Setup(users=USERS), tmp_path_factory.mktemp("node")))


@pytest.fixture(scope="module")
def node(setup: Setup, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    if setup == Setup(users=USERS):
        yield request.getfixturevalue("ordinary_node")
    else:
        yield from serving(start(setup, tmp_path_factory.mktemp("node")))


def serving(started: Node, expected: str = "an error nobody expects") -> Iterator[Node]:
    """The node for as long as a module needs it; it must end without calls, streams and errors left, and stop cleanly."""
    try:
        yield started
        assert [line for line in started.leftovers() if expected not in line] == []
    finally:
        status = started.stop()
    assert status == 0


@pytest.fixture
def stage(node: Node, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(node, tmp_path)
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture(scope="session")
def relays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[beside.Relays]:
    yield from beside.started(tmp_path_factory.mktemp("relays"))
