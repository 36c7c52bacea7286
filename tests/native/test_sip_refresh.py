"""native.sip.RegistrarBase.refresh: where it answers, the registrar's own way would have left and answered the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native.sip import Message
from sipcore.errors import PeerError
from sipcore.flow import Listener
from sipcore.gruu import Gruus
from sipcore.keys import Key, KeyRing
from sipcore.location import Binding, decode_bindings, encode_bindings
from sipcore.registrar import Registrar
from tests.sipcore.test_registrar import AOR, NOW, Phone, Source, Table

STORED = Binding("sip:alice@192.0.2.7:5070", "reg-1", 7, NOW + 100, remote_host="192.0.2.7", remote_port=5070)

hosts = st.sampled_from(["192.0.2.7", "10.0.0.1", "phone.example", "x.invalid", "[2001:db8::7]", "PHONE.example", "b"])
SAME = "same"


def same_or(other: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What fits together, half of the time: else most would be left to the registrar."""
    return st.one_of(st.just(SAME), other)


flows = st.sampled_from([(0, "udp", 0), (1, "tcp", 70), (2, "tls", 3_000_000_001)])
ports = st.sampled_from(["", ":5060", ":5061", ":5070", ":0"])
PARAMS = [";expires=120", ";expires=0", ";expires=59", ";expires=99999", ";expires=x", ";expires", ";expires=70;expires=80"]
PARAMS += ["", ";q=0.5", ";reg-id=1", ";Expires=300;x=y", ";q=1"]
INSTANCES = [f';+sip.instance="<urn:uuid:1>"{flow}' for flow in ("", ";reg-id=1", ";reg-id=01", ";reg-id=2;expires=90")]
INSTANCES += [f';+sip.instance="<urn:uuid:1>"{flow}' for flow in (";reg-id=0", ";reg-id", ";reg-id=x", ";reg-id=1;reg-id=2")]
INSTANCES += [
    r';+sip.instance="<urn:\\1>";reg-id=1',
    ";+sip.instance;reg-id=1",
    ';+sip.instance="";reg-id=1',
    ";+sip.instance=x",
]
MORE = ["", "Expires: 600", "Expires: 0", "Expires: 10", "Expires: soon", "Require: path", "Supported: path", "Path: <sip:p>"]
MORE += ["User-Agent: desk", "User-Agent: " + "u" * 129, "User-Agent: é", "Contact: <sip:b@192.0.2.8>", "Subject: a\r\n b"]
MORE += ["Supported: path, outbound", "Supported: gruu", "k: Outbound", "Via: SIP/2.0/UDP 192.0.2.99"]
usual = st.sampled_from([";expires=120", "", *INSTANCES[:3], INSTANCES[1]])  # else most would be left to the registrar
params = st.one_of(usual, usual, st.sampled_from(PARAMS), st.sampled_from(INSTANCES))
lines = st.one_of(st.just([]), st.just(["Supported: path, outbound"]), st.lists(st.sampled_from(MORE), max_size=3))
OTHERS = [Binding(f"sip:alice@198.51.100.{number}", f"other-{number}", 1, NOW + 7.5 * number) for number in (1, 2)]
OTHERS += [Binding("sip:alice@198.51.100.3", "other", 1, NOW + 60, q=0.5), Binding("sip:a@198.51.100.4", "other", 1, NOW + 9)]
OTHERS += [Binding("sip:alice@198.51.100.5", "f", 1, NOW + 9, NOW, instance="<urn:uuid:1>", reg_id=2, connection_id=9)]
others = st.one_of(st.just([]), st.lists(st.sampled_from(OTHERS), max_size=2))


class Records(Table):
    """One record, as it is stored."""

    def __init__(self, stored: bytes) -> None:
        super().__init__()
        self.stored = stored

    def record(self, aor: str) -> bytes:
        return self.stored

    def put_record(self, aor: str, record: bytes) -> None:
        self.stored = record


def request(contact: str, via: str, call_id: str, cseq: int, lines: list[str]) -> Message:
    head = f"REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {via}\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
    head += f"Call-ID: {call_id}\r\nCSeq: {cseq} REGISTER\r\nContact: {contact}\r\n"
    return Message((head + "".join(f"{line}\r\n" for line in lines if line) + "Content-Length: 0\r\n\r\n").encode())


