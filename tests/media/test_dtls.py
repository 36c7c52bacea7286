"""DTLS associations against each other, and against a peer that is not ours."""

import pytest

from media import fingerprint
from media.dtls import HANDSHAKE_S, MTU, Association, Failure, hello_random, is_dtls, packed
from media.fingerprint import HASHES, Fingerprint
from media.identity import LIFETIME_S, PROFILES, Identities, Identity
from tests.media.dtls_peer import THEM, UNIX_S, US, RawPeer, exchange, exchange_badly, pair

NS = 1_000_000_000


def test_both_have_the_keys_of_each_other() -> None:
    client, server = pair()
    sent = exchange(client, server)
    assert client.keys is not None
    assert server.keys is not None
    assert client.keys == server.keys[::-1]
    assert client.keys[0][1] != client.keys[1][1]
    assert server.keys[0][0] == "AEAD_AES_256_GCM"
    assert all(is_dtls(datagram) and len(datagram) <= MTU for datagram in sent)
    assert (client.wait_s(), server.wait_s()) == (None, None)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("active", [True, False])
def test_a_stranger_s_implementation_derives_the_same_keys(profile: bytes, active: bool) -> None:
    peer = RawPeer(not active, profiles=profile)
    ours = Association(US, active, (peer.fingerprint,), 0)
    exchange(ours, peer) if active else exchange(peer, ours)
    assert peer.keys is not None
    assert ours.keys is not None
    client, server = peer.keys[1:]
    (suite, theirs, mki), (same, own, _) = ours.keys
    assert peer.keys[0] == profile
    assert (theirs, own) == ((server, client) if active else (client, server))
    assert (suite, len(own), mki) == (PROFILES[profile][0], sum(PROFILES[profile][1:]), 0)
    assert same == suite


def test_a_large_certificate_comes_in_fragments() -> None:
    peer = RawPeer(True, rsa_bits=4096)
    ours = Association(US, False, (peer.fingerprint,), 0)
    sent = exchange(peer, ours)
    assert ours.keys is not None
    assert sum(map(len, sent)) > 2 * MTU
    assert max(map(len, sent)) <= MTU


def test_an_old_phone_s_short_rsa_key_is_taken_for_its_fingerprint_says_whose_it_is() -> None:
    peer = RawPeer(True, rsa_bits=1024)
    ours = Association(US, False, (peer.fingerprint,), 0)
    exchange(peer, ours)
    assert ours.keys is not None


@pytest.mark.parametrize("active", [True, False])
def test_another_certificate_than_signalled_gets_no_keys(active: bool) -> None:
    peer = RawPeer(not active)
    ours = Association(US, active, (THEM.fingerprint(), US.fingerprint("sha-512")), 0)
    exchange(ours, peer) if active else exchange(peer, ours)
    assert (ours.keys, ours.failure) == (None, Failure.FINGERPRINT)
    assert peer.keys is None or not active  # as server it has sent the last flight before it hears of it


def test_no_fingerprint_means_no_keys() -> None:
    ours, peer = Association(US, False, (), 0), RawPeer(True)
    exchange(peer, ours)
    assert ours.failure is Failure.FINGERPRINT
    assert "bad certificate" in peer.error or "certificate verify failed" in peer.error or "alert" in peer.error


def test_one_of_several_fingerprints_is_enough() -> None:
    peer = RawPeer(True)
    ours = Association(US, False, (THEM.fingerprint("sha-512"), peer.fingerprint), 0)
    exchange(peer, ours)
    assert ours.keys is not None


@pytest.mark.parametrize("active", [True, False])
def test_a_peer_without_srtp_gets_no_keys(active: bool) -> None:
    peer = RawPeer(not active, profiles=b"")
    ours = Association(US, active, (peer.fingerprint,), 0)
    exchange(ours, peer) if active else exchange(peer, ours)
    assert (ours.keys, ours.failure) == (None, Failure.PROFILE)


def test_no_profile_in_common() -> None:
    peer = RawPeer(True, profiles=b"SRTP_AES128_CM_SHA1_32")
    ours = Association(Identity(UNIX_S, b"SRTP_AEAD_AES_128_GCM"), False, (peer.fingerprint,), 0)
    exchange(peer, ours)
    assert ours.failure is Failure.PROFILE


def test_dtls_1_0_is_refused() -> None:
    peer = RawPeer(True, newest=0xFEFF)
    ours = Association(US, False, (peer.fingerprint,), 0)
    exchange(peer, ours)
    assert ours.failure is Failure.PROTOCOL
    assert peer.keys is None


