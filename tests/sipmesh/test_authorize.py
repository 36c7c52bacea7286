"""sipmesh.signalling.authorize: who is who."""

from __future__ import annotations

from collections import defaultdict
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import Message, RecentTexts
from sipcore.digest import Algorithm, DigestConfig, ha1
from sipcore.digest_client import DigestClient
from sipcore.errors import PeerError
from sipcore.keys import Key, KeyRing
from sipmesh.config import Credentials, Domain, Trunk, User
from sipmesh.signalling.authorize import Accounts, Authorizer, Caller, aor_of
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.rates import Backoff
from sipmesh.signalling.trunks import Trunks
from sipmesh.store.directory import stored_user

NOW = 1_800_000_000.0
DOMAINS = (Domain(name="example.com"), Domain(name="open.example", auth=False))


def authorizer(domains: tuple[Domain, ...] = DOMAINS, *more: Trunk) -> tuple[Authorizer, defaultdict[str, int]]:
    users = {
        user.aor: user
        for user in (stored_user(User(aor=aor, password="pw")) for aor in ("alice@example.com", "olga@open.example"))
    }
    trunks = Trunks(Random(1), KeyRing("contact", Key("k", bytes(32))))
    trunks.load([Trunk(name="carrier", sources=("192.0.2.0/24",)), *more])
    counters: defaultdict[str, int] = defaultdict(int)
    directory: Any = SimpleNamespace(user=users.get, has_user=users.__contains__, known=RecentTexts())
    keys = KeyRing("nonce", Key("0", b"k" * 32))
    ours = Domains(domains, {"198.51.100.1"}.__contains__)
    backoff: Backoff[tuple[str, str]] = Backoff(2, 10.0)
    made = Authorizer(
        ours, trunks, Accounts(directory, trunks), keys, "i", DigestConfig(), counters, backoff, "127.0.0.1".__eq__
    )
    return made, counters


def request(from_: str, *credentials: str, method: str = "INVITE") -> Message:
    headers = [
        ("Via", "SIP/2.0/UDP 203.0.113.9;branch=z9hG4bK1"),
        ("From", f"<{from_}>;tag=1"),
        ("To", "<sip:bob@example.com>"),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
        ("Max-Forwards", "70"),
        *(("Proxy-Authorization", value) for value in credentials),
    ]
    return Message.request(method, "sip:bob@example.com", headers)


def refusal(from_: str, source: str = "203.0.113.9", **more: Any) -> tuple[int, str]:
    with pytest.raises(PeerError) as caught:
        authorizer(**more)[0].calling(request(from_), source, NOW)
    return caught.value.status, caught.value.reason


def test_a_trunk_is_known_by_its_address() -> None:
    caller = authorizer()[0].calling(request("sip:+4420@carrier.example"), "192.0.2.7", NOW)
    assert (caller.aor, caller.trunk and caller.trunk.name) == ("", "carrier")


def test_nobody_is_one_of_our_users_by_a_trunks_address_alone() -> None:
    assert refusal("sip:alice@example.com", "192.0.2.7")[0] == 407


@pytest.mark.parametrize("host", ["example.com", "198.51.100.1", "localhost"])
def test_our_users_are_challenged(host: str) -> None:
    with pytest.raises(PeerError) as caught:
        authorizer()[0].calling(request(f"sip:alice@{host}"), "203.0.113.9", NOW)
    assert caught.value.status == 407
    assert [name for name, _ in caught.value.headers] == ["Proxy-Authenticate"] * 2
    assert all('realm="example.com"' in value for _, value in caught.value.headers)


def test_an_unknown_name_of_our_domain_is_challenged_like_a_known_one() -> None:
    assert refusal("sip:nobody@example.com")[0] == 407


def test_strangers_are_refused_and_counted() -> None:
    assert refusal("sip:eve@elsewhere.example") == (403, "Unknown Caller")
    assert refusal("sip:nobody@open.example") == (403, "Unknown Caller")
    assert refusal("sip:alice@198.51.100.1", domains=()) == (403, "Unknown Caller")
    checker, counters = authorizer()
    with pytest.raises(PeerError):
        checker.calling(request("sip:eve@elsewhere.example"), "203.0.113.9", NOW)
    assert counters == {"sip_authorizations_total|outcome=stranger": 1}


