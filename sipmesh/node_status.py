"""``workers.json``: what the supervisor knows of the workers. A file, so that nobody ever waits for a lock."""

from pathlib import Path
from typing import Literal

import msgspec

from sipmesh.spec import Role

State = Literal["starting", "ready", "waiting", "stopping", "stopped"]


class WorkerStatus(msgspec.Struct):
    name: str
    role: Role
    state: State = "waiting"
    pid: int = 0
    restarts: int = 0
    since: float = 0.0  # Unix time of the last change of state, s
    last_end: str = ""  # how it ended last


class NodeStatus(msgspec.Struct):
    pid: int  # of the supervisor
    started_at: float  # Unix time, s
    workers: list[WorkerStatus]


def write_status(data: Path, status: NodeStatus) -> None:
    """Readers see the old file or the new one, never half of it. OSError."""
    draft = data / "workers.new"
    draft.write_bytes(msgspec.json.encode(status))
    draft.replace(data / "workers.json")


def read_status(data: Path) -> NodeStatus | None:
    """None when no supervisor ever wrote one."""
    try:
        return msgspec.json.decode((data / "workers.json").read_bytes(), type=NodeStatus)
    except (OSError, msgspec.DecodeError):
        return None
