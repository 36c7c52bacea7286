"""What is remembered of callers and called URIs, and when it is forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from native.sip import Message
from sipmesh.config import Domain, Route, Trunk
from sipmesh.signalling import remembered
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.routing_table import RoutingTable
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import SignalWorld

DOMAIN = "open.example"


class Calling:
    """Alice calls bob, anew each time."""

    def __init__(self, **more: Any) -> None:
        self.world = SignalWorld(**more)
        self.alice, self.bob = self.world.phone("192.0.2.10"), self.world.phone("192.0.2.20")
        self.world.bind(f"bob@{DOMAIN}", self.bob)
        self.calls = 0

    def status(self, uri: str = f"sip:bob@{DOMAIN}", from_: str = f"sip:alice@{DOMAIN}") -> int:
        """Of the first answer but 100; 0 when bob's phone rings."""
        self.calls += 1
        invite = Message.request(
            "INVITE",
            uri,
            [
                ("Via", f"SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-r{next(Phone._branches)}"),
                ("Max-Forwards", "70"),
                ("From", f"<{from_}>;tag=caller"),
                ("To", f"<{uri}>"),
                ("Call-ID", f"call-{self.calls}"),
                ("CSeq", "1 INVITE"),
                ("Contact", f"<{self.alice.contact}>"),
            ],
        )
        self.alice.send(invite)
        self.world.run()
        rings = invite.call_id in [message.call_id for message in self.bob.got() if message.is_request]
        final = [each.status for each in self.alice.got() if each.call_id == invite.call_id and each.status > 100]
        assert rings != bool(final)
        return 0 if rings else final[0]

    def reload(self, domains: tuple[Domain, ...] | None = None, routes: tuple[Route, ...] = ()) -> None:
        ours = Domains(self.world.domains if domains is None else domains, lambda host: False)
        self.world.app.tables.replace(ours, RoutingTable(routes))
        self.world.app._authorizer.serve(ours)

    @property
    def remembered(self) -> tuple[list[str], list[str]]:
        return list(self.world.app._authorizer.callers), list(self.world.app.tables.called)


def test_a_second_call_goes_the_way_of_the_first() -> None:
    calling = Calling()
    assert [calling.status(), calling.status()] == [0, 0]
    assert calling.remembered == ([f"sip:alice@{DOMAIN}"], [f"sip:bob@{DOMAIN}"])


def test_an_account_is_found_by_each_way_to_write_it() -> None:
    calling = Calling()
    ways = [f"sip:bob@{DOMAIN}", f"sip:b%6Fb@{DOMAIN.upper()}", f"sip:bob@{DOMAIN};user=phone"]
    assert [calling.status(way) for way in ways * 2] == [0] * 6
    assert calling.remembered[1] == ways


def test_an_account_that_is_gone_is_forgotten_with_the_tables() -> None:
    calling = Calling()
    assert calling.status() == 0
    del calling.world.users[f"bob@{DOMAIN}"]
    calling.reload()
    assert calling.status() == 404
    del calling.world.users[f"alice@{DOMAIN}"]
    calling.reload()
    assert calling.status() == 403
    assert calling.remembered == ([], [])


def test_a_domain_that_asks_for_digest_from_now_on() -> None:
    calling = Calling()
    assert calling.status() == 0
    calling.reload((Domain(name=DOMAIN),))
    assert [calling.status(), calling.status()] == [407, 407]
    assert calling.remembered == ([], [])


def test_a_call_that_depends_on_more_than_its_uri_is_looked_at_each_time() -> None:
    exact = (Route(match="bob", to="user:carol@open.example", source="198.51.100.0/24"),)
    calling = Calling(routes=exact)
    assert [calling.status(), calling.status(from_="sip:nobody@open.example")] == [0, 403]
    assert calling.remembered[1] == []


def test_a_new_exact_route_is_taken() -> None:
    calling = Calling(users=("alice", "bob", "carol"))
    assert calling.status() == 0
    calling.reload(routes=(Route(match="bob", to=f"user:carol@{DOMAIN}"),))
    assert calling.status() == 480  # carol has no phone


