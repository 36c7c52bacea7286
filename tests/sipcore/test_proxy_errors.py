"""Errors of ours in the midst of a proxied request: it ends with a failure, is counted, and leaves nothing behind."""

from __future__ import annotations

import gc
import logging
import weakref
from collections.abc import Iterator

import pytest

from native.sip import Message, Uri
from sipcore.flow import Destination
from sipcore.proxy.context import Branch, ResponseContext
from sipcore.quiet_log import INTERVAL_S, QuietLog
from tests.sipcore.proxy_world import Phone, Recorder, World, start_of
from tests.sipcore.wire import WireFlow

LONGER_THAN_TIMER_C_S = 300


class Broken(Recorder):
    """Fails in one hook, when it is about that message or status."""

    def __init__(self, hook: str, about: str) -> None:
        super().__init__()
        self.failing = (hook, about)

    def _fail(self, hook: str, about: str) -> None:
        if (hook, about) == self.failing:
            raise LookupError(hook)

    def request_out(self, branch, request, proceed) -> None:
        self._fail("request_out", start_of(request))
        super().request_out(branch, request, proceed)

    def response_in(self, branch, response, proceed) -> None:
        self._fail("response_in", start_of(response))
        super().response_in(branch, response, proceed)

    def challenged(self, branch: Branch, response: Message) -> bool:
        self._fail("challenged", start_of(response))
        return super().challenged(branch, response)

    def branch_ended(self, branch: Branch, status: int) -> None:
        self._fail("branch_ended", str(status))
        super().branch_ended(branch, status)

    def ended(self, context: ResponseContext, status: int) -> None:
        self._fail("ended", str(status))
        super().ended(context, status)


@pytest.fixture(autouse=True)
def _without_log() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def ring(exchange: Recorder | None, *, looks_on: bool = True) -> tuple[World, Phone, Phone]:
    """A call that has reached Bob, unless the exchange keeps it from that."""
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    if exchange is not None:
        exchange.looks_on = looks_on
    world.app.exchange = exchange
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    return world, alice, bob


def over(world: World, errors: int) -> None:
    """Everything has ended by itself, and nobody keeps what the application had to do with it."""
    world.run(LONGER_THAN_TIMER_C_S)
    assert world.counters["sip_internal_errors_total"] == errors
    layer = world.core.transactions
    assert (layer.server_count, layer.client_count) == (0, 0)
    assert world.wire.timers.next_deadline() is None
    kept = weakref.ref(world.app.exchange) if world.app.exchange is not None else lambda: None
    world.app.exchange = None
    world.app.requests.clear()
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("looks_on", [True, False])
def test_a_request_that_fails_on_its_way_out_is_answered_500(looks_on: bool) -> None:
    world, alice, bob = ring(Broken("request_out", "INVITE"), looks_on=looks_on)
    alice.expect(500)
    assert not bob.got("INVITE")
    over(world, errors=1)


@pytest.mark.parametrize("looks_on", [True, False])
def test_a_provisional_that_fails_ends_the_call_and_the_callee_is_told(looks_on: bool) -> None:
    world, alice, bob = ring(Broken("response_in", "180"), looks_on=looks_on)
    invite = bob.expect("INVITE")
    bob.reply(invite, 180)
    world.run()
    alice.expect(500)
    bob.reply(bob.expect("CANCEL"), 200)
    bob.reply(invite, 487)
    over(world, errors=1)


@pytest.mark.parametrize("looks_on", [True, False])
def test_a_200_that_fails_is_a_failure_to_the_caller(looks_on: bool) -> None:
    world, alice, bob = ring(Broken("response_in", "200"), looks_on=looks_on)
    bob.reply(bob.expect("INVITE"), 200)
    world.run()
    alice.expect(500)
    over(world, errors=1)


@pytest.mark.parametrize("hook", ["response_in", "challenged"])
def test_a_refusal_that_fails_is_500(hook: str) -> None:
    world, alice, bob = ring(Broken(hook, "407"))
    bob.reply(bob.expect("INVITE"), 407, (("Proxy-Authenticate", 'Digest realm="x", nonce="y"'),))
    world.run()
    alice.expect(500)
    over(world, errors=1)


@pytest.mark.parametrize("hook", ["branch_ended", "ended"])
@pytest.mark.parametrize("status", [200, 486])
def test_who_fails_when_told_of_an_end_changes_nothing(hook: str, status: int) -> None:
    world, alice, bob = ring(Broken(hook, str(status)))
    bob.reply(bob.expect("INVITE"), status)
    world.run()
    alice.expect(status)
    over(world, errors=1)


