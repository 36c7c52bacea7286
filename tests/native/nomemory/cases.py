"""The calls that are tried, by the module that names them with ``tried``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

Call = Callable[[], object]
CALLS: defaultdict[str, list[Call]] = defaultdict(list)


def tried(call: Call) -> Call:
    CALLS[call.__module__].append(call)
    return call
