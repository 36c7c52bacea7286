"""Bindings, calls, commands and counters, within one process."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipmesh.store import CallLeg, CallRecord, Command, Snapshot, Store
from tests.sipmesh.store.helpers import binding

CALL = CallRecord(
    call_id="c1@192.0.2.1",
    from_tag="a",
    to_tag="b",
    caller="alice@example.com",
    callee="bob@example.com",
    state="answered",
    started_at=1.5,
    answered_at=3.0,
    legs=[CallLeg(tag="a", remote_target="sip:alice@192.0.2.1"), CallLeg(tag="b", route_set=("<sip:192.0.2.9;lr>",), cseq=7)],
    ng_call_id="c1@192.0.2.1",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "data")
    yield opened
    opened.close()


def test_bindings_are_read_back_before_and_after_the_commit(store: Store) -> None:
    bindings = [binding(), binding("sip:alice@192.0.2.2")]
    store.locations.put("alice@example.com", bindings)
    assert store.locations.get("alice@example.com") == bindings
    store.commit()
    assert store.locations.get("alice@example.com") == bindings
    assert store.locations.get("bob@example.com") == []


def test_an_empty_list_removes_the_aor(store: Store) -> None:
    store.locations.put("alice@example.com", [binding()])
    store.locations.put("alice@example.com", [])
    store.locations.put("nobody@example.com", [])
    store.commit()
    assert store.locations.get("alice@example.com") == []
    assert store.locations.count() == 0


def test_an_abort_forgets_what_was_not_committed(store: Store) -> None:
    store.locations.put("alice@example.com", [binding()])
    store.commit()
    store.locations.put("alice@example.com", [])
    store.abort()
    assert store.locations.get("alice@example.com") == [binding()]


def test_a_commit_without_writes_is_nothing(store: Store) -> None:
    store.commit()
    store.abort()
    assert store.locations.count() == 0


@pytest.mark.parametrize("aor", ["\u00fcser@example.com", "x" * 5000 + "@example.com", "\udcff@example.com"])
def test_odd_and_long_aors_are_kept_apart(store: Store, aor: str) -> None:
    store.locations.put(aor, [binding()])
    store.locations.put(aor + "x", [binding("sip:other@192.0.2.1")])
    store.commit()
    assert store.locations.get(aor) == [binding()]


def test_all_lists_every_aor_in_order(store: Store) -> None:
    for name in ("b", "a", "c"):
        store.locations.put(f"{name}@example.com", [binding()])
    assert [aor for aor, _ in store.locations.all()] == ["a@example.com", "b@example.com", "c@example.com"]


def test_the_sweep_removes_what_expired_and_leaves_the_rest(store: Store) -> None:
    store.locations.put("old@example.com", [binding(expires_at=10)])
    store.locations.put("both@example.com", [binding(expires_at=10), binding("sip:b@192.0.2.2", expires_at=30)])
    store.locations.put("new@example.com", [binding(expires_at=30)])
    store.commit()
    assert store.locations.sweep(now=20) == 2
    assert dict(store.locations.all()) == {
        "both@example.com": [binding("sip:b@192.0.2.2", expires_at=30)],
        "new@example.com": [binding(expires_at=30)],
    }
    assert store.locations.sweep(now=20) == 0


def test_parts_go_through_every_aor_once(store: Store) -> None:
    for number in range(7):
        store.locations.put(f"{number}@example.com", [binding()])
    store.commit()
    seen, start = 0, b""
    while True:
        part, start = store.locations.part(start, 3)
        seen += len(part)
        if not start:
            break
        assert len(part) == 3
    assert seen == 7
    assert store.locations.part(b"\xff", 3) == ([], b"")


def test_the_sweep_is_bounded_and_goes_round(store: Store) -> None:
    for number in range(25):
        store.locations.put(f"{number:02}@example.com", [binding(expires_at=10)])
    store.commit()
    assert [store.locations.sweep(now=20, limit=10) for _ in range(4)] == [10, 10, 5, 0]
    store.locations.put("00@example.com", [binding(expires_at=10)])
    store.commit()
    assert store.locations.sweep(now=20, limit=10) == 1


def test_calls_are_kept_until_deleted(store: Store) -> None:
    store.calls.put("k1", CALL)
    store.commit()
    assert store.calls.get("k1") == CALL
    assert list(store.calls.all()) == [("k1", CALL)]
    store.calls.delete("k1")
    store.commit()
    assert store.calls.get("k1") is None
    assert store.calls.count() == 0


def test_records_of_calls_that_cannot_be_read_keep_nobody_from_the_others(store: Store) -> None:
    for key, record in (("k1", b"\xc1"), ("k2", CALL.packed()), ("k3", b"\x92\x02\xa5odd"), ("k4", b"\x93\x02\xa2c1\x05")):
        store.calls.put_record(key, record)
    assert list(store.calls.all()) == [("k2", CALL)]
    assert store.calls.forget_unreadable() == 3
    assert (store.calls.count(), store.calls.forget_unreadable()) == (1, 0)


def test_every_worker_sees_each_command_once_in_their_order(store: Store) -> None:
    assert store.commands.after(b"") == ([], b"")
    store.commands.put(Command(verb="end", key="k2"))
    _, seen = store.commands.after(b"")
    store.commands.put(Command(verb="end", key="k1"))
    assert [command.key for command in store.commands.after(seen)[0]] == ["k1"]
    commands, last = store.commands.after(b"")
    assert [command.key for command in commands] == ["k2", "k1"]
    assert store.commands.after(last) == ([], last)


def test_old_commands_are_swept(store: Store) -> None:
    store.commands.put(Command(verb="end", key="k1"))
    store.commands.sweep(time.time() - 60)
    assert len(store.commands.after(b"")[0]) == 1
    store.commands.sweep(time.time() + 1)
    assert store.commands.after(b"") == ([], b"")


def test_snapshots_replace_each_other_by_worker(store: Store) -> None:
    for pid, value in ((1, 1.0), (2, 5.0)):
        store.snapshots.put("signal-0", Snapshot(pid=pid, at=0.0, counters={"sip_requests_total|method=INVITE": value}))
    store.snapshots.put("media-0", Snapshot(pid=3, at=0.0, counters={}))
    store.commit()
    assert store.snapshots.all()["signal-0"] == Snapshot(2, 0.0, {"sip_requests_total|method=INVITE": 5.0})
    assert store.snapshots.all().keys() == {"signal-0", "media-0"}


def test_keys_survive_and_only_the_owner_reads_them(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "data")
    key_id, mac = store.key_ring("branch").sign("text")
    store.close()
    again = Store.open(tmp_path / "data")
    assert again.key_ring("branch").verify(key_id, mac, "text")
    assert not again.key_ring("cookie").verify(key_id, mac, "text")
    again.close()
    assert (tmp_path / "data" / "keys.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data" / "live" / "data.mdb").stat().st_mode & 0o777 == 0o600
