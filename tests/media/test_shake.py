"""What is told and agreed of DTLS that ends here, in bodies: nothing is sent."""

from typing import Any

import pytest

from media.sdp import parse
from media.shake import Peer, Shake, is_active, read
from native import relay
from tests.media.dtls_peer import THEM
from tests.media.world import World, lines_of, sdp

DTLS = "UDP/TLS/RTP/SAVPF"
PRINT = str(THEM.fingerprint())
OFFER = f"m=audio 5000 {DTLS} 0|a=mid:0|a=setup:actpass|a=fingerprint:{PRINT}|a=tls-id:aaaaaaaaaaaaaaaaaaaaaaaa|a=rtcp-mux"
ANSWER = f"m=audio 6000 {DTLS} 0|a=setup:active|a=fingerprint:{PRINT}|a=rtcp-mux"
PLAIN = "m=audio 6000 RTP/AVP 0"
SUITE = "AES_CM_128_HMAC_SHA1_80"


def of_dtls(body: str) -> list[str]:
    return [line.split(":")[0] for line in body.splitlines() if line.startswith(("a=setup", "a=fingerprint", "a=tls-id"))]


def test_a_browser_calls_a_phone() -> None:
    world = World()
    told_b = world.offer(sdp(OFFER), transport_protocol="RTP/AVP")
    assert lines_of(told_b, "m=")[0].split()[2] == "RTP/AVP"
    assert of_dtls(told_b) == []
    told_a = world.answer(sdp(PLAIN))
    (stream,) = world.streams()
    assert lines_of(told_a, "m=")[0].split()[2] == DTLS
    assert of_dtls(told_a) == ["a=setup", "a=fingerprint", "a=tls-id"]
    assert "a=setup:active" in told_a
    assert "a=rtcp-mux" in told_a
    assert PRINT not in told_a
    assert world.relay.shaking == {(stream, 0): True}
    assert world.relay.muxed == {(stream, 0): True, (stream, 1): False}
    assert [sent[:3] for sent in world.relay.sent] == [(stream, 0, None)]  # our ClientHello


def test_a_phone_calls_a_browser() -> None:
    world = World()
    told_b = world.offer(sdp(), transport_protocol=DTLS)
    assert lines_of(told_b, "m=")[0].split()[2] == DTLS
    assert of_dtls(told_b) == ["a=setup", "a=fingerprint", "a=tls-id"]
    assert "a=setup:actpass" in told_b
    assert "a=rtcp-mux" in told_b
    assert "crypto" not in told_b
    told_a = world.answer(sdp(ANSWER))
    assert lines_of(told_a, "m=")[0].split()[2] == "RTP/AVP"
    assert of_dtls(told_a) == []
    (stream,) = world.streams()
    assert world.relay.shaking == {(stream, 1): True}
    assert world.relay.sent == []  # it is the client


def test_sdes_on_one_side_and_dtls_on_the_other() -> None:
    world = World()
    told_b = world.offer(sdp(OFFER), transport_protocol="RTP/SAVP")
    ours = lines_of(told_b, "a=crypto:")
    assert ours
    suite = next(line for line in ours if SUITE in line)
    told_a = world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|{suite}"))
    (stream,) = world.streams()
    assert "a=crypto" not in told_a
    assert of_dtls(told_a) == ["a=setup", "a=fingerprint", "a=tls-id"]
    assert list(world.relay.keys) == [(stream, 1)]
    assert world.relay.shaking == {(stream, 0): True}


def test_dtls_of_both_passes_or_ends_here_as_the_proxy_wants_it() -> None:
    world = World()
    assert PRINT in world.offer(sdp(OFFER))
    assert PRINT in world.answer(sdp(ANSWER))
    assert set(world.relay.kinds.values()) == {relay.OPAQUE}
    assert world.relay.shaking == {}
    world = World()
    assert PRINT not in world.offer(sdp(OFFER), flags=["recrypt"])
    assert PRINT not in world.answer(sdp(ANSWER))
    (stream,) = world.streams()
    assert world.relay.kinds == {stream: relay.RTP}
    assert world.relay.shaking == {(stream, 0): True, (stream, 1): True}
    assert PRINT not in world.offer(sdp(OFFER), to_tag="b")  # as it is by now


def test_a_reinvite_without_change_keeps_the_association() -> None:
    world = World()
    world.offer(sdp(OFFER), transport_protocol="RTP/AVP")
    told = world.answer(sdp(PLAIN))
    sent = list(world.relay.sent)
    assert lines_of(world.offer(sdp(OFFER), to_tag="b"), "m=")[0].split()[2] == "RTP/AVP"
    assert lines_of(world.answer(sdp(PLAIN)), "a=") == lines_of(told, "a=")
    assert world.relay.sent == sent
    asked = world.offer(sdp(PLAIN), frm="b", to_tag="a")  # the other one asks
    assert "a=setup:actpass" in asked
    assert lines_of(asked, "a=tls-id") == lines_of(told, "a=tls-id")
    world.answer(sdp(OFFER.replace("actpass", "passive")), frm="b", to="a")
    assert world.relay.sent == sent


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("tls-id:aaaa", "tls-id:bbbb"),
        ("setup:actpass", "setup:active"),
        (PRINT, str(THEM.fingerprint("sha-512"))),
    ],
)
def test_what_a_party_begins_anew_is_another_association(was: str, becomes: str) -> None:
    world = World()
    world.offer(sdp(OFFER), transport_protocol="RTP/AVP")
    before = lines_of(world.answer(sdp(PLAIN)), "a=tls-id")
    world.offer(sdp(OFFER.replace(was, becomes)), to_tag="b")
    told = world.answer(sdp(PLAIN))
    assert lines_of(told, "a=tls-id") != before
    assert len(world.relay.sent) == (1 if "setup" in was else 2)


