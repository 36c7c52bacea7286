"""Offers and answers as a proxy sends them, over a relay that only remembers."""

from typing import Any

import pytest

from media.errors import OUT_OF_PORTS
from native import relay
from tests.media.world import FAR, NEAR, SIX, World, lines_of, ports_of, sdp, without

A = sdp(host="192.0.2.1")
B = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")


def agreed(world: World, **keys: Any) -> tuple[int, int]:
    """The ports (told to a, told to b) of a call with one line."""
    told_b = world.offer(A, **keys)
    told_a = world.answer(B, **keys)
    return ports_of(told_a)[0], ports_of(told_b)[0]


def test_both_parties_are_placed_when_the_answer_comes() -> None:
    world = World()
    told_b = world.offer(A)
    (stream,) = world.streams()
    assert not world.relay.remotes
    told_a = world.answer(B)
    assert world.remote(stream, 0) == ("192.0.2.1", 5000)
    assert world.remote(stream, 0, 1) == ("192.0.2.1", 5001)
    assert world.remote(stream, 1) == ("198.51.100.1", 6000)
    assert ports_of(told_a) != ports_of(told_b)
    assert lines_of(told_a, "c=") == lines_of(told_b, "c=") == ["c=IN IP4 192.0.2.10"]
    assert lines_of(told_b, "a=rtcp") == [f"a=rtcp:{ports_of(told_b)[0] + 1}"]


def test_the_same_offer_again_has_the_same_ports_and_body() -> None:
    world = World()
    first = world.offer(A, replace=["origin-full"])
    assert world.offer(A, replace=["origin-full"]) == first
    assert len(world.streams()) == 1
    world.answer(B)
    assert world.offer(A, replace=["origin-full"]) == first


def test_the_same_answer_again_has_the_same_body() -> None:
    world = World()
    world.offer(A)
    assert world.answer(B) == world.answer(B)


def test_each_branch_has_ports_of_its_own() -> None:
    world = World()
    one, two = world.offer(A, via_branch="one"), world.offer(A, via_branch="two")
    assert ports_of(one) != ports_of(two)
    told = [world.answer(B, to=tag, via_branch=branch) for tag, branch in (("b2", "two"), ("b1", "one"))]
    assert ports_of(told[0]) != ports_of(told[1])
    assert len(world.streams()) == 2


def test_branches_nobody_named_share_the_offer_and_the_last_answer_has_it() -> None:
    world = World()
    world.offer(A)
    early = world.answer(B, to="b1")
    late = world.answer(sdp("m=audio 7000 RTP/AVP 0", host="198.51.100.2"), to="b2")
    (stream,) = world.streams()
    assert ports_of(early) == ports_of(late)
    assert world.remote(stream, 1) == ("198.51.100.2", 7000)
    again = world.offer(sdp("m=audio 7000 RTP/AVP 0|a=sendonly", host="198.51.100.2"), frm="b2", to_tag="a")
    assert ports_of(again) == ports_of(late)


def test_a_200_may_say_something_else_than_its_183() -> None:
    world = World()
    world.offer(A)
    early = world.answer(B, replace=["origin-full"])
    final = world.answer(sdp("m=audio 6002 RTP/AVP 8", host="198.51.100.3"), replace=["origin-full"])
    (stream,) = world.streams()
    assert ports_of(early) == ports_of(final)
    assert world.remote(stream, 1) == ("198.51.100.3", 6002)
    versions = [int(lines_of(body, "o=")[0].split()[2]) for body in (early, final)]
    assert versions[1] == versions[0] + 1


def test_ports_stay_over_re_invites_of_either_side() -> None:
    world = World()
    to_a, to_b = agreed(world)
    assert ports_of(world.offer(sdp(host="192.0.2.5"), to_tag="b")) == [to_b]
    assert ports_of(world.answer(B)) == [to_a]
    assert ports_of(world.offer(B, frm="b", to_tag="a")) == [to_a]
    assert ports_of(world.answer(A, frm="b", to="a")) == [to_b]
    (stream,) = world.streams()
    assert world.remote(stream, 0) == ("192.0.2.1", 5000)
    assert world.remote(stream, 1) == ("198.51.100.1", 6000)


