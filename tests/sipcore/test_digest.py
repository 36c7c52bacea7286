"""sipcore.digest: challenges, checks, replay, bounds."""

import re

import pytest

from sipcore.digest import Algorithm, Digest, DigestConfig, Outcome, Verdict, ha1
from sipcore.keys import Key, KeyRing

REALM = "example.com"
URI = "sip:example.com"
NOW = 1_800_000_000.0
KEYS = KeyRing("nonce", Key("0", b"k" * 32))


class Passwords:
    """Credentials of users given as name → password; counts the look-ups."""

    def __init__(self, passwords: dict[str, str]) -> None:
        self.passwords = passwords
        self.asked: list[str] = []

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        self.asked.append(username)
        password = self.passwords.get(username)
        return None if password is None else ha1(username, realm, password, algorithm)


def make(config: DigestConfig | None = None, keys: KeyRing = KEYS, instance: str = "a") -> Digest:
    return Digest(REALM, Passwords({"alice": "secret", 'quo"te': "q\\p", "Jäsøn": "pw"}), keys, instance, config)


def nonce_of(challenge: str) -> str:
    match = re.search(r'nonce="([^"]+)"', challenge)
    assert match
    return match[1]


def answer(
    nonce: str,
    *,
    username: str = "alice",
    password: str = "secret",
    algorithm: Algorithm = Algorithm.MD5,
    method: str = "REGISTER",
    nc: str = "00000001",
    qop: str = "auth",
    realm: str = REALM,
    body: bytes = b"",
    name_field: str | None = None,
) -> str:
    entity = ":" + algorithm.hash(body.decode()) if qop == "auth-int" else ""
    ha2 = algorithm.hash(f"{method}:{URI}{entity}")
    response = algorithm.hash(f"{ha1(username, realm, password, algorithm)}:{nonce}:{nc}:c0:{qop}:{ha2}")
    name = name_field or f'username="{username}"'
    return (
        f'Digest {name}, realm="{realm}", nonce="{nonce}", uri="{URI}", response="{response}", '
        f'algorithm={algorithm.value}, cnonce="c0", qop={qop}, nc={nc}'
    )


def check(digest: Digest, *values: str, method: str = "REGISTER", now: float = NOW, body: bytes = b"") -> Verdict:
    return digest.check(list(values), method, body, now)


def fresh_nonce(digest: Digest, now: float = NOW) -> str:
    return nonce_of(digest.challenges(now)[0])


def test_one_challenge_per_algorithm_strongest_first() -> None:
    challenges = make().challenges(NOW)
    assert [re.search(r"algorithm=([\w-]+)", challenge)[1] for challenge in challenges] == ["SHA-256", "MD5"]  # type: ignore[index]
    assert all('qop="auth"' in challenge and f'realm="{REALM}"' in challenge for challenge in challenges)
    assert not any("stale" in challenge for challenge in challenges)
    assert all(challenge.endswith("stale=true") for challenge in make().challenges(NOW, stale=True))


def test_a_realm_can_do_with_fewer_algorithms() -> None:
    digest = Digest(REALM, Passwords({"alice": "secret"}), KEYS, "a", algorithms=(Algorithm.MD5,))
    (challenge,) = digest.challenges(NOW)
    assert "algorithm=MD5" in challenge
    nonce = nonce_of(challenge)
    assert check(digest, answer(nonce, algorithm=Algorithm.SHA_256)).outcome is Outcome.MISSING
    assert check(digest, answer(nonce)).outcome is Outcome.ACCEPTED


def test_nonces_differ_within_one_second_and_between_processes() -> None:
    one, other = make(instance="a"), make(instance="b")
    nonces = [fresh_nonce(digest) for digest in (one, one, other, other)]
    assert len(set(nonces)) == 4


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_the_right_password_is_accepted(algorithm: Algorithm) -> None:
    digest = make()
    verdict = check(digest, answer(fresh_nonce(digest), algorithm=algorithm))
    assert verdict == Verdict(Outcome.ACCEPTED, "alice")


def test_the_example_of_rfc_7616_section_3_9_1() -> None:
    """The algorithm itself, with the RFC's numbers (realm, nonce and URI are not SIP's)."""
    for algorithm, response in (
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm.SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ):
        secret = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm)
        ha2 = algorithm.hash("GET:/dir/index.html")
        nonce, cnonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
        assert algorithm.hash(f"{secret}:{nonce}:00000001:{cnonce}:auth:{ha2}") == response


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"password": "wrong"}, Outcome.REFUSED),
        ({"username": "mallory"}, Outcome.REFUSED),
        ({"realm": "elsewhere.org"}, Outcome.MISSING),
        ({"method": "INVITE"}, Outcome.REFUSED),
        ({"nc": "00000000"}, Outcome.MALFORMED),
        ({"nc": "1"}, Outcome.MALFORMED),
        ({"nc": "0000000g"}, Outcome.MALFORMED),
        ({"qop": "auth-conf"}, Outcome.MALFORMED),
    ],
)
def test_what_is_wrong_decides_the_outcome(changes: dict[str, str], outcome: Outcome) -> None:
    digest = make()
    assert check(digest, answer(fresh_nonce(digest), **changes)).outcome is outcome  # type: ignore[arg-type]


