"""Recordings: what is begun, taped and ended; and real files from a live daemon."""

import errno
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from media.settings import RecordingSettings
from native import relay
from tests.media.live import LOOPBACK, Live, Proxy, phones, port_of
from tests.media.world import World, sdp

AUDIO_VIDEO = ("m=audio 5000 RTP/AVP 0", "m=video 6000 RTP/AVP 97")


def world(where: Path, **settings: Any) -> World:
    return World(recording=RecordingSettings(**({"folder": str(where), "min_free_bytes": 0} | settings)))


def agreed(to: World, **keys: Any) -> None:
    to.offer(sdp(), **keys)
    to.answer(sdp(host="192.0.2.2"))


def record(to: World, verb: str, call: str = "call-1", **keys: Any) -> dict[str, Any]:
    return to.serve(f"{verb} recording", call_id=call, **keys)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_line_is_taped_until_the_recording_stops(tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to)
    assert record(to, "start") == {"result": "ok"}
    assert to.relay.taped == dict.fromkeys(to.streams(), 0)
    assert record(to, "stop") == {"result": "ok"}
    assert to.relay.taped == dict.fromkeys(to.streams())
    assert to.relay.recordings[0].state == relay.RECORDED


def test_names_tell_calls_apart_and_hold_nothing_of_the_call_id(tmp_path: Path) -> None:
    to = world(tmp_path)
    for call in ("../../etc/passwd", "call-2"):
        to.offer(sdp(), call=call)
        record(to, "start", call)
    to.turn(1)
    record(to, "stop", "call-2")
    record(to, "start", "call-2")
    names = files(tmp_path)
    assert len({name.partition("-")[0] for name in names}) == 2
    assert len(names) == 3
    assert all(len(name) == len("0123456789abcdef-20231114T222000.500000Z.pcap") for name in names)


def test_asked_for_in_the_offer_it_covers_lines_that_come_later(tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to, record_call="yes")
    to.offer(sdp(*AUDIO_VIDEO, version=2), to_tag="b")
    to.answer(sdp(*AUDIO_VIDEO, host="192.0.2.2"))
    assert len(to.streams()) == 2
    assert to.relay.taped == dict.fromkeys(to.streams(), 0)


@pytest.mark.parametrize("keys", [{"record_call": "on"}, {"flags": ["record-call"]}, {"rtpp-flags": "record-call=yes"}])
def test_ways_to_ask_for_it(keys: dict[str, Any], tmp_path: Path) -> None:
    to = world(tmp_path)
    to.offer(sdp(), **keys)
    assert len(files(tmp_path)) == 1


def test_an_offer_can_end_it(tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to, record_call="yes")
    to.offer(sdp(version=2), to_tag="b", record_call="no")
    assert to.relay.recordings[0].state == relay.RECORDED


@pytest.mark.parametrize("keys", [{}, {"flags": ["pause"]}])
def test_paused_it_goes_on_in_the_same_file(keys: dict[str, Any], tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to)
    record(to, "start")
    record(to, "stop" if keys else "pause", **keys)
    assert set(to.relay.taped.values()) == {None}
    assert to.serve("query", call_id="call-1")["recording"]["state"] == "paused"
    record(to, "start")
    assert set(to.relay.taped.values()) == {0}
    assert len(files(tmp_path)) == 1


def test_a_discarded_one_leaves_no_file(tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to)
    record(to, "start")
    record(to, "stop", flags=["discard-recording"])
    assert files(tmp_path) == []


def test_the_end_of_the_call_ends_it(tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to)
    record(to, "start")
    to.serve("delete", call_id="call-1")
    assert to.relay.recordings[0].state == relay.RECORDED
    to.calls.recordings.scan()
    assert to.counters["media_recordings_total|ended=ended"] == 1


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (relay.RecordingStatus(relay.RECORDING_FULL, 7, 700, 0, 0), "full"),
        (relay.RecordingStatus(relay.RECORDING_FAILED, 7, 700, 3, errno.ENOSPC), "failed"),
    ],
)
def test_one_that_can_not_go_on_ends_and_the_call_does_not(status: relay.RecordingStatus, how: str, tmp_path: Path) -> None:
    to = world(tmp_path)
    agreed(to)
    record(to, "start")
    to.relay.recordings[0] = status
    assert to.serve("query", call_id="call-1")["recording"]["state"] == how
    to.calls.recordings.scan()
    assert to.relay.taped == dict.fromkeys(to.streams())
    assert to.serve("query", call_id="call-1")["recording"]["state"] == how, "as long as there is no other"
    assert to.counters[f"media_recordings_total|ended={how}"] == 1
    to.turn(1)
    record(to, "start")
    assert to.serve("query", call_id="call-1")["recording"]["state"] == "on"
    record(to, "stop")
    assert "recording" not in to.serve("query", call_id="call-1")