def test_a_refused_re_invite_changes_nothing() -> None:
    world = World()
    agreed(world)
    before = dict(world.relay.remotes)
    world.offer(sdp("m=audio 5900 RTP/AVP 0", host="192.0.2.9"), to_tag="b")
    assert world.relay.remotes == before
    assert len(world.streams()) == 1


def test_lines_come_and_go() -> None:
    world = World()
    agreed(world)
    video = "m=video 5002 RTP/AVP 96|a=rtpmap:96 H264/90000"
    told_b = world.offer(sdp("m=audio 5000 RTP/AVP 0", video), to_tag="b")
    assert len(set(ports_of(told_b))) == 2
    world.answer(sdp("m=audio 6000 RTP/AVP 0", "m=video 6002 RTP/AVP 96"))
    audio, picture = world.streams()
    assert world.remote(picture, 0) == ("192.0.2.1", 5002)
    assert world.relay.threads[audio] == world.relay.threads[picture]
    assert world.relay.clocks[picture, 96] == 90000
    told_b = world.offer(sdp("m=audio 5000 RTP/AVP 0", "m=video 0 RTP/AVP 96"), to_tag="b")
    assert ports_of(told_b)[1] == 0
    assert world.streams() == [audio, picture]
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0", "m=video 0 RTP/AVP 96"))
    assert ports_of(told_a)[1] == 0
    assert world.streams() == [audio]
    told_b = world.offer(sdp("m=audio 5000 RTP/AVP 0", video), to_tag="b")
    assert ports_of(told_b)[1] != 0
    assert len(world.streams()) == 2


def test_a_line_rejected_in_the_answer_gets_no_media_and_may_come_back() -> None:
    world = World()
    offered = ports_of(world.offer(sdp("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 96")))
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0", "m=video 0 RTP/AVP 96"))
    assert ports_of(told_a)[1] == 0
    picture = world.streams()[1]
    assert world.remote(picture, 0) is None
    assert world.remote(picture, 1) is None
    assert ports_of(world.offer(sdp("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 96"), to_tag="b")) == offered


def test_an_answer_with_fewer_lines_rejects_the_rest() -> None:
    world = World()
    world.offer(sdp("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 96"))
    assert len(ports_of(world.answer(B))) == 1
    assert world.remote(world.streams()[1], 0) is None


def test_fax_in_place_of_audio_leaves_the_audio_until_it_is_accepted() -> None:
    world = World()
    _, to_b = agreed(world)
    (audio,) = world.streams()
    fax = sdp("m=image 5004 udptl t38|a=T38FaxVersion:0")
    told_b = world.offer(fax, to_tag="b")
    assert len(world.streams()) == 3
    assert ports_of(told_b) != [to_b]
    assert lines_of(told_b, "a=") == ["a=T38FaxVersion:0", "a=sendrecv"]
    assert ports_of(world.offer(A, to_tag="b")) == [to_b]
    assert world.streams() == [audio]
    world.offer(fax, to_tag="b")
    world.answer(sdp("m=image 6004 udptl t38", host="198.51.100.1"))
    streams = world.streams()
    assert audio not in streams
    assert {world.relay.kinds[stream] for stream in streams} == {relay.OPAQUE}
    assert world.remote(streams[0], 0) == ("192.0.2.1", 5004)
    assert world.remote(streams[0], 1) == ("198.51.100.1", 6004)


def test_a_delayed_offer_is_the_callees() -> None:
    world = World()
    world.offer(B, frm="b", to_tag="a")
    world.answer(A, frm="b", to="a")
    (stream,) = world.streams()
    assert world.remote(stream, 0) == ("198.51.100.1", 6000)
    assert world.remote(stream, 1) == ("192.0.2.1", 5000)


def test_an_offer_within_a_dialog_we_do_not_know_creates_it() -> None:
    world = World()
    world.offer(A, to_tag="b")
    world.answer(B)
    assert len(world.streams()) == 1


