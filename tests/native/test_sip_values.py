"""Uri, NameAddr and Via."""

import itertools

import pytest

from native.sip import NameAddr, ParseError, Uri, Via

# RFC 3261 section 19.1.4: each set is equivalent
EQUIVALENT = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    ("sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x"),
    # and what follows from its rules
    ("sip:a@[2001:DB8::1]", "sip:a@[2001:db8::1]"),
    ("sip:a@b;%6Cr", "sip:a@b;lr"),
    ("sip:a@b;x=%41", "sip:a@b;x=a"),
    ("tel:+1-201-555-0123", "tel:+1(201)555.0123"),
    ("tel:863-1234;phone-context=+1-914-555", "tel:8631234;Phone-Context=+1-914-555"),
    ("http://x/y", "HTTP://x/y"),
]
# and each of these is not
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:a@b", "sips:a@b"),
    ("sip:a@b", "sip:b"),
    ("sip:a:pw@b", "sip:a@b"),
    ("sip:a:pw@b", "sip:a:PW@b"),
    ("sip:a%3Bb@c", "sip:a;b@c"),  # reserved characters differ from their escapes
    ("sip:a@b;user=phone", "sip:a@b"),
    ("sip:a@b;ttl=1", "sip:a@b"),
    ("sip:a@b;method=INVITE", "sip:a@b"),
    ("sip:a@b;maddr=192.0.2.1", "sip:a@b"),
    ("sip:a@b;lr", "sip:a@b;lr=on"),
    ("sip:a@b?x=1&x=2", "sip:a@b?x=1&x=1"),
    ("sip:%00@a", "sip:%00%00@a"),
    ("tel:+12015550123", "tel:12015550123"),
    ("tel:1234;phone-context=a", "tel:1234"),
    ("http://x/y", "http://x/Y"),
]


@pytest.mark.parametrize(("one", "two"), EQUIVALENT)
def test_equivalent_uris(one: str, two: str) -> None:
    assert Uri(one) == Uri(two)
    assert Uri(two) == Uri(one)
    assert hash(Uri(one)) == hash(Uri(two))
    assert len({Uri(one), Uri(two)}) == 1


@pytest.mark.parametrize(("one", "two"), DIFFERENT)
def test_different_uris(one: str, two: str) -> None:
    assert Uri(one) != Uri(two)
    assert Uri(two) != Uri(one)


def test_every_uri_equals_itself_and_nothing_else() -> None:
    uris = [Uri(text) for text in {text for pair in EQUIVALENT + DIFFERENT for text in pair}]
    for one, two in itertools.product(uris, uris):
        assert (one == two) == (two == one)
        if one == two:
            assert hash(one) == hash(two)
    assert all(uri == Uri(uri.text) for uri in uris)
    assert Uri("sip:a@b") != "sip:a@b"
    with pytest.raises(TypeError):
        assert Uri("sip:a@b") < Uri("sip:b@b")  # type: ignore[operator]


def test_a_uri_has_its_parts() -> None:
    uri = Uri("SIPS:Al%69ce;x:p%77@Example.COM:5061;Transport=TLS;lr;maddr=192.0.2.1;X=%41?Subject=a&b=c")
    assert (uri.scheme, uri.user, uri.user_unescaped, uri.password) == ("sips", "Al%69ce;x", "Alice;x", "p%77")
    assert (uri.host, uri.host_is_ip, uri.port) == ("example.com", False, 5061)
    assert uri.params == {"transport": "TLS", "lr": None, "maddr": "192.0.2.1", "x": "%41"}
    assert (uri.transport, uri.lr, uri.maddr, uri.headers) == ("tls", True, "192.0.2.1", "Subject=a&b=c")
    assert uri.aor == "Alice;x@example.com"
    assert str(uri) == uri.text


def test_a_uri_with_little() -> None:
    uri = Uri("sip:[2001:DB8::1]")
    assert (uri.user, uri.user_unescaped, uri.password, uri.port, uri.transport, uri.maddr, uri.headers) == (None,) * 7
    assert (uri.host, uri.host_is_ip, uri.params, uri.lr, uri.aor) == ("2001:db8::1", True, {}, False, "2001:db8::1")
    assert Uri("sip:1.2.3.4").host_is_ip
    assert not Uri("sip:1.2.3.400").host_is_ip


