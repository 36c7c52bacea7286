"""The signal node with a media daemon at the other end of its socket: anchoring, loss of the daemon, media timeouts."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from media import bencode
from native.sip import Message
from sipmesh.config import Route, Trunk, TrunkTarget
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.signal_calls import SDP, call, hang_up, run

LET_IN = "sip_authorizations_total|outcome=accepted"


class FakeDaemon:
    """Serves ng on a seqpacket socket: puts a mark into each body, and remembers the requests."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[dict[str, Any]] = []
        self.silent = False
        self.refused = False
        self._task: asyncio.Task[None] | None = None
        self._connection: socket.socket | None = None

    async def __aenter__(self) -> FakeDaemon:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._task = asyncio.create_task(self._serve())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        self._listener.close()
        if self._connection is not None:
            self._connection.close()
        os.unlink(self.path)

    def emit(self, **event: Any) -> None:
        assert self._connection is not None
        self._connection.send(b"e1 " + bencode.encode(event))

    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        """What the reply to ``body`` says besides "ok"."""
        return {}

    def commands(self) -> list[str]:
        return [body["command"] for body in self.asked]

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._connection, _ = await loop.sock_accept(self._listener)
            while datagram := await loop.sock_recv(self._connection, 65536):
                cookie, _, data = datagram.partition(b" ")
                body = bencode.decode(data)
                self.asked.append(body)
                if self.silent:
                    continue
                reply = {"result": "ok", **self.reply(body)}
                if self.refused:
                    reply = {"result": "error", "error-reason": "no such codec"}
                elif "sdp" in body:
                    reply["sdp"] = body["sdp"] + f"a=by:{body['command']}\r\n"
                self._connection.send(cookie + b" " + bencode.encode(reply))


def with_daemon(tmp_path: Path, scenario: Any, daemon: type[FakeDaemon] = FakeDaemon, **options: Any) -> None:
    async def running() -> None:
        async with daemon(tmp_path / "ng.sock") as served, LiveNode(tmp_path, anchor=True, **options) as node:
            await scenario(node, served)

    run(running())


