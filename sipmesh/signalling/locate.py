"""Bindings of an AOR as targets (RFC 3261 section 16.5)."""

from __future__ import annotations

from operator import attrgetter

from sipcore.flow import FlowTable
from sipcore.location import Binding
from sipcore.outbound import key_of
from sipcore.ports import Target

REACHABLE_SCHEMES = ("sip:", "sips:")


def targets_of(bindings: list[Binding], flows: FlowTable, now: float) -> list[Target]:
    """Live bindings, those of higher q in an earlier group. ``now`` is Unix time.

    Of the flows of one user agent instance the newest is a target, and the others are its spares (RFC 5626 section 7). A
    binding whose only way is a connection that closed is left out: nobody can reach it.
    """
    live = [binding for binding in bindings if binding.expires_at > now and binding.contact.startswith(REACHABLE_SCHEMES)]
    if len(live) == 1:
        target = _target(live[0], flows, 0)
        return [] if target is None else [target]
    live.sort(key=attrgetter("q"), reverse=True)
    return _in_groups([[binding] for binding in live] if not any(map(key_of, live)) else _by_instance(live), flows)


def targets_of_instance(bindings: list[Binding], flows: FlowTable) -> list[Target]:
    """The first of ``bindings``, all of one user agent, with the others as its spares."""
    return _in_groups([bindings], flows) if bindings else []


def _by_instance(bindings: list[Binding]) -> list[list[Binding]]:
    """Bindings that mean the same user agent together, its newest flow first."""
    together: dict[object, list[Binding]] = {}
    for number, binding in enumerate(bindings):
        together.setdefault(binding.instance if key_of(binding) else number, []).append(binding)
    agents = [sorted(each, key=attrgetter("registered_at"), reverse=True) for each in together.values()]
    return sorted(agents, key=lambda agent: -agent[0].q)


def _in_groups(agents: list[list[Binding]], flows: FlowTable) -> list[Target]:
    targets: list[Target] = []
    group, group_q = 0, agents[0][0].q if agents else 1.0
    for bindings in agents:
        q = bindings[0].q
        if q != group_q:
            group, group_q = group + 1, q
        usable = [target for binding in bindings if (target := _target(binding, flows, group)) is not None]
        if usable:
            usable[0].spare = tuple(usable[1:])
            targets.append(usable[0])
    return targets


def _target(binding: Binding, flows: FlowTable, group: int) -> Target | None:
    by_flow = bool(binding.natted or (binding.reg_id and not binding.path))
    if not by_flow and not binding.connection_id:
        return Target(uri=binding.contact, routes=binding.path, group=group)
    flow = flows.flow_of(binding.listener, (binding.remote_host, binding.remote_port), binding.connection_id)
    if flow is not None and flow.closed:
        flow = None
    if flow is None and by_flow:
        return None
    return Target(uri=binding.contact, routes=binding.path, flow=flow, natted=binding.natted, group=group)
