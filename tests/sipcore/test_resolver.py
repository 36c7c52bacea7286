"""RFC 3263 against a DNS server on loopback."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from native.sip import Uri
from sipcore.flow import Destination
from sipcore.transport.resolver import DnsResolver, ResolverSettings
from tests.sipcore.dns_server import DnsServer

Zone = dict[tuple[str, str], list[str]]
Lie = Callable[[dns.message.Message], bytes]


SILENCE_S = 5.0  # how long who never answers is waited for, and how long the others have time


class World:
    """A resolver that asks a test server."""

    def __init__(
        self, zone: Zone, silent: tuple[str, ...] = (), ttl: int = 60, lies: dict[str, Lie] | None = None, **options: Any
    ) -> None:
        self.server = DnsServer(zone, silent, ttl, lies)
        self.options = options
        self.counters: dict[str, int] = defaultdict(int)

    async def __aenter__(self) -> World:
        await self.server.start()
        settings = ResolverSettings(
            ("127.0.0.1",),
            self.server.port,
            lifetime_s=self.options.pop("lifetime_s", 100.0),
            **self.options.pop("settings", {}),
        )
        options = {"transports": ("udp", "tcp"), "families": (4,), **self.options}
        self.resolver = DnsResolver(
            lambda function, *arguments: function(*arguments), self.counters, settings=settings, **options
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        self.resolver.close()
        self.server.stop()

    async def ask(self, uri: str) -> list[Destination]:
        answer: asyncio.Future[list[Destination]] = asyncio.get_running_loop().create_future()
        known = self.resolver.resolve(Uri(uri), answer.set_result)
        return await answer if known is None else known


def ask(zone: Zone, uri: str, **options: Any) -> list[Destination]:
    async def run() -> list[Destination]:
        async with World(zone, **options) as world:
            return await world.ask(uri)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("uri", "transport", "host", "port"),
    [
        ("sip:192.0.2.1", "udp", "192.0.2.1", 5060),
        ("sip:bob@192.0.2.1:5080", "udp", "192.0.2.1", 5080),
        ("sip:bob@192.0.2.1;transport=TCP", "tcp", "192.0.2.1", 5060),
        ("sips:bob@192.0.2.1", "tls", "192.0.2.1", 5061),
        ("sips:bob@192.0.2.1;transport=tcp", "tls", "192.0.2.1", 5061),
        ("sip:bob@[2001:db8::1]:5070", "udp", "2001:db8::1", 5070),
        ("sip:bob@example.com;maddr=192.0.2.9", "udp", "192.0.2.9", 5060),
        ("sip:bob@localhost:5062", "udp", "127.0.0.1", 5062),
    ],
)
def test_numeric_hosts_are_answered_at_once_without_a_loop(uri: str, transport: str, host: str, port: int) -> None:
    later: list[list[Destination]] = []
    resolver = DnsResolver(lambda function, *arguments: function(*arguments), defaultdict(int), ("udp",), (4,))
    answer = resolver.resolve(Uri(uri), later.append)
    assert answer == [Destination(transport, host, port, host if transport == "tls" else "")]
    assert not later


def test_what_is_kept_of_numeric_hosts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipcore.transport.resolver.MAX_NUMERIC", 2)
    resolver = DnsResolver(lambda function, *arguments: function(*arguments), defaultdict(int), ("udp",), (4,))
    for user in ("a", "b", "c", "long" * 64):
        resolver.resolve(Uri(f"sip:{user}@192.0.2.1"), list.clear)
    assert list(resolver.numeric) == ["sip:c@192.0.2.1"]


def test_naptr_order_and_preference_choose_the_transport() -> None:
    zone = {
        ("a.test", "NAPTR"): [
            '20 10 "s" "SIP+D2U" "" _sip._udp.a.test.',
            '10 20 "s" "SIP+D2T" "" _sip._tcp.a.test.',
            '10 10 "s" "SIPS+D2T" "" _sips._tcp.a.test.',
            '5 10 "s" "E2U+sip" "" _other.a.test.',
        ],
        ("_sip._udp.a.test", "SRV"): ["0 0 5071 u.a.test."],
        ("_sip._tcp.a.test", "SRV"): ["0 0 5072 t.a.test."],
        ("u.a.test", "A"): ["192.0.2.1"],
        ("t.a.test", "A"): ["192.0.2.2"],
    }
    assert ask(zone, "sip:bob@a.test") == [Destination("tcp", "192.0.2.2", 5072), Destination("udp", "192.0.2.1", 5071)]


def test_clause_46_of_a_sips_uri_only_the_secure_services_count() -> None:
    zone = {
        ("a.test", "NAPTR"): [
            '10 10 "s" "SIP+D2U" "" _sip._udp.a.test.',
            '10 20 "s" "SIP+D2T" "" _sip._tcp.a.test.',
            '20 10 "s" "SIPS+D2T" "" _sips._tcp.secure.test.',
        ],
        ("_sip._udp.a.test", "SRV"): ["0 0 5071 u.a.test."],
        ("_sip._tcp.a.test", "SRV"): ["0 0 5072 u.a.test."],
        ("_sips._tcp.secure.test", "SRV"): ["0 0 5073 u.a.test."],
        ("u.a.test", "A"): ["192.0.2.1"],
    }
    secure = Destination("tls", "192.0.2.1", 5073, "a.test")  # whom the certificate must name is decided before any DNS
    both = {"transports": ("udp", "tcp", "tls")}
    assert ask(zone, "sips:bob@a.test", **both) == [secure]
    found = ask(zone, "sip:bob@a.test", **both)
    assert [each.transport for each in found] == ["udp", "tcp", "tls"]


def test_srv_without_naptr_by_priority() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["20 0 5062 second.a.test.", "10 0 5061 first.a.test."],
        ("first.a.test", "A"): ["192.0.2.1"],
        ("second.a.test", "A"): ["192.0.2.2"],
    }
    assert ask(zone, "sip:a.test") == [Destination("udp", "192.0.2.1", 5061), Destination("udp", "192.0.2.2", 5062)]


def test_twelve_srv_targets_are_all_given() -> None:
    zone: Zone = {("_sip._udp.a.test", "SRV"): [f"{n} 0 5060 t{n}.a.test." for n in range(12)]}
    zone |= {(f"t{n}.a.test", "A"): [f"192.0.2.{n}"] for n in range(12)}
    assert [destination.host for destination in ask(zone, "sip:a.test")] == [f"192.0.2.{n}" for n in range(12)]


def test_weights_spread_the_first_choice() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 90 5060 heavy.a.test.", "0 10 5060 light.a.test."],
        ("heavy.a.test", "A"): ["192.0.2.1"],
        ("light.a.test", "A"): ["192.0.2.2"],
    }

    async def run() -> Counter[str]:
        async with World(zone) as world:
            return Counter([(await world.ask("sip:a.test"))[0].host for _ in range(400)])

    firsts = asyncio.run(run())
    assert 320 <= firsts["192.0.2.1"] <= 390
    assert firsts["192.0.2.2"] >= 10


def test_clause_47_targets_without_weight_all_come_first_sometimes() -> None:
    zone: Zone = {("_sip._udp.a.test", "SRV"): [f"0 {weight} 5060 t{n}.a.test." for n, weight in enumerate((0, 0, 0))]}
    zone |= {(f"t{n}.a.test", "A"): [f"192.0.2.{n}"] for n in range(3)}

    async def run() -> Counter[str]:
        async with World(zone) as world:
            return Counter([(await world.ask("sip:a.test"))[0].host for _ in range(300)])

    firsts = asyncio.run(run())
    assert set(firsts) == {"192.0.2.0", "192.0.2.1", "192.0.2.2"}
    assert min(firsts.values()) >= 20


def test_clause_47_a_target_of_weight_zero_is_seldom_first_beside_others() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 50 5060 heavy.a.test.", "0 0 5060 light.a.test."],
        ("heavy.a.test", "A"): ["192.0.2.1"],
        ("light.a.test", "A"): ["192.0.2.2"],
    }

    async def run() -> Counter[str]:
        async with World(zone) as world:
            return Counter([(await world.ask("sip:a.test"))[0].host for _ in range(300)])

    assert asyncio.run(run())["192.0.2.1"] >= 250


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("sip:a.test", [Destination("udp", "192.0.2.1", 5060)]),
        ("sip:a.test:5090", [Destination("udp", "192.0.2.1", 5090)]),
        ("sip:a.test:5090;transport=tcp", [Destination("tcp", "192.0.2.1", 5090)]),
        ("sip:a.test;transport=tcp", [Destination("tcp", "192.0.2.1", 5060)]),
        ("sips:a.test", [Destination("tls", "192.0.2.1", 5061, "a.test")]),
        ("sip:A.Test.", [Destination("udp", "192.0.2.1", 5060)]),
    ],
)
def test_without_srv_the_address_is_used(uri: str, expected: list[Destination]) -> None:
    assert ask({("a.test", "A"): ["192.0.2.1"]}, uri) == expected


def test_a_port_means_no_srv() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 0 5071 other.test."],
        ("a.test", "A"): ["192.0.2.1"],
        ("other.test", "A"): ["192.0.2.2"],
    }
    assert ask(zone, "sip:a.test:5060") == [Destination("udp", "192.0.2.1", 5060)]


def test_both_families() -> None:
    zone = {("a.test", "A"): ["192.0.2.1"], ("a.test", "AAAA"): ["2001:db8::1"]}
    assert [destination.host for destination in ask(zone, "sip:a.test:5060", families=(4, 6))] == ["192.0.2.1", "2001:db8::1"]


def test_srv_that_says_no_service_is_the_end() -> None:
    zone = {("_sip._udp.a.test", "SRV"): ["0 0 0 ."], ("a.test", "A"): ["192.0.2.1"]}
    assert ask(zone, "sip:a.test") == []


@pytest.mark.parametrize("uri", ["sip:nowhere.test", "sip:host.invalid", f"sip:{'x' * 64}.test"])
def test_what_has_no_address(uri: str) -> None:
    assert ask({("a.test", "A"): ["192.0.2.1"]}, uri) == []


def test_one_silent_target_does_not_hide_the_others() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 0 5060 silent.a.test.", "1 0 5060 good.a.test."],
        ("good.a.test", "A"): ["192.0.2.2"],
    }
    found = ask(zone, "sip:a.test", silent=("silent.a.test",), lifetime_s=SILENCE_S)
    assert found == [Destination("udp", "192.0.2.2", 5060)]


def refusing(*kinds: str) -> Lie:
    """For those types; others are answered."""

    def lie(answer: dns.message.Message) -> bytes:
        if dns.rdatatype.to_text(answer.question[0].rdtype) in kinds:
            answer.answer.clear()
            answer.set_rcode(dns.rcode.SERVFAIL)
        return answer.to_wire()

    return lie


def test_a_service_nobody_answers_for_does_not_hide_the_others() -> None:
    zone = {
        ("_sip._tcp.a.test", "SRV"): ["0 0 5062 good.a.test."],
        ("good.a.test", "A"): ["192.0.2.2"],
        ("a.test", "A"): ["192.0.2.9"],
    }
    lies = {"_sip._udp.a.test": refusing("SRV")}
    assert ask(zone, "sip:a.test", lies=lies) == [Destination("tcp", "192.0.2.2", 5062)]
    del zone["_sip._tcp.a.test", "SRV"]
    assert ask(zone, "sip:a.test", lies=lies) == []  # it may have said where to go, so the address is no good guess


def test_a_server_that_knows_no_naptr_is_asked_for_srv() -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 0 5062 good.a.test."],
        ("good.a.test", "A"): ["192.0.2.2"],
        ("a.test", "A"): ["192.0.2.9"],
    }
    assert ask(zone, "sip:a.test", lies={"a.test": refusing("NAPTR")}) == [Destination("udp", "192.0.2.2", 5062)]
    del zone["_sip._udp.a.test", "SRV"]
    assert ask(zone, "sip:a.test", lies={"a.test": refusing("NAPTR")}) == [Destination("udp", "192.0.2.9", 5060)]


def test_silent_server_is_counted_and_not_asked_again_at_once() -> None:
    async def run() -> None:
        async with World({}, silent=("a.test",), lifetime_s=0.2, settings={"failure_s": 3600.0}) as world:
            assert await world.ask("sip:a.test:5060") == []
            asked = world.server.asked.total()
            assert await world.ask("sip:a.test:5060") == []
            assert world.server.asked.total() == asked
            assert world.counters["sip_dns_failures_total|reason=LifetimeTimeout"] == 1

    asyncio.run(run())


def test_answers_are_cached_and_equal_questions_share_one_lookup() -> None:
    async def run() -> None:
        async with World({("a.test", "A"): ["192.0.2.1"]}) as world:
            answers = await asyncio.gather(*(world.ask(f"sip:user{n}@a.test:5060") for n in range(20)))
            assert set(map(tuple, answers)) == {(Destination("udp", "192.0.2.1", 5060),)}
            await world.ask("sip:a.test:5061")
            assert world.server.asked["a.test", "A"] == 1

    asyncio.run(run())


def test_a_limit_of_pending_names() -> None:
    async def run() -> None:
        async with World(
            {("b.test", "A"): ["192.0.2.1"]}, silent=("a.test",), lifetime_s=SILENCE_S, settings={"max_pending": 1}
        ) as world:
            waiting = asyncio.ensure_future(world.ask("sip:a.test:5060"))
            await asyncio.sleep(0)
            assert await world.ask("sip:b.test:5060") == []
            assert world.counters["sip_dns_failures_total|reason=too many"] == 1
            assert await waiting == []
            assert await world.ask("sip:b.test:5060") == [Destination("udp", "192.0.2.1", 5060)]

    asyncio.run(run())


def fails(answer: dns.message.Message) -> bytes:
    answer.set_rcode(dns.rcode.SERVFAIL)
    return answer.to_wire()


def truncated(answer: dns.message.Message) -> bytes:
    """To be asked again over TCP, where nobody listens."""
    answer.flags |= dns.flags.TC
    answer.answer.clear()
    return answer.to_wire()


def of_another_question(answer: dns.message.Message) -> bytes:
    other = dns.message.make_response(dns.message.make_query("evil.test", "A"))
    other.id = answer.id
    other.answer.append(dns.rrset.from_text("evil.test.", 60, "IN", "A", "203.0.113.66"))
    return other.to_wire()


def with_another_id(answer: dns.message.Message) -> bytes:
    answer.id ^= 1
    return answer.to_wire()


@pytest.mark.parametrize("lie", [fails, truncated, of_another_question, with_another_id, lambda _: b"", lambda _: b"\xff" * 40])
def test_an_answer_that_lies_leads_nowhere_and_harms_no_other_target(lie: Lie) -> None:
    zone = {
        ("_sip._udp.a.test", "SRV"): ["0 0 5060 lying.a.test.", "1 0 5060 good.a.test."],
        ("lying.a.test", "A"): ["192.0.2.1"],
        ("good.a.test", "A"): ["192.0.2.2"],
    }
    assert ask(zone, "sip:a.test", lies={"lying.a.test": lie}, lifetime_s=SILENCE_S) == [Destination("udp", "192.0.2.2", 5060)]
    assert ask({("a.test", "A"): ["192.0.2.1"]}, "sip:a.test:5060", lies={"a.test": lie}, lifetime_s=0.3) == []


@pytest.mark.parametrize(
    "zone",
    [
        {("a.test", "CNAME"): ["a.test."]},
        {("_sip._udp.a.test", "SRV"): ["0 0 5060 _sip._udp.a.test."]},
        {("_sip._udp.a.test", "SRV"): ["0 0 5060 a.test."], ("a.test", "A"): []},
        {("a.test", "NAPTR"): ['10 10 "s" "SIP+D2U" "" a.test.'], ("a.test", "SRV"): ["0 0 5060 a.test."]},
        {("a.test", "NAPTR"): ['10 10 "a" "SIP+D2U" "" b.test.', '10 10 "s" "NONE+D2X" "" b.test.']},
    ],
)
def test_records_that_lead_in_circles_or_nowhere_end(zone: Zone) -> None:
    assert ask(zone, "sip:a.test", lifetime_s=0.5) == []


def test_more_records_than_anybody_needs_are_bounded() -> None:
    zone: Zone = {("_sip._udp.a.test", "SRV"): [f"{n} 0 5060 t.a.test." for n in range(100)], ("t.a.test", "A"): ["192.0.2.1"]}
    found = ask(zone, "sip:a.test")
    assert found == [Destination("udp", "192.0.2.1", 5060)] * 32


def test_a_slow_answer_for_one_name_holds_up_no_other() -> None:
    async def run() -> None:
        async with World({("b.test", "A"): ["192.0.2.1"]}, silent=("a.test",), lifetime_s=SILENCE_S) as world:
            waiting = asyncio.ensure_future(world.ask("sip:a.test:5060"))
            assert await world.ask("sip:b.test:5060") == [Destination("udp", "192.0.2.1", 5060)]
            assert not waiting.done()
            assert await waiting == []

    asyncio.run(run())
