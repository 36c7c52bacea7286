"""The store as a process of the node uses it."""

from __future__ import annotations

from pathlib import Path

from sipcore.keys import KeyRing
from sipmesh.config import Config
from sipmesh.store import directory, live
from sipmesh.store.environment import Environment, StoreError
from sipmesh.store.secrets import load_secrets


class Store:
    """``directory``: users, trunks, routes, configuration. ``locations``, ``calls``, ``cdrs``, ``recent_routes``,
    ``commands``, ``snapshots``: live state.

    Writes to live state are seen at once by this process, and by the others after ``commit``.
    """

    def __init__(self, path: Path, config: Environment, live_state: Environment) -> None:
        self.path = path
        self._config = config
        self._live = live_state
        self.directory = directory.Directory(config)
        self.locations = live.StoredLocations(live_state)
        self.calls = live.Calls(live_state)
        self.cdrs = live.CdrOutbox(live_state)
        self.recent_routes = live.RecentRoutes(live_state)
        self.commands = live.Commands(live_state)
        self.snapshots = live.Snapshots(live_state)
        live_state.renew_with(config)
        self.commit = live_state.commit
        self.abort = live_state.abort

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True) -> Store:
        """``path``: the node's data folder; made when missing, unless ``create`` is false. StoreError when it can't be used."""
        path = Path(path)
        if not create and not (path / "config" / "data.mdb").exists():
            raise StoreError(f"there is no store in {path}; start the node once first")
        config = Environment(path / "config", directory.TABLES, synced=True)
        return cls(path, config, Environment(path / "live", live.TABLES, synced=False))

    def read_in_batches(self, *, staged: bool = False) -> None:
        """For a process that calls ``commit`` at the end of each of its turns: what it reads in one is of one state.
        ``staged``: for one of several that write; see ``Environment.read_in_batches``."""
        self._config.read_in_batches()
        self._live.read_in_batches(staged=staged)

    def config_version(self) -> int:
        """Grows with every change of users, trunks, routes or configuration."""
        return self.directory.version()

    def config(self) -> Config | None:
        return self.directory.config()

    def key_ring(self, purpose: str) -> KeyRing:
        """Of "branch", "cookie", "nonce" or "flow"; the same in every process and after restarts."""
        return load_secrets(self.path / "keys.json").ring(purpose)

    def tidy(self) -> None:
        """Frees what killed processes left behind."""
        self._config.forget_dead_readers()
        self._live.forget_dead_readers()

    def close(self) -> None:
        """Commits nothing: what was not committed is forgotten."""
        self._live.close()
        self._config.close()
