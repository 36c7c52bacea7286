"""ICE in offers and answers: what each party is told, and what the relay is told of it."""

from typing import Any

import pytest

from media.ice import OwnIce, Peer
from media.sdp import parse
from native import relay
from tests.media.world import FAR, NEAR, World, lines_of, ports_of, sdp

CREDENTIALS = "a=ice-ufrag:Ci7n|a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c"
OTHERS = "a=ice-ufrag:Other|a=ice-pwd:otherotherotherotherother"
CANDIDATE = "a=candidate:1 1 UDP 2130706431 192.0.2.1 5000 typ host"
PLAIN = sdp()
ICE = sdp(f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}")
OF_B = sdp(f"m=audio 5000 RTP/AVP 0|{OTHERS}|{CANDIDATE}")
LITE = sdp(f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}", session=("a=ice-lite",))


def ice_of(body: str) -> list[str]:
    return lines_of(body, "a=ice-") + lines_of(body, "a=candidate") + lines_of(body, "a=end-of")


def credentials_of(body: str) -> tuple[str, str]:
    (ufrag,), (password,) = lines_of(body, "a=ice-ufrag:"), lines_of(body, "a=ice-pwd:")
    return ufrag.partition(":")[2], password.partition(":")[2]


def modes(world: World, side: int, stream: int | None = None) -> list[Any]:
    (stream,) = world.streams() if stream is None else (stream,)
    return [world.relay.remotes[stream, side, component][:2] for component in (0, 1)]


SPOKEN = [(None, relay.ICE)] * 2


def test_each_party_has_credentials_and_candidates_of_ours() -> None:
    world = World((NEAR, FAR))
    offered = world.offer(ICE, direction=["near", "far"])
    (port,) = ports_of(offered)
    ufrag, password = credentials_of(offered)
    assert offered.splitlines()[5:] == [
        "a=ice-lite",
        f"m=audio {port} RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=sendrecv",
        f"a=rtcp:{port + 1}",
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{password}",
        f"a=candidate:1 1 UDP 2130706431 203.0.113.10 {port} typ host",
        f"a=candidate:1 2 UDP 2130706430 203.0.113.10 {port + 1} typ host",
    ]
    assert (len(ufrag), len(password)) == (8, 24)
    told = world.answer(OF_B)
    assert credentials_of(told) != (ufrag, password)
    assert "192.0.2.10" in lines_of(told, "a=candidate")[0]
    (stream,) = world.streams()
    assert world.relay.ice == {(stream, 0): (*credentials_of(told), "Ci7n"), (stream, 1): (ufrag, password, "Other")}
    assert modes(world, 0) == modes(world, 1) == SPOKEN


def test_before_the_answer_the_answerer_can_check_us() -> None:
    world = World()
    offered = world.offer(ICE)
    (stream,) = world.streams()
    assert world.relay.ice == {(stream, 1): (*credentials_of(offered), "")}
    assert not world.relay.remotes


@pytest.mark.parametrize(
    ("body", "keys", "asked"),
    [
        (ICE, {}, True),
        (ICE, {"ICE": "remove"}, False),
        (ICE, {"ICE": "default"}, True),
        (ICE, {"ICE": "optional"}, True),
        (PLAIN, {}, False),
        (PLAIN, {"ICE": "default"}, False),
        (PLAIN, {"ICE": "optional"}, True),
        (PLAIN, {"ICE": "force"}, True),
        (PLAIN, {"ICE": "force-relay"}, True),
        (ICE, {"flags": ["reject ICE"]}, True),
    ],
)
def test_what_the_answerer_is_offered(body: str, keys: dict[str, Any], asked: bool) -> None:
    offered = World().offer(body, **keys)
    assert bool(ice_of(offered)) == asked
    assert ("a=ice-lite" in offered) == asked


@pytest.mark.parametrize(
    ("body", "keys", "later", "taken"),
    [
        (ICE, {}, {}, True),
        (ICE, {"ICE": "remove"}, {}, True),
        (ICE, {}, {"ICE": "remove"}, False),
        (ICE, {"flags": ["reject-ICE"]}, {}, False),
        (ICE, {}, {"flags": ["reject-ICE"]}, False),
        (PLAIN, {"ICE": "force"}, {"ICE": "force"}, False),
    ],
)
def test_what_the_offerer_is_answered(body: str, keys: dict[str, Any], later: dict[str, Any], taken: bool) -> None:
    world = World()
    world.offer(body, **keys)
    told = world.answer(PLAIN, **later)
    assert bool(ice_of(told)) == taken
    assert modes(world, 0) == (
        SPOKEN if taken else [(("192.0.2.1", 5000), relay.SYMMETRIC), (("192.0.2.1", 5001), relay.SYMMETRIC)]
    )
    flags = world.serve("query", call_id="call-1")["tags"]["a"]["medias"][0]["flags"]
    assert ("ICE" in flags) == taken


