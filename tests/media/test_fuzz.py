"""Random and mutated input never ends the daemon, never leaks, and is always answered when it can be."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from media import bencode
from media.errors import SdpError
from tests.media.world import World, passed_on, sdp

BODIES = [
    sdp(),
    sdp(
        "m=audio 5000/2 RTP/SAVP 0 96|a=rtcp:5009 IN IP4 192.0.2.7|a=crypto:1 x inline:y|a=rtcp-mux|a=sendonly",
        "m=image 0 udptl t38",
    ),
    sdp(
        "m=message 9 TCP/MSRP *",
        "m=video 6000 UDP/TLS/RTP/SAVPF 96|c=IN IP4 0.0.0.0",
        session=("a=group:BUNDLE 0", "a=ice-lite"),
    ),
    sdp("m=audio 0 RTP/AVP 0"),
]
EXTRAS: list[dict[str, Any]] = [
    {},
    {"flags": ["trust address", "loop-protect"], "replace": ["origin-full"]},
    {"received-from": ["IP4", "10.0.0.1"], "flags": ["SIP-source-address"], "rtcp-mux": ["demux"]},
    {"rtpp-flags": "replace-origin codec=[strip=[all]] via-branch=x", "TOS": 184},
    {"transport-protocol": "RTP/SAVPF", "address family": "IP6", "supports": ["load limit"]},
]
COMMANDS = ["offer", "answer", "delete", "query", "list", "ping", "statistics", "block media"]


@st.composite
def mutated(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with some stretches cut out, doubled or overwritten."""
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.integers(0, 8))
        middle = draw(
            st.sampled_from([b"", data[at : at + length] * 2, b"\r\n", b"e", b"99999", b"\0\xff"]) | st.binary(max_size=8)
        )
        data = data[:at] + middle + data[at + length :]
    return data


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    request: dict[str, Any] = {"command": draw(st.sampled_from(COMMANDS))}
    for key, values in (
        ("call-id", ["c", "d"]),
        ("from-tag", ["a", "b"]),
        ("to-tag", ["b", "a", ""]),
        ("via-branch", ["", "v", "w"]),
    ):
        if draw(st.booleans()):
            request[key] = draw(st.sampled_from(values))
    if request["command"] in ("offer", "answer"):
        body = draw(st.sampled_from(BODIES)).encode()
        request["sdp"] = (draw(mutated(body)) if draw(st.booleans()) else body).decode("utf-8", "surrogateescape")
    request |= draw(st.sampled_from(EXTRAS))
    encoded = bencode.encode(request) if draw(st.booleans()) else json.dumps(request).encode()
    return b"cookie " + (draw(mutated(encoded)) if draw(st.integers(0, 3)) == 0 else encoded)


@settings(max_examples=150)
@given(st.lists(requests(), max_size=12))
def test_any_sequence_of_requests_is_answered_and_leaves_nothing_behind(datagrams: list[bytes]) -> None:
    world = World()
    for datagram in datagrams:
        reply = world.dispatcher.packet(datagram, 65507)
        assert reply is not None
        assert reply.startswith(b"cookie ")
        world.timeouts.scan()
    assert world.counters["media_ng_failures_total"] == 0
    for call in list(world.calls):
        world.calls.end(call)
    assert world.streams() == []
    assert world.free_ports() == [50]


@settings(max_examples=300)
@given(st.sampled_from(BODIES).flatmap(lambda body: mutated(body.encode())))
def test_a_mutated_body_is_refused_or_survives(data: bytes) -> None:
    try:
        text = passed_on(data.decode("utf-8", "surrogateescape"))
    except SdpError:
        return
    assert passed_on(text) == text
