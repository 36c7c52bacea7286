"""A side whose keys come from DTLS: nothing passes before they are there, and what it says gets to the inbox."""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any

import pytest

from native import relay as native
from tests.native.relay_wire import TIMEOUT_S, Phone, Stream, eventually, rtp, started

HELLO = b"\x16\xfe\xfd" + bytes(60)
SUITE = "AES_CM_128_HMAC_SHA1_80"
KEYS = (SUITE, bytes(range(30)), 0), (SUITE, bytes(range(30, 60)), 0)


@pytest.fixture
def relay() -> Iterator[native.Relay]:
    with started() as made:
        yield made


@pytest.fixture
def phones() -> Iterator[list[Phone]]:
    made = [Phone() for _ in range(3)]
    yield made
    for phone in made:
        phone.close()


def call(relay: native.Relay, near: Phone, far: Phone, **options: Any) -> Stream:
    """Whose side 0 has DTLS."""
    stream = Stream(relay)
    stream.remote(0, near, **options)
    stream.remote(1, far)
    relay.set_dtls(stream.id, 0, True)
    return stream


def letters(relay: native.Relay, count: int = 1) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        assert select.select([relay.inbox_fd], [], [], TIMEOUT_S)[0]
        found += relay.inbox()
    return found


def test_dtls_gets_to_the_inbox_and_answers_leave_by_the_side_s_port(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    near.send(HELLO, stream.port(0))
    assert letters(relay) == [(stream.id, 0, near.address, HELLO)]
    assert relay.inbox() == []
    assert relay.send(stream.id, 0, near.address, b"\x16answer")
    assert near.receive_from() == (b"\x16answer", stream.port(0))
    assert relay.send(stream.id, 0, None, b"\x16signalled")
    assert near.receive_from() == (b"\x16signalled", stream.port(0))
    assert not stream.stats(0).latched
    assert stream.stats(0).malformed == 0


def test_nothing_passes_before_there_are_keys(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    near.send(rtp(1), stream.port(0))
    far.send(rtp(1, ssrc=7), stream.port(1))
    eventually(lambda: stream.stats(0).auth_failed == 1 and stream.stats(1).no_remote == 1)
    assert not stream.stats(0).latched
    assert stream.stats(0).packets == 0
    relay.set_crypto(stream.id, 0, *KEYS)
    far.send(rtp(2, ssrc=7), stream.port(1))
    protected = near.receive()
    assert len(protected) == len(rtp()) + 10
    assert protected[12:172] != rtp()[12:]
    relay.set_crypto(stream.id, 0, None, None)
    far.send(rtp(3, ssrc=7), stream.port(1))
    eventually(lambda: stream.stats(1).no_remote == 2)
    relay.set_dtls(stream.id, 0, False)
    far.send(rtp(4, ssrc=7), stream.port(1))
    assert near.receive() == rtp(4, ssrc=7)
    assert far.silent()


def test_our_reports_wait_for_keys_too(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    relay.set_mux(stream.id, 0, True)
    relay.set_reports(stream.id, True)
    far.send(rtp(1, ssrc=7), stream.port(1))
    eventually(lambda: stream.stats(1).packets == 1)
    relay.send_reports(stream.id, "abcdefghijkl")
    relay.set_crypto(stream.id, 0, *KEYS)
    relay.send_reports(stream.id, "abcdefghijkl")
    assert len(near.receive()) > 60
    assert near.silent()


def test_strangers_get_nowhere(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far, learn_host="127.0.0.9")
    near.send(HELLO, stream.port(0))
    eventually(lambda: stream.stats(0).strangers == 1)
    assert relay.inbox() == []


def test_a_handover_lets_only_the_host_that_was_there_shake_hands(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, other = phones
    stream = call(relay, near, far, mode=native.HANDOVER)
    relay.latch(stream.id, 0, near.address)
    assert stream.stats(0).latched
    elsewhere = Phone("127.0.0.8")
    elsewhere.send(HELLO, stream.port(0))
    eventually(lambda: stream.stats(0).strangers == 1)
    other.send(HELLO, stream.port(0))
    assert [source for _, _, source, _ in letters(relay)] == [other.address]
    elsewhere.close()


def test_who_has_proven_to_be_there_is_sent_media(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, other = phones
    stream = call(relay, near, far)
    relay.set_crypto(stream.id, 0, *KEYS)
    relay.latch(stream.id, 0, other.address)
    assert stream.stats(0).remote == other.address
    far.send(rtp(1, ssrc=7), stream.port(1))
    assert len(other.receive()) == len(rtp()) + 10
    relay.latch(stream.id, 0, ("127.0.0.9", 4000))  # another host than the one to learn from
    assert stream.stats(0).remote == other.address


def test_a_side_without_dtls_says_none_and_so_does_the_port_of_rtcp(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    far.send(HELLO, stream.port(1))
    near.send(HELLO, stream.port(0, 1))
    near.send(b"\x50" + bytes(30), stream.port(0))
    eventually(lambda: stream.stats(0).malformed + stream.stats(0, 1).malformed + stream.stats(1).malformed == 3)
    assert relay.inbox() == []


def test_a_flood_is_cut_off_and_counted(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    sent = 400
    for _ in range(sent):
        near.send(HELLO, stream.port(0))
        if relay.inbox_dropped > 100:
            break
    eventually(lambda: relay.inbox_dropped > 100)
    assert 0 < len(relay.inbox()) <= sent - 100
    relay.remove(stream.id)
    relay.reap()
    assert relay.inbox() == []


def test_what_is_too_long_is_dropped(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    near.send(HELLO + bytes(9000), stream.port(0))
    eventually(lambda: relay.inbox_dropped == 1)


def test_a_table_that_is_taken_over_still_waits_for_keys(phones: list[Phone]) -> None:
    near, far, _ = phones
    with started() as first:
        stream = call(first, near, far)
        with started(table_fd=first.table_fd) as second:
            ports = [[native.bind_udp("127.0.0.1", 0) for _ in range(2)] for _ in range(2)]
            second.adopt(stream.id, (tuple(ports[0]), tuple(ports[1])))
            second.send(stream.id, 0, None, b"\x16where")
            at = near.receive_from()[1]
            near.send(rtp(1), at)
            eventually(lambda: second.stats(stream.id, 0, 0).auth_failed == 1)
            near.send(HELLO, at)
            assert letters(second)[0][3] == HELLO


def test_arguments_are_checked(relay: native.Relay, phones: list[Phone]) -> None:
    near, far, _ = phones
    stream = call(relay, near, far)
    opaque = Stream(relay, kind=native.OPAQUE)
    with pytest.raises(ValueError, match="RTP"):
        relay.set_dtls(opaque.id, 0, True)
    with pytest.raises(ValueError, match="side"):
        relay.set_dtls(stream.id, 2, True)
    with pytest.raises(KeyError):
        relay.send(60, 0, None, b"")
    with pytest.raises(TypeError):
        relay.send(stream.id, 0, "127.0.0.1", b"")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="example"):
        relay.send(stream.id, 0, ("example", 1), b"")
    with pytest.raises(ValueError, match="port"):
        relay.latch(stream.id, 0, ("127.0.0.1", 70000))
    assert not relay.send(opaque.id, 0, None, b"nowhere")
