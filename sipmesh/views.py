"""Store records as people and programs see them: rows for the command line and the console, the same names in both."""

import time
from collections.abc import Iterator
from typing import Any

from sipcore.location import Binding
from sipmesh.addresses import join_host_port
from sipmesh.config import Trunk
from sipmesh.store import CallRecord, Snapshot, Store, StoredTrunk

REGISTRATION_STATES = {None: "unknown", 0.0: "not registered", 1.0: "registered"}
STALE_S = 10.0  # a snapshot so much older than the newest is of a worker that is no more
TARGET_STATES = {None: "unknown", 0.0: "down", 1.0: "up"}


def registration_rows(store: Store, now: float, aor: str | None = None) -> Iterator[dict[str, Any]]:
    """One row a contact that has not expired at ``now``, Unix time."""
    source = [(aor, store.locations.get(aor))] if aor else store.locations.all()
    for name, bindings in source:
        for binding in bindings:
            if binding.expires_at > now:
                yield binding_row(name, binding, now)


def binding_row(aor: str, binding: Binding, now: float) -> dict[str, Any]:
    return {
        "aor": aor,
        "contact": binding.contact,
        "source": join_host_port(binding.remote_host, binding.remote_port) if binding.remote_host else "",
        "natted": binding.natted,
        "q": binding.q,
        "path": list(binding.path),
        "expires_in_s": round(binding.expires_at - now),
        "user_agent": binding.user_agent,
        "call_id": binding.call_id,
    }


def call_row(key: str, record: CallRecord, now: float) -> dict[str, Any]:
    return {
        "key": key,
        "call_id": record.call_id,
        "caller": record.caller,
        "callee": record.callee,
        "source": record.source,
        "state": record.state,
        "started_at": record.started_at,
        "answered_at": record.answered_at,
        "duration_s": round(now - (record.answered_at or record.started_at)),
        "trunk_in": record.trunk_in,
        "trunk_out": record.trunk_out,
        "via": " → ".join(filter(None, (record.trunk_in, record.trunk_out))),
        "relayed": bool(record.ng_call_id),
    }


def trunk_rows(store: Store) -> list[dict[str, Any]]:
    """Each trunk with its calls and whether its targets answer, as the signal workers last counted."""
    gauges = trunk_gauges(store.snapshots.all())
    return [trunk_row(stored, gauges, time.time()) for stored in store.directory.trunks()]


def trunk_gauges(snapshots: dict[str, Snapshot]) -> dict[str, float]:
    """Calls of all signal workers together; whether targets answer and carriers know us by the first, which asks."""
    gauges: dict[str, float] = {}
    newest = max((snapshot.at for snapshot in snapshots.values()), default=0.0)
    for worker, snapshot in sorted(snapshots.items()):
        if newest - snapshot.at > STALE_S:
            continue
        for name, value in snapshot.counters.items():
            if name.startswith("sip_trunk_calls|") and worker.startswith("signal-"):
                gauges[name] = gauges.get(name, 0) + value
            elif worker == "signal-0":
                gauges[name] = value
    return gauges


def registration_row(trunk: Trunk, gauges: dict[str, float], now: float) -> dict[str, Any]:
    """How it stands with our account at the carrier."""
    assert trunk.register is not None
    registered = gauges.get(f"sip_trunk_registered|trunk={trunk.name}")
    expires_at = gauges.get(f"sip_trunk_register_expires_at|trunk={trunk.name}", 0.0)
    return {
        "aor": trunk.register.aor,
        "state": REGISTRATION_STATES[registered],
        "status": int(gauges.get(f"sip_trunk_register_status|trunk={trunk.name}", 0)),
        "expires_in_s": round(expires_at - now) if registered else 0,
    }


def trunk_row(stored: StoredTrunk, gauges: dict[str, float], now: float) -> dict[str, Any]:
    trunk = stored.trunk
    up = {each.uri: gauges.get(f"sip_trunk_target_up|trunk={trunk.name},target={each.uri}") for each in trunk.targets}
    return {
        "name": trunk.name,
        "targets": [{"uri": each.uri, "weight": each.weight, "state": TARGET_STATES[up[each.uri]]} for each in trunk.targets],
        "sources": list(trunk.sources),
        "transit": trunk.transit,
        "registration": None if trunk.register is None else registration_row(trunk, gauges, now),
        "calls": int(gauges.get(f"sip_trunk_calls|trunk={trunk.name}", 0)),
        "max_calls": trunk.max_calls,
        "srtp": trunk.srtp,
        "origin": stored.origin,
    }