def test_bodies_go_through_the_daemon_both_ways(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite, answered = await call(alice, bob, "sip:bob@example.com")
        assert invite.body == SDP + b"a=by:offer\r\n"
        assert answered.body == SDP + b"a=by:answer\r\n"
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        await node.until(lambda: len(daemon.asked) == 3)
        assert daemon.commands() == ["offer", "answer", "delete"]
        tags = {"from-tag": "talice", "to-tag": "ubob"}
        assert {key: daemon.asked[2][key] for key in tags} == tags

    with_daemon(tmp_path, scenario)


def without_from_tag(message: Message) -> Message:
    """As RFC 2543 has it."""
    return Message(message.to_bytes().replace(b";tag=talice", b""))


def test_a_caller_without_a_tag_is_relayed_and_hangs_up(tmp_path: Path) -> None:
    """RFC 4475 section 3.4.1."""

    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite = alice.request("INVITE", "sip:bob@example.com", body=SDP)
        alice.send(without_from_tag(invite))
        alice.send(without_from_tag(alice.authorized(invite, await alice.final(invite))))
        bob.answer(await bob.incoming("INVITE"), 200, body=SDP)
        answered = await alice.status(200)
        alice.send(without_from_tag(alice.within("ACK", answered, 2)))
        await bob.incoming("ACK")
        alice.send(without_from_tag(alice.within("BYE", answered, 5)))
        bob.answer(await bob.incoming("BYE"), 200)
        await node.until(lambda: len(daemon.asked) == 3)
        assert daemon.commands() == ["offer", "answer", "delete"]
        assert {body["from-tag"] for body in daemon.asked} == {"-"}
        await node.until(lambda: not len(node.node.calls))

    with_daemon(tmp_path, scenario)


def test_without_an_answer_from_the_daemon_the_call_fails(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice = await node.phone("alice")
        await node.phone("bob")
        daemon.silent = True
        response = await alice.ask(alice.request("INVITE", "sip:bob@example.com", body=SDP))
        assert (response.status, response.reason) == (503, "Media Relay Unavailable")
        assert daemon.commands()[:2] == ["offer", "offer"]
        assert node.counters["ng_requests_total|command=offer,outcome=unanswered"] == 1
        assert not len(node.node.calls)

    with_daemon(tmp_path, scenario)


def test_a_trunk_is_not_blamed_for_a_relay_that_does_not_answer(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice = await node.phone("alice")
        daemon.silent = True
        response = await alice.ask(alice.request("INVITE", "sip:900@example.com", body=SDP))
        assert response.status == 503
        assert all(read() == 1.0 for name, read in node.gauges.items() if name.startswith("sip_trunk_target_up"))

    targets = (TrunkTarget(uri="sip:127.0.0.1:9"), TrunkTarget(uri="sip:127.0.0.1:19"))
    trunk = Trunk(name="carrier", targets=targets, probe_s=0.0)
    with_daemon(tmp_path, scenario, trunks=(trunk,), routes=(Route(match="9*", to="trunk:carrier"),))


def test_a_callee_whose_answer_can_not_be_relayed_is_hung_up(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        asked = asyncio.ensure_future(alice.ask(alice.request("INVITE", "sip:bob@example.com", body=SDP)))
        received = await bob.incoming("INVITE")
        daemon.silent = True
        bob.answer(received, 200, body=SDP)
        bye = await bob.incoming("BYE")
        assert (bye.from_tag, bye.to_tag, bye.cseq) == ("talice", "ubob", 3)
        bob.answer(bye, 200)
        assert (await asked).status == 503
        assert not len(node.node.calls)

    with_daemon(tmp_path, scenario)


def test_a_call_waits_for_a_daemon_that_is_being_restarted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, anchor=True) as node:
            alice, bob = await node.phone("alice"), await node.phone("bob")
            before = node.counters[LET_IN]
            setting_up = asyncio.ensure_future(call(alice, bob, "sip:bob@example.com"))
            await node.until(lambda: node.counters[LET_IN] > before)
            async with FakeDaemon(tmp_path / "ng.sock"):
                invite, _ = await setting_up
                assert invite.body.endswith(b"a=by:offer\r\n")
            await node.until(lambda: node.counters["ng_link_losses_total"] == 1)
            assert node.gauges["ng_link_up"]() == 0.0

    run(scenario())


def test_one_way_audio_is_logged_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        _, answered = await call(alice, bob, "sip:bob@example.com")
        daemon.emit(event="one-way audio", silent="ubob", **{"call-id": answered.call_id, "from-tag": "talice"})
        await node.until(lambda: "one-way audio: nothing is heard of ubob" in caplog.text)
        assert len(node.node.calls) == 1

    with_daemon(tmp_path, scenario)


def test_silence_of_the_media_ends_the_call(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice", "tcp"), await node.phone("bob")
        _, answered = await call(alice, bob, "sip:bob@example.com")
        daemon.emit(event="something new", **{"call-id": answered.call_id})
        daemon.emit(event="media timeout", **{"call-id": "another"})
        daemon.emit(event="media timeout", **{"call-id": answered.call_id, "from-tag": "talice", "to-tag": "ubob"})
        byes = await asyncio.gather(alice.incoming("BYE"), bob.incoming("BYE"))
        assert [bye.cseq for bye in byes] == [1, 3]  # bob has seen the INVITE's 2
        assert [(bye.from_tag, bye.to_tag) for bye in byes] == [("ubob", "talice"), ("talice", "ubob")]
        for phone, bye in zip((alice, bob), byes, strict=True):
            phone.answer(bye, 200)
        await node.until(lambda: not len(node.node.calls))
        assert node.counters["sip_calls_ended_total|cause=media-timeout"] == 1

    with_daemon(tmp_path, scenario)


def test_a_delayed_offer_is_answered_in_the_ack(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite = alice.request("INVITE", "sip:bob@example.com")
        alice.send(invite)
        invite = alice.authorized(invite, await alice.final(invite))
        alice.send(invite)
        received = await bob.incoming("INVITE")
        bob.answer(received, 200, body=SDP)
        answered = await alice.status(200)
        assert answered.body.endswith(b"a=by:offer\r\n")
        alice.send(alice.within("ACK", answered, invite.cseq, body=SDP))
        ack = await bob.incoming("ACK")
        assert ack.body.endswith(b"a=by:answer\r\n")
        assert [(body["command"], body["from-tag"]) for body in daemon.asked] == [("offer", "ubob"), ("answer", "ubob")]

    with_daemon(tmp_path, scenario)


def test_a_prack_answers_a_reliable_offer(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite = alice.request("INVITE", "sip:bob@example.com", Supported="100rel")
        alice.send(invite)
        invite = alice.authorized(invite, await alice.final(invite))
        alice.send(invite)
        received = await bob.incoming("INVITE")
        headers = [("Require", "100rel"), ("RSeq", "1"), ("Contact", bob.contact), ("Content-Type", "application/sdp")]
        headers += [("Record-Route", value) for value in received.get_all("Record-Route")]
        bob.send(received.reply(183, to_tag="ubob", headers=headers, body=SDP))
        early = await alice.status(183)
        assert early.body.endswith(b"a=by:offer\r\n")
        prack = alice.within("PRACK", early, invite.cseq + 1, RAck=f"1 {invite.cseq} INVITE", body=SDP)
        alice.send(prack)
        passed = await bob.incoming("PRACK")
        assert passed.body.endswith(b"a=by:answer\r\n")
        bob.answer(passed, 200)
        assert (await alice.final(prack)).status == 200
        assert [(body["command"], body["from-tag"]) for body in daemon.asked] == [("offer", "ubob"), ("answer", "ubob")]
        bob.answer(received, 200)
        answered = await alice.status(200)
        alice.send(alice.within("ACK", answered, invite.cseq))
        await bob.incoming("ACK")
        daemon.emit(event="media timeout", **{"call-id": answered.call_id})
        assert (await bob.incoming("BYE")).cseq == invite.cseq + 2  # after INVITE and PRACK

    with_daemon(tmp_path, scenario)


def test_a_phone_behind_nat_is_learned_from_its_sip_address(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob", register=False)
        behind = "<sip:bob@192.168.7.7:5060>"
        registered = await bob.ask(bob.request("REGISTER", "sip:example.com", to=f"<{bob.aor}>", contact=behind))
        assert registered.status == 200
        invite, answered = await call(alice, bob, "sip:bob@example.com")
        assert invite.request_uri_text == "sip:bob@192.168.7.7:5060"
        answer = daemon.asked[1]
        assert (answer["flags"], answer["received-from"]) == (["SIP-source-address"], ["IP4", "127.0.0.1"])
        assert daemon.asked[0]["flags"] == ["trust-address"]
        await hang_up(alice, bob, alice.within("BYE", answered, 5))

    with_daemon(tmp_path, scenario)
