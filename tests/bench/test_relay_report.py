"""The relay benchmark's figures, what it prints of them, and what it reads of SDP and perf."""

from __future__ import annotations

from typing import Any

import pytest

from bench.relay import report
from bench.relay.measure import Measured
from bench.relay.most import Most, most_calls
from bench.relay.ng import NgError, crypto_of, ends_of, media_address
from bench.relay.profile import shares, system_calls
from bench.relay.windows import Seen, Window, added_us

SECOND_NS = 1_000_000_000


def window(
    us: float = 1.0, received: int = 1000, late: int = 0, steal_ms: int = 0, stall_ns: int = 0, p99_us: float = 20.0
) -> Window:
    latency = ((10_000, 900), (int(p99_us * 1000), received - 900)) if received > 900 else ((10_000, received),)
    return Window(0, 1000, received, 1000, 0, late, int(us * 1e6), 400_000_000, SECOND_NS, steal_ms, stall_ns, latency)


def seen(*us: float, **more: int) -> Seen:
    return Seen([window(each, **more) for each in us])


def measured(**by_kind: dict[str, Seen]) -> Measured:
    return Measured(by_kind, {"ours": 7.0})


def test_rows_are_medians_and_ratios() -> None:
    plain = {"ours": seen(2.0, 9.0, 3.0), "rtpengine": seen(4.0, 6.0, 9.0, received=990), "floor": seen(2.5, 2.5, 2.5)}
    made = report.result({500: measured(base=plain), 400: measured(srtp={"ours": seen(4.0, 4.0, 4.0)})}, {}, {"ours": 0.5})
    row = made["base"]["500"]
    assert (row["ours_us"], row["rtpengine_us"], row["ratio"], row["floor_us"]) == (3.0, 6.0, 0.5, 2.5)
    assert (row["busy"], row["rtpengine_busy"]) == (0.003, 0.006)
    assert (row["loss"], row["rtpengine_loss"], row["p50_us"], row["p99_us"]) == (0.0, 0.01, 10.0, 20.0)
    assert (row["windows"], row["thrown"]) == (dict.fromkeys(plain, 3), dict.fromkeys(plain, 0))
    assert (made["runs"], made["kb_per_call"]["ours"], made["srtp"]["400"]["ours_us"]) == (3, 7.0, 4.0)
    assert made["srtp"]["400"]["floor_us"] is None
    assert (made["max_calls"], made["lower_bounds"], made["extrapolated"]) == (None, [], [])
    text = report.table(made)
    assert "   500     3.00      6.00   2.50   0.50" in text
    assert "   400     4.00         -" in text
    assert "(0 of 9 windows thrown away)" in text


@pytest.mark.parametrize("disturbance", [{"steal_ms": 10}, {"late": 6}, {"stall_ns": 300_000}])
def test_disturbed_windows_are_thrown_away_where_three_others_are(disturbance: dict[str, int]) -> None:
    quiet, bad = [window(2.0)] * 3, [window(9.0, p99_us=9000.0, received=500, **disturbance)] * 4
    made = report.result({100: measured(base={"ours": Seen([*bad, *quiet])})}, {}, {})["base"]["100"]
    assert (made["ours_us"], made["p99_us"], made["loss"]) == (2.0, 20.0, 0.0)
    assert (made["windows"], made["thrown"], made["disturbed"]) == ({"ours": 7}, {"ours": 4}, [])
    made = report.result({100: measured(base={"ours": Seen([*bad, quiet[0]])})}, {}, {})["base"]["100"]
    assert (made["ours_us"], made["thrown"], made["disturbed"]) == (9.0, {"ours": 4}, ["ours"])


def test_what_is_just_within_the_rule_counts() -> None:
    assert not window(late=5, stall_ns=250_000).disturbed


def test_percentiles_are_of_all_windows_together() -> None:
    slow = Window(0, 100, 100, 100, 0, 0, 1, 0, SECOND_NS, 0, 0, ((50_000, 100),))
    both = Seen([window(), window(), slow])  # 1,800 of 10 µs, 200 of 20, 100 of 50
    assert [both.latency_us(share) for share in (0.0, 0.5, 0.9, 0.99, 1.0)] == [10.0, 10.0, 20.0, 50.0, 50.0]
    assert Seen([]).latency_us(0.99) == 0.0


