"""Bindings of an AOR as targets (RFC 3261 section 16.5)."""

from __future__ import annotations

from sipcore.flow import FlowTable
from sipcore.location import Binding
from sipcore.ports import Target

REACHABLE_SCHEMES = ("sip:", "sips:")


def targets_of(bindings: list[Binding], flows: FlowTable, now: float) -> list[Target]:
    """Live bindings, those of higher q in an earlier group. ``now`` is Unix time.

    A binding whose only way is a connection that closed is left out: nobody can reach it.
    """
    live = [binding for binding in bindings if binding.expires_at > now and binding.contact.startswith(REACHABLE_SCHEMES)]
    if len(live) > 1:
        live.sort(key=lambda binding: -binding.q)
    targets: list[Target] = []
    group, group_q = 0, live[0].q if live else 1.0
    for binding in live:
        if binding.q != group_q:
            group, group_q = group + 1, binding.q
        target = _target(binding, flows, group)
        if target is not None:
            targets.append(target)
    return targets


def _target(binding: Binding, flows: FlowTable, group: int) -> Target | None:
    if not binding.natted and not binding.connection_id:
        return Target(uri=binding.contact, routes=binding.path, group=group)
    flow = flows.flow_of(binding.listener, (binding.remote_host, binding.remote_port), binding.connection_id)
    if flow is not None and flow.closed:
        flow = None
    if flow is None and binding.natted:
        return None
    return Target(uri=binding.contact, routes=binding.path, flow=flow, natted=binding.natted, group=group)
