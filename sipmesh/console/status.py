"""What the node looks like from outside, read from the store and from what the supervisor wrote."""

import time
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from sipmesh.config import Config
from sipmesh.node_status import WorkerStatus, read_status
from sipmesh.store import Snapshot, Store
from sipmesh.views import call_row, registration_rows, trunk_rows

SILENT_S = 5.0  # a ready worker whose counters are older than this does not serve


class NodeView:
    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._data = Path(config.node.data)
        self.name = config.node.name

    def workers(self) -> list[WorkerStatus]:
        """As the supervisor last saw them; none when it never wrote."""
        status = read_status(self._data)
        return status.workers if status else []

    def snapshots(self) -> dict[str, Snapshot]:
        return self._store.snapshots.all()

    def health(self, now: float) -> dict[str, Any]:
        """``ready`` is true when every worker serves. ``now``: Unix time."""
        snapshots = self.snapshots()
        workers = [worker_health(worker, snapshots.get(worker.name), now) for worker in self.workers()]
        ready = bool(workers) and all(worker["state"] == "ready" for worker in workers)
        return {"ready": ready, "node": self.name, "workers": workers}

    def registrations(self, aor: str | None, limit: int) -> list[dict[str, Any]]:
        return list(islice(registration_rows(self._store, time.time(), aor), limit))

    def registered_aors(self) -> int:
        return self._store.locations.count()

    def calls(self, limit: int) -> list[dict[str, Any]]:
        now = time.time()
        return [call_row(key, record, now) for key, record in islice(self._store.calls.all(), limit)]

    def calls_by_state(self) -> Counter[str]:
        return Counter(record.state for _, record in self._store.calls.all())

    def trunks(self) -> list[dict[str, Any]]:
        return trunk_rows(self._store)


def worker_health(worker: WorkerStatus, snapshot: Snapshot | None, now: float) -> dict[str, Any]:
    age_s = round(now - snapshot.at, 1) if snapshot and snapshot.pid == worker.pid else None
    silent = worker.state == "ready" and (age_s is None or age_s > SILENT_S)
    return {
        "name": worker.name,
        "state": "silent" if silent else worker.state,
        "pid": worker.pid,
        "restarts": worker.restarts,
        "for_s": round(now - worker.since, 1),
        "last_end": worker.last_end,
    }