@pytest.mark.parametrize("hook", ["branch_ended", "ended"])
def test_a_timeout_is_told_on_though_the_exchange_fails(hook: str) -> None:
    world, alice, bob = ring(Broken(hook, "408"))
    world.run(40)
    assert bob.got("INVITE")
    alice.expect(408)
    over(world, errors=1)


def test_one_broken_branch_leaves_the_others_alone() -> None:
    class OneBroken(Recorder):
        def request_out(self, branch, request, proceed) -> None:
            if branch.index == 0:
                raise LookupError("branch 0")
            super().request_out(branch, request, proceed)

    world = World()
    alice, bob, carol = (world.phone(f"192.0.2.{host}") for host in (10, 20, 30))
    world.app.register("bob@example.com", bob, carol)
    world.app.exchange = OneBroken()
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    assert not bob.got("INVITE")
    carol.reply(carol.expect("INVITE"), 200)
    world.run()
    alice.expect(200)
    over(world, errors=1)


def test_a_name_that_cannot_be_looked_up_for_a_mistake_of_ours_is_500() -> None:
    world = World()
    alice = world.phone("192.0.2.10")
    world.app.exchange = Recorder()

    def resolve(uri: Uri, done: object) -> None:
        raise LookupError(uri.text)

    world.names.resolve = resolve  # type: ignore[method-assign]
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    alice.expect(500)
    over(world, errors=1)


@pytest.fixture
def without_cancel(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """None can be sent, for an error of ours."""
    send = WireFlow.send

    def fail(flow: WireFlow, data: bytes) -> None:
        if data.startswith(b"CANCEL"):
            raise LookupError("no flow")
        send(flow, data)

    with monkeypatch.context() as patched:
        patched.setattr(WireFlow, "send", fail)
        yield patched


@pytest.mark.usefixtures("without_cancel")
def test_timer_c_ends_the_branch_though_no_cancel_can_be_made() -> None:
    world, alice, bob = ring(Recorder())
    bob.reply(bob.expect("INVITE"), 180)
    world.run()
    alice.expect(180)
    world.run(190)
    assert world.counters["sip_proxy_timer_c_total"] == 1
    alice.expect(500)
    assert not bob.got("CANCEL")
    over(world, errors=1)


def test_a_provisional_that_fails_is_500_though_no_cancel_can_be_made(without_cancel: pytest.MonkeyPatch) -> None:
    world, alice, bob = ring(Broken("response_in", "180"))
    bob.reply(bob.expect("INVITE"), 180)
    with pytest.raises(LookupError, match="no flow"):  # what has no answer goes on, for the engine to report
        world.run()
    without_cancel.undo()
    world.run()
    alice.expect(500)
    over(world, errors=1)


def test_a_resolver_that_answers_twice_upsets_no_timer() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob, first_response_s=2.0)
    world.app.targets["bob@example.com"][0].uri = "sip:bob@slow.example"
    world.names.hosts["slow.example"] = [Destination("udp", "192.0.2.20", 5060)]
    world.names.slow.add("slow.example")
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    answer = world.names._waiting[0]
    for _ in range(2):
        answer()
        world.run(1.0)
    assert len(bob.got("INVITE")) > 1
    alice.expect(500)  # it had gone by this branch
    world.run(LONGER_THAN_TIMER_C_S)
    assert world.wire.timers.next_deadline() is None


def test_a_branch_that_was_not_started_sends_nothing() -> None:
    world, alice, _ = ring(None)
    world.app.hold = True
    alice.request("OPTIONS", "sip:bob@example.com", call_id="held")
    world.run()
    branch = Branch(ResponseContext(world.app.requests[-1], None, ()), world.app.targets["bob@example.com"][0])
    for go_on in (branch.send, lambda: branch.reach([])):
        with pytest.raises(ValueError, match="not started"):
            go_on()


def test_a_dialog_is_known_by_a_cookie_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    world, alice, _ = ring(None)
    monkeypatch.setattr(type(world.core), "find_dialog", lambda core, request, flow: "a cookie")
    alice.request("ACK", "sip:bob@example.com", to_tag="callee")
    with pytest.raises(TypeError, match="a Cookie or None expected"):
        world.run()


def test_the_log_tells_of_an_error_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    logging.disable(logging.NOTSET)
    quiet = QuietLog(logging.getLogger("sipcore"))
    for now in (0.0, 1.0, INTERVAL_S):
        try:
            raise LookupError("x")
        except LookupError:
            quiet.exception("internal error", now)
    assert [record.getMessage() for record in caplog.records] == [
        "internal error",
        "internal error (1 more since the last line)",
    ]
    assert all(record.exc_info for record in caplog.records)
