"""native.sip.Machine: what it refuses to be made of, and how it takes its steps."""

from __future__ import annotations

import sys
from collections import defaultdict
from typing import Any

import pytest

from native.sip import Machine, ServerTransactionBase, TransactionBase
from sipcore.client_transaction import ClientTransaction
from sipcore.proxy.branch import Branch
from sipcore.proxy.context import ResponseContext
from sipcore.proxy.inbound import InboundRequest
from sipcore.server_transaction import ServerTransaction
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transaction_table import INVITE_CLIENT, INVITE_SERVER, NON_INVITE_CLIENT, NON_INVITE_SERVER
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Wire

WALKED = 1 << 14  # Py_TPFLAGS_HAVE_GC


class Steps(ServerTransaction):
    """Actions written in Python, beside those in C."""

    __slots__ = ()

    def note(self, message: object) -> None:
        self.owner.append((self.state, message))

    def go_on(self, message: object) -> None:
        self.owner.append("in")
        self.handle("2xx", b"SIP/2.0 200 OK\r\n\r\n")
        self.owner.append("out")

    def fail(self, message: object) -> None:
        raise LookupError(message)


def transaction(table: dict[str, Any]) -> Steps:
    """The one of an INVITE that just came in."""
    machine = Machine(table, Steps)

    class Layer(TransactionLayer):
        machines = (machine, *TransactionLayer.machines[1:])

    wire = Wire()
    node, user = wire.node("192.0.2.1"), RecordingUser(lambda made: setattr(made, "owner", []))
    layer = Layer(user, node.flows, wire.timers, TransactionSettings(immediate_trying=False), defaultdict(int))
    flow = node.flows.flow_of(0, ("192.0.2.2", 5060), 0)
    assert flow is not None
    layer.receive_request(request(), flow)
    made = user.transactions[0]
    assert isinstance(made, Steps)
    return made


def test_actions_in_python_and_in_c_take_turns() -> None:
    made = transaction(
        {"proceeding": {"1xx": ("completed", ("note", "send", "note"))}, "completed": {"request": ("completed", ("resend",))}}
    )
    assert made.state == "proceeding"
    made.handle("1xx", b"SIP/2.0 180 Ringing\r\n\r\n")
    assert made.owner == [("completed", b"SIP/2.0 180 Ringing\r\n\r\n")] * 2
    assert made.response == b"SIP/2.0 180 Ringing\r\n\r\n"


def test_a_table_begins_in_its_first_state() -> None:
    assert transaction({"trying": {}, "proceeding": {}}).state == "trying"


def test_an_action_that_comes_back_in_finds_the_new_state_and_the_rest_follows() -> None:
    made = transaction(
        {"proceeding": {"1xx": ("trying", ("go_on", "note"))}, "trying": {"2xx": ("accepted", ("note",))}, "accepted": {}}
    )
    made.handle("1xx", "outer")
    assert made.owner == ["in", ("accepted", b"SIP/2.0 200 OK\r\n\r\n"), "out", ("accepted", "outer")]


def test_an_action_that_raises_leaves_the_new_state_and_the_others_are_taken() -> None:
    made = transaction({"proceeding": {"1xx": ("completed", ("note", "fail", "note"))}, "completed": {}})
    with pytest.raises(LookupError, match="why"):
        made.handle("1xx", "why")
    assert made.state == "completed"
    assert made.owner == [("completed", "why")] * 2


def test_an_action_in_c_that_raises_does_too() -> None:
    made = transaction({"proceeding": {"1xx": ("completed", ("send", "note"))}, "completed": {}})
    with pytest.raises(TypeError, match="the bytes of a response expected"):
        made.handle("1xx", None)
    assert (made.state, made.owner, made.response) == ("completed", [("completed", None)], None)


def test_events_are_known_by_what_they_say_and_others_are_counted() -> None:
    made = transaction({"proceeding": {"1xx": ("completed", ())}, "completed": {}})
    made.handle("".join(("1", "xx")))
    assert made.state == "completed"
    for event in ("1xx", "timer A", "no event", "Übel"):
        made.handle(event)
    name = "sip_transaction_illegal_events_total|side=server,state=completed,event="
    assert {counter.removeprefix(name): count for counter, count in made.layer.counters.items()} == {
        "1xx": 1,
        "timer A": 1,
        "no event": 1,
        "Übel": 1,
    }


def test_states_and_events_are_the_constants_of_the_tables() -> None:
    for table, cls in (
        (INVITE_SERVER, ServerTransaction),
        (NON_INVITE_SERVER, ServerTransaction),
        (INVITE_CLIENT, ClientTransaction),
        (NON_INVITE_CLIENT, ClientTransaction),
    ):
        assert isinstance(Machine(table, cls), Machine)
    assert transaction({"proceeding": {}}).state is sys.intern("proceeding")


