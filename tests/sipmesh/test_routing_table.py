"""sipmesh.signalling.routing_table: which route wins."""

from typing import Any

import pytest

from sipmesh.config import Domain, Route
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.routing_table import Asked, Condition, Hop, RoutingTable


def table(*routes: dict[str, Any]) -> RoutingTable:
    renamed = [{"from_" if key == "from" else key: value for key, value in route.items()} for route in routes]
    return RoutingTable([Route(**route) for route in renamed])


def asked(user: str, **known: str) -> Asked:
    return Asked(user, **{"domain": "example.com", "source_host": "192.0.2.1", **known})


def longest(routes: RoutingTable, user: str, **known: str) -> str | None:
    hop = routes.longest(asked(user, **known))
    return None if hop is None else hop.trunk or hop.aor


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    routes = table(
        {"match": "*", "to": "trunk:rest"},
        {"match": "+4420*", "to": "trunk:london"},
        {"match": "+44*", "to": "trunk:uk"},
    )
    assert [longest(routes, number) for number in ("+442071838750", "+441212", "+1555", "")] == ["london", "uk", "rest", "rest"]


def test_nothing_matches_without_a_route() -> None:
    routes = table({"match": "+44*", "to": "trunk:uk"})
    assert longest(routes, "+1555") is None
    assert longest(RoutingTable([]), "+1555") is None
    assert routes.exact(asked("+44")) is None


def test_an_exact_pattern_is_not_a_prefix() -> None:
    routes = table({"match": "100", "to": "user:alice@example.com"})
    assert routes.exact(asked("100")) == Hop(aor="alice@example.com")
    assert routes.exact(asked("1001")) is None
    assert longest(routes, "100") is None


def test_strip_comes_before_prefix() -> None:
    routes = table({"match": "00*", "strip": 2, "prefix": "+", "to": "trunk:uk"})
    assert routes.longest(asked("00442071838750")) == Hop(trunk="uk", number="+442071838750")


def test_strip_of_more_than_the_number_leaves_the_prefix() -> None:
    assert table({"match": "*", "strip": 9, "prefix": "9", "to": "trunk:t"}).longest(asked("123")) == Hop("t", "9")


def test_a_pattern_with_a_domain_is_an_aor() -> None:
    routes = table(
        {"match": "sales@Example.com", "to": "user:alice@EXAMPLE.com"},
        {"match": "sales@example.org", "to": "user:bob@example.org"},
        {"match": "x@exa*", "to": "trunk:t"},
    )
    assert routes.exact(asked("sales")) == Hop(aor="alice@example.com")
    assert routes.exact(asked("sales", domain="example.org")) == Hop(aor="bob@example.org")
    assert routes.exact(asked("sales", domain="example.net")) is None
    assert longest(routes, "x") == "t"
    assert longest(routes, "x", domain="other.net") is None


def test_a_user_pattern_does_not_reach_into_the_domain() -> None:
    assert longest(table({"match": "ab@example.com*", "to": "trunk:t"}), "ab") == "t"
    assert longest(table({"match": "abc*", "to": "trunk:t"}), "ab") is None


@pytest.mark.parametrize(
    ("known", "trunk"),
    [
        ({"trunk": "carrier"}, "by-trunk"),
        ({"source_host": "10.1.2.3"}, "by-network"),
        ({"source_host": "2001:db8::1"}, "any"),
        ({"caller_user": "bob", "caller_domain": "example.com"}, "by-caller"),
        ({"caller_user": "+4420123", "caller_domain": "carrier.example"}, "by-prefix"),
        ({}, "any"),
    ],
)
def test_conditions_choose_between_equal_patterns(known: dict[str, str], trunk: str) -> None:
    routes = table(
        {"match": "1*", "to": "trunk:any"},
        {"match": "1*", "source": "trunk:carrier", "to": "trunk:by-trunk"},
        {"match": "1*", "source": "10.0.0.0/8", "to": "trunk:by-network"},
        {"match": "1*", "from": "bob@example.com", "to": "trunk:by-caller"},
        {"match": "1*", "from": "+4420*", "to": "trunk:by-prefix"},
    )
    assert longest(routes, "100", **known) == trunk


def test_more_conditions_win_over_fewer() -> None:
    routes = table(
        {"match": "1*", "from": "bob", "to": "trunk:one"},
        {"match": "1*", "from": "bob", "source": "10.0.0.0/8", "to": "trunk:two"},
    )
    assert longest(routes, "100", caller_user="bob", source_host="10.0.0.1") == "two"
    assert longest(routes, "100", caller_user="bob", source_host="192.0.2.1") == "one"


def test_a_longer_pattern_whose_conditions_fail_gives_way() -> None:
    routes = table({"match": "123*", "from": "bob", "to": "trunk:long"}, {"match": "1*", "to": "trunk:short"})
    assert longest(routes, "1234", caller_user="eve") == "short"


def test_the_first_of_equal_routes_wins() -> None:
    routes = table({"match": "1*", "to": "trunk:first"}, {"match": "1*", "to": "trunk:second"})
    assert longest(routes, "1") == "first"


def test_domains_and_their_aliases() -> None:
    domains = Domains([Domain(name="Example.com"), Domain(name="example.org", auth=False)], {"203.0.113.5"}.__contains__)
    hosts = ("example.com", "example.com.", "example.org", "203.0.113.5", "localhost", "127.0.0.1", "::1", "example.net")
    assert [domains.canonical(host) for host in hosts] == [*["example.com"] * 2, "example.org", *["example.com"] * 4, None]
    assert domains.without_digest == {"example.org"}
    assert domains.is_address("203.0.113.5")
    assert not domains.is_address("example.com")


def test_an_address_can_be_a_domain() -> None:
    domains = Domains([Domain(name="example.com"), Domain(name="127.0.0.1")], lambda host: True)
    assert domains.canonical("127.0.0.1") == "127.0.0.1"
    assert not domains.is_address("127.0.0.1")


def test_without_a_domain_our_addresses_stand_for_themselves() -> None:
    domains = Domains([], {"203.0.113.5"}.__contains__)
    assert domains.canonical("203.0.113.5") == "203.0.113.5"
    assert domains.first == ""


@pytest.mark.parametrize(
    ("user", "condition"),
    [
        ("1", Condition.NOTHING),
        ("21", Condition.SOURCE),
        ("31", Condition.SOURCE),
        ("4", Condition.CALLER),
        ("41", Condition.SOURCE),
    ],
)
def test_what_else_than_the_number_matters(user: str, condition: Condition) -> None:
    routes = table(
        {"match": "*", "to": "trunk:any"},
        {"match": "2*", "to": "trunk:by-trunk", "source": "trunk:one"},
        {"match": "31@example*", "to": "trunk:by-network", "source": "192.0.2.0/24"},
        {"match": "4*", "to": "trunk:by-trunk", "source": "trunk:one"},
        {"match": "4", "to": "trunk:by-caller", "from": "alice"},
        {"match": "1@elsewhere*", "to": "trunk:elsewhere", "from": "alice"},
    )
    assert routes.condition(asked(user)) is condition
