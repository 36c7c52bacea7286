"""One line of the log for each relayed call that has ended: how long, why, and how it sounded."""

from __future__ import annotations

import logging
from typing import Any

from sipmesh.logs import CALL_LOG
from sipmesh.store import Cdr, Quality

log = logging.getLogger(CALL_LOG)


def log_ended(cdr: Cdr) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    call = cdr.call
    said: dict[str, Any] = {
        "call_id": call.call_id,
        "caller": call.caller,
        "callee": call.callee,
        "disposition": cdr.disposition,
        "cause": cdr.cause,
        "ended_by": cdr.ended_by,
        "duration_s": round(max(0.0, cdr.ended_at - call.answered_at), 1) if call.answered_at else 0.0,
    }
    if cdr.status >= 300:
        said["status"] = cdr.status
    if call.silent:
        said["silent"] = call.silent
    for side, quality in zip(("caller", "callee"), call.media or (), strict=False):
        said |= figures(side, quality)
    # as log.info, which would first look up who calls it
    log.handle(log.makeRecord(CALL_LOG, logging.INFO, __file__, 0, "call ended", (), None, extra=said))


def figures(side: str, quality: Quality) -> dict[str, Any]:
    """Of what that side sent; a MOS where anything was heard of it."""
    said: dict[str, Any] = {f"{side}_packets": quality.packets}
    if quality.mos:
        said |= {f"{side}_mos": quality.mos, f"{side}_lost": quality.lost, f"{side}_jitter_ms": quality.jitter_ms}
    if quality.loss_bursts:
        said[f"{side}_loss_bursts"] = quality.loss_bursts
    if quality.round_trip_ms:
        said[f"{side}_round_trip_ms"] = quality.round_trip_ms
    return said
