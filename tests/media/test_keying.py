"""Calls between a party that speaks SRTP and one that doesn't, as a proxy asks for them."""

from typing import Any

import pytest

from media.endpoint import NOWHERE
from media.line import Keys, Line
from media.sdes import SUITES, OwnKeys, parse_all
from media.shake import Shakes
from media.streams import Lines
from tests.media.world import World, lines_of, sdp

SECURE, PLAIN = "RTP/SAVP", "RTP/AVP"
SUITE = "AES_CM_128_HMAC_SHA1_80"
THEIRS = OwnKeys().crypto(7, SUITE)
UNKNOWN = "a=crypto:1 F8_128_HMAC_SHA1_80 inline:x"
OFFER = f"m=audio 5000 RTP/SAVP 0|{UNKNOWN}|a=crypto:{THEIRS}|a=fingerprint:sha-256 AB|a=ptime:20"


def cryptos(body: str) -> Any:
    return parse_all(line.removeprefix("a=crypto:") for line in lines_of(body, "a=crypto:"))


def secure_caller(world: World, answer: str = "m=audio 6000 RTP/AVP 0") -> tuple[str, str]:
    """(told to the callee, told to the caller) of a call from SRTP to RTP."""
    return world.offer(sdp(OFFER), transport_protocol=PLAIN), world.answer(sdp(answer))


def test_a_secure_caller_reaches_a_plain_callee() -> None:
    world = World()
    told_b, told_a = secure_caller(world)
    (stream,) = world.streams()
    assert lines_of(told_b, "m=")[0].split()[2:] == [PLAIN, "0"]
    assert "crypto" not in told_b
    assert "fingerprint" not in told_b
    assert "a=ptime:20" in told_b
    assert lines_of(told_a, "m=")[0].split()[2] == SECURE
    (ours,) = cryptos(told_a)
    assert (ours.tag, ours.suite) == (7, SUITE)
    assert ours.key != THEIRS.key
    assert world.relay.keys == {(stream, 0): (THEIRS.relayed, ours.relayed)}


def test_a_plain_caller_reaches_a_secure_callee() -> None:
    world = World()
    told_b = world.offer(sdp(), transport_protocol=SECURE)
    offered = cryptos(told_b)
    assert [crypto.suite for crypto in offered] == list(SUITES)
    assert lines_of(told_b, "m=")[0].split()[2] == SECURE
    chosen = offered[2]
    answer = OwnKeys().crypto(chosen.tag, chosen.suite)
    told_a = world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{answer}"))
    assert "crypto" not in told_a
    assert lines_of(told_a, "m=")[0].split()[2] == PLAIN
    assert world.relay.keys == {(world.streams()[0], 1): (answer.relayed, chosen.relayed)}


