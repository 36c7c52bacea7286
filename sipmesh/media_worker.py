"""The media worker: the node's configuration to a relay daemon on the sockets the supervisor opened."""

from __future__ import annotations

import logging

from media.daemon import MediaDaemon
from media.raw import close_raw
from media.settings import Interface, MediaSettings, RecordingSettings
from native.relay import Relay
from sipmesh.addresses import reachable_host, split_host_port
from sipmesh.config import Config
from sipmesh.sockets import media_address, relay_thread_count
from sipmesh.worker import WorkerContext

log = logging.getLogger(__name__)


def main(context: WorkerContext) -> None:
    """Serves until the context is told to stop; then every call's media ends."""
    raw = context.raw_sockets
    relay = Relay(threads=relay_thread_count(context.config), capacity=context.config.media.max_streams, raw=raw)
    close_raw(raw)  # the relay has its own descriptors
    relay.start()
    if relay.fifo_threads < relay.threads:
        log.warning("relay threads run without SCHED_FIFO: give the node CAP_SYS_NICE for steadier latency under load")
    try:
        context.run_loop(_serve(context, MediaDaemon(settings_of(context.config), relay, context.counters), relay))
    finally:
        relay.stop()


def settings_of(config: Config) -> MediaSettings:
    """The [media] and [limits] tables as the daemon wants them."""
    address = media_address(config)
    first_port, last_port = config.media.port_range
    return MediaSettings(
        interfaces=(Interface(address, config.media.advertise or reachable_host(address)),),
        first_port=first_port,
        last_port=last_port,
        servers=_udp_servers(config),
        ng_allow=config.media.ng_allow,
        max_calls=config.limits.media_calls,
        max_cpu_percent=config.limits.media_cpu_percent,
        max_load_average=config.limits.media_load_average,
        max_bytes_per_s=config.limits.media_mbit_per_s * 125_000,
        recording=RecordingSettings(
            folder=config.media.recording_dir,
            max_bytes=config.media.recording_mb * 1_000_000,
            min_free_bytes=config.media.recording_free_mb * 1_000_000,
            max_calls=config.media.recording_calls,
        ),
        timeout_s=config.limits.media_timeout_s,
        held_timeout_s=config.limits.media_hold_timeout_s,
        unanswered_timeout_s=config.limits.media_hold_timeout_s,
    )


def _udp_servers(config: Config) -> tuple[tuple[str, int], ...]:
    signalling = tuple((listen.host, listen.port) for listen in config.listen if listen.transport == "udp")
    return (*signalling, split_host_port(config.media.ng)) if config.media.ng else signalling


async def _serve(context: WorkerContext, daemon: MediaDaemon, relay: Relay) -> None:
    await daemon.start(context.ng_socket, context.ng_udp_socket)
    context.gauges["media_calls"] = lambda: float(len(daemon.calls))
    context.gauges["media_streams"] = lambda: float(daemon.table.active)
    context.gauges["media_free_port_pairs"] = lambda: float(daemon.free_ports)
    context.gauges["media_packets_per_second"] = lambda: daemon.statistics.rates.packets
    context.gauges["media_bytes_per_second"] = lambda: daemon.statistics.rates.bytes
    context.gauges["media_dropped_packets_total|reason=stranger"] = lambda: float(
        sum(tally.strangers for tally in daemon.calls.ended_totals)
    )
    context.gauges["media_dropped_packets_total|reason=forged"] = lambda: float(
        sum(tally.forged for tally in daemon.calls.ended_totals)
    )
    context.gauges["media_raw_sockets"] = lambda: float(relay.raw.sockets)
    context.gauges["media_recordings"] = lambda: float(len(daemon.calls.recordings))
    context.gauges["media_mos"] = lambda: daemon.sampler.summary.mos
    context.gauges["media_loss_percent"] = lambda: daemon.sampler.summary.loss_percent
    context.gauges["media_jitter_ms"] = lambda: daemon.sampler.summary.jitter_ms
    context.gauges["media_loss_burst_ratio"] = lambda: daemon.sampler.summary.burst_ratio
    context.gauges["media_round_trip_ms"] = lambda: daemon.sampler.summary.round_trip_ms
    context.gauges["media_silent_sources"] = lambda: float(daemon.one_way.silent)
    context.gauges["media_poor_sources"] = lambda: float(daemon.sampler.summary.poor_streams)
    context.ready()
    await daemon.run(context.stopping)
