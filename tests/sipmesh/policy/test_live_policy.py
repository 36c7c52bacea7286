"""The policy in a live signal node: what hooks do to real requests, and how a file is changed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sipmesh.config import PolicyFile, Route, Trunk, TrunkTarget
from sipmesh.signalling.housekeeping import INTERVAL_S
from sipmesh.store import Command
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import SDP, call, hang_up, run

BOB = "sip:bob@example.com"
FAILURES = "policy_hook_failures_total|hook=on_route,kind="

Scenario = Callable[[LiveNode, Phone, Phone], Awaitable[None]]


def live(tmp_path: Path, text: str, scenario: Scenario, limits: dict[str, int] | None = None, **more: Any) -> None:
    file = tmp_path / "policy.py"
    file.write_text(text)

    async def running() -> None:
        policy = PolicyFile(file=str(file), **({"limit_ms": 60_000} | (limits or {})))
        async with LiveNode(tmp_path, policy=policy, **more) as node:
            await scenario(node, await node.phone("alice"), await node.phone("bob"))

    run(running())


async def reloaded(node: LiveNode, text: str) -> None:
    (node.data / "policy.py").write_text(text)
    node.store.commands.put(Command(verb="policy"))
    before = node.counters["policy_reloads_total"]
    await node.until(lambda: node.counters["policy_reloads_total"] > before)


async def answer(node: LiveNode, alice: Phone, uri: str = BOB) -> int:
    return (await alice.ask(alice.request("INVITE", uri))).status


def test_a_refusal_and_its_reason(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        response = await alice.ask(alice.request("INVITE", BOB))
        assert (response.status, response.reason) == (488, "Not Today")
        response = await alice.ask(alice.request("MESSAGE", BOB))
        assert (response.status, response.reason) == (405, "Method Not Allowed")

    text = """
def on_request(request):
    if request.method == "MESSAGE":
        request.reject(405)

def on_route(request):
    request.reject(488, "Not Today")
"""
    live(tmp_path, text, scenario)


def test_headers_and_another_callee(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, answered = await call(alice, bob, "sip:911@example.com")
        assert invite.get_all("X-A") == ["1", "2"]
        assert not invite.has("User-Agent")
        assert invite.get("P-Asserted-Identity") == '"Example" <sip:+44@example.com>'
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        await node.until(lambda: (node.data / "ended").exists())
        assert (node.data / "ended").read_text() == "911@example.com bob@example.com policy answered bye caller"

    text = f"""
def on_request(request):
    request.set_header("X-A", "1")
    request.add_header("X-A", "2")
    request.remove_header("User-Agent")
    request.set_caller("sip:+44@example.com", "Example")

def on_route(request):
    assert request.caller == "alice@example.com" and request.trunk == "" and request.tables == ""
    request.route_to_user("bob@example.com")

def on_call_end(call):
    with open({str(tmp_path / "ended")!r}, "w") as file:
        file.write(f"{{call.called}} {{call.callee}} {{call.route}} {{call.disposition}} {{call.cause}} {{call.ended_by}}")
"""
    live(tmp_path, text, scenario)


def test_uris_one_after_the_other(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        carol = await node.phone("carol", register=False)
        await reloaded(
            node,
            "def on_route(request):\n"
            f"    request.route_to_uris(['sip:bob@127.0.0.1:{bob.port}', 'sip:carol@127.0.0.1:{carol.port}'])\n",
        )
        invite = alice.request("INVITE", "sip:nobody@example.com", body=SDP)
        alice.send(invite)
        invite = alice.authorized(invite, await alice.final(invite))
        alice.send(invite)
        bob.answer(await bob.incoming("INVITE"), 486)
        carol.answer(await carol.incoming("INVITE"), 486)
        assert (await alice.final(invite)).status == 486

    live(tmp_path, "def on_route(request): ...\n", scenario)


def test_a_trunk_of_its_choice_and_one_that_is_not_there(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice, "sip:gone@example.com") == 404
        assert await answer(node, alice, "sip:out@example.com") == 500  # nobody listens there

    text = """
def on_route(request):
    request.route_to_trunk("carrier" if request.called == "out" else "gone", "1")
