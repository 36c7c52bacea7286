"""The relay benchmark's figures, what it prints of them, and what it reads of SDP and perf."""

from __future__ import annotations

from typing import Any

import pytest

from bench.relay import load, report
from bench.relay.measure import Sample
from bench.relay.most import Most, most_calls
from bench.relay.ng import NgError, crypto_of, ends_of, media_address
from bench.relay.profile import shares, system_calls


def loaded(cpu_ns: int = 1, received: int = 1000, late: int = 0, steal_ms: int = 0, p99_us: float = 20.0) -> load.Load:
    latency = {"p50_us": 10.0, "p99_us": p99_us, "p999_us": 30.0, "max_us": 40.0}
    return load.Load(1000, received, 1000, 0, late, 0, cpu_ns, 0, 400_000_000, 1000, steal_ms, **latency)


def sample(cpu_ns: int, kb: float = 7.0, **seen: int) -> Sample:
    return Sample(loaded(cpu_ns, **seen), kb_per_call=kb, ng_ms_per_call=1.0)


def test_rows_are_medians_and_ratios() -> None:
    plain = {
        500: {
            "ours": [sample(2_000_000), sample(9_000_000), sample(3_000_000)],
            "rtpengine": [sample(4_000_000, received=900), sample(6_000_000, received=990), sample(9_000_000)],
        }
    }
    made = report.result({"base": plain, "srtp": {400: {"ours": [sample(4_000_000)] * 3}}}, {})
    row = made["base"]["500"]
    assert (row["ours_us"], row["rtpengine_us"], row["ratio"]) == (3.0, 6.0, 0.5)
    assert (row["busy"], row["rtpengine_busy"]) == (0.003, 0.006)
    assert (row["loss"], row["rtpengine_loss"], row["p99_us"]) == (0.0, 0.01, 20.0)
    assert (made["runs"], made["kb_per_call"]["ours"], made["srtp"]["400"]["ours_us"]) == (3, 7.0, 4.0)
    assert (made["max_calls"], made["lower_bounds"], made["extrapolated"]) == (None, [], [])
    text = report.table(made)
    assert "   500     3.00      6.00   0.50" in text
    assert "   400     4.00         -" in text


def test_disturbed_runs_count_only_when_there_are_no_others() -> None:
    quiet, stolen, late = sample(2_000_000), sample(9_000_000, steal_ms=10), sample(9_000_000, late=6)
    assert report.result({"base": {100: {"ours": [stolen, quiet, late]}}}, {})["base"]["100"]["ours_us"] == 2.0
    made = report.result({"base": {100: {"ours": [stolen, late]}}}, {})["base"]["100"]
    assert (made["ours_us"], made["disturbed"]) == (9.0, 2)


def test_ours_alone_and_a_busy_machine_are_said() -> None:
    made: dict[str, Any] = report.result({"base": {100: {"ours": [sample(1_000_000, late=100)]}}}, {"ours": Most(2000, True)})
    assert made["base"]["100"]["ratio"] is None
    assert made["ng_ms_per_call"] == {"ours": 1.0, "rtpengine": None}
    assert (made["max_calls"], made["lower_bounds"]) == ({"base": 2000}, ["max_calls.base"])
    text = report.table(made)
    assert "1 runs disturbed: late load or stolen time" in text
    assert "most calls: ours 2000, rtpengine -" in text
    assert "max_calls.base is a lower bound" in text


def test_both_maxima_have_a_ratio() -> None:
    made = report.result({"base": {100: {"ours": [sample(1)]}}}, {"ours": Most(1500, False), "rtpengine": Most(1000, False)})
    assert made["max_calls"] == {"base": 1500, "rtpengine": 1000, "ratio": 1.5}


def test_srtp_over_plain_is_told_with_how_busy_the_load_maker_was() -> None:
    plain = {100: {"ours": [sample(2_000_000)]}, 500: {"ours": [sample(2_000_000)]}}
    made = report.result({"base": plain, "srtp": {100: {"ours": [sample(2_750_000)]}}}, {})
    assert made["srtp_over_plain_us"] == {"100": {"ours": 0.75, "rtpengine": None, "load_busy": 0.6}}
    assert "100 calls, the load maker busy 60%: ours 0.75, rtpengine -" in report.table(made)


def test_srtp_alone_says_nothing_of_plain_calls() -> None:
    made = report.result({"srtp": {100: {"ours": [sample(1)]}}}, {})
    assert "base" not in made
    assert made["kb_per_call"] == {"ours": None, "rtpengine": None}


@pytest.mark.parametrize(("limit", "found"), [(700, 700), (740, 700), (250, 250), (60, 50), (0, 0)])
def test_most_calls_are_found(limit: int, found: int) -> None:
    assert most_calls(lambda calls: loaded(p99_us=10.0 if calls <= limit else 2000.0), 4000) == Most(found, False)


def test_most_calls_forgives_a_bad_run() -> None:
    seen: list[int] = []

    def run(calls: int) -> load.Load:
        seen.append(calls)
        return loaded(received=1000 if calls <= 400 and seen.count(calls) > 1 else 500)

    assert most_calls(run, 4000) == Most(400, False)


def test_most_calls_is_a_lower_bound_where_the_load_maker_ends() -> None:
    assert most_calls(lambda calls: loaded(late=0 if calls < 1000 else 900, p99_us=1.0 if calls < 1000 else 2e6), 4000) == Most(
        750, True
    )
    assert most_calls(lambda _: loaded(), 1100) == Most(1000, True)


def test_stolen_time_is_no_limit_of_the_load_maker() -> None:
    assert most_calls(lambda calls: loaded(steal_ms=20, p99_us=1.0 if calls < 300 else 2e6), 4000) == Most(250, False)


def test_shares_of_a_perf_report() -> None:
    text = (
        "    56.64%     1.09%  ignored\n  54.80%  [k] __x64_sys_sendto\n  12.5%  [.] run\n 11.00%  [k] __x64_sys_recvfrom\n\n"
    )
    seen = shares(text)
    assert seen == [("__x64_sys_sendto", 54.8), ("run", 12.5), ("__x64_sys_recvfrom", 11.0)]
    assert system_calls(seen) == [("sendto", 54.8), ("recvfrom", 11.0), ("the rest", 34.2)]


def test_media_address_of_an_sdp() -> None:
    assert media_address("v=0\r\nc=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0\r\n") == ("192.0.2.1", 4000)
    with pytest.raises(NgError, match="no audio address"):
        media_address("v=0\r\n")


def test_key_of_an_sdp() -> None:
    other, ours = (
        "a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:AAAA\r\n",
        "a=crypto:7 AES_CM_128_HMAC_SHA1_80 inline:AQID|2^20\r\n",
    )
    assert crypto_of(other + ours) == ("7", b"\x01\x02\x03")
    with pytest.raises(NgError, match="no AES_CM_128_HMAC_SHA1_80"):
        crypto_of(other)


def test_secure_ends_take_turns() -> None:
    addresses = ("127.0.0.1", 4000), ("127.0.0.1", 4002)
    assert [[end.key is not None for end in ends_of("srtp", number, addresses)] for number in (0, 1)] == [
        [True, False],
        [False, True],
    ]
    assert [end.key for end in ends_of("base", 1, addresses)] == [None, None]
