"""Records with bytes of other character sets."""

from __future__ import annotations

import msgspec
import pytest

from sipcore.location import Binding, decode_bindings, encode_bindings
from sipcore.raw_text import MARK, decoder, encoder


class Record(msgspec.Struct, omit_defaults=True):
    text: str
    names: tuple[str, ...] = ()
    data: bytes = b""
    parts: dict[str, str] = {}


encode, decode = encoder(msgspec.msgpack.Encoder().encode), decoder(Record)


@pytest.mark.parametrize("raw", [b"J\xfcrgen", b"\x80\xff", b"\xe9", "Jürgen \U0001f600".encode() + b"\xc3"])
def test_every_byte_comes_back(raw: bytes) -> None:
    text = raw.decode("utf-8", "surrogateescape")
    record = Record(text, (text, "plain"), b"\xff\x00", {"a": text})
    stored = encode(record)
    assert stored[:1] == MARK
    assert decode(stored) == record
    assert decode(stored).text.encode("utf-8", "surrogateescape") == raw


def test_what_is_utf_8_is_stored_as_ever() -> None:
    record = Record("Jürgen \U0010f085")
    assert encode(record) == msgspec.msgpack.encode(record)
    assert decode(encode(record)) == record


def test_bindings() -> None:
    binding = Binding(contact="sip:j\udcfc@192.0.2.1", call_id="1\udcff", cseq=1, expires_at=2.0, path=("<sip:p\udce9>",))
    assert decode_bindings(encode_bindings([binding])) == [binding]


@pytest.mark.parametrize("data", [b"", MARK, MARK + b"\xff", b"\xc1\x81"])
def test_damaged_records(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(data)
