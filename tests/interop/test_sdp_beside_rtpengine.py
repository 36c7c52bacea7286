"""The bodies that our media daemon hands back, line by line beside those of rtpengine; docs/ng.md says what differs."""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from interop import ng
from interop.ports import free_port
from interop.process import Process

FIRST_PORT, LAST_PORT = 40000, 41999
PORTS_EACH = 1000
ALICE, BOB = "198.51.100.1", "198.51.100.3"
KEY = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:cJOJ7kxQjhFBp2fP6AYjs3vKw7CeBdWZCj0isbJv"
EVENTS = ("a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15")
COMMON = {"ICE": "remove", "DTLS": "off"}

Address = tuple[str, int]


def audio(formats: str, *attributes: str, host: str = ALICE, port: int = 2000, profile: str = "RTP/AVP") -> tuple[str, ...]:
    return (f"m=audio {port} {profile} {formats}", f"c=IN IP4 {host}", *attributes)


def body(*sections: tuple[str, ...], host: str = ALICE, version: int = 1, session: tuple[str, ...] = ()) -> str:
    head = ("v=0", f"o=- 1545997027 {version} IN IP4 {host}", "s=tester", "t=0 0", *session)
    return "".join(f"{line}\r\n" for part in (head, *sections) for line in part)


def of_bob(*sections: tuple[str, ...]) -> str:
    return body(*(tuple(line.replace(ALICE, BOB) for line in section) for section in sections), host=BOB)


@dataclass(frozen=True)
class Step:
    command: str
    sdp: str
    keys: dict[str, Any]
    back: bool = False  # an offer of the callee's, or the caller's answer to it


def offer(sdp: str, *flags: str, back: bool = False, **keys: Any) -> Step:
    return Step("offer", sdp, {**keys, "flags": list(flags)}, back)


def answer(sdp: str, *flags: str, back: bool = False, **keys: Any) -> Step:
    return Step("answer", sdp, {**keys, "flags": list(flags)}, back)


PLAIN = body(audio("0"))
OF_BOB = of_bob(audio("0"))
HELD = body(audio("0", "a=sendonly"), version=2)
CASES: dict[str, list[Step]] = {
    "plain": [offer(PLAIN), answer(OF_BOB)],
    "session level": [
        offer(body(("m=audio 2000 RTP/AVP 0",), session=(f"c=IN IP4 {ALICE}", "a=recvonly", "a=tool:x"))),
        answer(OF_BOB),
    ],
    "what is known has its place": [
        offer(
            body(
                audio(
                    "0 8 18 96 101",
                    "a=ptime:20",
                    "a=x:1",
                    "a=sendrecv",
                    "a=rtcp-fb:* nack",
                    "a=fmtp:96 x=1",
                    *EVENTS,
                    "a=rtcp-fb:96 ccm fir",
                    "a=rtpmap:96 opus/48000/2",
                    "a=fmtp:18 annexb=no",
                    "a=mid:a",
                    "a=rtpmap:97 gone/8000",
                    "a=maxptime:40",
                    "a=y",
                )
            )
        ),
    ],
    "two lines, one refused": [offer(body(audio("0"), audio("8", port=2010))), answer(of_bob(audio("0"), audio("8", port=0)))],
    "fewer codecs": [offer(body(audio("0 8 101", *EVENTS))), answer(of_bob(audio("8 101", *EVENTS)))],
    "origin": [
        offer(PLAIN, replace=["origin", "session-connection"]),
        answer(OF_BOB, replace=["origin", "session-connection"]),
    ],
    "media address": [offer(PLAIN, media_address="192.0.2.9"), answer(OF_BOB)],
    "no a=rtcp": [offer(PLAIN, "no-rtcp-attribute"), answer(OF_BOB, "no-rtcp-attribute")],
    "full a=rtcp": [offer(PLAIN, "full-rtcp-attribute"), answer(OF_BOB)],
    "mux passes": [offer(body(audio("0", "a=rtcp-mux"))), answer(of_bob(audio("0", "a=rtcp-mux")))],
    "mux is taken off": [offer(body(audio("0", "a=rtcp-mux")), rtcp_mux=["demux"]), answer(OF_BOB)],
    "mux is put on": [offer(PLAIN, rtcp_mux=["require"]), answer(of_bob(audio("0", "a=rtcp-mux")))],
    "hold and resume": [
        offer(PLAIN),
        answer(OF_BOB),
        offer(HELD),
        answer(of_bob(audio("0", "a=recvonly"))),
        offer(body(audio("0", "a=sendrecv"), version=3)),
        answer(OF_BOB),
    ],
    "the callee offers": [offer(PLAIN), answer(OF_BOB), offer(OF_BOB, back=True), answer(PLAIN, back=True)],
    "zero address": [offer(body(audio("0", host="0.0.0.0"))), answer(OF_BOB)],
    "directions kept": [offer(PLAIN, "original-sendrecv"), answer(OF_BOB, "original-sendrecv")],
    "fax": [offer(body(("m=image 2000 udptl t38", f"c=IN IP4 {ALICE}", "a=T38FaxVersion:0")))],
    "strip": [offer(body(audio("0 8 101", *EVENTS)), codec={"strip": ["PCMU"]}), answer(of_bob(audio("8")))],
    "names": [offer(body(audio("0", "a=mid:x"), audio("0", port=2010))), answer(of_bob(audio("0"), audio("0", port=2010)))],
    "names made": [
        offer(body(audio("0"), audio("0", port=2010)), "generate-mid"),
        answer(of_bob(audio("0"), audio("0", port=2010))),
    ],
    "a loop's mark": [offer(PLAIN, "loop-protect")],
    "SRTP for the offerer": [
        offer(body(audio("0", KEY, "a=ptime:20", profile="RTP/SAVP")), transport_protocol="RTP/AVP"),
        answer(of_bob(audio("0", "a=ptime:20"))),
    ],
    "SRTP refused": [offer(PLAIN, transport_protocol="RTP/SAVP", SDES=["only-AES_CM_128_HMAC_SHA1_80"]), answer(OF_BOB)],
    "SRTP of both": [
        offer(body(audio("0", KEY, profile="RTP/SAVP"))),
        answer(of_bob(audio("0", KEY, profile="RTP/SAVP"))),
    ],
    "ptime of the offer": [offer(body(audio("0", "a=ptime:20"))), answer(OF_BOB)],
    "the first codec": [
        offer(body(audio("0 8 13 101", *EVENTS), audio("9 8", port=2010))),
        answer(of_bob(audio("0 8 13 101", *EVENTS), audio("9 8", port=2010)), "single-codec"),
    ],
    "strip of an answer": [offer(body(audio("0 8"))), answer(of_bob(audio("0 8")), codec={"strip": ["PCMU"]})],
    "nothing would be left": [offer(body(audio("0 8"), audio("0", port=2010)), codec={"strip": ["PCMU"]})],
    "a party keeps its profile": [
        offer(body(audio("0", profile="RTP/AVPF")), transport_protocol="RTP/AVP"),
        answer(OF_BOB),
        offer(OF_BOB, back=True),
        answer(body(audio("0", profile="RTP/AVPF")), back=True),
        offer(body(audio("0"))),
        answer(OF_BOB),
    ],
    "a party that multiplexes is offered it again": [
        offer(body(audio("0", "a=rtcp-mux")), rtcp_mux=["demux"]),
        answer(OF_BOB),
        offer(OF_BOB, back=True),
        answer(body(audio("0", "a=rtcp-mux")), back=True),
    ],
    "an odd rtpmap": [offer(body(audio("0 98", "a=rtpmap:0 PCMU/8000/1")))],
}
# Lines that only rtpengine (-) or only our daemon (+) writes, and why that stays so
ALLOWED = {
    "SRTP refused": {"-a=crypto"},  # this version of rtpengine doesn't know only-; more suites
    "SRTP of both": {"-a=crypto"},  # the parties' own keys pass, so nothing is added to them
    "ptime of the offer": {"-a=ptime"},  # the answerer has not said so
    "a party that multiplexes is offered it again": {"-a=rtcp", "+a=rtcp"},  # it may give it up: a port is there (RFC 5761)
    "an odd rtpmap": {"-a=rtpmap", "+a=rtpmap"},  # as received; none for a format that nothing is known of
}


