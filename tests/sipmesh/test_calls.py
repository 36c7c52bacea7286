"""sipmesh.signalling.calls: what is kept of a call, and when it is forgotten."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

from native.sip import Message, begun_by
from sipcore.keys import Key, KeyRing
from sipcore.proxy.cookie import issue_cookie
from sipcore.timers import Timers
from sipmesh.config import Trunk
from sipmesh.signalling.authorize import Caller
from sipmesh.signalling.calls import Calls
from sipmesh.signalling.legs import MAX_FORKS
from sipmesh.signalling.routing_table import Hop
from sipmesh.signalling.trunks import TrunkState
from sipmesh.store import CallRecord

INVITE_TEXT = (
    b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n"
    b"Record-Route: <sip:edge.example;lr>\r\nFrom: <sip:alice@example.com>;tag=A\r\nTo: <sip:bob@example.com>\r\n"
    b"Call-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@192.0.2.1>\r\nContent-Length: 0\r\n\r\n"
)
OURS = "<sip:198.51.100.1;lr;c=x>"


class Stored:
    """The calls table in a dict."""

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}

    def put(self, key: str, record: CallRecord) -> None:
        self.records[key] = record

    def delete(self, key: str) -> None:
        self.records.pop(key, None)

    def all(self) -> list[tuple[str, CallRecord]]:
        return list(self.records.items())


class World:
    def __init__(self) -> None:
        self.stored = Stored()
        self.timers = Timers(0.0, 1000.0)
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.trunks = {name: TrunkState(Trunk(name=name), []) for name in ("in", "out")}
        self.calls = self.new_calls()

    def new_calls(self) -> Calls:
        stored: Any = self.stored
        return Calls(stored, self.timers, self.counters, self.trunks, relayed=True)

    def begin(self, key: str = "k1", **trunks: str) -> None:
        flow = SimpleNamespace(listener=SimpleNamespace(index=0), connection_id=0, remote=("192.0.2.1", 5060))
        request: Any = SimpleNamespace(message=Message(INVITE_TEXT), flow=flow, natted=False, context=object())
        caller = Caller(trunk=self.trunks.get(trunks.get("in_", "")))
        record = begun_by(request, caller, Hop(trunk=trunks.get("out", "")), self.timers.wall, relayed=True)
        self.calls.begin(key, record, request)

    def answer(self, key: str = "k1", tag: str = "B", routes: tuple[str, ...] = (), status: int = 200) -> None:
        invite = Message(INVITE_TEXT)
        headers = [("Contact", f"<sip:bob@192.0.2.{len(tag)}>")]
        headers += [("Record-Route", value) for value in (*routes, OURS, "<sip:edge.example;lr>")]
        flow = SimpleNamespace(listener=SimpleNamespace(index=0), connection_id=0, remote=("192.0.2.2", 5060))
        target = SimpleNamespace(natted=False)
        branch: Any = SimpleNamespace(flow=flow, target=target, via_branch="z9hG4bKours")
        tell = self.calls.answered if status >= 200 else self.calls.early
        tell(key, branch, invite.reply(status, to_tag=tag, headers=headers))

    def calls_record(self, key: str = "k1") -> CallRecord:
        record = self.calls.get(key)
        assert record is not None
        return record

    def within(self, method: str, tags: tuple[str, str], contact: str = "sip:new@192.0.2.9", key: str = "k1") -> Message:
        """A request within a dialog, which has passed."""
        headers = [
            ("Via", "SIP/2.0/UDP h;branch=z9hG4bK2"),
            ("From", f"<sip:a@b>;tag={tags[0]}"),
            ("To", f"<sip:c@d>;tag={tags[1]}"),
        ]
        request = Message.request(
            method, "sip:x@y", [*headers, ("Call-ID", "c1"), ("CSeq", f"9 {method}"), ("Contact", f"<{contact}>")]
        )
        self.calls.within(issue_cookie(KeyRing("cookie", Key("k", bytes(32))), request, key, caller_tag="A"), request)
        return request


def test_both_sides_are_known_once_it_is_answered() -> None:
    world = World()
    world.begin()
    assert world.stored.records["k1"].state == "ringing"
    world.timers.advance(5.0, 1005.0)
    world.answer(routes=("<sip:far.example;lr>", "<sip:near.example;lr>"))
    record = world.stored.records["k1"]
    assert (record.state, record.started_at, record.answered_at) == ("answered", 1000.0, 1005.0)
    assert (record.ng_call_id, record.ng_branch) == ("c1", "z9hG4bKours")
    caller, callee = record.legs
    assert (caller.tag, caller.remote_target, caller.route_set) == ("A", "sip:alice@192.0.2.1", ("<sip:edge.example;lr>",))
    assert (callee.tag, callee.remote_target, callee.cseq) == ("B", "sip:bob@192.0.2.1", 7)
    assert callee.route_set == ("<sip:near.example;lr>", "<sip:far.example;lr>")  # nearest to us first


def test_the_first_answer_of_a_fork_counts() -> None:
    world = World()
    world.begin()
    world.answer(tag="B1")
    world.answer(tag="B2")
    assert world.stored.records["k1"].to_tag == "B1"
    assert world.counters["sip_calls_answered_total"] == 1


def test_calls_are_counted_on_both_trunks_until_they_end() -> None:
    world = World()
    world.begin("k1", in_="in", out="out")
    world.begin("k2", out="out")
    assert [trunk.calls for trunk in world.trunks.values()] == [1, 2]
    world.calls.end("k1", "bye")
    world.calls.end("k1", "bye")
    assert [trunk.calls for trunk in world.trunks.values()] == [0, 1]
    assert list(world.stored.records) == ["k2"]


def test_calls_of_a_trunk_that_was_gone_for_a_while_count_again() -> None:
    world = World()
    world.begin(out="out")
    world.begin("k2", in_="in", out="out")
    del world.trunks["out"]
    world.calls.trunks_replaced()
    world.trunks["out"] = TrunkState(Trunk(name="out"), [])
    world.calls.trunks_replaced()
    assert (world.trunks["in"].calls, world.trunks["out"].calls) == (1, 2)


def test_a_call_that_spirals_has_several_keys() -> None:
    world = World()
    world.begin("k1")
    world.begin("k2")
    assert world.calls.keys_of("c1") == ("k1", "k2")
    world.calls.end("k1", "bye")
    assert world.calls.keys_of("c1") == ("k2",)
    world.calls.end("k2", "bye")
    assert world.calls.keys_of("c1") == ()


def test_a_new_worker_takes_over_what_is_answered() -> None:
    world = World()
    world.begin("k1", out="out")
    world.answer("k1")
    world.begin("k2")
    world.trunks["out"].calls = 0
    world.calls = world.new_calls()
    world.calls.load()
    assert len(world.calls) == 1
    assert world.trunks["out"].calls == 1
    assert list(world.stored.records) == ["k1"]


def test_old_calls_are_found() -> None:
    world = World()
    world.begin("k1")
    world.timers.advance(50.0, 1050.0)
    world.begin("k2")
    assert world.calls.older_than(49.0) == ["k1"]


def test_an_early_offer_is_answered_once_and_goes_with_its_call() -> None:
    world = World()
    world.begin()
    world.calls.early_offers.came("k1", "B")
    world.calls.early_offers.came("k1", "C")
    assert [world.calls.early_offers.takes("k1", tag) for tag in ("B", "B", "X")] == [True, False, False]
    world.calls.end("k1", "failed")
    assert not world.calls.early_offers.takes("k1", "C")


def test_each_answer_and_reliable_response_makes_a_dialog_that_is_kept() -> None:
    world = World()
    world.begin()
    world.answer(tag="E", status=183)
    assert [leg.tag for leg in world.calls_record().forks] == ["E"]
    world.answer(tag="B")
    world.answer(tag="CC")
    for _ in range(2):  # a 2xx is repeated until its ACK comes
        world.answer(tag="B")
        world.answer(tag="CC")
    record = world.stored.records["k1"]
    assert (record.to_tag, [(leg.tag, leg.remote_target) for leg in record.forks]) == ("B", [("CC", "sip:bob@192.0.2.2")])


def test_dialogs_of_a_call_are_bounded() -> None:
    world = World()
    world.begin()
    for number in range(100):
        world.answer(tag=f"B{number}")
    assert len(world.calls_record().forks) == MAX_FORKS


def test_a_target_is_refreshed_by_a_party_of_its_own_dialog_only() -> None:
    world = World()
    world.begin()
    world.answer(tag="B")
    world.answer(tag="CC")
    caller, callee = world.calls_record().legs
    world.within("INVITE", ("CC", "A"), "sip:moved@192.0.2.9")
    assert (callee.remote_target, world.calls_record().forks[0].remote_target) == ("sip:bob@192.0.2.1", "sip:moved@192.0.2.9")
    for tags in (("X", "A"), ("A", "X"), ("A", "A"), ("X", "B")):
        world.within("UPDATE", tags)
    assert (caller.remote_target, callee.remote_target) == ("sip:alice@192.0.2.1", "sip:bob@192.0.2.1")


def test_a_forked_call_ends_with_the_last_of_its_dialogs() -> None:
    for first, second in (("B", "C"), ("C", "B")):
        world = World()
        world.begin()
        world.answer(tag="B")
        world.answer(tag="C")
        world.calls.hangs_up("k1", "A", first)
        world.calls.hung_up("k1", "A", first)
        record = world.calls_record()
        assert (record.to_tag, record.legs[1].tag, record.forks, record.bye_at) == (second, second, [], 0.0)
        world.calls.hangs_up("k1", second, "A")
        world.calls.hung_up("k1", second, "A")
        assert not len(world.calls)