@settings(max_examples=250)
@given(
    *(hosts, ports, same_or(hosts), same_or(ports), same_or(hosts), params),
    st.sampled_from(["", ";rport", ";branch=z9hG4bKx"]),
    st.sampled_from(["reg-1", "reg-2", "reg-3", "c" * 257]),
    st.integers(7, 12),
    lines,
    st.sampled_from([0.0, 0.25, 0.5, 0.75]),
    st.sampled_from(["{}", "<{}>", '"Al, ice" <{}>']),
    same_or(st.sampled_from([None, ("", 0), ("<urn:uuid:1>", 0), ("<urn:uuid:1>", 1)])),
    *(others, others, flows),
    st.booleans(),
)
def test_both_ways_leave_and_answer_the_same(
    contact_host: str,
    contact_port: str,
    via_host: str,
    via_port: str,
    source_host: str,
    contact_params: str,
    via_params: str,
    call_id: str,
    cseq: int,
    lines: list[str],
    fraction: float,
    form: str,
    known: tuple[str, int] | str | None,
    before: list[Binding],
    after: list[Binding],
    flow: tuple[int, str, int],
    with_gruus: bool,
) -> None:
    via_host = contact_host if via_host == SAME else via_host
    via_port = contact_port if via_port == SAME else via_port
    source_host = contact_host if source_host == SAME else source_host
    if known == SAME:
        known = ("<urn:uuid:1>" if "sip.instance" in contact_params else "", int("reg-id=1" in contact_params))
    uri = f"sip:alice@{contact_host}{contact_port}"
    message = request(form.format(uri) + contact_params, via_host + via_port + via_params, call_id, cseq, lines)
    stored = Binding(uri if known else "sip:other@192.0.2.1", "reg-1", 7, NOW + 100, user_agent="old")
    if isinstance(known, tuple):
        stored.instance, stored.reg_id = known
    index, transport, connection_id = flow
    listener = Listener(index, transport, "198.51.100.1", 5060, "198.51.100.1", 5060)
    source = Source(listener, (source_host.strip("[]").lower(), 5070), connection_id)
    gruus = Gruus(KeyRing("gruu", Key("0", bytes(32))), lambda: "n" * 12) if with_gruus else None
    now = NOW + fraction
    current = [*before, stored, *after]
    table, other = Records(encode_bindings(current)), Table()
    other.bindings[AOR] = current
    found = Registrar(table, gruus=gruus).refresh(message, AOR, source, now)
    try:
        answer = Registrar(other, gruus=gruus).change(message, AOR, source, now)
    except PeerError:
        assert found is None
        return
    if found is not None:
        assert other.bindings[AOR] == decode_bindings(table.stored)
        assert encode_bindings(other.bindings[AOR]) == table.stored
        assert answer == found


def plain(**changes: object) -> bytes:
    fields = {name: getattr(STORED, name) for name in STORED.__struct_fields__}
    return encode_bindings([Binding(**fields | changes)])  # type: ignore[arg-type]


def refresh(record: bytes, now: float = NOW) -> tuple[bytes, tuple[str, ...]] | None:
    message = request("<sip:alice@192.0.2.7:5070>;expires=300", "192.0.2.7:5070;rport", "reg-1", 8, ["User-Agent: desk"])
    table = Records(record)
    listener = Listener(3, "udp", "198.51.100.1", 5060, "198.51.100.1", 5060)
    found = Registrar(table).refresh(message, AOR, Source(listener, ("192.0.2.7", 5070)), now)
    if found is None:
        assert table.stored == record
        return None
    assert found[-1][0] == "Date"
    return table.stored, tuple(value for name, value in found[:-1] if name == "Contact")


def test_a_plain_refresh_is_known() -> None:
    found = refresh(plain())
    assert found is not None
    assert found[1] == ("<sip:alice@192.0.2.7:5070>;expires=300",)
    [binding] = decode_bindings(found[0])
    assert (binding.cseq, binding.expires_at, binding.listener, binding.user_agent) == (8, NOW + 300, 3, "desk")
    assert refresh(found[0]) is None  # the same CSeq once more


@pytest.mark.parametrize(
    "changes",
    [
        {"q": 0.5},
        {"instance": "<urn:uuid:1>", "reg_id": 1},
        {"path": ("<sip:p;lr>",)},
        {"expires_at": NOW - 1},
        {"v": 3},
        {"cseq": 2**32},
        {"contact": "sip:alice@192.0.2.8:5070"},
    ],
    ids=str,
)
def test_other_bindings_are_left_to_the_registrar(changes: dict[str, object]) -> None:
    assert refresh(plain(**changes)) is None


