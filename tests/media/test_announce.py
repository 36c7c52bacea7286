import pytest

from media.announce import accepted_mux, offered_mux, told_lines, transport
from media.encodings import NO_TYPES, RtpMap
from media.endpoint import NOWHERE
from media.line import Line
from media.rewrite import LocalLine
from media.sdp import parse
from media.session import Described
from native import relay
from native.relay import PortBlock
from tests.media.world import FAR, NEAR, World, options, sdp

ALL_PROFILES = ["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF"]


def line(count: int = 1) -> Line:
    blocks = tuple(PortBlock(port, ((1, 2),) * count) for port in (30000, 40000))
    return Line(relay.RTP, (NEAR, FAR), (blocks[0], blocks[1]), [1] * count)


def described(mux: bool) -> Described:
    return Described("audio", "RTP/AVP", "sendrecv", mux, NOWHERE, RtpMap({}, {}, {}, NO_TYPES), "", relay.RTP)


@pytest.mark.parametrize("received", ALL_PROFILES)
@pytest.mark.parametrize("wanted", ALL_PROFILES)
def test_every_profile_goes_on_as_any_other(received: str, wanted: str) -> None:
    assert transport(received, options({"transport-protocol": wanted})) == wanted


@pytest.mark.parametrize("protocol", ["udptl", "TCP/MSRP", "UDP/BFCP"])
def test_what_is_no_rtp_keeps_its_transport(protocol: str) -> None:
    assert transport(protocol, options({"transport-protocol": "RTP/SAVP"})) == protocol


def told(section: str, ours: Line | None, side: int, *flags: str, mux: bool = False, one_port: bool = True) -> LocalLine | None:
    description = parse(sdp(section))
    protocol = description.media[0].protocol
    asked = options({"flags": list(flags)})
    (local,) = told_lines(description, [ours, None], side, [mux], one_port, [protocol], asked)
    return local


AUDIO = "m=audio 5000 RTP/AVP 0"


def test_the_offer_leaves_a_port_for_rtcp_unless_mux_is_required() -> None:
    assert told(AUDIO, line(), 1, mux=True, one_port=False) == LocalLine(40000, 1, 40001, True, "RTP/AVP")
    assert told(AUDIO, line(), 1, mux=True) == LocalLine(40000, 1, 40000, True, "RTP/AVP")


def test_the_answer_names_the_one_port_when_mux_is_agreed() -> None:
    assert told(AUDIO, line(), 0, mux=True) == LocalLine(30000, 1, 30000, True, "RTP/AVP")
    assert told(AUDIO, line(), 0) == LocalLine(30000, 1, 30001, False, "RTP/AVP")


def test_lines_without_an_rtcp_attribute() -> None:
    assert told(AUDIO, line(), 0, "no-rtcp-attribute") == LocalLine(30000, 1, 0, False, "RTP/AVP")
    assert told("m=image 5000 udptl t38", line(), 0) == LocalLine(30000, 1, 0, False, "udptl")
    assert told(AUDIO, line(2), 0) == LocalLine(30000, 2, 0, False, "RTP/AVP")


def test_lines_that_are_rejected_or_not_ours() -> None:
    assert told("m=audio 0 RTP/AVP 0", line(), 0) == LocalLine(0, protocol="RTP/AVP")
    assert told("m=message 9 TCP/MSRP *", None, 1) is None


def test_mux_towards_the_offerer_needs_its_offer() -> None:
    assert not accepted_mux(described(False), True, frozenset({"accept"}))
    assert accepted_mux(described(True), False, frozenset({"demux"}))
    assert not accepted_mux(described(True), True, frozenset({"reject"}))
    assert offered_mux(described(False), frozenset({"offer"}))
    assert not offered_mux(described(True), frozenset({"demux"}))


@pytest.mark.parametrize(
    ("offered", "answered", "wanted", "whose"),
    [
        ("RTP/AVPF", "RTP/AVP", "RTP/AVP", {0: False, 1: True}),
        ("RTP/AVP", "RTP/AVPF", "RTP/AVPF", {0: True, 1: False}),
        ("RTP/AVPF", "RTP/AVP", "", {0: False, 1: True}),
        ("RTP/AVPF", "RTP/AVPF", "", {}),
        ("RTP/SAVPF", "RTP/SAVP", "", {}),  # end to end: we can't read it
    ],
)
def test_feedback_goes_to_profiles_that_have_it(offered: str, answered: str, wanted: str, whose: dict[int, bool]) -> None:
    world = World()
    world.offer(sdp(f"m=audio 5000 {offered} 0|a=crypto:1 x inline:y"), **({"transport_protocol": wanted} if wanted else {}))
    world.answer(sdp(f"m=audio 6000 {answered} 0"))
    (stream,) = world.streams()
    assert world.relay.feedback == {(stream, side): goes for side, goes in whose.items()}
