"""What the benchmark makes of the fast path's windows."""

from __future__ import annotations

from bench.relay import fast, report
from bench.relay.windows import Seen, Window

SECOND_NS = 1_000_000_000


def seen(work_us: float, relay_us: float, latency_us: float = 20.0, steal_ms: int = 0) -> Seen:
    """Windows of a second with 1,000 packets, each of which took so much of the load maker and of the relay."""
    waited_ns = SECOND_NS - int(work_us * 1e6)
    latency = ((int(latency_us * 1000), 1000),)
    return Seen([Window(0, 1000, 1000, 1000, 0, 0, int(relay_us * 1e6), waited_ns, SECOND_NS, steal_ms, 0, latency)] * 3)


def test_each_is_charged_for_what_it_adds_to_the_load_alone() -> None:
    made = fast.row(
        {
            "ours": seen(9.0, 0.0, 12.0),
            "sockets": seen(12.0, 8.0),
            "rtpengine": seen(12.0, 15.0, 90.0),
            fast.DIRECT: seen(7.0, 0.0, 5.0),
        }
    )
    assert (made["ours_us"], made["sockets_us"], made["rtpengine_us"], made["ratio"]) == (2.0, 13.0, 20.0, 0.1)
    assert (made["p999_us"], made["rtpengine_p999_us"], made["direct_p999_us"], made["loss"]) == (12.0, 90.0, 5.0, 0.0)
    made_whole = {"machine": "m", "commit": "c", "runs": 3, "srtp_over_plain_us": {}, "lower_bounds": [], "ebpf": {"500": made}}
    told = report.table(made_whole | dict.fromkeys(("kb_per_call", "ng_ms_per_call", "max_calls")))
    assert "fast path, 500 calls: 2.00 µs a packet, by sockets 13.00, rtpengine 20.00, ratio 0.100" in told


def test_without_rtpengine_there_is_no_ratio() -> None:
    made = fast.row({"ours": seen(9.0, 0.0), "sockets": seen(12.0, 8.0), fast.DIRECT: seen(7.0, 0.0)})
    assert (made["ratio"], "rtpengine_us" in made) == (None, False)
