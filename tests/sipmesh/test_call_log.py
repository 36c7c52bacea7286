"""The line of the log for each relayed call that has ended."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from sipmesh.config import Node
from sipmesh.logs import CALL_LOG, RepeatFilter
from sipmesh.signalling.call_log import log_ended
from sipmesh.store import Quality
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.signal_calls import call, hang_up
from tests.sipmesh.test_cdr import a_cdr
from tests.sipmesh.test_signal_media import FakeDaemon, with_daemon


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == CALL_LOG]


@pytest.fixture(autouse=True)
def level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, CALL_LOG)


def test_duration_cause_and_quality_of_both_sides(caplog: pytest.LogCaptureFixture) -> None:
    quality = Quality(packets=500, lost=7, jitter_ms=3, mos=4.3, loss_bursts=2, round_trip_ms=40)
    log_ended(a_cdr(media=(quality, Quality()), silent="callee"))
    [line] = lines(caplog)
    assert line["message"] == "call ended"
    wanted = {"call_id": "c1", "duration_s": 60.2, "cause": "bye", "ended_by": "callee", "silent": "callee"}
    wanted |= {"caller_packets": 500, "caller_mos": 4.3, "caller_lost": 7, "caller_loss_bursts": 2, "caller_jitter_ms": 3}
    wanted |= {"caller_round_trip_ms": 40, "callee_packets": 0}
    assert {name: line[name] for name in wanted} == wanted
    assert "callee_mos" not in line
    assert "status" not in line


def test_no_call_is_held_back() -> None:
    repeats = RepeatFilter(burst=1)
    record = logging.LogRecord(CALL_LOG, logging.INFO, "x.py", 1, "call ended", (), None)
    assert all(repeats.filter(record) for _ in range(50))


class Daemon(FakeDaemon):
    def reply(self, body: dict[str, Any]) -> dict[str, Any]:
        heard = {"average MOS": {"MOS": 42, "jitter": 5, "round-trip time": 30_000}, "cumulative loss": 4, "loss bursts": 1}
        party = {"medias": [{"ingress SSRCs": [heard], "streams": [{"flags": ["RTP"], "stats": {"packets": 50}}]}]}
        return {"tags": {"talice": party, "ubob": {"medias": []}}} if body["command"] == "delete" else {}


@pytest.mark.parametrize("logs", [True, False])
def test_a_relayed_call_has_its_line(tmp_path: Path, caplog: pytest.LogCaptureFixture, logs: bool) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        _, answered = await call(alice, bob, "sip:bob@example.com")
        daemon.emit(event="one-way audio", silent="ubob", **{"call-id": answered.call_id, "from-tag": "talice"})
        await node.until(lambda: "one-way audio" in caplog.text)
        await hang_up(alice, bob, alice.within("BYE", answered, 5))
        await node.until(lambda: "delete" in daemon.commands() and not len(node.node.calls))
        assert daemon.asked[-1]["flags"] == ["brief" if logs else "fast"]

    with_daemon(tmp_path, scenario, daemon=Daemon, node=Node(name="test", data=str(tmp_path), log_calls=logs))
    if not logs:
        assert lines(caplog) == []
        return
    [line] = lines(caplog)
    assert (line["caller"], line["disposition"], line["cause"], line["silent"]) == (
        "alice@example.com",
        "answered",
        "bye",
        "callee",
    )
    assert (line["caller_mos"], line["caller_lost"], line["caller_jitter_ms"], line["callee_packets"]) == (4.2, 4, 5, 0)
