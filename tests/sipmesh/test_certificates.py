"""Certificate files of the configuration: what is said of bad ones, and that good ones serve."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from interop.certificates import Authority, openssl
from sipmesh.certificates import CertificateError, load_certificates
from sipmesh.config_load import ConfigError, Loaded, parse_config

TLS = """\
[node]
name = "a"
[[listen]]
transport = "tls"
address = "127.0.0.1:5061"
advertise = "example.com:5061"
certificate = "{certificate}"
key = "{key}"
"""
DOMAIN = """\
[[domain]]
name = "b.test"
certificate = "{certificate}"
key = "{key}"
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.issue("good", "DNS:example.com")
    made.issue("sip", "URI:sip:b.test", "DNS:example.com")
    made.issue("old", "DNS:example.com", days=-1)
    made.issue("rsa", "DNS:example.com", kind="rsa")
    Path(made.folder / "text.pem").write_text("no certificate\n")
    return made


def load(authority: Authority, text: str = TLS, *, certificate: str = "good.pem", key: str = "good.key") -> Loaded:
    return parse_config(text.format(certificate=certificate, key=key), "f.toml", base=authority.folder)


def test_good_files_become_contexts(authority: Authority) -> None:
    loaded = load(authority, TLS + DOMAIN.replace("{certificate}", "sip.pem").replace("{key}", "sip.key"))
    assert not loaded.warnings
    assert loaded.config.listen[0].certificate == str(authority.folder / "good.pem")
    assert list(load_certificates(loaded.config)) == [0]


def test_rsa_serves_too(authority: Authority) -> None:
    assert not load(authority, certificate="rsa.pem", key="rsa.key").warnings


@pytest.mark.parametrize(
    ("certificate", "key", "line", "place", "said"),
    [
        ("none.pem", "good.key", 7, "listen.1.certificate", "none.pem can't be read: No such file or directory"),
        ("good.pem", "none.key", 8, "listen.1.key", "none.key can't be read: No such file or directory"),
        ("text.pem", "good.key", 7, "listen.1.certificate", "text.pem holds no certificate in PEM form"),
        ("good.pem", "text.pem", 8, "listen.1.key", "text.pem holds no key in PEM form"),
        ("good.pem", "sip.key", 8, "listen.1.key", "sip.key is not the key of"),
        (".", "good.key", 7, "listen.1.certificate", "can't be read: Is a directory"),
    ],
)
def test_a_bad_file_is_named_with_line_and_key(
    authority: Authority, certificate: str, key: str, line: int, place: str, said: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(authority, certificate=certificate, key=key)
    [problem] = caught.value.problems
    assert (problem.line, problem.key) == (line, place)
    assert said in problem.message


def test_an_encrypted_key_is_refused_without_asking(authority: Authority) -> None:
    locked = str(authority.folder / "locked.key")
    openssl("pkey", "-in", str(authority.folder / "good.key"), "-aes128", "-passout", "pass:x", "-out", locked)
    with pytest.raises(ConfigError, match="the key is encrypted"):
        load(authority, key="locked.key")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (TLS.replace('key = "{key}"\n', ""), 3, "key is missing"),
        (TLS.replace('certificate = "{certificate}"\n', ""), 3, "certificate is missing"),
        (TLS.replace('"tls"', '"tcp"'), 7, 'is for transport = "tls", not for tcp'),
        (TLS + DOMAIN.replace('key = "{key}"\n', ""), 11, "needs key beside it"),
        (TLS + 'client_ca = "none.pem"\n', 9, "none.pem can't be read"),
        (TLS + '[tls]\nca = "text.pem"\n', 10, "holds no certificate"),
    ],
)
def test_what_keys_owe_each_other(authority: Authority, text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(authority, text)
    first = caught.value.problems[0]
    assert (first.line, said in first.message) == (line, True), first


@pytest.mark.parametrize(
    ("text", "names", "said"),
    [
        (TLS, "old", "old.pem will be refused by peers: certificate has expired"),
        (TLS, "sip", "is for b.test, not for example.com, which our Via and Record-Route name; set advertise"),
        (TLS.replace('advertise = "example.com:5061"\n', ""), "good", "is for example.com, not for 127.0.0.1"),
        (DOMAIN + TLS.replace('"tls"', '"udp"').partition("certificate")[0], "good", "is not used: no [[listen]]"),
    ],
)
def test_what_peers_will_refuse_is_a_warning(authority: Authority, text: str, names: str, said: str) -> None:
    [warning] = load(authority, text, certificate=f"{names}.pem", key=f"{names}.key").warnings
    assert said in warning.message
    assert warning.key.endswith("certificate")


def test_files_that_are_gone_later(authority: Authority, tmp_path: Path) -> None:
    made = Authority(tmp_path)
    files = made.issue("short", "DNS:example.com")
    config = load(made, certificate="short.pem", key="short.key").config
    Path(files.key).unlink()
    with pytest.raises(CertificateError, match=r"short\.key can't be read"):
        load_certificates(config)


def test_keys_of_the_tests_are_private(authority: Authority) -> None:
    assert not stat.S_IMODE(Path(authority.folder / "good.key").stat().st_mode) & 0o077
