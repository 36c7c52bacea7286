"""sipmesh.testing, with the policy of docs/policy.md; the page's own tests run here as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sipmesh.policy import EndedCall
from sipmesh.policy.load import PolicyError
from sipmesh.testing import HookError, PolicyTester

ROOT = Path(__file__).resolve().parents[3]
CONFIG = """
[node]
name = "a"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[domain]]
name = "example.com"
[[user]]
aor = "alice@example.com"
password = "sesame"
[[trunk]]
name = "carrier"
targets = ["sip:192.0.2.10"]
sources = ["192.0.2.0/24"]
[[route]]
match = "00*"
strip = 2
prefix = "+"
to = "trunk:carrier"
[policy]
file = "policy.py"
"""
ALICE = "alice@example.com"


def examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "policy.md").read_text(), flags=re.DOTALL)


def policy_of(folder: Path, text: str, **more: int) -> PolicyTester:
    (folder / "policy.py").write_text(text)
    return PolicyTester(CONFIG, base=folder, **more)


@pytest.fixture
def documented(tmp_path: Path) -> PolicyTester:
    return policy_of(tmp_path, examples()[0])


def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    policy, tests = examples()
    (tmp_path / "sipmesh.toml").write_text(CONFIG)
    (tmp_path / "policy.py").write_text(policy)
    (tmp_path / "test_policy.py").write_text(tests)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_policy.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stdout
    assert "3 passed" in ended.stdout


@pytest.mark.parametrize(
    ("method", "uri", "where"),
    [
        ("MESSAGE", "sip:alice@example.com", "reject 405"),
        ("INVITE", "sip:alice@example.com", "user:alice@example.com"),
        ("INVITE", "sip:100@example.com", "user:alice@example.com"),
        ("INVITE", "sip:0900@example.com", "reject 403"),
        ("INVITE", "sip:0044@example.com", "trunk:carrier:+44"),
        ("INVITE", "sip:77@example.com", "trunk:carrier:+77"),
        ("INVITE", "sip:nobody@example.com", "reject 404"),
        ("INVITE", "sip:bob@elsewhere.example", "uri:sip:bob@elsewhere.example"),
    ],
)
def test_the_policy_on_the_page(documented: PolicyTester, method: str, uri: str, where: str) -> None:
    assert documented.ask(method, uri, caller=ALICE) == where


def test_headers_and_reasons(documented: PolicyTester) -> None:
    assert documented.ask("INVITE", "sip:0900@example.com", caller=ALICE).reason == "Number Barred"
    decision = documented.ask("INVITE", "sip:alice@example.com", caller=ALICE, headers=[("X-Tenant", "a"), ("X-Tenant", "b")])
    assert decision.headers("X-Tenant") == ["example.com"]
    assert decision.header("P-Asserted-Identity") is None


def test_a_trunk_without_transit_reaches_our_users_only(documented: PolicyTester) -> None:
    assert documented.ask("INVITE", "sip:100@example.com", trunk="carrier") == "user:alice@example.com"
    assert documented.ask("INVITE", "sip:77@example.com", trunk="carrier") == "reject 403"
    with pytest.raises(ValueError, match="caller or trunk"):
        documented.ask("INVITE", "sip:77@example.com")


def test_registrations_and_ends(documented: PolicyTester, capsys: pytest.CaptureFixture[str]) -> None:
    assert documented.register(ALICE, user_agent="Phone 1") == ""
    assert documented.register(ALICE, user_agent="friendly-scanner/2") == "reject 403"
    documented.call_ended(
        EndedCall("k", "c", ALICE, "9", "9", "192.0.2.1:5060", "", "", "", 1.0, 2.0, 5.0, 3.0, "answered", "bye", 200, "caller")
    )
    assert capsys.readouterr().out == f"{ALICE} 9 3.0 answered\n"


@pytest.mark.parametrize(
    "body",
    [
        "1 / 0",
        "while True: pass",
        "request.called = '1'",
        "request.reject(200)",
        "request.reject(403, 'a\\r\\nb')",
        "request.set_header('X-A', 'b\\r\\nVia: x')",
        "request.set_header('X A', 'b')",
        "request.set_header('X-A', '\\ud800')",
        "request.reject(403.5)",
        "request.set_header('Via', 'x')",
        "request.remove_header('from')",
        "request.add_header('m', 'x')",
        "request.set_caller('not a uri')",
        "request.set_caller('sip:a@b', 'x\\n')",
        "request.route_to_trunk('gone', '1')",
        "request.route_to_trunk('carrier', 'a\\r\\nb')",
        "request.route_to_trunk('carrier', '1@192.0.2.9')",
        "request.route_to_trunk('carrier', '1 2')",
        "request.route_to_user('\\ud800@example.com')",
        "request.route_to_user('alice')",
        "request.route_to_uris([])",
        "request.route_to_uris(['http://a'])",
        "request.route_to_uris(['sip:a@192.0.2.1'] * 11)",
    ],
)
def test_what_a_hook_may_not_do_fails_it_and_changes_nothing(tmp_path: Path, body: str) -> None:
    policy = policy_of(tmp_path, f"def on_route(request):\n    request.set_header('X-Early', '1')\n    {body}\n")
    with pytest.raises(HookError, match="on_route"):
        policy.ask("INVITE", "sip:alice@example.com", caller=ALICE)


def test_uris_in_turn(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "def on_route(request):\n    request.route_to_uris(['sip:a@192.0.2.1', 'sip:b@192.0.2.2'])\n")
    assert policy.ask("INVITE", "sip:alice@example.com", caller=ALICE) == "uri:sip:a@192.0.2.1,sip:b@192.0.2.2"


def test_a_display_name_is_quoted(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "def on_route(request):\n    request.set_caller('sip:1@example.com', 'A \"B\" \\\\ C')\n")
    decision = policy.ask("INVITE", "sip:alice@example.com", caller=ALICE)
    assert decision.header("P-Asserted-Identity") == '"A \\"B\\" \\\\ C" <sip:1@example.com>'


def test_on_request_may_not_route(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "def on_request(request):\n    request.route_to_user('alice@example.com')\n")
    with pytest.raises(HookError, match="on_request"):
        policy.ask("INVITE", "sip:alice@example.com", caller=ALICE)


def test_a_file_that_never_ends(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="did not load within"):
        policy_of(tmp_path, "def on_route(request): ...\nwhile True: pass\n")
