"""The keyed hash of what we hand out and want back."""

from base64 import urlsafe_b64encode

import pytest

from native.sip import Mac, crc_slot, tag_hash

KEY = bytes(range(16))
# SipHash-2-4 with 128 bits: the vectors of its reference implementation, for the bytes 0, 1, 2 ... under KEY
VECTORS = {
    0: "a3817f04ba25a8e66df67214c7550293",
    1: "da87c1d86b99af44347659119b22fc45",
    15: "5493e99933b0a8117e08ec0f97cfc3d9",
}


@pytest.mark.parametrize("size", VECTORS)
def test_the_reference_vectors(size: int) -> None:
    text = bytes(range(size)).decode()
    assert Mac(KEY).of(text) == urlsafe_b64encode(bytes.fromhex(VECTORS[size])[:9]).decode()


def test_a_mac_is_that_of_its_text_and_key_alone() -> None:
    mac = Mac(KEY).of("text")
    assert Mac(KEY).matches("text", mac)
    assert not Mac(KEY).matches("texts", mac)
    assert not Mac(bytes(16)).matches("text", mac)
    for at in range(len(mac)):
        assert not Mac(KEY).matches("text", mac[:at] + "!" + mac[at + 1 :])
    for other in ("", mac[:-1], mac + "A", "é" * 6, "\udcff" * 12, "\0" * 12):
        assert not Mac(KEY).matches("text", other)


def test_texts_of_any_characters() -> None:
    texts = ["", "a", "é", "\udcff", "\0", "\0\0", "x" * 7, "x" * 8, "x" * 9, "x" * 100_000]
    assert len({Mac(KEY).of(text) for text in texts}) == len(texts)
    assert all(Mac(KEY).matches(text, Mac(KEY).of(text)) for text in texts)


@pytest.mark.parametrize("key", [b"", bytes(15), bytes(17), "0123456789abcdef", None])
def test_a_key_has_16_bytes(key: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        Mac(key)  # type: ignore[arg-type]


def test_arguments_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError):
        Mac(KEY).of(b"text")  # type: ignore[arg-type]
    for arguments in (("text",), ("text", "mac", "more"), (b"text", "mac"), ("text", b"mac")):
        with pytest.raises(TypeError):
            Mac(KEY).matches(*arguments)  # type: ignore[arg-type]


def test_a_branch_says_what_it_is_made_of() -> None:
    mac = Mac(KEY)
    distinction = f"3.{crc_slot('sip:bob@h')}"
    expected = f"z9hG4bK0.{crc_slot('call')}.k{mac.of(f'identity{chr(10)}{distinction}')}{distinction}.77"
    assert mac.branch("z9hG4bK0.", "k", "call", "identity", "sip:bob@h", "77", 3) == expected


@pytest.mark.parametrize("tag", ["", "a", "ü"])
def test_the_hash_of_a_tag_is_its_slot_in_digits(tag: str) -> None:
    assert tag_hash(tag) == str(crc_slot(tag))
    assert tag_hash(None) == tag_hash("")
