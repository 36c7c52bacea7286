"""media.sampling and media.one_way over a table made by hand; media.quality against points of G.107."""

from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from media.one_way import OneWayWatch
from media.quality import ARRAYS, CODECS, PCM, SINGLE, burst_ratio, clock_of, codec_of, mos
from media.sampling import LEAST_PACKETS, History, QualitySampler
from media.session import Call
from media.table import Sources
from native.relay import ComponentStats
from tests.media.world import World, sdp

A = sdp()
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")


class Table:
    """Counters of ``count`` streams, both sides, that a test adds to."""

    def __init__(self, count: int = 1, first: int = 0) -> None:
        rows = (count, 2)
        self.streams = np.arange(first, first + count)
        self.packets = np.zeros(rows, dtype=np.int64)
        self.lost = np.zeros(rows, dtype=np.int64)
        self.gaps = np.zeros(rows, dtype=np.int64)
        self.jitter = np.zeros(rows)
        self.round_trip_us = np.zeros(rows)
        self.payload_type = np.zeros(rows, dtype=np.int16)
        self.first_ns = np.full(rows, 1, dtype=np.uint64)

    def sources(self) -> Sources:
        return Sources(**{name: getattr(self, name).copy() for name in Sources.__dataclass_fields__})

    def hear(self, row: int = 0, sides: tuple[int, ...] = (0, 1), packets: int = 250, lost: int = 0, gaps: int = 0) -> None:
        for side in sides:
            self.packets[row, side] += packets
            self.lost[row, side] += lost
            self.gaps[row, side] += gaps

    def stats(self, row: int, side: int) -> ComponentStats:
        told = {name: int(getattr(self, name)[row, side]) for name in ("packets", "lost", "gaps", "jitter", "first_ns")}
        zero = dict.fromkeys(ComponentStats._fields, 0) | {"remote": None, "latched": False}
        return ComponentStats(**(zero | told))  # type: ignore[arg-type]

    def told(self, quality: QualitySampler, side: int) -> History | None:
        return quality.history(0, side, self.stats(0, side), int(self.round_trip_us[0].sum()))


def sampler(names: dict[int, str] | None = None, capacity: int = 8) -> QualitySampler:
    return QualitySampler(capacity, lambda stream, payload_type: (names or {0: "PCMU"}).get(payload_type, ""))


@pytest.mark.parametrize(
    ("loss", "trip_ms", "codec", "score"),
    [
        (0.0, 0.0, PCM, 4.40),
        (0.0, 300.0, PCM, 4.30),
        (0.0, 800.0, PCM, 3.13),
        (0.0, 1560.0, PCM, 2.20),
        (5.0, 0.0, PCM, 3.90),
        (20.0, 0.0, PCM, 2.60),
        (0.0, 0.0, CODECS["g729"], 4.10),
        (5.0, 0.0, CODECS["g729"], 3.32),
        (100.0, 2000.0, PCM, 1.0),
    ],
)
def test_scores_of_the_e_model(loss: float, trip_ms: float, codec: Any, score: float) -> None:
    for on in (SINGLE, ARRAYS):
        found = mos(loss, 1.0, 0.0, trip_ms, codec.impairment, codec.robustness, on)
        assert float(found) == pytest.approx(score, abs=0.02)


def test_bursts_are_worse_than_random_loss() -> None:
    assert float(burst_ratio(10, 10, 5.0)) == 1.0
    assert float(burst_ratio(40, 10, 5.0)) == pytest.approx(3.8)
    scores = mos(5.0, np.array([1.0, 2.0, 4.0]), 0.0, 0.0, PCM.impairment, PCM.robustness)
    assert list(scores) == sorted(scores, reverse=True)


def test_codecs_are_known_by_name_and_clock() -> None:
    assert codec_of("G729/8000") is CODECS["g729"]
    assert codec_of("opus/48000/2") is PCM
    assert [clock_of(name) for name in ("opus/48000/2", "PCMU", "x/0", "x/y", "G722/8000")] == [48000, 8000, 8000, 8000, 8000]


