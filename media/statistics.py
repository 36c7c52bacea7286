"""The daemon in numbers: rates, and the reply to ``statistics``."""

import math
from dataclasses import dataclass

from media.calls import CallTable
from media.ng import Body
from media.ports import PortPool
from media.proxy_counts import ProxyCounts, decimals
from media.sampling import QualitySampler
from media.settings import Interface
from media.summary import Scores
from media.table import StreamTable

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    packets: float = 0.0  # per second
    bytes: float = 0.0
    errors: float = 0.0


class Statistics:
    """``received``: packets and bytes since the start, when last measured."""

    def __init__(
        self,
        calls: CallTable,
        table: StreamTable,
        proxies: ProxyCounts,
        counters: dict[str, int],
        interfaces: tuple[Interface, ...],
        sampler: QualitySampler,
    ) -> None:
        self._calls = calls
        self._interfaces = interfaces
        self._sampler = sampler
        self._table = table
        self._proxies = proxies
        self._counters = counters
        self._started_ns = calls.clock.monotonic_ns()
        self._measured_ns = self._started_ns
        self._measured = (0, 0, 0)
        self.rates = Rates()
        self.received = (0, 0)

    def measure(self) -> None:
        """Takes the rates since the last time. A stream that ended in between counts as if it had been silent."""
        now_ns = self._calls.clock.monotonic_ns()
        seconds = (now_ns - self._measured_ns) / _NS
        if seconds <= 0:
            return
        sums, ended = self._table.received(), self._calls.ended_totals
        self.received = (
            sums[0] + ended.rtp.packets + ended.rtcp.packets,
            sums[1] + ended.rtp.bytes + ended.rtcp.bytes,
        )
        self.rates = Rates(*(max(new - old, 0) / seconds for new, old in zip(sums, self._measured, strict=True)))
        self._measured, self._measured_ns = sums, now_ns

    def body(self) -> Body:
        return {
            "currentstatistics": {
                "sessionsown": len(self._calls),
                "sessionsforeign": 0,
                "sessionstotal": len(self._calls),
                "transcodedmedia": 0,
                **_in_user_space("packetrate", round(self.rates.packets)),
                **_in_user_space("byterate", round(self.rates.bytes)),
                **_in_user_space("errorrate", round(self.rates.errors)),
                "media_userspace": self._table.active,
                "media_kernel": 0,
                "media_mixed": 0,
            },
            "totalstatistics": self._totals(),
            "intervalstatistics": {},
            "controlstatistics": self._proxies.body(),
            "mos": _mos(self._sampler.scores),
            "transcoders": [],
            "interfaces": [_interface(each, self._calls.lines.pools[each.address]) for each in self._interfaces],
        }

    def _totals(self) -> Body:
        calls = self._calls
        packets, size_bytes, errors = self._table.received()
        ended = calls.ended_totals
        media_timeouts = self._counters.get("media_timeouts_total|kind=media", 0)
        offer_timeouts = self._counters.get("media_timeouts_total|kind=offer", 0)
        return {
            "uptime": str((calls.clock.monotonic_ns() - self._started_ns) // _NS),
            "managedsessions": calls.ended_count,
            "rejectedsessions": calls.rejected_count,
            "timeoutsessions": media_timeouts,
            "silenttimeoutsessions": 0,
            "finaltimeoutsessions": 0,
            "offertimeoutsessions": offer_timeouts,
            "regularterminatedsessions": calls.ended_count - media_timeouts - offer_timeouts,
            "forcedterminatedsessions": 0,
            **_in_user_space("relayedpackets", packets + ended.rtp.packets + ended.rtcp.packets),
            **_in_user_space("relayedbytes", size_bytes + ended.rtp.bytes + ended.rtcp.bytes),
            **_in_user_space("relayedpacketerrors", errors + ended.rtp.errors + ended.rtcp.errors),
            "zerowaystreams": calls.unheard_count,
            "onewaystreams": self._counters.get("media_one_way_total", 0),
            "avgcallduration": decimals(calls.ended_seconds / max(calls.ended_count, 1)),
            "totalcallsduration": decimals(calls.ended_seconds),
            "totalcallsduration2": decimals(calls.ended_seconds2),
            "totalcallsduration_stddev": decimals(_deviation(calls.ended_count, calls.ended_seconds, calls.ended_seconds2)),
        }


def _mos(scores: Scores) -> Body:
    """Decimals, 1 to 4.5."""
    return {
        "mos_total": decimals(scores.total),
        "mos2_total": decimals(scores.squares),
        "mos_samples_total": scores.samples,
        "mos_average": decimals(scores.total / max(scores.samples, 1)),
        "mos_stddev": decimals(_deviation(scores.samples, scores.total, scores.squares)),
    }


def _deviation(count: int, total: float, squares: float) -> float:
    """Of all that were summed up."""
    mean = total / max(count, 1)
    return math.sqrt(max(squares / max(count, 1) - mean * mean, 0.0))


def _interface(interface: Interface, pool: PortPool) -> Body:
    size = len(pool.ports)
    used = size - pool.free
    ports = {"min": pool.ports[0], "max": pool.ports[-1] + 1, "used": 2 * used, "used_pct": f"{100 * used / size:.2f}"}
    ports |= {"free": 2 * pool.free, "totals": 2 * size, "last": pool.last_taken}
    return {"name": interface.name, "address": interface.address, "ports": ports}


def _in_user_space(name: str, value: int) -> Body:
    """Nothing is relayed by the kernel alone."""
    return {name: value, f"{name}_user": value, f"{name}_kernel": 0}
