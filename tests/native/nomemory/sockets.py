"""Timers, datagrams and connections."""

from __future__ import annotations

import contextlib
import os
import socket

from native import sip
from tests.native.nomemory.cases import tried
from tests.native.nomemory.messages import INVITE
from tests.native.shell import Engine, Ingress, Layer, Shell, Stream


@tried
def timers() -> object:
    """Once started they fire, and in order."""
    clock, fired = sip.Timers(0.0, 1000.0), list[float]()
    clock.after(1.0, fired.append, 0.0).cancel()
    for delay_s in (3.0, 1.0, 7.0, 2.0, 0.5, 9.0):
        clock.after(delay_s, fired.append, delay_s)
    soonest = clock.next_deadline()
    for now in (0.4, 1.5, 5.0):
        clock.advance(now, 1000.0 + now)
    return soonest, fired, clock.next_deadline()


@tried
def datagrams() -> object:
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with plain:
        plain.bind(("127.0.0.1", 0))
        one = taken_over(os.dup(plain.fileno()))
        one.queue(INVITE, one.address, "127.0.0.1")
        with contextlib.suppress(ValueError):
            one.queue(b"x", ("nowhere", 1))
        refused = one.flush()
        received = one.receive()
        one.close()
    return refused, len(received)


@tried
def wake_up() -> object:
    """A batch of datagrams in, answers out; what was reported there as lost for want of memory is raised."""
    shell = Shell()
    try:
        shell.peer.sendto(INVITE, shell.port.socket.address)
        shell.peer.sendto(b"noise", shell.port.socket.address)
        shell.port.ready()
        raise_again(shell.engine)
        return shell.port.flow_count, len(shell.ingress.refused), len(shell.peer.recv(4096))
    finally:  # without a call that could itself lack memory
        shell.port.drop_flows()
        shell.port.discard()
        shell.engine.errors.clear()


@tried
def connection() -> object:
    engine = Engine()
    engine.receive = Ingress(Layer(), {}).receive
    stream = Stream(engine)
    for piece in (INVITE[:100], INVITE[100:] + INVITE, b"noise"):
        stream.data_received(piece)
        raise_again(engine)
    engine.receive = None  # type: ignore[assignment]
    stream.transport = None
    return len(b"".join(stream.written)), stream.told


def raise_again(engine: Engine) -> None:
    for error in engine.errors:
        raise MemoryError from error


def taken_over(descriptor: int) -> sip.UdpSocket:
    try:
        return sip.UdpSocket(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
