"""sipmesh.cdr, sipmesh.cdr_file, sipmesh.cdr_writer: what a CDR looks like, and that each is in the files once."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipmesh.cdr import FIELDS, Format, fields_of, identity, line_of, read_line
from sipmesh.cdr_file import CdrFile, last_cdrs
from sipmesh.cdr_writer import CdrWriter
from sipmesh.config import CdrFiles
from sipmesh.store import CallRecord, Cdr, CdrPlace, Quality, Store
from tests.sipmesh.store.helpers import ROOT

DAY_S = 86400.0


def a_cdr(key: str = "k1", **changes: Any) -> Cdr:
    call = CallRecord(
        call_id="c1",
        caller="alice@example.com",
        callee="0044@example.com",
        destination="+44",
        source="192.0.2.1:5060",
        trunk_out="carrier",
        route="f1",
        started_at=1000.0,
        ringing_at=1001.5,
        answered_at=1004.25,
        **changes,
    )
    return Cdr(key=key, call=call, ended_at=1064.5, disposition="answered", cause="bye", status=200, ended_by="callee")


def settings(folder: Path, form: Format = "json", **more: Any) -> CdrFiles:
    return CdrFiles(file=str(folder / "cdr.log"), format=form, **more)


def keys_in(file: Path, form: Format = "json") -> list[str]:
    found = [read_line(line, form) for line in file.read_text().splitlines()]
    return [fields["key"] for fields in found if fields]


def test_the_fields() -> None:
    fields = fields_of(a_cdr(media=(Quality(500, 2, 3, 4.3, 1, 40), Quality()), silent="callee"), "a")
    assert tuple(fields) == FIELDS
    assert (fields["v"], fields["node"], fields["called"], fields["callee"]) == (1, "a", "0044@example.com", "+44")
    assert fields["started_at"] == "1970-01-01T00:16:40.000Z"
    assert fields["answered_at"] == "1970-01-01T00:16:44.250Z"
    assert (fields["duration_s"], fields["ring_s"]) == (60.25, 2.75)
    assert (fields["caller_packets"], fields["caller_lost"], fields["caller_jitter_ms"], fields["caller_mos"]) == (
        500,
        2,
        3,
        4.3,
    )
    assert (fields["caller_loss_bursts"], fields["caller_round_trip_ms"], fields["silent"]) == (1, 40, "callee")
    assert (fields["callee_packets"], fields["callee_mos"], fields["callee_round_trip_ms"]) == (0, None, None)
    assert fields_of(a_cdr(), "a")["caller_packets"] is None


def test_a_call_that_nobody_answered_rang_to_its_end() -> None:
    cdr = a_cdr()
    cdr.call.answered_at = 0.0
    fields = fields_of(cdr, "a")
    assert (fields["duration_s"], fields["ring_s"], fields["answered_at"]) == (0.0, 63.0, None)
    cdr.call.ringing_at = 2000.0  # the clock was set back
    assert fields_of(cdr, "a")["ring_s"] == 0.0


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_line_is_one_line_whatever_a_peer_wrote(form: Format) -> None:
    cdr = a_cdr()
    cdr.call.caller = 'a,"b"\r\n\u2028\udcff;=1'
    fields = fields_of(cdr, "a")
    line = line_of(fields, form)
    assert line.endswith("\n")
    assert len(line.splitlines()) == 1
    line.encode()
    back = read_line(line.rstrip("\n"), form)
    assert back is not None
    assert back["caller"] == 'a,"b"   \ufffd;=1'
    assert identity(back) == identity(fields)


@pytest.mark.parametrize("said", ["=1+1@example.com", "+1-cmd@example.com", "-2", "@SUM(1)", "+x@example.com"])
def test_no_spreadsheet_computes_what_a_peer_wrote(said: str) -> None:
    cdr = a_cdr()
    cdr.call.caller = said
    line = line_of(fields_of(cdr, "a"), "csv")
    assert f",'{said},0044@example.com,+44," in line  # numbers stay as they are
    back = read_line(line, "csv")
    assert back is not None
    assert back["caller"] == said


def test_csv_has_its_names_in_the_first_line(tmp_path: Path) -> None:
    file = CdrFile(settings(tmp_path, "csv"))
    for key in ("k1", "k2"):
        file.prepare(0.0)
        file.append([line_of(fields_of(a_cdr(key), "a"), "csv")])
    with open(tmp_path / "cdr.log", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [(row["key"], row["answered_at"]) for row in rows] == [(key, "1970-01-01T00:16:44.250Z") for key in ("k1", "k2")]


def append(file: CdrFile, key: str, now: float) -> None:
    file.prepare(now)
    file.append([line_of(fields_of(a_cdr(key), "a"), "json")])


def test_rotation_by_size_and_by_day(tmp_path: Path) -> None:
    by_size = CdrFile(settings(tmp_path, rotate_bytes=1))
    for key in ("k1", "k2", "k3"):
        append(by_size, key, 0.0)
    assert keys_in(tmp_path / "cdr.log") == ["k3"]
    assert keys_in(tmp_path / "cdr.log.19700101T000000Z") == ["k1"]
    assert keys_in(tmp_path / "cdr.log.19700101T000000Z.2") == ["k2"]
    daily = CdrFile(settings(tmp_path, rotate_daily=True))
    for key, at in (("k4", 5.0), ("k5", 6.0), ("k6", DAY_S + 1.0)):
        daily.prepare(at)
        daily.append([line_of(fields_of(a_cdr(key), "a"), "json")])
        os.utime(tmp_path / "cdr.log", (at, at))
    assert keys_in(tmp_path / "cdr.log.19700102T000001Z") == ["k3", "k4", "k5"]
    assert keys_in(tmp_path / "cdr.log") == ["k6"]


def test_a_file_that_was_moved_away_or_has_another_format(tmp_path: Path) -> None:
    file = CdrFile(settings(tmp_path))
    append(file, "k1", 0.0)
    (tmp_path / "cdr.log").rename(tmp_path / "cdr.log.1")
    append(file, "k2", 0.0)
    (tmp_path / "cdr.log").unlink()
    append(file, "k3", 0.0)
    assert (keys_in(tmp_path / "cdr.log.1"), keys_in(tmp_path / "cdr.log")) == (["k1"], ["k3"])
    CdrFile(settings(tmp_path, "csv")).prepare(0.0)
    assert keys_in(tmp_path / "cdr.log.19700101T000000Z") == ["k3"]
    assert last_cdrs(settings(tmp_path), 5)[-1]["key"] == "k3"


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = CdrFile(settings(tmp_path))
    append(file, "k1", 0.0)
    place = file.prepare(0.0)
    real_write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return real_write(fd, data[:-50])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        file.append([line_of(fields_of(a_cdr("k2"), "a"), "json")])
    monkeypatch.undo()
    assert file.prepare(0.0) == place
    append(file, "k3", 0.0)
    assert keys_in(tmp_path / "cdr.log") == ["k1", "k3"]


# the writer


class World:
    def __init__(self, folder: Path, **more: Any) -> None:
        self.settings = settings(folder, **more)
        self.store = Store.open(folder / "data")
        self.counters: defaultdict[str, int] = defaultdict(int)

    def put(self, *keys: str) -> None:
        for key in keys:
            self.store.cdrs.put(a_cdr(key))
        self.store.commit()

    def writer(self) -> CdrWriter:
        return CdrWriter(self.store.cdrs, self.settings, "a", self.counters)

    def run(self) -> None:
        """A writer that starts, writes what waits, and stops."""

        async def scenario() -> None:
            stopping = asyncio.Event()
            stopping.set()
            await self.writer().run(stopping)

        asyncio.run(scenario())

    def keys(self) -> list[str]:
        return keys_in(Path(self.settings.file))


def test_the_outbox_is_emptied_into_the_file(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put(*(f"k{n}" for n in range(1100)))
    world.run()
    assert sorted(world.keys()) == sorted(f"k{n}" for n in range(1100))
    assert (world.store.cdrs.count(), world.counters["cdr_written_total"]) == (0, 1100)
    world.run()
    assert len(world.keys()) == 1100
    assert [row["key"] for row in last_cdrs(world.settings, 2)] == world.keys()[-2:]


@pytest.mark.parametrize("cut_bytes", [0, 1, 30])
def test_what_a_killed_writer_had_written_is_not_written_again(tmp_path: Path, cut_bytes: int) -> None:
    """It died after the append, or in its midst, and before it settled; then another call ended earlier."""
    world = World(tmp_path)
    world.put("k1")
    world.run()
    world.put("k2", "k3")
    file = CdrFile(world.settings)
    file.prepare(0.0)
    file.append([line_of(fields_of(cdr, "a"), "json") for _, cdr in world.store.cdrs.waiting(9)])
    path = Path(world.settings.file)
    os.truncate(path, path.stat().st_size - cut_bytes)
    world.put("k0")
    world.run()
    assert sorted(world.keys()) == ["k0", "k1", "k2", "k3"]
    assert world.counters["cdr_recovered_total"] == (1 if cut_bytes else 2)


@pytest.mark.parametrize("moved", [False, True])
def test_a_writer_killed_in_a_fresh_file(tmp_path: Path, moved: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark is set before the first write into a file, so a rotation in between changes nothing."""
    world = World(tmp_path, rotate_bytes=1)
    world.put("k1")
    world.run()
    world.put("k2")
    settle, calls = world.store.cdrs.settle, []

    def dies(keys: list[bytes], place: CdrPlace) -> None:
        calls.append(keys)
        if keys:
            raise KeyboardInterrupt
        settle(keys, place)

    monkeypatch.setattr(world.store.cdrs, "settle", dies)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(world.writer().write_batch())
    monkeypatch.undo()
    if moved:
        Path(world.settings.file).rename(tmp_path / "cdr.log.moved")
    world.run()
    assert [len(keys) for keys in calls] == [0, 1]
    assert sorted(row["key"] for row in last_cdrs(world.settings, 9)) == ["k1", "k2"]


