"""Keys for what we hand out and want back."""

from sipcore.keys import Key, KeyRing

FIRST, SECOND = Key("1", b"1" * 32), Key("2", b"2" * 32)


def test_a_mac_verifies_with_its_own_key_and_text_only() -> None:
    ring = KeyRing("branch", FIRST)
    key_id, mac = ring.sign("text")
    assert (key_id, len(mac)) == ("1", 12)
    assert ring.verify(key_id, mac, "text")
    assert not ring.verify(key_id, mac, "texts")
    assert not ring.verify(key_id, mac[:-1], "text")
    assert not ring.verify("2", mac, "text")
    assert not KeyRing("cookie", FIRST).verify(key_id, mac, "text")


def test_old_keys_verify_and_the_current_one_signs() -> None:
    key_id, mac = KeyRing("branch", FIRST).sign("text")
    rotated = KeyRing("branch", SECOND, [FIRST])
    assert rotated.verify(key_id, mac, "text")
    assert rotated.sign("text")[0] == "2"


def test_what_a_peer_sends_never_raises() -> None:
    ring = KeyRing("branch", FIRST)
    for junk in ("", "é", "\udcff" * 12, "x" * 10000, "\0"):
        assert not ring.verify("1", junk, "text")
        assert not ring.verify(junk, junk, junk)
    assert ring.verify(*ring.sign("\udcff"), "\udcff")


def test_macs_are_made_of_characters_that_urls_and_tokens_may_hold() -> None:
    macs = "".join(KeyRing("branch", FIRST).sign(str(number))[1] for number in range(200))
    assert all(char.isascii() and (char.isalnum() or char in "-_") for char in macs)
    assert "-" in macs
    assert "_" in macs