def test_a_domain_without_digest_believes_its_users() -> None:
    assert authorizer()[0].calling(request("sip:olga@open.example"), "203.0.113.9", NOW).aor == "olga@open.example"


def test_malformed_credentials_get_400_with_the_reason() -> None:
    with pytest.raises(PeerError) as caught:
        authorizer()[0].calling(request("sip:alice@example.com", 'Digest realm="example.com'), "203.0.113.9", NOW)
    assert (caught.value.status, caught.value.reason) == (400, "bad digest parameter: bad quoted string")


def test_a_registration_in_a_domain_that_is_not_configured() -> None:
    register = request("sip:a@b", method="REGISTER")
    with pytest.raises(PeerError) as caught:
        authorizer(())[0].registering(register, "alice@198.51.100.1", "198.51.100.1", "203.0.113.9", NOW)
    assert caught.value.status == 404


@pytest.mark.parametrize(
    ("username", "aor"),
    [("alice", "alice@example.com"), ("alice@example.com", "alice@example.com"), ("alice@other", "alice@other@example.com")],
)
def test_a_digest_username_is_a_user_part_or_a_whole_aor(username: str, aor: str) -> None:
    assert aor_of(username, "example.com") == aor


def test_only_our_credentials_are_taken_out() -> None:
    checker, _ = authorizer()
    with pytest.raises(PeerError) as caught:
        checker.calling(request("sip:alice@example.com"), "203.0.113.9", NOW)
    nonce = caught.value.headers[1][1].partition('nonce="')[2].partition('"')[0]
    md5 = Algorithm.MD5
    answer = md5.hash(f"{ha1('alice', 'example.com', 'pw', md5)}:{nonce}:00000001:c:auth:{md5.hash('INVITE:sip:b')}")
    ours = (
        f'Digest username="alice", realm="example.com", nonce="{nonce}", uri="sip:b", response="{answer}", '
        'algorithm=MD5, cnonce="c", qop=auth, nc=00000001'
    )
    theirs = 'Digest username="alice", realm="next.example", nonce="x", uri="sip:b", response="y"'
    message = request("sip:alice@example.com", theirs, ours)
    assert checker.calling(message, "203.0.113.9", NOW).aor == "alice@example.com"
    assert message.get_all("Proxy-Authorization") == [theirs]


WRONG = (
    'Digest username="alice", realm="example.com", nonce="n", uri="sip:bob@example.com", response="00", algorithm=MD5, '
    'cnonce="c", qop=auth, nc=00000001'
)


def statuses(checker: Authorizer, source: str, *times: float, from_: str = "alice") -> list[int]:
    found = []
    for at in times:
        with pytest.raises(PeerError) as caught:
            checker.calling(request(f"sip:{from_}@example.com", WRONG), source, NOW + at)
        found.append(caught.value.status)
    return found


def test_wrong_passwords_bring_a_pause_that_doubles(caplog: pytest.LogCaptureFixture) -> None:
    checker, counters = authorizer()
    assert statuses(checker, "203.0.113.9", 0, 1, 2, 10.9) == [407, 407, 403, 403]
    assert statuses(checker, "203.0.113.9", 11.1, 12, 31) == [407, 403, 403]
    assert counters["sip_authorizations_total|outcome=paused"] == 4
    assert len(caplog.records) == 2
    assert "203.0.113.9 for alice@example.com" in caplog.text


def test_the_pause_is_of_one_source_and_user() -> None:
    checker, _ = authorizer()
    statuses(checker, "203.0.113.9", 0, 1)
    assert statuses(checker, "203.0.113.10", 2) == [407]
    assert statuses(checker, "203.0.113.9", 2, from_="bob") == [407]
    with pytest.raises(PeerError, match="407"):  # without credentials there is nothing to guess
        checker.calling(request("sip:alice@example.com"), "203.0.113.9", NOW + 2)
    assert statuses(checker, "127.0.0.1", *range(9)) == [407] * 9


