"""Every case of ``sipmesh conformance`` against the live node."""

from __future__ import annotations

import pytest

from interop.certificates import Authority
from interop.node import Setup, SipmeshNode
from interop.stalls import undisturbed
from sipmesh.conformance import connections, dialogs, forwarding, locating, transports
from sipmesh.conformance.agent import Account
from sipmesh.conformance.case import Case, Target, Transport
from sipmesh.conformance.run import all_cases, run_case
from tests.interop.conftest import USERS

OVER: dict[Transport, list[Case]] = {
    "udp": [case for case in all_cases() if not case.slow and case not in locating.CASES],  # they want a resolver of their own
    "tcp": [case for topic in (connections, dialogs, forwarding, transports) for case in topic.CASES],
    "tls": [case for topic in (dialogs, transports) for case in topic.CASES],
}
ABOUT_ANOTHER = {
    "udp": set[str](),
    "tcp": {"about UDP"},
    "tls": {"about UDP", "about TCP", "about connections without TLS"},
}


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Setup:
    files = Authority(tmp_path_factory.mktemp("ca")).issue("node", "DNS:example.test")
    return Setup(users=USERS, digest=("SHA-256", "MD5"), tls=(files.certificate, files.key))


@pytest.mark.parametrize(
    ("transport", "case"),
    [
        pytest.param(transport, case, id=f"{transport}-{case.run.__name__}")
        for transport, cases in OVER.items()
        for case in cases
    ],
)
def test_clause_is_obeyed(node: SipmeshNode, case: Case, transport: Transport) -> None:
    account = Account("alice", USERS["alice"], node.setup.domain)
    port = node.tls_port if transport == "tls" else node.port
    target = Target(node.address, port, transport, account)

    def attempt() -> None:
        result = run_case(case, target)
        obeyed = result.outcome == "pass" or result.reason in ABOUT_ANOTHER[transport]
        assert obeyed, "\n\n".join([result.reason, *result.trace])

    undisturbed(attempt)
