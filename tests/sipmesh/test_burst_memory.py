"""What a burst of REGISTERs took is given back when its transactions have ended."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from native.sip import forget_idle_uris, use_huge_pages
from sipmesh.signalling.housekeeping import Housekeeping
from sipmesh.store import Store
from tests.sipmesh.signal_world import SignalWorld
from tests.sipmesh.test_registering import PHONE, register

ROOT = Path(__file__).resolve().parents[2]
BURST = 80_000


class Everyone(dict[str, Any]):
    def __contains__(self, aor: object) -> bool:
        return True


class Node:
    """The signalling of a node over a real store, with nothing else in its process that could take memory."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder)
        self.world = world = SignalWorld()
        world.users = Everyone()
        world.locations = self.store.locations  # type: ignore[assignment]
        world.start()
        self.phone = world.phone(PHONE)
        self.registered = 0
        no_policy: Any = SimpleNamespace(take_recent=lambda: None, watch=lambda: None)
        Housekeeping(self.store, world.wire.timers, world.calls, world.ender, lambda: None, forget_idle_uris, no_policy).start()

    def register(self, users: int) -> None:
        for number in range(self.registered, self.registered + users):
            to, contact = f"<sip:subscriber{number}@open.example>", f"<sip:subscriber{number}@{PHONE}>"
            request = register("sip:open.example", to, 1, contact=contact).replace(b"z9hG4bKr1", b"z9hG4bK%d" % number)
            self.phone.send_bytes(request)
            self.run(0.0003)
            if number % 8 == 0:
                self.store.commit()
        self.run(1.0)  # the last are on their way
        self.store.commit()
        self.registered += users

    def run(self, for_s: float) -> None:
        self.world.run(for_s)
        self.world.wire.log.clear()
        self.phone.node.received.clear()

    @property
    def waiting(self) -> int:
        return self.world.layer.server_count


def held_mb() -> float:
    """For objects of the interpreter, since huge pages are used for them."""
    mappings = re.findall(r"(?m)^Size: +(\d+) kB\n(?:.*\n)*?VmFlags:(.*)$", Path("/proc/self/smaps").read_text())
    return sum(int(size) for size, flags in mappings if " hg" in flags) / 1024


def main(folder: Path) -> None:
    node = Node(folder)
    node.register(100)
    node.run(60)
    use_huge_pages()
    node.register(100)
    node.run(60)
    before = held_mb()
    node.register(BURST)
    busy, waiting = held_mb(), node.waiting
    node.run(60)
    gc.collect()  # also what the interpreter keeps of its own, unused
    print(waiting, node.waiting, node.store.locations.count(), round(busy - before), round(held_mb() - before))


def test_memory_of_a_burst_is_given_back(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONMALLOC": "pymalloc"}  # whatever this process has
    command = [sys.executable, "-m", "tests.sipmesh.test_burst_memory", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    waiting, still_waiting, bindings, burst_mb, left_mb = map(int, done.stdout.split())
    assert (waiting, still_waiting, bindings) == (BURST, 0, BURST + 200)
    assert burst_mb >= 24
    assert left_mb <= burst_mb // 5


if __name__ == "__main__":
    main(Path(sys.argv[1]))
