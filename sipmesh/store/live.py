"""Bindings, call records, commands and counters: what the traffic decides.

Writes gather in one transaction until ``Store.commit``; the signal worker commits once a batch, before its answers leave.
"""

import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

import msgspec

from native.sip import CallRecord, TableBase
from sipcore.location import Binding, decode_bindings, encode_bindings
from sipcore.raw_text import decoder, encoder
from sipmesh.store.environment import Environment, key_of
from sipmesh.store.records import Cdr, CdrPlace, Command, RecentRoute, Snapshot, read_call

TABLES = ("bindings", "calls", "commands", "snapshots", "cdrs", "cdr_place", "recent_routes")

Record = TypeVar("Record")

encode = encoder(msgspec.msgpack.Encoder().encode)
decode_call = decoder(CallRecord, lambda kind, stored: read_call(stored))
decode_cdr = decoder(Cdr, lambda kind, stored: read_call(stored))
encode_cdr = msgspec.msgpack.Encoder(enc_hook=lambda call: msgspec.Raw(call.packed())).encode
decode_routes = decoder(list[RecentRoute])


class StoredLocations(TableBase):
    """``sipcore.location.Locations`` over the store."""

    TABLE = "bindings"
    _env: Environment
    key_of = staticmethod(key_of)

    def __init__(self, environment: Environment) -> None:
        self._swept = b""  # where the next ``sweep`` goes on

    def get(self, aor: str) -> list[Binding]:
        data = self.record(aor)
        return [] if data is None else decode_bindings(data)

    def put(self, aor: str, bindings: list[Binding]) -> None:
        if bindings:
            self.put_record(aor, encode_bindings(bindings))
        else:
            self.delete(aor)

    def all(self) -> Iterator[tuple[str, list[Binding]]]:
        """(AOR, bindings), expired ones possibly among them."""
        for key, data in self._env.items(self._table):
            yield key.decode("utf-8", "surrogateescape"), decode_bindings(data)

    def part(self, start: bytes, limit: int) -> tuple[list[list[Binding]], bytes]:
        """Bindings of up to ``limit`` AORs from key ``start`` on, and the start of the next part: b"" after the last."""
        found: list[list[Binding]] = []
        for key, data in self._env.items(self._table, start):
            if len(found) >= limit:
                return found, key
            found.append(decode_bindings(data))
        return found, b""

    def count(self) -> int:
        """AORs with bindings."""
        return self._env.count(self._table)

    def sweep(self, now: float, limit: int = 1000) -> int:
        """Looks at up to ``limit`` AORs, going round, and removes bindings expired at ``now``. Returns how many; commits."""
        stale: list[bytes] = []
        seen = 0
        last = b""
        for key, data in self._env.items(self._table, self._swept):
            seen += 1
            last = key
            if any(binding.expires_at <= now for binding in decode_bindings(data)):
                stale.append(key)
            if seen >= limit:
                break
        self._swept = last + b"\0" if seen >= limit else b""
        return self._purge(stale, now) if stale else 0

    def _purge(self, keys: list[bytes], now: float) -> int:
        self._env.begin()
        removed = 0
        for key in keys:
            data = self._env.get(self._table, key)
            bindings = decode_bindings(data) if data is not None else []
            left = [binding for binding in bindings if binding.expires_at > now]
            removed += len(bindings) - len(left)
            if left:
                self._env.put(self._table, key, encode_bindings(left))
            elif bindings:
                self._env.delete(self._table, key)
        self._env.commit()
        return removed


