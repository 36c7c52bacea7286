"""Ends calls whose media or signalling is gone.

A call is looked at when the earliest of its deadlines may have come, at least once per ``timeout_s``: the work does not grow
with the calls that talk.
"""

import heapq
import itertools
import logging
from collections.abc import Callable

from media.calls import CallTable
from media.line import Line
from media.ng import Body
from media.session import Call, Dialogue
from media.settings import MediaSettings

log = logging.getLogger(__name__)

Emit = Callable[[Body], None]
Figures = Callable[[list[Dialogue]], Body]
_NS = 1_000_000_000
_NEVER = 1 << 62
_MANY = 1000  # looks at what is no more that are not worth the work
_CHECK_S = 60.0  # at least so often, for what may have changed meanwhile
_STALL_SCANS = 2  # a scan that comes so many intervals after the last one shows that the process stood still
_HEARING_S = 5.0  # so long after a stall all who send, be it reports only (RFC 3550 section 6.2), are heard again


class Timeouts:
    """``emit`` is given an event for each call that ends here without being asked to, with what ``figures`` tells of it."""

    def __init__(
        self, calls: CallTable, settings: MediaSettings, emit: Emit, counters: dict[str, int], figures: Figures
    ) -> None:
        self._figures = figures
        self._calls = calls
        self._settings = settings
        self._emit = emit
        self._counters = counters
        self._heap: list[tuple[int, int, Call]] = []
        self._order = itertools.count()
        self._check_ns = int(min(settings.timeout_s or _CHECK_S, _CHECK_S) * _NS)
        timeouts = (settings.timeout_s, settings.held_timeout_s, settings.unanswered_timeout_s)
        self._shortest_ns = int(min(filter(None, timeouts), default=_CHECK_S) * _NS)
        self._stall_ns = int(_STALL_SCANS * settings.scan_interval_s * _NS)
        self._hearing_ns = min(int(_HEARING_S * _NS), self._shortest_ns)
        self._scanned_ns = 0
        self._heard_ns = 0  # before then nobody is judged to be silent

    def __len__(self) -> int:
        """Looks that are planned."""
        return len(self._heap)

    def watch(self, call: Call) -> None:
        """To be called after an offer, and when the call's deadline came nearer."""
        self._plan(call, call.delete_ns or call.signalled_ns + self._shortest_ns)

    def scan(self) -> None:
        """Ends what is due now."""
        if len(self._heap) > 2 * len(self._calls) + _MANY:
            self._forget_ended()
        now_ns = self._calls.clock.monotonic_ns()
        self._look_for_stall(now_ns)
        while self._heap and self._heap[0][0] <= now_ns:
            due_ns, _, call = heapq.heappop(self._heap)
            if not self._is_planned(due_ns, call):
                continue
            deadline_ns, reason = self._deadline(call)
            if reason:
                deadline_ns = max(deadline_ns, self._heard_ns)
            if deadline_ns <= now_ns:
                self._end(call, reason)
            else:
                call.check_ns = 0
                self._plan(call, deadline_ns)

    def _look_for_stall(self, now_ns: int) -> None:
        """What the parties sent while this process stood still has not been heard yet."""
        if self._scanned_ns and now_ns - self._scanned_ns > self._stall_ns:
            self._heard_ns = now_ns + self._hearing_ns
            self._counters["media_stalls_total"] += 1
        self._scanned_ns = now_ns

    def _is_planned(self, due_ns: int, call: Call) -> bool:
        return self._calls.get(call.call_id) is call and due_ns == call.check_ns

    def _forget_ended(self) -> None:
        """Calls that ended, and looks that became nearer ones, would otherwise stay until they are due."""
        self._heap = [look for look in self._heap if self._is_planned(look[0], look[2])]
        heapq.heapify(self._heap)

    def _plan(self, call: Call, deadline_ns: int) -> None:
        """The next look at the call, unless a nearer one is planned."""
        due_ns = min(deadline_ns, self._calls.clock.monotonic_ns() + self._check_ns)
        if call.check_ns == 0 or due_ns < call.check_ns:
            call.check_ns = due_ns
            heapq.heappush(self._heap, (due_ns, next(self._order), call))

    def _deadline(self, call: Call) -> tuple[int, str]:
        """When the call ends if nothing happens any more, and what that is called; no name when it was asked for."""
        if call.delete_ns:
            return call.delete_ns, ""
        settings = self._settings
        talked = [dialogue for dialogue in call.dialogues if dialogue.answered or self._both_sent(dialogue)]
        if not talked:
            return _after(call.signalled_ns, settings.unanswered_timeout_s), "offer timeout"
        last_ns = max(call.signalled_ns, max(map(self._last_packet_ns, call.lines()), default=0))
        held = all(dialogue.on_hold for dialogue in talked)
        return _after(last_ns, settings.held_timeout_s if held else settings.timeout_s), "media timeout"

    def _last_packet_ns(self, line: Line) -> int:
        return max(map(self._calls.lines.relay.last_packet_ns, line.streams), default=0)

    def _both_sent(self, dialogue: Dialogue) -> bool:
        """Then they talk, though we may not be told: after a reliable provisional answer the 200 has no body (RFC 3262)."""
        stats = self._calls.lines.stats
        return any(all(stats(line, side, 0, False).packets for side in (0, 1)) for line in dialogue.lines if line is not None)

    def _end(self, call: Call, reason: str) -> None:
        event = _event(call, reason) | self._figures(call.dialogues) if reason else {}
        self._calls.end(call)
        if not reason:
            return
        self._counters[f"media_timeouts_total|kind={reason.split()[0]}"] += 1
        log.info("%s, the call ends", reason, extra={"call_id": call.call_id})
        self._emit(event)


def _after(ns: int, seconds: float) -> int:
    return ns + int(seconds * _NS) if seconds else _NEVER


def _event(call: Call, reason: str) -> Body:
    """Names the answered dialogue if there is one."""
    event: Body = {"event": reason, "call-id": call.call_id}
    dialogue = next((item for item in call.dialogues if item.answered), None) or next(iter(call.dialogues), None)
    if dialogue is not None:
        names = {"from-tag": dialogue.sides[0].tag, "to-tag": dialogue.sides[1].tag, "via-branch": dialogue.via_branch}
        event |= {key: value for key, value in names.items() if value}
    return event
