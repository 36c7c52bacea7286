"""The conformance tool passes what is right, and fails what is wrong: against a tiny proxy with one fault at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Outcome, Result, Target
from sipmesh.conformance.report import by_clause
from sipmesh.conformance.run import all_cases, run_case
from tests.sipmesh.conformance.tiny_proxy import Fault, TinyProxy

FAULTS: dict[Fault, str] = {
    "any version": "version",
    "any scheme": "unknown_scheme",
    "no hop limit": "max_forwards_zero",
    "keeps Max-Forwards": "max_forwards_counts",
    "no Max-Forwards added": "max_forwards_absent",
    "any Proxy-Require": "proxy_require",
    "sorts headers": "unknown_headers",
    "keeps its Route": "own_route_address",
    "no rport": "rport",
    "passes 1xx": "no_provisional",
    "keeps bindings": "removal",
    "star at any time": "star_expires",
    "believes identities": "asserted_identity",
    "silent": "same_branch",
    "garbage": "received",
}
CASES = {case.run.__name__: case for case in all_cases()}

Verdict = Callable[[str, Fault], Result]


@pytest.fixture
def verdict() -> Iterator[Verdict]:
    proxies = []

    def run(name: str, fault: Fault) -> Result:
        proxies.append(proxy := TinyProxy(fault))
        return run_case(CASES[name], Target("127.0.0.1", proxy.port, "udp", Account("alice", "secret", "127.0.0.1")))

    yield run
    for proxy in proxies:
        proxy.close()


@pytest.mark.parametrize("name", sorted(set(FAULTS.values())))
def test_an_obedient_proxy_passes(verdict: Verdict, name: str) -> None:
    result = verdict(name, "")
    assert (result.outcome, result.reason) == ("pass", "")
    assert not result.trace


@pytest.mark.parametrize(("fault", "name"), FAULTS.items())
def test_a_broken_one_fails_with_reason_and_messages(verdict: Verdict, fault: Fault, name: str) -> None:
    result = verdict(name, fault)
    assert result.outcome == "fail", result
    assert result.reason
    assert any(entry.split("\n")[1].startswith(("OPTIONS", "MESSAGE", "REGISTER")) for entry in result.trace)


def test_what_a_target_does_not_do_is_not_held_against_it(verdict: Verdict) -> None:
    assert verdict("algorithms", "").outcome == "not applicable"  # it asks for no digest
    result = verdict("branches_differ", "")
    assert (result.outcome, result.reason) == ("not applicable", "doesn't fork")


def test_nobody_there() -> None:
    target = Target("127.0.0.1", 9, "tcp", Account("alice", "secret", "127.0.0.1"))
    result = run_case(CASES["version"], target)
    assert result.outcome == "not applicable"
    assert "no tcp connection" in result.reason


def test_every_case_has_a_name_of_its_own_and_says_what_it_is_about() -> None:
    cases = all_cases()
    assert len(CASES) == len(cases) >= 60
    assert all(case.source.startswith("RFC ") and case.title for case in cases)
    assert [case.clause for case in cases] == sorted(case.clause for case in cases)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (("pass", "fail", "pass"), "fail"),
        (("not applicable", "pass"), "pass"),
        (("pass", "not applicable"), "pass"),
        (("not applicable",), "not applicable"),
        (("not applicable", "fail"), "fail"),
    ],
)
def test_a_clause_is_obeyed_when_a_case_passes_and_none_fails(outcomes: tuple[Outcome, ...], verdict: Outcome) -> None:
    results = [Result(CASES["version"], outcome) for outcome in outcomes]
    assert by_clause(results) == {1: verdict}