@pytest.mark.parametrize("caller", [SECURE, PLAIN])
def test_nothing_can_pass_before_the_keys_are_there(caller: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    secure = Lines.secure

    def spy(lines: Lines, line: Line, keys: Keys, shakes: Shakes) -> None:
        seen.append(line.places)
        secure(lines, line, keys, shakes)

    monkeypatch.setattr(Lines, "secure", spy)
    world = World()
    if caller == SECURE:
        secure_caller(world)
    else:
        (key, *_) = cryptos(world.offer(sdp(), transport_protocol=SECURE))
        world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{OwnKeys().crypto(key.tag, key.suite)}"))
    assert seen == [(NOWHERE, NOWHERE)]
    assert world.relay.keys


def test_the_proxy_chooses_among_the_suites() -> None:
    world = World()
    told_b = world.offer(sdp(), transport_protocol=SECURE, flags=["SDES-only-AES_CM_128_HMAC_SHA1_32"])
    assert [crypto.suite for crypto in cryptos(told_b)] == ["AES_CM_128_HMAC_SHA1_32"]


SHORTER = OwnKeys().crypto(2, "AES_CM_128_HMAC_SHA1_32")
KEYED = f"m=audio 5000 RTP/SAVP 0|{UNKNOWN}|a=setup:actpass|a=crypto:{SHORTER}|a=crypto:{THEIRS}|a=fingerprint:sha-256 AB"


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["no-AES_CM_128_HMAC_SHA1_32"], [UNKNOWN, f"a=crypto:{THEIRS}"]),
        (["no-F8_128_HMAC_SHA1_80"], [f"a=crypto:{SHORTER}", f"a=crypto:{THEIRS}"]),
        (["only-AES_CM_128_HMAC_SHA1_80"], [f"a=crypto:{THEIRS}"]),
        (["only-AES_CM_128_HMAC_SHA1_80", "no-AES_CM_128_HMAC_SHA1_80"], [f"a=crypto:{THEIRS}"]),
        (["nonew", "only-AES_CM_128_HMAC_SHA1_80"], [UNKNOWN, f"a=crypto:{SHORTER}", f"a=crypto:{THEIRS}"]),
        (["off"], []),
    ],
)
def test_keys_that_the_proxy_does_not_want_do_not_pass(words: list[str], left: list[str]) -> None:
    world = World()
    told_b = world.offer(sdp(KEYED), SDES=words)
    assert lines_of(told_b, "a=crypto") == left
    assert lines_of(told_b, "a=setup") + lines_of(told_b, "a=fingerprint") == ["a=setup:actpass", "a=fingerprint:sha-256 AB"]
    assert world.relay.keys == {}


