"""SRTP through the relay on real sockets, with pylibsrtp at the other end of every wire."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable

import pylibsrtp
import pytest
from pylibsrtp._binding import ffi

from native import relay as native
from tests.native.relay_wire import RTP_SIDE_A, RTP_SIDE_B, Phone, Stream, eventually, rtcp, rtp, started

PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 30),
    "AES_CM_128_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
    "AES_256_CM_HMAC_SHA1_80": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80, 46),
    "AES_256_CM_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 46),
}
AES_256_CM = (5, 46)  # srtp_crypto_policy_t: cipher_type and cipher_key_len, which no profile of pylibsrtp names
suites = pytest.mark.parametrize("suite", PROFILES)
MakePhone = Callable[..., Phone]


def policy(suite: str, key: bytes, direction: int) -> pylibsrtp.Policy:
    profile = PROFILES[suite][0]
    made = pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=profile)
    if suite.startswith("AES_256_CM"):
        for half in ("rtp", "rtcp"):
            ffi.buffer(ffi.addressof(made._policy, half))[:8] = struct.pack("=ii", *AES_256_CM)
    return made


class Secure:
    """What a phone with SRTP has: a key each way."""

    def __init__(self, suite: str, keys: tuple[bytes, bytes] | None = None) -> None:
        """``keys``: what it protects with, what it is sent under; fresh ones without."""
        size = PROFILES[suite][1]
        self.suite = suite
        self.keys = keys or (os.urandom(size), os.urandom(size))
        self.tx, self.rx = (
            pylibsrtp.Session(policy(suite, key, direction))
            for key, direction in zip(
                self.keys, (pylibsrtp.Policy.SSRC_ANY_OUTBOUND, pylibsrtp.Policy.SSRC_ANY_INBOUND), strict=True
            )
        )

    def apply(self, stream: Stream, side: int) -> None:
        stream.relay.set_crypto(stream.id, side, (self.suite, self.keys[0], 0), (self.suite, self.keys[1], 0))


class Call:
    """Two phones; ``a`` sends to side 0, ``b`` to side 1."""

    def __init__(self, relay: native.Relay, phone: MakePhone, suite: str, other: str = "") -> None:
        self.stream = Stream(relay)
        self.a, self.b, self.a_rtcp, self.b_rtcp = (phone() for _ in range(4))
        for side, (one, control) in enumerate(((self.a, self.a_rtcp), (self.b, self.b_rtcp))):
            self.stream.remote(side, one, mode=native.FIXED)
            self.stream.remote(side, control, 1, mode=native.FIXED)
        self.secure = Secure(suite)
        self.secure.apply(self.stream, RTP_SIDE_A)
        self.far = Secure(other) if other else None
        if self.far is not None:
            self.far.apply(self.stream, RTP_SIDE_B)

    def send_a(self, packet: bytes) -> None:
        self.a.send(packet, self.stream.port(RTP_SIDE_A))

    def send_b(self, packet: bytes) -> None:
        self.b.send(packet, self.stream.port(RTP_SIDE_B))


@pytest.fixture(params=PROFILES)
def call(request: pytest.FixtureRequest, relay: native.Relay, phone: MakePhone) -> Call:
    """SRTP of each suite on side 0, plain RTP on side 1."""
    return Call(relay, phone, request.param)


def test_srtp_becomes_rtp_and_back(call: Call) -> None:
    for sequence in range(5):
        packet = rtp(sequence, sequence * 160, payload=os.urandom(160))
        call.send_a(call.secure.tx.protect(packet))
        assert call.b.receive() == packet
        call.send_b(packet)
        protected = call.a.receive()
        assert protected[12:172] != packet[12:]
        assert call.secure.rx.unprotect(protected) == packet


def test_srtcp_becomes_rtcp_and_back(call: Call) -> None:
    for words in range(4):
        packet = rtcp(words=words)
        call.a_rtcp.send(call.secure.tx.protect_rtcp(packet), call.stream.port(RTP_SIDE_A, 1))
        assert call.b_rtcp.receive() == packet
        call.b_rtcp.send(packet, call.stream.port(RTP_SIDE_B, 1))
        assert call.secure.rx.unprotect_rtcp(call.a_rtcp.receive()) == packet


def test_rollover_with_reordering_around_it(call: Call) -> None:
    order = [65530, 65533, 65532, 65537, 65535, 65536, 65534, 65540]
    packets = {number: rtp(number, payload=b"%d" % number) for number in order}
    protected = {number: call.secure.tx.protect(packets[number]) for number in sorted(order)}
    for number in order:
        call.send_a(protected[number])
        assert call.b.receive() == packets[number]
    for number in order:
        call.send_b(packets[number])
        assert call.secure.rx.unprotect(call.a.receive()) == packets[number]


def test_each_ssrc_has_a_rollover_counter_of_its_own(call: Call) -> None:
    for number, ssrc in ((65535, 1), (65536, 1), (300, 2), (65537, 1), (301, 2)):
        packet = rtp(number, ssrc=ssrc)
        call.send_a(call.secure.tx.protect(packet))
        assert call.b.receive() == packet
        call.send_b(packet)
        assert call.secure.rx.unprotect(call.a.receive()) == packet


def test_a_replay_is_dropped_and_counted(call: Call) -> None:
    first, second = (call.secure.tx.protect(rtp(sequence)) for sequence in (1, 2))
    for packet in (first, second, first, second):
        call.send_a(packet)
    control = call.secure.tx.protect_rtcp(rtcp())
    for _ in range(2):
        call.a_rtcp.send(control, call.stream.port(RTP_SIDE_A, 1))
    eventually(lambda: call.stream.stats(0).replayed == 2 and call.stream.stats(0, 1).replayed == 1)
    assert [call.b.receive(), call.b.receive()] == [rtp(1), rtp(2)]
    assert call.b.silent()
    assert call.stream.stats(0).packets == 2


def test_a_bad_tag_is_dropped_and_counted(call: Call) -> None:
    packet = call.secure.tx.protect(rtp(1))
    changed = (packet[:at] + bytes([packet[at] ^ 1]) + packet[at + 1 :] for at in (20, len(packet) - 1))
    for forged in (*changed, rtp(1), packet[:14]):
        call.send_a(forged)
    eventually(lambda: call.stream.stats(0).auth_failed == 4)
    call.send_a(packet)
    assert call.b.receive() == rtp(1)
    assert call.stream.stats(0).packets == 1


def test_what_does_not_authenticate_teaches_no_address(relay: native.Relay, phone: MakePhone) -> None:
    stream, secure = Stream(relay), Secure("AES_CM_128_HMAC_SHA1_80")
    a, hostile, b = phone(), phone(), phone()
    stream.remote(0, a, mode=native.ANY)
    stream.remote(1, b, mode=native.FIXED)
    secure.apply(stream, 0)
    hostile.send(rtp(1), stream.port(0))
    eventually(lambda: stream.stats(0).auth_failed == 1)
    assert not stream.stats(0).latched
    packet = secure.tx.protect(rtp(1))
    a.send(packet, stream.port(0))
    assert b.receive() == rtp(1)
    assert stream.stats(0).remote == a.address
    hostile.send(packet, stream.port(0))  # the same host, so its replay is looked at
    eventually(lambda: stream.stats(0).replayed == 1)
    assert stream.stats(0).remote == a.address


def test_authenticated_packets_may_move_to_another_port(relay: native.Relay, phone: MakePhone) -> None:
    stream, secure = Stream(relay), Secure("AEAD_AES_128_GCM")
    a, moved, b = phone(), phone(), phone()
    stream.remote(0, a)
    stream.remote(1, b, mode=native.FIXED)
    secure.apply(stream, 0)
    a.send(secure.tx.protect(rtp(1)), stream.port(0))
    assert b.receive() == rtp(1)
    moved.send(secure.tx.protect(rtp(30000, ssrc=9)), stream.port(0))
    assert b.receive() == rtp(30000, ssrc=9)
    assert stream.stats(0).remote == moved.address


@pytest.mark.parametrize("other", PROFILES)
@suites
def test_srtp_is_encrypted_again(suite: str, other: str, relay: native.Relay, phone: MakePhone) -> None:
    call = Call(relay, phone, suite, other)
    assert call.far is not None
    for sequence in (65535, 65536):
        packet = rtp(sequence)
        call.send_a(call.secure.tx.protect(packet))
        assert call.far.rx.unprotect(call.b.receive()) == packet
        call.send_b(call.far.tx.protect(packet))
        assert call.secure.rx.unprotect(call.a.receive()) == packet


def test_the_largest_datagram_leaves_room_for_the_tag(call: Call) -> None:
    packet = rtp(1, payload=bytes(65507 - 12 - 16))
    call.send_b(packet)
    assert len(call.a.receive()) > len(packet)  # more than pylibsrtp takes
    call.send_b(rtp(2, payload=bytes(65507 - 12)))  # with a tag it is no datagram any more
    eventually(lambda: call.stream.stats(1).send_errors == 1)


def test_srtcp_on_the_rtp_port(call: Call) -> None:
    call.stream.relay.set_mux(call.stream.id, 0, True)
    call.send_a(call.secure.tx.protect_rtcp(rtcp()))
    assert call.b_rtcp.receive() == rtcp()
    call.b_rtcp.send(rtcp(), call.stream.port(RTP_SIDE_B, 1))
    assert call.secure.rx.unprotect_rtcp(call.a.receive()) == rtcp()


def test_a_successor_goes_on_with_rollover_counters_and_windows(call: Call) -> None:
    packets = [call.secure.tx.protect(rtp(number)) for number in (65535, 65536, 65537)]
    control = [call.secure.tx.protect_rtcp(rtcp()) for _ in range(2)]
    for packet in packets[:2]:
        call.send_a(packet)
        call.b.receive()
        call.send_b(rtp(65535 + packets.index(packet)))
        call.secure.rx.unprotect(call.a.receive())
    call.a_rtcp.send(control[0], call.stream.port(0, 1))
    call.b_rtcp.receive()
    copies = [[os.dup(fd) for fd in pair] for pair in call.stream.fds]
    with started(table_fd=call.stream.relay.table_fd) as second:
        second.adopt(call.stream.id, ((copies[0][0], copies[0][1]), (copies[1][0], copies[1][1])))
        for packet in packets:
            call.send_a(packet)
        assert call.b.receive() == rtp(65537)
        for packet in control:
            call.a_rtcp.send(packet, call.stream.port(0, 1))
        assert call.b_rtcp.receive() == rtcp()
        call.send_b(rtp(65537))
        assert call.secure.rx.unprotect(call.a.receive()) == rtp(65537)
        stats = second.stats(call.stream.id, 0, 0)
        assert (stats.replayed, stats.auth_failed) == (2, 0)
        assert second.stats(call.stream.id, 0, 1).replayed == 1


@pytest.mark.parametrize(
    ("key", "error", "text"),
    [
        (("F8_128_HMAC_SHA1_80", bytes(30), 0), ValueError, "no such crypto suite"),
        (("AEAD_AES_128_GCM", bytes(30), 0), ValueError, "wants 28 bytes"),
        (("AEAD_AES_128_GCM", bytes(28), 129), ValueError, "mki_bytes"),
        ("AEAD_AES_128_GCM", TypeError, "must be"),
        (("AEAD_AES_128_GCM", "text", 0), TypeError, "bytes-like"),
    ],
)
def test_bad_keys_are_refused(key: object, error: type[Exception], text: str, relay: native.Relay) -> None:
    stream = Stream(relay)
    with pytest.raises(error, match=text):
        relay.set_crypto(stream.id, 0, key, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mki_bytes"):
        relay.set_crypto(stream.id, 0, None, ("AEAD_AES_128_GCM", bytes(28), 1))
    with pytest.raises(ValueError, match="side"):
        relay.set_crypto(stream.id, 2, None, None)
    with pytest.raises(KeyError):
        relay.set_crypto(63, 0, None, None)


def test_an_opaque_stream_has_no_srtp(relay: native.Relay) -> None:
    with pytest.raises(ValueError, match="not RTP"):
        relay.set_crypto(Stream(relay, kind=native.OPAQUE).id, 0, None, None)
