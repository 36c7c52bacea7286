"""What C finds in an object stays there: no attribute of these types can be deleted, and a garbage collector leaves None."""

from __future__ import annotations

from typing import Any

import pytest

from native import sip

MADE = (
    *(sip.CoreBase, sip.ApplicationBase, sip.Batches, sip.CallsBase, sip.TrunkBase, sip.EnvironmentBase, sip.GlueBase),
    *(sip.StreamFlow, sip.CallRecord, sip.CallLeg),
)


@pytest.mark.parametrize("base", MADE, ids=lambda base: base.__name__)
def test_an_attribute_is_set_and_never_deleted(base: Any) -> None:
    made = base.__new__(base)
    names = [name for name, kept in vars(base).items() if type(kept).__name__ == "member_descriptor" and kept_by(made, name)]
    assert names
    for name in names:
        with pytest.raises(AttributeError):
            delattr(made, name)
        assert kept_by(made, name)


def kept_by(made: Any, name: str) -> bool:
    return hasattr(made, name)


def test_it_holds_for_classes_of_python() -> None:
    class Trunk(sip.TrunkBase):
        __slots__ = ("mine",)

    trunk = Trunk()
    trunk.name, trunk.mine = "carrier", 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="name can't be deleted"):
        del trunk.name
    assert trunk.name == "carrier"
