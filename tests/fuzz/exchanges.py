"""Offers, answers and whatever else a proxy may ask of the media daemon, from a seed.

Every request gets one reply in its own encoding, none breaks the daemon, and when all calls are deleted nothing is left.

``python -m tests.fuzz.exchanges [SECONDS] [SEED]`` plays one seed after the other; a broken promise ends it with its seed.
"""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any

from media import bencode
from tests.fuzz.seeds import play_seeds
from tests.media.world import FAR, NEAR, World

REQUESTS = 60
COMMANDS = (*("offer", "answer") * 8, *("delete", "query") * 2, "list", "statistics", "ping", "block media", "unblock media")
OTHERS = ("block DTMF", "silence media", "start recording", "stop recording", "play media", "start-recording", "xyz", "")
HOSTS = (
    *("192.0.2.1", "198.51.100.7") * 8,
    "2001:db8::7",
    "10.0.0.1",
    "127.0.0.1",
    "0.0.0.0",
    "::",
    "::1",
    "224.0.0.1",
    "1.2.3",
    "x",
)
PORTS = ("5000", "6000", "7000", "0", "9", "65535", "65536", "-1", "5000/2", "5000/8", "5000/9", "5000/0", "x")
PROTOCOLS = (
    *("RTP/AVP",) * 5,
    *("RTP/SAVP", "RTP/AVPF") * 2,
    "RTP/SAVPF",
    "UDP/TLS/RTP/SAVPF",
    "udptl",
    "TCP/MSRP",
    "rtp/avp",
    "x",
)
FORMATS = ("0", "0 8 101", "96", "111 0 8", "t38", "", "200", "0 0 0")
SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "NULL")
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
TAILS = ("", "|2^20|1:4", "|1:4", "|2^31", "|99:200", f";inline:{KEY}", " UNENCRYPTED_SRTP", " KDR=1", "x")
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
ATTRIBUTES = (
    *(
        "rtcp-mux",
        "mid:0",
        "mid:é",
        "fingerprint:sha-256 AB",
        "ice-options:trickle",
        "candidate:1 1 UDP 1 192.0.2.1 5 typ host",
    ),
    *(
        "rtpmap:96 opus/48000/2",
        "rtpmap:101 telephone-event/8000",
        "rtpmap:x",
        "fmtp:96 a=1",
        "rtcp-fb:* nack",
        "ptime:20",
        "extmap:1 x",
    ),
    *("group:BUNDLE 0 1", "rtpengine:this-node", "setup:actpass", "x" * 200, ""),
)
FLAGS = (
    *(
        "trust-address",
        "SIP source address",
        "symmetric",
        "asymmetric",
        "strict-source",
        "media_handover",
        "loop-protect",
        "recrypt",
    ),
    *(
        "generate-mid",
        "single-codec",
        "strip-extmap",
        "fatal",
        "fast",
        "brief",
        "provisional",
        "block-DTMF",
        "record-call",
        "fragment",
    ),
    *(
        "original-sendrecv",
        "full-rtcp-attribute",
        "no-rtcp-attribute",
        "to-tag",
        "codec-strip-PCMA",
        "SDES-off",
        "x" * 300,
        "\n",
        "",
    ),
)
VALUES: dict[str, tuple[Any, ...]] = {
    "direction": (["near", "far"], ["far", "near"], ["x"], []),
    "address-family": ("IP4", "IP6", "x"),
    "media-address": HOSTS,
    "transport-protocol": (*PROTOCOLS, "RTP", "SRTP"),
    "SDES": (["off"], ["only-AES_CM_128_HMAC_SHA1_80"], ["no-AEAD_AES_256_GCM"], []),
    "OSRTP": (["offer"], ["accept"], ["offer", "accept"]),
    "rtcp-mux": (["offer"], ["require"], ["demux"], ["accept"], ["reject"]),
    "replace": (
        ["origin"],
        ["origin-full", "username"],
        ["SDP-version"],
        ["force-increment-sdp-ver", "zero-address"],
        ["session-name"],
    ),
    "endpoint-learning": ("off", "any", "delayed", "x"),
    "ICE": ("remove", "force"),
    "SIP-code": (183, "180", 200, "x"),
    "record-call": ("yes", "no", "x"),
    "TOS": (184, -1, 256, "46"),
    "delete-delay": (0, "0", 1, -1),
    "supports": (["load limit"],),
    "via-branch": ("v", "w", ""),
    "label": ("l", ""),
    "address": HOSTS,
    "rtpp-flags": ("replace-origin trust-address", "codec=[strip=[all]]", "a=[b=[c]]", "=[", "RTP/SAVP SDES-off label=z"),
    "codec": ({"strip": ["all"]}, {"mask": ["PCMU"], "offer": ["PCMA"]}, {"x": ["y"]}, {"strip": "x"}, "x"),
}
ODD = (-1, 10**30, "", ["x"], [[["x"]]], {"a": 1}, {"": {"": []}}, True)


