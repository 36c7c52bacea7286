"""a=crypto lines: read, refused, made."""

import base64

import pytest

from media.sdes import SUITES, OwnKeys, allowed, parse, parse_all

KEY = bytes(range(30))
INLINE = "inline:" + base64.b64encode(KEY).decode()
SUITE = "AES_CM_128_HMAC_SHA1_80"


@pytest.mark.parametrize(
    ("value", "mki_bytes"),
    [
        (f"1 {SUITE} {INLINE}", 0),
        (f"1 {SUITE} {INLINE}|2^31", 0),
        (f"1 {SUITE} {INLINE}|2^20|1:4", 4),
        (f"1 {SUITE} {INLINE}|7:128", 128),
        (f"1 {SUITE.lower()} {INLINE.replace('inline', 'INLINE')} WSH=128", 0),
        (f"1 {SUITE} {INLINE} KDR=0", 0),
        (f"1 {SUITE} {INLINE} FEC_ORDER=FEC_SRTP -NEW -NEWER=1", 0),
        (f"1 {SUITE} {INLINE}|281474976710656", 0),
        (f"1 {SUITE} {INLINE}|2^48|255:1", 1),
        (f"1 {SUITE} {INLINE}|{256**128 - 1}:128", 128),
        (f"1 {SUITE} {INLINE}==", 0),
    ],
)
def test_what_we_serve_is_read(value: str, mki_bytes: int) -> None:
    crypto = parse(value)
    assert crypto is not None
    assert (crypto.tag, crypto.suite, crypto.key, crypto.mki_bytes) == (1, SUITE, KEY, mki_bytes)
    assert crypto.relayed == (SUITE, KEY, mki_bytes)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "1",
        f"x {SUITE} {INLINE}",
        f"1 F8_128_HMAC_SHA1_80 {INLINE}",
        f"1 AEAD_AES_128_GCM {INLINE}",  # 30 bytes are no key of it
        f"1 {SUITE} outline:abc",
        f"1 {SUITE} inline:***",
        f"1 {SUITE} inline:",
        f"1 {SUITE} {INLINE}|1:0",
        f"1 {SUITE} {INLINE}|256:1",
        f"1 {SUITE} {INLINE}|{256**128}:128",
        f"1 {SUITE} {INLINE}|x:4",
        f"1 {SUITE} {INLINE}|01:4",
        f"1 {SUITE} {INLINE}|1:04",
        f"1 {SUITE} {INLINE}|1:4|2:4",
        f"1 {SUITE} {INLINE}|1:4|2^20",
        f"1 {SUITE} {INLINE}|",
        f"1 {SUITE} {INLINE}|0",
        f"1 {SUITE} {INLINE}|-1",
        f"1 {SUITE} {INLINE}|soon",
        f"1 {SUITE} {INLINE}|2^49",
        f"1 {SUITE} {INLINE}|281474976710657",
        f"1 {SUITE} {INLINE}|020",
        f"1 {SUITE} {INLINE}|2^20|2^20",
        f"1 {SUITE} {INLINE[:-1]}",
        f"1 {SUITE} {INLINE}AA",
        f"1 {SUITE} {INLINE} WSH=",
        f"1 {SUITE} {INLINE} KDR=00",
        f"1 {SUITE} {INLINE} NEW",
        f"1 {SUITE} {INLINE} -",
        f"1 {SUITE} {INLINE}|1:129",
        f"1 {SUITE} {INLINE}|1:4;{INLINE}|2:4",
        f"1 {SUITE} {INLINE} KDR=24",
        f"1 {SUITE} {INLINE} UNENCRYPTED_SRTP",
        f"1 {SUITE} {INLINE} UNAUTHENTICATED_SRTP",
        f"1 {SUITE} {INLINE} FEC_ORDER=SRTP_FEC",
    ],
)
def test_what_we_can_not_serve_is_passed_over(value: str) -> None:
    assert parse(value) is None


def test_order_of_preference_is_kept_without_the_strange_ones() -> None:
    lines = [f"3 {SUITE} {INLINE}", f"1 NEW_SUITE {INLINE}", f"2 AES_CM_128_HMAC_SHA1_32 {INLINE}"]
    assert [crypto.tag for crypto in parse_all(lines)] == [3, 2]


@pytest.mark.parametrize("suite", SUITES)
def test_our_lines_are_read_again_and_stay_the_same(suite: str) -> None:
    keys = OwnKeys()
    crypto = keys.crypto(5, suite)
    assert parse(str(crypto)) == crypto
    assert keys.crypto(6, suite).key == crypto.key
    assert OwnKeys().crypto(5, suite).key != crypto.key


def test_a_key_is_not_shown() -> None:
    crypto = OwnKeys().crypto(1, SUITE)
    assert repr(crypto) == f"Crypto(tag=1, suite='{SUITE}', mki_bytes=0)"


def test_flags_choose_among_the_suites() -> None:
    assert allowed(frozenset()) == tuple(SUITES)
    assert allowed(frozenset({"only-aes-cm-128-hmac-sha1-80"})) == (SUITE,)
    assert SUITE not in allowed(frozenset({"no-aes-cm-128-hmac-sha1-80"}))