@pytest.mark.parametrize("seed", [1, 2])
def test_handshakes_survive_loss_copies_and_another_order(seed: int) -> None:
    pairs = [pair() for _ in range(15)]
    exchange_badly(pairs, loss=0.1, copies=0.2, seed=seed)
    for client, server in pairs:
        assert client.keys is not None
        assert server.keys is not None
        assert client.keys == server.keys[::-1]


def test_the_server_s_last_flight_is_sent_again_when_it_was_lost() -> None:
    client, server = pair()
    datagrams, sender = client.begin(), client
    while not server.keys:
        sender = server if sender is client else client
        datagrams = [answer for datagram in datagrams for answer in sender.receive(datagram)]
    assert client.in_progress  # what the server just sent is lost
    wait = client.wait_s()
    assert wait is not None
    exchange_badly([(client, server)], loss=0, copies=0, seed=0)
    assert client.keys is not None


def test_nobody_answers() -> None:
    client, _ = pair(now_ns=5 * NS)
    assert client.begin()
    assert client.time_out(5 * NS + HANDSHAKE_S * NS - 1) == []  # OpenSSL's own timer isn't due
    assert client.in_progress
    client.time_out(5 * NS + HANDSHAKE_S * NS)
    assert client.failure is Failure.TIMEOUT
    assert client.receive(b"\x16\xfe\xfd") == []


def test_a_server_waits_for_a_client_hello() -> None:
    _, server = pair()
    assert (server.begin(), server.wait_s()) == ([], None)
    for garbage in (b"", b"\x16", b"\x16\xfe\xfd" + bytes(100), b"\x80" * 100, b"\x14\xfe\xfd\0\0\0\0\0\0\0\0\0\x01\x01"):
        assert server.receive(garbage) == []
    assert server.in_progress


def test_what_is_damaged_ends_nothing() -> None:
    client, server = pair()
    (hello,) = client.begin()
    (flight, *more) = server.receive(hello)
    for damaged in (flight[:40], flight[:12], b"", flight[:3] + b"\x09" + flight[4:]):
        assert client.receive(damaged) == []
    answers = [each for datagram in (flight, *more) for each in client.receive(datagram)]
    assert answers
    assert client.failure is None


def test_close_notify_ends_both() -> None:
    client, server = pair()
    exchange(client, server)
    (alert,) = client.close()
    assert client.failure is Failure.CLOSED
    server.receive(alert)
    assert server.failure is Failure.CLOSED
    assert client.close() == []


def test_a_forged_alert_ends_nothing_once_there_are_keys() -> None:
    client, server = pair()
    exchange(client, server)
    server.receive(b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28")
    assert server.failure is None


def test_the_random_of_a_client_hello_tells_one_from_its_copy() -> None:
    first, second = (pair()[0].begin()[0] for _ in range(2))
    assert hello_random(first) != hello_random(second)
    assert len(hello_random(first)) == 32
    for other in (b"", first[:40], b"\x17" + first[1:], first[:13] + b"\x02" + first[14:], first[:4] + b"\x01" + first[5:]):
        assert hello_random(other) == b""


def test_records_are_packed_whole() -> None:
    record = b"\x16\xfe\xfd" + bytes(8) + (500).to_bytes(2, "big") + bytes(500)
    assert list(map(len, packed(record * 5))) == [1026, 1026, 513]
    assert packed(b"") == []


def test_the_certificate_is_renewed_for_new_calls_only() -> None:
    identities = Identities()
    first = identities.newest(UNIX_S)
    assert identities.newest(UNIX_S + 86400) is first
    later = identities.newest(UNIX_S + LIFETIME_S)
    assert later is not first
    assert later.fingerprint() != first.fingerprint()


@pytest.mark.parametrize("name", HASHES)
def test_a_fingerprint_is_read_as_it_is_written(name: str) -> None:
    ours = US.fingerprint(name)
    assert fingerprint.parse(str(ours)) == ours
    assert fingerprint.parse(str(ours).swapcase()) == ours


@pytest.mark.parametrize(
    "value", ["", "sha-256", "sha-256 AB", "md5 " + ":".join(["AB"] * 16), "sha-256 " + "X" * 64, "sha-3 A"]
)
def test_what_is_no_fingerprint_of_ours_is_passed_over(value: str) -> None:
    assert fingerprint.parse(value) is None
    known = Fingerprint("sha-224", bytes(28))
    assert fingerprint.parse_all([value, str(known), str(known)]) == (known,)
