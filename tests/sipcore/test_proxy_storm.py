"""Many forked calls at once over a network that loses, repeats and reorders: each ends once and leaves nothing behind.

Caller and callees are user agents on the real transaction layer; what they do is drawn from a seed.
"""

from __future__ import annotations

import gc
from random import Random

import pytest

from native.sip import Message
from sipcore.flow import Destination
from sipcore.ports import Target
from sipcore.transaction import ClientTransaction, ServerTransaction
from tests.sipcore.proxy_world import Recorder, World
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Stack, Wire

CALLS = 40
PHONES = 3


class Callee(RecordingUser):
    """Rings, then answers, refuses or says nothing; repeats a 2xx until its ACK comes (RFC 3261 section 13.3.1.4)."""

    def __init__(self, world: World, host: str, seed: int) -> None:
        super().__init__(self.ring)
        self.world = world
        self.host = host
        self.random = Random(seed)
        self.answered: dict[str, Message] = {}  # by Call-ID: the 200, until its ACK
        self.accepted: set[str] = set()
        self.stack = Stack(world.wire.node(host), self)

    def ring(self, transaction: ServerTransaction) -> None:
        request = transaction.request
        after = self.world.wire.timers.after
        if request.method != "INVITE":
            transaction.respond(request.reply(200, to_tag=self.host))
            return
        mood = self.random.choice(["answer", "answer", "busy", "decline", "silent", "unavailable"])
        if mood == "silent":
            return
        if self.random.random() < 0.7:
            transaction.respond(request.reply(180, to_tag=self.host))
        after(self.random.choice([0.0, 0.3, 2.0, 5.0]), lambda _: self.decide(transaction, request, mood), None)

    def decide(self, transaction: ServerTransaction, request: Message, mood: str) -> None:
        if transaction.state != "proceeding":
            return
        if mood != "answer":
            transaction.respond(request.reply({"busy": 486, "decline": 603}.get(mood, 503), to_tag=self.host))
            return
        headers = [("Record-Route", value) for value in request.get_all("Record-Route")]
        answer = request.reply(200, to_tag=self.host, headers=[*headers, ("Contact", f"<sip:user@{self.host}>")])
        self.answered[request.call_id] = answer
        self.accepted.add(request.call_id)
        self.repeat(transaction, request.call_id, 0.5)

    def repeat(self, transaction: ServerTransaction, call_id: str, interval_s: float) -> None:
        answer = self.answered.get(call_id)
        if answer is not None and transaction.state in ("proceeding", "accepted"):
            transaction.respond(answer)
            after = min(2 * interval_s, 4.0)
            self.world.wire.timers.after(interval_s, lambda _: self.repeat(transaction, call_id, after), None)

    def on_cancel(self, cancel: ServerTransaction, invite: ServerTransaction | None) -> None:
        super().on_cancel(cancel, invite)
        if invite is not None and invite.state == "proceeding":
            invite.respond(invite.request.reply(487, to_tag=self.host))

    def on_ack(self, request: Message, flow: object) -> None:
        self.answered.pop(request.call_id, None)


