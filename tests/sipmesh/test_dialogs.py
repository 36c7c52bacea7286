"""sipmesh.signalling.dialogs: which requests without our Route belong to a call, and where they go."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import Message
from sipcore.errors import PeerError
from sipcore.keys import Key, KeyRing
from sipcore.ports import Dialog
from sipmesh.config import Trunk, TrunkTarget
from sipmesh.signalling.dialogs import Dialogs
from sipmesh.signalling.subscriptions import Subscription, Subscriptions
from sipmesh.signalling.trunks import Trunks
from sipmesh.store import CallLeg, CallRecord

CALLER, CALLEE, NEIGHBOUR, STRANGER = "192.0.2.1", "192.0.2.2", "192.0.2.3", "203.0.113.9"


def leg(tag: str, host: str, *, natted: bool = False) -> CallLeg:
    return CallLeg(tag=tag, remote_target=f"sip:{tag}@{host}", remote_host=host, remote_port=5060, natted=natted)


def record(**more: Any) -> CallRecord:
    fields: dict[str, Any] = {"from_tag": "A", "to_tag": "B", "trunk_out": "carrier", "state": "answered"}
    return CallRecord(call_id="c1", legs=[leg("A", CALLER, natted=True), leg("B", CALLEE)], **(fields | more))


def request(method: str, uri: str, tags: tuple[str, str], call_id: str = "c1", route: str = "") -> Message:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", f"<sip:x@y>;tag={tags[0]}"),
        ("To", f"<sip:z@y>;tag={tags[1]}"),
        ("Call-ID", call_id),
        ("CSeq", f"2 {method}"),
    ]
    return Message.request(method, uri, [*headers, *([("Route", route)] if route else [])])


class World:
    def __init__(self, **records: CallRecord) -> None:
        trunks = Trunks(Random(1), KeyRing("contact", Key("k", bytes(32))))
        carrier = Trunk(name="carrier", sources=(f"{NEIGHBOUR}/32",), targets=(TrunkTarget(uri=f"sip:{NEIGHBOUR}"),))
        trunks.load([carrier])
        self.subscriptions = Subscriptions()
        calls: Any = SimpleNamespace(keys_of=lambda call_id: list(records) if call_id == "c1" else [], get=records.get)
        calls.trunks = SimpleNamespace(subscriptions=self.subscriptions)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.dialogs = Dialogs(calls, trunks, self.counters)

    def ask(
        self, source: str, tags: tuple[str, str], *, method: str = "BYE", call_id: str = "c1", port: int = 5060
    ) -> Dialog | None:
        flow: Any = SimpleNamespace(remote=(source, port))
        return self.dialogs.find(request(method, "sip:service@198.51.100.1", tags, call_id), flow)

    def leaves(self, uri: str, tags: tuple[str, str] = ("A", "B"), *, method: str = "INVITE", route: str = "") -> bool:
        """Whether a request with the cookie of call "k" may leave for ``uri``."""
        try:
            self.check(uri, tags, method=method, route=route)
        except PeerError as error:
            return error.status != 403
        return True

    def check(self, uri: str, tags: tuple[str, str], *, method: str = "INVITE", route: str = "") -> None:
        self.dialogs.check_target(request(method, uri, tags, route=route), "k", lambda uri: uri.host == "198.51.100.1")


def test_each_side_reaches_the_other() -> None:
    world = World(k=record())
    token = f"0_{CALLER}_13c4_0"
    assert world.ask(CALLER, ("A", "B")) == Dialog("k", "A", token, "", f"sip:B@{CALLEE}", ())
    assert world.ask(CALLEE, ("B", "A")) == Dialog("k", "A", token, "", f"sip:A@{CALLER}", ())
    assert world.counters["sip_dialog_requests_without_route_total|known=yes"] == 2


@pytest.mark.parametrize(
    ("source", "tags", "call_id"),
    [
        (STRANGER, ("A", "B"), "c1"),
        (CALLEE, ("A", "B"), "c1"),  # in the other side's name
        (CALLER, ("B", "A"), "c1"),
        (CALLER, ("A", "X"), "c1"),
        (CALLER, ("A", "A"), "c1"),
        (CALLER, ("A", "B"), "c2"),
        (NEIGHBOUR, ("A", "B"), "c1"),  # the trunk is the callee's side
    ],
)
def test_nobody_else_gets_in(source: str, tags: tuple[str, str], call_id: str) -> None:
    world = World(k=record())
    assert world.ask(source, tags, call_id=call_id) is None
    assert world.counters["sip_dialog_requests_without_route_total|known=no"] == 1


def test_a_party_may_use_another_port_and_a_trunk_another_address() -> None:
    world = World(k=record())
    assert world.ask(CALLER, ("A", "B"), port=40000) is not None
    assert world.ask(NEIGHBOUR, ("B", "A")) is not None


def test_a_call_not_answered_has_no_dialog_yet() -> None:
    assert World(k=record(to_tag="", state="ringing")).ask(CALLER, ("A", "B")) is None


def test_a_side_without_a_target_can_not_be_reached() -> None:
    nowhere = record()
    nowhere.legs[1].remote_target = ""
    assert World(k=nowhere).ask(CALLER, ("A", "B")) is None


def test_a_register_is_never_of_a_dialog() -> None:
    assert World(k=record()).ask(CALLER, ("A", "B"), method="REGISTER") is None


def test_of_two_passages_that_of_the_very_address_is_taken() -> None:
    first, second = record(), record()
    first.legs[0].remote_port = 7000
    assert (found := World(first=first, second=second).ask(CALLER, ("A", "B"))) is not None
    assert found.call_key == "second"


def test_a_cookie_leads_to_the_other_side_only() -> None:
    world = World(k=record())
    assert world.leaves(f"sip:B@{CALLEE}")
    assert world.leaves(f"sip:new-contact@{CALLEE}:5070")
    assert world.leaves(f"sip:A@{CALLER}", ("B", "A"))
    assert not world.leaves(f"sip:+4420@{NEIGHBOUR}")
    assert not world.leaves(f"sip:B@{CALLEE}", route=f"<sip:{STRANGER};lr>")
    assert world.counters["sip_dialog_requests_elsewhere_total"] == 2


def test_a_trunk_on_the_host_of_the_other_side_is_not_that_side() -> None:
    """As on a machine with a phone and a gateway, or behind one NAT."""
    beside = record(trunk_out="")
    beside.legs[1] = leg("B", NEIGHBOUR)
    beside.legs[1].remote_port, beside.legs[1].remote_target = 40000, f"sip:B@{NEIGHBOUR}:40000"
    world = World(k=beside)
    assert world.leaves(f"sip:B@{NEIGHBOUR}:40000")
    assert not world.leaves(f"sip:+4420@{NEIGHBOUR}")


def test_the_other_side_may_be_behind_a_proxy_of_its_own() -> None:
    behind = record()
    behind.legs[1].route_set = ("<sip:edge.example.net;lr>",)
    assert World(k=behind).leaves("sip:B@10.0.0.9", route="<sip:edge.example.net;lr>")
    assert not World(k=behind).leaves("sip:B@10.0.0.9", route="<sip:edge.example.org;lr>")


def test_what_leads_back_to_us_is_looked_at_then() -> None:
    assert World(k=record()).leaves(f"sip:B@{CALLEE}", route="<sip:198.51.100.1;lr>")


@pytest.mark.parametrize("tags", [("A", "X"), ("X", "A"), ("A", "A"), ("X", "Y"), ("X", "B"), ("B", "X")])
def test_invented_tags_lead_nowhere(tags: tuple[str, str]) -> None:
    for world in (World(k=record()), World(k=record(to_tag="", state="ringing")), World()):
        with pytest.raises(PeerError) as refusal:
            world.check(f"sip:B@{CALLEE}", tags)
        assert refusal.value.status == 481
        assert world.counters["sip_dialog_requests_unknown_total"] == 1


def test_every_dialog_of_a_forked_call_leads_to_its_own_callee() -> None:
    world = World(k=record(forks=[leg("C", STRANGER)]))
    assert world.leaves(f"sip:C@{STRANGER}", ("A", "C"))
    assert world.leaves(f"sip:A@{CALLER}", ("C", "A"))
    assert not world.leaves(f"sip:C@{STRANGER}", ("A", "B"))
    assert not world.leaves(f"sip:B@{CALLEE}", ("A", "C"))


@pytest.mark.parametrize(("trunk", "leaves"), [("carrier", True), ("", False)])
def test_no_party_can_move_to_a_trunk_that_the_call_does_not_use(trunk: str, leaves: bool) -> None:
    moved = record(trunk_out=trunk)
    moved.legs[1].remote_target = f"sip:+4420@{NEIGHBOUR}"
    assert World(k=moved).leaves(f"sip:+4420@{NEIGHBOUR}") == leaves


def test_a_subscription_goes_on_without_a_record_but_reaches_no_trunk_but_its_own() -> None:
    world = World()
    assert world.leaves(f"sip:x@{STRANGER}", method="SUBSCRIBE")
    assert not world.leaves(f"sip:x@{NEIGHBOUR}", method="SUBSCRIBE")
    world.subscriptions.begin("k", Subscription("", "another", None))
    assert not world.leaves(f"sip:x@{NEIGHBOUR}", method="SUBSCRIBE")
    world.subscriptions.begin("k", Subscription("", "carrier", None))
    assert world.leaves(f"sip:x@{NEIGHBOUR}", method="SUBSCRIBE")