def test_without_space_every_recording_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to = world(tmp_path, min_free_bytes=1000)
    agreed(to)
    record(to, "start")
    monkeypatch.setattr("os.statvfs", lambda path: type("Room", (), {"f_bavail": 1, "f_frsize": 999}))
    to.calls.recordings.scan()
    assert to.relay.recordings[0].state == relay.RECORDED
    assert to.serve("query", call_id="call-1")["recording"]["state"] == "no space"
    assert record(to, "start")["error-reason"] == "Can't record: less than 1000 bytes are free"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"folder": ""}, "Recording is not configured here"),
        ({"folder": "/dev/null/records"}, "Can't record: Not a directory"),
        ({"max_calls": 0}, "Can't record: 0 calls are being recorded"),
    ],
)
def test_what_can_not_be_is_said(settings: dict[str, Any], reason: str, tmp_path: Path) -> None:
    to = world(tmp_path, **settings)
    reply = to.serve("offer", sdp=sdp(), call_id="call-1", from_tag="a", record_call="yes")
    assert (reply["result"], reply["warning"]) == ("ok", reason)
    assert record(to, "start") == {"result": "error", "error-reason": reason}
    assert to.counters["media_recordings_refused_total"] == 1


def test_a_call_that_is_not_there(tmp_path: Path) -> None:
    to = world(tmp_path)
    for verb in ("start", "stop", "pause"):
        assert record(to, verb, "other")["error-reason"] == "Unknown call-id"


def test_a_wrong_value_is_named(tmp_path: Path) -> None:
    reply = world(tmp_path).serve("offer", sdp=sdp(), call_id="c", from_tag="a", record_call="perhaps")
    assert reply["error-reason"] == "record-call must be yes or no, not 'perhaps'"


def datagrams(data: bytes) -> list[tuple[tuple[str, int], tuple[str, int], bytes]]:
    """(source, destination, payload) of each packet of a pcap file of raw IPv4."""
    magic, _, _, _, _, _, link = struct.unpack_from("<IHHIIII", data)
    assert (magic, link) == (0xA1B2C3D4, 101)
    at, found = 24, []
    while at < len(data):
        seconds, _, kept, size = struct.unpack_from("<IIII", data, at)
        assert abs(seconds - time.time()) < 60
        assert kept == size
        packet = data[at + 16 : at + 16 + kept]
        hosts = [".".join(map(str, packet[start : start + 4])) for start in (12, 16)]
        ports = struct.unpack_from("!HH", packet, 20)
        found.append(((hosts[0], ports[0]), (hosts[1], ports[1]), packet[28:]))
        at += 16 + kept
    return found


def only_file(folder: Path) -> bytes:
    """To be read when the daemon is gone: its end completes the file."""
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    return path.read_bytes()


def test_a_file_has_both_legs_with_their_addresses(tmp_path: Path) -> None:
    settings = RecordingSettings(folder=str(tmp_path), min_free_bytes=0)
    with Live(recording=settings) as live, phones(0xA, 0xB) as (a, b):
        proxy = Proxy(live)
        told_b = proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), record_call="yes")
        told_a = proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())
        near, far = port_of(told_a["sdp"]), port_of(told_b["sdp"])
        sent = []
        for _ in range(20):
            for sender, receiver, port in ((a, b, near), (b, a, far)):
                packet = sender.packet()
                sender.rtp.sendto(packet, (LOOPBACK, port))
                receiver.rtp.recv(2000)
                sent.append(((LOOPBACK, sender.port), (LOOPBACK, port), packet))
        a.rtcp.sendto(a.report(), (LOOPBACK, near + 1))
        b.rtcp.recv(2000)
        sent.append(((LOOPBACK, a.port + 1), (LOOPBACK, near + 1), a.report()))
        proxy.socket.close()
    assert datagrams(only_file(tmp_path)) == sent


def test_a_full_file_ends_and_the_call_goes_on(tmp_path: Path) -> None:
    settings = RecordingSettings(folder=str(tmp_path), max_bytes=1000, min_free_bytes=0)
    with Live(recording=settings) as live, phones(0xA, 0xB) as (a, b):
        proxy = Proxy(live)
        proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), record_call="yes")
        near = port_of(proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"])
        for _ in range(10):
            a.rtp.sendto(a.packet(), (LOOPBACK, near))
            b.rtp.recv(2000)
        proxy.socket.close()
    assert len(datagrams(only_file(tmp_path))) == (1000 - 24) // (16 + 28 + 172)