"""
    trunk = Trunk(name="carrier", targets=(TrunkTarget(uri="sip:127.0.0.1:9;transport=tcp"),), probe_s=0.0)
    live(tmp_path, text, scenario, trunks=(trunk,))


@pytest.mark.parametrize(("body", "kind"), [("1 / 0", "error"), ("while True: pass", "overrun")])
def test_a_hook_that_fails_leaves_its_call_to_the_tables(tmp_path: Path, body: str, kind: str) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        for turn in range(1, 4):
            invite, answered = await call(alice, bob, BOB)
            assert not invite.has("X-Early")
            await hang_up(alice, bob, alice.within("BYE", answered, 5))
            assert node.counters[FAILURES + kind] == min(turn, 2 if kind == "overrun" else 9)

    text = f"def on_route(request):\n    request.set_header('X-Early', '1')\n    request.reject(403)\n    {body}\n"
    live(tmp_path, text, scenario, limits={"max_overruns": 2, "limit_ms": 50 if kind == "overrun" else 60_000})


def test_a_registration_that_is_refused(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        carol = await node.phone("carol", register=False)
        response = await carol.register()
        assert (response.status, response.reason) == (403, "Not You")
        assert not node.store.locations.get("carol@example.com")
        assert node.store.locations.get("bob@example.com")

    text = """
def on_register(registration):
    assert registration.expires_s == 600 and registration.transport == "udp" and len(registration.contacts) == 1
    if registration.aor == "carol@example.com":
        registration.reject(403, "Not You")
"""
    live(tmp_path, text, scenario)


def test_a_changed_file_and_what_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice) == 403
        with caplog.at_level(logging.INFO):
            await reloaded(node, "def on_route(request):\n    request.reject(486)\n")
        assert "INVITE from alice@example.com to sip:bob@example.com: reject 403 becomes reject 486" in caplog.text
        assert "of the last 1 requests routed 1 would go another way" in caplog.text
        assert await answer(node, alice) == 486

    live(tmp_path, "def on_route(request):\n    request.reject()\n", scenario)


@pytest.mark.parametrize(
    "text",
    [
        "def on_route(request):\n    return (\n",
        "def on_rout(request): ...\n",
        "def on_route(request):\n    request.no_such_method()\n",
        "def on_route(request):\n    while True: pass\n",
        "def on_route(request):\n    request.route_to_trunk('gone', '1')\n",
    ],
)
def test_a_bad_file_changes_nothing(tmp_path: Path, text: str) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice) == 403
        await reloaded(node, text)
        assert node.counters["policy_reload_errors_total"] == 1
        assert await answer(node, alice) == 403
        await node.restart()  # a worker that finds the bad file: what can be seen without a call is refused again
        await answer_without_waiting(node, alice)

    async def answer_without_waiting(node: LiveNode, alice: Phone) -> None:
        alice.send(alice.request("OPTIONS", f"sip:127.0.0.1:{node.port}"))
        await alice.status(200)

    live(tmp_path, "def on_route(request):\n    request.reject()\n", scenario, limits={"limit_ms": 5000})


def test_a_worker_that_finds_a_bad_file_uses_the_last_good_one(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        (tmp_path / "policy.py").write_text("def on_route(")
        await node.restart()
        assert node.counters["policy_reload_errors_total"] == 1
        assert await answer(node, alice) == 403

    live(tmp_path, "def on_route(request):\n    request.reject()\n", scenario)


def test_a_worker_that_finds_even_the_last_good_one_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It imports a module that was changed."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "imported_by_policy.py").write_text("")

    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice, "sip:nobody@example.com") == 403
        sys.modules.pop("imported_by_policy")
        (tmp_path / "imported_by_policy.py").write_text("1 / 0  # a failure\n")
        await node.restart()
        assert node.counters["policy_reload_errors_total"] == 1
        assert await answer(node, alice, "sip:nobody@example.com") == 404

    live(tmp_path, "import imported_by_policy\ndef on_route(request):\n    request.reject()\n", scenario)


def test_a_disk_that_keeps_no_policy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "policy.good").mkdir()

    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice) == 403

    live(tmp_path, "def on_route(request):\n    request.reject()\n", scenario)
    assert "the policy can't be kept" in caplog.text


def test_hooks_that_keep_too_much_memory_are_off(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        assert await answer(node, alice) == 403
        node.pass_time(INTERVAL_S)
        assert await answer(node, alice) == 403
        await node.until(lambda: node.counters["policy_memory_stops_total"] == 1)
        assert await answer(node, alice, "sip:nobody@example.com") == 404

    text = "kept = []\ndef on_route(request):\n    kept.append(b'x' * (20 << 20))\n    request.reject()\n"
    live(tmp_path, text, scenario, limits={"memory_mb": 32})


def test_routes_stay_those_of_the_tables_without_a_word_from_the_hook(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, alice: Phone, bob: Phone) -> None:
        invite, answered = await call(alice, bob, "sip:5@example.com")
        assert invite.get("X-Tables") == "user:bob@example.com"
        await hang_up(alice, bob, alice.within("BYE", answered, 5))

    text = "def on_route(request):\n    request.set_header('X-Tables', request.tables)\n"
    live(tmp_path, text, scenario, routes=(Route(match="5", to="user:bob@example.com"),))
