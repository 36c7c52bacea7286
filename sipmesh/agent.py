"""The agent worker: what no call waits for. Sweeps expired bindings, reads the configuration again, writes
the CDRs, serves the console."""

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Iterator

import msgspec
import uvicorn

from sipmesh.cdr_writer import CdrWriter
from sipmesh.config import Config
from sipmesh.config_load import ConfigError, load_config
from sipmesh.console.app import create_app
from sipmesh.console.status import NodeView
from sipmesh.store import Command, Store, StoreError
from sipmesh.worker import WorkerContext, to_next_second_s

TIDY_S = 30.0
RESTART_TABLES = ("node", "listen", "media", "limits", "cdr", "console")  # bound or handed out at the start

log = logging.getLogger(__name__)


def main(context: WorkerContext) -> None:
    context.run_loop(serve(context))


async def serve(context: WorkerContext) -> None:
    cdrs = cdr_writer(context)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hung_up, context, cdrs)
    tasks = [asyncio.create_task(each) for each in (sweep(context), tidy(context))]
    writing = [asyncio.create_task(cdrs.run(context.stopping))] if cdrs else []
    for task in (*tasks, *writing):
        task.add_done_callback(lambda _: context.stopping.set())  # by an error: the supervisor starts the agent again
    console = start_console(context)
    context.ready()
    await context.stopping.wait()
    await asyncio.gather(*writing, *(task for task in tasks if task.done()))
    for task in tasks:
        task.cancel()
    if console:
        await console.stop()


def cdr_writer(context: WorkerContext) -> CdrWriter | None:
    settings, store = context.config.cdr, context.store
    if settings is None:
        return None
    context.gauges["cdr_waiting"] = store.cdrs.count
    return CdrWriter(store.cdrs, settings, context.config.node.name, context.counters)


def hung_up(context: WorkerContext, cdrs: CdrWriter | None) -> None:
    """SIGHUP."""
    if cdrs:
        cdrs.reopen()
    reload_config(context)


async def sweep(context: WorkerContext) -> None:
    """Removes expired bindings, a bounded part of the table a second."""
    while True:
        with logged_store_errors():
            context.counters["bindings_expired_total"] += context.store.locations.sweep(time.time())
        await asyncio.sleep(to_next_second_s())


async def tidy(context: WorkerContext) -> None:
    while True:
        with logged_store_errors():
            context.store.tidy()
        await asyncio.sleep(TIDY_S)


@contextlib.contextmanager
def logged_store_errors() -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        log.error("store trouble", extra={"reason": str(error)})


def reload_config(context: WorkerContext) -> None:
    """Takes the file over when it is good; else the node goes on as it was."""
    context.counters["config_reloads_total"] += 1
    try:
        loaded = load_config(context.config_file)
    except ConfigError as error:
        context.counters["config_reload_errors_total"] += 1
        for problem in error.problems:
            log.error("configuration refused, nothing is changed", extra={"problem": str(problem)})
        return
    before = context.store.config() or context.config
    bound = {name: getattr(before, name) for name in RESTART_TABLES}  # a worker that starts again still finds them
    changed = apply(context.store, msgspec.structs.replace(loaded.config, **bound))
    if before.policy or loaded.config.policy:
        context.store.commands.put(Command(verb="policy", at=time.time()))
    late = [name for name, table in bound.items() if table != getattr(loaded.config, name)]
    if late:
        log.warning("these tables take effect at the next start", extra={"tables": ",".join(late)})
    log.info("configuration read again", extra={"changed": changed})


def apply(store: Store, config: Config) -> bool:
    try:
        return store.directory.apply(config)
    except StoreError as error:
        log.error("configuration could not be stored", extra={"reason": str(error)})
        return False


class ConsoleServer(uvicorn.Server):
    """uvicorn inside our loop: the signals stay ours, and it wakes up once a second, not ten times."""

    task: asyncio.Task[None]

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # 0: the Date header is made anew
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), to_next_second_s())

    async def stop(self) -> None:
        self.should_exit = True
        self._stopping.set()
        await self.task


def start_console(context: WorkerContext) -> ConsoleServer | None:
    """None when no console is configured."""
    listening: socket.socket | None = context.console_socket
    if listening is None or context.config.console is None:
        return None
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    app = create_app(NodeView(context.store, context.config), token=context.config.console.token)
    server = ConsoleServer(
        uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1, server_header=False)
    )
    server.task = asyncio.create_task(server.serve(sockets=[listening]))
    return server