def test_average_lowest_and_highest_of_the_intervals() -> None:
    table, quality = Table(), sampler()
    for now_s, lost, gaps in ((100.0, 0, 0), (105.0, 50, 10), (110.0, 0, 0)):
        table.hear(lost=lost, gaps=gaps)
        quality.take(table.sources(), now_s)
    quality.take(table.sources(), 115.0)
    history = table.told(quality, 0)
    assert history is not None
    assert (history.samples, history.highest.loss_percent, history.lowest.loss_percent) == (3, 0, 17)
    assert (history.average.loss_percent, history.lowest_at, history.highest_at) == (6, 105, 100)
    assert history.lowest.mos_x10 < history.average.mos_x10 < history.highest.mos_x10 == 44


def test_jitter_and_round_trips_count_in_time() -> None:
    table, quality = Table(), sampler({96: "opus/48000/2"})
    table.payload_type[:] = 96
    table.jitter[0] = 480, 4800
    table.round_trip_us[0] = 30_000, 70_000
    table.hear()
    quality.take(table.sources(), 1.0)
    near, far = table.told(quality, 0), table.told(quality, 1)
    assert near is not None
    assert far is not None
    assert (near.average.jitter_ms, far.average.jitter_ms) == (10, 100)
    assert near.average.round_trip_us == far.average.round_trip_us == 100_000


def test_a_round_trip_that_is_not_known_yet_does_not_count() -> None:
    table, quality = Table(), sampler()
    for trip_us in (0, 40_000, 60_000):
        table.round_trip_us[0] = trip_us, 0
        table.hear()
        quality.take(table.sources(), 1.0)
    history = table.told(quality, 0)
    assert history is not None
    assert (history.samples, history.average.round_trip_us) == (3, 50_000)


def test_what_came_since_the_last_sample_counts_by_its_packets() -> None:
    table, quality = Table(), sampler()
    table.hear(packets=LEAST_PACKETS)
    quality.take(table.sources(), 1.0)
    table.hear(packets=LEAST_PACKETS * 3, lost=LEAST_PACKETS, gaps=1)
    history = table.told(quality, 0)
    assert history is not None
    assert (history.samples, history.average.loss_percent, history.lowest.loss_percent) == (1, 19, 0)


def test_a_round_trip_told_after_the_last_packet_counts() -> None:
    table, quality = Table(), sampler()
    table.hear()
    quality.take(table.sources(), 1.0)
    table.round_trip_us[0] = 10_000, 20_000
    history = table.told(quality, 0)
    assert history is not None
    assert history.average.round_trip_us == 30_000


def test_few_packets_are_no_sample_but_are_heard() -> None:
    table, quality = Table(), sampler()
    for lost in (1, 0):
        table.hear(packets=LEAST_PACKETS - 1, lost=lost, gaps=lost)
        quality.take(table.sources(), 1.0)
        table.hear(sides=(0,), packets=1)
    history = table.told(quality, 1)
    assert history is not None
    assert (history.samples, history.lowest.loss_percent) == (1, 3)
    assert not quality.silent_rounds.any()


def test_another_stream_begins_anew() -> None:
    table, quality = Table(), sampler()
    table.hear(lost=100, gaps=1)
    quality.take(table.sources(), 1.0)
    again = Table()
    again.first_ns[:] = 2
    assert again.told(quality, 1) is None
    again.hear(packets=30)
    quality.take(again.sources(), 3.0)
    fresh = again.told(quality, 1)
    assert fresh is not None
    assert (fresh.samples, fresh.average.loss_percent) == (1, 0)


@pytest.mark.parametrize(("payload_type", "name", "jitter_ms"), [(34, "H263", 10), (10, "L16", 20), (97, "H264/90000", 10)])
def test_a_clock_is_known_without_rtpmap_too(payload_type: int, name: str, jitter_ms: int) -> None:
    table, quality = Table(), sampler({payload_type: name})
    table.payload_type[:] = payload_type
    table.jitter[:] = 900
    table.hear()
    quality.take(table.sources(), 1.0)
    history = table.told(quality, 0)
    assert history is not None
    assert history.average.jitter_ms == jitter_ms


def test_dtmf_between_the_sound_does_not_change_the_codec() -> None:
    table, quality = Table(), sampler({18: "G729", 101: "telephone-event/8000"})
    table.payload_type[:] = 18
    table.hear()
    quality.take(table.sources(), 1.0)
    table.payload_type[:] = 101
    table.hear()
    quality.take(table.sources(), 2.0)
    history = table.told(quality, 0)
    assert history is not None
    assert history.lowest.mos_x10 == history.highest.mos_x10 == 41


