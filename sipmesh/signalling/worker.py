"""The signal worker as a process: serves until it is told to stop."""

import asyncio
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
    context.ready()
    await context.stopping.wait()
    node.end_calls()
    await node.take_registrations_back()
    await node.stop()