def connection(choose: Random) -> str:
    host = choose.choice(HOSTS)
    return f"IN IP{6 if ':' in host else 4} {host}"


def attribute(choose: Random) -> str:
    kind = choose.randrange(6)
    if kind == 0:
        return f"a={choose.choice(DIRECTIONS)}"
    if kind == 1:
        return f"a=rtcp:{choose.randrange(70_000)}{choose.choice(('', ' ' + connection(choose)))}"
    if kind in (2, 3):
        return f"a=crypto:{choose.randrange(3)} {choose.choice(SUITES)} inline:{KEY}{choose.choice(TAILS)}"
    return f"a={choose.choice(ATTRIBUTES)}"


def body(choose: Random) -> str:
    lines = [
        "v=0",
        f"o=- {choose.choice(('1', '99999999999999999999', 'x'))} {choose.randrange(3)} {connection(choose)}",
        "s=-",
    ]
    lines += [f"c={connection(choose)}"] * (choose.random() < 0.9)
    lines += ["t=0 0", *(attribute(choose) for _ in range(choose.randrange(2)))]
    for _ in range(choose.choice((0, 1, 1, 1, 1, 2, 3, 65))):
        what = (
            choose.choice(each) for each in (("audio", "audio", "video", "image"), PORTS[:3] * 6 + PORTS, PROTOCOLS, FORMATS)
        )
        lines.append(f"m={' '.join(what)}")
        lines += [f"c={connection(choose)}"] * (choose.random() < 0.2)
        lines += [attribute(choose) for _ in range(choose.randrange(4))]
    if choose.random() < 0.05:
        choose.shuffle(lines)
    text = choose.choice(("\r\n",) * 9 + ("\n",)).join([*lines, ""])
    at = choose.randrange(len(text))
    return text if choose.random() < 0.9 else text[:at] + choose.choice(("", "\0", "\r", "9" * 30, " ")) + text[at + 3 :]


def request(choose: Random) -> dict[str, Any]:
    asked: dict[str, Any] = {"command": choose.choice(COMMANDS + OTHERS), "call-id": choose.choice("cde")}
    asked["from-tag"] = choose.choice("aaab")
    if asked["command"] == "answer" or choose.random() < 0.3:
        asked["to-tag"] = choose.choice("bbba")
    if asked["command"] in ("offer", "answer"):
        asked["sdp"] = body(choose)
    if choose.random() < 0.5:
        asked["received-from"] = [choose.choice(("IP4", "IP6")), choose.choice(HOSTS)]
    asked["flags"] = [choose.choice(FLAGS) for _ in range(choose.randrange(3))]
    for key in choose.sample(sorted(VALUES), choose.choice((0, 0, 1, 2, 4))):
        asked[key] = choose.choice(VALUES[key])
    if choose.random() < 0.05:
        asked[choose.choice([*asked, "from tag", "é"])] = choose.choice(ODD)
    return asked


def check(seed: int) -> set[str]:
    """What was asked with success."""
    choose, world, done = Random(seed), World((NEAR, FAR)), set()
    for number in range(REQUESTS):
        asked, cookie, in_json = request(choose), b"%d " % number, choose.random() < 0.3
        reply = world.dispatcher.datagram(
            cookie + (json.dumps(asked).encode() if in_json else bencode.encode(asked)), ("h", 1), 65507
        )
        assert reply is not None
        assert reply.startswith(cookie)
        told = json.loads(reply[len(cookie) :]) if in_json else bencode.decode(reply[len(cookie) :])
        assert told["result"] in ("ok", "pong", "error"), told
        if told["result"] == "ok":
            done.add(asked["command"])
        world.turn(choose.random())
    for call in list(world.calls):
        world.calls.end(call)
    assert world.free_ports() == [50, 50]
    assert not world.streams()
    assert "media_ng_failures_total" not in world.counters
    return done


if __name__ == "__main__":
    sys.exit(play_seeds("exchanges", f"{REQUESTS} requests each", check, sys.argv[1:]))
