"""sipmesh.signalling.registrations: a carrier's registrar on the in-memory wire, in virtual time."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from native.sip import Message
from sipcore.digest import Algorithm, Digest, DigestConfig, ha1
from sipcore.flow import Flow
from sipcore.keys import Key, KeyRing
from sipmesh.config import Register, Trunk, TrunkTarget
from sipmesh.signalling.registrations import Registration, Registrations
from sipmesh.signalling.requester import Requester
from sipmesh.signalling.trunks import Trunks
from tests.sipcore.proxy_world import Names
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Node, Stack, Wire

FIRST, SECOND = "192.0.2.10", "192.0.2.11"
US = "192.0.2.1"
KEYS = KeyRing("contact", Key("k", bytes(32)))


class Carrier:
    """Registers with digest; ``says`` replaces its answer."""

    def __init__(self, wire: Wire, host: str, *algorithms: Algorithm, granted_s: int = 600, lifetime_s: int = 300) -> None:
        self.node = wire.node(host, transports=("udp", "tcp"))
        self.node.receive = self.receive
        self.wire = wire
        self.granted_s = granted_s
        self.requests: list[Message] = []
        self.bindings: dict[str, float] = {}
        self.says: Any = None
        config = DigestConfig(nonce_lifetime_s=lifetime_s)
        self.digest = Digest(
            "carrier.example", self, KeyRing("nonce", Key("k", bytes(32))), host, config, algorithms or tuple(Algorithm)
        )

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1("acct", realm, "s3cret", algorithm) if username == "acct" else None

    def receive(self, data: bytes, flow: Flow) -> None:
        request = Message(data)
        self.requests.append(request)
        answer = self.says(request) if self.says is not None else self.answer(request)
        if answer is not None:
            flow.send(answer.to_bytes(stream=True))

    def answer(self, request: Message) -> Message:
        now = self.wire.timers.now
        verdict = self.digest.check(request.get_all("Authorization"), request.method, b"", now)
        if verdict.outcome.value != "accepted":
            challenges = self.digest.challenges(now, stale=verdict.outcome.value == "stale")
            return request.reply(401, to_tag="t", headers=[("WWW-Authenticate", value) for value in challenges])
        contact = request.contacts[0].uri.text
        self.bindings.pop(contact, None)
        if request.expires:
            self.bindings[contact] = now + self.granted_s
        headers = [("Contact", f"<{each}>;expires={self.granted_s}") for each in ("sip:other@192.0.2.77", *self.bindings)]
        return request.reply(200, to_tag="t", headers=headers)


class World:
    def __init__(self, *targets: str, **register: Any) -> None:
        self.wire = Wire()
        self.us = self.wire.node(US, transports=("udp", "tcp"))
        stack = Stack(self.us, RecordingUser())
        self.counters: defaultdict[str, int] = defaultdict(int)
        self.trunks = Trunks(Random(1), KEYS)
        requester = Requester(stack.layer, self.us.flows, Names())
        self.registrations = Registrations(requester, self.trunks, self.wire.timers, self.counters, Random(1))
        self.targets = targets or (f"sip:{FIRST}",)
        self.load(**register)

    def load(self, **register: Any) -> None:
        fields = {"aor": "acct@carrier.example", "password": "s3cret"} | register
        targets = tuple(TrunkTarget(uri=each, weight=len(self.targets) - n) for n, each in enumerate(self.targets))
        self.trunks.load([Trunk(name="carrier", targets=targets, probe_s=0, register=Register(**fields))])
        self.registrations.load()

    def unload(self) -> None:
        self.trunks.load([])
        self.registrations.load()

    @property
    def registration(self) -> Registration:
        found = self.registrations.of("carrier")
        assert found is not None
        return found

    def run(self, for_s: float = 1.0) -> None:
        self.wire.run(for_s)

    def sent(self, to: Node | None = None) -> list[Message]:
        return [packet.message for packet in self.wire.sent(self.us, "REGISTER")]


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_challenge_is_answered(algorithm: Algorithm) -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST, algorithm)
    world.run()
    first, second = world.sent()
    assert not first.has("Authorization")
    assert (first.cseq, second.cseq, second.call_id) == (1, 2, first.call_id)
    assert second.request_uri_text == "sip:carrier.example"
    assert second.to.uri.aor == second.from_.uri.aor == "acct@carrier.example"
    assert second.expires == 3600
    user = second.contacts[0].uri.user
    assert second.contacts[0].uri.text == f"sip:{user}@{US}:5060"
    assert world.trunks.by_contact(user or "") is world.trunks.get("carrier")
    assert world.registration.held
    assert world.registration.expires_at == pytest.approx(world.wire.timers.wall + 600, abs=2)
    assert world.counters["sip_trunk_registrations_total|trunk=carrier,status=200"] == 1
    assert len(carrier.bindings) == 1


def test_it_is_refreshed_in_time_with_credentials_from_the_start() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST, granted_s=100, lifetime_s=100_000)
    world.run(1000.0)
    times = [packet.at_s for packet in world.wire.sent(world.us, "REGISTER")][1:]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert all(70 <= wait <= 90.1 for wait in waits)
    assert len({round(wait) for wait in waits}) > 3
    assert [request.cseq for request in carrier.requests] == list(range(1, len(carrier.requests) + 1))
    assert [request.has("Authorization") for request in carrier.requests] == [False] + [True] * (len(carrier.requests) - 1)


def test_a_stale_nonce_costs_one_more_request() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST, granted_s=100, lifetime_s=10)
    world.run(95.0)
    assert len(carrier.requests) == 4
    assert world.registration.held


def test_a_wrong_password_is_not_tried_again_and_again() -> None:
    world = World(password="wrong")
    carrier = Carrier(world.wire, FIRST)
    world.run(10.0)
    assert len(carrier.requests) == 2
    assert (world.registration.held, world.registration.status) == (False, 401)
    world.run(20000.0)
    assert len(carrier.requests) < 2 + 2 * 20  # half an hour between two tries in the end


def test_an_interval_too_brief_is_lengthened() -> None:
    world = World(expires_s=60)
    carrier = Carrier(world.wire, FIRST, granted_s=1800)
    carrier.says = lambda request: (
        request.reply(423, to_tag="t", headers=[("Min-Expires", "1800")])
        if (request.expires or 0) < 1800
        else carrier.answer(request)
    )
    world.run()
    assert [request.expires for request in carrier.requests] == [60, 1800, 1800]
    assert world.registration.held


@pytest.mark.parametrize(("configured_s", "longest_wait_s"), [(60, 86_400), (200_000, 200_000)])
def test_a_carrier_that_grants_years_is_asked_again_all_the_same(configured_s: int, longest_wait_s: int) -> None:
    world = World(expires_s=configured_s)
    carrier = Carrier(world.wire, FIRST, granted_s=400_000_000, lifetime_s=1_000_000)
    carrier.says = lambda request: (
        request.reply(423, to_tag="t", headers=[("Min-Expires", "400000000")])
        if (request.expires or 0) < 400_000_000
        else carrier.answer(request)
    )
    world.run()
    assert world.registration.held
    before = len(carrier.requests)
    world.run(0.6 * longest_wait_s)
    assert len(carrier.requests) == before
    world.run(0.4 * longest_wait_s)
    assert len(carrier.requests) == before + 1


@pytest.mark.parametrize("headers", [[], [("Min-Expires", "60")], [("Min-Expires", "x")]])
def test_a_registrar_that_wants_no_longer_interval_and_refuses_is_left_alone(headers: list[tuple[str, str]]) -> None:
    world = World(expires_s=60)
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: request.reply(423, to_tag="t", headers=headers)
    world.run(10.0)
    assert len(carrier.requests) == 1
    assert not world.registration.held


def test_the_next_target_is_tried_when_one_is_silent() -> None:
    world = World(f"sip:{FIRST}", f"sip:{SECOND};transport=tcp")
    first, second = Carrier(world.wire, FIRST), Carrier(world.wire, SECOND)
    silent, other = (first, second) if world_prefers(world, FIRST) else (second, first)
    silent.says = lambda request: None
    world.run(10.0)
    assert not silent.bindings
    assert len(other.bindings) == 1
    assert world.registration.held
    assert [target.failed_at is not None for target in world.trunks.get("carrier").targets].count(True) == 1  # type: ignore[union-attr]
    transport = ";transport=tcp" if other is second else ""
    assert next(iter(other.bindings)).endswith(f"@{US}:5060{transport}")


def test_no_number_is_used_twice_though_a_challenge_was_answered_in_silence() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: None if request.has("Authorization") else carrier.answer(request)
    world.run(200.0)
    numbers = [request.cseq for request in carrier.requests]
    assert len(numbers) > 3
    assert len(set(numbers)) == len({request.via.branch for request in carrier.requests})


def world_prefers(world: World, host: str) -> bool:
    return world.wire.log[0].destination[0] == host


def test_a_target_that_fails_is_followed_by_the_next_at_once() -> None:
    world = World(f"sip:{FIRST}", f"sip:{SECOND}")
    first, second = Carrier(world.wire, FIRST), Carrier(world.wire, SECOND)
    broken, other = (first, second) if world_prefers(world, FIRST) else (second, first)
    broken.says = lambda request: request.reply(500, to_tag="t")
    world.run(0.5)
    assert len(other.bindings) == 1


def test_after_failures_it_waits_longer_and_longer() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: request.reply(403, to_tag="t")
    world.run(20000.0)
    times = [packet.at_s for packet in world.wire.sent(world.us, "REGISTER")]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert 15 <= waits[0] <= 30.1
    assert 30 <= waits[1] <= 60.1
    assert all(900 <= wait <= 1800.1 for wait in waits[7:])


def test_retry_after_is_respected() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: request.reply(503, to_tag="t", headers=[("Retry-After", "300 (later)")])
    world.run(299.0)
    assert len(carrier.requests) == 1


def test_a_carrier_that_comes_back_is_found() -> None:
    world = World()
    world.run(10.0)
    assert not world.registration.held
    Carrier(world.wire, FIRST)
    world.run(60.0)
    assert world.registration.held


def test_a_grant_of_nothing_is_a_failure() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: request.reply(200, to_tag="t", headers=[("Expires", "0")])
    world.run(10.0)
    assert len(carrier.requests) == 1
    assert not world.registration.held


@pytest.mark.parametrize("contact", ["<broken", "*"])
def test_contacts_nobody_can_read_leave_what_was_asked_for(contact: str) -> None:
    world = World(expires_s=900)
    carrier = Carrier(world.wire, FIRST)
    carrier.says = lambda request: request.reply(200, to_tag="t", headers=[("Contact", contact)])
    world.run()
    assert world.registration.expires_at == pytest.approx(world.wire.timers.wall + 900, abs=2)


def test_it_is_taken_back_at_the_end() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    world.run()
    over: list[bool] = []
    world.registrations.stop(lambda: over.append(True))
    assert not over
    world.run()
    assert over == [True]
    assert not carrier.bindings
    assert carrier.requests[-1].expires == 0
    count = len(carrier.requests)
    world.run(5000.0)
    assert len(carrier.requests) == count


def test_without_registrations_the_end_comes_at_once() -> None:
    world = World()
    over: list[bool] = []
    world.registrations.stop(lambda: over.append(True))
    assert over == [True]


def test_a_trunk_that_is_gone_is_taken_back_and_a_changed_one_registers_anew() -> None:
    world = World()
    carrier = Carrier(world.wire, FIRST)
    world.run()
    world.load(expires_s=120)
    world.run()
    assert carrier.requests[-1].expires == 120
    assert len(carrier.bindings) == 1
    world.load(expires_s=120)
    world.unload()
    world.run()
    assert not carrier.bindings
    world.run(5000.0)
    assert carrier.requests[-1].expires == 0
