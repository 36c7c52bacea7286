"""A carrier calls in by its source address and is called out to over two gateways, of which one dies and comes back."""

from __future__ import annotations

import time

import pytest

from interop import calls
from interop.node import Node, Setup, SipmeshNode, Trunk
from interop.ports import free_port
from interop.process import PATIENCE_S, wait_for
from interop.rawsip import Client
from interop.sipp import End, Sipp
from interop.stage import Stage
from tests.interop.conftest import USERS

CARRIER = "127.0.0.2"
RATE = 20


@pytest.fixture(scope="module")
def gateways() -> tuple[int, int]:
    return free_port(address=CARRIER), free_port(address=CARRIER)


@pytest.fixture(scope="module")
def setup(gateways: tuple[int, int]) -> Setup:
    targets = tuple(f"sip:{CARRIER}:{port}" for port in gateways)
    return Setup(users=USERS, trunk=Trunk("carrier", targets, (f"{CARRIER}/32",), "+44"))


def begun(carrier: Sipp) -> set[str]:
    return {line.split()[1] for line in carrier.log_lines() if line.startswith("begin")}


def in_flight(carrier: Sipp) -> set[str]:
    return begun(carrier) - {line.split()[1] for line in carrier.log_lines() if line.startswith("end")}


def call_out(stage: Stage, count: int, name: str) -> Sipp:
    script = calls.FLOWS["carrier_out"]()[0]
    keys = {"rtp_port": str(stage.rtp().port)}
    return stage.play(script, stage.phone("alice"), name, "+441234567", keys=keys, calls=count, rate=RATE)


def test_carrier_calls_in_without_digest(stage: Stage, gateways: tuple[int, int]) -> None:
    bob = stage.registered("bob")
    gateway = End("+4420", "carrier.example", address=CARRIER, port=gateways[0])
    flow = calls.FLOWS["carrier_in"]()
    callee = stage.callee(flow[1], bob, peer="+4420")
    caller = stage.play(flow[0], gateway, "carrier", "bob", keys={"rtp_port": str(stage.rtp().port), "domain": "example.test"})
    caller.expect_ok()
    callee.expect_ok()


@pytest.mark.parametrize("user", ["alice", "stranger"])
def test_others_do_not_get_in_without_digest(stage: Stage, user: str) -> None:
    """Neither a stranger nor whoever borrows a user's name from another address than the carrier's."""
    domain = "example.test" if user == "alice" else "elsewhere.example"
    with Client(stage.target, address="127.0.0.3") as client:
        client.request("INVITE", "sip:bob@example.test", user, domain, ("Contact: <sip:x@127.0.0.3>",))
        answer = client.final()
    assert answer is not None
    assert answer.status in (401, 403, 407)


def test_one_gateway_dies_and_comes_back(stage: Stage, node: Node, gateways: tuple[int, int]) -> None:
    carriers = [stage.carrier(CARRIER, port) for port in gateways]
    if isinstance(node, SipmeshNode):
        wait_for(lambda: node.metric("sipmesh_sip_trunk_target_up") == 2, "both have answered a probe")
    calling = call_out(stage, 4 * RATE, "out")
    wait_for(lambda: sum(len(begun(carrier)) for carrier in carriers) >= RATE, "calls at the carrier")
    dying = max(carriers, key=lambda carrier: len(begun(carrier)))
    carriers.remove(dying)
    dying.process.child.kill()
    dying.process.child.wait()
    lost, taken = in_flight(dying), len(begun(dying))
    result = calling.wait()
    assert taken > 0
    assert result.created == 4 * RATE
    assert result.failed <= len(lost), (
        f"{result.failed} calls lost, {len(lost)} were in flight\n{result.trace}\n{node.log()[-3000:]}"
    )
    assert len(begun(carriers[0])) >= 4 * RATE - taken

    revived = stage.carrier(CARRIER, dying.end.port)
    end = time.monotonic() + PATIENCE_S
    while not begun(revived) and time.monotonic() < end:
        again = call_out(stage, 8, "again").wait()
        assert again.failed == 0
    assert begun(revived), "the gateway that came back gets no calls"