def test_hold_by_zero_address_stops_one_direction_only() -> None:
    world = World()
    agreed(world)
    (stream,) = world.streams()
    told_b = world.offer(sdp(host="0.0.0.0"), to_tag="b")
    assert lines_of(told_b, "c=") == ["c=IN IP4 0.0.0.0"]
    world.answer(sdp("m=audio 6000 RTP/AVP 0|a=recvonly", host="198.51.100.1"))
    assert world.remote(stream, 0) == ("192.0.2.1", 5000)
    assert (world.relay.forwarding[stream, 1], world.relay.forwarding[stream, 0]) == (False, True)
    world.offer(A, to_tag="b")
    world.answer(B)
    assert world.relay.forwarding[stream, 1] is True


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_hold_by_direction_passes_through(direction: str) -> None:
    world = World()
    agreed(world)
    told_b = world.offer(sdp(f"m=audio 5000 RTP/AVP 0|a={direction}"), to_tag="b")
    assert f"a={direction}" in told_b.splitlines()


MUX = "m=audio 5000 RTP/AVP 0|a=rtcp-mux"


@pytest.mark.parametrize(
    ("offered", "flags", "to_b", "answered", "to_a"),
    [
        (False, [], False, False, False),
        (True, [], True, True, True),
        (True, [], True, False, False),
        (False, ["offer"], True, True, False),
        (False, ["require"], True, True, False),
        (True, ["demux"], False, False, True),
        (True, ["reject"], True, True, False),
        (True, ["accept"], True, False, True),
        (True, ["offer", "reject"], True, True, False),
    ],
)
def test_rtcp_mux(offered: bool, flags: list[str], to_b: bool, answered: bool, to_a: bool) -> None:
    world = World()
    told_b = world.offer(sdp(MUX) if offered else A, rtcp_mux=flags)
    assert ("a=rtcp-mux" in told_b.splitlines()) is to_b
    own = 0 if "require" in flags else 1
    assert lines_of(told_b, "a=rtcp:") == [f"a=rtcp:{ports_of(told_b)[0] + own}"]
    told_a = world.answer(sdp(MUX.replace("5000", "6000")) if answered else B)
    assert ("a=rtcp-mux" in told_a.splitlines()) is to_a
    assert lines_of(told_a, "a=rtcp:") == [f"a=rtcp:{ports_of(told_a)[0] + (not to_a)}"]
    (stream,) = world.streams()
    assert world.relay.muxed == {(stream, 0): to_a, (stream, 1): to_b and answered}
    assert world.remote(stream, 0, 1) == (None if to_a else ("192.0.2.1", 5001))


def test_directions_and_families_choose_the_addresses() -> None:
    world = World((NEAR, FAR, SIX))
    told_b = world.offer(A, direction=["near", "far"])
    assert lines_of(told_b, "c=") == ["c=IN IP4 203.0.113.10"]
    assert lines_of(world.answer(B, direction=["far", "near"]), "c=") == ["c=IN IP4 192.0.2.10"]
    told_b = world.offer(A, call="call-2", address_family="IP6")
    assert lines_of(told_b, "c=") == ["c=IN IP6 2001:db8::10"]
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0", host="2001:db8::5"), call="call-2")
    assert lines_of(told_a, "c=") == ["c=IN IP4 192.0.2.10"]
    told_b = world.offer(sdp(host="2001:db8::6"), call="call-3", direction=["moon", "moon"])
    assert lines_of(told_b, "c=") == ["c=IN IP6 2001:db8::10"]


def test_a_phone_that_moves_to_another_family_gets_new_ports_there() -> None:
    world = World((NEAR, SIX))
    agreed(world)
    world.offer(sdp(host="2001:db8::6"), to_tag="b")
    told_a = world.answer(B)
    assert lines_of(told_a, "c=") == ["c=IN IP6 2001:db8::10"]
    (stream,) = world.streams()
    assert world.remote(stream, 0) == ("2001:db8::6", 5000)


def test_another_address_can_be_announced() -> None:
    told_b = World().offer(A, media_address="203.0.113.99", replace=["origin"])
    assert lines_of(told_b, "c=") == ["c=IN IP4 203.0.113.99"]
    assert lines_of(told_b, "o=")[0].endswith(" IN IP4 203.0.113.99")


