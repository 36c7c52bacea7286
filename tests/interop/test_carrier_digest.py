"""A carrier that proves by digest who it is, from an address nobody knows."""

from __future__ import annotations

import pytest

from interop import calls
from interop.node import Setup, Trunk
from interop.rawsip import Client
from interop.sipp import End
from interop.stage import Stage
from tests.interop.conftest import USERS

CARRIER = "127.0.0.4"
PASSWORD = "carrier-pw"


@pytest.fixture(scope="module")
def setup() -> Setup:
    incoming = {"username": "itsp", "password": PASSWORD}
    keys = (("incoming", incoming), ("probe_s", 0))
    return Setup(users=USERS, trunk=Trunk("itsp", (f"sip:{CARRIER}:5999",), (), "+99", keys))


def test_it_calls_in(stage: Stage) -> None:
    bob = stage.registered("bob")
    flow = calls.FLOWS["bye_from_caller"]()
    gateway = End("itsp", "example.test", PASSWORD, address=CARRIER)
    callee = stage.callee(flow[1], bob, peer="itsp")
    stage.play(flow[0], gateway, "carrier", "bob", keys={"rtp_port": str(stage.rtp().port)}).expect_ok()
    callee.expect_ok()


def test_nobody_does_without(stage: Stage) -> None:
    with Client(stage.target, address=CARRIER) as client:
        client.request("INVITE", "sip:bob@example.test", "itsp", "carrier.test", ("Contact: <sip:x@127.0.0.4>",))
        answer = client.final()
    assert answer is not None
    assert answer.status == 407
