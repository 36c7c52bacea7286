"""A recorded call as Wireshark's tshark reads it: not written by us, and what people open such files with."""

import subprocess
from pathlib import Path

from interop.process import PATIENCE_S
from media.settings import RecordingSettings
from tests.media.live import Live, Phone, Proxy, phones, port_of

PACKETS = 20


def talk(proxy: Proxy, a: Phone, b: Phone) -> None:
    """Both send; what each sends has arrived at the other when this returns."""
    to_b = port_of(proxy.ask("offer", call_id="c", from_tag="a", sdp=a.sdp(), record_call="yes")["sdp"])
    to_a = port_of(proxy.ask("answer", call_id="c", from_tag="a", to_tag="b", sdp=b.sdp())["sdp"])
    for _ in range(PACKETS):
        a.rtp.sendto(a.packet(), (a.host, to_a))
        b.rtp.recv(2000)
        b.rtp.sendto(b.packet(), (b.host, to_b))
        a.rtp.recv(2000)


def rtp_streams(path: Path) -> list[list[str]]:
    """Lines of tshark's table of RTP streams, in words."""
    command = ["tshark", "-r", str(path), "-o", "rtp.heuristic_rtp:TRUE", "-q", "-z", "rtp,streams"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    return [line.split() for line in done.stdout.splitlines() if "0x" in line]


def test_tshark_finds_both_streams_of_a_recorded_call(tmp_path: Path) -> None:
    with Live(recording=RecordingSettings(folder=str(tmp_path), min_free_bytes=0)) as live, phones(0xA1, 0xB2) as (a, b):
        proxy = Proxy(live)
        talk(proxy, a, b)
        proxy.ask("delete", call_id="c")
        ports = {str(a.port), str(b.port)}
    (path,) = tmp_path.glob("*.pcap")
    streams = rtp_streams(path)
    assert len(streams) == 2
    for words in streams:
        assert ports & set(words)
        assert words[words.index("g711U") + 1] == str(PACKETS)
    assert {word.lower() for words in streams for word in words if word.startswith("0x")} == {"0x000000a1", "0x000000b2"}
