"""The signal node over real sockets: registration, calls, policy."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lmdb
import pytest

from native.sip import Message
from sipmesh.config import Limits, Route, Trunk, TrunkTarget, User
from sipmesh.signalling.trunks import Trunks
from sipmesh.store import Command
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone

SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 90.0))


async def call(
    caller: Phone, callee: Phone, uri: str, *, trusted: bool = False, answered_by: bytes = SDP
) -> tuple[Message, Message]:
    """A call set up: (INVITE as the callee got it, 200 as the caller got it), ACK delivered. A ``trusted`` caller is not
    challenged."""
    invite = caller.request("INVITE", uri, body=SDP)
    caller.send(invite)
    if not trusted:
        invite = caller.authorized(invite, await caller.final(invite))
        caller.send(invite)
    received = await callee.incoming("INVITE")
    callee.answer(received, 180)
    assert (await caller.status(180)).to_tag
    callee.answer(received, 200, body=answered_by)
    answered = await caller.status(200)
    caller.send(caller.within("ACK", answered, invite.cseq))
    await callee.incoming("ACK")
    return received, answered


async def hang_up(ender: Phone, other: Phone, bye: Message) -> None:
    ender.send(bye)
    received = await other.incoming("BYE")
    other.answer(received, 200)
    assert (await ender.final(bye)).status == 200


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


@pytest.mark.parametrize(
    ("privacy", "shown"), [(None, True), ("none", True), ("header", True), ("id", False), ("header; ID", False)]
)
def test_an_asserted_identity_stays_private_when_asked(tmp_path: Path, privacy: str | None, shown: bool) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, trunks=(Trunk(name="carrier", sources=("127.0.0.1/32",)),)) as node:
            bob, carrier = await node.phone("bob"), await node.phone("gateway", domain="carrier.example", register=False)
            message = carrier.request("MESSAGE", "sip:bob@example.com", P_Asserted_Identity="<sip:+4420@carrier.example>")
            if privacy is not None:
                message.append("Privacy", privacy)
            sent = asyncio.ensure_future(carrier.ask(message))
            received = await bob.incoming("MESSAGE")
            assert received.has("P-Asserted-Identity") == shown
            bob.answer(received, 200)
            assert (await sent).status == 200

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


def test_a_user_calls_out_and_the_trunk_calls_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9), domain="carrier.example").start()
        trunk = Trunk(
            name="carrier", targets=(TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}"),), sources=("127.0.0.0/8",), probe_s=0.0
        )
        routes = (
            Route(match="00*", strip=2, prefix="+", to="trunk:carrier"),
            Route(match="+44100", to="user:alice@example.com"),
        )
        async with LiveNode(tmp_path, trunks=(trunk,), routes=routes) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            invite, answered = await call(alice, carrier, "sip:004420@example.com")
            assert invite.request_uri_text == f"sip:+4420@127.0.0.1:{carrier.port}"
            assert node.gauges["sip_trunk_calls|trunk=carrier"]() == 1
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            assert node.gauges["sip_trunk_calls|trunk=carrier"]() == 0
            _, answered = await call(carrier, alice, f"sip:+44100@127.0.0.1:{node.port}", trusted=True)
            await hang_up(carrier, alice, carrier.within("BYE", answered, 5))
            back = await carrier.ask(carrier.request("INVITE", f"sip:00331@127.0.0.1:{node.port}"))
            assert (back.status, back.reason) == (403, "Trunk Reaches Our Users Only")
            carrier.close()

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


def two_targets(name: str = "carrier", **options: Any) -> tuple[socket.socket, Any]:
    """A UDP socket nobody answers at, and a maker of a trunk that tries it before ``living``."""
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))

    def make(living: Phone) -> Trunk:
        targets = (
            TrunkTarget(uri=f"sip:127.0.0.1:{silent.getsockname()[1]}"),
            TrunkTarget(uri=f"sip:127.0.0.1:{living.port}", weight=0),
        )
        return Trunk(name=name, targets=targets, first_response_s=0.3, **options)

    return silent, make


def test_a_silent_target_is_left_for_the_next_and_taken_out(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        silent, make = two_targets(probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(make(carrier),), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            for _ in range(2):
                _, answered = await call(alice, carrier, "sip:900@example.com")
                await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            up = {name: read() for name, read in node.gauges.items() if name.startswith("sip_trunk_target_up")}
            assert sorted(up.values()) == [0.0, 1.0]
            silent.setblocking(False)
            assert silent.recv(65536).startswith(b"INVITE")  # the first call tried it
            later = [Message(data).cseq for data in drained(silent) if data.startswith(b"INVITE")]
            assert set(later) <= {2}  # retransmissions of that one; the second call went past it
        carrier.close()
        silent.close()

    run(scenario())


def test_clause_38_a_target_whose_503_names_a_time_is_left_alone_so_long(tmp_path: Path) -> None:
    async def scenario() -> None:
        busy, other = [await Phone(name, "", ("127.0.0.1", 9)).start() for name in ("busy", "other")]
        targets = tuple(TrunkTarget(uri=f"sip:127.0.0.1:{port}", weight=w) for port, w in ((busy.port, 1), (other.port, 0)))
        carrier = Trunk(name="carrier", targets=targets, probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(carrier,), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            busy.node = other.node = ("127.0.0.1", node.port)
            alice = await node.phone("alice")
            first = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:900@example.com", body=SDP)))
            busy.send((await busy.incoming("INVITE")).reply(503, to_tag="x", headers=[("Retry-After", "30")]))
            other.answer(await other.incoming("INVITE"), 486)
            assert (await first).status == 486
            second = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:901@example.com", body=SDP)))
            other.answer(await other.incoming("INVITE"), 486)
            assert (await second).status == 486
            assert busy.inbox.empty() or (await busy.incoming("ACK"))
            assert not [message for message in busy.kept if message.method == "INVITE"]
        busy.close()
        other.close()

    run(scenario())


def test_probes_take_a_target_out_and_bring_it_back(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        silent, make = two_targets(probe_s=0.2)
        async with LiveNode(tmp_path, trunks=(make(carrier),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            dead = f"sip_trunk_target_up|trunk=carrier,target=sip:127.0.0.1:{silent.getsockname()[1]}"
            probe = await carrier.incoming("OPTIONS")
            carrier.answer(probe, 404)
            await node.until(lambda: node.gauges[dead]() == 0.0)
            silent.setblocking(False)
            probes = [Message(data) for data in drained(silent)]
            assert all(each.method == "OPTIONS" for each in probes)
            silent.sendto(probes[-1].reply(200, to_tag="x").to_bytes(), ("127.0.0.1", node.port))
            await node.until(lambda: node.gauges[dead]() == 1.0)
        carrier.close()
        silent.close()

    run(scenario())


def drained(sock: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(sock.recv(65536))
    return found


def test_a_trunk_takes_no_more_calls_than_its_limit(tmp_path: Path) -> None:
    async def scenario() -> None:
        carrier = await Phone("carrier", "", ("127.0.0.1", 9)).start()
        trunk = Trunk(name="carrier", targets=(TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}"),), max_calls=1, probe_s=0.0)
        async with LiveNode(tmp_path, trunks=(trunk,), routes=(Route(match="9*", to="trunk:carrier"),)) as node:
            carrier.node = ("127.0.0.1", node.port)
            alice, bob = await node.phone("alice"), await node.phone("bob")
            _, answered = await call(alice, carrier, "sip:900@example.com")
            refused = await bob.ask(bob.request("INVITE", "sip:901@example.com", body=SDP))
            assert (refused.status, refused.reason) == (503, "Trunk Call Limit Reached")
            assert refused.get("Retry-After")
            await hang_up(alice, carrier, alice.within("BYE", answered, 5))
            _, answered = await call(bob, carrier, "sip:901@example.com")
        carrier.close()

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
