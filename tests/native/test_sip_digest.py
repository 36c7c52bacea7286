"""digest_params: parameters as a dict. DigestClaim: credentials, and the check of their response."""

import hashlib

import pytest

from native.sip import DigestClaim, ParseError, digest_params


@pytest.mark.parametrize(
    ("value", "params"),
    [
        ('Digest username="bob", nc=00000001', {"username": "bob", "nc": "00000001"}),
        ("DIGEST  Realm = x ,\tURI=sip:a@b;c=d?e", {"realm": "x", "uri": "sip:a@b;c=d?e"}),
        (r'digest a="x \"y\" \\, z",b="a=b,c"', {"a": r'x "y" \, z', "b": "a=b,c"}),
        ('Digest a="",', {"a": ""}),
        ('Digest a="é\udcff"', {"a": "é\udcff"}),
        ("Digest username*=UTF-8''%C3%A4", {"username*": "UTF-8''%C3%A4"}),
        ("Digest", {}),
        ("  Digest  ", {}),
        ("Basic a=b", None),
        ("Digests a=b", None),
        ("", None),
    ],
)
def test_what_the_grammar_allows(value: str, params: dict[str, str] | None) -> None:
    assert digest_params(value) == params


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Digest a", "bad digest parameter: bad parameter"),
        ("Digest a=", "bad digest parameter: bad parameter"),
        ("Digest a=,b=c", "bad digest parameter: bad parameter"),
        ("Digest =b", "bad digest parameter: bad parameter"),
        ("Digest a=b c=d", "bad digest parameter: bad parameter"),
        ("Digest a=b,,c=d", "bad digest parameter: bad parameter"),
        ('Digest a="b"c', "bad digest parameter: bad parameter"),
        ("Digest ü=b", "bad digest parameter: bad parameter"),
        ('Digest a="b', "bad digest parameter: bad quoted string"),
        ('Digest a="b\\"', "bad digest parameter: bad quoted string"),
        ("Digest a=b, A=c", "repeated digest parameter"),
    ],
)
def test_what_it_does_not(value: str, reason: str) -> None:
    with pytest.raises(ParseError) as caught:
        digest_params(value)
    assert (caught.value.reason, caught.value.header, caught.value.status) == (reason, None, 400)


def test_credentials_are_text() -> None:
    with pytest.raises(TypeError):
        digest_params(b"Digest a=b")  # type: ignore[arg-type]


# RFC 7616 section 3.9.1
MUFASA = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{}"'
)
RESPONSES = {
    "MD5": ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
    "SHA-256": ("sha256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
}


def claimed(value: str) -> DigestClaim:
    claim = DigestClaim.read(value)
    assert claim is not None
    return claim


@pytest.mark.parametrize("algorithm", RESPONSES)
def test_the_response_of_the_rfc_matches(algorithm: str) -> None:
    name, response = RESPONSES[algorithm]
    ha1 = hashlib.new(name, b"Mufasa:http-auth@example.org:Circle of Life").hexdigest()
    for written in (response, response.upper()):
        claim = claimed(MUFASA.format(algorithm, written))
        assert claim.matches(ha1, "GET", b"whatever")
        assert not claim.matches(ha1, "PUT", b"")
        assert not claim.matches(ha1[:-1] + "x", "GET", b"")
    for wrong in ("0" + response[1:], response[:-1] + "z", response[:-1], response + "0", ""):
        assert not claimed(MUFASA.format(algorithm, wrong)).matches(ha1, "GET", b"")


def test_what_a_claim_says() -> None:
    claim = claimed(r'digest USERNAME="a\"b",realm=é,qop=AUTH-Int,nc=0000000A,x=yyyyyy,algorithm=sha-256')
    assert (claim.username, claim.realm, claim.use_count, claim.algorithm) == ('a"b', "é", 10, "SHA-256")
    assert (claim.count, claim.fault, claim.nonce) == (6, "digest without nonce", None)
    assert not claim.matches("", "", b"")
    assert claimed("Digest username*=UTF-8''a").fault == "digest without nonce"
    assert claimed("Digest x=1").fault == "digest without username"
    assert claimed(f"Digest x={'y' * 513}").fault == "digest parameter too long"
    assert claimed("Digest nc=0000000g").use_count == claimed("Digest nc=1").use_count == claimed("Digest").use_count == 0
    assert [claimed(f"Digest algorithm={name}").algorithm for name in ("md5", "MD5-sess", "SHA-512-256")] == ["MD5", "", ""]


def test_other_schemes_and_broken_claims() -> None:
    assert DigestClaim.read("Basic a=b") is None
    for broken, reason in (("Digest a", "bad digest parameter"), ('Digest realm=a,Realm="b"', "repeated digest parameter")):
        with pytest.raises(ParseError, match=reason):
            DigestClaim.read(broken)
    with pytest.raises(TypeError):
        DigestClaim()
    for arguments in (("a", "b"), ("a", "b", "c"), (b"a", "b", b""), ("a", 1, b"")):
        with pytest.raises(TypeError):
            claimed("Digest").matches(*arguments)  # type: ignore[arg-type]
