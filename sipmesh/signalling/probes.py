"""OPTIONS to each target of each trunk: dead targets are taken out, and brought back (RFC 3261 section 11)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from native.sip import Message
from sipcore.ports import Counters
from sipcore.timers import Timers
from sipmesh.signalling.requester import Requester
from sipmesh.signalling.trunks import TargetState, TrunkState

DEAD = frozenset({408, 503})  # no answer in time, not to be sent, or "not now"; any other answer shows life
MAX_DEAD_INTERVAL_S = 10.0  # a dead target is asked at least so often


class Probes:
    """One endless series of probes per target; a series ends when its target left the tables."""

    def __init__(
        self,
        requester: Requester,
        timers: Timers,
        counters: Counters,
        local_uri: Callable[[], str],
        on_outcome: Callable[[TargetState], None] | None = None,
    ) -> None:
        """``on_outcome`` is told after each probe."""
        self._requester = requester
        self._on_outcome = on_outcome
        self._timers = timers
        self._counters = counters
        self._local_uri = local_uri
        self._series: dict[TargetState, TrunkState] = {}

    def load(self, trunks: Iterable[TrunkState]) -> None:
        """Starts probing what is new, and stops what is gone."""
        wanted = {target: trunk for trunk in trunks if trunk.config.probe_s for target in trunk.targets}
        new = [target for target in wanted if target not in self._series]
        self._series = wanted
        for target in new:
            self._probe(target)

    def _probe(self, target: TargetState) -> None:
        trunk = self._series.get(target)
        if trunk is not None:
            _Probe(self, target, trunk.config.first_response_s).start()

    def again(self, target: TargetState) -> None:
        """The next probe of the series, one interval after the end of this one: there is never a second on its way."""
        trunk = self._series.get(target)
        if trunk is not None:
            interval_s = trunk.config.probe_s
            self._timers.after(
                interval_s if target.failed_at is None else min(interval_s, MAX_DEAD_INTERVAL_S), self._probe, target
            )

    def send(self, target: TargetState, timeout_s: float, probe: _Probe) -> None:
        us = self._local_uri()
        headers = [
            ("From", f"<{us}>;tag={secrets.token_hex(4)}"),
            ("To", f"<{target.uri}>"),
            ("Call-ID", self._requester.new_call_id()),
            ("CSeq", "1 OPTIONS"),
            ("Contact", f"<{us}>"),
        ]
        self._timers.after(timeout_s, probe.too_late, None)
        self._requester.send("OPTIONS", target.uri.text, headers, probe.done)

    def outcome(self, target: TargetState, status: int) -> None:
        self._counters[f"sip_trunk_probes_total|trunk={target.trunk_name},status={status}"] += 1
        if status in DEAD:
            target.failed(self._timers.now, f"OPTIONS got {status}")
        else:
            target.answered()
        if self._on_outcome is not None:
            self._on_outcome(target)


class _Probe:
    """One OPTIONS. Silence for the trunk's ``first_response_s`` counts as 408; an answer that comes later still shows life."""

    __slots__ = ("_over", "_probes", "_target", "_timeout_s")

    def __init__(self, probes: Probes, target: TargetState, timeout_s: float) -> None:
        self._probes = probes
        self._target = target
        self._timeout_s = timeout_s
        self._over = False

    def start(self) -> None:
        self._probes.send(self._target, self._timeout_s, self)

    def done(self, status: int, response: Message | None = None) -> None:
        late = self._over
        self._over = True
        if late and status in DEAD:
            return  # said already
        self._probes.outcome(self._target, status)
        if not late:
            self._probes.again(self._target)

    def too_late(self, _: None) -> None:
        if not self._over:
            self.done(408)
