"""What Kamailio's variables of a call's quality read from our replies to ``query`` and ``delete``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from interop import ng
from interop.kamailio.node import MediaDaemon
from interop.ports import free_port
from interop.process import Process
from interop.rawsip import Client, options
from interop.rtp import HEADER, PCMU, RtpEnd
from tests.interop.beside import audio, body

CONFIGURATION = Path(__file__).parents[2] / "interop/kamailio/statistics.cfg"
FIGURES = (
    *(
        f"{which}{what}"
        for which in ("min", "max")
        for what in ("", "_at", "_packetloss", "_jitter", "_roundtrip", "_roundtrip_leg")
    ),
    *("average", "average_packetloss", "average_jitter", "average_roundtrip", "average_samples"),
)
NAMES = [f"mos_{figure}{leg}" for figure in FIGURES for leg in ("", "_A", "_B")]


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[MediaDaemon]:
    started = MediaDaemon(tmp_path)
    yield started
    started.stop()


@pytest.fixture
def proxy(relay: MediaDaemon, tmp_path: Path) -> Iterator[tuple[str, int]]:
    address = "127.0.0.1", free_port()
    config = tmp_path / "kamailio.cfg"
    values = {
        "address": address[0],
        "port": address[1],
        "ng": f"{relay.ng[0]}:{relay.ng[1]}",
        "variables": "\n".join(f'modparam("rtpengine", "{name}_pv", "$avp({name})")' for name in NAMES),
        "headers": "\n".join(f'append_to_reply("X-{name}: $avp({name})\\r\\n");' for name in NAMES),
    }
    config.write_text(Template(CONFIGURATION.read_text()).substitute(values))
    command = ["kamailio", "-DD", "-E", "-f", str(config), "-m", "64", "-M", "8", "-Y", str(tmp_path)]
    process = Process(command, tmp_path / "kamailio.log")
    process.wait_ready(lambda: options(address, timeout_s=1.0) == 200)
    yield address
    process.stop()


def told(client: Client, method: str, sender: str, other: str = "", sdp: str = "") -> dict[str, str]:
    """The answer's own headers."""
    to_tag = f";tag={other}" if other else ""
    lines = [
        f"{method} sip:x@127.0.0.1 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:{client.port};branch=z9hG4bK{method}",
        f"From: <sip:{sender}@127.0.0.1>;tag={sender}",
        f"To: <sip:{other}@127.0.0.1>{to_tag}",
        "Call-ID: talk",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *(["Content-Type: application/sdp"] if sdp else []),
        f"Content-Length: {len(sdp)}",
    ]
    client.send("\r\n".join([*lines, "", sdp]).encode())
    answer = client.final()
    assert answer is not None
    assert answer.status == 200
    return dict(re.findall(r"(?m)^X-(\w+): (.*?)\r?$", answer.raw))


def talk_with_loss(relay: MediaDaemon, a: RtpEnd, b: RtpEnd) -> None:
    """100 numbers of each; of the caller's every tenth is missing."""
    parties = ng.ask(relay.ng, "query", call_id="talk")["tags"]
    ports = [parties[tag]["medias"][0]["streams"][0]["local port"] for tag in ("a", "b")]
    for number in range(100):
        for end, port, ssrc in zip((a, b), ports, (0xA, 0xB), strict=True):
            if ssrc == 0xB or number % 10 != 5:
                packet = HEADER.pack(0x80, PCMU, number, number * 160, ssrc) + bytes(160)
                end.send(packet, ("127.0.0.1", port))
        time.sleep(0.002)
    a.settle(100)
    b.settle(90)


def test_variables_by_leg_are_filled(relay: MediaDaemon, proxy: tuple[str, int]) -> None:
    with RtpEnd() as a, RtpEnd() as b, Client(proxy) as client:
        sdps = [body(audio("0", host="127.0.0.1", port=end.port), host="127.0.0.1") for end in (a, b)]
        told(client, "INVITE", "a", sdp=sdps[0])
        told(client, "PRACK", "b", "a", sdp=sdps[1])
        talk_with_loss(relay, a, b)
        queried, ended = told(client, "INFO", "a", "b"), told(client, "BYE", "a", "b")
    for reply in (queried, ended):  # the call is gone before the second one asks
        assert reply.pop("rtpstat") == "RTP: 32680 bytes, 190 packets, 0 errors; RTCP: 0 bytes, 0 packets, 0 errors"
        assert reply.keys() == set(NAMES)
        assert "<null>" not in [value for name, value in reply.items() if "roundtrip" not in name]
        assert (reply["mos_average_packetloss_A"], reply["mos_average_packetloss_B"]) == ("10", "0")
        assert float(reply["mos_average_A"]) < float(reply["mos_average"]) < float(reply["mos_average_B"]) == 4.4
        assert float(reply["mos_min"]) == float(reply["mos_min_A"]) <= 3.6
        assert float(reply["mos_max"]) == 4.4
