"""The relay benchmark's figures and what it prints of them; its load maker against a relay of one call."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from bench.relay import load, report
from bench.relay.measure import Sample
from bench.relay.ng import Call, NgError, media_address
from native import relay as native
from tests.native.relay_wire import Phone, Stream, started


def sample(cpu_ns: int, received: int = 1000, late: int = 0, kb: float = 7.0, steal_ms: int = 0) -> Sample:
    loaded = load.Load(
        1000, received, 1000, 0, late, cpu_ns, 0, 1000, steal_ms, p50_us=10.0, p99_us=20.0, p999_us=30.0, max_us=40.0
    )
    return Sample(loaded, kb_per_call=kb, ng_ms_per_call=1.0)


def test_rows_are_medians_and_ratios() -> None:
    samples: report.Samples = {
        500: {
            "ours": [sample(2_000_000), sample(9_000_000), sample(3_000_000)],
            "rtpengine": [sample(4_000_000, received=900), sample(6_000_000, received=990), sample(9_000_000)],
        }
    }
    made = report.result(samples, {})
    row = made["base"]["500"]
    assert (row["ours_us"], row["rtpengine_us"], row["ratio"]) == (3.0, 6.0, 0.5)
    assert (row["busy"], row["rtpengine_busy"]) == (0.003, 0.006)
    assert (row["loss"], row["rtpengine_loss"], row["p99_us"]) == (0.0, 0.01, 20.0)
    assert (made["runs"], made["kb_per_call"]["ours"]) == (3, 7.0)
    assert "max_calls" not in made
    assert "   500     3.00      6.00   0.50" in report.table(made)


def test_disturbed_runs_count_only_when_there_are_no_others() -> None:
    quiet, stolen, late = sample(2_000_000), sample(9_000_000, steal_ms=60), sample(9_000_000, late=60)
    assert report.result({100: {"ours": [stolen, quiet, late]}}, {})["base"]["100"]["ours_us"] == 2.0
    made = report.result({100: {"ours": [stolen, late]}}, {})["base"]["100"]
    assert (made["ours_us"], made["disturbed"]) == (9.0, 2)


def test_ours_alone_and_a_busy_machine_are_said() -> None:
    made: dict[str, Any] = report.result({100: {"ours": [sample(1_000_000, late=100)]}}, {"ours": 2000})
    assert made["base"]["100"]["ratio"] is None
    assert made["ng_ms_per_call"] == {"ours": 1.0, "rtpengine": None}
    text = report.table(made)
    assert "1 runs disturbed by a busy machine" in text
    assert "most calls: ours 2000, rtpengine -" in text


def test_media_address_of_an_sdp() -> None:
    assert media_address("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n") == ("192.0.2.1", 4000)
    with pytest.raises(NgError, match="no audio address"):
        media_address("v=0\r\n")


def free_address() -> tuple[str, int]:
    with contextlib.closing(Phone()) as phone:
        return phone.address


def test_load_maker_counts_what_a_relay_relayed(tmp_path: Path) -> None:
    program = load.build(tmp_path)
    with started() as relay:
        stream = Stream(relay)
        ends = free_address(), free_address()
        for side in (0, 1):
            relay.set_remote(stream.id, side, 0, ends[side])
        call = Call(0, ends, (stream.port(0), stream.port(1)))
        seen = load.run(program, [call], os.getpid(), warm_up_s=0.1, measure_s=0.4)
        assert (seen.sent, seen.received, seen.send_errors) == (40, 40, 0)
        assert 0 < seen.p50_us <= seen.p99_us <= seen.p999_us <= seen.max_us
        assert seen.relay_cpu_ns > 0
        assert stream.stats(0).packets >= 20
        assert stream.stats(0).lost == 0
        assert native.monotonic_ns() > stream.stats(1).last_ns > 0


def test_load_maker_says_what_it_could_not_do(tmp_path: Path) -> None:
    program = load.build(tmp_path)
    with pytest.raises(load.LoadError, match="no calls"):
        load.run(program, [], os.getpid(), 0.1, 0.1)
    nowhere = Call(0, (("192.0.2.77", 1), ("192.0.2.77", 2)), (("127.0.0.1", 9), ("127.0.0.1", 9)))
    with pytest.raises(load.LoadError, match="bind"):
        load.run(program, [nowhere], os.getpid(), 0.1, 0.1)
