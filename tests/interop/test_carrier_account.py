"""An account at a carrier, which is Kamailio: registered, called out of and called on, every request with digest."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from interop import calls
from interop.kamailio.carrier import Account, KamailioCarrier
from interop.node import Node, Setup, SipmeshNode, Trunk, start
from interop.ports import free_port
from interop.process import wait_for
from interop.sipp import End
from interop.stage import Stage
from tests.interop.conftest import USERS, serving

GATEWAY = "127.0.0.3"


@pytest.fixture(scope="module", params=["MD5", "SHA-256"])
def carrier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KamailioCarrier]:
    account = Account(algorithm=request.param, once=request.param == "MD5", gateway=(GATEWAY, free_port(address=GATEWAY)))
    started = KamailioCarrier(account, tmp_path_factory.mktemp("carrier"))
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def setup(carrier: KamailioCarrier) -> Setup:
    account = carrier.account
    register = {"aor": f"{account.user}@{account.domain}", "password": account.password}
    target = f"sip:{carrier.address}:{carrier.port}"
    return Setup(users=USERS, trunk=Trunk("carrier", (target,), (), "+44", (("register", register),)))


@pytest.fixture(scope="module")
def node(setup: Setup, carrier: KamailioCarrier, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    started = start(setup, tmp_path_factory.mktemp("node"))
    assert isinstance(started, SipmeshNode)
    wait_for(lambda: started.metric("sipmesh_sip_trunk_registered") == 1, "the node registers")
    yield from serving(started)
    wait_for(lambda: carrier.logged(r"registers .* expires (\d+)")[-1] == "0", "the node removes its registration")


def test_a_call_out_is_challenged_and_nobody_hears_of_it(stage: Stage, carrier: KamailioCarrier) -> None:
    flow = calls.FLOWS["carrier_out"]()
    gateway = End("gateway", "carrier.test", address=GATEWAY, port=carrier.account.gateway[1])
    callee = stage.play(flow[1], gateway, "gateway", "alice", keys={"rtp_port": str(stage.rtp(echo=True).port)}, calls=3)
    caller = stage.phone("alice")
    keys = {"rtp_port": str(stage.rtp().port)}
    stage.play(flow[0], caller, "out", "+441234567", keys=keys, calls=3, rate=2).expect_ok()
    callee.expect_ok()
    assert len(carrier.logged(r"calls \+441234567 ")) == 3
    assert set(carrier.logged(r"asserted (\S+) cseq")) == {"<sip:alice@example.test>"}
    numbers = [int(number) for number in carrier.logged(r"cseq (\d+)")]
    assert len(set(numbers)) == (1 if carrier.account.once else 2), numbers  # nonces that are counted serve more than one call
    assert not isinstance(stage.node, SipmeshNode) or not stage.node.metric("sipmesh_sip_trunk_credentials_refused_total")


def test_the_carrier_calls_the_account(stage: Stage, carrier: KamailioCarrier) -> None:
    """From an address that is no source of the trunk: it is known by the Contact it calls."""
    bob = stage.registered("bob")
    flow = calls.FLOWS["carrier_in"]()
    callee = stage.callee(flow[1], bob, peer="+4420")
    gateway = End("+4420", "carrier.test", address=GATEWAY, port=carrier.account.gateway[1])
    keys = {"rtp_port": str(stage.rtp().port), "domain": "carrier.test"}
    stage.play(flow[0], gateway, "in", "bob", to=(carrier.address, carrier.port), keys=keys).expect_ok()
    callee.expect_ok()
    [contact] = set(carrier.logged(r"registers (<sip:\S+>)"))
    assert re.fullmatch(r"<sip:carrier~\w[\w-]{12}@127\.0\.0\.1:\d+>", contact)