ITSP = Trunk(name="itsp", incoming=Credentials(username="itsp", password="s3cret"))
FIXED = Trunk(name="fixed", incoming=Credentials(username="fixed", password="s3cret"), sources=("198.51.100.0/24",))


def answering(checker: Authorizer, from_: str, source: str, username: str = "itsp", password: str = "s3cret") -> Caller:
    """Who ``from_`` is found to be when it answers the challenge."""
    asked = request(from_)
    with pytest.raises(PeerError) as caught:
        checker.calling(asked, source, NOW)
    assert caught.value.status == 407
    ours = DigestClient(username, password, lambda: "cafe")
    assert ours.challenged(asked, asked.reply(407, headers=list(caught.value.headers)), 0)
    answer = request(from_, *(value for _, value in ours.credentials("INVITE", asked.request_uri_text)))
    found = checker.calling(answer, source, NOW)
    assert not answer.has("Proxy-Authorization")
    return found


@pytest.mark.parametrize(
    "from_",
    [
        "sip:+4420@carrier.example",
        "sip:+4420@example.com",
        "sip:+4420@198.51.100.1",
        "sip:nobody@open.example",
        "sip:anonymous@anonymous.invalid",
    ],
)
def test_a_trunk_may_prove_by_digest_who_it_is(from_: str) -> None:
    checker, _ = authorizer(DOMAINS, ITSP)
    caller = answering(checker, from_, "203.0.113.9")
    assert (caller.aor, caller.trunk and caller.trunk.name) == ("", "itsp")


def test_a_trunk_with_a_password_is_not_known_by_its_address() -> None:
    checker, _ = authorizer(DOMAINS, FIXED)
    caller = answering(checker, "sip:+4420@carrier.example", "198.51.100.7", "fixed")
    assert caller.trunk is not None
    assert caller.trunk.name == "fixed"


def test_nor_by_its_password_from_another_address() -> None:
    checker, _ = authorizer(DOMAINS, FIXED)
    with pytest.raises(PeerError, match="Not From Here"):
        answering(checker, "sip:+4420@carrier.example", "203.0.113.9", "fixed")


def test_a_trunk_is_none_of_our_users() -> None:
    checker, _ = authorizer(DOMAINS, ITSP)
    with pytest.raises(PeerError, match="From Is Not Your Address-Of-Record"):
        answering(checker, "sip:alice@example.com", "203.0.113.9")


@pytest.mark.parametrize(("username", "password"), [("itsp", "wrong"), ("carrier", "s3cret"), ("other", "s3cret")])
def test_wrong_passwords_of_trunks_are_refused(username: str, password: str) -> None:
    checker, _ = authorizer(DOMAINS, ITSP)
    with pytest.raises(PeerError, match="407"):
        answering(checker, "sip:+4420@carrier.example", "203.0.113.9", username, password)


def test_our_users_can_not_call_under_foreign_names_for_all_that() -> None:
    checker, _ = authorizer(DOMAINS, ITSP)
    with pytest.raises(PeerError, match="From Is Not Your Address-Of-Record"):
        answering(checker, "sip:+4420@carrier.example", "203.0.113.9", "alice", "pw")
    assert answering(checker, "sip:alice@example.com", "203.0.113.9", "alice", "pw").aor == "alice@example.com"


def test_a_trunk_registers_nothing() -> None:
    checker, _ = authorizer(DOMAINS, ITSP)
    register = request("sip:itsp@example.com", method="REGISTER")
    with pytest.raises(PeerError) as caught:
        checker.registering(register, "itsp@example.com", "example.com", "203.0.113.9", NOW)
    ours = DigestClient("itsp", "s3cret", lambda: "cafe")
    ours.challenged(register, register.reply(401, headers=list(caught.value.headers)), 0)
    for _, value in ours.credentials("REGISTER", register.request_uri_text):
        register.append("Authorization", value)
    with pytest.raises(PeerError, match="Trunks Don't Register Here"):
        checker.registering(register, "itsp@example.com", "example.com", "203.0.113.9", NOW)
