"""Lines of calls and their ports, on a relay that is only a Python object."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from native import relay
from tests.native.nomemory.cases import tried

ADDRESS = SimpleNamespace(address="192.0.2.2")
OPUS = SimpleNamespace(dynamic_hz={96: 48000}, encodings={96: "opus/48000/2"})
EVENTS = SimpleNamespace(dynamic_hz={101: 8000}, encodings={101: "telephone-event/8000"})
AT = ("192.0.2.1", 5000), ("192.0.2.7", 5001), relay.SYMMETRIC, "192.0.2.1", False


class Pool(relay.PortPoolBase):
    def may_try_next(self, cause: OSError) -> None:
        raise cause

    def ran_out(self) -> None:
        raise MemoryError


class Relay:
    def __init__(self) -> None:
        self.streams = 0

    def add(self, kind: int, ports: Any, thread: int, awaited: bool) -> int:
        self.streams += 1
        return self.streams

    def thread_of(self, stream: int) -> int:
        return 0

    def release(self, stream: int) -> None:
        pass

    def place(self, stream: int, side: int, rtp: Any, rtcp: Any, mode: int, mux: bool) -> None:
        pass

    def set_clock(self, stream: int, payload_type: int, clock_hz: int) -> None:
        pass

    def totals(self, streams: list[int]) -> relay.Totals:
        return relay.Totals()

    def stream_stats(self, stream: int) -> None:
        pass

    def remove(self, stream: int) -> None:
        pass

    def reap(self) -> None:
        pass


class Lines(relay.LinesBase):
    def ran_out(self) -> None:
        raise MemoryError

    def discard(self, interface: Any, block: relay.PortBlock) -> None:
        pass

    def undo(self, line: relay.LineBase) -> None:
        pass


def bind(host: str, port: int, count: int, dscp: int) -> tuple[tuple[int, int], ...]:
    return ((3, 4),) * count


@tried
def lines() -> object:
    pool = Pool("192.0.2.2", 30000, 30009, 46, bind, 3)
    chains = relay.ChainsBase()
    made = Lines(Relay(), {"192.0.2.2": pool}, chains, relay.LineBase, (AT, AT), (0, 0))  # type: ignore[arg-type]
    line = made.open(relay.RTP, 2, (ADDRESS, ADDRESS), None)
    beside = made.open(relay.OPAQUE, 1, (ADDRESS, ADDRESS), line) if pool.free > 1 else None
    made.place(line, 1, AT, False)
    made.learn(line, OPUS, EVENTS)
    made.release(line)
    sides = relay.SideBase("a", ADDRESS, None, 1.5), relay.SideBase("b", ADDRESS, None, 2.5)
    dialogue = relay.DialogueBase(sides, "z9", 1.5)
    dialogue.offers[0] = SimpleNamespace(lines=[None, line, line])
    known = len(dialogue.all_lines()), dialogue.side_of("b"), dialogue.has_tags("b", "a"), dialogue.past.told()
    counted = made.totals(line).told(), made.counts(line)
    made.close(line)
    made.reap()
    return known, counted, pool.free, beside is None, len(chains.exits)
