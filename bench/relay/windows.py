"""What was seen in short windows of time, which of them count, and the figures made of those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

LATE_SHARE = 0.005  # half of what p99 looks at
STALL_NS = 250_000
FEWEST = 3  # windows that a median is made of
RULE = (
    "A window is thrown away if, while its packets were under way, the hypervisor took time or the relay's core stood still "
    "for more than 0.25 ms, or if more than 0.5 % of its packets left more than 1 ms late."
)


@dataclass(frozen=True, slots=True)
class Window:
    """What the load maker says of one turn of one group."""

    group: int
    sent: int
    received: int  # of those sent
    relayed: int  # arrived while measured, whenever sent
    send_errors: int
    late: int  # packets the load maker itself sent more than 1 ms late
    relay_cpu_ns: int
    waited_ns: int  # by the load maker, for the time of its next packet
    window_ns: int
    steal_ms: int  # that the hypervisor kept from all processors of the machine
    stall_ns: int  # longest time that a thread ahead of the relay's was not let run on its core
    latency_ns: Sequence[tuple[int, int]]  # latency and packets that had it

    @property
    def us_a_packet(self) -> float:
        return self.relay_cpu_ns / 1000 / max(self.relayed, 1)

    @property
    def busy(self) -> float:
        """Share of its core that the relay used; near 1 it is at its limit and latency says more than time a packet."""
        return self.relay_cpu_ns / self.window_ns

    @property
    def load_busy(self) -> float:
        """Share of its time that the load maker worked, which a relay on the other hyperthread of its core feels most."""
        return 1 - self.waited_ns / self.window_ns

    @property
    def uneven(self) -> bool:
        """More packets left late than p99 forgives: the load maker was at its limit, or its core was another one's."""
        return self.late > LATE_SHARE * self.sent

    @property
    def disturbed(self) -> bool:
        """What the window says may not be the relay's doing."""
        return self.uneven or self.steal_ms > 0 or self.stall_ns > STALL_NS


def _disturbance(window: Window) -> tuple[bool, int]:
    return window.uneven, window.steal_ms * 1_000_000 + window.stall_ns


@dataclass(frozen=True, slots=True)
class Seen:
    """All windows of one relay with one kind and number of calls, in the order of their rounds."""

    windows: list[Window]

    @property
    def thrown(self) -> int:
        return sum(window.disturbed for window in self.windows)

    @property
    def undisturbed(self) -> int:
        return len(self.windows) - self.thrown

    @property
    def disturbed(self) -> bool:
        """Too few are left, so the calmest of the disturbed ones count."""
        return self.undisturbed < FEWEST

    @property
    def counted(self) -> list[Window]:
        if not self.disturbed:
            return [window for window in self.windows if not window.disturbed]
        return sorted(self.windows, key=_disturbance)[: max(FEWEST, len(self.windows) // 4)]

    @property
    def uneven(self) -> bool:
        return all(window.uneven for window in self.windows)

    @property
    def loss(self) -> float:
        sent = sum(window.sent for window in self.counted)
        return 1 - sum(window.received for window in self.counted) / max(sent, 1)

    def middle(self, figure: Callable[[Window], float]) -> float:
        return float(median(figure(window) for window in self.counted))

    def latency_us(self, share: float) -> float:
        """A percentile of the packets of all windows that count together."""
        pooled: Counter[int] = Counter()
        for window in self.counted:
            for latency_ns, packets in window.latency_ns:
                pooled[latency_ns] += packets
        left = share * (pooled.total() - 1)
        for latency_ns in sorted(pooled):
            left -= pooled[latency_ns]
            if left < 0:
                return latency_ns / 1000
        return 0.0


def added_us(plain: Seen, secure: Seen) -> float:
    """What a packet of ``secure`` costs more, by the rounds in which the windows of both count; else by the medians."""
    pairs = [
        (one, other) for one, other in zip(plain.windows, secure.windows, strict=True) if not (one.disturbed or other.disturbed)
    ]
    if len(pairs) < FEWEST:
        return secure.middle(lambda window: window.us_a_packet) - plain.middle(lambda window: window.us_a_packet)
    return float(median(other.us_a_packet - one.us_a_packet for one, other in pairs))
