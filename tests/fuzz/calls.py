"""Whole calls from a seed, in virtual time, to a node that is played twice.

``play(seed, plain=True)`` goes the way of what is known from before, in C where it can; ``plain=False`` remembers nothing and
asks Python for every decision. Both must send, store, count and charge the same. What phones send is repeated, damaged, sent by
somebody else, or comes too late; connections close, tables are loaded anew, the media daemon refuses or is silent.

``python -m tests.fuzz.calls [SECONDS] [SEED]`` plays one seed after the other; a difference or an error ends it with its seed.
"""

from __future__ import annotations

import secrets
import sys
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

import msgspec

from sipmesh.config import Domain, Route, Trunk, TrunkTarget, User
from sipmesh.signalling.rates import Backoff, Rates
from tests.fuzz.damage import Damage
from tests.fuzz.phones import FAR, MD5, NEAR, OPEN, Phones
from tests.fuzz.seeds import play_seeds
from tests.sipmesh.signal_world import Carrier, SignalWorld

DOMAINS = (Domain(name=OPEN, auth=False), Domain(name=MD5, digest=("MD5",)))
USERS = tuple(User(aor=f"{name}@{domain}", password="pw") for name in ("alice", "bob", "carol") for domain in (OPEN, MD5))
TRUNKS = (
    Trunk(name="in", sources=(f"{NEAR}/32",), transit=True, max_calls=4),
    Trunk(name="out", targets=(TrunkTarget(uri=f"sip:{FAR}"),), probe_s=0.0, max_calls=3),
)
ROUTES = (Route(match="9*", to="trunk:out", strip=1, prefix="00"),)
DAEMON = (None, {"result": "error", "error-reason": "no room"}, {"result": "ok"}, {"result": "ok", "sdp": "v=0\r\n", "more": 1})
STEPS = 100
ALL_OVER_S = 700.0  # every transaction and every ringing call


class Play:
    def __init__(self, seed: int, *, plain: bool) -> None:
        self.random = random = Random(seed)
        self.damage = Damage(random)
        rates = random.choice((None, None, Rates[str](1.0, min_burst=2)))
        self.world = world = SignalWorld(
            TRUNKS, ROUTES, USERS, DOMAINS, backoff=Backoff(3, 60.0), user_rates=rates, relayed=random.random() < 0.4
        )
        world.wire.loss, world.wire.jitter_s = random.choice((0.0, 0.0, 0.1)), random.choice((0.0, 0.0, 0.1))
        if not plain:
            self._forget_always()
        self.phones = Phones(world, random)
        self._weights = self._steps()
        self._states: list[Any] = []

    def _forget_always(self) -> None:
        """Nothing is known from before, and C asks for whatever it might know."""
        world = self.world
        app, authorizer = world.app, world.app._authorizer
        world.ask_python()
        app.registering = SimpleNamespace(serve=app.registering.serve_other)
        receive = world.proxy.receive
        tables = app.tables
        remembered = (authorizer.callers, authorizer.claims, authorizer.sources, authorizer.strangers)

        def receive_anew(data: bytes, flow: Any) -> None:
            for each in (*remembered, tables.called, tables.called_from, tables.identities, tables.passing):
                each.clear()
            receive(data, flow)

        world.proxy.receive = receive_anew

    # what happens to what the phones send

    def _steps(self) -> dict[Any, int]:
        phones = self.phones
        sent = {phones.invite: 10, phones.answer: 14, phones.within: 14, phones.give_up: 2, phones.register: 3, phones.prove: 6}
        return sent | {phones.repeat: 4, self.spoil: 4, self.close: 1, self.reload: 1, self.upset_daemon: 2, self.wait: 2}

    def spoil(self) -> None:
        """Somebody repeats something that is damaged on its way."""
        if self.phones.repeatable:
            phone, data = self.random.choice(self.phones.repeatable)
            phone.send_bytes(self.damage.damaged(data))

    def close(self) -> None:
        """A connection, by the peer."""
        all_flows = [flow for phone in self.phones.phones.values() for flow in phone.node.flows.connections.values()]
        if flows := [flow for flow in all_flows if not flow.closed]:
            self.random.choice(flows).close()

    def reload(self) -> None:
        app = self.world.app
        app.tables.replace(app.tables.domains, app.tables.routes)
        app._authorizer.serve(app.tables.domains)

    def upset_daemon(self) -> None:
        if self.world.relay is not None:
            answers: Any = self.world.relay.answers
            answers.clear()
            if self.random.random() < 0.5:
                answers[self.random.choice(("offer", "answer", "delete"))] = self.random.choice(DAEMON)

    def wait(self) -> None:
        self.world.run(self.random.choice((0.001, 0.02, 0.1, 0.6, 2.0, 5.0, 5.0, 33.0, 190.0)))

    # the play

    def step(self) -> None:
        self.random.choices(list(self._weights), list(self._weights.values()))[0]()
        if self.random.random() < 0.8:
            self.world.run(self.random.choice((0.006, 0.02, 0.1)))
        self._note()

    def end(self) -> None:
        """Nothing is left that waits, and nothing went wrong on our side."""
        self.world.run(ALL_OVER_S)
        self._note()
        layer = self.world.layer
        assert not self.world.counters["sip_internal_errors_total"]
        assert (layer.servers, layer.clients, layer.watched, self.world.calls._invites) == ({}, {}, {}, {})

    def _note(self) -> None:
        world = self.world
        records = [record.as_dict() for _, record in world.stored.all()]
        self._states.append((world.wire.timers.now, records, {trunk.name: trunk.calls for trunk in world.trunks}))

    @property
    def traces(self) -> dict[str, list[Any]]:
        world = self.world
        return {
            "sent": [(packet.at_s, packet.source, packet.destination, packet.data) for packet in world.wire.log],
            "stored": self._states,
            "cdrs": [msgspec.structs.asdict(cdr) | {"call": cdr.call.as_dict()} for cdr in world.cdrs],
            "bindings": list(world.locations.bindings.items()),
            "asked": world.relay.asked if world.relay is not None else [],
            "counters": sorted((name, number) for name, number in world.counters.items() if number),
        }


def play(seed: int, *, plain: bool, steps: int = STEPS) -> dict[str, list[Any]]:
    numbers = count(1)
    tokens = mock.patch.object(secrets, "token_hex", lambda size: f"{next(numbers):0{2 * size}x}")
    with tokens, mock.patch.object(Carrier, "serial", count(1)):
        played = Play(seed, plain=plain)
        for _ in range(steps):
            played.step()
        played.end()
        return played.traces


def first_difference(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> str:
    """Empty when there is none."""
    for kind, entries in one.items():
        others = other[kind]
        for index in range(max(len(entries), len(others))):
            pair = [each[index] if index < len(each) else None for each in (entries, others)]
            if pair[0] != pair[1]:
                return f"{kind} {index}\nplain: {pair[0]!r}\nanew:  {pair[1]!r}"
    return ""


def check(seed: int) -> None:
    difference = first_difference(play(seed, plain=True), play(seed, plain=False))
    assert not difference, f"seed {seed}: {difference}"


if __name__ == "__main__":
    sys.exit(play_seeds("calls", f"{STEPS} steps each, played both ways", check, sys.argv[1:]))
