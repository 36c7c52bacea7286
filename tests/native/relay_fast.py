"""The relay's fast path for tests, where we may have it."""

from __future__ import annotations

import contextlib
import mmap
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from media.fast_path import open_fast_path
from native import relay as native
from tests.native.relay_wire import started

CAPACITY = 64


def may_open_fast() -> bool:
    opened = open_fast_path(["127.0.0.1"], CAPACITY)
    if opened is not None:
        opened.close()
    return opened is not None


MAY_OPEN_FAST = may_open_fast()


@contextlib.contextmanager
def started_fast(addresses: Iterable[str], **options: Any) -> Iterator[native.Relay]:
    """A relay with the fast path where there may be one, else without; who asks for it must get along with either."""
    opened = open_fast_path(addresses, CAPACITY)
    with started(fast=opened.for_relay() if opened else None, **{"capacity": CAPACITY, **options}) as relay:
        yield relay
    if opened is not None:
        opened.close()


def on_fast(relay: native.Relay) -> int:
    """How many streams are on it after a look at all of them."""
    more = relay.scan_fast()
    while more:
        more = relay.scan_fast(False)
    return relay.fast.on


def is_fast(relay: native.Relay, stream: int) -> bool:
    """Whether the kernel relays the stream's RTP, and counts it."""
    if relay.fast_legs_fd < 0:
        return False
    kind = np.dtype(native.FAST_LEG_DTYPE)
    with mmap.mmap(relay.fast_legs_fd, 2 * relay.capacity * kind.itemsize, prot=mmap.PROT_READ) as legs:
        return bool(np.frombuffer(legs[:], kind)["on"].reshape(-1, 2)[stream].all())


@contextlib.contextmanager
def scanned(relay: native.Relay) -> Iterator[None]:
    """Streams come onto the fast path as soon as they may, while the test does something else."""
    stopping = threading.Event()

    def scan() -> None:
        while not stopping.wait(0.0005):
            relay.scan_fast()

    scanner = threading.Thread(target=scan)
    scanner.start()
    try:
        yield
    finally:
        stopping.set()
        scanner.join()