def test_an_unknown_user_is_looked_up_and_answered_like_a_wrong_password() -> None:
    credentials = Passwords({"alice": "secret"})
    digest = Digest(REALM, credentials, KEYS, "a")
    unknown = check(digest, answer(fresh_nonce(digest), username="bob"))
    wrong = check(digest, answer(fresh_nonce(digest), password="wrong"))
    assert unknown.outcome is wrong.outcome is Outcome.REFUSED
    assert credentials.asked == ["bob", "alice"]


def test_no_credentials_are_missing_not_malformed() -> None:
    digest = make()
    assert check(digest) == Verdict(Outcome.MISSING)
    assert check(digest, "Basic YWxpY2U6c2VjcmV0").outcome is Outcome.MISSING


def test_an_unknown_algorithm_is_passed_over() -> None:
    digest = make()
    nonce = fresh_nonce(digest)
    unknown = answer(nonce).replace("algorithm=MD5", "algorithm=SHA-1024")
    assert check(digest, unknown).outcome is Outcome.MISSING
    assert check(digest, unknown, answer(nonce)).outcome is Outcome.ACCEPTED


def test_no_algorithm_means_md5() -> None:
    digest = make()
    value = answer(fresh_nonce(digest)).replace("algorithm=MD5, ", "")
    assert check(digest, value).outcome is Outcome.ACCEPTED


def test_a_nonce_serves_several_requests_with_rising_counts() -> None:
    digest = make()
    nonce = fresh_nonce(digest)
    counts = ["00000001", "00000002", "0000000a"]
    assert [check(digest, answer(nonce, nc=nc)).outcome for nc in counts] == [Outcome.ACCEPTED] * 3
    assert check(digest, answer(nonce, nc="00000002")).outcome is Outcome.STALE


def test_a_replayed_count_is_stale() -> None:
    digest = make()
    value = answer(fresh_nonce(digest))
    assert [check(digest, value).outcome for _ in range(2)] == [Outcome.ACCEPTED, Outcome.STALE]


def test_a_wrong_password_does_not_use_up_the_count() -> None:
    digest = make()
    nonce = fresh_nonce(digest)
    assert check(digest, answer(nonce, password="wrong", nc="ffffffff")).outcome is Outcome.REFUSED
    assert check(digest, answer(nonce)).outcome is Outcome.ACCEPTED


def test_an_old_nonce_is_stale_only_with_the_right_password() -> None:
    digest = make(DigestConfig(nonce_lifetime_s=60))
    nonce = fresh_nonce(digest)
    assert check(digest, answer(nonce), now=NOW + 61).outcome is Outcome.STALE
    assert check(digest, answer(nonce, password="wrong"), now=NOW + 61).outcome is Outcome.REFUSED
    assert check(digest, answer(nonce), now=NOW + 60).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("nonce", ["", "x", "zzzzzzzz.a.0AAAAAAAAAAAA", "." * 40, "6b49d200.a.\x800123456789ab"])
def test_a_nonce_of_somebody_else_is_stale(nonce: str) -> None:
    assert check(make(), answer(nonce)).outcome is Outcome.STALE


def test_a_nonce_of_another_realm_with_the_same_keys_is_stale() -> None:
    other = Digest("example.org", Passwords({}), KEYS, "a")
    assert check(make(), answer(fresh_nonce(other))).outcome is Outcome.STALE


def test_nonces_survive_a_restart_and_a_key_change() -> None:
    nonce = fresh_nonce(make(instance="before"))
    rotated = KeyRing("nonce", Key("1", b"n" * 32), old=[Key("0", b"k" * 32)])
    assert check(make(keys=rotated, instance="after"), answer(nonce)).outcome is Outcome.ACCEPTED
    dropped = KeyRing("nonce", Key("1", b"n" * 32))
    assert check(make(keys=dropped, instance="after"), answer(nonce)).outcome is Outcome.STALE


def test_the_best_of_several_credentials_counts() -> None:
    digest = make()
    nonce = fresh_nonce(digest)
    right, wrong = answer(nonce), answer(nonce, password="wrong", algorithm=Algorithm.SHA_256)
    other_realm = answer(nonce, realm="proxy.example.net")
    assert check(digest, other_realm, wrong, right).outcome is Outcome.ACCEPTED
    assert check(digest, "Digest !!!", other_realm, wrong).outcome is Outcome.REFUSED