@pytest.mark.parametrize(
    ("offered", "wanted", "sent"),
    [
        ("RTP/AVP", "RTP/AVPF", "RTP/AVPF"),
        ("RTP/SAVPF", "RTP/SAVP", "RTP/SAVP"),
        ("RTP/AVP", "RTP/AVP", "RTP/AVP"),
        ("RTP/SAVP", "", "RTP/SAVP"),
    ],
)
def test_profiles(offered: str, wanted: str, sent: str) -> None:
    world = World()
    told_b = world.offer(sdp(f"m=audio 5000 {offered} 0"), transport_protocol=wanted)
    assert f" {sent} " in lines_of(told_b, "m=")[0]
    told_a = world.answer(sdp(f"m=audio 6000 {sent} 0"))
    assert f" {offered} " in lines_of(told_a, "m=")[0]


def test_a_party_keeps_its_profile_until_the_other_goes_over_to_another() -> None:
    world = World()
    feedback = sdp("m=audio 5000 RTP/AVPF 0")
    world.offer(feedback, transport_protocol="RTP/AVP")
    world.answer(B)
    assert " RTP/AVPF " in lines_of(world.offer(B, frm="b", to_tag="a"), "m=")[0]
    assert " RTP/AVP " in lines_of(world.answer(feedback, frm="b", to="a"), "m=")[0]
    assert " RTP/AVP " in lines_of(world.offer(feedback, to_tag="b"), "m=")[0]
    assert " RTP/SAVP " in lines_of(world.offer(sdp("m=audio 5000 RTP/SAVP 0"), to_tag="b"), "m=")[0]


def test_a_party_that_multiplexes_is_offered_it_again() -> None:
    world = World()
    world.offer(sdp(MUX), rtcp_mux=["demux"])
    world.answer(B)
    told_a = world.offer(B, frm="b", to_tag="a")
    assert "a=rtcp-mux" in told_a.splitlines()
    told_b = world.answer(sdp(MUX), frm="b", to="a")
    assert "a=rtcp-mux" not in told_b.splitlines()
    (stream,) = world.streams()
    assert world.relay.muxed == {(stream, 0): True, (stream, 1): False}


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("m=audio 5000 RTP/SAVP 0|a=crypto:1 x inline:y", [relay.RTP]),
        ("m=audio 5000 RTP/SAVP 0|a=fingerprint:sha-256 AB", [relay.OPAQUE] * 2),
        ("m=audio 5000 UDP/TLS/RTP/SAVPF 0|a=fingerprint:sha-256 AB", [relay.OPAQUE] * 2),
        ("m=application 5000 UDP/BFCP *", [relay.OPAQUE] * 2),
        ("m=message 9 TCP/MSRP *", []),
    ],
)
def test_kinds_of_streams(section: str, kinds: list[int]) -> None:
    world = World()
    told_b = world.offer(sdp(section))
    assert [world.relay.kinds[stream] for stream in world.streams()] == kinds
    assert without(told_b, "m=", "c=", "o=", "a=rtcp:", "a=rtpmap:", "a=sendrecv") == without(sdp(section), "m=", "c=", "o=")


def test_names_of_lines_are_made_for_the_answerer_and_the_offerers_own_come_back() -> None:
    world = World()
    audio = "m=audio 5000 RTP/AVP 0"
    told_b = world.offer(sdp(audio, audio + "|a=mid:1", audio + "|a=mid:x", audio), flags=["generate-mid"])
    assert lines_of(told_b, "a=mid:") == ["a=mid:2", "a=mid:1", "a=mid:x", "a=mid:4"]
    told_a = world.answer(sdp(audio + "|a=mid:2", audio + "|a=mid:1", audio))
    assert lines_of(told_a, "a=mid:") == ["a=mid:1", "a=mid:x"]


def test_opaque_rtcp_has_a_stream_of_its_own() -> None:
    world = World()
    world.offer(sdp("m=audio 5000 UDP/TLS/RTP/SAVP 0|a=fingerprint:x y"))
    world.answer(sdp("m=audio 6000 UDP/TLS/RTP/SAVP 0|a=fingerprint:x y"))
    rtp, rtcp = world.streams()
    assert (world.remote(rtp, 0), world.remote(rtcp, 0)) == (("192.0.2.1", 5000), ("192.0.2.1", 5001))


