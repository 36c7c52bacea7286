"""What is kept of bindings and calls: store, call records, calls."""

from __future__ import annotations

from typing import Any

from native import sip
from tests.native.nomemory.cases import tried
from tests.native.nomemory.messages import INVITE
from tests.native.nomemory.proxying import Ways


class Rows(dict[bytes, bytes]):
    """An lmdb.Environment and its transactions in one."""

    def begin(self, *_: object) -> Rows:
        return self

    def abort(self) -> None:
        pass

    commit = abort

    def get(self, key: bytes, default: Any = None, table: object = None) -> Any:
        return super().get(key, default)

    def put(self, key: bytes, value: bytes, *_: object) -> bool:
        self[key] = value
        return True

    def delete(self, key: bytes, *_: object) -> bool:
        return self.pop(key, None) is not None


class Rack(sip.EnvironmentBase):
    def __init__(self, *, staged: bool) -> None:
        self._env = Rows()
        self._spare_bytes = 1 << 20
        self._keeps_read, self._stages = staged, staged

    def table(self, name: str) -> str:
        return name

    def begin_write(self) -> None:
        self._write = self._env

    def begin_read(self) -> Rows:
        rows: Rows = self._env
        return rows

    def write_failed(self, error: Exception) -> None:
        raise error

    commit_failed = write_failed


class Table(sip.TableBase):
    TABLE = "t"

    @staticmethod
    def key_of(text: str) -> bytes:
        return text.encode()


def kept(*, staged: bool) -> tuple[object, ...]:
    beside, rack = Rack(staged=False), Rack(staged=staged)
    rack.renew_with(beside)
    table = Table(rack)
    before = table.record("a")
    table.put_record("a", b"1")
    table.put_record("é", b"2")
    between = table.record("a"), rack.delete("t", b"nothing")
    table.delete("é")
    rack.commit()
    return before, between, table.record("a"), table.record("é"), rack.delete("t", b"a")


@tried
def store() -> object:
    return kept(staged=False)


@tried
def staging_store() -> object:
    return kept(staged=True)


class Place:
    """An InboundRequest, its caller, its hop and its target in one."""

    aor, number, route, trunk, uris, natted = "", "+44", "f1", None, (), True
    via_branch = "z9hG4bK1"

    def __init__(self, message: sip.Message) -> None:
        self.message = message
        self.flow = Ways()
        self.target = self


@tried
def call_record() -> object:
    request = sip.Message(INVITE.replace(b"Route:", b"Record-Route:"))
    place = Place(request)
    record = sip.begun_by(place, place, place, 5.0, relayed=True, srtp=("off", "pass"), names=("a", "b\udcff", "é", "d"))
    routes = [("Record-Route", f"<sip:{n};lr>") for n in range(4)]
    answer = request.reply(200, to_tag="t", headers=[("Contact", "<sip:x@y>"), *routes])
    record.legs[1] = sip.callee_of(record, place, answer)
    record.forks.append(sip.CallLeg(tag="x" * 300, cseq=1 << 33, route_set=("<sip:r>",)))
    record.shifts = (((7, -1),), ())
    assert record == record
    return record, record.packed(), sip.CallRecord(call_id="a", v=3)


class Told:
    """Whatever calls tell of themselves."""

    waiting = frozenset({1})

    def none(self, *_: object) -> None:
        pass

    begun = ended = forget = none


class Calls(sip.CallsBase):
    def __init__(self, table: sip.TableBase) -> None:
        super().__init__(table, sip.Timers(0.0, 5.0), {}, Told())
        self.trunks, self.early_offers, self.relayed = Told(), Told(), True

    def one_key_less(self, call_id: str, key: str) -> None:
        self._keys[call_id] = ("k1",)


@tried
def call() -> object:
    request = sip.Message(INVITE)
    place = Place(request)
    table = Table(Rack(staged=False))
    calls = Calls(table)
    for key in ("k1", "k2"):
        calls.begin(key, sip.begun_by(place, place, place, 5.0), place)
    calls.answered("k1", place, request.reply(200, to_tag="t", headers=[("Contact", "<sip:x@y>")]))
    calls.hangs_up("k1", "9", "t")
    shown = repr(calls.get("k1"))
    calls.end("k2", "failed", 486, "callee")
    calls.hung_up("k1", "9", "t")
    return shown, dict(calls.counters), len(calls), table.record("k1")


@tried
def limits() -> object:
    recent = sip.RecentBase(1)
    rates, backoff = sip.RatesBase(1.0, 2.0, recent), sip.BackoffBase(recent, recent)
    taken = [rates.take(key, 10.0) for key in ("a", "b", "a", "c")]
    return taken, backoff.pause_left_s("c", 10.0), backoff.succeeded("c"), len(recent)