@pytest.mark.parametrize(
    ("table", "error", "said"),
    [
        ({}, ValueError, "a table without states: {}"),
        ({"asleep": {}}, ValueError, "unknown state: 'asleep'"),
        ({3: {}}, ValueError, "unknown state: 3"),
        ({"trying": {"wake": ("trying", ())}}, ValueError, "unknown event: 'wake'"),
        ({"trying": {"1xx": ("awake", ())}}, ValueError, "a state that the table lacks: 'awake'"),
        ({"trying": {"1xx": ("completed", ())}}, ValueError, "a state that the table lacks: 'completed'"),
        ({"trying": {"1xx": ("trying", ("dance",))}}, AttributeError, "dance"),
        ({"trying": {"1xx": ("trying", ("send", 7))}}, TypeError, "no name of an action: 7"),
        ({"trying": {"1xx": ("trying", ("__doc__",))}}, TypeError, "no action: '__doc__'"),
        ({"trying": {"1xx": ("trying", ("answer",))}}, TypeError, "no action: 'answer'"),
        ({"trying": {"1xx": "trying"}}, TypeError, r"\(next state, actions\) expected: 'trying'"),
        ({"trying": {"1xx": ("trying", "send")}}, TypeError, r"\(next state, actions\) expected"),
        ({"trying": {"1xx": ("trying", ("send",) * 256)}}, TypeError, r"\(next state, actions\) expected"),
        ({"trying": ["1xx"]}, TypeError, "the rules of a state are a dict"),
    ],
)
def test_what_is_no_table_is_refused(table: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Machine(table, Steps)


def test_what_is_no_class_of_transactions_is_refused() -> None:
    with pytest.raises(TypeError, match="no class of transactions"):
        Machine({"trying": {}}, int)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Machine([], Steps)  # type: ignore[arg-type]


@pytest.mark.parametrize("cls", [TransactionBase, ServerTransactionBase, ServerTransaction, ClientTransaction])
def test_the_layer_alone_makes_transactions(cls: type) -> None:
    with pytest.raises(TypeError):
        cls()


@pytest.mark.parametrize("cls", [ServerTransaction, ClientTransaction, Steps, InboundRequest, ResponseContext, Branch])
def test_the_garbage_collector_walks_none_of_what_there_is_much_of(cls: type) -> None:
    assert not cls.__flags__ & WALKED
    assert cls.__basicsize__ == cls.__mro__[1].__basicsize__


@pytest.mark.parametrize("body", [{}, {"__slots__": ("more",)}, {"__slots__": ("__weakref__",)}])
def test_a_class_with_fields_of_its_own_would_have_to_be_walked(body: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=r"More: __slots__ = \(\) expected"):
        type("More", (ServerTransaction,), body)


@pytest.mark.parametrize(
    "machines",
    [(), None, (1, 2, 3, 4), TransactionLayer.machines[::-1], [*TransactionLayer.machines], TransactionLayer.machines[:3]],
)
def test_a_layer_needs_the_four_machines(machines: object) -> None:
    layer = type("Layer", (TransactionLayer,), {"machines": machines})
    wire = Wire()
    with pytest.raises(TypeError, match="machines: "):
        layer(RecordingUser(), wire.node("192.0.2.1").flows, wire.timers, TransactionSettings(), defaultdict(int))


def test_what_is_no_message_and_no_response_is_refused() -> None:
    made = transaction({"proceeding": {"1xx": ("proceeding", ("send",))}})
    layer: Any = made.layer
    for call in (layer.receive_request, layer.receive_response, layer.request):
        for arguments in ((), (None, made.flow), (made, made.flow, None)):
            with pytest.raises(TypeError):
                call(*arguments)
    with pytest.raises(TypeError):
        layer.request(request("OPTIONS"), made.flow, None, slow=True)
    for respond in (made.respond, made.answer, made.handle, made.start_wait):
        with pytest.raises(TypeError):
            respond(*())
    with pytest.raises(TypeError):
        layer.unwatch(made)
    with pytest.raises(TypeError):
        made.respond(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        made.start_wait("no event", 1.0)
    layer.servers[request().server_key] = None
    with pytest.raises(TypeError, match="None among the transactions"):
        layer.receive_request(request(), made.flow)
    for name in ("flow", "reply_flow", "machine", "request"):
        with pytest.raises((TypeError, AttributeError)):
            delattr(made, name)


@pytest.mark.parametrize(
    ("name", "value"), [("t1_s", "soon"), ("timeout_s", None), ("max_datagram_bytes", 1.5), ("max_server_transactions", "many")]
)
def test_settings_that_are_no_numbers_are_refused(name: str, value: object) -> None:
    settings, wire = TransactionSettings(), Wire()
    object.__setattr__(settings, name, value)
    with pytest.raises(TypeError):
        TransactionLayer(RecordingUser(), wire.node("192.0.2.1").flows, wire.timers, settings, defaultdict(int))
