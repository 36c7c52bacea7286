"""Attributes that C reads by name: where a slot is, is remembered by type, which must not outlive a change of the type."""

from __future__ import annotations

from typing import Any

import pytest

from native.sip import Cookie, Message
from sipcore.keys import Key, KeyRing
from sipcore.proxy.cookie import issue_cookie
from tests.native.sip_samples import INVITE

RING = KeyRing("any", Key("k", b"k" * 32))
REQUEST = Message(INVITE)
REQUEST.set("To", "<sip:b@example.com>;tag=there")
TEXT = issue_cookie(RING, REQUEST, "key").text


class Slotted:
    __slots__ = ("id", "macs")

    def __init__(self) -> None:
        self.macs = RING.macs


def is_read(ring: Any) -> bool:
    return Cookie.read(ring, TEXT, REQUEST) is not None


def test_a_slot_is_read_again_and_again() -> None:
    ring = Slotted()
    assert [is_read(ring) for _ in range(3)] == [True] * 3
    ring.macs = {}
    assert not is_read(ring)


def test_a_slot_that_is_empty_is_no_attribute() -> None:
    ring = Slotted()
    assert is_read(ring)
    del ring.macs
    with pytest.raises(AttributeError, match="macs"):
        is_read(ring)


def test_a_type_that_changes_is_looked_at_anew() -> None:
    class Changing(Slotted):
        __slots__ = ()

    ring = Changing()
    assert is_read(ring)
    Changing.macs = property(lambda self: {})  # type: ignore[assignment, misc]
    assert not is_read(ring)
    del Changing.macs
    assert is_read(ring)


def test_other_kinds_of_attributes_are_asked_for() -> None:
    class Asked(Slotted):
        __slots__ = ()

        def __getattribute__(self, name: str) -> Any:
            return {} if name == "macs" else super().__getattribute__(name)

    class Plain:
        macs = RING.macs

    assert not is_read(Asked())
    assert is_read(Plain())
