"""The fast path beside rtpengine, over an Ethernet device between two network namespaces.

Its work is done in the kernel, in the time of whoever sends, so a relay's own CPU time says nothing of it. What counts is how
much more time the load maker and the relay together take for a packet than the load maker alone when its ends send to each
other directly. So all are charged for what they make the machine do, interrupts included."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from bench.relay import load
from bench.relay.contenders import RELAY_CORE, Contender, ours, prepare, rtpengine, running
from bench.relay.measure import Plan
from bench.relay.ng import Address, Call, ends_of
from bench.relay.windows import Seen, Window
from interop.namespaces import Namespace
from media.fast_path import PROGRAM

NETWORK, RELAYS, ENDS = "10.78.0.0/16", "10.78.0", "10.78.1"
FIRST_END, FIRST_PORT = 30, 20000  # two hosts for each group
NG_PORT = 2223
WARM = load.Pace(1.0, 6.0, 1, 1)  # until calls have come onto the fast path: 256 a second at most
MOST_OF_ITS_OWN_US = 1.0  # what a packet may take of our process if the kernel relays it
DIRECT = "direct"
MOST_CALLS = 1000  # beyond that relay and load would not fit on the load maker's core
RULE = (
    "CPU of load maker and relay together, less that of the same load without a relay between its ends; packets cross a pair "
    "of Ethernet devices (veth) between two namespaces, all on the load maker's core but a relay's process."
)


def with_fast_path(ng: Address, host: str) -> list[str]:
    return [*with_sockets(ng, host), "--fast-path"]


def with_sockets(ng: Address, host: str) -> list[str]:
    return [*ours(ng, host), "--ng-allow", NETWORK]


CONTENDERS = [
    Contender("ours", (f"{RELAYS}.20", NG_PORT), with_fast_path),
    Contender("sockets", (f"{RELAYS}.21", NG_PORT), with_sockets),
    Contender("rtpengine", (f"{RELAYS}.10", NG_PORT), rtpengine),
]


@dataclass(frozen=True, slots=True)
class Networks:
    relays: Namespace
    ends: Namespace


@contextmanager
def networks(groups: int) -> Iterator[Networks]:
    """OSError when we may not make any."""
    with ExitStack() as stack:
        made = Networks(Namespace(), Namespace())
        stack.callback(made.relays.close)
        stack.callback(made.ends.close)
        hosts = [f"{ENDS}.{FIRST_END + number}/16" for number in range(2 * groups)]
        made.relays.join(made.ends, tuple(f"{each.ng[0]}/16" for each in CONTENDERS), tuple(hosts))
        yield made


def may_measure() -> bool:
    """Whether there is a program, and we may make networks and put it there."""
    try:
        with networks(1):
            return PROGRAM.exists()
    except (OSError, subprocess.CalledProcessError):
        return False


def _places(group: int, number: int) -> tuple[Address, Address]:
    port = FIRST_PORT + 2 * number
    return (f"{ENDS}.{FIRST_END + 2 * group}", port), (f"{ENDS}.{FIRST_END + 2 * group + 1}", port)


@contextmanager
def _directly(group: int, calls: int) -> Iterator[load.Group]:
    """Calls of ends that send to each other, and a process that relays nothing."""
    ends = [ends_of("base", number, _places(group, number)) for number in range(calls)]
    with subprocess.Popen(["sleep", "infinity"], preexec_fn=prepare(RELAY_CORE)) as idle:
        try:
            yield load.Group([Call(number, pair, (pair[1], pair[0])) for number, pair in enumerate(ends)], idle.pid)
        finally:
            idle.kill()


def measure(contenders: Sequence[Contender], calls: int, plan: Plan) -> dict[str, Seen]:
    """What was seen of each contender, and of the load without any. LoadError, also when calls stay with our sockets."""
    with networks(len(contenders) + 1) as made, ExitStack() as stack:
        groups: list[load.Group] = []
        with made.relays.inside():
            for group, contender in enumerate(contenders):
                relay = stack.enter_context(running(contender, plan.folder))
                up = [relay.ng.call(number, ends_of("base", number, _places(group, number))) for number in range(calls)]
                groups.append(load.Group(up, relay.pid))
        groups.append(stack.enter_context(_directly(len(contenders), calls)))
        with made.ends.inside():
            load.run(plan.program, groups[:1], WARM)
            seen = load.run(plan.program, groups, plan.pace)
    found = dict(zip([*(each.name for each in contenders), DIRECT], seen, strict=True))
    if found["ours"].middle(lambda window: window.us_a_packet) > MOST_OF_ITS_OWN_US:
        raise load.LoadError("the calls did not come onto the fast path")
    return found


def work_us(window: Window) -> float:
    """Of the load maker and the relay, a packet."""
    return (window.window_ns - window.waited_ns + window.relay_cpu_ns) / 1000 / max(window.relayed, 1)


def row(seen: dict[str, Seen]) -> dict[str, Any]:
    """One number of calls, as ``--json`` has it."""
    direct_us = seen[DIRECT].middle(work_us)
    made: dict[str, Any] = {
        f"{name}_us": round(each.middle(work_us) - direct_us, 2) for name, each in seen.items() if name != DIRECT
    }
    for name, prefix in (("ours", ""), ("rtpengine", "rtpengine_")):
        if name in seen:
            for what, share in (("p50_us", 0.5), ("p99_us", 0.99), ("p999_us", 0.999)):
                made[prefix + what] = round(seen[name].latency_us(share), 1)
            made[prefix + "loss"] = round(seen[name].loss, 6)
    made["direct_p999_us"] = round(seen[DIRECT].latency_us(0.999), 1)
    made["ratio"] = round(made["ours_us"] / made["rtpengine_us"], 3) if "rtpengine" in seen else None
    made["load_busy"] = {name: round(each.middle(lambda window: window.load_busy), 2) for name, each in seen.items()}
    made["thrown"] = {name: each.thrown for name, each in seen.items()}
    made["windows"] = {name: len(each.windows) for name, each in seen.items()}
    return made


def measure_all(numbers: Sequence[int], rtpengine_too: bool, plan: Plan) -> dict[str, Any]:
    contenders = [each for each in CONTENDERS if rtpengine_too or each.name != "rtpengine"]
    alone = replace(plan, floor=None)
    return {str(calls): row(measure(contenders, calls, alone)) for calls in numbers} | {"counted": RULE}