class Calls(TableBase):
    """By the key that the proxy made for each: a few characters."""

    TABLE = "calls"
    _env: Environment
    key_of = staticmethod(key_of)

    def get(self, key: str) -> CallRecord | None:
        data = self.record(key)
        return None if data is None else decode_call(data)

    def put(self, key: str, record: CallRecord) -> None:
        self.put_record(key, record.packed())

    def all(self) -> Iterator[tuple[str, CallRecord]]:
        """Those that can be read."""
        for key, data in self._env.items(self._table):
            record = _readable(decode_call, data)
            if record is not None:
                yield key.decode(), record

    def forget_unreadable(self) -> int:
        """Deletes damaged records, and those of a later version that this one can't read. Returns how many."""
        keys = [key for key, data in self._env.items(self._table) if _readable(decode_call, data) is None]
        for key in keys:
            self._env.delete(self._table, key)
        return len(keys)

    def count(self) -> int:
        return self._env.count(self._table)


def _readable(decode: Callable[[bytes], Record], data: bytes) -> Record | None:
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class CdrOutbox:
    """Calls that have ended, from the signal worker to whoever writes the file. A CDR is put in the transaction that deletes
    its call record, and taken out in the one that says how far the file holds it."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._table = environment.table("cdrs")
        self._places = environment.table("cdr_place")

    def put(self, cdr: Cdr) -> None:
        self._env.put(self._table, round(cdr.ended_at * 1e6).to_bytes(8, "big") + key_of(cdr.key), encode_cdr(cdr))

    def waiting(self, limit: int) -> list[tuple[bytes, Cdr | None]]:
        """(key in the outbox, CDR), in the order the calls ended; None for one that can't be read."""
        return [(key, _readable(decode_cdr, data)) for key, data in islice(self._env.items(self._table), limit)]

    def count(self) -> int:
        return self._env.count(self._table)

    def place(self) -> CdrPlace | None:
        data = self._env.get(self._places, b"file")
        return None if data is None else msgspec.msgpack.decode(data, type=CdrPlace)

    def settle(self, keys: list[bytes], place: CdrPlace) -> None:
        """Takes ``keys`` out, which the file holds up to ``place``; commits."""
        self._env.begin()
        for key in keys:
            self._env.delete(self._table, key)
        self._env.put(self._places, b"file", encode(place))
        self._env.commit()


class RecentRoutes:
    """The last requests that a policy was asked about, for who wants to know what a changed file would do."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._table = environment.table("recent_routes")

    def put(self, recent: list[RecentRoute]) -> None:
        """In place of all before."""
        self._env.put(self._table, b"recent", encode(recent))

    def all(self) -> list[RecentRoute]:
        data = self._env.get(self._table, b"recent")
        return [] if data is None else decode_routes(data)


class Commands:
    """What people asked of the signal workers. Each worker looks through those it has not seen; old ones are swept out."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._table = environment.table("commands")

    def put(self, command: Command) -> None:
        """Queued and committed."""
        self._env.begin()  # before the time is taken: a later key is never there before an earlier one
        self._env.put(self._table, time.time_ns().to_bytes(8, "big"), encode(command))
        self._env.commit()

    def after(self, seen: bytes) -> tuple[list[Command], bytes]:
        """Those behind ``seen`` (b"": all), oldest first, and what ``seen`` is then."""
        if not self._env.count(self._table):
            return [], seen
        commands: list[Command] = []
        for key, data in self._env.items(self._table, seen and seen + b"\0"):
            commands.append(msgspec.msgpack.decode(data, type=Command))
            seen = key
        return commands, seen

    def sweep(self, before: float) -> None:
        """Forgets those older than ``before``, Unix time; the caller commits."""
        limit = int(before * 1e9).to_bytes(8, "big")
        for key in [key for key, _ in self._env.items(self._table) if key < limit]:
            self._env.delete(self._table, key)


class Snapshots:
    """The workers' counters, by worker name ("signal-0")."""

    def __init__(self, environment: Environment) -> None:
        self._env = environment
        self._table = environment.table("snapshots")

    def put(self, worker: str, snapshot: Snapshot) -> None:
        self._env.put(self._table, key_of(worker), encode(snapshot))

    def all(self) -> dict[str, Snapshot]:
        return {key.decode(): msgspec.msgpack.decode(data, type=Snapshot) for key, data in self._env.items(self._table)}
