"""Many calls through Kamailio with its rtpengine module over our media daemon: nothing may be left of them.

``python -m interop.soak --calls 100000 [--json]`` tells how it goes after each round and ends with a verdict: what is
left, what the daemon refused, and which calls failed for another reason. It exits with 1 when something is left or was refused,
or when more calls failed than a busy machine accounts for. Each call takes two port pairs of a range that has room for fifty:
ports that are not given back show as offers refused. Calls that failed soon after the machine stood still count apart: they say
nothing about the daemon.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from interop import calls, ng
from interop.kamailio.node import KamailioNode, MediaDaemon
from interop.node import Setup
from interop.process import PATIENCE_S, rss_bytes, wait_for
from interop.stage import Stage
from interop.stalls import Stalls, watched

USERS = {"alice": "wonder-land", "bob": "builder-1"}
WARM_UP_CALLS = 20
ROUND_CALLS = 2000
MB = 1 << 20
MAX_GROWTH_BYTES = 48 * MB  # kept replies are 16 MB at most; with 100,000 calls a leak of half a kilobyte shows
MOST_AT_ONCE = 20
MAX_FAILED_SHARE = 0.001  # some calls fail between SIPp and Kamailio when these are slow
STALL_S = 0.5  # T1: from then on messages are repeated
STALL_REACH_S = 40.0  # so long may calls fail of it: Timer F, and more
FLOWS = {"carrier_out": 0.8, "busy": 0.1, "cancel": 0.1}  # answered, refused, given up: share of the calls


@dataclass(frozen=True, slots=True)
class Held:
    """What the daemon holds while no call is up."""

    sessions: int
    ports: int  # bound, of those it relays on
    descriptors: int
    rss_bytes: int


@dataclass(slots=True)
class Failures:
    """Calls that failed at either end, and why as far as SIPp tells."""

    calls: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    stalled: int = 0  # of these, that failed when the machine had stood still


@dataclass(frozen=True, slots=True)
class Outcome:
    calls: int
    failures: Failures
    refused: dict[str, int]  # requests that the daemon answered by an error, by command
    seconds: float
    before: Held  # after the calls that warm it up
    after: Held
    stalls: Stalls = field(default_factory=Stalls)

    @property
    def leaks(self) -> list[str]:
        """What is left, in words."""
        grown_bytes = self.after.rss_bytes - self.before.rss_bytes
        found = {
            f"{self.after.sessions} sessions are left": self.after.sessions,
            f"{self.after.ports} ports are left": self.after.ports,
            f"{self.after.descriptors - self.before.descriptors} descriptors are left": self.after.descriptors
            != self.before.descriptors,
            f"memory has grown by {grown_bytes // MB} MB, more than {MAX_GROWTH_BYTES // MB}": grown_bytes > MAX_GROWTH_BYTES,
        }
        return [words for words, wrong in found.items() if wrong]

    @property
    def faults(self) -> list[str]:
        """What is wrong, in words; empty when nothing is."""
        refused = [f"the daemon refused {count} requests: {command}" for command, count in self.refused.items()]
        failed = self.failures.calls - self.failures.stalled
        many = failed > self.calls * MAX_FAILED_SHARE
        return self.leaks + refused + ([f"{failed} calls failed"] if many else [])

    def told(self) -> dict[str, Any]:
        failures = {"calls": self.failures.calls, "stalled": self.failures.stalled, "reasons": dict(self.failures.reasons)}
        stalls = {"count": len(self.stalls), "longest_s": round(self.stalls.longest_s, 1)}
        verdict = {"clean": not self.faults, "leaks": self.leaks, "faults": self.faults}
        figures = {
            "calls": self.calls,
            "failures": failures,
            "refused": self.refused,
            "seconds": self.seconds,
            "stalls": stalls,
        }
        return figures | {"before": asdict(self.before), "after": asdict(self.after)} | verdict


def run(count: int, rate: float, folder: Path, tell: Callable[[str], None] = lambda line: None) -> Outcome:
    """``count`` calls, ``rate`` a second of each kind, in rounds; ``tell`` is told of each."""
    with watched() as stalls:
        return _run(count, rate, folder, tell, stalls)


def _run(count: int, rate: float, folder: Path, tell: Callable[[str], None], stalls: Stalls) -> Outcome:
    node = KamailioNode(Setup(users=USERS), folder / "node", MediaDaemon)
    stage = Stage(node, folder)
    try:
        play(stage, WARM_UP_CALLS, rate, Failures(), stalls)
        before = held(node)
        start = time.monotonic()
        done, failures = 0, Failures()
        while done < count:
            wanted = min(ROUND_CALLS, count - done)
            play(stage, wanted, rate, failures, stalls)
            done += wanted
            after = held(node)
            tell(_progress(done, count, failures.calls, time.monotonic() - start, after))
        return Outcome(count, failures, refused(node), round(time.monotonic() - start, 1), before, after, stalls)
    finally:
        stage.close()
        node.stop()


def _progress(done: int, count: int, failed: int, seconds: float, now: Held) -> str:
    left_s = seconds / done * (count - done)
    holds = f"{now.sessions} sessions, {now.ports} ports, {now.descriptors} descriptors, {now.rss_bytes / MB:.1f} MB"
    return f"{done}/{count} calls, {failed} failed, {seconds:.0f} s, {left_s:.0f} s to go; held: {holds}"


def play(stage: Stage, count: int, rate: float, failures: Failures, stalls: Stalls) -> None:
    """Each kind of call in turn."""
    for flow, share in FLOWS.items():
        wanted = max(1, round(count * share))
        scripts = calls.FLOWS[flow]()
        timeout_s = wanted / rate + PATIENCE_S
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
            print(f"{flow}: {missing} calls failed", *(result.trace for result in results), sep="\n", file=sys.stderr)
        failures.calls += missing
        in_stalls = [sum(stalls.reach(at, STALL_REACH_S, STALL_S) for at in result.given_up) for result in results]
        failures.stalled += min(missing, max(in_stalls))
        failures.reasons.update(reason for result in results for reason in result.reasons)
        stage.unregister("bob")


def held(node: KamailioNode) -> Held:
    """After the last transactions of the proxy have deleted their sessions and the daemon has closed their sockets, or not."""
    relay = node.relay
    assert isinstance(relay, MediaDaemon)
    pid = relay.process.pid

    def bound() -> int:
        return sum(port in relay.ports for port in udp_ports(pid))

    with contextlib.suppress(TimeoutError):
        wait_for(lambda: not ng.calls(relay.ng) and not bound(), "the end of all sessions")
    return Held(len(ng.calls(relay.ng)), bound(), len(os.listdir(f"/proc/{pid}/fd")), rss_bytes(pid))


def refused(node: KamailioNode) -> dict[str, int]:
    """Errors that the daemon answered with, by command."""
    control = ng.ask(node.relay.ng, "statistics")["statistics"]["controlstatistics"]
    errors = {name: control.get(f"total{name}errors", 0) for name in ("ping", "offer", "answer", "delete", "unknown")}
    return {name: count for name, count in errors.items() if count}


def udp_ports(pid: int) -> list[int]:
    """Local ports of a process's UDP sockets (proc(5), /proc/net/udp)."""
    own = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            own.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    found = []
    for name in ("udp", "udp6"):
        with contextlib.suppress(OSError):
            lines = [line.split() for line in Path("/proc/net", name).read_text().splitlines()[1:]]
            found += [int(fields[1].rpartition(":")[2], 16) for fields in lines if f"socket:[{fields[9]}]" in own]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m interop.soak", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000, metavar="N")
    parser.add_argument("--rate", type=float, default=50.0, metavar="N", help="calls a second")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(arguments.calls, arguments.rate, Path(folder), lambda line: print(line, file=sys.stderr, flush=True))
    if arguments.json:
        print(json.dumps(outcome.told()))
    else:
        held_mb = f"{outcome.before.rss_bytes / MB:.1f} MB before, {outcome.after.rss_bytes / MB:.1f} MB after"
        failures = outcome.failures
        reasons = ", ".join(f"{count}x {reason}" for reason, count in failures.reasons.most_common())
        stalled = f", {failures.stalled} of them when the machine had stood still" if failures.stalled else ""
        why = f"calls failed for another reason ({reasons or 'unknown'}){stalled}"
        failed = f"; {failures.calls} {why}" if failures.calls else ""
        verdict = "; ".join(outcome.faults) or "nothing is left, nothing was refused"
        print(f"{outcome.calls} calls in {outcome.seconds} s, {held_mb}: {verdict}{failed}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
