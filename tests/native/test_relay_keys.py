"""Keys set again, replaced, and back after others: no packet index is used twice under a key, and no packet passes twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import pytest

from native import relay as native
from tests.native.relay_wire import RTP_SIDE_A, RTP_SIDE_B, Phone, Stream, eventually, rtcp, rtp, started
from tests.native.test_relay_srtp import PROFILES, Call, Secure

MakePhone = Callable[..., Phone]
KEPT = 6  # keys set aside that a way remembers, plain a key among them


@pytest.fixture(params=PROFILES)
def call(request: pytest.FixtureRequest, relay: native.Relay, phone: MakePhone) -> Call:
    """SRTP of each suite on side 0, plain RTP on side 1."""
    return Call(relay, phone, request.param)


def other_suite(secure: Secure) -> str:
    return next(suite for suite in PROFILES if suite != secure.suite)


Pairs = list[tuple[bytes, bytes]]  # what was sent, and how it came


def misheard(call: Call, secure: Secure, *numbers: int) -> Pairs:
    """What comes otherwise than it was sent when both sides send RTP of these numbers under ``secure``, and RTCP."""
    pairs = misheard_of(call, secure, (0x1234,), *numbers)
    call.a_rtcp.send(secure.tx.protect_rtcp(rtcp()), call.stream.port(RTP_SIDE_A, 1))
    pairs.append((rtcp(), call.b_rtcp.receive()))
    call.b_rtcp.send(rtcp(), call.stream.port(RTP_SIDE_B, 1))
    pairs.append((rtcp(), secure.rx.unprotect_rtcp(call.a_rtcp.receive())))
    return [(sent, came) for sent, came in pairs if sent != came]


def misheard_of(call: Call, secure: Secure, ssrcs: Iterable[int], *numbers: int) -> Pairs:
    """The same of RTP alone: packets of each source and number."""
    pairs = []
    for packet in (rtp(number, ssrc=ssrc) for ssrc in ssrcs for number in numbers):
        call.send_a(secure.tx.protect(packet))
        pairs.append((packet, call.b.receive()))
        call.send_b(packet)
        pairs.append((packet, secure.rx.unprotect(call.a.receive())))
    return [(sent, came) for sent, came in pairs if sent != came]


def rtcp_index(call: Call, secure: Secure) -> int:
    """Of a report sent to side 0 (RFC 3711 section 3.4, RFC 7714 section 9.3)."""
    call.b_rtcp.send(rtcp(), call.stream.port(RTP_SIDE_B, 1))
    packet = call.a_rtcp.receive()
    assert secure.rx.unprotect_rtcp(packet) == rtcp()
    word = packet[-4:] if "GCM" in secure.suite else packet[-14:-10]
    return int.from_bytes(word, "big") & 0x7FFFFFFF


def refused(call: Call) -> list[int]:
    """How many packets of each side and component were forged or repeated."""
    counted = [call.stream.stats(side, component) for side in (RTP_SIDE_A, RTP_SIDE_B) for component in (0, 1)]
    return [each.auth_failed + each.replayed for each in counted]


def test_the_same_keys_set_again_change_nothing(call: Call) -> None:
    assert misheard(call, call.secure, 65535, 65536) == []
    call.secure.apply(call.stream, RTP_SIDE_A)
    assert misheard(call, call.secure, 65537) == []
    assert refused(call) == [0, 0, 0, 0]


def test_the_srtcp_index_goes_on_under_whatever_key(call: Call) -> None:
    assert misheard(call, call.secure, 1) == []
    fresh = Secure(call.secure.suite)
    assert rtcp_index(call, call.secure) == 1
    fresh.apply(call.stream, RTP_SIDE_A)
    assert [rtcp_index(call, fresh) for _ in range(3)] == [2, 3, 4]
    call.secure.apply(call.stream, RTP_SIDE_A)
    assert rtcp_index(call, call.secure) == 5


def test_new_keys_begin_anew(call: Call) -> None:
    assert misheard(call, call.secure, 65535, 65536) == []
    fresh = Secure(call.secure.suite)
    fresh.apply(call.stream, RTP_SIDE_A)
    call.send_a(call.secure.tx.protect(rtp(65537)))
    eventually(lambda: call.stream.stats(RTP_SIDE_A).auth_failed == 1)
    assert misheard(call, fresh, 7) == []
    call.stream.relay.set_crypto(call.stream.id, RTP_SIDE_A, None, None)
    call.send_a(rtp(8))
    assert call.b.receive() == rtp(8)


def test_how_far_a_key_has_counted_is_told(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AEAD_AES_128_GCM")

    def turns() -> list[int]:
        return [relay.rollovers(call.stream.id, side) for side in (RTP_SIDE_A, RTP_SIDE_B)]

    assert misheard(call, call.secure, 65535) == []
    assert turns() == [0, 0]
    assert misheard(call, call.secure, 65536) == []
    assert turns() == [1, 0]
    Secure(call.secure.suite).apply(call.stream, RTP_SIDE_A)
    assert turns() == [0, 0]
    call.secure.apply(call.stream, RTP_SIDE_A)
    assert turns() == [1, 0]
    with pytest.raises(KeyError):
        relay.rollovers(63, RTP_SIDE_A)
    with pytest.raises(ValueError, match="side"):
        relay.rollovers(call.stream.id, 2)


@pytest.mark.parametrize("between", ["another suite", "the same suite", "plain"])
def test_a_key_that_comes_back_goes_on_where_it_was(call: Call, between: str) -> None:
    assert misheard(call, call.secure, 65535, 65536) == []
    if between == "plain":
        call.stream.relay.set_crypto(call.stream.id, RTP_SIDE_A, None, None)
    else:
        other = Secure(other_suite(call.secure) if between == "another suite" else call.secure.suite)
        other.apply(call.stream, RTP_SIDE_A)
        assert misheard(call, other, 65537) == []
    call.secure.apply(call.stream, RTP_SIDE_A)
    assert misheard(call, call.secure, 65538) == []
    assert refused(call) == [0, 0, 0, 0]


def test_what_passed_under_a_key_does_not_when_the_key_is_back(call: Call) -> None:
    heard = call.secure.tx.protect(rtp(1))
    control = call.secure.tx.protect_rtcp(rtcp())
    call.send_a(heard)
    call.a_rtcp.send(control, call.stream.port(RTP_SIDE_A, 1))
    call.send_b(rtp(1))
    assert (call.b.receive(), call.b_rtcp.receive()) == (rtp(1), rtcp())
    assert call.secure.rx.unprotect(call.a.receive()) == rtp(1)
    Secure(call.secure.suite).apply(call.stream, RTP_SIDE_A)
    call.secure.apply(call.stream, RTP_SIDE_A)
    call.send_a(heard)
    call.a_rtcp.send(control, call.stream.port(RTP_SIDE_A, 1))
    call.send_b(rtp(1, payload=b"under the index of another"))
    eventually(lambda: [call.stream.stats(side).replayed for side in (0, 1)] == [1, 1])
    eventually(lambda: call.stream.stats(RTP_SIDE_A, 1).replayed == 1)
    assert misheard(call, call.secure, 2) == []  # the next ones that both hear


def test_another_length_of_the_key_identifier_makes_no_other_key(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AES_CM_128_HMAC_SHA1_80")
    heard = call.secure.tx.protect(rtp(1))
    call.send_a(heard)
    assert call.b.receive() == rtp(1)
    receive, send = ((call.secure.suite, key, 0) for key in call.secure.keys)
    relay.set_crypto(call.stream.id, RTP_SIDE_A, (*receive[:2], 4), send)
    call.send_a(heard[:-10] + b"abcd" + heard[-10:])
    eventually(lambda: call.stream.stats(RTP_SIDE_A).replayed == 1)


def test_as_many_keys_as_there_are_suites_are_remembered(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, next(iter(PROFILES)))
    others = [Secure(suite) for suite in list(PROFILES)[1:]]
    assert misheard(call, call.secure, 65535, 65536) == []
    for secure in others:
        secure.apply(call.stream, RTP_SIDE_A)
        assert misheard(call, secure, 65535, 65536) == []
    relay.set_crypto(call.stream.id, RTP_SIDE_A, None, None)
    for number in (65537, 65538):
        for secure in (call.secure, *others):
            secure.apply(call.stream, RTP_SIDE_A)
            assert misheard(call, secure, number) == []
    assert refused(call) == [0, 0, 0, 0]


def test_the_key_that_was_set_aside_first_is_forgotten_when_there_are_more(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AEAD_AES_128_GCM")
    later = [Secure("AEAD_AES_128_GCM") for _ in range(KEPT)]
    assert misheard(call, call.secure, 65535, 65536) == []
    for secure in later:
        secure.apply(call.stream, RTP_SIDE_A)
        assert misheard(call, secure, 65535, 65536) == []
    Secure("AEAD_AES_128_GCM").apply(call.stream, RTP_SIDE_A)
    call.secure.apply(call.stream, RTP_SIDE_A)
    call.send_a(call.secure.tx.protect(rtp(65537)))
    eventually(lambda: call.stream.stats(RTP_SIDE_A).auth_failed == 1)  # it begins anew
    for secure in later[2:]:
        secure.apply(call.stream, RTP_SIDE_A)
        assert misheard(call, secure, 65537) == []
    assert refused(call) == [1, 0, 0, 0]


@pytest.mark.parametrize("between", ["another key", "plain"])
def test_a_successor_knows_the_keys_that_were_set_aside(relay: native.Relay, phone: MakePhone, between: str) -> None:
    call = Call(relay, phone, "AEAD_AES_256_GCM")
    assert misheard(call, call.secure, 65535, 65536) == []
    if between == "plain":
        relay.set_crypto(call.stream.id, RTP_SIDE_A, None, None)
    else:
        Secure("AEAD_AES_256_GCM").apply(call.stream, RTP_SIDE_A)
    near, far = [[os.dup(fd) for fd in pair] for pair in call.stream.fds]
    with started(table_fd=relay.table_fd) as second:
        second.adopt(call.stream.id, ((near[0], near[1]), (far[0], far[1])))
        call.stream.relay = second
        call.secure.apply(call.stream, RTP_SIDE_A)
        assert misheard(call, call.secure, 65537) == []
        assert refused(call) == [0, 0, 0, 0]


def test_a_removed_stream_leaves_no_key_in_the_table(relay: native.Relay) -> None:
    stream = Stream(relay)
    keys = [Secure("AEAD_AES_256_GCM") for _ in range(3)]
    for secure in keys:
        secure.apply(stream, RTP_SIDE_A)
    relay.set_crypto(stream.id, RTP_SIDE_A, None, None)
    size = os.fstat(relay.table_fd).st_size
    assert keys[0].keys[0] in os.pread(relay.table_fd, size, 0)
    relay.remove(stream.id)
    relay.reap()
    table = os.pread(relay.table_fd, size, 0)
    assert not [key for secure in keys for key in secure.keys if key in table]
    again = Stream(relay)
    assert again.id == stream.id
    relay.set_crypto(again.id, RTP_SIDE_A, None, None)
    assert relay.stats(again.id, RTP_SIDE_A, 0).replayed == 0


SOURCES, RETIRED = 8, 127  # of a way: that it has, and that are remembered after they gave way


def test_sources_that_gave_way_go_on_where_they_were(call: Call) -> None:
    many = range(1, 3 * SOURCES)
    assert misheard_of(call, call.secure, many, 65535, 65536) == []
    other = Secure(other_suite(call.secure))
    other.apply(call.stream, RTP_SIDE_A)
    assert misheard_of(call, other, many, 65535, 65536) == []
    for number, secure in ((65537, call.secure), (65537, other), (65538, call.secure)):
        secure.apply(call.stream, RTP_SIDE_A)
        assert misheard_of(call, secure, many, number) == []
    assert refused(call) == [0, 0, 0, 0]


def test_a_source_that_gave_way_sends_nothing_twice(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AES_CM_128_HMAC_SHA1_80")
    heard = call.secure.tx.protect(rtp(1, ssrc=1))
    call.send_a(heard)
    assert call.b.receive() == rtp(1, ssrc=1)
    call.send_b(rtp(1, ssrc=1))
    assert call.secure.rx.unprotect(call.a.receive()) == rtp(1, ssrc=1)
    assert misheard_of(call, call.secure, range(2, SOURCES + 2), 1) == []
    call.send_a(heard)
    call.send_b(rtp(1, ssrc=1, payload=b"under the index of another"))
    eventually(lambda: [call.stream.stats(side).replayed for side in (0, 1)] == [1, 1])


def test_a_successor_knows_the_sources_that_gave_way(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AEAD_AES_128_GCM")
    many = range(1, 2 * SOURCES)
    assert misheard_of(call, call.secure, many, 65535, 65536) == []
    near, far = [[os.dup(fd) for fd in pair] for pair in call.stream.fds]
    with started(table_fd=relay.table_fd) as second:
        second.adopt(call.stream.id, ((near[0], near[1]), (far[0], far[1])))
        assert misheard_of(call, call.secure, many, 65537) == []


def test_a_source_too_many_is_not_sent_and_the_others_go_on(relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, "AEAD_AES_128_GCM")
    many = range(1, SOURCES + RETIRED + 1)
    assert misheard_of(call, call.secure, many, 1) == []
    call.send_b(rtp(1, ssrc=many.stop))
    eventually(lambda: call.stream.stats(RTP_SIDE_B).send_errors == 1)
    assert misheard_of(call, call.secure, many, 2) == []
    fresh = Secure(call.secure.suite)
    fresh.apply(call.stream, RTP_SIDE_A)
    assert misheard_of(call, fresh, range(many.stop, many.stop + SOURCES), 1) == []
    relay.remove(call.stream.id)
    relay.reap()
    after = Call(relay, phone, call.secure.suite)
    assert after.stream.id == call.stream.id
    assert misheard_of(after, after.secure, range(1, SOURCES + RETIRED + 1), 1) == []
    assert refused(after) == [0, 0, 0, 0]
