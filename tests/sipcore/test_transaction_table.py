"""Every state of every machine against every event: next state, what is sent, what the user is told."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from native.sip import Message
from sipcore import transaction_table as table
from sipcore.transaction import ClientTransaction, ServerTransaction
from sipcore.transaction_table import EVENTS
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient, RecordingUser
from tests.sipcore.wire import Stack, Wire

Outcome = tuple[str, tuple[str, ...], tuple[int | str, ...]]  # next state, starts of messages sent, what the user is told

# From RFC 3261 figures 6 and 8, RFC 6026 figures 5 and 7, RFC 4320; what is missing is illegal.
INVITE_SERVER: dict[str, dict[str, Outcome]] = {
    "proceeding": {
        "request": ("proceeding", ("100",), ()),
        "1xx": ("proceeding", ("180",), ()),
        "2xx": ("accepted", ("200",), ()),
        "300-699": ("completed", ("486",), ()),
        "timer 100": ("proceeding", (), ()),  # a 100 was sent already
    },
    "accepted": {
        "request": ("accepted", (), ()),
        "2xx": ("accepted", ("200",), ()),
        "ack": ("accepted", (), ("ACK",)),
        "timer L": ("terminated", (), ()),
    },
    "completed": {
        "request": ("completed", ("486",), ()),
        "ack": ("confirmed", (), ()),
        "timer G": ("completed", ("486",), ()),
        "timer H": ("terminated", (), ()),
    },
    "confirmed": {
        "request": ("confirmed", (), ()),
        "ack": ("confirmed", (), ()),
        "timer I": ("terminated", (), ()),
    },
    "terminated": {},
}
NON_INVITE_SERVER: dict[str, dict[str, Outcome]] = {
    "trying": {
        "request": ("trying", (), ()),
        "2xx": ("completed", ("200",), ()),
        "300-699": ("completed", ("486",), ()),
        "final, once": ("terminated", ("401",), ()),
        "timer 100": ("proceeding", ("100",), ()),
    },
    "proceeding": {
        "request": ("proceeding", ("100",), ()),
        "2xx": ("completed", ("200",), ()),
        "300-699": ("completed", ("486",), ()),
        "final, once": ("terminated", ("401",), ()),
        "timer expired": ("terminated", (), ()),
    },
    "completed": {
        "request": ("completed", ("200",), ()),
        "timer J": ("terminated", (), ()),
    },
    "terminated": {},
}
INVITE_CLIENT: dict[str, dict[str, Outcome]] = {
    "calling": {
        "1xx": ("proceeding", (), (180,)),
        "2xx": ("accepted", (), (200,)),
        "300-699": ("completed", ("ACK",), (486,)),
        "cancel": ("calling", (), ()),
        "timer A": ("calling", ("INVITE",), ()),
        "timer B": ("terminated", (), ("timeout",)),
        "transport error": ("terminated", (), ("transport error",)),
    },
    "proceeding": {
        "1xx": ("proceeding", (), (180,)),
        "2xx": ("accepted", (), (200,)),
        "300-699": ("completed", ("ACK",), (486,)),
        "cancel": ("proceeding", ("CANCEL",), ()),
        "timer cancelled": ("terminated", (), ("timeout",)),
        "transport error": ("proceeding", (), ()),
    },
    "accepted": {
        "1xx": ("accepted", (), ()),
        "2xx": ("accepted", (), (200,)),
        "cancel": ("accepted", (), ()),
        "timer M": ("terminated", (), ()),
        "transport error": ("accepted", (), ()),
    },
    "completed": {
        "1xx": ("completed", (), ()),
        "300-699": ("completed", ("ACK",), ()),
        "cancel": ("completed", (), ()),
        "timer D": ("terminated", (), ()),
        "transport error": ("terminated", (), ()),
    },
    "terminated": {},
}
NON_INVITE_CLIENT: dict[str, dict[str, Outcome]] = {
    "trying": {
        "1xx": ("proceeding", (), (180,)),
        "2xx": ("completed", (), (200,)),
        "300-699": ("completed", (), (486,)),
        "timer E": ("trying", ("OPTIONS",), ()),
        "timer F": ("terminated", (), ("timeout",)),
        "transport error": ("terminated", (), ("transport error",)),
    },
    "proceeding": {
        "1xx": ("proceeding", (), (180,)),
        "2xx": ("completed", (), (200,)),
        "300-699": ("completed", (), (486,)),
        "timer E": ("proceeding", ("OPTIONS",), ()),
        "timer F": ("terminated", (), ("timeout",)),
        "transport error": ("terminated", (), ("transport error",)),
    },
    "completed": {
        "1xx": ("completed", (), ()),
        "2xx": ("completed", (), ()),
        "300-699": ("completed", (), ()),
        "timer K": ("terminated", (), ()),
        "transport error": ("completed", (), ()),
    },
    "terminated": {},
}

ROAD_THERE = {  # events that bring a fresh transaction to a state
    "INVITE server": {
        "proceeding": (),
        "accepted": ("2xx",),
        "completed": ("300-699",),
        "confirmed": ("300-699", "ack"),
        "terminated": ("2xx", "timer L"),
    },
    "OPTIONS server": {
        "trying": (),
        "proceeding": ("timer 100",),
        "completed": ("2xx",),
        "terminated": ("2xx", "timer J"),
    },
    "INVITE client": {
        "calling": (),
        "proceeding": ("1xx",),
        "accepted": ("2xx",),
        "completed": ("300-699",),
        "terminated": ("timer B",),
    },
    "OPTIONS client": {
        "trying": (),
        "proceeding": ("1xx",),
        "completed": ("2xx",),
        "terminated": ("timer F",),
    },
}
EXPECTED = {
    "INVITE server": INVITE_SERVER,
    "OPTIONS server": NON_INVITE_SERVER,
    "INVITE client": INVITE_CLIENT,
    "OPTIONS client": NON_INVITE_CLIENT,
}
STATUS = {"1xx": 180, "2xx": 200, "300-699": 486, "final, once": 401}


class Rig:
    """One transaction on a node whose packets go nowhere."""

    def __init__(self, kind: str) -> None:
        method, side = kind.split()
        self.wire = Wire()
        self.node = self.wire.node("192.0.2.1")
        self.user = RecordingUser()
        self.client = RecordingClient()
        self.stack = Stack(self.node, self.user)
        sender = "192.0.2.2:5060" if side == "server" else "192.0.2.1:5060"
        self.request = request(method, sent_by=sender)
        flow = self.node.flows.flow_of(0, ("192.0.2.2", 5060), 0)
        assert flow is not None
        self.transaction: ServerTransaction | ClientTransaction
        if side == "server":
            self.stack.layer.receive_request(self.request.copy(), flow)
            self.transaction = self.user.transactions[0]
        else:
            self.transaction = self.stack.layer.request(self.request.copy(), flow, self.client)

    def message(self, event: str) -> Message | bytes | tuple[()] | None:
        if event in STATUS:
            response = self.request.reply(STATUS[event], to_tag="to-1")
            return response.to_bytes() if isinstance(self.transaction, ServerTransaction) else response
        if event == "ack":
            return self.request.derive("ACK")
        if event == "cancel":
            return ()
        return self.request if event == "request" else None

    def handle(self, event: str) -> None:
        self.transaction.handle(event, self.message(event))  # type: ignore[arg-type]

    def told(self) -> list[int | str]:
        return [*self.client.told, *(ack.method for ack in self.user.acks)]

    def illegal(self) -> int:
        return sum(n for name, n in self.stack.counters.items() if name.startswith("sip_transaction_illegal_events_total"))


CASES = [
    pytest.param(kind, state, event, id=f"{kind}-{state}-{event}")
    for kind, roads in ROAD_THERE.items()
    for state, event in product(roads, EVENTS)
]


@pytest.mark.parametrize(("kind", "state", "event"), CASES)
def test_state_and_event(kind: str, state: str, event: str) -> None:
    rig = Rig(kind)
    for step in ROAD_THERE[kind][state]:
        rig.handle(step)
    assert rig.transaction.state == state
    assert rig.illegal() == 0
    sent_before, told_before = len(rig.wire.log), len(rig.told())
    rig.handle(event)
    sent = tuple(packet.start for packet in rig.wire.log[sent_before:])
    told = tuple(rig.told()[told_before:])
    expected = EXPECTED[kind][state].get(event)
    if expected is None:
        assert (rig.transaction.state, sent, told, rig.illegal()) == (state, (), (), 1)
    else:
        assert (rig.transaction.state, sent, told, rig.illegal()) == (*expected, 0)


@pytest.mark.parametrize("kind", list(ROAD_THERE))
def test_a_terminated_transaction_is_forgotten(kind: str) -> None:
    rig = Rig(kind)
    for step in ROAD_THERE[kind]["terminated"]:
        rig.handle(step)
    assert (rig.stack.layer.server_count, rig.stack.layer.client_count) == (0, 0)
    assert rig.wire.timers.next_deadline() is None


@pytest.mark.parametrize(
    ("machine", "cls"),
    [
        (table.INVITE_SERVER, ServerTransaction),
        (table.NON_INVITE_SERVER, ServerTransaction),
        (table.INVITE_CLIENT, ClientTransaction),
        (table.NON_INVITE_CLIENT, ClientTransaction),
    ],
)
def test_tables_name_only_known_states_events_and_actions(machine: table.Table, cls: type) -> None:
    for rules in machine.values():
        for event, (after, actions) in rules.items():
            assert event in EVENTS
            assert after in machine
            for name in actions:
                action: Callable[..., None] = getattr(cls, name)
                assert callable(action)
