"""What the store owes its processes: visibility, survival of kill -9, growth, clear errors."""

import errno
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from sipmesh.store import Store, StoreError, StoreFullError
from sipmesh.store.environment import FIRST_MAP_BYTES, Environment
from sipmesh.store.secrets import load_secrets
from tests.sipmesh.store.helpers import binding, line_from, python

WRITER = """
import sys
from sipmesh.store import Store
from tests.sipmesh.store.helpers import binding
store = Store.open(sys.argv[1])
store.locations.put("kept@example.com", [binding()])
store.commit()
store.locations.put("lost@example.com", [binding()])
print("written", flush=True)
input()
"""

ENDLESS_WRITER = """
import sys
from sipmesh.store import Store
from tests.sipmesh.store.helpers import binding
store = Store.open(sys.argv[1])
number = 0
while True:
    for _ in range(50):
        store.locations.put(f"{number % 5000}@example.com", [binding(expires_at=number)])
        number += 1
    store.commit()
    print(number, flush=True)
"""

ANSWERER = """
import sys
from sipmesh.store import Store
store = Store.open(sys.argv[1])
print("open", flush=True)
for line in sys.stdin:
    print(len(store.locations.get(line.strip())), store.locations.count(), flush=True)
"""


OBEDIENT_WRITER = """
import sys
from sipmesh.store import Store
from tests.sipmesh.store.helpers import binding
store = Store.open(sys.argv[1])
print("open", flush=True)
for line in sys.stdin:
    store.locations.put(line.strip(), [binding("sip:" + "x" * int(sys.argv[2])) if sys.argv[2:] else binding()])
    store.commit()
    print("written", flush=True)
"""


def test_a_killed_writer_loses_only_what_it_had_not_committed(tmp_path: Path) -> None:
    writer = python(WRITER, str(tmp_path))
    assert line_from(writer) == "written"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    store = Store.open(tmp_path)
    assert [aor for aor, _ in store.locations.all()] == ["kept@example.com"]
    store.locations.put("next@example.com", [binding()])
    store.commit()
    store.close()


@pytest.mark.parametrize("commits", [3, 40])
def test_a_writer_killed_anywhere_leaves_a_store_that_opens_whole(tmp_path: Path, commits: int) -> None:
    writer = python(ENDLESS_WRITER, str(tmp_path))
    for _ in range(commits):
        committed = int(line_from(writer))
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    store = Store.open(tmp_path)
    newest = max(bindings[0].expires_at for _, bindings in store.locations.all())
    assert newest + 1 >= committed
    assert (newest + 1) % 50 == 0
    store.close()