def test_when_no_key_may_pass_each_side_has_ours() -> None:
    world = World()
    (offered,) = cryptos(world.offer(sdp(KEYED), SDES=["only-AEAD_AES_256_GCM"]))
    answer = OwnKeys().crypto(1, "AEAD_AES_256_GCM")
    (told_a,) = cryptos(world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{answer}")))
    assert (told_a.tag, told_a.suite) == (SHORTER.tag, SHORTER.suite)
    (stream,) = world.streams()
    assert world.relay.keys == {
        (stream, 0): (SHORTER.relayed, told_a.relayed),
        (stream, 1): (answer.relayed, offered.relayed),
    }


@pytest.mark.parametrize("offer", [sdp(), sdp(KEYED)], ids=["plain", "secure"])
def test_an_offer_of_no_suite_we_have_is_refused(offer: str) -> None:
    world = World()
    reply = world.serve(
        "offer", sdp=offer, call_id="c", from_tag="a", transport_protocol=SECURE, SDES=["only-AES_192_CM_HMAC_SHA1_80"]
    )
    assert "SDES leaves no suite that we have" in reply["error-reason"]
    assert world.streams() == []


def test_two_secure_parties_keep_their_keys() -> None:
    world = World()
    told_b = world.offer(sdp(OFFER))
    assert UNKNOWN in told_b
    assert cryptos(told_b) == (THEIRS,)
    assert cryptos(world.answer(sdp(OFFER.replace("5000", "6000")))) == (THEIRS,)
    assert world.relay.keys == {}


def test_an_offer_without_a_key_we_have_is_refused() -> None:
    world = World()
    for section in (
        f"m=audio 5000 RTP/SAVP 0|{UNKNOWN}",
        "m=audio 5000 RTP/SAVP 0",
    ):
        reply = world.serve("offer", sdp=sdp(section), call_id="c", from_tag="a", transport_protocol=PLAIN)
        assert "no a=crypto line with a suite and parameters we have" in reply["error-reason"]
    assert world.streams() == []


@pytest.mark.parametrize(
    ("section", "protocol"),
    [(OFFER.replace("5000", "5000/2"), PLAIN), ("m=audio 5000/2 RTP/AVP 0", SECURE)],
    ids=["ends here", "begins here"],
)
def test_several_port_pairs_share_no_key(section: str, protocol: str) -> None:
    """Layers have the same SSRC (RFC 3550 section 8.3), so that two packets would be secured by one index."""
    world = World()
    reply = world.serve("offer", sdp=sdp(section), call_id="c", from_tag="a", transport_protocol=protocol)
    assert "m=audio: SRTP of 2 port pairs can't begin or end here" in reply["error-reason"]
    assert world.streams() == []


@pytest.mark.parametrize(
    "keys",
    ["", f"|{UNKNOWN}", f"|a=crypto:{OwnKeys().crypto(1, 'AEAD_AES_128_GCM')}"],
    ids=["no line", "unknown suite", "not offered"],
)
def test_an_answer_that_takes_no_key_is_refused_and_changes_nothing(keys: str) -> None:
    world = World()
    world.offer(sdp(), transport_protocol=SECURE, SDES=["no-AEAD_AES_128_GCM"])
    reply = world.serve("answer", sdp=sdp(f"m=audio 6000 RTP/SAVP 0{keys}"), call_id="call-1", from_tag="a", to_tag="b")
    assert "takes none of the keys" in reply["error-reason"]
    assert world.relay.keys == world.relay.remotes == {}


@pytest.mark.parametrize("tag", [1, 7, 99])
def test_an_answer_is_known_by_its_suite(tag: int) -> None:
    world = World()
    offered = {crypto.suite: crypto for crypto in cryptos(world.offer(sdp(), transport_protocol=SECURE))}
    answer = OwnKeys().crypto(tag, SUITE)
    world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{answer}"))
    assert world.relay.keys == {(world.streams()[0], 1): (answer.relayed, offered[SUITE].relayed)}


def test_an_answer_with_a_plain_profile_is_taken_at_its_word() -> None:
    world = World()
    world.offer(sdp(), transport_protocol=SECURE)
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    assert lines_of(told_a, "m=")[0].endswith("RTP/AVP 0")
    assert lines_of(told_a, "a=crypto") == []
    assert world.relay.keys == {}


def test_the_same_answer_again_has_the_same_key() -> None:
    world = World()
    _, told_a = secure_caller(world)
    assert world.answer(sdp("m=audio 6000 RTP/AVP 0")) == told_a


@pytest.mark.parametrize("by", ["a", "b"])
def test_an_offer_within_the_call_keeps_each_leg_as_it_is(by: str) -> None:
    world = World()
    _, told_a = secure_caller(world)
    before = dict(world.relay.keys)
    (ours,) = cryptos(told_a)
    if by == "a":
        assert "crypto" not in world.offer(sdp(OFFER), to_tag="b")
        assert cryptos(world.answer(sdp("m=audio 6000 RTP/AVP 0"))) == (ours,)
    else:
        told = world.offer(sdp("m=audio 6000 RTP/AVP 0"), frm="b", to_tag="a")
        offered = {crypto.suite: crypto for crypto in cryptos(told)}
        assert lines_of(told, "m=")[0].split()[2] == SECURE
        assert offered[SUITE].key == ours.key
        answer = OwnKeys().crypto(offered[SUITE].tag, SUITE)
        assert "crypto" not in world.answer(sdp(f"m=audio 5000 RTP/SAVP 0|a=crypto:{answer}"), frm="b", to="a")
        before = {(world.streams()[0], 0): (answer.relayed, ours.relayed)}
    assert world.relay.keys == before


SHORT = "AES_CM_128_HMAC_SHA1_32"


def answered_with(world: World, offered: str, suite: str, to: str = "b", **keys: Any) -> Any:
    """The answer of ``to`` to what it was offered, by that suite: (its key, ours), as they are in effect then."""
    ours = next(crypto for crypto in cryptos(offered) if crypto.suite == suite)
    own = OwnKeys().crypto(ours.tag, suite)
    world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{own}"), to=to, **keys)
    assert world.relay.keys[world.streams()[0], 1] == (own.relayed, ours.relayed)
    return own, ours


def test_branches_that_share_an_offer_may_take_different_keys_of_it_and_come_back() -> None:
    world = World()
    offered = world.offer(sdp(), transport_protocol=SECURE)
    _, first = answered_with(world, offered, SUITE, "b1", sip_code=183)
    _, second = answered_with(world, offered, SHORT, "b2", sip_code=183)
    _, back = answered_with(world, offered, SUITE, "b1")
    assert back == first != second


def test_an_offer_within_the_call_keeps_the_key_in_effect_and_renews_what_was_in_effect_before() -> None:
    world = World()
    told = [world.offer(sdp(), transport_protocol=SECURE)]
    for suite in (SUITE, SHORT):
        answered_with(world, told[-1], suite)
        told.append(world.offer(sdp(), to_tag="b"))
    first, second, third = ({crypto.suite: crypto for crypto in cryptos(body)} for body in told)
    assert first == second
    assert {suite for suite in SUITES if second[suite] != third[suite]} == {SUITE}
    answered_with(world, told[-1], SUITE)
    last = {crypto.suite: crypto for crypto in cryptos(world.offer(sdp(), to_tag="b"))}
    assert {suite for suite in SUITES if third[suite] != last[suite]} == {SHORT}


def test_who_comes_back_to_a_suite_gets_another_key_of_ours_for_it() -> None:
    world = World()
    keys = []
    for suite in (SUITE, SHORT, SHORT, SUITE):
        tags = {"to_tag": "b"} if keys else {"transport_protocol": PLAIN}
        world.offer(sdp(f"m=audio 5000 RTP/SAVP 0|a=crypto:{OwnKeys().crypto(1, suite)}"), **tags)
        keys += cryptos(world.answer(sdp("m=audio 6000 RTP/AVP 0")))
    assert len({crypto.key for crypto in keys}) == 4


def reoffered(world: World, theirs: Any) -> str:
    """The caller's next offer, by that key: the body for the callee."""
    return world.offer(sdp(f"m=audio 5000 RTP/SAVP 0|a=crypto:{theirs}"), to_tag="b")


def test_a_party_whose_key_changes_gets_another_key_of_ours_and_keeps_that() -> None:
    world = World()
    _, told_a = secure_caller(world)
    answer = sdp("m=audio 6000 RTP/AVP 0")
    other = OwnKeys().crypto(7, SUITE)
    keys = list(cryptos(told_a))
    for theirs in (other, other, THEIRS):
        reoffered(world, theirs)
        keys += cryptos(world.answer(answer, sip_code=183))
        assert cryptos(world.answer(answer)) == (keys[-1],)
    assert keys[1] == keys[2]
    assert len({crypto.key for crypto in keys}) == 3
    assert world.relay.keys[world.streams()[0], 0] == (THEIRS.relayed, keys[3].relayed)


def test_an_offer_with_another_key_that_is_refused_leaves_ours_in_effect() -> None:
    world = World()
    _, told_a = secure_caller(world)
    reoffered(world, OwnKeys().crypto(7, SUITE))
    reoffered(world, THEIRS)
    assert cryptos(world.answer(sdp("m=audio 6000 RTP/AVP 0"))) == cryptos(told_a)


def test_a_key_whose_rollover_counter_has_turned_is_not_offered_again() -> None:
    """Who answers may be somebody else, and begins it with 0."""
    world = World()
    own, ours = answered_with(world, world.offer(sdp(), transport_protocol=SECURE), SUITE)
    world.relay.turns[world.streams()[0], 1] = 1
    first, again = (cryptos(world.offer(sdp(), to_tag="b")) for _ in range(2))
    assert first == again
    (fresh,) = (crypto for crypto in again if crypto.suite == SUITE)
    assert fresh.key != ours.key
    assert world.relay.keys[world.streams()[0], 1] == (own.relayed, ours.relayed)  # until it is answered
    world.answer(sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{own}"))
    assert world.relay.keys[world.streams()[0], 1] == (own.relayed, fresh.relayed)


def test_another_party_that_answers_may_go_on_with_a_key_that_has_not_turned() -> None:
    world = World()
    _, ours = answered_with(world, world.offer(sdp(), transport_protocol=SECURE), SUITE)
    _, kept = answered_with(world, world.offer(sdp(), to_tag="b"), SUITE)
    assert kept == ours


def test_a_key_that_was_in_effect_before_a_plain_phase_is_renewed() -> None:
    world = World()
    _, told_a = secure_caller(world)
    world.offer(sdp(), to_tag="b", transport_protocol=PLAIN)
    world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    world.offer(sdp(OFFER), to_tag="b", transport_protocol=PLAIN)
    (again,) = cryptos(world.answer(sdp("m=audio 6000 RTP/AVP 0")))
    (before,) = cryptos(told_a)
    assert again.suite == before.suite
    assert again.key != before.key


def test_a_leg_that_becomes_plain_loses_its_keys() -> None:
    world = World()
    secure_caller(world)
    (stream,) = world.streams()
    world.offer(sdp(), to_tag="b", transport_protocol=PLAIN)
    world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    assert world.relay.keys[stream, 0] == (None, None)


OSRTP = f"m=audio 5000 RTP/AVP 0|a=crypto:{THEIRS}"


def test_opportunistic_security_is_accepted_when_asked_and_the_answerer_has_none() -> None:
    passed = World()
    assert cryptos(passed.offer(sdp(OSRTP))) == (THEIRS,)
    assert "crypto" not in passed.answer(sdp("m=audio 6000 RTP/AVP 0"))
    world = World()
    assert cryptos(world.offer(sdp(OSRTP), flags=["OSRTP-accept"])) == (THEIRS,)
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    assert lines_of(told_a, "m=")[0].split()[2] == PLAIN
    assert [crypto.tag for crypto in cryptos(told_a)] == [7]
    assert world.relay.keys[world.streams()[0], 0][0] == THEIRS.relayed
    assert "crypto" not in world.offer(sdp("m=audio 6000 RTP/AVP 0"), frm="b", to_tag="a", OSRTP=["offer"], SDES=["off"])
    assert "crypto" not in world.answer(sdp("m=audio 5000 RTP/AVP 0"), frm="b", to="a")
    assert world.relay.keys[world.streams()[0], 0] == (None, None)


@pytest.mark.parametrize("profile", [PLAIN, "RTP"])
def test_opportunistic_security_ends_here_when_the_other_party_is_to_have_plain_media(profile: str) -> None:
    world = World()
    assert "crypto" not in world.offer(sdp(OSRTP), flags=["OSRTP-accept"], transport_protocol=profile)
    (own,) = cryptos(world.answer(sdp("m=audio 6000 RTP/AVP 0")))
    assert world.relay.keys == {(world.streams()[0], 0): (THEIRS.relayed, own.relayed)}


def test_opportunistic_security_that_the_answerer_takes_is_theirs() -> None:
    world = World()
    world.offer(sdp(OSRTP), flags=["OSRTP-accept"])
    other = OwnKeys().crypto(7, SUITE)
    assert cryptos(world.answer(sdp(f"m=audio 6000 RTP/AVP 0|a=crypto:{other}"))) == (other,)
    assert world.relay.keys == {}


@pytest.mark.parametrize("offer", [sdp(), sdp(OFFER)], ids=["plain", "secure"])
def test_opportunistic_security_is_offered_when_asked(offer: str) -> None:
    world = World()
    told_b = world.offer(offer, transport_protocol="RTP", OSRTP=["offer"])
    assert lines_of(told_b, "m=")[0].split()[2] == PLAIN
    taken = cryptos(told_b)[-1]
    own = OwnKeys().crypto(taken.tag, taken.suite)
    told_a = world.answer(sdp(f"m=audio 6000 RTP/AVP 0|a=crypto:{own}"))
    if offer == sdp():
        assert "crypto" not in told_a
        assert world.relay.keys == {(world.streams()[0], 1): (own.relayed, taken.relayed)}
    else:  # the caller's keys went through
        assert cryptos(told_a) == (own,)
        assert world.relay.keys == {}


@pytest.mark.parametrize("offer", [sdp(), sdp(OFFER)], ids=["plain", "secure"])
def test_opportunistic_security_that_is_not_taken_leaves_that_leg_plain(offer: str) -> None:
    world = World()
    world.offer(offer, transport_protocol="RTP", OSRTP=["offer"])
    told_a = world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    (stream,) = world.streams()
    if offer == sdp():
        assert "crypto" not in told_a
        assert world.relay.keys == {}
    else:
        (ours,) = cryptos(told_a)
        assert lines_of(told_a, "m=")[0].split()[2] == SECURE
        assert world.relay.keys == {(stream, 0): (THEIRS.relayed, ours.relayed)}


def test_an_opportunistic_leg_stays_secure_in_offers_of_the_other() -> None:
    world = World()
    taken = cryptos(world.offer(sdp(), OSRTP=["offer"]))[0]
    own = OwnKeys().crypto(taken.tag, taken.suite)
    answer = sdp(f"m=audio 6000 RTP/AVP 0|a=crypto:{own}")
    world.answer(answer)
    before = dict(world.relay.keys)
    assert taken in cryptos(world.offer(sdp(), to_tag="b"))
    world.answer(answer)
    assert world.relay.keys == before


def test_both_legs_are_encrypted_by_keys_of_ours_when_asked() -> None:
    world = World()
    told_b = world.offer(sdp(OFFER), flags=["recrypt"])
    offered = cryptos(told_b)
    assert UNKNOWN not in told_b
    assert [crypto.suite for crypto in offered] == list(SUITES)
    taken = offered[0]
    own = OwnKeys().crypto(taken.tag, taken.suite)
    answer = sdp(f"m=audio 6000 RTP/SAVP 0|a=crypto:{own}")
    told_a = world.answer(answer)
    (ours,) = cryptos(told_a)
    assert (ours.tag, ours.suite) == (7, SUITE)
    (stream,) = world.streams()
    keys = {(stream, 0): (THEIRS.relayed, ours.relayed), (stream, 1): (own.relayed, taken.relayed)}
    assert world.relay.keys == keys
    assert taken in cryptos(world.offer(sdp(OFFER), to_tag="b"))  # as it is by now
    assert world.answer(answer) == told_a
    assert world.relay.keys == keys


@pytest.mark.parametrize(
    ("word", "profile", "told"),
    [
        ("SRTP", "RTP/AVPF", "RTP/SAVPF"),
        ("SRTP", "RTP/SAVP", "RTP/SAVP"),
        ("SRTP", "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVP"),
        ("RTP", "RTP/SAVPF", "RTP/AVPF"),
        ("RTP", "RTP/AVP", "RTP/AVP"),
        ("RTP", "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF"),
    ],
)
def test_a_word_asks_for_security_and_leaves_the_feedback(word: str, profile: str, told: str) -> None:
    keys = "" if "AVP" in profile and "SAVP" not in profile else f"|a=crypto:{THEIRS}"
    body = World().offer(sdp(f"m=audio 5000 {profile} 0{keys}"), transport_protocol=word)
    assert lines_of(body, "m=")[0].split()[2] == told


def test_a_word_changes_no_leg_that_is_there() -> None:
    world = World()
    secure_caller(world)
    told_a = world.offer(sdp("m=audio 6000 RTP/AVP 0"), frm="b", to_tag="a", transport_protocol="RTP")
    assert lines_of(told_a, "m=")[0].split()[2] == SECURE


def test_keys_are_not_offered_on_a_plain_line_when_sdes_is_off() -> None:
    world = World()
    assert "crypto" not in world.offer(sdp(OSRTP), SDES=["off"])
    assert "crypto" not in world.answer(sdp("m=audio 6000 RTP/AVP 0"))
    assert world.relay.keys == {}
