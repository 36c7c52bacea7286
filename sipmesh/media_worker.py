"""The media worker: the node's configuration to a relay daemon on the sockets the supervisor opened."""

from __future__ import annotations

import logging
from collections.abc import Callable

from media.daemon import MediaDaemon
from media.raw import close_raw
from media.settings import Interface, MediaSettings, RecordingSettings
from native.relay import Relay, Tally
from sipmesh.addresses import reachable_host, split_host_port
from sipmesh.config import Config
from sipmesh.sockets import media_address, relay_thread_count
from sipmesh.worker import WorkerContext

log = logging.getLogger(__name__)


def main(context: WorkerContext) -> None:
    """Serves until the context is told to stop; then every call's media ends."""
    raw, fast = context.raw_sockets, context.fast_path
    relay = Relay(
        threads=relay_thread_count(context.config),
        capacity=context.config.media.max_streams,
        raw=raw,
        fast=fast.for_relay() if fast else None,
    )
    close_raw(raw)  # the relay has its own descriptors
    if fast:
        fast.close()
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
    context.gauges.update(gauges_of(daemon, relay))
    context.ready()
    await daemon.run(context.stopping)


def gauges_of(daemon: MediaDaemon, relay: Relay) -> dict[str, Callable[[], float]]:
    """What /metrics tells beside the counters (docs/quality.md); names that end with _total are counters there too."""
    sampler, statistics = daemon.sampler, daemon.statistics

    def ended() -> tuple[Tally, Tally]:
        return daemon.calls.ended_totals.rtp, daemon.calls.ended_totals.rtcp

    return {
        "media_calls": lambda: len(daemon.calls),
        "media_streams": lambda: daemon.table.active,
        "media_free_port_pairs": lambda: daemon.free_ports,
        "media_packets_total": lambda: statistics.received[0],
        "media_bytes_total": lambda: statistics.received[1],
        "media_dropped_packets_total|reason=stranger": lambda: sum(each.strangers for each in ended()),
        "media_dropped_packets_total|reason=forged": lambda: sum(each.forged for each in ended()),
        "media_ice_checks_total|result=answered": lambda: sum(each.checks for each in ended()),
        "media_ice_checks_total|result=refused": lambda: sum(each.checks_refused for each in ended()),
        "media_raw_sockets": lambda: relay.raw.sockets,
        "media_fast_streams": lambda: daemon.fast.status.on,
        "media_fast_refused_streams|reason=unsettled": lambda: daemon.fast.status.unsettled,
        "media_fast_refused_streams|reason=treated": lambda: daemon.fast.status.treated,
        "media_fast_refused_streams|reason=chained": lambda: daemon.fast.status.chained,
        "media_fast_refused_streams|reason=route": lambda: daemon.fast.status.route,
        "media_fast_refused_streams|reason=packet": lambda: daemon.fast.status.packet,
        "media_fast_refused_streams|reason=busy": lambda: daemon.fast.status.busy,
        "media_recordings": lambda: len(daemon.calls.recordings),
        "media_mos": lambda: sampler.summary.mos,
        "media_loss_ratio": lambda: sampler.summary.loss_percent / 100,
        "media_loss_burst_ratio": lambda: sampler.summary.burst_ratio,
        "media_jitter_seconds": lambda: sampler.summary.jitter_ms / 1000,
        "media_round_trip_seconds": lambda: sampler.summary.round_trip_ms / 1000,
        "media_sources": lambda: sampler.summary.streams,
        "media_poor_sources": lambda: sampler.summary.poor_streams,
        "media_silent_sources": lambda: daemon.one_way.silent,
        "media_mos_sum_total": lambda: sampler.scores.total,
        "media_mos_samples_total": lambda: sampler.scores.samples,
    }
