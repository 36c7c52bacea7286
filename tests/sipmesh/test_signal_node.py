"""The signal node over real sockets: registration, refusals, limits."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmdb
import pytest

from sipmesh.config import Limits, Route, User
from sipmesh.signalling.trunks import Trunks
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import call, hang_up, run


class FullDisk:
    """An lmdb.Environment whose first commit finds no room."""

    def __init__(self, environment: Any) -> None:
        self._environment = environment
        self._txn: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._environment, name)

    def begin(self, *how: object, **more: object) -> Any:
        txn = self._environment.begin(*how, **more)
        if self._txn is not None or not (how or more):  # it failed, or it is a read
            return txn
        self._txn = txn
        return SimpleNamespace(put=txn.put, get=txn.get, delete=txn.delete, commit=self._fail, abort=txn.abort)

    def _fail(self) -> None:
        self._txn.abort()
        raise lmdb.DiskError("no space left")


def test_a_registration_that_is_not_committed_is_not_confirmed(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice", register=False)
            register = alice.request("REGISTER", "sip:example.com", to=f"<{alice.aor}>", Expires="600")
            alice.send(register)
            register = alice.authorized(register, await alice.final(register))
            node.store._live._env = FullDisk(node.store._live._env)
            alice.send(register)
            await node.until(lambda: node.counters["sip_batches_lost_total"])
            assert not node.store.locations.get("alice@example.com")
            alice.send(register)  # as timer E would
            stale = await alice.final(register)  # an answer to a nonce counts once
            assert "stale=true" in (stale.get("WWW-Authenticate") or "")
            register = alice.authorized(register, stale)
            alice.send(register)
            assert (await alice.final(register)).status == 200
            assert len(node.store.locations.get("alice@example.com")) == 1

    run(scenario())


def test_an_error_of_ours_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice")
            monkeypatch.setattr(Trunks, "of_request", lambda *_: {}["a bug"])
            invite = alice.request("INVITE", "sip:bob@example.com")
            assert (await alice.ask(invite)).status == 500
            assert node.counters["sip_internal_errors_total"] == 1
            node.counters["sip_internal_errors_total"] = 0  # it was ours
            monkeypatch.undo()
            assert (await alice.ask(alice.request("INVITE", "sip:bob@example.com"))).status == 480

    run(scenario())


@pytest.mark.parametrize(("callee", "status"), [("bob", 480), ("nobody", 404)])
def test_a_user_may_make_so_many_calls_a_second(tmp_path: Path, callee: str, status: int) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, limits=Limits(exempt=(), invites_per_user_per_s=0.001)) as node:
            alice, olga = await node.phone("alice"), await node.phone("olga", domain="open.example")
            statuses = [
                (await alice.ask(alice.request("INVITE", f"sip:{callee}@example.com", cseq=n))).status for n in range(1, 22, 3)
            ]
            assert statuses == [status] * 5 + [503] * 2
            assert (await olga.ask(olga.request("INVITE", "sip:bob@example.com"))).status == 480
            assert node.counters["sip_calls_limited_total|by=user"] == 2

    run(scenario())


async def registered_flow(node: LiveNode, transport: str, reg_id: int) -> Phone:
    phone = await node.phone("bob", transport, register=False)
    contact = f'{phone.contact};+sip.instance="<urn:uuid:bob>";reg-id={reg_id}'
    response = await phone.ask(
        phone.request("REGISTER", "sip:example.com", to=f"<{phone.aor}>", contact=contact, Supported="path, outbound")
    )
    assert (response.status, response.get("Require")) == (200, "outbound")
    return phone


def test_a_closed_connection_is_no_way_to_its_phone_any_more(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice")
            first, second = await registered_flow(node, "udp", 1), await registered_flow(node, "tcp", 2)
            calling = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:bob@example.com")))
            second.answer(await second.incoming("INVITE"), 486)
            assert (await calling).status == 486
            second.close()
            connections = node.node.engine.flows.endpoints[1].connections
            await node.until(lambda: not connections)
            calling = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:bob@example.com")))
            first.answer(await first.incoming("INVITE"), 486)
            assert (await calling).status == 486

    run(scenario())


def test_a_phone_behind_nat_is_asked_now_and_then(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, limits=Limits(nat_ping_s=0.3)) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob", register=False)
            register = bob.request("REGISTER", "sip:example.com", to=f"<{bob.aor}>", contact="<sip:bob@10.9.8.7>")
            assert (await bob.ask(register)).status == 200
            for _ in range(2):
                ping = await bob.incoming("OPTIONS")
                assert ping.request_uri_text == "sip:bob@10.9.8.7"
                bob.answer(ping, 200)
            await node.until(lambda: node.counters["sip_nat_pings_total|answered=yes"] == 2)
            assert alice.inbox.empty()

    run(scenario())


def test_a_scanner_hears_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, limits=Limits(exempt=())) as node:
            alice = await node.phone("alice")
            alice.send(alice.request("OPTIONS", "sip:example.com", User_Agent="friendly-scanner"))
            assert (await alice.ask(alice.request("OPTIONS", "sip:example.com"))).status == 200
            assert node.counters["sip_requests_dropped_total|why=scanner"] == 1
            assert alice.inbox.empty()

    run(scenario())


def test_our_address_stands_for_the_domain(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            invite, answered = await call(alice, bob, f"sip:bob@127.0.0.1:{node.port}")
            assert (invite.request_uri_text, answered.status) == (f"sip:bob@127.0.0.1:{bob.port}", 200)
            await hang_up(alice, bob, alice.within("BYE", answered, 5))

    run(scenario())


def test_what_a_register_gets(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice", register=False)
            register = alice.request("REGISTER", "sip:example.com", to=f"<{alice.aor}>", Expires="600")
            alice.send(register)
            challenge = await alice.final(register)
            assert challenge.status == 401
            assert [value.partition("algorithm=")[2][:4] for value in challenge.get_all("WWW-Authenticate")] == ["SHA-", "MD5,"]
            wrong = alice.authorized(register, challenge, password="wrong")
            alice.send(wrong)
            assert (await alice.final(wrong)).status == 401
            response = await alice.register()
            assert response.status == 200
            assert [contact.uri.text for contact in response.contacts] == [alice.contact.strip("<>")]
            fetched = await alice.ask(
                alice.request("REGISTER", "sip:example.com", to=f"<{alice.aor}>", contact="<sip:x@y>;expires=0")
            )
            assert len(fetched.contacts) == 1
            for uri, to, status in (
                ("sip:example.com", "<sip:bob@example.com>", 403),
                ("sip:example.com", "<sip:alice@elsewhere.example>", 404),
                ("sip:elsewhere.example", "<sip:alice@elsewhere.example>", 403),
                ("sip:open.example", "<sip:alice@example.com>", 404),
                ("sip:open.example", "<sip:nobody@open.example>", 404),
            ):
                assert (await alice.ask(alice.request("REGISTER", uri, to=to))).status == status, (uri, to)
            olga = await node.phone("olga", domain="open.example")
            assert node.store.locations.get("olga@open.example")[0].contact == olga.contact.strip("<>")

    run(scenario())


def test_callers_and_callees_that_are_refused(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice")
            await node.phone("bob")
            for uri, more, status in (
                ("sip:bob@example.com", {"from_": "<sip:eve@elsewhere.example>"}, 403),
                ("sip:bob@example.com", {"from_": "<sip:bob@example.com>"}, 403),
                ("sip:bob@example.com", {"from_": "<sip:nobody@open.example>"}, 403),
                ("sip:nobody@example.com", {}, 404),
                ("sip:carol@example.com", {}, 480),
                ("sip:example.com", {}, 405),
            ):
                response = await alice.ask(alice.request("INVITE", uri, **more))
                assert response.status == status, (uri, more, response.raw)
            assert not len(node.node.calls)

    run(scenario())


def test_options_to_the_node_is_answered_to_anybody(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            stranger = await node.phone("eve", domain="elsewhere.example", register=False)
            options = stranger.request("OPTIONS", f"sip:127.0.0.1:{node.port}")
            stranger.send(options)
            response = await stranger.final(options)
            assert response.status == 200
            assert "INVITE" in (response.get("Allow") or "")
            assert response.get("Accept") == "application/sdp"

    run(scenario())


def test_changed_tables_are_taken_over_while_running(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            assert (await alice.ask(alice.request("INVITE", "sip:700@example.com"))).status == 404
            node.store.directory.put_route(Route(match="7*", to="user:bob@example.com"))
            node.store.directory.put_user(User(aor="dave@example.com", password="pw-dave"))
            await node.phone("dave")
            await node.until(lambda: node.counters["sip_reloads_total"] > 0)
            sent = asyncio.ensure_future(alice.ask(alice.request("MESSAGE", "sip:700@example.com")))
            bob.answer(await bob.incoming("MESSAGE"), 200)
            assert (await sent).status == 200

    run(scenario())


def test_the_whole_aor_can_be_the_digest_username(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice = await node.phone("alice", register=False)
            register = alice.request("REGISTER", "sip:example.com", to=f"<{alice.aor}>")
            alice.send(register)
            refused = await alice.final(register)
            alice.user = "alice@example.com"
            alice.send(again := alice.authorized(register, refused))
            assert (await alice.final(again)).status == 200

    run(scenario())


def test_a_user_calls_anonymously(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            hidden = alice.request("MESSAGE", "sip:bob@example.com", from_="<sip:anonymous@anonymous.invalid>")
            hidden.append("P-Asserted-Identity", "<sip:queen@example.com>")
            sent = asyncio.ensure_future(alice.ask(hidden))
            received = await bob.incoming("MESSAGE")
            assert not received.has("P-Asserted-Identity")
            bob.answer(received, 200)
            assert (await sent).status == 200

    run(scenario())