def test_several_ports_of_a_line_are_several_streams() -> None:
    world = World()
    told_b = world.offer(sdp("m=video 5000/2 RTP/AVP 31"))
    assert lines_of(told_b, "m=")[0].split()[1].endswith("/2")
    world.answer(sdp("m=video 6000/2 RTP/AVP 31"))
    one, two = world.streams()
    assert [world.remote(stream, 0) for stream in (one, two)] == [("192.0.2.1", 5000), ("192.0.2.1", 5002)]
    assert world.remote(two, 1, 1) == ("192.0.2.1", 6003)


def test_a_loop_passes_unchanged() -> None:
    world = World()
    once = world.offer(A, flags=["loop protect"])
    assert world.offer(once, flags=["loop protect"], call="call-2") == once
    assert len(world.calls) == 1


def test_tos_marks_both_directions() -> None:
    world = World()
    world.offer(A, TOS=184)
    (stream,) = world.streams()
    assert world.relay.dscp == {(stream, 0): 46, (stream, 1): 46}


REFUSED = [
    ({"sdp": "nonsense"}, "Failed to parse SDP: line 1: "),
    ({"sdp": A.replace("c=IN IP4 192.0.2.1\r\n", "")}, "Failed to parse SDP: line 5: m=audio has no c= line"),
    ({"sdp": sdp(host="2001:db8::1")}, "No local address of family IP6"),
    ({"address-family": "IP6"}, "No local address of family IP6"),
    ({"sdp": sdp("m=audio 5000 RTP/AVP 0|c=IN IP6 2001:db8::1", "m=audio 5002 RTP/AVP 0")}, "No local address of family IP6"),
    ({"sdp": sdp("m=audio 5000 RTP/AVP 0", "m=audio 5002 RTP/AVP 0|c=IN IP6 2001:db8::1")}, "Failed to parse SDP: line 7: "),
    ({"sdp": sdp("m=audio 5000/9 RTP/AVP 0")}, "9 ports for one m= line, at most 8 are relayed"),
]


@pytest.mark.parametrize(("keys", "reason"), REFUSED)
def test_a_refused_first_offer_leaves_nothing(keys: dict[str, Any], reason: str) -> None:
    world = World()
    reply = world.request({"command": "offer", "call-id": "c", "from-tag": "a", "sdp": A} | keys)
    assert reply["error-reason"].startswith(reason)
    assert (len(world.calls), world.streams(), world.open_sockets) == (0, [], set())


@pytest.mark.parametrize(("keys", "reason"), REFUSED)
def test_a_refused_further_offer_leaves_what_was(keys: dict[str, Any], reason: str) -> None:
    world = World()
    to_a, to_b = agreed(world)
    free = world.pools[NEAR.address].free
    request = {"command": "offer", "call-id": "call-1", "from-tag": "a", "to-tag": "b", "sdp": A}
    assert world.request(request | keys)["error-reason"].startswith(reason)
    assert world.pools[NEAR.address].free == free
    assert ports_of(world.offer(A, to_tag="b")) == [to_b]
    assert ports_of(world.answer(B)) == [to_a]


def test_running_out_of_ports_gives_all_back() -> None:
    world = World(first_port=30000, last_port=30005)
    two_lines = sdp("m=audio 5000 RTP/AVP 0", "m=video 5002 RTP/AVP 96")
    reply = world.serve("offer", sdp=two_lines, call_id="c", from_tag="a")
    assert reply == {"result": "error", "error-reason": OUT_OF_PORTS}
    assert (world.free_ports(), world.streams(), len(world.calls)) == ([3], [], 0)
    world.offer(A)


