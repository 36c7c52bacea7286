"""sipcore.gruu: what can be read again, and by whom."""

from __future__ import annotations

from itertools import count

import pytest

from native.sip import Uri
from sipcore.gruu import Gruus, instance_in, public
from sipcore.keys import Key, KeyRing
from sipcore.location import Binding

OLD, NEW = Key("o", bytes(32)), Key("n", bytes(range(32)))
INSTANCE = "<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>"
AOR = "alice@example.com"


def gruus(*keys: Key) -> Gruus:
    numbers = count()
    current, *old = keys or (NEW,)
    return Gruus(KeyRing("gruu", current, old), lambda: f"{next(numbers):012}")


def binding(instance: str = INSTANCE, call_id: str = "c1", contact: str = "sip:alice@192.0.2.1") -> Binding:
    return Binding(contact=contact, call_id=call_id, cseq=1, expires_at=1.0, instance=instance)


@pytest.mark.parametrize(
    "instance", [INSTANCE, "<urn:uuid:x y>", "<urn:imei:90420156-025763-0>", "plain", "<a;b=c?d@e>", "<ä>"]
)
def test_a_public_gruu_names_aor_and_instance(instance: str) -> None:
    uri = Uri(public(binding(instance), AOR))
    assert uri == Uri(f"sip:{AOR}")
    assert instance_in(uri) == (instance if instance.startswith("<") else f"<{instance}>")
    assert uri.aor == AOR


def test_a_sips_contact_gets_sips_gruus() -> None:
    secure = binding(contact="sips:alice@192.0.2.1")
    assert public(secure, AOR).startswith("sips:")
    assert gruus().temporary(secure, AOR).startswith("sips:tgruu.")


@pytest.mark.parametrize("aor", [AOR, "a@b", f"{'x' * 200}@example.com", "jürgen@example.com", "a b@example.com"])
def test_a_temporary_gruu_is_read_again(aor: str) -> None:
    ours = gruus()
    uri = Uri(ours.temporary(binding(), aor))
    assert (uri.host, uri.params) == (aor.rpartition("@")[2], {"gr": None})
    found = ours.read(uri.user or "")
    assert found is not None
    assert found.aor == aor
    assert found.is_valid_for(binding())
    assert found.is_of(binding(call_id="another"))
    assert not found.is_valid_for(binding(call_id="another"))
    assert not found.is_of(binding("<urn:uuid:other>"))
    assert not found.is_of(binding(""))


def test_no_two_are_alike_and_none_tells_whose_it_is() -> None:
    ours = gruus()
    made = [Uri(ours.temporary(binding(), AOR)).user or "" for _ in range(50)]
    assert len(set(made)) == 50
    others = [Uri(ours.temporary(binding("<x>", "y"), "bob@example.com")).user or "" for _ in range(50)]
    assert {len(user) for user in made} == {len(user) for user in others}
    tails = {user[20:] for user in made}
    assert len(tails) == 50
    assert not any("alice" in user for user in made)


def test_nobody_else_can_make_or_change_one() -> None:
    ours = gruus()
    user = Uri(ours.temporary(binding(), AOR)).user or ""
    for at in range(len(user)):
        changed = user[:at] + ("A" if user[at] != "A" else "B") + user[at + 1 :]
        assert ours.read(changed) is None
    assert gruus(OLD).read(user) is None
    for text in ("", "alice", "tgruu.", "tgruu.n", user[:-1], user + "A", user.removeprefix("tgruu."), "tgruu." + "x" * 500):
        assert ours.read(text) is None


def test_an_old_key_still_reads() -> None:
    user = Uri(gruus(OLD).temporary(binding(), AOR)).user or ""
    found = gruus(NEW, OLD).read(user)
    assert found is not None
    assert found.aor == AOR
