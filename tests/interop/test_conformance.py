"""Every case of ``sipmesh conformance`` against the live node."""

from __future__ import annotations

import pytest

from interop.node import Node, Setup
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Case, Target, Transport
from sipmesh.conformance.run import all_cases, run_case
from tests.interop.conftest import USERS

SLOW = {44}
CASES = [case for case in all_cases() if case.clause not in SLOW]


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup(users=USERS, digest=("SHA-256", "MD5"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.run.__name__)
def test_clause_is_obeyed(node: Node, case: Case, transport: Transport) -> None:
    account = Account("alice", USERS["alice"], node.setup.domain)
    result = run_case(case, Target(node.address, node.port, transport, account))
    assert result.outcome == "pass" or (transport == "tcp" and result.reason == "about UDP"), "\n\n".join(
        [result.reason, *result.trace]
    )
