"""The signal worker as a process: serves until it is told to stop."""

import asyncio
import signal

from sipmesh.signalling.node import SignalNode
from sipmesh.worker import WorkerContext


def main(context: WorkerContext) -> None:
    context.run_loop(serve(context))


async def serve(context: WorkerContext) -> None:
    node = SignalNode(context.config, context.store, context.listeners, context.ng_path, context.counters, context.gauges)
    await node.start(context.sockets)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, node.load_certificates)
    context.ready()
    await context.stopping.wait()
    node.end_calls()
    await node.stop()
