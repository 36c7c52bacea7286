"""native.sip.bound_to: the target of an AOR whose only binding is a plain one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.sip import bound_to
from sipcore.location import Binding, encode_bindings

NOW = 1_800_000_000.0
STORED = Binding("sip:alice@192.0.2.7:5070", "reg-1", 7, NOW + 100, remote_host="192.0.2.7", remote_port=5070)


def record(**changes: object) -> bytes:
    fields = {name: getattr(STORED, name) for name in STORED.__struct_fields__}
    return encode_bindings([Binding(**fields | changes)])  # type: ignore[arg-type]


@pytest.mark.parametrize("contact", ["sip:alice@192.0.2.7:5070", "sips:alice@h", "sip:é@h"])
def test_the_contact_of_the_only_plain_binding(contact: str) -> None:
    assert bound_to(record(contact=contact), NOW) == contact


@pytest.mark.parametrize(
    "changes",
    [
        {"natted": True},
        {"instance": "<urn:uuid:1>"},
        {"reg_id": 1},
        {"path": ("<sip:p;lr>",)},
        {"connection_id": 4},
        {"expires_at": NOW},
        {"contact": "tel:+1"},
        {"contact": "sip"},
        {"contact": ""},
    ],
    ids=str,
)
def test_other_bindings_are_looked_at_one_by_one(changes: dict[str, object]) -> None:
    assert bound_to(record(**changes), NOW) is None


def test_several_bindings_are_looked_at_one_by_one() -> None:
    assert bound_to(encode_bindings([STORED, STORED]), NOW) is None
    assert bound_to(encode_bindings([]), NOW) is None


@given(st.data())
def test_a_damaged_record_is_not_read_beyond_its_end(data: st.DataObject) -> None:
    damaged = bytearray(record())
    at = data.draw(st.integers(0, len(damaged) - 1))
    assert bound_to(bytes(damaged[:at]), NOW) is None
    damaged[at] = data.draw(st.integers(0, 255))
    contact = bound_to(bytes(damaged), NOW)
    assert contact is None or contact.encode("utf-8", "surrogateescape") in damaged


def test_arguments_are_checked() -> None:
    wrong: Any = bound_to
    for arguments in ((), (b"",), ("", 1.0), (b"", "now")):
        with pytest.raises(TypeError):
            wrong(*arguments)
