"""A party behind a NAT, or a relay: who is to send first (ng flags ``NAT-wait`` and ``pierce-NAT``)."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

from media.endpoint import Address, Endpoint
from media.line import Line
from media.vocabulary import PIERCE, WAIT
from native import relay

_LEARNING = (relay.SYMMETRIC, relay.HANDOVER, relay.ANY)
Send = Callable[[int, Address], None]


def placed(endpoint: Endpoint, flags: frozenset[str]) -> Endpoint:
    """Where a party is set to be: with NAT-wait nowhere until it has sent, and then where it sends from. One that is not
    learned is sent to at once."""
    if WAIT not in flags or endpoint.rtp is None or endpoint.mode not in _LEARNING:
        return endpoint
    return endpoint._replace(rtp=None, rtcp=None, learn_host=endpoint.learn_host or endpoint.rtp[0])


def pierce(line: Line, side: int, endpoint: Endpoint, mux: bool, flags: frozenset[str], send: Send) -> None:
    """With pierce-NAT an empty datagram from each port of ours to the one that the party named: it opens what is between."""
    if PIERCE in flags and endpoint.rtp is not None and not endpoint.held:
        for descriptor, address in _ways(line, side, endpoint.rtp, endpoint.rtcp, mux):
            send(descriptor, address)


def send_empty(descriptor: int, address: Address) -> None:
    """By a socket that stays the relay's. What can't be sent is no worse than what is lost."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as ours:
        ours.sendto(b"", socket.MSG_DONTWAIT, address)


def _ways(line: Line, side: int, rtp_to: Address, rtcp_to: Address | None, mux: bool) -> Iterator[tuple[int, Address]]:
    host, port = rtp_to
    rtcp_host, rtcp_port = rtcp_to or (host, port + 1)
    for pair, (rtp, rtcp) in enumerate(line.blocks[side].sockets):
        yield rtp, (host, min(port + 2 * pair, 65535))
        if not mux:
            yield rtcp, (rtcp_host, min(rtcp_port + 2 * pair, 65535))
