import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import bencode
from media.errors import BencodeError

BYTE_STRINGS = st.binary(max_size=40).map(lambda data: data.decode("utf-8", "surrogateescape"))
VALUES = st.recursive(
    st.integers(-(10**18), 10**18) | BYTE_STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(BYTE_STRINGS, inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"i0e", 0),
        (b"i-17e", -17),
        (b"0:", ""),
        (b"4:ping", "ping"),
        ("3:\N{EURO SIGN}".encode(), "\N{EURO SIGN}"),
        (b"le", []),
        (b"de", {}),
        (b"d7:command4:pinge", {"command": "ping"}),
        (b"d1:zi1e1:ai2ee", {"z": 1, "a": 2}),
        (b"l3:IP48:10.0.0.1e", ["IP4", "10.0.0.1"]),
        (b"d1:ai1e1:ai2ee", {"a": 2}),
    ],
)
def test_decodes(data: bytes, value: object) -> None:
    assert bencode.decode(data) == value


@pytest.mark.parametrize(
    ("data", "at", "what"),
    [
        (b"", 0, "end of data"),
        (b"x", 0, "unexpected b'x'"),
        (b"d7:command4:ping", 16, "end of data"),
        (b"l", 1, "end of data"),
        (b"i12", 0, "not an integer"),
        (b"ie", 0, "not an integer"),
        (b"i-0e", 0, "not an integer"),
        (b"i01e", 0, "not an integer"),
        (b"i1.5e", 0, "not an integer"),
        (b"i" + b"9" * 40 + b"e", 0, "not an integer"),
        (b"d1:ae", 4, "a dictionary key without a value"),
        (b"e", 0, "unexpected b'e'"),
        (b"\0", 0, "unexpected b'\\x00'"),
        (b"4", 0, "not a string length"),
        (b"99999999999:x", 0, "not a string length"),
        (b"5:ping", 0, "a string of 5 bytes, but 4 are left"),
        (b"di1ei2ee", 1, "a dictionary key must be a string"),
        (b"d1:a", 4, "end of data"),
        (b"i1ei2e", 3, "data after the end"),
        (b"l" * 17 + b"e" * 17, 16, "nested deeper than 16"),
    ],
)
def test_says_where_and_what_is_wrong(data: bytes, at: int, what: str) -> None:
    with pytest.raises(BencodeError) as caught:
        bencode.decode(data)
    assert caught.value.reason == f"Could not decode bencode at byte {at}: {what}"


def test_refuses_what_is_too_large() -> None:
    with pytest.raises(BencodeError, match="more than 262144"):
        bencode.decode(b"x" * (256 * 1024 + 1))


@given(VALUES)
def test_survives_a_round_trip(value: object) -> None:
    assert bencode.decode(bencode.encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    try:
        value = bencode.decode(data)
    except BencodeError:
        return
    assert bencode.decode(bencode.encode(value)) == value


def test_encodes_in_insertion_order_and_counts_bytes() -> None:
    assert bencode.encode({"z": "\N{EURO SIGN}", "a": [1, True]}) == "d1:z3:\N{EURO SIGN}1:ali1ei1eee".encode()


def test_has_no_form_for_other_types() -> None:
    with pytest.raises(TypeError, match="float"):
        bencode.encode({"a": 1.5})
