"""ACK and BYE without our Route go the same way, whether their call is found in C or by ``Dialogs``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from native.sip import CallLeg
from sipmesh.config import Trunk
from sipmesh.signalling.dialogs import Dialogs
from tests.sipmesh.signal_world import US, SignalWorld, traces_of

BOB = "sip:bob@open.example"
SOURCE, NEIGHBOUR, STRANGER = "192.0.2.66", "192.0.2.67", "203.0.113.9"
CARRIER = Trunk(name="carrier", sources=(f"{SOURCE}/31",))
AT_US = f"sip:service@{US}:5060"


class Stranger:
    """An application whose base is none of C's: it asks Python for everything."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)


class Call:
    """Of a trunk's ``caller`` to bob, answered. ``plain``: its calls are found in C."""

    def __init__(self, *, plain: bool) -> None:
        self.world = world = SignalWorld((CARRIER,))
        if not plain:
            core: Any = world.layer.user
            core.app = Stranger(world.app)
        self.caller, self.bob = world.phone(SOURCE), world.phone("192.0.2.20")
        self.phones = [self.caller, self.bob]
        for phone in self.phones:
            phone._branches = count(1)
        world.bind("bob@open.example", self.bob)

    def begin(self, answer: int = 200) -> None:
        self.caller.request("INVITE", BOB)
        self.world.run()
        self.bob.reply(self.bob.got("INVITE")[0], answer)
        self.world.run()

    def send(self, method: str, by: str = "caller", **more: Any) -> None:
        tags = {"from_tag": "caller", "to_tag": "callee"} if by == "caller" else {"from_tag": "callee", "to_tag": "caller"}
        getattr(self, by).request(method, AT_US, **({"cseq": 1 if method == "ACK" else 2} | tags | more))
        self.world.run()

    def another(self, host: str, port: int = 5060) -> Any:
        phone = self.world.phone(host, port)
        phone._branches = count(1000)
        self.phones.append(phone)
        return phone

    @property
    def over(self) -> bool:
        return not self.world.calls.keys_of("call-1")

    @property
    def callee(self) -> CallLeg:
        record = self.world.calls.get(self.world.calls.keys_of("call-1")[0])
        assert record is not None
        return record.legs[1]

    @property
    def traces(self) -> tuple[Any, ...]:
        return [[message.to_bytes() for message in phone.got()] for phone in self.phones], dict(self.world.counters)


Scene = Callable[[Call], None]


def the_caller_hangs_up(call: Call) -> None:
    call.begin()
    call.send("ACK")
    assert call.bob.got("ACK")[0].request_uri_text == call.bob.contact
    call.send("BYE")
    call.bob.reply(call.bob.got("BYE")[0], 200)
    call.world.run()
    assert call.over


def the_callee_hangs_up(call: Call) -> None:
    call.begin()
    call.send("ACK")
    call.send("BYE", "bob")
    call.caller.reply(call.caller.got("BYE")[0], 200)
    call.world.run()
    assert call.over


def by_a_route_of_others(call: Call) -> None:
    call.begin()
    call.send("ACK", headers=(("Route", f"<sip:{US};lr>"),))
    assert not call.bob.got("ACK")[0].has_route


def not_answered_yet(call: Call) -> None:
    call.begin(180)
    call.send("BYE")
    assert not call.bob.got("BYE")


def of_other_tags(call: Call) -> None:
    call.begin()
    call.send("BYE", to_tag="other")
    call.send("BYE", "bob", from_tag="caller", to_tag="callee")
    call.send("BYE", from_tag="")
    assert not call.bob.got("BYE")


def of_no_call(call: Call) -> None:
    call.begin()
    call.send("BYE", call_id="call-2")
    call.send("ACK", call_id="call-2")
    assert not call.bob.got("BYE") + call.bob.got("ACK")


def from_elsewhere(call: Call) -> None:
    call.begin()
    for host, port in ((SOURCE, 5070), (NEIGHBOUR, 5060), (STRANGER, 5060)):
        call.caller = call.another(host, port)
        call.send("ACK")
    assert len(call.bob.got("ACK")) == 2  # from any address of the trunk


def another_method(call: Call) -> None:
    call.begin()
    call.send("INFO")
    assert call.bob.got("INFO")


def a_contact_with_more_than_a_request_uri_has(call: Call) -> None:
    call.begin()
    call.callee.remote_target = "sip:bob@192.0.2.20:5060;METHOD=BYE?Subject=x"
    call.send("ACK")
    assert call.bob.got("ACK")[0].request_uri_text == "sip:bob@192.0.2.20:5060"


def with_a_proxy_on_the_way(call: Call) -> None:
    edge = call.another("192.0.2.30")
    call.begin()
    call.callee.route_set = ("<sip:192.0.2.30;lr>",)
    call.send("ACK")
    assert edge.got("ACK")


def behind_nat(call: Call) -> None:
    call.caller.says_host = "10.0.0.1"
    call.begin()
    call.send("ACK")
    call.send("BYE", "bob")
    assert call.caller.got("BYE")


SCENES: list[Scene] = [
    *(the_caller_hangs_up, the_callee_hangs_up, by_a_route_of_others, not_answered_yet, of_other_tags, of_no_call),
    *(from_elsewhere, another_method, a_contact_with_more_than_a_request_uri_has, with_a_proxy_on_the_way, behind_nat),
]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_goes_the_same_way(scene: Scene) -> None:
    by_python = traces_of(scene, Call(plain=False))
    assert traces_of(scene, Call(plain=True)) == by_python


@pytest.mark.parametrize("scene", [the_caller_hangs_up, the_callee_hangs_up])
def test_most_are_found_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(Dialogs, "find", lambda *args: asked.append(args))
    scene(Call(plain=True))
    assert asked == []
