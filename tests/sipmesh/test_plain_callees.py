"""A call to a phone that is reached over a flow, known from calls before, goes the way and leaves the traces of one that is
looked at anew (RFC 5626 section 5.3)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from native.sip import Cookie, Message
from sipcore.flow import Destination
from sipcore.keys import KeyRing
from tests.sipmesh.signal_world import KEY, US, traces_of
from tests.sipmesh.test_plain_calls import DOMAIN, SDP, Call

EDGE = "192.0.2.40"
PATH = (f"<sip:{EDGE};lr;ob>", "<sip:edge-2.example;lr>")


class FlowCall(Call):
    """Bob is bound by ``transport``, and ``private``: behind a NAT. ``far_caller``: alice, too."""

    def __init__(self, *, known: bool, to: str = "udp", private: bool = True, far_caller: bool = False, **more: Any) -> None:
        super().__init__(known=known, **more)
        self.bob = self.world.phone("192.0.2.21", 5070, to)
        self.bob._branches = count(1)
        self.private = private
        if private:
            self.bob.says_host = "10.0.0.2"
        if far_caller:
            self.alice.says_host = "10.0.0.1"
        self.flow: Any = None

    def bind_flow(self, **more: Any) -> None:
        """As a REGISTER over it would have."""
        near: Any = self.bob.node.flows.flow_to(Destination(self.bob.transport, US, 5060))
        self.flow = self.world.proxy.flows.connections[near.peer.connection_id] if near.reliable else None
        listeners = [listener.transport for listener in self.world.proxy.listeners]
        host, remote_port = ("192.0.2.21", 5070) if self.flow is None else self.flow.remote
        self.bind(
            **{
                "natted": self.private,
                "listener": listeners.index(self.bob.transport),
                "remote_host": host,
                "remote_port": remote_port,
                "connection_id": near.peer.connection_id if near.reliable else 0,
            }
            | more
        )

    def lose_flow(self) -> None:
        self.flow.close()
        self.run()

    def answered(self) -> Message:
        """The 200."""
        self.invite()
        self.reply(180)
        ok = self.reply(200, body=SDP)
        self.within(ok, "ACK", cseq=1)
        return ok


def answered_and_ended(call: FlowCall) -> None:
    call.bind_flow()
    ok = call.answered()
    assert call.kept[0].legs[1].natted is call.private
    call.within(ok, "BYE")
    call.reply(200, to="BYE")
    assert [message.method for message in call.bob.got()] == ["INVITE", "ACK", "BYE"]
    assert call.kept == []


def ended_by_the_callee(call: FlowCall) -> None:
    call.bind_flow()
    call.answered()
    call.within(call.bob.got("INVITE")[0], "BYE", by="bob", cseq=7)
    call.alice.reply(call.alice.got("BYE")[0], 200)
    call.run()
    assert call.kept == []


def asked_within_the_call_by_both(call: FlowCall) -> None:
    call.bind_flow()
    ok = call.answered()
    for cseq, method in enumerate(("INFO", "UPDATE", "INVITE"), 2):
        call.within(ok, method, cseq=cseq)
        call.reply(200, to=method)
        call.within(call.bob.got("INVITE")[0], method, by="bob", cseq=cseq)
        call.alice.reply(call.alice.got(method)[-1], 200)
        call.run()
    assert [message.method for message in call.alice.got() if message.is_request] == ["INFO", "UPDATE", "INVITE"]


def given_up(call: FlowCall) -> None:
    call.bind_flow()
    call.give_up()
    assert call.kept == []


def refused(call: FlowCall) -> None:
    call.bind_flow()
    call.invite()
    assert call.reply(486).status == 486


def without_answer(call: FlowCall) -> None:
    call.bind_flow()
    call.invite()
    call.world.run(40.0)
    assert call.alice.got()[-1].status in (408, 500)


OUTBOUND = {"reg_id": 1, "instance": "<urn:uuid:1>"}


def outbound(call: FlowCall) -> None:
    """RFC 5626 section 6: a flow with a number of its own; ``ob`` says that the dialog is to use it."""
    call.bob.says_host = "192.0.2.21"
    call.bind_flow(natted=False, **OUTBOUND)
    (stored,) = call.world.locations.get(f"bob@{DOMAIN}")
    stored.contact += ";ob"
    call.world.locations.put(f"bob@{DOMAIN}", [stored])
    ok = call.answered()
    call.within(ok, "BYE")
    call.reply(200, to="BYE")


def beside_one_that_expired(call: FlowCall) -> None:
    call.bind_flow()
    stored = call.world.locations.get(f"bob@{DOMAIN}")
    call.bind_flow()
    stale, live = call.world.locations.get(f"bob@{DOMAIN}")
    stale.expires_at = call.world.wire.timers.wall
    call.world.locations.put(f"bob@{DOMAIN}", [stale, live])
    assert len(stored) == 1
    call.answered()
    assert call.kept[0].state == "answered"


def beside_another(call: FlowCall) -> None:
    call.bind_flow()
    call.world.bind(f"bob@{DOMAIN}", call.world.phone("192.0.2.30"))
    call.answered()
    assert call.kept[0].state == "answered"


SCENES = (
    *(answered_and_ended, ended_by_the_callee, asked_within_the_call_by_both, given_up, refused, without_answer),
    *(outbound, beside_one_that_expired, beside_another),
)
WAYS = {
    "udp": {},
    "tcp": {"to": "tcp"},
    "tls": {"to": "tls"},
    "tcp, where the Contact says": {"to": "tcp", "private": False},
    "both behind NAT": {"far_caller": True},
    "both behind NAT, by other transports": {"to": "tls", "transport": "tcp", "far_caller": True},
}


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.__name__)
def test_it_is_the_same_call(scene: Callable[[FlowCall], None], way: dict[str, Any], relayed: bool) -> None:
    by_python = traces_of(scene, FlowCall(known=False, relayed=relayed, **way))
    assert traces_of(scene, FlowCall(known=True, relayed=relayed, **way)) == by_python


def closed_before(call: FlowCall) -> None:
    """RFC 5626 section 5.3: nobody is reached by it, and nothing else leads there."""
    call.bind_flow()
    call.lose_flow()
    call.invite()
    assert call.alice.got()[-1].status == 480


def closed_while_it_rings(call: FlowCall) -> None:
    call.bind_flow()
    call.invite()
    call.reply(180)
    call.lose_flow()
    call.world.run(40.0)
    assert not call.bob.got("CANCEL")


def closed_in_the_call(call: FlowCall) -> None:
    call.bind_flow()
    ok = call.answered()
    call.lose_flow()
    call.within(ok, "INFO")
    assert call.alice.got()[-1].status == 430
    call.within(ok, "ACK", cseq=1)
    assert call.world.counters["sip_proxy_acks_dropped_total|why=flow gone"] == 1
    call.within(ok, "BYE", cseq=3)
    assert call.alice.got()[-1].status == 430


def closed_with_another_flow_open(call: FlowCall) -> None:
    """RFC 5626 section 7: the other flow of the same phone."""
    call.bind_flow(natted=False, **OUTBOUND)
    call.lose_flow()
    call.bind_flow(natted=False, reg_id=2, instance="<urn:uuid:1>")
    call.answered()
    assert call.kept[0].legs[1].connection_id == call.flow.connection_id


CLOSED = (closed_before, closed_while_it_rings, closed_in_the_call, closed_with_another_flow_open)


@pytest.mark.parametrize("to", ["tcp", "tls"])
@pytest.mark.parametrize("scene", CLOSED, ids=lambda scene: scene.__name__)
def test_it_is_the_same_when_the_flow_closes(scene: Callable[[FlowCall], None], to: str) -> None:
    by_python = traces_of(scene, FlowCall(known=False, to=to))
    assert traces_of(scene, FlowCall(known=True, to=to)) == by_python


def closed_but_the_contact_leads_there(call: FlowCall) -> None:
    call.bind_flow()
    call.lose_flow()
    call.invite()
    assert call.bob.got("INVITE")


def test_a_contact_that_leads_there_needs_no_connection() -> None:
    scene, plain = closed_but_the_contact_leads_there, FlowCall(known=True, to="tcp", private=False)
    assert traces_of(scene, FlowCall(known=False, to="tcp", private=False)) == traces_of(scene, plain)


def through_an_edge_proxy(call: FlowCall) -> None:
    """RFC 3327: Path becomes Route, and who registered it is not asked for its flow."""
    call.bob = call.world.phone(EDGE)
    call.bob._branches = count(1)
    call.bind(path=PATH, **OUTBOUND)
    call.answered()
    assert call.bob.got("INVITE")[0].get_all("Route") == list(PATH)


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "relayed"])
def test_it_is_the_same_call_through_an_edge_proxy(relayed: bool) -> None:
    by_python, plain = (FlowCall(known=known, relayed=relayed) for known in (False, True))
    assert traces_of(through_an_edge_proxy, plain) == traces_of(through_an_edge_proxy, by_python)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_known_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch, way: dict[str, Any]) -> None:
    call = FlowCall(known=True, **way)
    for name in ("dispatch", "route"):
        monkeypatch.setattr(type(call.world.app), name, None)
    answered_and_ended(call)
    assert call.world.counters["sip_internal_errors_total"] == 0


def test_the_cookie_names_the_flows_of_both_and_each_transport_has_its_route() -> None:
    call = FlowCall(known=True, to="tls", transport="tcp", far_caller=True)
    call.bind_flow()
    ok = call.answered()
    top, second = ok.record_routes
    assert (top.uri.params["transport"], second.uri.params["transport"]) == ("tls", "tcp")
    assert top.uri.params["c"] == second.uri.params["c"]
    cookie = Cookie.read(KeyRing("cookie", KEY), top.uri.params["c"] or "", ok)
    assert cookie is not None
    assert cookie.callee_flow == f"2_192.0.2.21_{call.flow.remote[1]:x}_{call.flow.connection_id:x}"
    assert cookie.caller_flow.startswith("1_192.0.2.10_")
