"""A domain as it comes, with SHA-256 and MD5: each client gets in by what it knows. (sipmesh only.)"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from interop import calls
from interop.credentials import challenges
from interop.node import Node, Setup, SipmeshNode
from interop.rawsip import Client
from interop.stage import Stage
from tests.interop.conftest import USERS, serving

DOMAIN = "example.test"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    yield from serving(SipmeshNode(Setup(users=USERS, digest=("SHA-256", "MD5")), tmp_path_factory.mktemp("node")))


def test_one_challenge_per_algorithm_strongest_first(stage: Stage) -> None:
    with Client(stage.target) as client:
        client.request("REGISTER", f"sip:{DOMAIN}", "alice", DOMAIN)
        offered = client.final()
    assert offered is not None
    assert [challenge["algorithm"] for challenge in challenges(offered)] == ["SHA-256", "MD5"]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_either_registers(stage: Stage, transport: str, algorithm: str) -> None:
    with Client(stage.target, transport) as client:
        assert client.register("alice", DOMAIN, USERS["alice"], algorithm).status == 200
        assert client.register("alice", DOMAIN, "wrong", algorithm).status in (401, 403)
        assert client.register("alice", DOMAIN, USERS["alice"], algorithm, contact="*", expires_s=0).status == 200


def test_sipp_3_6_that_stops_at_sha_256_registers_and_calls(stage: Stage) -> None:
    """It reads the first challenge only and knows MD5 alone; its Call-IDs and tags give it away."""
    stage.play(calls.register(), stage.phone("alice"), "register").expect_ok()
    call = stage.call("bye_from_caller", stage.registered("alice"), stage.registered("bob"))
    call.talk()
    call.expect_ok()