def test_a_full_relay_table_counts_as_no_ports() -> None:
    world = World(relay_capacity=1)
    world.offer(A)
    reply = world.serve("offer", sdp=A, call_id="other", from_tag="a")
    assert reply["error-reason"] == OUT_OF_PORTS
    assert len(world.open_sockets) == 4
    assert world.pools[NEAR.address].free == 48


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"call-id": "other"}, "Unknown call-id"),
        ({"from-tag": "x", "to-tag": "y"}, "No offer with from-tag 'x' waits for an answer in this call"),
        ({"sdp": sdp("m=audio 1 RTP/AVP 0", "m=audio 2 RTP/AVP 0")}, "The answer has 2 m= lines, the offer had 1"),
        (
            {"sdp": sdp(host="2001:db8::1")},
            "Failed to parse SDP: line 6: m=audio: 2001:db8::1 can't be reached from 192.0.2.10",
        ),
        (
            {"sdp": sdp("m=image 53 udptl t38", host="127.0.0.1")},
            "Failed to parse SDP: line 6: m=image: 127.0.0.1 can't be reached from 192.0.2.10",
        ),
        ({"to-tag": ""}, "No to-tag in message"),
        ({"from-tag": ""}, "No from-tag in message"),
        ({"sdp": ""}, "No SDP body in message"),
        ({"call-id": ""}, "No call-id in message"),
    ],
)
def test_a_refused_answer_changes_nothing(keys: dict[str, Any], reason: str) -> None:
    world = World()
    world.offer(A)
    request = {"command": "answer", "call-id": "call-1", "from-tag": "a", "to-tag": "b", "sdp": B}
    assert world.request(request | keys) == {"result": "error", "error-reason": reason}
    assert not world.relay.remotes
    world.answer(B)


def test_offers_that_cross_are_answered_each_by_its_own_answer() -> None:
    world = World()
    near = sdp("m=audio 5000 RTP/AVP 0")
    far = sdp("m=audio 6000 RTP/AVP 0", host="198.51.100.1")
    offered = world.offer(near)
    answered = world.answer(far)
    moved = sdp("m=audio 6100 RTP/AVP 0", host="198.51.100.1")
    world.offer(near, to_tag="b")
    world.offer(moved, frm="b", to_tag="a")
    assert ports_of(world.answer(far)) == ports_of(answered)
    assert world.remote(world.streams()[0], 1) == ("198.51.100.1", 6000)
    assert ports_of(world.answer(near, frm="b", to="a")) == ports_of(offered)
    assert world.remote(world.streams()[0], 1) == ("198.51.100.1", 6100)
    tags = world.serve("query", call_id="call-1")["tags"]
    assert {name: party["in dialogue with"] for name, party in tags.items()} == {"a": "b", "b": "a"}
    late = world.serve("answer", call_id="call-1", from_tag="a", to_tag="b", sdp=far)
    assert late["result"] == "error"
    assert world.remote(world.streams()[0], 1) == ("198.51.100.1", 6100)


@pytest.mark.parametrize(
    ("offered", "sent_on", "answered"),
    [("RTP/AVP", "RTP/AVPF", "RTP/SAVPF"), ("RTP/SAVP", "RTP/SAVPF", "RTP/AVP"), ("RTP/SAVPF", "RTP/SAVP", "RTP/AVPF")],
)
def test_the_offerer_is_told_when_security_is_not_as_offered(offered: str, sent_on: str, answered: str) -> None:
    world = World()
    world.offer(sdp(f"m=audio 5000 {offered} 0"), transport_protocol=sent_on)
    told_a = world.answer(sdp(f"m=audio 6000 {answered} 0"))
    assert lines_of(told_a, "m=")[0].split()[2] == answered


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(
    ("offered", "answered", "told"),
    [
        ("RTP/AVP", "RTP/AVPF", "RTP/AVP"),
        ("RTP/AVPF", "RTP/AVP", "RTP/AVPF"),
        ("RTP/SAVP", "RTP/SAVPF", "RTP/SAVP"),
        ("RTP/SAVP", "RTP/AVP", "RTP/AVP"),
        ("RTP/AVP", "RTP/SAVP", "RTP/SAVP"),
    ],
)
def test_the_offerer_is_answered_by_its_own_profile(offered: str, answered: str, told: str, accepted: bool) -> None:
    world = World()
    world.offer(sdp(f"m=audio 5000 {offered} 0"))
    keys = {"transport_protocol": "accept"} if accepted else {}
    told_a = world.answer(sdp(f"m=audio 6000 {answered} 0"), **keys)
    assert lines_of(told_a, "m=")[0].split()[2] == (answered if accepted else told)


def test_the_callee_may_offer_without_a_to_tag() -> None:
    world = World()
    world.offer(A)
    told_a = world.answer(B)
    told = world.offer(B, frm="b")
    assert lines_of(told, "m=") == lines_of(told_a, "m=")
    world.answer(A, frm="b", to="a")
    assert len(world.streams()) == 1
