import json

import pytest

from media import ng
from media.bencode import encode
from media.sdes import TAGS, OwnKeys
from native.relay import Tally
from sipmesh.signalling.cdr_maker import quality_of
from sipmesh.store import Quality
from tests.media.world import NS, PROXY, World, sdp

A = sdp()
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")


def counted(world: World) -> World:
    """A call in which a sent 100 packets, 5 got lost, and b sent 90, the last 2 s ago."""
    world.offer(A, label="caller", metadata="who=a")
    world.answer(B)
    (stream,) = world.streams()
    last = {"last_ns": world.now_ns - 2 * NS}
    world.relay.counted = {
        (stream, 0, 0): last | {"packets": 100, "bytes": 17200, "forwarded": 100, "lost": 5, "ssrc": 111, "jitter": 80},
        (stream, 1, 0): last | {"packets": 90, "bytes": 15480, "malformed": 1, "ssrc": 222, "remote": ("198.51.100.1", 6000)},
        (stream, 1, 1): last | {"packets": 3, "bytes": 300},
    }
    return world


def test_totals_are_over_both_sides() -> None:
    reply = counted(World()).serve("query", call_id="call-1")
    assert reply["totals"] == {
        "RTP": {"packets": 190, "bytes": 32680, "errors": 1},
        "RTCP": {"packets": 3, "bytes": 300, "errors": 0},
    }


def test_parties_and_their_streams() -> None:
    world = counted(World())
    reply = world.serve("query", call_id="call-1")
    a, b = reply["tags"]["a"], reply["tags"]["b"]
    assert (a["label"], a["in dialogue with"], b["in dialogue with"]) == ("caller", "b", "a")
    media = b["medias"][0]
    assert (media["index"], media["type"], media["protocol"], media["codec"]) == (1, "audio", "RTP/AVP", "PCMU/8000")
    assert media["flags"] == ["initialized", "send", "recv"]
    rtp, rtcp = media["streams"]
    assert rtp["endpoint"] == rtp["advertised endpoint"] == {"family": "IPv4", "address": "198.51.100.1", "port": 6000}
    assert rtcp["local port"] == rtp["local port"] + 1
    assert rtp["stats"] == {"packets": 90, "bytes": 15480, "errors": 1}
    assert rtp["stats_out"] == {"packets": 100, "errors": 0}
    assert rtp["last packet"] == int(world.clock.unix_s() - 2)
    assert reply["metadata"] == "who=a"
    assert reply["created"] == int(world.clock.unix_s())


def test_a_call_that_is_only_offered_shows_what_is_offered() -> None:
    world = World()
    world.offer(sdp("m=audio 4000 RTP/AVP 0", "m=video 0 RTP/AVP 97"), transport_protocol="RTP/SAVP")
    tags = world.serve("query", call_id="call-1")["tags"]
    assert list(tags) == ["a", "<untagged 1>"]
    (caller, nothing), (callee, _) = (tags[key]["medias"] for key in tags)
    assert nothing["streams"] == []
    assert (caller["protocol"], callee["protocol"]) == ("RTP/AVP", "RTP/SAVP")
    assert caller["streams"][0]["advertised endpoint"]["port"] == 4000
    assert callee["streams"][0]["advertised endpoint"] == {}
    assert caller["streams"][0]["local port"] != callee["streams"][0]["local port"] > 0
    world.answer(B)
    tags = world.serve("query", call_id="call-1")["tags"]
    assert list(tags) == ["a", "b"]
    assert tags["b"]["medias"][0]["streams"][0]["advertised endpoint"]["port"] == 6000


def test_quality_by_source() -> None:
    reply = counted(World()).serve("query", call_id="call-1")
    lossy, clean = reply["SSRC"]["111"], reply["SSRC"]["222"]
    assert lossy["cumulative loss"] == 5
    assert lossy["average MOS"]["packet loss"] == 5
    assert lossy["average MOS"]["jitter"] == 10
    assert 10 <= lossy["average MOS"]["MOS"] < clean["average MOS"]["MOS"] <= 45
    ingress = reply["tags"]["a"]["medias"][0]["ingress SSRCs"]
    assert ingress == [{"SSRC": 111, **lossy}]


def test_a_brief_reply_tells_what_a_cdr_has_of_the_whole_one() -> None:
    world = counted(World())
    brief, whole = world.serve("query", call_id="call-1", flags=["brief"]), world.serve("query", call_id="call-1")
    assert brief.keys() == {"result", "tags"}
    for tag, packets in (("a", 100), ("b", 90)):
        assert quality_of(brief, tag) == quality_of(whole, tag)
        assert quality_of(brief, tag).packets == packets
    assert quality_of(brief, "a").lost == 5
    assert len(encode(brief)) < len(encode(whole)) / 3
    assert world.serve("delete", call_id="call-1", flags=["brief"]) == brief


