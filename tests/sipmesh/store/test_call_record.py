"""Records of calls as they are stored: written in C, read in sipmesh.store.records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipmesh.store import CallLeg, CallRecord, Cdr, Names, Quality
from sipmesh.store.live import decode_call, decode_cdr, encode_cdr

TEXTS = st.text(st.characters(codec="utf-8"), max_size=40) | st.binary(max_size=300).map(
    lambda data: data.decode("utf-8", "surrogateescape")
)
TIMES = st.floats(0, 1e10)
CSEQS = st.integers(0, 2**32)
SHIFTS = st.lists(st.tuples(CSEQS, st.integers(-9, 9)), max_size=20).map(tuple)
QUALITIES = st.builds(Quality, CSEQS, CSEQS, st.integers(0, 900), st.floats(0, 5), CSEQS, CSEQS)
LEGS = st.builds(
    CallLeg,
    tag=TEXTS,
    remote_target=TEXTS,
    cseq=CSEQS,
    listener=st.integers(0, 99),
    remote_host=TEXTS,
    remote_port=st.integers(0, 65535),
    natted=st.booleans(),
    connection_id=st.integers(0, 2**62),
    route_set=st.lists(TEXTS, max_size=17).map(tuple),
)
RARE = {
    "state": st.sampled_from(["ringing", "answered", "ending"]),
    "legs": st.lists(LEGS, max_size=2),
    "forks": st.lists(LEGS, max_size=17),
    "srtp": st.tuples(*[st.sampled_from(["pass", "off", "optional", "mandatory"])] * 2),
    "names": st.none() | st.builds(Names, TEXTS, TEXTS, TEXTS, TEXTS),
    "shifts": st.tuples(SHIFTS, SHIFTS),
    "media": st.none() | st.tuples(QUALITIES, QUALITIES),
    "hides_caller": st.booleans(),
}


def of_field(name: str) -> st.SearchStrategy[Any]:
    return RARE.get(name, TIMES if name.endswith("_at") else TEXTS)


RECORDS = st.fixed_dictionaries({}, optional={name: of_field(name) for name in CallRecord.FIELDS if name != "v"})


@given(RECORDS)
def test_what_is_written_is_read(fields: dict[str, Any]) -> None:
    record = CallRecord(**fields)
    read = decode_call(record.packed())
    assert read == record
    assert {name: getattr(read, name) for name in fields} == fields
    assert read.packed() == record.packed()
    assert all(type(getattr(read, name)) is type(value) for name, value in fields.items())


@given(RECORDS)
def test_a_cdr_brings_its_call(fields: dict[str, Any]) -> None:
    cdr = Cdr("k", CallRecord(**fields), 5.0, "answered", "bye", status=200)
    assert decode_cdr(encode_cdr(cdr)) == cdr


@given(st.binary(max_size=60), RECORDS, st.integers(0, 400), st.integers(1, 255))
def test_damaged_records_are_refused_or_read(noise: bytes, fields: dict[str, Any], at: int, flipped: int) -> None:
    whole = bytearray(CallRecord(**fields).packed())
    whole[at % len(whole)] ^= flipped
    for data in (noise, bytes(whole), bytes(whole[: at % len(whole)])):
        try:
            read = decode_call(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        assert decode_call(read.packed()) == read


@pytest.mark.parametrize("field", ["listener", "remote_port", "cseq", "connection_id"])
def test_a_number_that_does_not_fit_makes_a_damaged_record(field: str) -> None:
    for number in (2**63, 2**64 - 1, *((2**31, 2**32, -(2**31) - 1) if field in ("listener", "remote_port") else ())):
        stored = {"legs": [{field: number}]}
        with pytest.raises(msgspec.ValidationError, match=f"{field} is no number of that size: {number}"):
            decode_call(msgspec.msgpack.encode(stored))


def test_a_record_of_schema_1_is_read() -> None:
    leg = {"tag": "a", "route_set": ["<sip:p;lr>"], "cseq": 7, "natted": True}
    stored = {
        "call_id": "c1",
        "state": "answered",
        "v": 1,
        "legs": [leg, {}],
        "srtp": ["off", "pass"],
        "names": ["a", "b", "c", "d"],
        "shifts": [[[7, 1]], []],
        "media": [{"packets": 5, "mos": 4.2}, {}],
        "mood": "good",
    }
    read = decode_call(msgspec.msgpack.encode(stored))
    assert read == CallRecord(
        call_id="c1",
        state="answered",
        legs=[CallLeg(tag="a", route_set=("<sip:p;lr>",), cseq=7, natted=True), CallLeg()],
        srtp=("off", "pass"),
        names=Names("a", "b", "c", "d"),
        shifts=(((7, 1),), ()),
        media=(Quality(packets=5, mos=4.2), Quality()),
    )
    assert read.v == 2
    marked = b"\xc1" + msgspec.msgpack.encode({"call_id": "c\U0010f0ff", "legs": [{"tag": "\U0010f080"}]})
    assert decode_call(marked) == CallRecord(call_id="c\udcff", legs=[CallLeg(tag="\udc80")])
    old_cdr = {"key": "k", "call": stored, "ended_at": 5.0, "disposition": "answered", "cause": "bye"}
    assert decode_cdr(msgspec.msgpack.encode(old_cdr)).call == read


def test_a_record_of_a_newer_schema_is_read_without_what_is_unknown() -> None:
    first = CallRecord(call_id="c1")
    stored = [3, *(getattr(first, name) for name in CallRecord.FIELDS[1:])]
    read = decode_call(msgspec.msgpack.encode([*stored, "good"]))
    assert (read.call_id, read.v, read.state) == ("c1", 3, "ringing")


def test_what_is_as_at_first_takes_no_room() -> None:
    assert len(CallRecord(call_id="c1").packed()) == 1 + 1 + 3
    assert CallRecord(call_id="c1", srtp=("pass", "pass"), forks=[]).as_dict() == {"call_id": "c1"}
    assert repr(CallLeg(tag="a", cseq=2)) == "native.sip.CallLeg(**{'tag': 'a', 'cseq': 2})"


def test_fields_keep_their_types() -> None:
    wrong: Any = 5
    with pytest.raises(TypeError, match="call_id is no str"):
        CallRecord(call_id=wrong)
    with pytest.raises(TypeError, match="legs is no list"):
        CallRecord(legs=())
    with pytest.raises(TypeError, match="no field 'mood'"):
        CallRecord(mood="good")
    record = CallRecord(call_id="c1")
    record.names = object()
    with pytest.raises(TypeError, match="can't be stored"):
        record.packed()
    with pytest.raises(AttributeError, match="call_id can't be deleted"):
        del record.call_id
    record.legs.append(CallLeg())
    assert CallRecord().legs == []
    assert record != CallRecord(call_id="c1")


def test_a_call_of_a_caller_without_a_tag_has_its_requests() -> None:
    """RFC 2543."""
    record = CallRecord(from_tag="", to_tag="b")
    assert record.belongs(None, "b")
    assert record.belongs("b", None)
    assert not record.belongs("a", "b")
    assert not CallRecord(from_tag="a", to_tag="b").belongs(None, "b")