def test_only_a_few_credentials_of_our_realm_are_tried() -> None:
    credentials = Passwords({"alice": "secret"})
    digest = Digest(REALM, credentials, KEYS, "a")
    nonce = fresh_nonce(digest)
    values = [answer(nonce, username=f"nobody{number}") for number in range(200)] + [answer(nonce)]
    assert check(digest, *values).outcome is Outcome.REFUSED
    assert len(credentials.asked) == 4


def test_who_was_found_is_not_asked_for_again_and_who_is_unknown_takes_no_room() -> None:
    credentials = Passwords({"alice": "secret"})
    digest = Digest(REALM, credentials, KEYS, "a")
    for _ in range(2):
        for username in ("alice", "nobody"):
            check(digest, answer(fresh_nonce(digest), username=username))
        assert check(digest, answer(fresh_nonce(digest), algorithm=Algorithm.SHA_256)).outcome is Outcome.ACCEPTED
    assert credentials.asked == ["alice", "nobody", "alice", "nobody"]


def test_secrets_that_were_found_can_be_forgotten() -> None:
    passwords = Passwords({"alice": "secret"})
    digest = Digest(REALM, passwords, KEYS, "a")
    for _ in range(2):
        digest.forget_secrets()
        value = answer(nonce_of(digest.challenges(NOW)[0]))
        assert digest.check([value], "REGISTER", b"", NOW).outcome is Outcome.ACCEPTED
    assert passwords.asked == ["alice", "alice"]


def test_auth_int_covers_the_body() -> None:
    digest = make()
    value = answer(fresh_nonce(digest), qop="auth-int", body=b"v=0")
    assert check(digest, value, body=b"v=1").outcome is Outcome.REFUSED
    assert check(digest, value, body=b"v=0").outcome is Outcome.ACCEPTED


def test_quoted_pairs_are_undone() -> None:
    digest = make()
    value = answer(fresh_nonce(digest), username='quo"te', password="q\\p", name_field=r'username="quo\"te"')
    assert check(digest, value) == Verdict(Outcome.ACCEPTED, 'quo"te')


def test_an_extended_username_is_decoded() -> None:
    digest = make()
    value = answer(fresh_nonce(digest), username="Jäsøn", password="pw", name_field="username*=UTF-8''J%C3%A4s%C3%B8n")
    assert check(digest, value) == Verdict(Outcome.ACCEPTED, "Jäsøn")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Digest", "digest without parameters"),
        ("Digest username", "bad digest parameter: bad parameter"),
        ('Digest username="alice', "bad digest parameter: bad quoted string"),
        ('Digest realm="example.com" nonce="x"', "bad digest parameter: bad parameter"),
        ('Digest realm="example.com", realm="example.com"', "repeated digest parameter"),
        (f'Digest realm="example.com", username="{"a" * 513}"', "digest parameter too long"),
        ('Digest realm="example.com"', "digest without username"),
        ("Digest realm=\"example.com\", username*=UTF-8''%ff", "digest username* malformed"),
        ("Digest realm=\"example.com\", username*=latin1''x", "digest username* malformed"),
    ],
)
def test_malformed_credentials_say_what_is_wrong(value: str, reason: str) -> None:
    assert check(make(), value) == Verdict(Outcome.MALFORMED, reason=reason)


@pytest.mark.parametrize("name", ["username", "nonce", "uri", "response", "cnonce", "nc", "qop"])
def test_every_required_parameter_is_missed(name: str) -> None:
    digest = make()
    value = re.sub(rf'(?<=[ ,]){name}=("[^"]*"|\w+)(, )?', "", answer(fresh_nonce(digest))).rstrip(", ")
    verdict = check(digest, value)
    assert verdict == Verdict(Outcome.MALFORMED, reason=f"digest without {name}")


def test_the_table_of_counts_is_bounded_and_leaves_no_replay_open() -> None:
    digest = make(DigestConfig(nonce_lifetime_s=1000, max_tracked_nonces=10))
    used = [answer(fresh_nonce(digest, NOW + second)) for second in range(50)]
    for second, value in enumerate(used):
        assert check(digest, value, now=NOW + second).outcome is Outcome.ACCEPTED
    assert [check(digest, value, now=NOW + 50).outcome for value in used] == [Outcome.STALE] * 50
    assert check(digest, answer(fresh_nonce(digest, NOW + 51)), now=NOW + 51).outcome is Outcome.ACCEPTED


def test_expired_nonces_make_room_without_harm() -> None:
    digest = make(DigestConfig(nonce_lifetime_s=5, max_tracked_nonces=3))
    for second in range(0, 60, 3):
        late = answer(fresh_nonce(digest, NOW + second))
        assert check(digest, late, now=NOW + second + 4).outcome is Outcome.ACCEPTED


def test_the_realm_is_quoted() -> None:
    digest = Digest('a"b\\c', Passwords({}), KEYS, "a")
    assert r'realm="a\"b\\c"' in digest.challenges(NOW)[0]