@pytest.mark.parametrize(("lost", "gaps", "told"), [(5, 9, (5, 5)), (5, 2, (5, 2)), (-3, 4, (0, 0))])
def test_what_came_late_or_twice_is_not_missing(lost: int, gaps: int, told: tuple[int, int]) -> None:
    world = counted(World())
    world.relay.counted[world.streams()[0], 0, 0] |= {"lost": lost, "gaps": gaps}
    quality = quality_of(world.serve("query", call_id="call-1", flags=["brief"]), "a")
    assert (quality.lost, quality.loss_bursts) == told
    (source,) = world.serve("query", call_id="call-1")["tags"]["a"]["medias"][0]["ingress SSRCs"]
    assert (source["cumulative loss"], source["loss bursts"]) == (lost, told[1])


@pytest.mark.parametrize(("trip_us", "told_ms"), [(0, 0), (290, 1), (40_400, 40)])
def test_a_round_trip_that_is_known_is_no_zero(trip_us: int, told_ms: int) -> None:
    world = counted(World())
    world.relay.counted[world.streams()[0], 1, 0] |= {"round_trip_us": trip_us}
    assert quality_of(world.serve("query", call_id="call-1", flags=["brief"]), "a").round_trip_ms == told_ms


def test_a_score_is_of_sound() -> None:
    video = "m=video 7000 RTP/AVP 97|a=rtpmap:97 H264/90000"
    world = World()
    world.offer(sdp("m=audio 5000 RTP/AVP 0", video))
    world.answer(sdp("m=audio 6000 RTP/AVP 0", video))
    sound, picture = world.streams()
    world.relay.counted = {
        (sound, 0, 0): {"packets": 100, "ssrc": 1},
        (picture, 0, 0): {"packets": 100, "lost": 90, "ssrc": 2, "payload_type": 97, "jitter": 1800},
    }
    quality = quality_of(world.serve("query", call_id="call-1", flags=["brief"]), "a")
    assert (quality.packets, quality.lost, quality.jitter_ms, quality.mos) == (200, 90, 20, 4.4)


def test_a_brief_reply_of_a_call_that_nobody_answered() -> None:
    world = World()
    world.offer(A)
    reply = world.serve("query", call_id="call-1", flags=["brief"])
    assert list(reply["tags"]) == ["a"]
    assert quality_of(reply, "a") == Quality()


def test_totals_outlive_the_streams() -> None:
    world = counted(World())
    world.offer(sdp("m=audio 0 RTP/AVP 0"), to_tag="b")
    world.answer(sdp("m=audio 0 RTP/AVP 0"))
    assert world.streams() == []
    assert world.serve("query", call_id="call-1")["totals"]["RTP"]["packets"] == 190
    assert world.serve("delete", call_id="call-1")["totals"]["RTP"]["packets"] == 190
    assert world.calls.ended_totals.rtp == Tally(190, 32680, 1, 0, 0, 0, 0)


def test_only_the_asked_parties_are_told() -> None:
    world = World()
    for branch in ("1", "2"):
        world.offer(A, via_branch=branch)
        world.answer(B, to=f"b{branch}", via_branch=branch)
    reply = world.serve("query", call_id="call-1", to_tag="b2")
    assert set(reply["tags"]) == {"a", "b2"}
    assert reply["tags"]["b2"]["via-branch"] == "2"


def test_a_party_that_is_not_heard_is_marked() -> None:
    world = World()
    world.offer(sdp())
    world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    (stream,) = world.streams()
    world.relay.counted = {(stream, 0, 0): {"packets": 500}}
    world.silent.add((stream, 1))
    tags = world.serve("query", call_id="call-1")["tags"]
    flags = ["initialized", "send", "recv"]
    assert [tags[tag]["medias"][0]["flags"] for tag in ("a", "b")] == [flags, [*flags, "silent"]]


def test_a_report_in_json_is_the_one_in_bencode() -> None:
    world = counted(World())
    asked = ng.split(b'cookie {"command": "query", "call-id": "call-1"}')
    told = json.loads(asked.reply(world.commands.serve(asked, PROXY)).partition(b" ")[2])
    assert told == world.serve("query", call_id="call-1")
    assert len(told["tags"]["a"]["medias"][0]["streams"]) == 2


def test_where_srtp_ends_here_its_suite_is_told() -> None:
    world = World()
    world.offer(sdp(), transport_protocol="RTP/SAVP")
    medias = [party["medias"][0] for party in world.serve("query", call_id="call-1")["tags"].values()]
    assert all("SDES" not in media["flags"] and "crypto suite" not in media["streams"][0] for media in medias)
    suite = "AES_CM_128_HMAC_SHA1_32"
    key = OwnKeys().crypto(TAGS[suite], suite)
    world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{key}", host="198.51.100.1"))
    plain, secure = (party["medias"][0] for party in world.serve("query", call_id="call-1")["tags"].values())
    assert (plain["flags"], secure["flags"]) == (["initialized", "send", "recv"], ["initialized", "send", "recv", "SDES"])
    assert [stream.get("crypto suite") for stream in plain["streams"] + secure["streams"]] == [None, None, suite, suite]
    world.offer(sdp(), to_tag="b", transport_protocol="RTP/AVP")
    world.answer(B)
    for party in world.serve("query", call_id="call-1")["tags"].values():
        assert "SDES" not in party["medias"][0]["flags"]
        assert "crypto suite" not in party["medias"][0]["streams"][0]
