"""Users, trunks and routes, of the file and of the command line."""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipmesh.config import Config, Route, Trunk, TrunkTarget, User
from sipmesh.config_load import parse_config
from sipmesh.store import Store
from sipmesh.store.directory import TABLES, Directory, InFileError
from sipmesh.store.environment import Environment

TEXT = """
[node]
name = "a"
[[listen]]
transport = "udp"
address = "127.0.0.1:5060"
[[domain]]
name = "example.com"
[[user]]
aor = "alice@Example.com"
password = "sesame"
[[trunk]]
name = "carrier"
targets = ["sip:192.0.2.10"]
[[route]]
match = "+44*"
to = "trunk:carrier"
[[route]]
to = "user:alice@example.com"
"""


def config(text: str = TEXT) -> Config:
    return parse_config(text).config


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def test_a_new_store_is_empty(store: Store) -> None:
    assert (store.config_version(), store.config(), store.directory.users()) == (0, None, [])


def test_apply_takes_everything_over(store: Store) -> None:
    assert store.directory.apply(config())
    assert store.config_version() == 1
    stored = store.config()
    assert stored is not None
    assert (stored.node.name, stored.domain[0].name, stored.user, stored.trunk, stored.route) == (
        "a",
        "example.com",
        (),
        (),
        (),
    )
    assert [each.trunk.name for each in store.directory.trunks()] == ["carrier"]
    assert [(each.id, each.route.match) for each in store.directory.routes()] == [("f1", "+44*"), ("f2", "*")]


def test_passwords_are_kept_as_hashes_only(store: Store, tmp_path: Path) -> None:
    store.directory.apply(config())
    user = store.directory.user("alice@example.com")
    assert user is not None
    secret = b"alice:example.com:sesame"
    assert user.ha1 == {"MD5": hashlib.md5(secret).hexdigest(), "SHA-256": hashlib.sha256(secret).hexdigest()}
    assert b"sesame" not in (tmp_path / "data" / "config" / "data.mdb").read_bytes()


def test_the_version_grows_only_with_a_change(store: Store) -> None:
    store.directory.apply(config())
    assert not store.directory.apply(config())
    assert store.config_version() == 1
    assert store.directory.apply(config(TEXT.replace("sesame", "other")))
    assert store.config_version() == 2


def test_what_left_the_file_leaves_the_store(store: Store) -> None:
    store.directory.apply(config())
    store.directory.put_user(User(aor="bob@example.com", password="x"))
    store.directory.apply(config(TEXT[: TEXT.index("[[user]]")]))
    assert [each.aor for each in store.directory.users()] == ["bob@example.com"]
    assert (store.directory.trunks(), store.directory.routes()) == ([], [])


def test_the_command_line_adds_changes_and_deletes(store: Store) -> None:
    store.directory.put_user(User(aor="bob@example.com", password="one"))
    first = store.directory.user("bob@example.com")
    store.directory.put_user(User(aor="bob@example.com", password="two"))
    second = store.directory.user("bob@example.com")
    assert first is not None
    assert second is not None
    assert first.ha1 != second.ha1
    store.directory.put_trunk(Trunk(name="c", targets=(TrunkTarget(uri="sip:192.0.2.1"),)))
    assert store.config_version() == 3
    assert store.directory.delete_user("bob@example.com")
    assert not store.directory.delete_user("bob@example.com")
    assert store.directory.delete_trunk("c")
    assert store.config_version() == 5


def test_an_account_that_another_process_deletes_is_gone_once_that_is_known(tmp_path: Path) -> None:
    environment = Environment(tmp_path, TABLES, synced=True)
    ours, theirs = Directory(environment), Directory(environment)
    ours.put_user(User(aor="bob@example.com", password="x"))
    assert ours.has_user("bob@example.com")
    assert theirs.delete_user("bob@example.com")
    assert ours.has_user("bob@example.com")
    ours.forget()
    assert not ours.has_user("bob@example.com")
    theirs.put_user(User(aor="bob@example.com", password="y"))
    assert ours.has_user("bob@example.com")
    environment.close()


def test_routes_of_the_command_line_come_after_those_of_the_file_in_their_order(store: Store) -> None:
    ids = [store.directory.put_route(Route(match=f"{number}*", to="trunk:c")) for number in range(11)]
    store.directory.apply(config())
    assert [each.id for each in store.directory.routes()] == ["f1", "f2", *ids]
    assert ids[-1] == "c11"
    assert store.directory.delete_route("c3")
    assert store.directory.put_route(Route(to="trunk:c")) == "c12"


def test_what_the_file_defines_is_changed_only_there(store: Store) -> None:
    store.directory.apply(config())
    for change in (
        lambda: store.directory.put_user(User(aor="alice@example.com", password="x")),
        lambda: store.directory.delete_user("alice@example.com"),
        lambda: store.directory.delete_trunk("carrier"),
        lambda: store.directory.delete_route("f1"),
    ):
        with pytest.raises(InFileError, match="is defined in the configuration file"):
            change()
    assert store.config_version() == 1


def test_the_file_wins_over_the_command_line(store: Store) -> None:
    store.directory.put_user(User(aor="alice@example.com", password="x"))
    store.directory.apply(config())
    user = store.directory.user("alice@example.com")
    assert user is not None
    assert user.origin == "file"


def test_remembering_accounts_keeps_no_objects(tmp_path: Path) -> None:
    """They would stay among those that go with the transactions, and keep the memory of all of them."""
    environment = Environment(tmp_path, TABLES, synced=False)
    users, directory = environment.table("users"), Directory(environment)
    for number in range(3000):
        environment.put(users, f"u{number}@example.com".encode(), b"\x80")
    environment.commit()
    before = sys.getallocatedblocks()
    for number in range(3000):
        assert directory.has_user(f"u{number}@example.com")
    assert sys.getallocatedblocks() - before < 300


def test_a_user_that_another_process_changes_is_read_anew_once_that_is_known(tmp_path: Path) -> None:
    environment = Environment(tmp_path, TABLES, synced=True)
    ours, theirs = Directory(environment), Directory(environment)
    theirs.put_user(User(aor="bob@example.com", password="x"))
    first = ours.user("bob@example.com")
    assert first is not None
    assert ours.user("bob@example.com") is first
    ours.forget_idle()
    assert ours.user("bob@example.com") == first
    theirs.put_user(User(aor="bob@example.com", password="y"))
    ours.forget()
    second = ours.user("bob@example.com")
    assert second is not None
    assert second.ha1 != first.ha1
    assert theirs.delete_user("bob@example.com")
    ours.forget()
    assert ours.user("bob@example.com") is None


def test_few_users_are_kept_in_memory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipmesh.store.directory.MAX_KEPT", 3)
    names = [f"user{number}@example.com" for number in range(10)]
    for name in names:
        store.directory.put_user(User(aor=name, password="xyzzy"))
    for name in names * 2:
        found = store.directory.user(name)
        assert found is not None
        assert found.aor == name
    assert store.directory.user("nobody@example.com") is None