def test_dtls_that_goes_leaves_a_plain_side() -> None:
    world = World()
    world.offer(sdp(OFFER), transport_protocol="RTP/AVP")
    world.answer(sdp(PLAIN))
    (stream,) = world.streams()
    world.offer(sdp("m=audio 5000 RTP/AVP 0"), to_tag="b")
    world.answer(sdp(PLAIN))
    assert world.relay.shaking == {(stream, 0): False}
    assert world.relay.keys[stream, 0] == (None, None)


@pytest.mark.parametrize(
    ("setup", "offered", "passive", "present", "active"),
    [
        ("actpass", True, False, None, True),
        ("actpass", True, True, None, False),
        ("actpass", True, False, False, False),
        ("actpass", True, True, True, True),
        ("active", True, False, None, False),
        ("passive", True, True, None, True),
        ("", True, False, None, True),
        ("active", False, False, None, False),
        ("passive", False, False, None, True),
        ("passive", False, False, False, True),
        ("actpass", False, False, None, True),
        ("", False, True, None, True),
    ],
)
def test_who_sends_the_client_hello(setup: str, offered: bool, passive: bool, present: bool | None, active: bool) -> None:
    assert is_active(Shake(Peer((), setup), offered, passive), present) is active


def test_what_the_session_says_holds_of_lines_that_say_nothing() -> None:
    session = f"a=fingerprint:{PRINT}", "a=setup:active"
    body = parse(sdp(f"m=audio 5000 {DTLS} 0", f"m=video 6000 {DTLS} 96|a=setup:passive", session=session))
    audio, video = (read(media, body.session) for media in body.media)
    assert audio == Peer((THEM.fingerprint(),), "active")
    assert video == Peer((THEM.fingerprint(),), "passive")


@pytest.mark.parametrize(
    ("offer", "keys", "why"),
    [
        (f"m=audio 5000 {DTLS} 0", {"transport_protocol": "RTP/AVP"}, "no a=fingerprint with a hash function"),
        (f"m=audio 5000 {DTLS} 0|a=fingerprint:md5 AB", {"transport_protocol": "RTP/AVP"}, "no a=fingerprint with"),
        (OFFER.replace("5000", "5000/2"), {"transport_protocol": "RTP/AVP"}, "2 port pairs"),
        ("m=audio 5000 RTP/AVP 0", {"transport_protocol": DTLS, "DTLS": "no"}, "it is off"),
        ("m=audio 5000 RTP/SAVP 0", {"transport_protocol": DTLS}, "no a=crypto line"),
        ("m=audio 5000 RTP/AVP 0", {"DTLS_fingerprint": "md5"}, "DTLS-fingerprint must be one of"),
    ],
)
def test_what_can_not_be_is_an_error_that_changes_nothing(offer: str, keys: dict[str, Any], why: str) -> None:
    world = World()
    reply = world.serve("offer", sdp=sdp(offer), call_id="c", from_tag="a", **keys)
    assert why in reply["error-reason"]
    assert world.streams() == []


def test_an_answer_without_a_fingerprint_is_an_error() -> None:
    world = World()
    world.offer(sdp(), transport_protocol=DTLS)
    reply = world.serve("answer", sdp=sdp(f"m=audio 6000 {DTLS} 0"), call_id="call-1", from_tag="a", to_tag="b")
    assert "the answer has no a=fingerprint" in reply["error-reason"]


def test_what_the_session_says_of_keys_goes_where_every_line_has_its_own() -> None:
    session = f"a=fingerprint:{PRINT}", "a=setup:actpass"
    line, other = f"m=audio 5000 {DTLS} 0", "m=application 7000 UDP/DTLS/SCTP webrtc-datachannel"
    assert PRINT not in World().offer(sdp(line, "m=audio 0 RTP/AVP 0", session=session), transport_protocol="RTP/AVP")
    assert PRINT in World().offer(sdp(line, other, session=session), transport_protocol="RTP/AVP")
    assert PRINT in World().offer(sdp(line, session=session))


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_without_dtls_towards_the_answerer_it_still_ends_here(profile: str) -> None:
    assert of_dtls(World().offer(sdp(OFFER), transport_protocol=profile, DTLS="off")) == []


def test_the_proxy_says_which_hash_and_no_tls_id() -> None:
    told = World().offer(sdp(), transport_protocol=DTLS, DTLS_fingerprint="sha-512", flags=["no-tls-id"])
    assert of_dtls(told) == ["a=setup", "a=fingerprint"]
    assert "a=fingerprint:sha-512 " in told


def test_webrtc_is_one_word_for_what_a_browser_needs() -> None:
    told = World().offer(sdp(), flags=["WebRTC"])
    assert lines_of(told, "m=")[0].split()[2] == DTLS
    assert "a=rtcp-mux" in told
    assert "a=mid:1" in told
    assert lines_of(told, "a=rtcp:") == []
    assert "crypto" not in told
