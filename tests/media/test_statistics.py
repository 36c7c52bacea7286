import os
import socket
import struct
import time
from collections import defaultdict
from collections.abc import Callable

import pytest

from media.quality import estimate
from media.sampling import QualitySampler
from media.statistics import Rates, Statistics
from media.summary import Scores
from media.table import StreamTable
from native import relay
from native.relay import ComponentStats, Relay
from tests.media.world import World, sdp

NOTHING = ComponentStats(**(dict.fromkeys(ComponentStats._fields, 0) | {"remote": None, "latched": False}))  # type: ignore[arg-type]


SAMPLER = QualitySampler(1, lambda stream, payload_type: "")


class FakeTable:
    def __init__(self) -> None:
        self.sums = (0, 0, 0)
        self.active = 3

    def received(self) -> tuple[int, int, int]:
        return self.sums


def test_rates_are_differences_over_time() -> None:
    world, table = World(), FakeTable()
    statistics = Statistics(world.calls, table, world.proxies, defaultdict(int), world.settings.interfaces, SAMPLER)  # type: ignore[arg-type]
    statistics.measure()
    assert statistics.rates == Rates()
    table.sums = (100, 17200, 2)
    world.turn(2)
    statistics.measure()
    assert statistics.rates == Rates(50.0, 8600.0, 1.0)
    now = statistics.body()["currentstatistics"]
    assert (now["packetrate"], now["packetrate_user"], now["packetrate_kernel"], now["media_userspace"]) == (50, 50, 0, 3)
    table.sums = (40, 100, 0)
    world.turn(1)
    statistics.measure()
    assert statistics.rates == Rates(0.0, 0.0, 0.0)


def test_ended_calls_are_counted_by_how_they_ended() -> None:
    world = World(timeout_s=60.0)
    statistics = Statistics(world.calls, FakeTable(), world.proxies, world.counters, world.settings.interfaces, SAMPLER)  # type: ignore[arg-type]
    for call in ("one", "two"):
        world.offer(sdp(), call=call)
        world.answer(sdp(), call=call)
    world.turn(30)
    world.serve("delete", call_id="one")
    world.turn(30)
    world.timeouts.scan()
    totals = statistics.body()["totalstatistics"]
    assert (totals["managedsessions"], totals["timeoutsessions"], totals["regularterminatedsessions"]) == (2, 1, 1)
    assert (totals["avgcallduration"], totals["totalcallsduration"]) == ("45.000000", "90.000000")
    assert (totals["totalcallsduration2"], totals["totalcallsduration_stddev"]) == ("4500.000000", "15.000000")
    assert (totals["uptime"], totals["zerowaystreams"], totals["onewaystreams"]) == ("60", 2, 0)


def test_what_was_received_is_summed_over_calls_that_are_up_and_that_ended() -> None:
    world, table = World(), FakeTable()
    statistics = Statistics(world.calls, table, world.proxies, world.counters, world.settings.interfaces, SAMPLER)  # type: ignore[arg-type]
    world.offer(sdp())
    world.answer(sdp())
    world.relay.counted = {(world.streams()[0], side, 0): {"packets": 10, "bytes": 1720} for side in (0, 1)}
    world.serve("delete", call_id="call-1")
    table.sums = (5, 860, 0)
    world.turn(1)
    statistics.measure()
    assert statistics.received == (25, 4300)
    assert statistics.body()["totalstatistics"]["zerowaystreams"] == 0


def test_scores_are_summed_up() -> None:
    world, sampler = World(), QualitySampler(1, lambda stream, payload_type: "")
    statistics = Statistics(world.calls, FakeTable(), world.proxies, world.counters, world.settings.interfaces, sampler)  # type: ignore[arg-type]
    assert statistics.body()["mos"] == dict.fromkeys(("mos_total", "mos2_total", "mos_average", "mos_stddev"), "0.000000") | {
        "mos_samples_total": 0
    }
    sampler.scores = Scores(2, 7.0, 25.0)
    assert statistics.body()["mos"] == {
        "mos_total": "7.000000",
        "mos2_total": "25.000000",
        "mos_samples_total": 2,
        "mos_average": "3.500000",
        "mos_stddev": "0.500000",
    }


