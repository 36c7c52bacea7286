"""sipcore.digest_client: answers that the server's side takes, and when it gives up."""

from __future__ import annotations

from itertools import count

import pytest

from native.sip import Message
from sipcore.digest import Algorithm, Digest, DigestConfig, Outcome, ha1
from sipcore.digest_client import MAX_SPACES, DigestClient
from sipcore.digest_header import parse_credentials
from sipcore.keys import Key, KeyRing

NOW = 1000.0
URI = "sip:+4420@192.0.2.9"
NAMES = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}


class Accounts:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1("acct", realm, "s3cret", algorithm) if username == "acct" else None


def server(realm: str = "carrier.example", *algorithms: Algorithm, lifetime_s: int = 300) -> Digest:
    keys = KeyRing("nonce", Key("k", bytes(32)))
    config = DigestConfig(nonce_lifetime_s=lifetime_s)
    return Digest(realm, Accounts(), keys, "i", config, algorithms or tuple(Algorithm))


def client(password: str = "s3cret", username: str = "acct") -> DigestClient:
    numbers = count()
    return DigestClient(username, password, lambda: f"token{next(numbers)}")


def request(*headers: tuple[str, str]) -> Message:
    lines = [("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), ("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@d>"), ("Call-ID", "x")]
    return Message.request("INVITE", URI, [*lines, ("CSeq", "1 INVITE"), *headers])


def challenge(status: int, *values: str, to: Message | None = None) -> Message:
    return (to or request()).reply(status, headers=[(NAMES[status][0], value) for value in values])


def outcome(digest: Digest, headers: list[tuple[str, str]], now: float = NOW) -> Outcome:
    return digest.check([value for _, value in headers], "INVITE", b"", now).outcome


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_an_answer_is_accepted(status: int, algorithm: Algorithm) -> None:
    digest, ours = server("carrier.example", algorithm), client()
    assert ours.credentials("INVITE", URI) == []
    assert ours.challenged(request(), challenge(status, *digest.challenges(NOW)), 0)
    headers = ours.credentials("INVITE", URI)
    assert [name for name, _ in headers] == [NAMES[status][1]]
    assert outcome(digest, headers) is Outcome.ACCEPTED


def test_the_topmost_readable_challenge_is_answered() -> None:
    ours = client()
    values = ('Digest realm="r", nonce="a", algorithm=SHA-512-256, qop="auth"', 'Digest realm="r", nonce="b", qop="auth-int"')
    response = challenge(401, 'Basic realm="r"', *values, *server("r").challenges(NOW))
    assert ours.challenged(request(), response, 0)
    [(_, value)] = ours.credentials("INVITE", URI)
    assert (parse_credentials(value) or {})["algorithm"] == "SHA-256"


@pytest.mark.parametrize(
    "value",
    ['Basic realm="r"', 'Digest realm="r"', 'Digest nonce="n"', "Digest realm", 'Digest realm="r", nonce="n", qop="auth-int"'],
)
def test_what_can_not_be_answered_is_not(value: str) -> None:
    ours = client()
    assert not ours.challenged(request(), challenge(407, value), 0)
    assert ours.credentials("INVITE", URI) == []


def test_later_requests_bring_credentials_with_a_growing_count() -> None:
    digest, ours = server(), client()
    ours.challenged(request(), challenge(407, *digest.challenges(NOW)), 0)
    for use in (1, 2, 3):
        headers = ours.credentials("INVITE", URI)
        assert (parse_credentials(headers[0][1]) or {})["nc"] == f"{use:08x}"
        assert outcome(digest, headers) is Outcome.ACCEPTED


def test_a_stale_nonce_is_replaced_and_a_refusal_is_believed() -> None:
    digest, ours = server(lifetime_s=10), client()
    ours.challenged(request(), challenge(407, *digest.challenges(NOW)), 0)
    sent = request(*ours.credentials("INVITE", URI))
    assert outcome(digest, ours.credentials("INVITE", URI), NOW + 60) is Outcome.STALE
    assert ours.challenged(sent, challenge(407, *digest.challenges(NOW + 60, stale=True)), 1)
    headers = ours.credentials("INVITE", URI)
    assert outcome(digest, headers, NOW + 60) is Outcome.ACCEPTED
    assert not ours.challenged(request(*headers), challenge(407, *digest.challenges(NOW + 61)), 2)


def test_a_nonce_that_was_forgotten_without_a_word_costs_one_more_try() -> None:
    ours = client()
    ours.challenged(request(), challenge(407, *server().challenges(NOW)), 0)
    sent = request(*ours.credentials("INVITE", URI))
    assert ours.challenged(sent, challenge(407, *server().challenges(NOW + 5)), 0)


def test_a_server_that_never_has_enough_is_left() -> None:
    ours = client()
    answered = 0
    while ours.challenged(request(), challenge(407, *server(f"realm{answered}").challenges(NOW)), answered):
        answered += 1
    assert answered == 3


def test_proxy_and_server_on_the_way_both_get_credentials() -> None:
    proxy, registrar, ours = server("proxy"), server("home"), client()
    assert ours.challenged(request(), challenge(407, *proxy.challenges(NOW)), 0)
    sent = request(*ours.credentials("INVITE", URI))
    assert ours.challenged(sent, challenge(401, *registrar.challenges(NOW)), 1)
    headers = dict(ours.credentials("INVITE", URI))
    assert outcome(proxy, [("", headers["Proxy-Authorization"])]) is Outcome.ACCEPTED
    assert outcome(registrar, [("", headers["Authorization"])]) is Outcome.ACCEPTED


def test_without_qop_as_rfc_2069_wants_it() -> None:
    ours = client("Circle Of Life", "Mufasa")
    value = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="o\\"p"'
    assert ours.challenged(request(), challenge(401, value), 0)
    fields = parse_credentials(ours.credentials("INVITE", URI)[0][1]) or {}
    assert not {"nc", "cnonce", "qop", "algorithm"} & fields.keys()
    assert fields["opaque"] == 'o"p'
    md5 = Algorithm.MD5.hash
    secret = ha1("Mufasa", "testrealm@host.com", "Circle Of Life", Algorithm.MD5)
    assert fields["response"] == md5(f"{secret}:{fields['nonce']}:{md5(f'INVITE:{URI}')}")


def test_the_next_nonce_is_taken_over() -> None:
    digest, ours = server(), client()
    ours.challenged(request(), challenge(407, *digest.challenges(NOW)), 0)
    ours.credentials("INVITE", URI)
    ours.confirmed(request().reply(200, headers=[("Proxy-Authentication-Info", 'nextnonce="fresh", qop=auth')]))
    fields = parse_credentials(ours.credentials("INVITE", URI)[0][1]) or {}
    assert (fields["nonce"], fields["nc"]) == ("fresh", "00000001")


def test_realms_are_kept_within_bounds() -> None:
    ours = client()
    for number in range(3 * MAX_SPACES):
        ours.challenged(request(), challenge(407, *server(f"r{number}").challenges(NOW)), 0)
    assert len(ours.credentials("INVITE", URI)) == MAX_SPACES
