"""The signal worker as a process: serves until it is told to stop."""

import asyncio
import gc
import signal

from native.sip import use_huge_pages
from sipcore.transport.siblings import Siblings
from sipmesh.signalling.node import SignalNode
from sipmesh.worker import WorkerContext


def main(context: WorkerContext) -> None:
    use_huge_pages()
    context.run_loop(serve(context))


async def serve(context: WorkerContext) -> None:
    siblings = Siblings(context.index, context.siblings) if context.siblings else None
    node = SignalNode(
        context.config, context.store, context.listeners, context.ng_path, context.counters, context.gauges, siblings
    )
    await node.start(context.sockets)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, node.load_certificates)
    spare_collector()
    context.ready()
    await context.stopping.wait()
    node.end_calls()
    await node.take_registrations_back()
    await node.stop()


def spare_collector() -> None:
    """What is there now stays to the end, and messages leave no cycles behind: looking for them may be rare."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 20)
