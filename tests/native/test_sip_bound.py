"""native.sip.bound_to: the targets of an AOR whose bindings are tried at once."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from native.sip import bound_to
from sipcore.location import Binding, encode_bindings
from sipcore.ports import Target
from sipmesh.signalling.locate import targets_of

NOW = 1_800_000_000.0
STORED = Binding("sip:alice@192.0.2.7:5070", "reg-1", 7, NOW + 100, remote_host="192.0.2.7", remote_port=5070)
OPEN, CLOSED = SimpleNamespace(closed=False), SimpleNamespace(closed=True)


class Flows:
    """``flow`` is all there is, by whatever name."""

    def __init__(self, flow: Any = OPEN) -> None:
        self.flow = flow
        self.named: list[Any] = []

    def flow_of(self, *name: Any) -> Any:
        self.named.append(name)
        return self.flow


def binding(**changes: object) -> Binding:
    fields = {name: getattr(STORED, name) for name in STORED.__struct_fields__}
    return Binding(**fields | changes)  # type: ignore[arg-type]


def found(*bindings: Binding, flow: Any = OPEN) -> list[Target] | None:
    return bound_to(encode_bindings(list(bindings)), NOW, Flows(flow), Target)


def only(*bindings: Binding, flow: Any = OPEN) -> Target:
    (target,) = found(*bindings, flow=flow) or ()
    return target


def told(targets: list[Target]) -> list[tuple[Any, ...]]:
    return [(each.uri, each.routes, each.flow, each.natted, each.group, each.spare) for each in targets]


@pytest.mark.parametrize("contact", ["sip:alice@192.0.2.7:5070", "sips:alice@h", "sip:é@h"])
def test_the_contact_of_the_only_binding(contact: str) -> None:
    target = only(binding(contact=contact))
    assert (target.uri, target.flow, target.natted, target.routes) == (contact, None, False, ())


WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"instance": "<urn:uuid:1>"},
    {"path": ("<sip:p;lr>",)},
    {"path": ("<sip:p;lr>", "<sip:" + "q" * 300 + ";lr>"), "reg_id": 1, "connection_id": 4},
    {"natted": True},
    {"natted": True, "connection_id": 4},
    {"natted": True, "path": ("<sip:p;lr>",)},
    {"connection_id": 4},
    {"reg_id": 1},
    {"reg_id": 1, "connection_id": 1 << 40, "instance": "<urn:uuid:1>"},
)


@pytest.mark.parametrize("flow", [OPEN, CLOSED, None], ids=["open", "closed", "gone"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_it_is_the_target_that_bindings_one_by_one_lead_to(way: dict[str, Any], flow: Any) -> None:
    """RFC 5626 section 5.3: a flow that is gone leads nowhere, unless the Contact does."""
    targets, flows = found(binding(**way), flow=flow), Flows(flow)
    expected = targets_of([binding(**way)], flows, NOW)  # type: ignore[arg-type]
    assert told(targets or []) == told(expected)


@pytest.mark.parametrize("flow", [OPEN, CLOSED], ids=["open", "closed"])
@given(st.data())
def test_of_several_bindings_it_is_those_that_one_by_one_lead_to(flow: Any, data: st.DataObject) -> None:
    """Unless they are None: of other q, of two flows of one user agent, too many, or none that leads anywhere."""
    more = st.fixed_dictionaries(
        {"q": st.sampled_from((1, 1, 1, 1, 0.5)), "expires_at": st.sampled_from((NOW - 1, NOW + 9, NOW + 9))},
    )
    contacts = st.sampled_from(("sip:a@192.0.2.1", "sip:b@192.0.2.2", "sips:c@h", "tel:1"))
    ways = data.draw(st.lists(st.tuples(st.sampled_from(WAYS), more, contacts), max_size=10))
    bindings = [binding(**way, **changes, contact=contact) for way, changes, contact in ways]
    targets = found(*bindings, flow=flow)
    expected = targets_of(bindings, Flows(flow), NOW)  # type: ignore[arg-type]
    if targets is not None:
        assert told(targets) == told(expected)
    elif len(bindings) < 9 and not any(each.q != 1 or each.reg_id for each in bindings):
        assert expected == []


@pytest.mark.parametrize("connection_id", [1, 1 << 40, (1 << 53) + 1, 114_903_715_525_221_827, (1 << 64) - 1])
def test_the_flow_is_the_one_of_its_register(connection_id: int) -> None:
    """Ids of connections begin with the time at which their worker started."""
    flows = Flows()
    record = encode_bindings([binding(natted=True, listener=3, connection_id=connection_id, remote_host="2001:db8::7")])
    bound_to(record, NOW, flows, Target)
    assert flows.named == [(3, ("2001:db8::7", 5070), connection_id)]


def test_those_that_expired_are_no_choice() -> None:
    target = only(binding(expires_at=NOW), binding(contact="sip:alice@192.0.2.8"), binding(expires_at=NOW - 1))
    assert target.uri == "sip:alice@192.0.2.8"


@pytest.mark.parametrize("changes", [{"expires_at": NOW}, {"contact": "tel:+1"}, {"contact": "sip"}, {"contact": ""}], ids=str)
def test_others_are_looked_at_one_by_one(changes: dict[str, object]) -> None:
    assert found(binding(**changes)) is None


def test_several_bindings_are_as_many_targets() -> None:
    phones = [binding(contact=f"sip:{name}@192.0.2.7") for name in "abcdefgh"]
    assert [each.uri for each in found(*phones) or ()] == [each.contact for each in phones]
    assert found(*phones, STORED) is None
    assert found() is None


def test_two_flows_of_one_user_agent_are_looked_at_one_by_one() -> None:
    """RFC 5626 section 7: only one of them is a target."""
    flows = [binding(instance="<urn:uuid:1>", reg_id=number) for number in (1, 2)]
    assert found(*flows) is None
    assert len(found(flows[0], binding(instance="<urn:uuid:2>", reg_id=2)) or ()) == 2


@given(st.data())
def test_a_damaged_record_is_not_read_beyond_its_end(data: st.DataObject) -> None:
    damaged = bytearray(encode_bindings([binding(path=("<sip:p;lr>",))]))
    at = data.draw(st.integers(0, len(damaged) - 1))
    assert bound_to(bytes(damaged[:at]), NOW, Flows(), Target) is None
    damaged[at] = data.draw(st.integers(0, 255))
    targets = bound_to(bytes(damaged), NOW, Flows(), Target)
    assert targets is None or targets[0].uri.encode("utf-8", "surrogateescape") in damaged


def test_arguments_are_checked() -> None:
    wrong: Any = bound_to
    for arguments in ((), (b"", 1.0), ("", 1.0, Flows(), Target), (b"", "now", Flows(), Target)):
        with pytest.raises(TypeError):
            wrong(*arguments)
