"""Every call of both extensions with its n-th allocation failing, for each n.

To be run with nomemory.so preloaded or nomemory_python.so named in NOMEMORY, and PYTHONMALLOC=malloc. Each call either works as
ever or raises MemoryError (or what it raises anyway), and leaves nothing behind. Prints what doesn't.
"""

from __future__ import annotations

import logging
import sys

from tests.native.nomemory import kept, lines, messages, proxying, registering, relaying, sockets, switching, texts
from tests.native.nomemory.cases import CALLS, Call
from tests.native.nomemory.sweep import SWEEPS, Nomemory, collect, descriptors, sweep

# the relay's are last: they open so many descriptors that the standard library, short of memory, could lose one of its own
MODULES = (messages, texts, lines, sockets, proxying, kept, registering, switching, relaying)


def tried_out(nomemory: Nomemory, call: Call) -> str:
    """What went wrong, or nothing."""
    expected = repr(call())
    opened = descriptors()
    grown: list[int] = []
    for _ in range(SWEEPS):
        collect()
        before = nomemory.live()
        if wrong := sweep(nomemory, call, expected):
            return wrong
        collect()
        grown.append(nomemory.live() - before)
    if min(grown[1:]) > 0:
        return f"leaves memory behind: {grown} blocks"
    if repr(call()) != expected:
        return "does not work any more"
    if descriptors() != opened:
        return f"leaves {descriptors() - opened} descriptors open"
    return ""


def main(names: list[str]) -> int:
    logging.disable()
    nomemory = Nomemory()
    failed = 0
    for call in (call for module in MODULES for call in CALLS[module.__name__]):
        if names and call.__name__ not in names:
            continue
        wrong = tried_out(nomemory, call)
        print(f"{call.__name__}: {wrong or 'good'}", flush=True)
        failed += bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
