"""The limits of a node by its configuration. With several signal workers they count together, in files of ``shared``."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from sipcore.transport.engine import Engine
from sipmesh.config import Limits
from sipmesh.signalling.gate import Exempt, Gate
from sipmesh.signalling.rates import Backoff, Numbers, Rates, Recent
from sipmesh.signalling.shared_recent import SUFFIX, SharedRecent

Key = TypeVar("Key")


def gate_for(limits: Limits, exempt: Exempt, engine: Engine, shared: Path | None) -> Gate | None:
    """None when nothing is to be kept out."""
    rates: Rates[str] | None = rates_for(limits.requests_per_source_per_s, shared, "source")
    if rates is None and not limits.refuse_scanners:
        return None
    return Gate(exempt, rates, engine.timers, engine.counters, refuse_scanners=limits.refuse_scanners)


def rates_for(per_s: float, shared: Path | None, name: str) -> Rates[str] | None:
    """None when there is no limit."""
    return Rates(per_s, used_up=numbers(shared, name)) if per_s else None


def backoff_for(limits: Limits, shared: Path | None) -> Backoff[tuple[str, str]] | None:
    if not limits.auth_failures:
        return None
    counts: Numbers[tuple[str, str]] = numbers(shared, "failures")
    return Backoff(limits.auth_failures, limits.auth_pause_s, counts=counts, ends=numbers(shared, "pauses"))


def numbers(shared: Path | None, name: str) -> Numbers[Key]:
    return Recent[Key, float]() if shared is None else SharedRecent[Key](shared / f"{name}{SUFFIX}")