def test_a_file_that_was_emptied_in_place(tmp_path: Path) -> None:
    """As logrotate does it with copytruncate, before the writer was killed."""
    world = World(tmp_path)
    world.put("k1", "k2")
    world.run()
    Path(world.settings.file).write_text("")
    world.put("k3")
    world.run()
    assert world.keys() == ["k3"]


def test_one_that_cannot_be_read_keeps_no_others_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("k1")
    broken: Any = "not a number"
    world.store.cdrs.put(msgspec.structs.replace(a_cdr("k2"), status=broken))
    world.store.commit()
    world.put("k3")
    world.run()
    assert sorted(world.keys()) == ["k1", "k3"]
    assert (world.store.cdrs.count(), world.counters["cdr_unreadable_total"]) == (0, 1)


def test_a_disk_that_refuses_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "cdr.log").mkdir()
    world = World(tmp_path)
    world.put("k1")
    world.run()
    assert (world.store.cdrs.count(), world.counters["cdr_write_errors_total"]) == (1, 2)
    (tmp_path / "cdr.log").rmdir()
    world.run()
    assert world.keys() == ["k1"]


KILLED = """
import asyncio, sys
from collections import defaultdict
from sipmesh.cdr_writer import CdrWriter
from sipmesh.config import CdrFiles
from sipmesh.store import Store
store = Store.open(sys.argv[1])
writer = CdrWriter(store.cdrs, CdrFiles(file=sys.argv[2], rotate_bytes=20000), "a", defaultdict(int))
print("up", flush=True)
asyncio.run(writer.run(asyncio.Event()))
"""


def test_kill_9_of_the_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    wanted = set()
    for turn in range(4):
        arguments = [sys.executable, "-c", KILLED, str(tmp_path / "data"), world.settings.file]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            for number in range(400):
                world.put(f"k{turn}-{number}")
                wanted.add(f"k{turn}-{number}")
            process.kill()
    world.run()
    found = [row["key"] for row in last_cdrs(world.settings, 10_000)]
    assert len(found) == len(set(found)) == len(wanted)
    assert set(found) == wanted


def test_json_is_what_json_tools_read(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.put("k1")
    world.run()
    [line] = Path(world.settings.file).read_text().splitlines()
    assert json.loads(line)["disposition"] == "answered"
