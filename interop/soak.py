"""Many calls through Kamailio with its rtpengine module over our media daemon: nothing may be left of them.

``python -m interop.soak --calls 2000`` prints one line of JSON and exits with 1 when something is. Each call takes two port
pairs of a range that has room for fifty: a port that is not given back shows as calls that fail.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from interop import calls, ng
from interop.kamailio.node import KamailioNode, MediaDaemon
from interop.node import Setup
from interop.process import rss_bytes, wait_for
from interop.stage import Stage

USERS = {"alice": "wonder-land", "bob": "builder-1"}
WARM_UP_CALLS = 20
MOST_AT_ONCE = 20
FLOWS = {"carrier_out": 0.8, "busy": 0.1, "cancel": 0.1}  # answered, refused, given up: share of the calls


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon holds while no call is up."""

    sessions: int
    descriptors: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    calls: int
    failed: int
    seconds: float
    before: Held
    after: Held

    @property
    def clean(self) -> bool:
        """No call failed, and nothing but memory, which the first calls touch, has changed."""
        left = (self.after.sessions, self.after.descriptors) == (0, self.before.descriptors)
        return left and not self.failed


def run(count: int, rate: float, folder: Path) -> Outcome:
    """``count`` calls, ``rate`` a second of each kind; at most about a minute longer than that takes."""
    node = KamailioNode(Setup(users=USERS), folder / "node", MediaDaemon)
    stage = Stage(node, folder)
    try:
        play(stage, WARM_UP_CALLS, rate)
        before = held(node)
        start = time.monotonic()
        failed = play(stage, count, rate)
        seconds = time.monotonic() - start
        return Outcome(count, failed, round(seconds, 1), before, held(node))
    finally:
        stage.close()
        node.stop()


def play(stage: Stage, count: int, rate: float) -> int:
    """Each kind of call in turn; returns how many failed at either end."""
    failed = 0
    for flow, share in FLOWS.items():
        wanted = max(1, round(count * share))
        scripts = calls.FLOWS[flow]()
        timeout_s = wanted / rate + 60
        port = str(stage.rtp().port)
        callee = stage.play(
            scripts[1],
            stage.registered("bob"),
            f"{flow}-callee",
            "alice",
            keys={"rtp_port": port},
            calls=wanted,
            timeout_s=timeout_s,
        )
        caller = stage.play(
            scripts[0],
            stage.phone("alice"),
            f"{flow}-caller",
            "bob",
            keys={"rtp_port": port},
            calls=wanted,
            rate=rate,
            timeout_s=timeout_s,
            options=("-l", str(MOST_AT_ONCE)),
        )
        results = [sipp.wait() for sipp in (caller, callee)]
        missing = max(wanted - result.successful for result in results)
        if missing:
            print(f"{flow}: {missing} calls failed\n{results[0].trace}", file=sys.stderr)
        failed += missing
        stage.unregister("bob")
    return failed


def held(node: KamailioNode) -> Held:
    """After the last transactions of the proxy have deleted their sessions, or not."""
    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not ng.calls(node.relay.ng), "the end of all sessions", 10.0)
    pid = node.relay.process.pid
    return Held(len(ng.calls(node.relay.ng)), len(os.listdir(f"/proc/{pid}/fd")), rss_bytes(pid))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m interop.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, metavar="N")
    parser.add_argument("--rate", type=float, default=50.0, metavar="N", help="calls a second")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(arguments.calls, arguments.rate, Path(folder))
    print(json.dumps(asdict(outcome) | {"clean": outcome.clean}))
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