class Caller:
    """Calls, perhaps gives up, acknowledges every 2xx and hangs up each dialog."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stack = Stack(world.wire.node("192.0.2.10"), RecordingUser())
        self.calls: dict[str, RecordingClient] = {}
        self.byes: list[RecordingClient] = []
        self._to_proxy = self.stack.node.flows.flow_to(Destination("udp", "192.0.2.1", 5060))
        self._acked: set[tuple[str, str]] = set()

    def message(self, method: str, uri: str, call_id: str, to_tag: str = "", routes: tuple[str, ...] = ()) -> Message:
        cseq = 2 if method == "BYE" else 1
        branch = f"z9hG4bK-{method}-{call_id}-{to_tag}"
        headers = [
            ("Via", f"SIP/2.0/UDP 192.0.2.10:5060;rport;branch={branch}"),
            *(("Route", route) for route in routes),
            ("From", f"<sip:alice@example.com>;tag={call_id}"),
            ("To", "<sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} {method}"),
            ("Contact", "<sip:alice@192.0.2.10>"),
        ]
        return Message.request(method, uri, headers)

    def call(self, call_id: str, give_up_after_s: float | None) -> None:
        self.calls[call_id] = client = RecordingClient(self.on_response)
        invite = self.message("INVITE", "sip:bob@example.com", call_id)
        transaction = self.stack.layer.request(invite, self._to_proxy, client)
        if give_up_after_s is not None:
            self.world.wire.timers.after(give_up_after_s, lambda _: transaction.cancel(), None)

    def on_response(self, transaction: ClientTransaction, response: Message) -> None:
        if not 200 <= response.status < 300:
            return
        routes = tuple(value.text for value in reversed(response.record_routes))
        contact, tag = response.contacts[0].uri.text, response.to_tag or ""
        ack = self.message("ACK", contact, response.call_id, tag, routes)
        self._to_proxy.send(ack.to_bytes())
        if (response.call_id, tag) not in self._acked:
            self._acked.add((response.call_id, tag))
            self.byes.append(RecordingClient())
            bye = self.message("BYE", contact, response.call_id, tag, routes)
            self.stack.layer.request(bye, self._to_proxy, self.byes[-1])


def storm(seed: int, wire: Wire, groups: list[int]) -> tuple[World, Caller, list[Callee], Recorder]:
    world = World(wire=wire)
    world.app.exchange = recorder = Recorder()
    callees = [Callee(world, f"192.0.2.{20 + number}", seed + number) for number in range(PHONES)]
    world.app.targets["bob@example.com"] = [
        Target(f"sip:user@{callee.host}", group=group) for callee, group in zip(callees, groups, strict=True)
    ]
    caller = Caller(world)
    random = Random(seed)
    for number in range(CALLS):
        caller.call(f"call-{number}", random.choice([None, None, 0.0, 0.1, 1.0, 3.0]))
        world.run(random.random() / 10)
    world.run(700)
    return world, caller, callees, recorder


@pytest.mark.parametrize("groups", [[0, 0, 0], [0, 1, 2]])
@pytest.mark.parametrize("seed", range(4))
def test_every_call_ends_once_on_a_bad_network(seed: int, groups: list[int]) -> None:
    wire = Wire(seed=seed, loss=0.1, duplicates=0.1, jitter_s=0.05)
    world, caller, callees, recorder = storm(seed, wire, groups)
    for call_id, client in caller.calls.items():
        finals = [told for told in client.told if told not in (100, 180)]
        assert finals, call_id
        assert len(finals) == 1 or set(finals) == {200}, (call_id, client.told)
    assert len([event for event in recorder.events if event.startswith("ended")]) == len(
        [event for event in recorder.events if event in ("out 0 INVITE", "out 0 BYE")]
    )
    layers = [world.core.transactions, caller.stack.layer, *(callee.stack.layer for callee in callees)]
    assert [(layer.server_count, layer.client_count) for layer in layers] == [(0, 0)] * len(layers)
    assert wire.timers.next_deadline() is None


def test_nothing_is_left_to_the_garbage_collector() -> None:
    """Else a busy node stops for a full collection of hundreds of thousands of objects in the middle of its calls."""
    gc.collect()
    gc.disable()
    try:
        alive = storm(7, Wire(seed=7), [0, 0, 1])
        app = alive[0].app
        app.requests.clear()
        app.dialog_requests.clear()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        ours = [value for value in gc.garbage if type(value).__module__.startswith("sipcore.proxy")]
        assert not ours
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("groups", [[0, 0, 0], [0, 1, 2]])
def test_on_a_good_network_nothing_is_lost_between_caller_and_callees(groups: list[int]) -> None:
    world, caller, callees, _ = storm(99, Wire(seed=99), groups)
    assert not any(callee.answered for callee in callees)
    assert all(bye.told == [200] for bye in caller.byes)
    assert len(caller.byes) == sum(len(callee.accepted) for callee in callees)
    assert not [name for name in world.counters if "illegal" in name or "internal" in name], dict(world.counters)
