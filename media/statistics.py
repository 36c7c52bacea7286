"""The daemon in numbers: rates, and the reply to ``statistics``."""

from dataclasses import dataclass

from media.calls import CallTable
from media.ng import Body
from media.ports import PortPool
from media.proxy_counts import ProxyCounts, seconds
from media.settings import Interface
from media.table import StreamTable

_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    packets: float = 0.0  # per second
    bytes: float = 0.0
    errors: float = 0.0


class Statistics:
    def __init__(
        self,
        calls: CallTable,
        table: StreamTable,
        proxies: ProxyCounts,
        counters: dict[str, int],
        interfaces: tuple[Interface, ...],
    ) -> None:
        self._calls = calls
        self._interfaces = interfaces
        self._table = table
        self._proxies = proxies
        self._counters = counters
        self._started_ns = calls.clock.monotonic_ns()
        self._measured_ns = self._started_ns
        self._measured = (0, 0, 0)
        self.rates = Rates()

    def measure(self) -> None:
        """Takes the rates since the last time. A stream that ended in between counts as if it had been silent."""
        now_ns = self._calls.clock.monotonic_ns()
        seconds = (now_ns - self._measured_ns) / _NS
        if seconds <= 0:
            return
        sums = self._table.received()
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
            "avgcallduration": seconds(calls.ended_seconds / max(calls.ended_count, 1)),
            "totalcallsduration": seconds(calls.ended_seconds),
        }


def _interface(interface: Interface, pool: PortPool) -> Body:
    size = len(pool.ports)
    used = size - pool.free
    ports = {"min": pool.ports[0], "max": pool.ports[-1] + 1, "used": 2 * used, "used_pct": f"{100 * used / size:.2f}"}
    ports |= {"free": 2 * pool.free, "totals": 2 * size, "last": pool.last_taken}
    return {"name": interface.name, "address": interface.address, "ports": ports}


def _in_user_space(name: str, value: int) -> Body:
    """Nothing is relayed by the kernel alone."""
    return {name: value, f"{name}_user": value, f"{name}_kernel": 0}
