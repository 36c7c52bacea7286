"""Calls between users of a signal node, over real sockets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from native.sip import Message
from sipmesh.store import Command
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import SDP, call, hang_up, run


@pytest.mark.parametrize("first", ["udp", "tcp"])
@pytest.mark.parametrize("second", ["udp", "tcp"])
def test_a_call_between_two_users(tmp_path: Path, first: str, second: str) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice", first)
            bob = await node.phone("bob", second)
            invite, answered = await call(alice, bob, "sip:bob@example.com")
            assert invite.body == SDP
            assert not invite.has("Proxy-Authorization")
            assert len(invite.record_routes) == (1 if first == second else 2)
            assert len(node.node.calls) == 1
            assert len(list(node.store.calls.all())) == 1
            await hang_up(alice, bob, alice.within("BYE", answered, 5))
            await node.until(lambda: not list(node.store.calls.all()))

    run(scenario())


def test_the_callee_can_hang_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob", "tcp")
            invite, _ = await call(alice, bob, "sip:bob@example.com")
            await hang_up(bob, alice, bob.from_callee("BYE", invite, 1))
            assert node.counters["sip_calls_ended_total|cause=bye"] == 1

    run(scenario())


def without_route(phone: Phone, node: LiveNode, request: Message) -> Message:
    """``request`` as a user agent sends it that ignores Record-Route and Contact."""
    request.remove("Route")
    request.set_request_uri(f"sip:service@127.0.0.1:{node.port}")
    return request


@pytest.mark.parametrize("ender", ["alice", "bob"])
def test_requests_of_a_call_need_no_route(tmp_path: Path, ender: str) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob", "tcp")
            invite, answered = await call(alice, bob, "sip:bob@example.com")
            alice.send(without_route(alice, node, alice.within("ACK", answered, 2)))
            assert (await bob.incoming("ACK")).request_uri_text == bob.contact.strip("<>")
            if ender == "alice":
                await hang_up(alice, bob, without_route(alice, node, alice.within("BYE", answered, 5)))
            else:
                await hang_up(bob, alice, without_route(bob, node, bob.from_callee("BYE", invite, 1)))
            assert node.counters["sip_calls_ended_total|cause=bye"] == 1
            assert not len(node.node.calls)

    run(scenario())


def test_a_reinvite_without_route_keeps_a_route_of_ours(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            _, answered = await call(alice, bob, "sip:bob@example.com")
            again = without_route(alice, node, alice.within("INVITE", answered, 5, body=SDP))
            alice.send(again)
            received = await bob.incoming("INVITE")
            bob.answer(received, 200, body=SDP)
            answered = await alice.final(again)
            alice.send(alice.within("ACK", answered, 5))
            await bob.incoming("ACK")
            await hang_up(alice, bob, alice.within("BYE", answered, 6))
            assert not node.counters["sip_proxy_bad_cookies_total"]

    run(scenario())


@pytest.mark.parametrize("method", ["BYE", "INVITE", "UPDATE"])
def test_a_request_of_no_call_is_told_so(tmp_path: Path, method: str) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            _, answered = await call(alice, bob, "sip:bob@example.com")
            forged = without_route(alice, node, alice.within(method, answered, 5))
            forged.set("Call-ID", "another")
            alice.send(forged)
            assert (await alice.final(forged)).status == 481
            assert len(node.node.calls) == 1

    run(scenario())


@pytest.mark.parametrize("tag", ["ubob", "invented"])
def test_the_cookie_of_a_call_leads_to_nobody_else(tmp_path: Path, tag: str) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob, carol = [await node.phone(name) for name in ("alice", "bob", "carol")]
            _, answered = await call(alice, bob, "sip:bob@example.com")
            elsewhere = alice.within("INVITE", answered, 5, body=SDP)
            elsewhere.set("To", f"<sip:bob@example.com>;tag={tag}")
            elsewhere.set_request_uri(f"sip:carol@localhost:{carol.port}")
            alice.send(elsewhere)
            assert (await alice.final(elsewhere)).status == (403 if tag == "ubob" else 481)
            assert not [message for message in carol.kept if message.is_request]

    run(scenario())


def test_an_ack_of_no_call_goes_nowhere(tmp_path: Path) -> None:
    """Else anybody could have us send messages to anybody."""

    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            stranger, victim = await node.phone("eve", register=False), await node.phone("bob", register=False)
            target = victim.contact.strip("<>")
            stranger.send(stranger.request("ACK", target, to=f"<{target}>;tag=x"))
            options = stranger.request("OPTIONS", f"sip:127.0.0.1:{node.port}")
            stranger.send(options)
            await stranger.final(options)
            assert victim.inbox.empty()

    run(scenario())


def test_other_requests_reach_users_too(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            sent = asyncio.ensure_future(alice.ask(alice.request("MESSAGE", "sip:bob@example.com")))
            bob.answer(await bob.incoming("MESSAGE"), 200)
            assert (await sent).status == 200

    run(scenario())


def test_a_call_is_ended_by_command(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob", "tcp")
            _, answered = await call(alice, bob, "sip:bob@example.com")
            ((key, _),) = node.store.calls.all()
            node.store.commands.put(Command(verb="end", key=key))
            for phone in (alice, bob):
                bye = await phone.incoming("BYE")
                assert bye.call_id == answered.call_id
                assert "Ended By Operator" in (bye.get("Reason") or "")
                phone.answer(bye, 200)
            await node.until(lambda: not len(node.node.calls))
            assert node.counters["sip_calls_ended_total|cause=operator"] == 1

    run(scenario())


def test_answered_calls_outlive_the_worker(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            _, answered = await call(alice, bob, "sip:bob@example.com")
            ringing = alice.request("INVITE", "sip:carol@example.com")
            carol = await node.phone("carol")
            alice.send(ringing)
            alice.send(alice.authorized(ringing, await alice.final(ringing)))
            await carol.incoming("INVITE")
            await node.restart()
            assert [node.node.calls.get(key) is not None for key in node.node.calls.keys_of(answered.call_id)] == [True]
            assert len(node.node.calls) == 1
            await hang_up(alice, bob, alice.within("BYE", answered, 5))
            await node.until(lambda: not list(node.store.calls.all()))

    run(scenario())
