"""DigestBase: what only its direct users see; the rules are tested in tests/sipcore/test_digest.py."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from native.sip import DIGEST_ACCEPTED, DIGEST_REFUSED, DIGEST_STALE, DigestBase, Message, ParseError
from sipcore.digest import Algorithm, Digest, DigestConfig, ha1
from sipcore.keys import Key, KeyRing

REALM, NOW = "example.com", 1_800_000_000.0
KEYS = KeyRing("nonce", Key("0", b"k" * 32))


class Alice:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1(username, realm, "secret", algorithm) if username == "alice" else None


def digest(lifetime_s: int = 300) -> Digest:
    return Digest(REALM, Alice(), KEYS, "a", DigestConfig(lifetime_s))


def credentials(
    nonce: str, *, password: str = "secret", nc: str = "00000001", more: str = "", method: str = "REGISTER", uri: str = "sip:x"
) -> str:
    ha2 = hashlib.md5(f"{method}:{uri}".encode()).hexdigest()
    response = Algorithm.MD5.hash(f"{ha1('alice', REALM, password, Algorithm.MD5)}:{nonce}:{nc}:c:auth:{ha2}")
    return (
        f'Digest username="alice", realm="{REALM}", nonce="{nonce}", uri="{uri}", response="{response}", cnonce="c", '
        f"qop=auth, nc={nc}{more}"
    )


def register(*values: str) -> Message:
    headers = [("From", "<sip:a@b>;tag=1"), ("CSeq", "1 REGISTER"), *(("Authorization", value) for value in values)]
    return Message.request("REGISTER", "sip:x", headers)


def nonce_of(base: Digest, now: float = NOW) -> str:
    return base.challenges(now)[0].split('nonce="')[1].split('"')[0]


def test_the_only_right_credentials_are_accepted_once() -> None:
    base = digest()
    request = register(credentials(nonce_of(base)))
    assert base.accepted(request, "Proxy-Authorization", NOW) is None
    assert base.accepted(request, "Authorization", NOW) == "alice"
    assert base.accepted(request, "Authorization", NOW) is None  # a replay


@pytest.mark.parametrize("uris", [("sip:x", "sip:y"), ("sip:" + "x" * 200, "sip:x"), ("sip:x" * 30, "sip:x" * 29)])
def test_method_and_uri_are_part_of_the_proof_each_time(uris: tuple[str, str]) -> None:
    base = digest()
    for method in ("REGISTER", "OPTIONS"):
        for uri in (*uris, uris[0], uris[0]):
            right, wrong = credentials(nonce_of(base), method=method, uri=uri), credentials(nonce_of(base), uri=uri + "x")
            headers = [("Authorization", wrong.replace(f'uri="{uri}x"', f'uri="{uri}"'))]
            assert base.accepted(Message.request(method, uri, headers), "Authorization", NOW) is None
            assert base.accepted(Message.request(method, uri, [("Authorization", right)]), "Authorization", NOW) == "alice"


def test_what_is_not_accepted_changes_nothing() -> None:
    base = digest()
    nonce = nonce_of(base)
    right = credentials(nonce)
    for values in (
        (),
        (right, right),
        (credentials(nonce, password="wrong"),),
        (credentials(nonce, more=", nonce=x"),),
        (credentials(nonce, nc="x"),),
        (credentials(nonce, more=", username*=x"),),
        (credentials("0" + "x" * 40),),
        ("Basic x",),
    ):
        assert base.accepted(register(*values), "Authorization", NOW) is None
        assert base.tracked_nonces == 0
    assert base.accepted(register(right), "Authorization", NOW + 301) is None
    assert base.accepted(register(right), "Authorization", NOW) == "alice"


def test_the_worth_of_credentials() -> None:
    base = digest()
    nonce = nonce_of(base)
    assert base.weigh(credentials(nonce), "REGISTER", b"", NOW) == (DIGEST_ACCEPTED, "alice")
    assert base.weigh(credentials(nonce), "REGISTER", b"", NOW) == (DIGEST_STALE, "alice")
    assert base.weigh(credentials(nonce), "INVITE", b"", NOW) == (DIGEST_REFUSED, "alice")
    assert base.weigh(credentials(nonce).replace(REALM, "b.example"), "REGISTER", b"", NOW) is None
    with pytest.raises(ParseError) as caught:
        base.weigh(credentials(nonce).replace("uri", "url"), "REGISTER", b"", NOW)
    assert (caught.value.reason, caught.value.status, caught.value.header) == ("digest without uri", 400, None)


def test_a_key_that_nobody_knows_or_can_write_makes_a_nonce_stale() -> None:
    base = digest()
    nonce = nonce_of(base)
    for other in ("é" + nonce[1:], "1" + nonce[1:], nonce[:-1], nonce[:13], ""):
        found = base.weigh(credentials(other), "REGISTER", b"", NOW)
        assert found == (DIGEST_STALE, "alice"), other


def test_expired_nonces_are_forgotten() -> None:
    base = digest(lifetime_s=5)
    for second in range(60):
        now = NOW + second
        assert base.accepted(register(credentials(nonce_of(base, now))), "Authorization", now) == "alice"
        assert 1 <= base.tracked_nonces <= 12


def test_counts_are_kept_for_many_nonces() -> None:
    base = digest()
    answers = [credentials(nonce_of(base)) for _ in range(1000)]
    for expected in (DIGEST_ACCEPTED, DIGEST_STALE):
        assert {base.weigh(answer, "REGISTER", b"", NOW) for answer in answers} == {(expected, "alice")}
    assert base.tracked_nonces == 1000


def test_errors_of_the_credentials_are_passed_on() -> None:
    class Broken:
        def ha1(self, *_: object) -> str | None:
            raise OSError("no store")

    base = Digest(REALM, Broken(), KEYS, "a")
    with pytest.raises(OSError, match="no store"):
        base.accepted(register(credentials(nonce_of(base))), "Authorization", NOW)


@pytest.mark.parametrize("arguments", [(1, "Authorization", NOW), (register(), 1, NOW), (register(), "a", "b"), ()])
def test_other_arguments_are_refused(arguments: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError):
        digest().accepted(*arguments)
    with pytest.raises(TypeError):
        digest().weigh(*arguments)


def test_a_realm_and_keys_of_the_right_kind_are_wanted() -> None:
    with pytest.raises(ValueError, match="realm"):
        Digest("a\nb", Alice(), KEYS, "a")
    with pytest.raises(AttributeError):
        DigestBase("r", "h", Alice(), object(), "a", (), 1, 1)


@pytest.mark.parametrize("algorithm", ["", "SHA-1", 1])
def test_algorithms_are_those_we_know(algorithm: Any) -> None:
    with pytest.raises(ValueError, match="no algorithm of digest"):
        DigestBase(REALM, "Digest", Alice(), KEYS, "a", ("MD5", algorithm), 300, 10)