def test_what_a_route_leads_to_whoever_calls_is_remembered() -> None:
    calling = Calling(routes=(Route(match="7*", to=f"user:bob@{DOMAIN}"),))
    assert [calling.status(f"sip:71@{DOMAIN}"), calling.status()] == [0, 0]
    assert calling.remembered[1] == [f"sip:71@{DOMAIN}", f"sip:bob@{DOMAIN}"]


def test_a_route_that_looks_at_the_caller_is_asked_each_time() -> None:
    routes = (Route(match="7*", from_="alice", to=f"user:bob@{DOMAIN}"), Route(match="*", to=f"user:alice@{DOMAIN}"))
    calling = Calling(routes=routes)
    assert calling.status(f"sip:71@{DOMAIN}") == 0
    assert calling.status(f"sip:71@{DOMAIN}", f"sip:bob@{DOMAIN}") == 480  # alice has no phone
    assert calling.status(f"sip:81@{DOMAIN}") == 480
    assert calling.remembered[1] == [f"sip:81@{DOMAIN}"]


IN = Trunk(name="in", sources=("192.0.2.10/32",))
BY_SOURCE = Route(match="*", source="trunk:in", to=f"user:bob@{DOMAIN}")


def test_a_route_of_a_trunk_is_remembered_for_its_calls_alone() -> None:
    calling = Calling(trunks=(IN,), routes=(BY_SOURCE,))
    tables, abroad = calling.world.app.tables, "sip:+44@carrier.example"
    assert [calling.status(f"sip:71@{DOMAIN}", abroad) for _ in range(2)] == [0, 0]
    assert calling.status(f"sip:71@{DOMAIN}") == 404  # alice, from the same address
    assert (list(tables.called), list(tables.called_from)) == ([], [("192.0.2.10", f"sip:71@{DOMAIN}")])


def test_the_callers_of_a_trunk_are_remembered_by_their_host() -> None:
    calling = Calling(trunks=(IN,))
    authorizer = calling.world.app._authorizer
    for number in range(3):
        assert calling.status(from_=f"sip:+44{number}@carrier.example") == 0
    assert calling.status(from_=f"sip:carol@{DOMAIN}") == 0
    assert (list(authorizer.sources), list(authorizer.strangers)) == (
        ["192.0.2.10"],
        ["carrier.example", f"sip:carol@{DOMAIN}"],
    )


def test_an_account_that_is_new_is_no_stranger() -> None:
    calling = Calling(trunks=(IN,), routes=(Route(match="bob", from_="carol", to="trunk:in"),))
    assert calling.status(from_=f"sip:carol@{DOMAIN}") == 403  # a trunk's calls leave by none
    calling.world.users[f"carol@{DOMAIN}"] = calling.world.users[f"alice@{DOMAIN}"]
    calling.reload()
    assert calling.status(from_=f"sip:carol@{DOMAIN}") == 0
    assert f"sip:carol@{DOMAIN}" in calling.remembered[0]


def test_what_is_known_of_trunks_is_forgotten_with_the_tables() -> None:
    calling = Calling(trunks=(IN,), routes=(BY_SOURCE,))
    assert calling.status(f"sip:71@{DOMAIN}", "sip:+44@carrier.example") == 0
    calling.reload()
    app = calling.world.app
    kept = (app._authorizer.sources, app._authorizer.strangers, app.tables.called_from, app.tables.identities)
    assert not any(kept)


def test_a_policy_is_asked_about_each_call() -> None:
    calling = Calling()
    assert calling.status() == 0
    asked = []

    def route(view: Any, message: Message, tables: Any) -> None:
        asked.append(view.called)

    policy: Any = calling.world.app.policy
    policy.active, policy.route = True, route
    assert calling.status() == 404
    assert asked == ["bob"]


def test_only_so_much_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MAX_URIS", 2)
    calling = Calling()
    for number in range(3):
        assert calling.status(f"sip:bob@{DOMAIN};n={number}", f"sip:alice@{DOMAIN};n={number}") == 0
    assert calling.remembered == ([f"sip:alice@{DOMAIN};n=2"], [f"sip:bob@{DOMAIN};n=2"])


def test_long_uris_are_looked_at_each_time() -> None:
    calling = Calling()
    for _ in range(2):
        assert calling.status(f"sip:bob@{DOMAIN};n={'0' * 300}", f"sip:alice@{DOMAIN};n={'0' * 300}") == 0
    assert calling.remembered == ([], [])
