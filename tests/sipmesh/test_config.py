"""Loading of configurations: what a good one becomes, and what is said of each mistake."""

from pathlib import Path

import pytest

from sipmesh.config import Config, Limits, Trunk, TrunkTarget
from sipmesh.config_load import ConfigError, Problem, load_config, parse_config

GOOD = """\
[node]
name = "a"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[domain]]
name = "example.com"
"""

FULL = """\
[node]
name = "a"
data = "var/a"                      # LMDB, sockets, keys
[[listen]]
transport = "udp"                   # udp tcp
address = "127.0.0.1:5060"
advertise = "203.0.113.5:5060"
[[domain]]
name = "example.com"
auth = true
[[user]]
aor = "alice@example.com"
password = "secret"
[[trunk]]
name = "carrier"
targets = ["sip:192.0.2.10:5060", { uri = "sip:192.0.2.11", weight = 3 }]
sources = ["192.0.2.0/24"]
transit = false
register = { aor = "acct@carrier.example", password = "..." }
[[route]]
match = "+44*"
from = "alice@example.com"
source = "192.0.2.0/24"
strip = 1
prefix = "00"
to = "trunk:carrier"
[media]
anchor = true
address = "127.0.0.1"
advertise = "203.0.113.5"
ports = "20000-29999"
fastpath = "auto"
send_raw = false
ng = "127.0.0.1:2223"
ng_allow = ["127.0.0.0/8"]
[limits]
exempt = ["127.0.0.0/8"]
[console]
address = "127.0.0.1:8080"
[mesh]
secret = "mesh.key"
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(ConfigError) as caught:
        parse_config(text, "sipmesh.toml")
    return caught.value.problems


def test_every_table_of_a_full_file_is_read() -> None:
    config = parse_config(FULL, base=Path("/srv")).config
    assert config.node.data == "/srv/var/a"
    assert (config.listen[0].host, config.listen[0].port) == ("127.0.0.1", 5060)
    assert config.domain[0].auth
    assert config.user[0].aor == "alice@example.com"
    assert config.trunk[0].targets == (TrunkTarget(uri="sip:192.0.2.10:5060"), TrunkTarget(uri="sip:192.0.2.11", weight=3))
    assert (config.route[0].match, config.route[0].from_, config.route[0].strip) == ("+44*", "alice@example.com", 1)
    assert config.media.port_range == (20000, 29999)
    assert config.limits == Limits(exempt=("127.0.0.0/8",))
    assert config.console is not None


def test_what_this_version_does_not_do_is_a_warning_with_its_line() -> None:
    warnings = parse_config(FULL, "f.toml").warnings
    assert [(each.line, each.key) for each in warnings] == [(40, "mesh")]
    assert str(warnings[0]) == "f.toml:40: mesh: warning: this version runs single nodes; the table has no effect"


def test_defaults_come_from_other_keys() -> None:
    config = parse_config(GOOD, base=Path("/srv")).config
    assert config.node.data == "/srv/var/a"
    assert config.media.address == "127.0.0.1"
    assert config.console is None


def test_a_wildcard_listener_gives_the_media_a_real_address() -> None:
    config = parse_config(GOOD.replace("127.0.0.1", "0.0.0.0")).config
    assert config.media.address not in ("", "0.0.0.0")


def test_ipv6_addresses_are_written_in_brackets() -> None:
    config = parse_config(GOOD.replace("127.0.0.1:", "[0:0::1]:")).config
    assert (config.listen[0].host, config.media.address) == ("::1", "::1")


def test_a_configuration_is_frozen() -> None:
    config = parse_config(GOOD).config
    with pytest.raises(AttributeError):
        config.node = None  # type: ignore[misc, assignment]


LISTEN = '[[listen]]\ntransport = "udp"\n'
TRUNK = '[[trunk]]\nname = "c"\nsources = ["::1"]\n'
TARGET = '[[trunk]]\nname = "c"\ntargets = ["sip:192.0.2.1"]\n'
ROUTE = '[[route]]\nto = "user:a@example.com"\n'

MISTAKES = {
    # text put after GOOD → (line after GOOD, key, a part of the message)
    '[node2]\nname = "b"': (1, "node2", "did you mean node?"),
    '[[listen]]\ntransport = "sctp"\naddress = "127.0.0.1:1"': (2, "listen.2.transport", 'write "udp" or "tcp" or "tls"'),
    LISTEN + '\naddress = "localhost:1"': (4, "listen.2.address", "'localhost' is no numeric address"),
    LISTEN + 'address = "127.0.0.1"': (3, "listen.2.address", "has no port; write address:port"),
    LISTEN + 'address = "127.0.0.1:70000"': (3, "listen.2.address", "from 1 to 65535"),
    LISTEN + 'address = "127.0.0.1:0"': (3, "listen.2.address", "from 1 to 65535"),
    LISTEN + 'address = "::1:5060"': (3, "listen.2.address", "without brackets; write [::1]:5060"),
    '[[listen]]\ntransport = "udp"': (1, "listen.2", "address is missing; write a text in quotes"),
    LISTEN + 'adress = ""\naddress = "127.0.0.1:1"': (3, "listen.2.adress", "did you mean address?"),
    LISTEN + 'address = "127.0.0.1:5060"': (3, "listen.2.address", "is the same as that of [[listen]] 1"),
    '[[domain]]\nname = "exa mple"': (2, "domain.2.name", "is no domain name"),
    '[[domain]]\nname = "EXAMPLE.com"': (2, "domain.2.name", "is the same as that of [[domain]] 1"),
    '[[domain]]\nname = "b"\nauth = "yes"': (3, "domain.2.auth", "is 'yes'; write true or false"),
    '[[domain]]\nname = "b"\ndigest = ["SHA-1"]': (3, "domain.2.digest.1", 'write "SHA-256" or "MD5"'),
    '[[domain]]\nname = "b"\ndigest = []': (3, "domain.2.digest", "is empty"),
    '[[domain]]\nname = "b"\ndigest = ["MD5", "MD5"]': (3, "domain.2.digest", "names an algorithm twice"),
    '[[user]]\naor = "sip:a@example.com"\npassword = "x"': (2, "user.1.aor", "write user@domain, without sip:"),
    '[[user]]\naor = "a@example.org"\npassword = "x"': (2, "user.1.aor", 'add [[domain]] name = "example.org"'),
    '[[user]]\naor = "a@example.com"\npassword = ""': (3, "user.1.password", "is empty"),
    '[[user]]\naor = "a@example.com"\npassword = 123': (3, "user.1.password", "has a wrong value; write a text in quotes"),
    '[user]\naor = "a@example.com"': (1, "user", "write [[user]]"),
    '[[trunk]]\nname = "c"': (1, "trunk.1", "neither targets nor sources"),
    '[[trunk]]\nname = "c d"\nsources = []\ntargets = ["sip:192.0.2.1"]': (2, "trunk.1.name", "is no name"),
    '[[trunk]]\nname = "c"\ntargets = [\n "sip:a", # first\n "b",\n]': (5, "trunk.1.targets.2.uri", "is no SIP URI"),
    '[[trunk]]\nname = "c"\ntargets = "sip:192.0.2.1"': (3, "trunk.1.targets", "write an array"),
    '[[trunk]]\nname = "c"\nsources = ["192.0.2.1/24"]': (3, "trunk.1.sources.1", "write one like 192.0.2.0/24"),
    '[[trunk]]\nname = "c"\nsources = ["x"]\n': (3, "trunk.1.sources.1", "'x' is no network"),
    TRUNK + 'max_calls = -1': (4, "trunk.1.max_calls", "is -1; write a whole number, 0 or more"),
    TRUNK + 'max_calls = 1.5': (4, "trunk.1.max_calls", "is 1.5; write a whole number"),
    TRUNK + 'first_response_s = 0': (4, "trunk.1.first_response_s", "write a number, above 0"),
    TRUNK + 'register = { aor = "a@b", password = "x" }': (4, "trunk.1.register", "needs targets"),
    TARGET + 'register = { aor = "a@b" }': (4, "trunk.1.register", "password is missing"),
    TARGET + 'register = { aor = "a", password = "x" }': (4, "trunk.1.register.aor", "write user@domain"),
    TARGET + 'register = { aor = "a@b", password = "x", expires_s = 0 }': (4, "trunk.1.register.expires_s", "1 or more"),
    TARGET + 'register = "x"': (4, "trunk.1.register", "must be a table { ... }"),
    '[[user]]\naor = "a@example.com"\npassword = "x"\n[[trunk]]\nname = "c"\nincoming = { username = "a", password = "x" }': (
        6,
        "trunk.1.incoming.username",
        "is that of a [[user]] too",
    ),
    '[[trunk]]\nname = "c"\nincoming = { username = "a" }': (3, "trunk.1.incoming", "password is missing"),
    TARGET + 'from = "account"': (4, "trunk.1.from", "add register"),
    TARGET + 'from = "me"': (4, "trunk.1.from", 'write "caller" or "identity" or "account"'),
    TARGET + 'numbers = { sent = "national" }': (4, "trunk.1.numbers.sent", "give country too"),
    TARGET + 'numbers = { received = "national" }': (4, "trunk.1.numbers.received", "give country too"),
    TARGET + 'numbers = { sent = "E164" }': (4, "trunk.1.numbers.sent", '"as-is" or "e164" or "plain" or "national"'),
    TARGET + 'numbers = { country = "+44" }': (4, "trunk.1.numbers.country", "write its digits, like 44"),
    TARGET + 'numbers = { national_prefix = "x" }': (4, "trunk.1.numbers.national_prefix", "write up to 8 digits"),
    TARGET + 'numbers = { international_prefix = "" }': (4, "trunk.1.numbers.international_prefix", "is empty"),
    TARGET + 'numbers = { uri = "tel", sent = "plain" }': (4, "trunk.1.numbers.uri", 'write sent = "e164"'),
    TARGET + 'numbers = { form = "e164" }': (4, "trunk.1.numbers.form", "known: country"),
    TARGET + 'numbers = "e164"': (4, "trunk.1.numbers", "must be a table { ... }"),
    '[[user]]\naor = "a@example.com"\npassword = "x"\ncaller_ids = ["x"]': (4, "user.1.caller_ids.1", "is no number"),
    TARGET + 'credentials = { username = "", password = "x" }': (4, "trunk.1.credentials.username", "is no username"),
    TARGET + 'credentials = { username = "u", password = "" }': (4, "trunk.1.credentials.password", "is empty"),
    '[[trunk]]\nname = "c"\ntargets = [{ uri = "sip:a", cost = 1 }]': (3, "trunk.1.targets.1.cost", "known: uri, weight"),
    '[[trunk]]\nname = "c"\ntargets = [{ uri = "sip:a", weight = 65536 }]': (3, "trunk.1.targets.1.weight", "at most 65535"),
    '[[route]]\nmatch = "1"': (1, "route.1", "to is missing"),
    '[[route]]\nmatch = "+*4"\nto = "user:a@example.com"': (2, "route.1.match", "* only at its end"),
    '[[route]]\nto = "carrier"': (2, "route.1.to", "write trunk:NAME or user:AOR"),
    '[[route]]\nto = "trunk:x"': (2, "route.1.to", "names the trunk 'x', which is not defined; known: none"),
    '[[route]]\nto = "user:a@b"': (2, "route.1.to", "its domain b is not served here"),
    ROUTE + 'source = "trunk:x"': (3, "route.1.source", "'x', which is not defined"),
    ROUTE + 'source = "x"': (3, "route.1.source", "is no network"),
    ROUTE + 'prefix = "@"': (3, "route.1.prefix", "can't stand in front"),
    TRUNK + '[[route]]\nto = "trunk:c"': (5, "route.1.to", "has no targets"),
    '[[domain]]\nname = "b"\nsrtp = "yes"': (3, "domain.2.srtp", 'write "pass" or "off" or "optional" or "mandatory"'),
    '[[user]]\naor = "a@example.com"\npassword = "x"\nsrtp = 1': (4, "user.1.srtp", 'is 1; write "pass" or "off"'),
    TRUNK + 'srtp = "off"\n[media]\nanchor = false': (4, "trunk.1.srtp", "media that is not relayed passes as it is"),
    '[media]\nports = "20000"': (2, "media.ports", "write first-last, like 20000-29999"),
    '[media]\nports = "30000-20000"': (2, "media.ports", "lower one first"),
    '[media]\nports = "80-90"': (2, "media.ports", "from 1024 to 65535"),
    '[media]\naddress = "0.0.0.0"': (2, "media.address", "stands for every address"),
    '[media]\nadvertise = "a.example"': (2, "media.advertise", "is no numeric address"),
    '[media]\naddress = "127.0.0.1"\nadvertise = "::1"': (3, "media.advertise", "is of another family"),
    '[media]\nng = "2223"': (2, "media.ng", "has no port"),
    '[media]\nng_allow = [1]': (2, "media.ng_allow.1", "is 1; write a text in quotes"),
    '[media]\nfastpath = "on"': (2, "media.fastpath", 'write "auto" or "off"'),
    '[limits]\nexempt = ["10.0.0.0/33"]': (2, "limits.exempt.1", "is no network"),
    "[limits]\nmin_expires_s = 7200\nmax_expires_s = 60": (1, "limits.default_expires_s", "between"),
    "[limits]\nring_s = 60": (2, "limits.ring_s", "write a number, above 180"),
    '[console]\naddress = "0.0.0.0:8080"': (2, "console.address", "without console.token only loopback is served"),
    '[console]\ntoken = "short"': (2, "console.token", "16 or more"),
    "[console]\ntoken = 1": (2, "console.token", "has a wrong value"),
    "media = 3": (1, "domain.1.media", "unknown key"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), MISTAKES.items(), ids=lambda value: value.replace("\n", " ") if isinstance(value, str) else ""
)
def test_a_mistake_is_named_with_line_and_key(text: str, expected: tuple[int, str, str]) -> None:
    line, key, message = expected
    found = problems(GOOD + text)
    assert len(found) == 1, found
    assert found[0].file == "sipmesh.toml"
    assert (found[0].line - GOOD.count("\n"), found[0].key) == (line, key)
    assert message in found[0].message


def test_all_mistakes_are_reported_at_once_in_the_order_of_lines() -> None:
    text = '[node]\nnam = "a"\n[[listen]]\ntransport = "x"\naddress = "y"\n'
    text += '[[user]]\naor = "a@b"\npassword = "p"\n[media]\nports = "x"\n'
    assert [(each.line, each.key) for each in problems(text)] == [
        (1, "node"),
        (2, "node.nam"),
        (4, "listen.1.transport"),
        (5, "listen.1.address"),
        (7, "user.1.aor"),
        (10, "media.ports"),
    ]


def test_a_broken_trunk_does_not_make_its_routes_wrong() -> None:
    text = GOOD + '[[trunk]]\nname = "c"\ntargets = ["x"]\n[[route]]\nto = "trunk:c"\n'
    assert [each.key for each in problems(text)] == ["trunk.1.targets.1.uri"]


def test_a_trunk_has_one_account() -> None:
    text = TARGET + 'register = { aor = "a@b", password = "x" }\ncredentials = { username = "u", password = "x" }'
    [problem] = problems(GOOD + text)
    assert problem.key == "trunk.1.credentials"
    assert "remove it" in problem.message


def test_passwords_of_trunks_are_not_printed() -> None:
    register = 'register = { aor = "acct@b", password = "s3cret" }'
    config = parse_config(GOOD + TARGET + register).config
    assert config.trunk[0].register is not None
    assert "s3cret" not in repr(config)
    assert "s3cret" not in repr(config.trunk[0].register.credentials)
    assert "acct" in repr(config.trunk[0])
    assert "s3cret" not in str(problems(GOOD + TARGET + 'register = ["s3cret"]'))


def test_a_secret_is_never_shown() -> None:
    assert "12345" not in str(problems(GOOD + '[[user]]\naor = "a@example.com"\npassword = 12345'))


@pytest.mark.parametrize(
    ("text", "line"),
    [("[node\n", 1), ('[node]\nname = "a"\nname = "b"\n', 3), ('[node]\nname = "a\n', 2), ("a = [1,\n\n", 2)],
)
def test_what_is_not_toml_is_said_with_its_line(text: str, line: int) -> None:
    [problem] = problems(text)
    assert problem.line == line
    assert problem.message.startswith("is not TOML: ")


def test_an_empty_file_lacks_node_and_listen() -> None:
    assert [each.message for each in problems("")] == [
        "node is missing; write [node]",
        "there is no [[listen]]; add one with transport and address",
    ]


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml:1: can't be read: No such file"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "raw.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="it is not UTF-8 text"):
        load_config(tmp_path / "raw.toml")


def test_a_relative_data_folder_starts_at_the_file(tmp_path: Path) -> None:
    (tmp_path / "sipmesh.toml").write_text(GOOD)
    assert load_config(tmp_path / "sipmesh.toml").config.node.data == str(tmp_path / "var" / "a")


def test_a_relative_recording_folder_starts_at_the_data_folder(tmp_path: Path) -> None:
    path = tmp_path / "sipmesh.toml"
    path.write_text(GOOD + '[media]\nrecording_dir = "records"\n')
    assert load_config(path).config.media.recording_dir == str(tmp_path / "var" / "a" / "records")


def test_trunks_and_configs_can_be_made_by_hand() -> None:
    assert Trunk(name="c").probe_s == 30.0
    assert Config(node=parse_config(GOOD).config.node).media.anchor