def test_an_answerer_without_it_is_where_it_says() -> None:
    world = World()
    world.offer(PLAIN, ICE="force")
    world.answer(PLAIN)
    assert modes(world, 1)[0] == (("192.0.2.1", 5000), relay.SYMMETRIC)


def test_rtcp_beside_rtp_has_no_candidate_once_that_is_settled() -> None:
    world = World()
    mux = sdp(f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}|a=rtcp-mux")
    assert len(lines_of(world.offer(mux), "a=candidate")) == 2
    assert len(lines_of(world.answer(mux), "a=candidate")) == 1
    assert len(lines_of(World().offer(mux, rtcp_mux=["require"]), "a=candidate")) == 1
    fax = sdp(f"m=image 5000 udptl t38|{CREDENTIALS}|{CANDIDATE}")
    world = World()
    assert len(lines_of(world.offer(fax), "a=candidate")) == 1
    world.answer(fax)
    assert [modes_of[:2] for key, modes_of in sorted(world.relay.remotes.items())] == [(None, relay.ICE)] * 4


def test_a_lite_party_is_sent_to_where_it_is() -> None:
    world = World()
    world.offer(LITE)
    world.answer(PLAIN)
    assert modes(world, 0) == [(("192.0.2.1", 5000), relay.ICE), (("192.0.2.1", 5001), relay.ICE)]


def test_credentials_stay_until_a_party_restarts() -> None:
    world = World()
    offered = credentials_of(world.offer(ICE))
    told = credentials_of(world.answer(OF_B))
    assert credentials_of(world.offer(ICE, to_tag="b")) == offered
    assert credentials_of(world.answer(OF_B)) == told
    again = sdp(f"m=audio 5000 RTP/AVP 0|a=ice-ufrag:New1|a=ice-pwd:newnewnewnewnewnewnewnew|{CANDIDATE}", version=2)
    assert credentials_of(world.offer(again, to_tag="b")) == offered
    (stream,) = world.streams()
    assert world.relay.ice[stream, 0] == (*told, "Ci7n")  # until it is answered
    renewed = credentials_of(world.answer(OF_B))
    assert renewed[0] != told[0]
    assert renewed[1] != told[1]
    assert world.relay.ice[stream, 0] == (*renewed, "New1")
    assert modes(world, 0) == SPOKEN


def test_an_offer_of_the_answerer_keeps_both_legs() -> None:
    world = World()
    world.offer(PLAIN, ICE="force")
    world.answer(OF_B)
    assert not ice_of(world.offer(OF_B, frm="b", to_tag="a", ICE="remove"))
    told = world.answer(PLAIN, frm="b", to="a")
    assert credentials_of(told)[0] == world.relay.ice[world.streams()[0], 1][0]
    assert modes(world, 1) == SPOKEN


def test_an_answerer_that_speaks_it_is_offered_it_again() -> None:
    world = World()
    first = credentials_of(world.offer(PLAIN, ICE="force"))
    world.answer(OF_B)
    assert credentials_of(world.offer(PLAIN, to_tag="b")) == first
    assert not ice_of(world.offer(PLAIN, to_tag="b", ICE="remove"))
    world.answer(PLAIN)
    assert modes(world, 1)[0][1] == relay.SYMMETRIC
    assert not ice_of(world.offer(PLAIN, to_tag="b"))


def test_who_ends_ice_with_a_new_offer_is_where_it_says() -> None:
    world = World()
    world.offer(ICE)
    world.answer(PLAIN)
    world.offer(PLAIN, to_tag="b")
    assert not ice_of(world.answer(PLAIN))
    assert modes(world, 0)[0] == (("192.0.2.1", 5000), relay.SYMMETRIC)


def test_candidates_come_all_at_once() -> None:
    offered = World().offer(ICE, flags=["trickle ICE"])
    assert offered.splitlines()[-1] == "a=end-of-candidates"
    assert "a=ice-options:trickle" in offered
    assert "end-of-candidates" not in World().offer(ICE)


