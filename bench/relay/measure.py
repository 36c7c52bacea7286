"""One measurement: relays started anew side by side, their calls set up, and loaded in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.relay import load
from bench.relay.contenders import FLOOR, Contender, Running, cpu_ns, running, running_floor
from bench.relay.ng import Call, ends_of
from bench.relay.windows import Seen

KINDS = ("base", "srtp")  # plain on both sides; one side of each call secure
NG_CALLS = 25  # up at once in a round


@dataclass(frozen=True, slots=True)
class Plan:
    program: Path  # the built load maker
    floor: Path | None  # the built bare loop; None: not beside the relays
    folder: Path  # for logs
    pace: load.Pace


@dataclass(frozen=True, slots=True)
class Measured:
    """All relays with the same number of calls."""

    seen: dict[str, dict[str, Seen]]  # by kind and contender
    kb_per_call: dict[str, float]  # by contender, of the first kind


def _set_up(relay: Running, kind: str, group: int, numbers: range) -> list[Call]:
    """``numbers`` are those of the calls in the relay."""
    places = (load.addresses_of(group, number - numbers.start) for number in numbers)
    return [relay.ng.call(number, ends_of(kind, number, place)) for number, place in zip(numbers, places, strict=True)]


def _begin(relay: Running, kinds: Sequence[str], calls: int, first_group: int) -> tuple[list[load.Group], float]:
    """The relay's groups, one of each kind, and the memory in kB that a call of the first kind takes."""
    before_kb = relay.memory_kb()
    groups = [load.Group(_set_up(relay, kinds[0], first_group, range(calls)), relay.pid)]
    used_kb = relay.memory_kb() - before_kb
    for place, kind in enumerate(kinds[1:], 1):
        numbers = range(place * calls, (place + 1) * calls)
        groups.append(load.Group(_set_up(relay, kind, first_group + place, numbers), relay.pid))
    return groups, used_kb / calls


def measure(
    contenders: Sequence[Contender],
    kinds: Sequence[str],
    calls: int,
    plan: Plan,
    during: Callable[[int], AbstractContextManager[object]] = nullcontext,
) -> Measured:
    """``during`` gets the first relay's process id and is entered for the time of the load."""
    labels: list[tuple[str, str]] = []
    groups: list[load.Group] = []
    kb_per_call: dict[str, float] = {}
    with ExitStack() as stack:
        for contender in contenders:
            relay = stack.enter_context(running(contender, plan.folder))
            own, kb_per_call[contender.name] = _begin(relay, kinds, calls, len(groups))
            groups += own
            labels += [(kind, contender.name) for kind in kinds]
        if plan.floor is not None and "base" in kinds:
            ends = [ends_of("base", number, load.addresses_of(len(groups), number)) for number in range(calls)]
            pid, up = stack.enter_context(running_floor(plan.floor, plan.folder, ends))
            groups.append(load.Group(up, pid))
            labels.append(("base", FLOOR))
        stack.enter_context(during(groups[0].pid))
        windows = load.run(plan.program, groups, plan.pace)
    seen: dict[str, dict[str, Seen]] = {kind: {} for kind in kinds}
    for (kind, name), of_group in zip(labels, windows, strict=True):
        seen[kind][name] = of_group
    return Measured(seen, kb_per_call)


def _ng_round_ms(relay: Running) -> float:
    started_ns = cpu_ns(relay.pid)
    for call in _set_up(relay, "base", 0, range(NG_CALLS)):
        relay.ng.delete(call.number)
    return (cpu_ns(relay.pid) - started_ns) / 1e6 / NG_CALLS


def ng_ms(contenders: Sequence[Contender], rounds: int, folder: Path) -> dict[str, float]:
    """CPU time of each relay for offer, answer and delete of a call without media: the median of rounds that take turns."""
    costs: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    with ExitStack() as stack:
        relays = {one.name: stack.enter_context(running(one, folder)) for one in contenders}
        for number in range(rounds + 1):
            for name in sorted(relays, reverse=number % 2 == 1):
                costs[name].append(_ng_round_ms(relays[name]))
    return {name: round(median(each[1:]), 3) for name, each in costs.items()}  # the first time much is done that never is again
