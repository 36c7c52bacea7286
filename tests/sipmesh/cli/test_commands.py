"""The command line as a person or a script meets it."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from sipcore.location import Binding
from sipmesh.cdr import fields_of, line_of
from sipmesh.cdr_file import CdrFile
from sipmesh.config_load import load_config
from sipmesh.store import CallLeg, CallRecord, Cdr, Snapshot, Store
from tests.native.relay_fast import MAY_OPEN_FAST
from tests.sipmesh.cli.process import run

CONFIG = """
[node]
name = "a"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[domain]]
name = "example.com"
[[user]]
aor = "alice@example.com"
password = "sesame"
"""


class Cli:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "sipmesh.toml"
        self.file.write_text(CONFIG)

    def run(self, *arguments: str, typed: str = "") -> CompletedProcess[str]:
        return run(arguments, self.folder, typed)

    def good(self, *arguments: str, typed: str = "") -> str:
        ended = self.run(*arguments, typed=typed)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def rows(self, *arguments: str) -> Any:
        return json.loads(self.good(*arguments, "--json"))

    def wrong(self, *arguments: str, typed: str = "") -> str:
        """What a wrong use is told; its status is 2, and it never shows a traceback."""
        ended = self.run(*arguments, typed=typed)
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert "Traceback" not in ended.stderr
        return ended.stderr

    def store(self) -> Store:
        return Store.open(load_config(self.file).config.node.data)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.fixture
def store(cli: Cli) -> Iterator[Store]:
    opened = cli.store()
    yield opened
    opened.close()


def test_check_says_what_is_good_and_what_is_wrong(cli: Cli) -> None:
    assert cli.good("check", "sipmesh.toml") == "sipmesh.toml: good\n"
    cli.file.write_text(CONFIG + "[media]\nport = 3\n[mesh]\n")
    ended = cli.run("check", "sipmesh.toml")
    assert ended.returncode == 2
    assert ended.stdout.splitlines() == [
        "sipmesh.toml:13: media.port: unknown key; did you mean ports?",
        "sipmesh.toml: 1 to correct",
    ]
    ended = cli.run("check", "sipmesh.toml", "--json")
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["ok"], found["problems"][0]["line"]) == (2, False, 13)


def test_check_shows_warnings_of_a_good_file(cli: Cli) -> None:
    cli.file.write_text(CONFIG + "[mesh]\n")
    assert "warning: this version runs single nodes" in cli.good("check", "sipmesh.toml")
    assert cli.rows("check", "sipmesh.toml")["problems"][0]["warning"]


def test_check_tries_the_fast_path_where_it_is_asked_for(cli: Cli) -> None:
    assert cli.rows("check", "sipmesh.toml")["fast_path"] is None
    cli.file.write_text(CONFIG + '[media]\nfastpath = "auto"\naddress = "192.0.2.1"\n')
    assert "fast path: not here, calls go by sockets: " in cli.good("check", "sipmesh.toml")
    assert cli.rows("check", "sipmesh.toml")["fast_path"]["status"] == "unavailable"
    cli.file.write_text(CONFIG + '[media]\nfastpath = "auto"\naddress = "127.0.0.1"\n')
    found = cli.rows("check", "sipmesh.toml")
    assert found["ok"]
    assert (found["fast_path"]["status"] == "ready") == MAY_OPEN_FAST
    assert (found["fast_path"]["interfaces"] == ["lo"]) == MAY_OPEN_FAST
    assert ("fast path: ready at lo\n" in cli.good("check", "sipmesh.toml")) == MAY_OPEN_FAST


def test_a_missing_or_broken_file_is_named(cli: Cli) -> None:
    assert "none.toml:1: can't be read: No such file" in cli.wrong("user", "list", "--config", "none.toml")
    assert "none.toml:1: can't be read: No such file" in cli.wrong("run", "--config", "none.toml")
    assert "there is no store in" in cli.wrong("user", "list")


def test_users_are_added_listed_changed_and_deleted(cli: Cli) -> None:
    assert cli.good("user", "add", "bob@example.com", typed="secret\n") == "bob@example.com added\n"
    assert cli.rows("user", "add", "carol@example.com", "--password", "x") == {"aor": "carol@example.com"}
    both = {"origin": "cli", "algorithms": ["MD5", "SHA-256"]}
    assert cli.rows("user", "list") == [
        {"aor": "bob@example.com", **both, "srtp": None, "caller_ids": []},
        {"aor": "carol@example.com", **both, "srtp": None, "caller_ids": []},
    ]
    cli.good("user", "add", "bob@example.com", "--srtp", "mandatory", "--caller-id", "+4420", typed="secret\n")
    cli.good("user", "add", "bob@example.com", typed="another\n")
    assert "bob@example.com    mandatory  +4420" in cli.good("user", "list")
    cli.good("user", "del", "bob@example.com")
    assert "there is no account bob@example.com" in cli.wrong("user", "del", "bob@example.com")


def test_users_that_make_no_sense_are_refused(cli: Cli, store: Store) -> None:
    store.directory.apply(load_config(cli.file).config)
    assert "aor: 'bob' is no AOR; write user@domain" in cli.wrong("user", "add", "bob", "--password", "x")
    assert 'add [[domain]] name = "other.org"' in cli.wrong("user", "add", "bob@other.org", "--password", "x")
    assert 'write "pass" or "off"' in cli.wrong("user", "add", "bob@example.com", "--password", "x", "--srtp", "yes")
    assert "password: is empty" in cli.wrong("user", "add", "bob@example.com", typed="\n")
    assert "is defined in the configuration file" in cli.wrong("user", "add", "alice@example.com", "--password", "x")
    assert "is defined in the configuration file" in cli.wrong("user", "del", "alice@example.com")


def test_trunks_and_routes(cli: Cli) -> None:
    cli.good("trunk", "add", "carrier", "--target", "sip:192.0.2.1", "--target", "sip:192.0.2.2 3", "--source", "192.0.2.0/24")
    [trunk] = cli.rows("trunk", "list")
    assert [(each["uri"], each["weight"], each["state"]) for each in trunk["targets"]] == [
        ("sip:192.0.2.1", 1, "unknown"),
        ("sip:192.0.2.2", 3, "unknown"),
    ]
    assert cli.rows("route", "add", "--match", "+44*", "--to", "trunk:carrier", "--strip", "3") == {"id": "c1"}
    cli.good("route", "add", "--to", "user:bob@example.com", "--source", "trunk:carrier", "--from", "+1*")
    first, second = cli.rows("route", "list")
    assert (first["id"], first["match"], first["to"], first["strip"], first["origin"]) == (
        "c1",
        "+44*",
        "trunk:carrier",
        3,
        "cli",
    )
    assert (second["source"], second["from"]) == ("trunk:carrier", "+1*")
    assert "trunk:carrier" in cli.good("route", "list")
    assert "sip:192.0.2.2 (3)" in cli.good("trunk", "list")
    assert "trunk carrier is named by route c1, c2" in cli.wrong("trunk", "del", "carrier")
    cli.good("route", "del", "c1")
    cli.good("route", "del", "c2")
    cli.good("trunk", "del", "carrier")
    assert cli.good("route", "list") == "no routes\n"
    assert cli.rows("trunk", "list") == []


def test_trunks_and_routes_that_make_no_sense_are_refused(cli: Cli) -> None:
    assert "neither targets nor sources" in cli.wrong("trunk", "add", "c")
    assert "targets.1.uri: 'x' is no SIP URI" in cli.wrong("trunk", "add", "c", "--target", "x")
    assert "targets.1.weight: is 'y'" in cli.wrong("trunk", "add", "c", "--target", "sip:a y")
    assert "sources.1: '1.2.3' is no network" in cli.wrong("trunk", "add", "c", "--source", "1.2.3")
    assert "names the trunk 'c', which is not defined" in cli.wrong("route", "add", "--to", "trunk:c")
    assert "its domain b is not served here" in cli.wrong("route", "add", "--to", "user:a@b")
    assert "there is no route c9" in cli.wrong("route", "del", "c9")


def test_registrations_are_listed_until_they_expire(cli: Cli, store: Store) -> None:
    assert cli.good("registrations") == "no registrations\n"
    live = Binding("sip:a@10.0.0.1", "c", 1, time.time() + 100, remote_host="192.0.2.1", remote_port=40000, user_agent="Phone")
    store.locations.put("alice@example.com", [live, Binding("sip:old@10.0.0.1", "c", 1, time.time() - 1)])
    store.locations.put("bob@example.com", [Binding("sip:b@10.0.0.1", "c", 1, time.time() + 100)])
    store.commit()
    assert [row["contact"] for row in cli.rows("registrations")] == ["sip:a@10.0.0.1", "sip:b@10.0.0.1"]
    [row] = cli.rows("registrations", "alice@example.com")
    assert (row["source"], row["user_agent"]) == ("192.0.2.1:40000", "Phone")
    assert "192.0.2.1:40000" in cli.good("registrations")


def test_calls_are_listed_shown_and_ended(cli: Cli, store: Store) -> None:
    assert cli.good("calls") == "no calls\n"
    record = CallRecord(call_id="c1@x", caller="alice@example.com", callee="+441234", trunk_out="carrier", state="answered")
    record.started_at = 1700000000.0
    record.legs = [CallLeg(tag="a", remote_host="192.0.2.10"), CallLeg(tag="b")]
    store.calls.put("k1", record)
    store.commit()
    assert [(row["key"], row["via"]) for row in cli.rows("calls")] == [("k1", "carrier")]
    assert "alice@example.com" in cli.good("calls")
    assert cli.rows("calls", "show", "k1")["callee"] == "+441234"
    assert "c1@x" in cli.good("calls", "show", "c1@x")
    assert "2023-11-14 22:13:20 UTC" in cli.good("calls", "show", "k1")
    shown = [" ".join(line.split()) for line in cli.good("calls", "show", "k1").splitlines()]
    assert shown[shown.index("legs tag a, remote_host 192.0.2.10") + 1] == "tag b"
    assert "there is no call k2" in cli.wrong("calls", "show", "k2")
    assert "the node does not run" in cli.wrong("calls", "end", "k1")
    with (store.path / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.rows("calls", "end", "c1@x") == {"key": "k1"}
        assert "a node already runs with the data folder" in cli.wrong("run")
    assert [(command.verb, command.key) for command in store.commands.after(b"")[0]] == [("end", "k1")]


def test_cdr_shows_the_last_ones(cli: Cli) -> None:
    assert "there is no [cdr]" in cli.wrong("cdr")
    cli.file.write_text(CONFIG + '[cdr]\nformat = "csv"\n')
    assert cli.good("cdr") == "no CDRs\n"
    settings = load_config(cli.file).config.cdr
    assert settings is not None
    file = CdrFile(settings)
    file.prepare(0.0)
    for key in ("k1", "k2"):
        call = CallRecord(call_id=key, caller="alice@example.com", callee="0044@example.com", started_at=1.0, answered_at=2.0)
        cdr = Cdr(key=key, call=call, ended_at=62.5, disposition="answered", cause="bye", status=200, ended_by="callee")
        file.append([line_of(fields_of(cdr, "a"), "csv")])
    assert [(row["key"], row["duration_s"]) for row in cli.rows("cdr", "--last", "1")] == [("k2", "60.5")]
    shown = cli.good("cdr")
    assert shown.count("alice@example.com") == 2
    assert "60.5" in shown
    cli.file.write_text(CONFIG + '[cdr]\nrotate_dayly = true\nformat = "xml"\n')
    wrong = cli.wrong("cdr")
    assert "did you mean rotate_daily?" in wrong
    assert 'write "json" or "csv"' in wrong


def test_check_loads_the_policy(cli: Cli) -> None:
    cli.file.write_text(CONFIG + '[policy]\nfile = "policy.py"\n')
    policy = cli.folder / "policy.py"
    for text, wrong in (
        ("def on_rout(request): ...\n", "1: unknown hook on_rout; did you mean on_route?"),
        ("", "defines no hook"),
    ):
        policy.write_text(text)
        ended = cli.run("check", str(cli.file))
        assert ended.returncode == 2
        assert wrong in ended.stdout
        assert str(policy) in ended.stdout
    assert f"{policy}:1: defines no hook" in cli.wrong("run", "--config", str(cli.file))
    policy.write_text("def on_route(request): ...\n")
    assert "good" in cli.good("check", str(cli.file))


def test_a_trunk_with_an_account_shows_how_it_stands_and_no_password(cli: Cli) -> None:
    options = ("--target", "sip:192.0.2.1", "--register", "acct@carrier.example")
    cli.good("trunk", "add", "carrier", *options, typed="s3cret\n")
    cli.good("trunk", "add", "other", "--target", "sip:192.0.2.1", "--credentials", "me", typed="s3cret\n")
    [carrier, other] = cli.rows("trunk", "list")
    unknown = {"aor": "acct@carrier.example", "state": "unknown", "status": 0, "expires_in_s": 0}
    assert (carrier["registration"], other["registration"]) == (unknown, None)
    with closing(cli.store()) as store:
        assert [each.trunk.register.password for each in store.directory.trunks() if each.trunk.register] == ["s3cret"]
        gauges = {"registered": 1.0, "register_status": 200.0, "register_expires_at": time.time() + 100}
        counters = {f"sip_trunk_{name}|trunk=carrier": value for name, value in gauges.items()}
        store.snapshots.put("signal-0", Snapshot(pid=1, at=time.time(), counters=counters))
        store.commit()
    shown = cli.good("trunk", "list")
    assert "acct@carrier" in shown
    assert cli.rows("trunk", "list")[0]["registration"]["state"] == "registered"
    assert "s3cret" not in shown + json.dumps(cli.rows("trunk", "list"))
    assert "register.password: is empty" in cli.wrong("trunk", "add", "c", *options, typed="\n")
