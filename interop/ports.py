"""Free ports for nodes and their peers.

Each process draws from a share of its own: what one has chosen but not bound yet, no other test run beside it takes.
"""

from __future__ import annotations

import functools
import itertools
import os
import random
import socket
from collections.abc import Iterable, Iterator

from interop.process import StartError, family

FIRST, EACH, SHARES = 10000, 2000, 11  # all below the kernel's ephemeral range
SINGLE = 800  # of a share: given out one by one, in a ring; the others as ranges


def free_port(kinds: Iterable[int] = (socket.SOCK_DGRAM, socket.SOCK_STREAM), address: str = "127.0.0.1", span: int = 1) -> int:
    """An even port, the first of ``span`` that are free for each socket kind."""
    kinds = tuple(kinds)
    for port in itertools.islice(_ring() if span == 1 else _starts(span), SINGLE):
        if all(_is_free(kind, address, port + offset) for kind in kinds for offset in range(span)):
            return port
    raise StartError(f"no {span} free ports on {address}")


@functools.cache
def _ring() -> Iterator[int]:
    first, _ = _share()
    return itertools.cycle(range(first, first + SINGLE, 2))


def _starts(span: int) -> Iterator[int]:
    first, _ = _share()
    places = range(first + SINGLE, first + EACH - span + 1, 2)
    return iter(random.sample(places, len(places)))


@functools.cache
def _share() -> tuple[int, socket.socket | None]:
    """Its first port, and the claim that no other process has: an abstract socket (unix(7)), held until this one ends."""
    for share in random.sample(range(SHARES), SHARES):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0sipmesh ports {share}")
        except OSError:
            claim.close()
        else:
            return FIRST + share * EACH, claim
    return FIRST + os.getpid() % SHARES * EACH, None  # so many at once


def _is_free(kind: int, address: str, port: int) -> bool:
    with socket.socket(family(address), kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
