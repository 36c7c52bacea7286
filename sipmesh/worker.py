"""What every worker process shares: its context, its way in (``python -m sipmesh.worker ROLE``) and its way out."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from media.fast_path import FastPath
from sipcore.flow import Listener
from sipmesh.addresses import reachable_host, split_host_port
from sipmesh.config import Config
from sipmesh.logs import configure_logging
from sipmesh.spec import ENVIRONMENT, Role, Spec, ng_path
from sipmesh.store import Snapshot, Store

MODULES: dict[Role, str] = {"signal": "sipmesh.signalling.worker", "media": "sipmesh.media_worker", "agent": "sipmesh.agent"}
BEATS_TOLD = 3  # one in so many: the supervisor waits much longer for a sign of life
YOUNG_COLLECTIONS = (5_000, 20, 1_000_000_000)  # thresholds of the three generations: the oldest is never looked at
PR_SET_PDEATHSIG = 1
STARTED = time.monotonic()

log = logging.getLogger(__name__)


def collect_young_only() -> None:
    """Keeps the garbage collector from what lives long.

    A full collection over the transactions of half a busy minute stops a worker for most of a second: long enough for every
    client to repeat itself, and for the repetitions to bury it. Calls leave no cycles behind, so it has nothing to find there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG_COLLECTIONS)


class WorkerContext:
    """Handed to the ``main`` of each role."""

    def __init__(self, spec: Spec, store: Store, config: Config) -> None:
        self.role = spec.role
        self.index = spec.index
        self.name = f"{spec.role}-{spec.index}"
        self.config = config  # as checked when the worker started; without users, trunks and routes, which are in the store
        self.config_file = Path(spec.config_file)
        self.store = store
        self.counters: defaultdict[str, int] = defaultdict(int)  # names as sipcore.ports.Counters says
        self.gauges: dict[str, Callable[[], float]] = {}  # read once a second
        self.listeners = listeners_of(config)
        self.sockets = {index: socket.socket(fileno=fd) for index, fd in spec.sip.items()}
        self.siblings = {index: socket.socket(fileno=fd) for index, fd in spec.siblings.items()}
        self.ng_path = str(ng_path(spec.data))
        self.ng_socket = adopted(spec.ng_fd)
        self.ng_udp_socket = adopted(spec.ng_udp_fd)
        self.raw_sockets = [socket.socket(fileno=fd) for fd in spec.raw_fds]
        self.fast_path: FastPath | None = None
        if spec.fast_fds:
            pairs, legs = spec.fast_fds
            self.fast_path = FastPath(pairs, legs, spec.fast_interfaces)
        self.console_socket = adopted(spec.console_fd)
        self.stopping = asyncio.Event()  # set by SIGTERM; ``main`` then finishes what it must and returns
        self._report_fd = spec.report_fd

    def ready(self) -> None:
        """Tells the supervisor that this worker serves."""
        collect_young_only()
        self._report(b"ready\n")

    def run_loop(self, main: Coroutine[Any, Any, None]) -> None:
        """Runs ``main`` to its end, with heartbeats and counter snapshots beside it."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run(main))

    async def _run(self, main: Coroutine[Any, Any, None]) -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self.stopping.set)
        beating = asyncio.create_task(self._beat())
        try:
            await main
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating

    async def _beat(self) -> None:
        for beat in count():
            if beat % BEATS_TOLD == 0:
                self._report(b"alive\n")
            try:
                self.store_snapshot()
            except Exception:  # a full store must not look like a hung worker
                log.exception("the counters can't be stored")
            await asyncio.sleep(to_next_second_s())

    def store_snapshot(self) -> None:
        """StoreError when the store is full."""
        values: dict[str, float] = {**self.counters, **{name: read() for name, read in self.gauges.items()}}
        self.store.snapshots.put(self.name, Snapshot(pid=os.getpid(), at=time.time(), counters=values))
        self.store.commit()

    def _report(self, line: bytes) -> None:
        if self._report_fd >= 0:
            with contextlib.suppress(BlockingIOError, BrokenPipeError):
                os.write(self._report_fd, line)


def to_next_second_s() -> float:
    """For all that a process does once a second, so that it is woken up once for it; each process has its own second."""
    return 1.0 - (time.monotonic() - STARTED) % 1.0


def adopted(fd: int) -> socket.socket | None:
    return socket.socket(fileno=fd) if fd >= 0 else None


def listeners_of(config: Config) -> tuple[Listener, ...]:
    return tuple(listener_of(config, index) for index in range(len(config.listen)))


def listener_of(config: Config, index: int) -> Listener:
    listen = config.listen[index]
    advertised = (
        split_host_port(listen.advertise, numeric=False) if listen.advertise else (reachable_host(listen.host), listen.port)
    )
    return Listener(
        index=index,
        transport=listen.transport,
        host=listen.host,
        port=listen.port,
        advertised_host=advertised[0],
        advertised_port=advertised[1],
    )


def die_with(supervisor_pid: int) -> None:
    """SIGKILL comes when the supervisor ends (prctl(2)), also when it ended before this line."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != supervisor_pid:
        sys.exit("the supervisor is gone")


def main() -> None:
    faulthandler.enable()
    spec = msgspec.json.decode(os.environ.pop(ENVIRONMENT), type=Spec)
    die_with(spec.supervisor_pid)
    configure_logging(f"{spec.role}-{spec.index}", spec.log_format)
    store = Store.open(spec.data)
    config = store.config()
    if config is None:
        sys.exit(f"{spec.data} holds no configuration")
    context = WorkerContext(spec, store, config)
    try:
        import_module(MODULES[spec.role]).main(context)
        context.store_snapshot()
    except Exception:
        log.exception("%s ends by an error", context.name)
        sys.exit(1)
    store.close()


if __name__ == "__main__":
    main()
