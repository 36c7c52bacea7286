"""The node's store: two LMDB environments that every process of the node maps.

``config`` holds users, trunks, routes and the checked configuration, synced at commit. ``live`` holds bindings, call records
and counters; it survives the end of every process, not that of the operating system.
"""

from native.sip import CallLeg, CallRecord
from sipmesh.store.environment import StoreError, StoreFullError
from sipmesh.store.records import (
    Cdr,
    CdrPlace,
    Command,
    Ender,
    Names,
    Origin,
    Quality,
    RecentRoute,
    Snapshot,
    StoredRoute,
    StoredTrunk,
    StoredUser,
)
from sipmesh.store.store import Store

__all__ = [
    "CallLeg",
    "CallRecord",
    "Cdr",
    "CdrPlace",
    "Command",
    "Ender",
    "Names",
    "Origin",
    "Quality",
    "RecentRoute",
    "Snapshot",
    "Store",
    "StoreError",
    "StoreFullError",
    "StoredRoute",
    "StoredTrunk",
    "StoredUser",
]
