"""What a node keeps in memory for a binding, for a call whose transactions wait, and for an idle TLS connection.

Counted once over all its processes: the pages in use of the store's file, which they map, and the anonymous memory of each of
them. A fresh node each time, since freed memory is used again.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import lmdb

from bench.sip.loads import Bench, Load
from bench.sip.registering import register
from bench.sip.servers import OPEN, Server, sipmesh
from bench.sip.tls import idle_kb, served
from interop.process import tree
from sipmesh.store.directory import TABLES, encode
from sipmesh.store.environment import Environment, key_of
from sipmesh.store.records import StoredUser

WARM_UP_BINDINGS = 2000
WARM_UP_CALLS_S = 1.0
CALLS = Load("caller", 500, callee=True)
WAITING_S = 32.0  # a transaction over UDP is kept for so long after its answer
SEEN_S = 1.5  # the other processes look at the store once a second


def bytes_per_binding(bindings: int, core: int) -> float:
    """Each of an account of its own, with one contact, registered over UDP. Looked at when the transactions of the REGISTERs
    have ended: those belong to the rate of registering, which is the machine's."""
    with _node(core, bindings) as (server, folder):
        store = folder / "data" / "live"
        register((server.address, server.port), OPEN, range(WARM_UP_BINDINGS))
        time.sleep(WAITING_S + SEEN_S)
        before = _anonymous_bytes(server) + _used_bytes(store)
        register((server.address, server.port), OPEN, range(WARM_UP_BINDINGS, bindings))
        time.sleep(WAITING_S + SEEN_S)
        return (_anonymous_bytes(server) + _used_bytes(store) - before) / (bindings - WARM_UP_BINDINGS)


def kb_per_waiting_call(seconds: float, cores: Sequence[int]) -> float:
    """Calls that have ended while all their transactions still wait for retransmissions."""
    with _node(cores[0], 0) as (server, folder):
        bench = Bench(folder, cores[1:])
        bench.run(server, CALLS, WARM_UP_CALLS_S)
        before, started = _anonymous_bytes(server), time.monotonic()
        completed = bench.run(server, CALLS, min(seconds, WAITING_S / 2)).completed
        if time.monotonic() - started > WAITING_S - WAITING_S / 4:
            raise RuntimeError("the calls took so long that some no longer wait")
        return (_anonymous_bytes(server) - before) / completed / 1024


def kb_per_tls_connection() -> float:
    with tempfile.TemporaryDirectory(prefix="bench-tls-") as name, served(Path(name), "ecdsa") as (node, authority):
        return idle_kb(node, authority)


@contextlib.contextmanager
def _node(core: int, accounts: int) -> Iterator[tuple[Server, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as name:
        folder = Path(name)
        if accounts:
            _add_accounts(folder / "data" / "config", accounts)
        server = sipmesh(folder, core)
        try:
            yield server, folder
        finally:
            server.process.stop()


def _add_accounts(path: Path, accounts: int) -> None:
    """In one transaction: by the command line it would be one for each."""
    environment = Environment(path, TABLES, synced=True)
    users = environment.table("users")
    environment.begin(room_bytes=300 * accounts)
    for index in range(accounts):
        aor = f"subscriber{index}@{OPEN}"
        environment.put(users, key_of(aor), encode(StoredUser(aor=aor, ha1={})))
    environment.commit()
    environment.close()


def _anonymous_bytes(server: Server) -> int:
    total_kb = 0
    for pid in tree(server.process.pid):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in ("Anonymous", "Swap"):
                total_kb += int(rest.split()[0])
    return total_kb * 1024


def _used_bytes(store: Path) -> int:
    with lmdb.open(str(store), readonly=True, max_dbs=16) as environment:
        return int((environment.info()["last_pgno"] + 1) * environment.stat()["psize"])
