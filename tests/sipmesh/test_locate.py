"""sipmesh.signalling.locate: bindings become targets."""

from types import SimpleNamespace
from typing import Any

import pytest

from sipcore.location import Binding
from sipmesh.signalling.locate import targets_of

NOW = 1000.0


class Flows:
    """Knows the flows it was given, by (listener, remote, connection)."""

    def __init__(self, *open_: tuple[int, tuple[str, int], int], closed: bool = False) -> None:
        self.open = {key: SimpleNamespace(key=key, closed=closed) for key in open_}

    def flow_of(self, listener: int, remote: tuple[str, int], connection: int) -> Any:
        return self.open.get((listener, remote, connection))


def binding(user: str = "a", **more: Any) -> Binding:
    return Binding(contact=f"sip:{user}@192.0.2.1", call_id="c", cseq=1, **{"expires_at": NOW + 60, **more})


def found(bindings: list[Binding], flows: Any = None) -> list[tuple[str, int]]:
    return [(target.uri[4:5], target.group) for target in targets_of(bindings, flows or Flows(), NOW)]


def test_higher_q_comes_first_and_equal_q_rings_together() -> None:
    bindings = [binding("a", q=0.5), binding("b"), binding("c", q=0.5), binding("d", q=0.1), binding("e")]
    assert found(bindings) == [("b", 0), ("e", 0), ("a", 1), ("c", 1), ("d", 2)]


def test_expired_bindings_are_no_targets() -> None:
    assert found([binding("a", expires_at=NOW), binding("b", expires_at=NOW + 0.1)]) == [("b", 0)]
    assert found([]) == []


def test_contacts_no_proxy_can_reach_are_left_out() -> None:
    mail = binding()
    mail.contact = "mailto:alice@example.com"
    assert found([mail, binding("b")]) == [("b", 0)]


def test_a_direct_contact_is_resolved() -> None:
    (target,) = targets_of([binding(path=("<sip:edge.example;lr>",))], Flows(), NOW)  # type: ignore[arg-type]
    assert (target.flow, target.natted, target.routes) == (None, False, ("<sip:edge.example;lr>",))


def test_a_natted_contact_goes_over_its_flow() -> None:
    natted = binding(natted=True, listener=2, remote_host="203.0.113.9", remote_port=4000)
    flows: Any = Flows((2, ("203.0.113.9", 4000), 0))
    (target,) = targets_of([natted], flows, NOW)
    assert target.natted
    assert target.flow is not None


@pytest.mark.parametrize("natted", [True, False])
@pytest.mark.parametrize("left", ["open", "closed", "gone"])
def test_a_connection_that_closed_is_used_no_more(natted: bool, left: str) -> None:
    over_tcp = binding(natted=natted, listener=1, remote_host="203.0.113.9", remote_port=4000, connection_id=7)
    flows: Any = Flows() if left == "gone" else Flows((1, ("203.0.113.9", 4000), 7), closed=left == "closed")
    targets = targets_of([over_tcp], flows, NOW)
    if left == "open":
        assert targets[0].flow is not None
    elif natted:
        assert targets == []
    else:
        assert targets[0].flow is None


def test_groups_stay_dense_when_a_binding_is_left_out() -> None:
    gone = binding("a", natted=True, connection_id=9)
    assert [uri for uri, _ in found([gone, binding("b", q=0.2)])] == ["b"]


def flow_of(user: str, port: int, reg_id: int, **more: Any) -> Binding:
    fields: dict[str, Any] = {"instance": "<urn:uuid:1>", "registered_at": float(reg_id), "remote_host": "192.0.2.9"}
    return binding(user, reg_id=reg_id, remote_port=port, **(fields | more))


def test_flows_of_one_user_agent_are_tried_in_turn_newest_first() -> None:
    flows = Flows((0, ("192.0.2.9", 1), 0), (0, ("192.0.2.9", 2), 0))
    other = binding("o")
    one, two = targets_of([flow_of("a", 1, 1), other, flow_of("b", 2, 2)], flows, NOW)  # type: ignore[arg-type]
    assert (one.uri[4:5], two.uri[4:5]) == ("b", "o")
    assert [spare.uri[4:5] for spare in one.spare] == ["a"]
    assert (one.group, two.group, two.spare) == (0, 0, ())
    assert one.flow is not None


def test_a_flow_that_is_gone_is_no_way_even_if_the_contact_is_public() -> None:
    flows = Flows((0, ("192.0.2.9", 1), 0))
    (one,) = targets_of([flow_of("a", 1, 1), flow_of("b", 2, 2, connection_id=7)], flows, NOW)  # type: ignore[arg-type]
    assert (one.uri[4:5], one.spare) == ("a", ())


def test_flows_behind_an_edge_proxy_take_its_path() -> None:
    (one,) = targets_of([flow_of("a", 1, 1, path=("<sip:edge.example;lr;ob>",))], Flows(), NOW)  # type: ignore[arg-type]
    assert (one.flow, one.routes) == (None, ("<sip:edge.example;lr;ob>",))


def test_the_newest_flow_says_the_q_of_its_user_agent() -> None:
    flows = Flows((0, ("192.0.2.9", 1), 0), (0, ("192.0.2.9", 2), 0))
    bindings = [flow_of("a", 1, 1, q=1.0), flow_of("b", 2, 2, q=0.1), binding("o", q=0.5)]
    assert found(bindings, flows) == [("o", 1), ("b", 2)] or found(bindings, flows) == [("o", 0), ("b", 1)]
