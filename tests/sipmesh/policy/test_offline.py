"""sipmesh.policy.offline: what a changed configuration would do to the last requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from native.sip import Message
from sipmesh.config import Config, Route, Trunk, User
from sipmesh.config_load import parse_config
from sipmesh.policy.load import PolicyError
from sipmesh.policy.offline import differences
from sipmesh.store import RecentRoute, Store
from tests.sipmesh.policy.test_testing import ALICE, CONFIG


def recent(called: str, decision: str, domain: str = "example.com") -> RecentRoute:
    headers = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("From", f"<sip:{ALICE}>;tag=a"),
        ("To", f"<sip:{called}@{domain}>"),
        ("Call-ID", "c"),
        ("CSeq", "1 INVITE"),
    ]
    message = Message.request("INVITE", f"sip:{called}@{domain}", headers).to_bytes()
    return RecentRoute(message, called, domain, ALICE, "", "192.0.2.1", 5060, "udp", decision)


def changed(folder: Path, text: str) -> Config:
    (folder / "policy.py").write_text(text)
    return parse_config(CONFIG, base=folder).config


def test_what_changes_and_what_stays(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data")
    store.directory.put_user(User(aor="dora@example.com", password="x"))
    store.directory.put_trunk(Trunk(name="other"))
    store.directory.put_route(Route(match="8*", to="trunk:other"))
    store.recent_routes.put(
        [
            recent("alice", "user:alice@example.com"),
            recent("dora", "user:dora@example.com"),
            recent("81", "trunk:other:81"),
            recent("0044", "trunk:carrier:0044"),
            recent("bob", "uri:sip:bob@elsewhere.example", "elsewhere.example"),
            recent("66", "reject 404"),
            recent("77", "reject 404"),
        ]
    )
    store.commit()
    text = "def on_route(request):\n    request.called == '66' and request.reject(486)\n    request.called == '77' and 1 / 0\n"
    assert differences(changed(tmp_path, text), store) == (
        [
            f"INVITE from {ALICE} to sip:0044@example.com: trunk:carrier:0044 becomes trunk:carrier:+44",
            f"INVITE from {ALICE} to sip:66@example.com: reject 404 becomes reject 486",
            f"INVITE from {ALICE} to sip:77@example.com: reject 404 becomes reject 404, because on_route fails",
        ],
        7,
    )
    with pytest.raises(PolicyError):
        differences(changed(tmp_path, "x = 1\n"), store)
    store.close()


def test_nothing_to_compare_with(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data")
    assert differences(changed(tmp_path, "def on_route(request): ...\n"), store) == ([], 0)
    store.recent_routes.put([recent("alice", "reject 403")])
    assert differences(parse_config(CONFIG.partition("[policy]")[0], base=tmp_path).config, store) == ([], 0)
    store.close()