def test_summary_is_of_the_last_interval() -> None:
    table, quality = Table(3), sampler()
    table.round_trip_us[0] = 30_000, 70_000
    table.hear(0)
    table.hear(1, sides=(0,), packets=150, lost=100, gaps=2)
    quality.take(table.sources(), 1.0)
    assert (quality.summary.streams, quality.summary.poor_streams) == (3, 1)
    assert quality.summary.loss_percent == pytest.approx(40 / 3)
    assert (quality.summary.burst_ratio, quality.summary.round_trip_ms) == (pytest.approx(30.0), 100.0)
    quality.take(table.sources(), 2.0)
    assert quality.summary.streams == 0


def test_summary_is_of_sound() -> None:
    table, quality = Table(2), sampler({0: "PCMU", 97: "H264/90000"})
    table.payload_type[1] = 97
    table.hear(0)
    table.hear(1, lost=200, gaps=1)
    quality.take(table.sources(), 1.0)
    assert (quality.summary.streams, quality.summary.poor_streams, quality.summary.loss_percent) == (2, 0, 0.0)
    quality.take(table.sources(), 2.0)
    assert (quality.scores.samples, round(quality.scores.total, 1), round(quality.scores.squares, 1)) == (2, 8.8, 38.6)


class Talk:
    """An answered call whose only stream a test lets be heard, and who watches it."""

    def __init__(self, offer: str = A, answer: str = B, **answer_keys: Any) -> None:
        self.world = World()
        self.world.offer(offer)
        self.world.answer(answer, **answer_keys)
        self.events: list[dict[str, Any]] = []
        self.table = Table(1, self.world.streams()[0])
        self.sampler = sampler()
        self.watch = OneWayWatch(self.world.calls, self.sampler, self.events.append, defaultdict(int))

    def hear(self, *sides: int) -> None:
        self.table.hear(sides=sides)
        self.sampler.take(self.table.sources(), 1.0)
        self.watch.look()

    @property
    def call(self) -> Call:
        return next(iter(self.world.calls))


def test_one_way_audio_is_told_once_until_it_is_over() -> None:
    talk = Talk()
    for sides in ((0, 1), (0,)):
        talk.hear(*sides)
    assert talk.events == []
    talk.hear(0)
    talk.hear(0)
    assert talk.events == [{"event": "one-way audio", "call-id": "call-1", "silent": "b", "from-tag": "a", "to-tag": "b"}]
    (stream,) = talk.world.streams()
    assert (talk.watch.silent, talk.watch.is_silent(stream, 1), talk.watch.is_silent(stream, 0)) == (1, True, False)
    talk.hear(0, 1)
    talk.hear(1)
    talk.hear(1)
    assert [event["silent"] for event in talk.events] == ["b", "a"]


@pytest.mark.parametrize(
    "talk",
    [
        lambda: Talk(answer=sdp("m=audio 6000 RTP/AVP 0|a=recvonly")),
        lambda: Talk(offer=sdp(host="0.0.0.0")),
        lambda: Talk(SIP_code=183),
        lambda: Talk(sdp("m=video 5000 RTP/AVP 96"), sdp("m=video 6000 RTP/AVP 96")),
    ],
    ids=["hold by direction", "hold by address", "early media", "video"],
)
def test_who_need_not_send_is_not_missed(talk: Any) -> None:
    case = talk()
    for _ in range(4):
        case.hear(0)
    assert case.events == []


@pytest.mark.parametrize(("payload_type", "events"), [(13, 0), (98, 0), (0, 1)])
def test_who_said_by_comfort_noise_that_it_is_quiet_is_not_missed(payload_type: int, events: int) -> None:
    talk = Talk(answer=sdp("m=audio 6000 RTP/AVP 0 13 98|a=rtpmap:98 CN/16000"))
    (stream,) = talk.world.streams()
    talk.world.relay.counted[stream, 1, 0] = {"packets": 90, "payload_type": payload_type}
    for _ in range(4):
        talk.hear(0)
    assert len(talk.events) == events


def test_a_stream_that_is_gone_is_suspected_no_more() -> None:
    talk = Talk()
    for _ in range(3):
        talk.hear(0)
    talk.sampler.take(Table(0).sources(), 2.0)
    assert not talk.sampler.silent_rounds.any()


def test_silence_of_both_is_not_one_way() -> None:
    talk = Talk()
    for sides in ((0,), (), (0,), (1,), (0,), (1,)):
        talk.hear(*sides)
    assert talk.events == []