def test_tel_and_other_schemes() -> None:
    tel = Uri("tel:+1-201;phone-context=example.com")
    assert (tel.scheme, tel.user, tel.host, tel.params, tel.aor) == (
        "tel",
        "+1-201",
        "",
        {"phone-context": "example.com"},
        "+1-201",
    )
    other = Uri("URN:service:sos")
    assert (other.scheme, other.text, other.user, other.host, other.params) == ("urn", "URN:service:sos", None, "", {})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "scheme"),
        ("sip", "scheme"),
        (":x", "scheme"),
        ("1sip:x", "scheme"),
        ("<sip:a@b>", "scheme"),
        ("sip:", "host"),
        ("sip:a@", "host"),
        ("sip:@b", "user"),
        ("sip:a b@c", "user"),
        ("sip:a@b@c", "bad character"),
        ("sip:a%4@b", "escape"),
        ("sip:a%zz@b", "escape"),
        ("sip:a@b:", "port"),
        ("sip:a@b:65536", "port"),
        ("sip:a@b:x", "port"),
        ("sip:a@[::1", "host"),
        ("sip:a@[1.2.3.4]", "host"),
        ("sip:a@2001:db8::1", "port"),
        ("sip:a@b..c", "host"),
        ("sip:a@b;", "parameter"),
        ("sip:a@b;;lr", "parameter"),
        ("sip:a@b;x=", "parameter"),
        ("sip:a@b;x=%4", "escape"),
        ("sip:a@b?", "headers"),
        ("sip:a@b?x=%", "escape"),
        ("sip:a@b\0", "bad character"),
        ("sip:a@b c", "bad character"),
        ("tel:", "user"),
        ("tel:abcxyz", "character"),
        ("http:", "character"),
        ("http://a b", "character"),
        ("sip:a@b" + ";x" * 65, "parameter"),
        ("sip:a@b?x" + "&x" * 65, "headers"),
    ],
)
def test_bad_uris_say_why(text: str, reason: str) -> None:
    with pytest.raises(ParseError, match=f"bad URI: .*{reason}") as caught:
        Uri(text)
    assert (caught.value.header, caught.value.status) == (None, 400)


def test_without_params() -> None:
    uri = Uri("sip:a@b;LR;x=1;lr=2;y?h=1")
    assert str(uri.without_params("lr", "Y")) == "sip:a@b;x=1?h=1"
    assert str(uri.without_params("nothing")) == uri.text
    assert str(Uri("sip:a@b").without_params("lr")) == "sip:a@b"
    assert str(Uri("tel:1;a=b").without_params("a")) == "tel:1"
    with pytest.raises(TypeError):
        uri.without_params(1)  # type: ignore[arg-type]


def test_build() -> None:
    assert (
        str(Uri.build("sip", "bob", "example.com", 5070, {"lr": None, "transport": "tcp"}))
        == "sip:bob@example.com:5070;lr;transport=tcp"
    )
    assert str(Uri.build("sips", None, "2001:db8::1")) == "sips:[2001:db8::1]"
    assert str(Uri.build("sip", None, "[2001:db8::1]", params={})) == "sip:[2001:db8::1]"
    for arguments in (
        ("sip", "a b", "x"),
        ("sip", None, ""),
        ("sip", None, "x", 70000),
        ("sip", None, "x", None, {"": None}),
        ("sip", None, "x\r\ny"),
    ):
        with pytest.raises(ParseError):
            Uri.build(*arguments)  # type: ignore[arg-type]


