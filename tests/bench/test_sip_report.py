"""The signalling benchmark's figures, its page, and what it reads of SIPp."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.sip import caller, page, quota, registering, report, watch
from bench.sip.loads import Measured, Most, quantile

OFFERED = {"rate": 700, "completed": 340.0, "refused": 350.0, "failed": 0.0, "refusal_p50_ms": 8.0, "refusal_p99_ms": 40.0}
RESULT: dict[str, Any] = {
    "call": {"ours_us": 150.0, "kamailio_us": 200.0, "ratio": 0.75, "rate": 1500},
    "register": {"ours_us": 30.25, "rate": 3000},
    "max_calls_per_s": {"ours": 6000, "kamailio": 7000, "lower_bounds": ["kamailio"]},
    "invite_p99_ms": {"ours": 0.9, "kamailio": 0.8},
    "invite_busy_undisturbed_p99_ms": {"ours": 0.95, "kamailio": 1.5},
    "bytes_per_binding": 480,
    "bindings": 500_000,
    "kb_per_waiting_call": 3.44,
    "kb_per_tls_connection": 19.1,
    "overload_goodput_share": 0.95,
    "overload": {
        "held_by": "cgroup v2",
        "share_of_core": 0.25,
        "capacity_calls_per_s": 350,
        "windows": 40,
        "disturbed": 4,
        "offered": [OFFERED | {"rate": 350, "completed": 350.0, "refused": 2.0}, OFFERED],
        "stopped": OFFERED | {"period_ms": 100},
    },
    "tls": {
        "half_open_connections": 200,
        **{
            kind: {"alone_p99_ms": 0.5, "half_open_p99_ms": 0.6, "storm_p99_ms": 1.25, "storm_handshakes_per_s": 1200}
            for kind in ("ecdsa", "rsa")
        },
    },
    "profile": {"rate": 1500, "places": {"Python": 60.0, "kernel": 20.0}, "symbols": [["_PyEval_EvalFrameDefault", 28.5]]},
    "machine": "a machine",
    "commit": "abc",
    "date": "2026-11-22",
    "runs": 3,
}


def measured(cpu_us: float, **more: Any) -> Measured:
    usual = {"completed": 100, "failed": 0, "retransmitted": 0, "rate": 10.0, "maker_busy": 0.5}
    return Measured(**{"cpu_us": cpu_us, "worker_us": cpu_us - 1} | usual | more)


def test_rows_are_medians_and_ratios() -> None:
    found = {
        "call": {
            "sipmesh": [
                measured(100.0, delays_ms=[1.0, 3.0], undisturbed_ms=[1.0]),
                measured(300.0, failed=2),
                measured(150.0, delays_ms=[2.0]),
            ],
            "kamailio": [measured(200.0, delays_ms=[4.0])] * 3,
        }
    }
    made = report.loads_result(found)
    row = made["call"]
    assert (row["ours_us"], row["kamailio_us"], row["ratio"], row["ours_signal_worker_us"]) == (150.0, 200.0, 0.75, 149.0)
    assert row["not_clean"] == {"sipmesh": 2, "kamailio": 0}
    assert made["invite_undisturbed_p99_ms"] == {"ours": 1.0}
    assert made["invite_p50_ms"] == {"ours": 2.0, "kamailio": 4.0, "ratio": 0.5}


def test_the_most_calls_say_when_sipp_was_at_its_end() -> None:
    made = report.most_result({"sipmesh": Most(3000, at_least=False), "kamailio": Most(6000, at_least=True)})
    assert made["max_calls_per_s"] == {"ours": 3000, "kamailio": 6000, "ratio": 0.5, "lower_bounds": ["kamailio"]}


def test_the_table_has_every_figure() -> None:
    text = report.table(RESULT)
    assert "0.75 µs at 1500/s" in text
    assert "at least, for kamailio: SIPp does no more" in text
    assert "goodput at twice the capacity: 0.95" in text
    assert "in a storm of TLS handshakes: 0.5, 1.25 ms" in text
    assert report.table({key: RESULT[key] for key in ("machine", "commit", "date", "runs")})


def test_the_page_has_every_figure() -> None:
    made = page.draw(RESULT, "python -m bench.sip --json")
    for cell in (
        "| call over UDP | 1,500 | 150.0 | 200.0 | 0.75 |",
        "| REGISTER | 3,000 | 30.2 | - | - |",
        "| INVITE at 1,500 calls/s, p99, ms | 0.90 | 0.80 |",
        "| INVITE at 3,000 calls/s, p99 when the host took nothing, ms | 0.95 | 1.50 |",
        "| most calls a second, one core | 6,000 | ≥ 7,000 |",
        "| bytes a binding, 500,000 of them | 480 | ≤ 500 |",
        "| ECDSA | 0.50 | 0.60 | 1.25 | 1,200 |",
        "4 of 40 windows of 250 ms don't count",
        "At 700 offered it refuses 350, within 8 ms in the median and 40 ms at p99; 0 get no answer.",
        "Given its part once in 100 ms, so stopped for 75 ms of them, it completes 340 of 700 and refuses within 8 and 40 ms.",
        "Python 60 %, kernel 20 %",
        "| `_PyEval_EvalFrameDefault` | 28.5 % |",
    ):
        assert cell in made.text
    for name in ("signalling-overload.svg", "signalling-cpu.svg"):
        ElementTree.fromstring(made.figures[name])


def test_the_page_takes_what_there_is() -> None:
    some = {key: RESULT[key] for key in ("call", "machine", "commit", "runs")}
    assert page.SECTION.owns(some)
    assert "Memory" not in page.draw(some, "x").text
    assert not page.SECTION.owns({"base": {}, "kb_per_call": {}})


def a_phase(folder: Path, stolen: float, used: float) -> caller.Offered:
    """At 100 calls a second from 101 to 103, half of them refused, in windows of a second; the second one lacks half."""
    names = "StartTime;CurrentTime;TotalCallCreated;SuccessfulCall(C);GenericCounter1(C);FailedCall(C)"
    rows = [
        (0.5, 0, 0, 0, 0),
        (1.0, 100, 100, 50, 0),
        (2.0, 200, 198, 100, 2),
        (3.0, 250, 248, 125, 2),
        (3.5, 300, 298, 150, 2),
    ]
    table, times = folder / "caller.csv", folder / "x_rtt.csv"
    lines = [f"d\tt\t100.0;d\tt\t{100 + at};{made};{good};{refused};{failed}" for at, made, good, refused, failed in rows]
    table.write_text("\n".join([names, *lines]))
    times.write_text("Date_ms;response_time_ms;rtd_no\n900.0;99;1\n1100.5;20;1\n1200;30;1\n2100;50;1\n29")
    part = lambda value: lambda since, until: value  # noqa: E731
    return caller.read(caller.Phase(100, 101.0, 103.0), table, [times], part(stolen), part(used))


def test_rates_are_read_of_the_windows_that_nothing_disturbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "LEAST_WINDOWS", 1)
    read = a_phase(tmp_path, stolen=0.01, used=0.987)
    assert (read.completed, read.refused, read.failed) == (48.0, 50.0, 2.0)
    assert (read.refusal_p50_ms, read.refusal_p99_ms, read.used) == (30.0, 30.0, 0.99)
    assert (read.windows, read.disturbed, read.counts) == (2, 1, True)


@pytest.mark.parametrize(("stolen", "used"), [(0.03, 1.0), (0.0, 0.8)], ids=["stolen", "starved"])
def test_if_all_windows_are_disturbed_they_are_read_and_do_not_count(tmp_path: Path, stolen: float, used: float) -> None:
    read = a_phase(tmp_path, stolen, used)
    assert (read.completed, read.windows, read.disturbed, read.counts) == (36.5, 2, 2, False)


def test_what_the_host_took_is_read_by_core() -> None:
    tick = os.sysconf("SC_CLK_TCK")
    stat = f"cpu 1 2 3 4 5 6 7 {3 * tick}\ncpu0 1 2 3 4 5 6 7 {tick} 0\ncpu1 1 2 3 4 5 6 7 {2 * tick} 0\nintr 5\n"
    assert watch.stolen_s(stat, [1, 0]) == [2.0, 1.0]


def test_quantiles() -> None:
    assert (quantile([1.0, 2.0, 3.0], 0.5), quantile([1.0], 0.99)) == (2.0, 1.0)
    assert str(quantile([], 0.5)) == "nan"


def test_without_cgroups_a_server_is_stopped_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(quota, "V1", tmp_path / "none")
    monkeypatch.setattr(quota, "V2", tmp_path / "neither")
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda _, number: sent.append(number))
    with quota.held_to(os.getpid(), 0.5) as way:
        assert way == "SIGSTOP"
    assert sent[0] == signal.SIGCONT
    assert sent[-1] == signal.SIGCONT


def test_answers_to_registers_are_settled() -> None:
    waiting = {"r1": b"", "r2": b""}
    registering.settle(b"SIP/2.0 503 Busy\r\nCall-ID: r1\r\n\r\n", waiting)
    registering.settle(b"SIP/2.0 200 OK\r\nVia: x\r\nCall-ID: r2\r\n\r\n", waiting)
    assert list(waiting) == ["r1"]
    with pytest.raises(RuntimeError, match="r1: 403"):
        registering.settle(b"SIP/2.0 403 No\r\nCall-ID: r1\r\n\r\n", waiting)