def test_each_interface_tells_its_ports() -> None:
    world = World(first_port=30001, last_port=30010)
    statistics = Statistics(world.calls, FakeTable(), world.proxies, world.counters, world.settings.interfaces, SAMPLER)  # type: ignore[arg-type]
    world.offer(sdp())
    (interface,) = statistics.body()["interfaces"]
    assert (interface["name"], interface["address"]) == ("near", "192.0.2.10")
    ports = interface["ports"]
    assert ports.pop("last") in range(30002, 30010, 2)
    assert ports == {"min": 30002, "max": 30009, "used": 4, "used_pct": "50.00", "free": 4, "totals": 8}


def test_a_real_table_is_read_in_place() -> None:
    owner = Relay(threads=1, capacity=8, fifo=False)
    owner.start()
    table = StreamTable(owner.table_fd)
    sockets = [relay.bind_udp("127.0.0.1", 0) for _ in range(4)]
    assert (table.active, table.received()) == (0, (0, 0, 0))
    stream = owner.add(relay.RTP, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
    assert table.active == 1
    owner.remove(stream)
    assert table.active == 0
    owner.stop()


def test_a_table_without_streams_is_not_walked() -> None:
    owner = Relay(threads=1, capacity=8, fifo=False)
    known = False
    table = StreamTable(owner.table_fd, lambda: known)
    sockets = [relay.bind_udp("127.0.0.1", 0) for _ in range(4)]
    owner.add(relay.RTP, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
    assert table.active == 0
    known = True
    assert table.active == 1
    owner.stop()


def test_streams_are_counted_as_lines_come_and_go() -> None:
    world = World()
    assert world.calls.lines.streams == 0
    world.offer(sdp(), call="one")
    world.answer(sdp(), call="one")
    assert world.calls.lines.streams == 1
    world.serve("delete", call_id="one")
    assert world.calls.lines.streams == 0


def test_sources_are_what_the_relay_says_of_each_stream() -> None:
    owner = Relay(threads=1, capacity=8, fifo=False)
    table = StreamTable(owner.table_fd)
    opened = [relay.bind_udp("127.0.0.1", 0) for _ in range(6)]
    stream = owner.add(relay.RTP, ((opened[0], opened[1]), (opened[2], opened[3])))
    owner.add(relay.OPAQUE, ((opened[4], -1), (opened[5], -1)))
    with socket.socket(fileno=os.dup(opened[0])) as copy, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.connect(copy.getsockname())
        owner.set_remote(stream, 0, 0, phone.getsockname())
        owner.start()
        for sequence in (65534, 1, 2, 5):
            phone.send(struct.pack("!BBHII", 0x80, 8, sequence, 160 * sequence, 0xABCD) + bytes(160))
        wait_until(lambda: owner.stats(stream, 0, 0).packets == 4)
    sources, stats = table.sources(), owner.stats(stream, 0, 0)
    assert list(sources.streams) == [stream]
    assert (
        (sources.packets[0, 0], sources.lost[0, 0], sources.gaps[0, 0]) == (stats.packets, stats.lost, stats.gaps) == (4, 4, 2)
    )
    assert (sources.payload_type[0, 0], sources.first_ns[0, 0]) == (8, stats.first_ns)
    assert int(sources.jitter[0, 0]) == stats.jitter
    assert (sources.packets[0, 1], sources.lost[0, 1]) == (0, 0)
    owner.stop()


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_table_of_another_version_is_refused(tmp_path: object) -> None:
    with open(f"{tmp_path}/table", "w+b") as file:
        file.write(struct.pack("<8sIIII", b"other", 99, 10, 1, 64) + bytes(100))
        file.flush()
        with pytest.raises(ValueError, match="stream table of version 99 with entries of 10 bytes"):
            StreamTable(file.fileno())


def test_quality_falls_with_loss_and_jitter() -> None:
    clean = estimate(NOTHING._replace(packets=1000), 8000)
    lossy = estimate(NOTHING._replace(packets=950, lost=50), 8000)
    jittery = estimate(NOTHING._replace(packets=1000, jitter=1600), 8000)
    awful = estimate(NOTHING._replace(packets=10, lost=990, jitter=16000), 8000)
    assert (clean.mos_x10, clean.loss_percent, clean.jitter_ms) == (44, 0, 0)
    assert lossy.loss_percent == 5
    assert jittery.jitter_ms == 200
    assert clean.mos_x10 > lossy.mos_x10 > awful.mos_x10 >= 10
    assert clean.mos_x10 > jittery.mos_x10
    assert estimate(NOTHING._replace(packets=5, lost=-3), 0).loss_percent == 0