def started(name: str, command: list[str], address: Address, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    process = Process(command, tmp_path_factory.mktemp(name) / "log")
    try:
        process.wait_ready(lambda: ng.alive(address))
        yield address
    finally:
        process.stop()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    port = free_port()
    ports = f"{FIRST_PORT}-{FIRST_PORT + PORTS_EACH - 1}"
    command = [sys.executable, "-m", "media", "--ng", f"127.0.0.1:{port}", "--address", "127.0.0.1", "--ports", ports]
    yield from started("ours", command, ("127.0.0.1", port), tmp_path_factory)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    port = free_port()
    command = ["rtpengine", "--config-file=none", "--table=-1", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{port}"]
    command += [
        "--foreground",
        "--log-stderr",
        "--log-level=3",
        f"--port-min={LAST_PORT - PORTS_EACH + 1}",
        f"--port-max={LAST_PORT}",
    ]
    yield from started("theirs", command, ("127.0.0.1", port), tmp_path_factory)


def served(relay: Address, steps: list[Step]) -> list[str]:
    """The lines handed back. Ports are numbered as they come, keys and marks are named: who keeps a port does so in both."""
    call_id = os.urandom(8).hex()
    lines: list[str] = []
    for step in steps:
        caller, callee = ("b", "a") if step.back else ("a", "b")
        tags = {"from_tag": caller, **({"to_tag": callee} if step.command == "answer" or lines else {})}
        reply = ng.ask(relay, step.command, call_id=call_id, sdp=step.sdp, **tags, **COMMON, **step.keys)
        lines += [step.command, *reply.get("sdp", str(reply)).splitlines()]
    ng.ask(relay, "delete", call_id=call_id, from_tag="a")
    ports: dict[str, str] = {}
    return [_named(line, ports) for line in lines]


def _named(line: str, ports: dict[str, str]) -> str:
    if line.startswith(("m=", "a=rtcp:")):
        line = re.sub(r"\b4[01]\d{3}\b", lambda match: ports.setdefault(match[0], f"PORT{len(ports)}"), line)
    line = re.sub(r"inline:[A-Za-z0-9+/=]+", "inline:KEY", line)
    return re.sub(r"^a=rtpengine:[0-9a-f]{12}$", "a=rtpengine:MARK", line)


@pytest.mark.parametrize("name", CASES)
def test_bodies_are_those_of_rtpengine(name: str, ours: Address, theirs: Address) -> None:
    changed = [
        line
        for line in difflib.unified_diff(
            served(theirs, CASES[name]), served(ours, CASES[name]), "theirs", "ours", lineterm="", n=0
        )
        if not line.startswith(("---", "+++", "@@"))
    ]
    assert {line.partition(":")[0] for line in changed} == ALLOWED.get(name, set()), "\n".join(changed)