def test_name_addr_forms() -> None:
    full = NameAddr('"Bell, \\"A\\"" <sip:a@b;lr?x=y> ; TAG = 1928 ; q=0.5;x="a;b\\"" ;flag')
    assert (full.display, full.tag, full.uri.lr) == ('Bell, "A"', "1928", True)
    assert full.params == {"tag": "1928", "q": "0.5", "x": 'a;b"', "flag": None}
    bare = NameAddr("sip:a@b;tag=x")
    assert (bare.display, bare.tag, bare.uri.text, bare.uri.params) == (None, "x", "sip:a@b", {})
    assert NameAddr("<sip:a@b>").display is None
    assert NameAddr("caller<sip:a@b>").display == "caller"
    assert NameAddr('"" <sip:a@b>').display == ""
    assert NameAddr("Jürgen Ö <sip:a@b>").display == "Jürgen Ö"
    assert NameAddr('sip:a@b;x="<>"').params == {"x": "<>"}
    assert str(full) == full.text


def test_the_star_is_no_uri() -> None:
    star = NameAddr("*")
    assert star.is_star
    assert star.params == {}
    with pytest.raises(ParseError):
        _ = star.uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "<sip:a@b",
        "sip:a@b>",
        '"x <sip:a@b>',
        '"x" sip:a@b',
        "Bell, A <sip:a@b>",
        "a;b <sip:c@d>",
        "< sip:a@b >",
        "<>",
        "sip:a@b?x=y",
        "sip:a@b,c",
        "<sip:a@b>;",
        "<sip:a@b>;;x",
        "<sip:a@b>;=x",
        "<sip:a@b>;x=",
        '<sip:a@b>;x="y',
        "<sip:a@b> x",
        "<sip:a@b>;tag",
        "<sip:a@b>;tag=a b",
        "<sip:a@b>\r\n;x",
        "a\r\nb <sip:a@b>",
    ],
)
def test_bad_name_addrs(text: str) -> None:
    with pytest.raises(ParseError, match="bad address"):
        NameAddr(text)


def test_via_forms() -> None:
    via = Via(
        "SIP / 2.0 / tcp [2001:DB8::1] : 5062 ; Branch = z9hG4bKa ;rport=7;received=[2001:db8::9];maddr=192.0.2.1;ttl=1;x"
    )
    assert (via.version, via.transport, via.host, via.port) == ("2.0", "TCP", "2001:db8::1", 5062)
    assert (via.branch, via.has_rport, via.rport, via.received, via.maddr) == ("z9hG4bKa", True, 7, "2001:db8::9", "192.0.2.1")
    assert via.params == {
        "branch": "z9hG4bKa",
        "rport": "7",
        "received": "[2001:db8::9]",
        "maddr": "192.0.2.1",
        "ttl": "1",
        "x": None,
    }
    plain = Via("SIP/2.0/UDP Host.Example:5060;rport")
    assert (plain.sent_by, plain.host, plain.port, plain.branch) == ("host.example:5060", "host.example", 5060, None)
    assert (plain.has_rport, plain.rport, plain.received, plain.maddr) == (True, None, None, None)
    assert not Via("SIP/2.0/UDP a").has_rport
    assert Via("SIP/2.0/UDP a").sent_by == "a"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/UDPa",
        "XIP/2.0/UDP a",
        "SIP/2.0/UDP a b",
        "SIP/2.0/UDP a:",
        "SIP/2.0/UDP a:99999",
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0/UDP a;",
        "SIP/2.0/UDP a;;x",
        "SIP/2.0/UDP a;branch",
        "SIP/2.0/UDP a;branch=",
        "SIP/2.0/UDP a;rport=x",
        "SIP/2.0/UDP a;rport=65536",
        "SIP/2.0/UDP [::1;branch=x",
        'SIP/2.0/UDP a;x="',
    ],
)
def test_bad_vias(text: str) -> None:
    with pytest.raises(ParseError, match="bad Via") as caught:
        Via(text)
    assert caught.value.header == "Via"


def test_values_are_final_and_cannot_be_set() -> None:
    for kind, text in ((Uri, "sip:a@b"), (NameAddr, "sip:a@b"), (Via, "SIP/2.0/UDP a")):
        value = kind(text)
        with pytest.raises(AttributeError):
            value.text = "x"
        with pytest.raises(AttributeError):
            value.other = "x"
        with pytest.raises(TypeError):
            type("Sub", (kind,), {})
        with pytest.raises(TypeError):
            kind(b"sip:a@b")  # type: ignore[arg-type]
        assert text in repr(value)