def test_a_party_whose_candidates_are_to_come_is_nowhere_yet() -> None:
    trickled = sdp(f"m=audio 9 RTP/AVP 0|{CREDENTIALS}|a=ice-options:trickle", host="0.0.0.0")
    world = World()
    assert ice_of(world.offer(trickled))
    assert ice_of(world.answer(PLAIN))
    assert modes(world, 0) == SPOKEN
    (stream,) = world.streams()
    assert world.relay.forwarding[stream, 1]  # it is not held


def test_an_address_that_was_changed_on_the_way_ends_ice() -> None:
    changed = sdp(f"m=audio 6000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}")
    world = World()
    world.offer(changed)
    told = world.answer(PLAIN)
    assert ice_of(told) == ["a=ice-mismatch"]
    assert modes(world, 0)[0] == (("192.0.2.1", 6000), relay.SYMMETRIC)
    world = World()
    world.offer(PLAIN, ICE="force")
    world.answer(changed)
    assert modes(world, 1) == SPOKEN  # it checks us, wherever it says it is


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        (f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}", ("Ci7n", "l9QndxLG6OycZRcQe9zcT95c", False, False)),
        (f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}", ("Ci7n", "l9QndxLG6OycZRcQe9zcT95c", False, True)),
        (f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|a=ice-options:trickle", ("Ci7n", "l9QndxLG6OycZRcQe9zcT95c", False, False)),
        ("m=audio 5000 RTP/AVP 0|a=ice-ufrag:abc|a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c", None),
        ("m=audio 5000 RTP/AVP 0|a=ice-ufrag:abcd|a=ice-pwd:short", None),
        ("m=audio 5000 RTP/AVP 0|a=ice-ufrag:abcd", None),
        ("m=audio 5000 RTP/AVP 0|a=ice-ufrag:ab d|a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c", None),
        ("m=audio 5000 RTP/AVP 0|a=ice-ufrag:" + "x" * 257 + "|a=ice-pwd:l9QndxLG6OycZRcQe9zcT95c", None),
        ("m=audio 5000 RTP/AVP 0|a=x", None),
    ],
)
def test_what_is_said_of_ice_is_read(section: str, expected: tuple[object, ...] | None) -> None:
    world = World()
    world.offer(sdp(section))
    call = world.calls.get("call-1")
    assert call is not None
    offer = call.dialogues[0].offers[0]
    assert offer is not None
    assert offer.described[0].ice == expected


def test_credentials_of_the_session_are_those_of_lines_without_their_own() -> None:
    body = sdp(
        f"m=audio 5000 RTP/AVP 0|{CANDIDATE}",
        f"m=video 5000 RTP/AVP 96|{OTHERS}|{CANDIDATE}",
        session=tuple(CREDENTIALS.split("|")),
    )
    world = World()
    assert len(parse(world.offer(body)).media) == 2
    world.answer(sdp("m=audio 5000 RTP/AVP 0", "m=video 5000 RTP/AVP 96"))
    audio, video = world.streams()
    assert (world.relay.ice[audio, 0][2], world.relay.ice[video, 0][2]) == ("Ci7n", "Other")
    assert world.relay.ice[audio, 0][:2] != world.relay.ice[video, 0][:2]


def test_several_ports_and_rejected_lines_have_none() -> None:
    assert not ice_of(World().offer(sdp(f"m=audio 5000/2 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}")))
    world = World()
    world.offer(sdp(f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}|{CANDIDATE}"))
    assert not ice_of(world.answer(sdp("m=audio 0 RTP/AVP 0")))


def test_a_hold_leaves_nominations_alone() -> None:
    world = World()
    world.offer(ICE)
    told = world.answer(OF_B)
    world.offer(sdp(f"m=audio 5000 RTP/AVP 0|{CREDENTIALS}", host="0.0.0.0", version=2), to_tag="b")
    assert credentials_of(world.answer(OF_B)) == credentials_of(told)
    assert modes(world, 0) == SPOKEN
    (stream,) = world.streams()
    assert not world.relay.forwarding[stream, 1]


def test_an_address_to_announce_is_the_candidates_too() -> None:
    assert " 198.51.100.77 " in lines_of(World().offer(ICE, media_address="198.51.100.77"), "a=candidate")[0]


def test_credentials_are_renewed_by_a_restart_alone() -> None:
    own, peer = OwnIce(), Peer("abcd", "x" * 22, False, False)
    before = own.ufrag, own.password
    own.meet(peer)
    own.meet(peer._replace(lite=True))
    assert (own.ufrag, own.password) == before
    own.meet(peer._replace(password="y" * 22))
    assert own.ufrag != before[0]
    assert own.password != before[1]
