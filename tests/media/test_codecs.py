"""media.codecs: formats taken out of an offer."""

from typing import Any

import pytest

from media.codecs import CodecWish, offered_codecs
from media.errors import RequestError
from media.sdp import parse
from tests.media.world import World, lines_of, options, sdp

LINE = (
    "m=audio 5000 RTP/AVP 0 8 96 101|a=rtpmap:96 opus/48000/2|a=fmtp:96 useinbandfec=1"
    "|a=rtpmap:101 telephone-event/8000|a=fmtp:101 0-16"
)


@pytest.mark.parametrize(
    ("codec", "flags", "formats"),
    [
        ({"strip": ["PCMA"]}, [], "0 96 101"),
        ({"strip": ["opus/48000/2", "pcmu"]}, [], "8 101"),
        ({"strip": ["all"], "except": ["PCMA"]}, [], "8"),
        ({"strip": ["all"], "offer": ["opus", "telephone-event"]}, [], "96 101"),
        ({"strip": "PCMA"}, [], "0 96 101"),
        ({}, ["codec-strip-PCMA", "codec strip opus"], "0 101"),
        ({"transcode": ["G729"], "offer": ["PCMA"]}, [], "0 8 96 101"),
        ({"strip": ["PCMA/8000", "opus/48000"]}, [], "0 101"),
        ({"strip": ["PCMA/16000"]}, [], "0 8 96 101"),
        ({"mask": ["PCMA"], "consume": ["opus"], "accept": ["PCMU"]}, ["codec-mask-PCMU"], "101"),
        # in the order of that list, after those that stay, and before what goes with a codec
        ({"strip": ["all"], "offer": ["telephone-event", "opus", "PCMU", "opus/48000"]}, [], "96 0 101"),
        ({"strip": ["PCMU"], "offer": ["PCMA", "PCMU"]}, [], "8 96 0 101"),
        ({}, ["codec-strip-all", "codec-offer-PCMA", "codec-offer-PCMU"], "8 0"),
    ],
)
def test_what_is_stripped(codec: dict[str, Any], flags: list[str], formats: str) -> None:
    body = World().offer(sdp(LINE), codec=codec, flags=flags)
    assert lines_of(body, "m=")[0].partition("RTP/AVP ")[2] == formats
    assert [line.partition(":")[2].partition(" ")[0] for line in lines_of(body, "a=rtpmap:")] == formats.split()
    assert {line.partition(":")[2].partition(" ")[0] for line in lines_of(body, "a=fmtp:")} == set(formats.split()) & {
        "96",
        "101",
    }


def test_a_line_that_would_have_none_keeps_its_formats() -> None:
    stripped = offered_codecs(parse(sdp(LINE, "m=audio 6000 RTP/AVP 8")), CodecWish(frozenset({"pcma"})))
    assert [media.formats for media in stripped.media] == ["0 96 101", "8"]


@pytest.mark.parametrize(
    ("keys", "formats"),
    [
        ({"codec": {"strip": ["PCMA"]}}, "0 96 101"),
        ({"codec": {"mask": ["PCMA"]}}, "0 8 96 101"),
        ({"flags": ["single-codec"]}, "0 101"),
        ({"codec": {"strip": ["PCMU"]}, "flags": ["single-codec"]}, "8 101"),
    ],
)
def test_an_answer_is_stripped_too_but_not_what_may_come(keys: dict[str, Any], formats: str) -> None:
    world = World()
    world.offer(sdp(LINE), flags=["single-codec"])
    told = world.answer(sdp(LINE), **keys)
    assert lines_of(told, "m=")[0].partition("RTP/AVP ")[2] == formats
    (stream,) = world.streams()
    assert world.relay.clocks[stream, 96] == 48000


@pytest.mark.parametrize("line", ["m=audio 0 RTP/AVP 0", "m=image 5000 udptl t38"])
def test_lines_without_codecs_in_use_are_left_alone(line: str) -> None:
    told = World().offer(sdp(LINE, line), codec={"strip": ["PCMU"]})
    assert lines_of(told, "m=")[1].split()[2:] == line.split()[2:]


@pytest.mark.parametrize("codec", ["PCMA", ["PCMA"], 5, {"strip": {"a": 1}}])
def test_wrong_types_are_named(codec: object) -> None:
    with pytest.raises(RequestError, match="codec"):
        options({"codec": codec})