def test_another_process_sees_a_write_once_it_is_committed(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    reader = python(ANSWERER, str(tmp_path))
    assert line_from(reader) == "open"
    assert reader.stdin is not None

    def ask() -> str:
        assert reader.stdin is not None
        reader.stdin.write("alice@example.com\n")
        reader.stdin.flush()
        return line_from(reader)

    store.locations.put("alice@example.com", [binding()])
    assert ask() == "0 0"
    store.commit()
    assert ask() == "1 1"
    reader.stdin.close()
    reader.wait()
    store.close()


def test_a_process_that_reads_in_batches_reads_one_state_in_each(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.read_in_batches()
    writer = python(OBEDIENT_WRITER, str(tmp_path))
    assert line_from(writer) == "open"
    assert writer.stdin is not None

    def written(aor: str) -> None:
        print(aor, file=writer.stdin, flush=True)
        assert line_from(writer) == "written"

    assert store.locations.get("alice@example.com") == []
    written("alice@example.com")
    assert store.locations.get("alice@example.com") == []
    store.commit()
    assert store.locations.get("alice@example.com") == [binding()]
    written("bob@example.com")
    assert store.locations.get("bob@example.com") == []
    store.locations.put("carol@example.com", [binding()])  # what is written builds on what is there
    assert store.locations.get("bob@example.com") == [binding()]
    store.commit()
    writer.stdin.close()
    writer.wait()
    store.close()


def test_the_map_grows_under_a_process_that_reads_in_batches(tmp_path: Path) -> None:
    writer = python(OBEDIENT_WRITER, str(tmp_path), "3000")
    assert line_from(writer) == "open"
    assert writer.stdin is not None
    store = Store.open(tmp_path)
    store.read_in_batches()
    last = 2 * FIRST_MAP_BYTES // 3000
    for number in range(last + 1):
        print(f"{number}@example.com", file=writer.stdin, flush=True)
        assert line_from(writer) == "written"
        if number % 100 == 0 or number == last:
            assert len(store.locations.get(f"{number - 1}@example.com")) == (number > 0)
            store.locations.put("own@example.com", [binding(expires_at=number)])
            store.commit()
    assert store.locations.count() == last + 2
    writer.stdin.close()
    writer.wait()
    store.close()


def test_the_map_grows_for_the_writer_and_the_reader(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    reader = python(ANSWERER, str(tmp_path))
    assert line_from(reader) == "open"
    big = binding("sip:" + "x" * 3000)
    count = 2 * FIRST_MAP_BYTES // 3000
    for number in range(count):
        store.locations.put(f"{number}@example.com", [big])
        if number % 64 == 0:
            store.commit()
    store.commit()
    assert (tmp_path / "live" / "data.mdb").stat().st_size >= 2 * FIRST_MAP_BYTES
    answer, _ = reader.communicate(f"{count - 1}@example.com\n")
    assert answer == f"1 {count}\n"
    store.close()


def test_a_full_store_says_so_and_keeps_what_was_committed(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "small", ("t",), synced=False, max_map_bytes=FIRST_MAP_BYTES)
    table = environment.table("t")
    environment.put(table, b"kept", b"v")
    environment.commit()

    def fill() -> None:
        for number in range(FIRST_MAP_BYTES // 4000):
            environment.put(table, b"%d" % number, bytes(4000))

    with pytest.raises(StoreFullError, match="small is full"):
        fill()
    assert [key for key, _ in environment.items(table)] == [b"kept"]
    with pytest.raises(StoreError, match="lost"):
        environment.commit()
    environment.put(table, b"after", b"v")
    environment.commit()
    environment.close()


def test_a_commit_tells_of_writes_that_an_error_took(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "small", ("things",), synced=False, max_map_bytes=FIRST_MAP_BYTES)
    things = environment.table("things")
    environment.put(things, b"first", b"1")
    with pytest.raises(StoreFullError):
        environment.put(things, b"huge", bytes(FIRST_MAP_BYTES + 1))
    environment.put(things, b"second", b"2")
    with pytest.raises(StoreError, match="lost"):
        environment.commit()
    assert environment.count(things) == 0
    with pytest.raises(StoreFullError):  # alone in its transaction: nobody else lost anything
        environment.put(things, b"huge", bytes(FIRST_MAP_BYTES + 1))
    environment.put(things, b"third", b"3")
    environment.commit()
    assert environment.get(things, b"third") == b"3"
    environment.close()


def staging(path: Path) -> tuple[Environment, Any]:
    environment = Environment(path / "staged", ("things",), synced=False, max_map_bytes=FIRST_MAP_BYTES)
    environment.read_in_batches(staged=True)
    return environment, environment.table("things")


def test_staged_writes_are_read_at_once_and_there_after_the_commit(tmp_path: Path) -> None:
    environment, things = staging(tmp_path)
    environment.put(things, b"a", b"1")
    environment.put(things, b"b", b"1")
    environment.commit()
    environment.put(things, b"a", b"2")
    assert environment.delete(things, b"b")
    assert not environment.delete(things, b"c")
    assert (environment.get(things, b"a"), environment.get(things, b"b")) == (b"2", None)
    assert not environment.delete(things, b"b")
    environment.commit()
    assert list(environment.items(things)) == [(b"a", b"2")]
    environment.put(things, b"a", b"3")
    environment.abort()
    assert environment.get(things, b"a") == b"2"
    environment.close()


def test_staged_writes_hold_no_lock_before_the_commit(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.read_in_batches(staged=True)
    writer = python(OBEDIENT_WRITER, str(tmp_path))
    assert line_from(writer) == "open"
    store.locations.put("alice@example.com", [binding()])
    assert writer.stdin is not None
    print("bob@example.com", file=writer.stdin, flush=True)
    assert line_from(writer) == "written"
    store.commit()
    assert sorted(aor for aor, _ in store.locations.all()) == ["alice@example.com", "bob@example.com"]
    writer.stdin.close()
    writer.wait()
    store.close()


def test_looking_through_all_sees_staged_writes(tmp_path: Path) -> None:
    environment, things = staging(tmp_path)
    environment.put(things, b"a", b"1")
    assert environment.count(things) == 1
    environment.put(things, b"b", b"1")
    assert [key for key, _ in environment.items(things)] == [b"a", b"b"]
    environment.begin()
    assert environment.delete(things, b"a")
    environment.commit()
    assert [key for key, _ in environment.items(things)] == [b"b"]
    environment.close()


def test_the_commit_tells_when_staged_writes_find_no_room_and_the_next_one_is_well(tmp_path: Path) -> None:
    environment, things = staging(tmp_path)
    environment.put(things, b"kept", b"1")
    environment.commit()
    environment.put(things, b"small", b"1")
    environment.put(things, b"huge", bytes(FIRST_MAP_BYTES + 1))
    with pytest.raises(StoreFullError):
        environment.commit()
    environment.put(things, b"after", b"1")
    environment.commit()
    assert [key for key, _ in environment.items(things)] == [b"after", b"kept"]
    environment.close()


def test_a_disk_without_room_to_grow_leaves_what_there_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment = Environment(tmp_path / "tight", ("t",), synced=False)
    table = environment.table("t")

    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room)
    for number in range(FIRST_MAP_BYTES * 7 // 8 // 4096):
        environment.put(table, b"%d" % number, bytes(4000))
        environment.commit()
    assert "the store can't grow" in caplog.text
    assert environment.delete(table, b"0")
    environment.commit()
    environment.close()


def test_a_big_transaction_finds_room_when_it_says_so(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "big", ("t",), synced=False)
    table = environment.table("t")
    environment.begin(room_bytes=2 * FIRST_MAP_BYTES)
    for number in range(FIRST_MAP_BYTES // 4000):
        environment.put(table, b"%d" % number, bytes(4000))
    environment.commit()
    assert environment.count(table) == FIRST_MAP_BYTES // 4000
    environment.close()


def test_a_store_that_is_not_there_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="start the node once first"):
        Store.open(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_damaged_store_or_key_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "live").mkdir()
    (tmp_path / "live" / "data.mdb").write_bytes(b"not a store" * 1000)
    with pytest.raises(StoreError, match="live can't be opened"):
        Store.open(tmp_path)
    for damage in (b"", b"{}", b'{"keys": {}}', b'{"keys": {"0": "00"}}', b'{"keys": {"##": "' + b"0" * 64 + b'"}}'):
        (tmp_path / "keys.json").write_bytes(damage)
        with pytest.raises(StoreError, match=r"keys\.json can't be used"):
            load_secrets(tmp_path / "keys.json")
