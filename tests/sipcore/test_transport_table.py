"""Which addresses are ours, and which listener leads where."""

from __future__ import annotations

from collections import defaultdict

import pytest

from sipcore.errors import TransportError
from sipcore.flow import Destination, Listener
from sipcore.timers import Timers
from sipcore.transaction import TransactionLayer, TransactionSettings
from sipcore.transport.engine import Engine
from sipcore.transport.local import KEPT_S, MAX_KEPT, LocalAddresses
from tests.sipcore.loop import bound_sockets, run
from tests.sipcore.users import RecordingUser

PUBLIC = Listener(0, "udp", "192.0.2.1", 5060, "sip.example.com", 5080)
LOOPBACK = Listener(1, "tcp", "127.0.0.1", 5062, "127.0.0.1", 5062)
ANY = Listener(2, "udp", "0.0.0.0", 5070, "203.0.113.5", 5070)
SIX = Listener(3, "udp", "::1", 5060, "::1", 5060)


@pytest.mark.parametrize(
    ("listener", "host", "port", "transport", "expected"),
    [
        (PUBLIC, "192.0.2.1", 5060, None, True),
        (PUBLIC, "192.0.2.1", None, None, True),
        (PUBLIC, "192.0.2.1", 5060, "udp", True),
        (PUBLIC, "192.0.2.1", 5060, "tcp", False),
        (PUBLIC, "192.0.2.1", 5080, None, False),
        (PUBLIC, "192.0.2.2", 5060, None, False),
        (PUBLIC, "SIP.example.com", 5080, None, True),
        (PUBLIC, "sip.example.com", 5060, None, False),
        (PUBLIC, "localhost", 5060, None, False),
        (LOOPBACK, "127.0.0.1", 5062, "tcp", True),
        (LOOPBACK, "localhost", 5062, None, True),
        (LOOPBACK, "127.0.0.1", None, None, False),
        (ANY, "127.0.0.1", 5070, None, True),
        (ANY, "127.9.9.9", 5070, None, True),
        (ANY, "localhost", 5070, "udp", True),
        (ANY, "203.0.113.5", 5070, None, True),
        (ANY, "198.51.100.7", 5070, None, False),
        (ANY, "0.0.0.0", 5070, None, True),
        (ANY, "no.such.host", 5070, None, False),
        (ANY, "::1", 5070, None, False),
        (SIX, "::1", None, None, True),
        (SIX, "[::1]", 5060, None, True),
    ],
)
def test_is_local(listener: Listener, host: str, port: int | None, transport: str | None, expected: bool) -> None:
    local = LocalAddresses([listener], Timers(0.0, 0.0))
    assert local.has(host, port, transport) is expected
    assert local.has(host, port, transport) is expected


def test_answers_are_kept_for_a_while_and_not_without_end() -> None:
    timers = Timers(0.0, 0.0)
    local = LocalAddresses([ANY], timers)
    for n in range(2 * MAX_KEPT):
        assert not local.has(f"host{n}.example.com", 5070, None)
    timers.advance(KEPT_S + 1, 0.0)
    assert local.has("127.0.0.1", 5070, None)


def test_the_listener_that_fits() -> None:
    async def main() -> None:
        udp, tcp = bound_sockets("127.0.0.1")
        six, _ = bound_sockets("::1")
        loopback = Listener(0, "udp", "127.0.0.1", udp.getsockname()[1], "127.0.0.1", 1)
        stream = Listener(1, "tcp", "127.0.0.1", tcp.getsockname()[1], "127.0.0.1", 1)
        other = Listener(2, "udp", "::1", six.getsockname()[1], "::1", 1)
        engine = Engine([loopback, stream, other], defaultdict(int))
        layer = TransactionLayer(RecordingUser(), engine.flows, engine.timers, TransactionSettings(), defaultdict(int))
        await engine.start({0: udp, 1: tcp, 2: six}, layer)
        flows = engine.flows
        assert flows.flow_to(Destination("udp", "127.0.0.1", 9)).listener is loopback
        assert flows.flow_to(Destination("udp", "::1", 9)).listener is other
        assert flows.flow_to(Destination("udp", "127.0.0.1", 9), other).listener is loopback
        assert flows.flow_to(Destination("tcp", "127.0.0.1", 9), loopback).listener is stream
        for destination in (Destination("tls", "127.0.0.1", 9), Destination("tcp", "::1", 9)):
            with pytest.raises(TransportError):
                flows.flow_to(destination)
        udp_flow = flows.flow_of(0, ("127.0.0.1", 9), 0)
        assert udp_flow is not None
        assert (udp_flow.listener, udp_flow.remote, udp_flow.connection_id) == (loopback, ("127.0.0.1", 9), 0)
        assert flows.flow_of(0, ("127.0.0.1", 9), 77) is None
        assert flows.flow_of(1, ("127.0.0.1", 9), 77) is None
        assert flows.flow_of(9, ("127.0.0.1", 9), 0) is None
        await engine.stop()

    run(main())
