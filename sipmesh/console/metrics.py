"""The node's counters for Prometheus. A worker's ``name|label=value,...`` becomes ``sipmesh_name{worker=...,label=...}``."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from sipmesh.console.status import NodeView

PREFIX = "sipmesh_"
HELP = {
    "worker_up": "1 when the worker serves",
    "worker_restarts": "Times the worker was started again",
    "registered_aors": "AORs with bindings",
    "calls": "Calls in progress, by state",
}
STATES = ("ringing", "answered", "ending")


class NodeCollector(Collector):
    def __init__(self, view: NodeView) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        yield from self._node_metrics()
        families: dict[str, Metric] = {}
        for worker, snapshot in self._view.snapshots().items():
            for key, value in snapshot.counters.items():
                name, _, labels = key.partition("|")
                family = families.setdefault(name, metric(name))
                sample = dict(pair.split("=", 1) for pair in labels.split(",") if "=" in pair)
                family.add_sample(PREFIX + name, {"worker": worker, **sample}, value)
        yield from families.values()

    def describe(self) -> list[Metric]:
        """Empty: what there is depends on the workers."""
        return []

    def _node_metrics(self) -> Iterator[Metric]:
        up, restarts = metric("worker_up"), metric("worker_restarts_total")
        for worker in self._view.workers():
            labels = {"worker": worker.name}
            up.add_sample(f"{PREFIX}worker_up", labels, float(worker.state == "ready"))
            restarts.add_sample(f"{PREFIX}worker_restarts_total", labels, worker.restarts)
        aors, calls = metric("registered_aors"), metric("calls")
        aors.add_sample(f"{PREFIX}registered_aors", {}, self._view.registered_aors())
        counts = self._view.calls_by_state()
        for state in STATES:
            calls.add_sample(f"{PREFIX}calls", {"state": state}, counts[state])
        yield from (up, restarts, aors, calls)


def metric(name: str) -> Metric:
    """A counter when ``name`` ends with _total, else a gauge."""
    base = name.removesuffix("_total")
    return Metric(PREFIX + base, HELP.get(base, base.replace("_", " ")), "gauge" if base == name else "counter")


def render(view: NodeView) -> bytes:
    """The text that Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(view))
    return generate_latest(registry)
