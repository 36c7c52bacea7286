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
    "media_calls": "Calls that the relay has, answered or not",
    "media_streams": "Streams in the relay's table",
    "media_free_port_pairs": "Port pairs left on the address that has fewest",
    "media_packets": "RTP and RTCP packets received and accepted",
    "media_bytes": "Bytes of these, without headers of UDP and IP",
    "media_dropped_packets": "Packets of strangers and forged SRTP, counted when a call ends",
    "media_ice_checks": "Connectivity checks of ICE, counted when a call ends",
    "media_raw_sockets": "Raw sockets that the relay sends by",
    "media_fast_streams": "Streams whose RTP the kernel relays by itself",
    "media_fast_refused_streams": "Streams whose RTP the kernel does not relay by itself, by the reason",
    "media_recordings": "Calls that are recorded",
    "media_mos": "Mean estimated MOS (1 to 4.5) of the last five seconds over all sources of sound",
    "media_mos_sum": "MOS of all samples since the start, summed up",
    "media_mos_samples": "Samples in that sum",
    "media_loss_ratio": "Mean share of packets missing (0 to 1) in the last five seconds",
    "media_loss_burst_ratio": "Mean length of runs of loss to that of random loss, of sources that lost anything",
    "media_jitter_seconds": "Mean jitter (RFC 3550) in the last five seconds",
    "media_round_trip_seconds": "Mean round trip between the parties, where their RTCP tells it",
    "media_sources": "Sources of sound heard in the last five seconds",
    "media_poor_sources": "Of these with a MOS below 3.1",
    "media_silent_sources": "Parties not heard for ten seconds while the other one is",
    "media_one_way": "Times that a party was found to be silent so",
    "media_stalls": "Times that the process stood still: nobody is judged silent soon after",
    "sip_stalls": "Times that the process stood still past a timer: what came meanwhile was read first",
    "media_dtls_handshakes": "Handshakes of DTLS-SRTP that gave keys",
    "media_dtls_failed": "Those that gave none, by reason, and associations that the party closed",
    "media_dtls_dropped": "Datagrams of DTLS that were too many",
    "media_dtls_busy": "Handshakes not begun because too many were in progress",
    "media_timeouts": "Calls ended because nothing of them was heard, by kind",
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
