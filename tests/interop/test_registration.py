"""REGISTER with digest: MD5 by SIPp, SHA-256 by a raw client (SIPp 3.6 knows MD5 only)."""

from __future__ import annotations

import pytest

from interop import calls
from interop.credentials import authorization, challenges
from interop.node import Setup
from interop.rawsip import Client
from interop.stage import Stage
from tests.interop.conftest import USERS

DOMAIN = "example.test"


@pytest.fixture(scope="module", params=["MD5", "SHA-256"])
def setup(request: pytest.FixtureRequest) -> Setup:
    return Setup(users=USERS, digest=(request.param,))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_digest_registers_and_star_removes(stage: Stage, transport: str) -> None:
    algorithm = stage.node.setup.digest[0]
    with Client(stage.target, transport) as client:
        answer = client.register("alice", DOMAIN, USERS["alice"], algorithm)
        assert answer.status == 200
        assert f":{client.port}" in answer.headers("Contact")[0]
        assert "expires=" in answer.headers("Contact")[0]
        assert client.register("alice", DOMAIN, USERS["alice"], algorithm, contact="*", expires_s=0).headers("Contact") == []


def test_sipp_registers(stage: Stage) -> None:
    if stage.node.setup.digest[0] == "MD5":
        result = stage.play(calls.register(), stage.phone("alice"), "register").expect_ok()
        assert any("sip:alice@127.0.0.1" in line for line in result.logs)
        stage.unregister("alice")
    else:
        with Client(stage.target) as client:
            client.request("REGISTER", f"sip:{DOMAIN}", "alice", DOMAIN)
            offered = client.final()
        assert offered is not None
        assert [challenge["algorithm"] for challenge in challenges(offered)] == ["SHA-256"]


@pytest.mark.parametrize(("user", "password"), [("alice", "wrong"), ("nobody", "wonder-land")])
def test_wrong_credentials_are_refused(stage: Stage, user: str, password: str) -> None:
    with Client(stage.target) as client:
        assert client.register(user, DOMAIN, password, stage.node.setup.digest[0]).status in (401, 403)


def test_credentials_are_good_for_one_request(stage: Stage) -> None:
    """The same nonce count twice is a replay (RFC 7616 section 3.4)."""
    algorithm = stage.node.setup.digest[0]
    uri, contact = f"sip:{DOMAIN}", "Contact: <sip:alice@127.0.0.1:9>"
    with Client(stage.target) as client:
        client.request("REGISTER", uri, "alice", DOMAIN, (contact,), f"<sip:alice@{DOMAIN}>")
        challenged = client.final()
        assert challenged is not None
        credentials = authorization(challenged, "alice", USERS["alice"], "REGISTER", uri, algorithm)
        statuses = []
        for _ in range(2):
            client.request(
                "REGISTER", uri, "alice", DOMAIN, (contact, f"Authorization: {credentials}"), f"<sip:alice@{DOMAIN}>"
            )
            answer = client.final()
            statuses.append(answer and answer.status)
    assert statuses == [200, 401]
    with Client(stage.target) as client:
        client.register("alice", DOMAIN, USERS["alice"], algorithm, contact="*", expires_s=0)