def test_what_srtp_adds_goes_by_rounds() -> None:
    plain, secure = seen(1.0, 2.0, 3.0, 7.0), seen(1.5, 2.5, 3.5, 99.0)
    assert added_us(plain, secure) == 0.5
    spoilt = Seen([*secure.windows[:2], *[window(9.0, late=900)] * 2])
    assert added_us(plain, spoilt) == 2.5 - 2.5  # of medians
    made = report.result(
        {100: measured(base={"ours": plain}, srtp={"ours": secure}), 500: measured(base={"ours": plain})}, {}, {}
    )
    assert made["srtp_over_plain_us"] == {"100": {"ours": 0.5, "rtpengine": None, "load_busy": 0.6}}
    assert "100 calls, the load maker busy 60%: ours 0.50, rtpengine -" in report.table(made)


def test_ours_alone_and_a_busy_machine_are_said() -> None:
    ours = measured(base={"ours": seen(1.0, late=100)})
    made: dict[str, Any] = report.result({100: ours}, {"ours": Most(2000, True)}, {"ours": 1.0})
    assert made["base"]["100"]["ratio"] is None
    assert made["ng_ms_per_call"] == {"ours": 1.0, "rtpengine": None}
    assert (made["max_calls"], made["lower_bounds"]) == ({"base": 2000}, ["max_calls.base"])
    text = report.table(made)
    assert "(1 of 1 windows thrown away, ours disturbed)" in text
    assert "most calls: ours 2000, rtpengine -" in text
    assert "max_calls.base is a lower bound" in text


def test_both_maxima_have_a_ratio() -> None:
    most = {"ours": Most(1500, False), "rtpengine": Most(1000, False)}
    made = report.result({100: measured(base={"ours": seen(1.0)})}, most, {})
    assert made["max_calls"] == {"base": 1500, "rtpengine": 1000, "ratio": 1.5}


def test_srtp_alone_says_nothing_of_plain_calls() -> None:
    made = report.result({100: measured(srtp={"ours": seen(1.0)})}, {}, {})
    assert "base" not in made
    assert made["kb_per_call"] == {"ours": None, "rtpengine": None}


@pytest.mark.parametrize(("limit", "found"), [(700, 700), (740, 700), (250, 250), (60, 50), (0, 0)])
def test_most_calls_are_found(limit: int, found: int) -> None:
    assert most_calls(lambda calls: seen(1.0, 1.0, 1.0, p99_us=15 if calls <= limit else 2000), 4000) == Most(found, False)


def test_most_calls_forgives_a_bad_run() -> None:
    tried: list[int] = []

    def run(calls: int) -> Seen:
        tried.append(calls)
        return seen(1.0, 1.0, 1.0, received=1000 if calls <= 400 and tried.count(calls) > 1 else 500)

    assert most_calls(run, 4000) == Most(400, False)


def test_most_calls_is_a_lower_bound_where_the_load_maker_ends() -> None:
    def run(calls: int) -> Seen:
        return seen(1.0, 1.0, 1.0, late=0 if calls < 1000 else 900, p99_us=15 if calls < 1000 else 2_000_000)

    assert most_calls(run, 4000) == Most(750, True)
    assert most_calls(lambda _: seen(1.0, 1.0, 1.0), 1100) == Most(1000, True)


def test_most_calls_is_a_lower_bound_where_no_window_is_undisturbed() -> None:
    def run(calls: int) -> Seen:
        return seen(1.0, 1.0, 1.0) if calls < 300 else seen(1.0, 1.0, 1.0, steal_ms=20, p99_us=2_000_000)

    assert most_calls(run, 4000) == Most(250, True)


def test_the_calmest_count_where_all_windows_are_disturbed() -> None:
    stalls = [window(9.0, stall_ns=stall_ms * 1_000_000) for stall_ms in range(20, 10, -1)]
    calm = [window(2.0, stall_ns=300_000), window(3.0, stall_ns=400_000), window(4.0, steal_ms=1)]
    assert Seen([*stalls, *calm]).counted == calm
    assert Seen([*stalls, window(1.0, late=900)]).middle(lambda each: each.us_a_packet) == 9.0


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
