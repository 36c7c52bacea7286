"""One CDR a call, for every way a call can end, from a live signal node."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sipcore.location import Binding
from sipmesh.config import CdrFiles, Route, Trunk, TrunkTarget
from sipmesh.store import Cdr, Command
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import SDP, call, hang_up, run
from tests.sipmesh.test_signal_media import FakeDaemon

BOB = "sip:bob@example.com"

Scenario = Callable[[LiveNode, Phone, Phone], Awaitable[None]]


def cdrs(node: LiveNode) -> list[Cdr]:
    return [cdr for _, cdr in node.store.cdrs.waiting(99)]


def result(cdr: Cdr) -> tuple[str, str, int, str]:
    return cdr.disposition, cdr.cause, cdr.status, cdr.ended_by


async def the_cdr(node: LiveNode) -> Cdr:
    """The only one, once it is there; and no call is left."""
    await node.until(lambda: bool(cdrs(node)) and not len(node.node.calls))
    [cdr] = cdrs(node)
    assert not list(node.store.calls.all())
    return cdr


async def offered(alice: Phone, bob: Phone, uri: str = BOB) -> tuple[Any, Any]:
    """An INVITE past its challenge: as sent, as received."""
    invite = alice.request("INVITE", uri, body=SDP)
    alice.send(invite)
    invite = alice.authorized(invite, await alice.final(invite))
    alice.send(invite)
    return invite, await bob.incoming("INVITE")


def live(tmp_path: Path, scenario: Scenario, **more: Any) -> None:
    async def running() -> None:
        async with LiveNode(tmp_path, cdr=CdrFiles(file="unused"), **more) as node:
            await scenario(node, await node.phone("alice"), await node.phone("bob"))

    run(running())


@pytest.mark.parametrize("ender", ["caller", "callee"])
def test_a_bye_from_either_side(tmp_path: Path, ender: str) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, answered = await call(alice, bob, BOB)
        assert not cdrs(node)
        if ender == "caller":
            bye = alice.within("BYE", answered, 5)
            await hang_up(alice, bob, bye)
            alice.send(bye)
        else:
            await hang_up(bob, alice, bob.from_callee("BYE", invite, 1))
        cdr = await the_cdr(node)
        assert result(cdr) == ("answered", "bye", 200, ender)
        record = cdr.call
        assert record.started_at <= record.ringing_at <= record.answered_at <= cdr.ended_at
        assert (record.caller, record.callee, record.destination) == ("alice@example.com", "bob@example.com", "bob@example.com")
        assert record.source == f"127.0.0.1:{alice.port}"

    live(tmp_path, scenario)


def test_the_call_lasts_until_the_bye_not_until_its_answer(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        _, answered = await call(alice, bob, BOB)
        bye = alice.within("BYE", answered, 5)
        alice.send(bye)
        received = await bob.incoming("BYE")
        passed = node.node.engine.timers.wall
        node.pass_time(10.0)
        bob.answer(received, 200)
        await alice.final(bye)
        assert (await the_cdr(node)).ended_at <= passed

    live(tmp_path, scenario)


def test_a_challenged_bye_ends_nothing(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, answered = await call(alice, bob, BOB)
        bye = alice.within("BYE", answered, 5)
        alice.send(bye)
        bob.answer(await bob.incoming("BYE"), 401)
        assert (await alice.final(bye)).status == 401
        assert not cdrs(node)
        await hang_up(bob, alice, bob.from_callee("BYE", invite, 1))
        assert result(await the_cdr(node)) == ("answered", "bye", 200, "callee")

    live(tmp_path, scenario)


def test_cancel(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, received = await offered(alice, bob)
        bob.answer(received, 180)
        await alice.status(180)
        alice.send(invite.derive("CANCEL"))
        await bob.incoming("CANCEL")
        bob.answer(received, 487)
        await alice.final(invite)
        cdr = await the_cdr(node)
        assert result(cdr) == ("cancelled", "cancelled", 487, "caller")
        assert cdr.call.ringing_at
        assert not cdr.call.answered_at

    live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("status", "disposition"),
    [
        (486, "busy"),
        (600, "busy"),
        (603, "rejected"),
        (403, "rejected"),
        (302, "rejected"),
        (408, "no-answer"),
        (487, "no-answer"),
        (480, "unavailable"),
        (404, "no-route"),
        (500, "failed"),
    ],
)
def test_what_the_callee_answers(tmp_path: Path, status: int, disposition: str) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, received = await offered(alice, bob)
        bob.answer(received, status)
        assert (await alice.final(invite)).status == status
        assert result(await the_cdr(node)) == (disposition, "failed", status, "callee")

    live(tmp_path, scenario)


def test_nobody_answers_before_timer_c(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, received = await offered(alice, bob)
        bob.answer(received, 180)
        await alice.status(180)
        node.pass_time(node.config.limits.ring_s)
        await bob.incoming("CANCEL")
        bob.answer(received, 487)
        status = (await alice.final(invite)).status
        assert result(await the_cdr(node)) == ("no-answer", "failed", status, "callee")

    live(tmp_path, scenario)


@pytest.mark.parametrize(
    ("uri", "status", "disposition"),
    [
        ("sip:nobody@example.com", 404, "no-route"),
        ("sip:carol@example.com", 480, "unavailable"),
        ("sip:9@example.com", 404, "no-route"),
    ],
)
def test_what_we_refuse_to_somebody_we_know(tmp_path: Path, uri: str, status: int, disposition: str) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert (await alice.ask(alice.request("INVITE", uri))).status == status
        cdr = await the_cdr(node)
        assert result(cdr) == (disposition, "refused", status, "node")
        assert (cdr.call.caller, f"sip:{cdr.call.callee}") == ("alice@example.com", uri)

    live(tmp_path, scenario, routes=(Route(match="9", to="trunk:gone"),))


def test_strangers_and_challenges_make_none(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite = alice.request("INVITE", BOB)
        alice.send(invite)
        assert (await alice.final(invite)).status == 407
        assert (await alice.ask(alice.request("INVITE", BOB, from_="<sip:eve@elsewhere.example>"))).status == 403
        await alice.ask(alice.request("MESSAGE", "sip:nobody@example.com"))
        assert not cdrs(node)

    live(tmp_path, scenario)


def test_a_trunk_that_fails_over_then_answers(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    dead.bind(("127.0.0.1", 0))
    dead.setblocking(False)

    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9), domain="carrier.example").start()
        targets = (
            TrunkTarget(uri=f"sip:127.0.0.1:{dead.getsockname()[1]}"),
            TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}", weight=0),
        )
        trunk = Trunk(name="carrier", targets=targets, probe_s=0.0, first_response_s=20.0)
        route = Route(match="00*", strip=2, prefix="+", to="trunk:carrier")
        async with LiveNode(tmp_path, trunks=(trunk,), routes=(route,), cdr=CdrFiles(file="unused")) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            calling = asyncio.create_task(call(alice, carrier, "sip:0044@example.com"))
            await asyncio.get_running_loop().sock_recv(dead, 65536)
            node.pass_time(20.0)
            _, answered = await calling
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            cdr = await the_cdr(node)
            assert result(cdr) == ("answered", "bye", 200, "caller")
            record = cdr.call
            assert (record.trunk_out, record.route, record.destination) == ("carrier", "f1", "+44")
            assert record.callee == "0044@example.com"
            carrier.close()

    run(scenario())
    dead.close()


def test_a_fork_is_one_call_whichever_dialogs_it_makes(tmp_path: Path) -> None:
    """Two phones answer at once; the caller hangs up on the second one, which ends nothing, and later on the first."""

    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        other = await node.phone("bob")
        _, received = await offered(alice, bob)
        received_too = await other.incoming("INVITE")
        bob.answer(received, 200, tag="first")
        first = await alice.status(200)
        other.answer(received_too, 200, tag="second")
        second = await alice.status(200)
        assert (first.to_tag, second.to_tag) == ("first", "second")
        await hang_up(alice, other, alice.within("BYE", second, 5))
        assert not cdrs(node)
        await hang_up(alice, bob, alice.within("BYE", first, 6))
        assert result(await the_cdr(node)) == ("answered", "bye", 200, "caller")

    live(tmp_path, scenario)


def test_ended_by_command(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        await call(alice, bob, BOB)
        [(key, _)] = node.store.calls.all()
        node.store.commands.put(Command(verb="end", key=key))
        for phone in (alice, bob):
            phone.answer(await phone.incoming("BYE"), 200)
        cdr = await the_cdr(node)
        assert (cdr.key, *result(cdr)) == (key, "answered", "operator", 200, "node")

    live(tmp_path, scenario)


def test_ended_by_command_while_it_rings(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, received = await offered(alice, bob)
        bob.answer(received, 180)
        await alice.status(180)
        [(key, _)] = node.store.calls.all()
        node.store.commands.put(Command(verb="end", key=key))
        assert (await alice.final(invite)).status == 480
        assert result(await the_cdr(node)) == ("operator", "operator", 0, "node")

    live(tmp_path, scenario)


def test_a_worker_that_dies_while_one_call_rings_and_one_goes_on(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        carol = await node.phone("carol")
        _, answered = await call(alice, bob, BOB)
        await offered(alice, carol, "sip:carol@example.com")
        await node.restart()
        [lost] = cdrs(node)
        assert (lost.call.callee, *result(lost)) == ("carol@example.com", "lost", "lost", 0, "node")
        node.store.calls.put_record("damaged", b"\x92\x02")
        node.store.commit()
        await node.restart()
        assert (node.counters["sip_call_records_unreadable_total"], node.store.calls.record("damaged")) == (1, None)
        assert len(cdrs(node)) == 1
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        await node.until(lambda: len(cdrs(node)) == 2)
        assert result(cdrs(node)[1]) == ("answered", "bye", 200, "caller")

    live(tmp_path, scenario)


def test_the_node_stops(tmp_path: Path) -> None:
    """What rings ends; what is answered and not relayed goes on without us."""

    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        carol = await node.phone("carol")
        await call(alice, bob, BOB)
        await offered(alice, carol, "sip:carol@example.com")
        node.node.end_calls()
        [cdr] = cdrs(node)
        assert (cdr.call.callee, *result(cdr)) == ("carol@example.com", "node-stop", "node-stop", 0, "node")
        assert len(node.node.calls) == 1

    live(tmp_path, scenario)


class Daemon(FakeDaemon):
    """Tells figures when it is asked for them, or a call ends."""

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        figures = {"SSRC": 1, "cumulative loss": 2, "average MOS": {"MOS": 43, "jitter": 3, "packet loss": 0}}
        rtp = {"flags": ["RTP"], "stats": {"packets": 50}}
        media = {"streams": [rtp, {"flags": ["RTCP"], "stats": {"packets": 1}}], "ingress SSRCs": [figures]}
        party = {"medias": [media]}
        return (
            {"result": "ok", "tags": {"talice": party, "ubob": {"medias": []}}}
            if body["command"] in ("query", "delete")
            else {}
        )


def relayed(tmp_path: Path, scenario: Callable[[LiveNode, Daemon], Awaitable[None]]) -> None:
    async def running() -> None:
        async with (
            Daemon(tmp_path / "ng.sock") as daemon,
            LiveNode(tmp_path, anchor=True, cdr=CdrFiles(file="unused")) as node,
        ):
            await scenario(node, daemon)

    run(running())


def test_the_figures_of_the_media(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: Daemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        _, answered = await call(alice, bob, BOB)
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        media = (await the_cdr(node)).call.media
        assert media is not None
        assert (media[0].packets, media[0].lost, media[0].jitter_ms, media[0].mos) == (50, 2, 3, 4.3)
        assert media[1].packets == 0
        assert daemon.commands() == ["offer", "answer", "delete"]

    relayed(tmp_path, scenario)


def test_a_daemon_that_is_silent_at_the_end(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: Daemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        _, answered = await call(alice, bob, BOB)
        daemon.silent = True
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        cdr = await the_cdr(node)
        assert result(cdr) == ("answered", "bye", 200, "caller")
        assert cdr.call.media is None
        assert node.counters["ng_requests_total|command=delete,outcome=unanswered"] == 1

    relayed(tmp_path, scenario)


def test_media_that_stops(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: Daemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite, _ = await call(alice, bob, BOB)
        figures = {"talice": {"medias": [{"streams": [{"stats": {"packets": 7}}], "ingress SSRCs": []}]}}
        daemon.emit(event="media timeout", **{"call-id": invite.call_id, "tags": figures})
        for phone in (alice, bob):
            phone.answer(await phone.incoming("BYE"), 200)
        cdr = await the_cdr(node)
        assert result(cdr) == ("answered", "media-timeout", 200, "node")
        assert [each.packets for each in cdr.call.media or ()] == [7, 0]
        assert "query" not in daemon.commands()

    relayed(tmp_path, scenario)


def test_a_stop_ends_what_is_relayed(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: Daemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        await call(alice, bob, BOB)
        node.node.end_calls()
        assert result(await the_cdr(node)) == ("answered", "node-stop", 200, "node")

    relayed(tmp_path, scenario)


def test_an_answer_that_cannot_be_relayed_is_none(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: Daemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite, received = await offered(alice, bob)
        daemon.refused = True
        bob.answer(received, 200, body=SDP)
        assert (await alice.final(invite)).status == 488
        bob.answer(await bob.incoming("BYE"), 200)
        cdr = await the_cdr(node)
        assert (cdr.disposition, cdr.status, cdr.ended_by, cdr.call.answered_at) == ("rejected", 488, "node", 0.0)

    relayed(tmp_path, scenario)


def test_an_unreachable_callee(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        gone = Binding(contact="sip:carol@host.invalid", call_id="c", cseq=1, expires_at=9e9)
        node.store.locations.put("carol@example.com", [gone])
        node.store.commit()
        response = await alice.ask(alice.request("INVITE", "sip:carol@example.com"))
        assert response.status in (500, 502)
        assert result(await the_cdr(node)) == ("failed", "failed", response.status, "node")

    live(tmp_path, scenario)