def test_the_other_bindings_stay_as_they_are() -> None:
    found = refresh(encode_bindings([OTHERS[0], STORED, OTHERS[1]]))
    assert found is not None
    first, refreshed_one, last = decode_bindings(found[0])
    assert (first, last) == (OTHERS[0], OTHERS[1])
    assert refreshed_one.cseq == 8
    assert [value.rpartition("=")[2] for value in found[1]] == ["8", "300", "15"]


def test_bindings_that_were_read_and_written_again_are_still_plain() -> None:
    again = encode_bindings(decode_bindings(encode_bindings([OTHERS[0], STORED])))
    assert again != encode_bindings([OTHERS[0], STORED])  # floats
    found = refresh(again)
    assert found is not None
    assert decode_bindings(found[0])[0] == OTHERS[0]


def test_too_many_bindings_and_none_are_left_to_the_registrar() -> None:
    several = [Binding(f"sip:a@192.0.2.{number}", "c", 1, NOW + 9) for number in range(14)]
    assert refresh(encode_bindings([*several, STORED])) is not None
    assert refresh(encode_bindings([*several, several[0], STORED])) is None
    assert refresh(encode_bindings([])) is None
    assert refresh(encode_bindings([STORED]) + b"x") is None


@given(st.data())
def test_a_damaged_record_is_left_to_the_registrar_or_read_whole(data: st.DataObject) -> None:
    record = bytearray(plain())
    at = data.draw(st.integers(0, len(record) - 1))
    assert refresh(bytes(record[:at])) is None
    record[at] = data.draw(st.integers(0, 255))
    found = refresh(bytes(record))
    assert found is None or len(decode_bindings(found[0])) == len(found[1]) == 1


def test_a_record_of_schema_1_is_read() -> None:
    old = [{"c": "sip:a@192.0.2.1", "i": "c1", "n": 4, "e": 17.5, "t": 10.25, "p": ["<sip:p>"], "h": "192.0.2.1", "r": 5060}]
    [binding] = decode_bindings(msgspec.msgpack.encode(old))
    assert (binding.contact, binding.call_id, binding.cseq, binding.expires_at) == ("sip:a@192.0.2.1", "c1", 4, 17.5)
    assert (binding.path, binding.remote_host, binding.remote_port, binding.q) == (("<sip:p>",), "192.0.2.1", 5060, 1)
    assert decode_bindings(encode_bindings([binding])) == [binding]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_a_flow_is_refreshed_whatever_its_contact(transport: str) -> None:
    connection_id = 0 if transport == "udp" else 7
    listener = Listener(1, transport, "198.51.100.1", 5060, "198.51.100.1", 5060)
    old = Binding("sip:alice@192.0.2.7:5070", "reg-1", 7, NOW + 100, instance="<urn:uuid:1>", reg_id=3, connection_id=4)
    table = Records(encode_bindings([OTHERS[0], old]))
    contact = '<sip:alice@10.0.0.1:5090>;expires=300;+sip.instance="<urn:uuid:1>";reg-id=3'
    message = request(contact, "10.0.0.1:5090;rport", "reg-1", 8, ["Supported: path, outbound"])
    found = Registrar(table).refresh(message, AOR, Source(listener, ("192.0.2.7", 40000), connection_id), NOW + 0.25)
    assert found is not None
    assert found[:-1] == (
        ("Contact", "<sip:alice@198.51.100.1>;expires=7"),
        ("Contact", '<sip:alice@10.0.0.1:5090>;expires=300;+sip.instance="<urn:uuid:1>";reg-id=3'),
        ("Require", "outbound"),
        ("Flow-Timer", "120"),
    )
    binding = decode_bindings(table.stored)[1]
    assert (binding.contact, binding.connection_id, binding.natted) == ("sip:alice@10.0.0.1:5090", connection_id, True)
    assert (binding.registered_at, binding.instance, binding.reg_id) == (NOW + 0.25, "<urn:uuid:1>", 3)


def test_a_refresh_over_a_connection_is_known() -> None:
    phone = Phone()
    phone.source = Source(Listener(1, "tcp", "198.51.100.1", 5060, "198.51.100.1", 5060), ("203.0.113.9", 40000), 7)
    for _ in range(2):
        phone.register("<sip:alice@203.0.113.9:40000>", Expires="60")
        assert phone.table.bindings[AOR][0].connection_id == 7
