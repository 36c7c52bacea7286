"""How a call ended, in a word: CDRs for the outbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipcore.timers import Timers
from sipmesh.signalling.call_log import log_ended
from sipmesh.store import CallRecord, Cdr, Ender, Quality

if TYPE_CHECKING:
    from sipmesh.policy.host import PolicyHost
    from sipmesh.store.live import CdrOutbox

OF_STATUS = {
    404: "no-route",
    408: "no-answer",
    410: "no-route",
    480: "unavailable",
    484: "no-route",
    486: "busy",
    487: "no-answer",  # not because the caller cancelled
    600: "busy",
    604: "no-route",
}
GAVE_UP = frozenset({408, 487})  # final status of an INVITE that the caller ended before the answer


class CdrMaker:
    """Puts one CDR into the outbox for each call, in the transaction that is open, shows it to the policy and logs it.
    ``outbox``: None when no CDRs are written; ``logs``: calls whose media was relayed."""

    __slots__ = ("_logs", "_outbox", "_policy", "_timers")

    def __init__(self, outbox: CdrOutbox | None, timers: Timers, policy: PolicyHost, *, logs: bool = False) -> None:
        self._outbox = outbox
        self._logs = logs
        self._timers = timers
        self._policy = policy

    @property
    def wants_quality(self) -> bool:
        return self._outbox is not None or self._logs

    def ended(self, key: str, call: CallRecord, cause: str, status: int = 0, by: Ender = "") -> None:
        """``status``: the failure the caller got. A call whose answer could not be passed on is not answered."""
        logs = self._logs and bool(call.ng_call_id)
        if self._outbox is None and not self._policy.active and not logs:
            return
        if status >= 300:
            call.answered_at = 0.0
            if call.bye_by == "caller" and status in GAVE_UP:
                cause = "cancelled"
        ended_at = (call.bye_at if call.answered_at else 0.0) or self._timers.wall
        call.legs, call.forks, call.shifts, call.names = [], [], ((), ()), None
        cdr = Cdr(
            key=key,
            call=call,
            ended_at=ended_at,
            disposition=disposition(call, cause, status),
            cause=cause,
            status=status or (200 if call.answered_at else 0),
            ended_by="caller" if cause == "cancelled" else by or call.bye_by or "node",
        )
        if self._outbox is not None:
            self._outbox.put(cdr)
        if logs:
            log_ended(cdr)
        self._policy.call_ended(cdr)


def disposition(call: CallRecord, cause: str, status: int) -> str:
    if call.answered_at:
        return "answered"
    if status < 300 or cause == "cancelled":
        return cause
    return OF_STATUS.get(status) or ("failed" if 500 <= status < 600 else "rejected")


def quality_of(reply: dict[str, Any], tag: str) -> Quality:
    """Of what the side with ``tag`` sent, all its streams together, the worst of each figure; from the reply to ``query``."""
    packets = lost = loss_bursts = 0
    heard = []
    for media in reply.get("tags", {}).get(tag, {}).get("medias", ()):
        for stream in media.get("streams", ()):
            if "RTCP" not in stream.get("flags", ()):
                packets += stream.get("stats", {}).get("packets", 0)
        for source in media.get("ingress SSRCs", ()):
            lost += source.get("cumulative loss", 0)
            loss_bursts += source.get("loss bursts", 0)
            if "average MOS" in source:
                heard.append(source["average MOS"])
    if not heard:
        return Quality(packets=packets, lost=lost, loss_bursts=loss_bursts)
    return Quality(
        packets=packets,
        lost=lost,
        loss_bursts=loss_bursts,
        jitter_ms=round(max(each.get("jitter", 0) for each in heard)),
        mos=min((each["MOS"] for each in heard if "MOS" in each), default=0) / 10,
        round_trip_ms=_milliseconds(max(each.get("round-trip time", 0) for each in heard)),
    )


def _milliseconds(us: int) -> int:
    """What is known is no less than 1: 0 says that it isn't."""
    return max(1, round(us / 1000)) if us > 0 else 0
