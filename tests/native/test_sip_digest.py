"""digest_params: credentials as a dict."""

import pytest

from native.sip import ParseError, digest_params


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
