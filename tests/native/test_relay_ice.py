"""ICE over real sockets: checks are answered, media follows nominations. The messages are aioice's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from aioice import stun

from native import relay as native
from tests.native.relay_wire import Phone, Stream, eventually, rtcp, rtp, started
from tests.native.test_relay_adopt import as_ports, copies_of

PhoneMaker = Callable[..., Phone]
UFRAG, PASSWORD = "ours", "0123456789abcdefghijkl"


def request(username: str = "ours:theirs", password: str = PASSWORD, *, nominates: bool = True, **attributes: Any) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes |= {"USERNAME": username, "PRIORITY": 100, "ICE-CONTROLLING": 1, **attributes}
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


def answered(phone: Phone, to: tuple[str, int], data: bytes) -> stun.Message:
    phone.send(data, to)
    message = stun.parse_message(phone.receive())
    assert message.transaction_id == data[8:20]
    return message


def checked(phone: Phone, to: tuple[str, int], **options: Any) -> None:
    message = answered(phone, to, request(**options))
    assert message.message_class == stun.Class.RESPONSE
    assert message.check_message_integrity(PASSWORD.encode())
    assert message.attributes["XOR-MAPPED-ADDRESS"] == phone.address


def ice_stream(relay: native.Relay, peer: str = "theirs", **options: Any) -> Stream:
    """Side 0 speaks ICE."""
    stream = Stream(relay, **options)
    for component in (0, 1) if stream.fds[0][1] >= 0 else (0,):
        stream.remote(0, None, component, mode=native.ICE)
    relay.set_ice(stream.id, 0, UFRAG, PASSWORD, peer)
    return stream


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_media_flows_to_and_from_whom_a_check_nominated(phone: PhoneMaker, host: str) -> None:
    with started() as relay:
        stream, alice, bob = ice_stream(relay, hosts=(host, "127.0.0.1")), phone(host), phone()
        stream.remote(1, bob)
        bob.send(rtp(1), stream.port(1))
        alice.send(rtp(2), stream.port(0))
        eventually(lambda: stream.stats(0).strangers == 1)
        checked(alice, stream.port(0))
        eventually(lambda: native.Event(native.LATCHED, stream.id, 0, 0) in relay.events())
        bob.send(rtp(3), stream.port(1))
        assert alice.receive() == rtp(3)
        alice.send(rtp(4), stream.port(0))
        assert bob.receive() == rtp(4)
        stats = stream.stats(0)
        assert (stats.checks, stats.checks_refused, stats.packets, stats.latched) == (1, 0, 1, True)
        assert stats.remote == alice.address
        assert stream.stats(1).no_remote == 1
        assert relay.totals([stream.id]).rtp.checks == 1


def test_who_passed_sends_but_is_not_sent_to_until_it_is_nominated(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, wifi, cell, bob = ice_stream(relay), phone(), phone(), phone()
        stream.remote(1, bob)
        checked(wifi, stream.port(0))
        checked(cell, stream.port(0), nominates=False)
        cell.send(rtp(5), stream.port(0))
        assert bob.receive() == rtp(5)
        bob.send(rtp(1), stream.port(1))
        assert wifi.receive() == rtp(1)
        checked(cell, stream.port(0), PRIORITY=200)
        bob.send(rtp(2), stream.port(1))
        assert cell.receive() == rtp(2)
        assert wifi.silent()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"username": "other:theirs"}, 401),
        ({"password": "x" * 22}, 401),
        ({"REALM": "x", "DATA": b"x"}, 420),
        ({"ICE-CONTROLLED": 5}, 487),
    ],
)
def test_what_is_refused_teaches_nothing(phone: PhoneMaker, options: dict[str, Any], code: int) -> None:
    with started() as relay:
        stream, mallory, bob = ice_stream(relay), phone(), phone()
        stream.remote(1, bob)
        message = answered(mallory, stream.port(0), request(**options))
        assert message.error_code == code
        assert message.check_message_integrity(PASSWORD.encode()) == (code != 401)
        mallory.send(rtp(1), stream.port(0))
        eventually(lambda: stream.stats(0).strangers == 1)
        assert (stream.stats(0).remote, stream.stats(0).checks_refused) == (None, 1)


def test_rtcp_has_checks_of_its_own(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, alice_rtcp, bob, bob_rtcp = ice_stream(relay), phone(), phone(), phone(), phone()
        stream.remote(1, bob)
        stream.remote(1, bob_rtcp, 1)
        checked(alice, stream.port(0))
        bob_rtcp.send(rtcp(), stream.port(1, 1))
        eventually(lambda: stream.stats(1, 1).no_remote == 1)  # the port after that of RTP was nominated by nobody
        checked(alice_rtcp, stream.port(0, 1))
        bob_rtcp.send(rtcp(), stream.port(1, 1))
        assert alice_rtcp.receive() == rtcp()
        assert stream.stats(0, 1).remote == alice_rtcp.address
        alice_rtcp.send(rtcp(), stream.port(0, 1))
        assert bob_rtcp.receive() == rtcp()


def test_rtcp_beside_rtp_goes_where_rtp_was_nominated(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, bob, bob_rtcp = ice_stream(relay), phone(), phone(), phone()
        relay.set_mux(stream.id, 0, True)
        stream.remote(1, bob)
        stream.remote(1, bob_rtcp, 1)
        checked(alice, stream.port(0))
        bob_rtcp.send(rtcp(), stream.port(1, 1))
        assert alice.receive() == rtcp()
        alice.send(rtcp(), stream.port(0))
        assert bob_rtcp.receive() == rtcp()


def test_an_opaque_stream_relays_no_stun_of_ice(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, bob = ice_stream(relay, kind=native.OPAQUE), phone(), phone()
        stream.remote(1, bob)
        checked(alice, stream.port(0))
        alice.send(b"\x16\xfe\xfd DTLS", stream.port(0))
        assert bob.receive() == b"\x16\xfe\xfd DTLS"
        bob.send(request(), stream.port(1))  # the other side speaks none: to us it is anything
        assert alice.receive()[:2] == b"\x00\x01"


def test_a_replayed_check_moves_nothing(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, mallory, bob = ice_stream(relay), phone(), phone(), phone()
        stream.remote(1, bob)
        data = request()
        answered(alice, stream.port(0), data)
        mallory.send(data, stream.port(0))
        eventually(lambda: stream.stats(0).checks_refused == 1)
        bob.send(rtp(1), stream.port(1))
        assert alice.receive() == rtp(1)
        assert mallory.silent()


def test_another_relay_goes_on_with_credentials_and_nominations(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, cell, bob = ice_stream(relay), phone(), phone(), phone()
        stream.remote(1, bob)
        checked(alice, stream.port(0))
        sockets, table = copies_of(stream), os.dup(relay.table_fd)
        relay.stop()
    with started(table_fd=table) as successor:
        os.close(table)
        successor.adopt(stream.id, as_ports(sockets))
        bob.send(rtp(1), stream.port(1))
        assert alice.receive() == rtp(1)
        alice.send(rtp(2), stream.port(0))
        assert bob.receive() == rtp(2)
        checked(cell, stream.port(0), PRIORITY=200)
        bob.send(rtp(3), stream.port(1))
        assert cell.receive() == rtp(3)
        assert successor.stats(stream.id, 0, 0).checks == 2


def test_a_restart_goes_on_where_it_was(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, cell, bob = ice_stream(relay), phone(), phone(), phone()
        stream.remote(1, bob)
        checked(alice, stream.port(0), PRIORITY=300)
        relay.set_ice(stream.id, 0, "again", PASSWORD, "changed")
        bob.send(rtp(1), stream.port(1))
        assert alice.receive() == rtp(1)
        checked(cell, stream.port(0), username="again:changed")
        bob.send(rtp(2), stream.port(1))
        assert cell.receive() == rtp(2)
        alice.send(rtp(3), stream.port(0))
        eventually(lambda: stream.stats(0).strangers == 1)


def test_before_the_answer_checks_are_answered_and_nothing_is_sent(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, bob = Stream(relay), phone(), phone()
        relay.set_ice(stream.id, 0, UFRAG, PASSWORD, "")
        stream.remote(1, bob)
        checked(alice, stream.port(0))
        bob.send(rtp(1), stream.port(1))
        eventually(lambda: stream.stats(1).no_remote == 1)
        stream.remote(0, None, mode=native.ICE)
        relay.set_ice(stream.id, 0, UFRAG, PASSWORD, "theirs")
        bob.send(rtp(2), stream.port(1))
        assert alice.receive() == rtp(2)


def test_what_came_before_the_answer_passes_when_its_sender_had_passed_a_check(phone: PhoneMaker) -> None:
    with started() as relay:
        stream, alice, mallory, bob = Stream(relay, awaited=True), phone(), phone(), phone()
        relay.set_ice(stream.id, 0, UFRAG, PASSWORD, "")
        checked(alice, stream.port(0))
        mallory.send(rtp(8, ssrc=8), stream.port(0))
        alice.send(rtp(1), stream.port(0))
        bob.send(rtp(2, ssrc=2), stream.port(1))
        checked(alice, stream.port(0))  # sockets are taken in turn: what was sent before has been taken
        stream.remote(0, None, mode=native.ICE)
        stream.remote(1, bob)
        relay.set_ice(stream.id, 0, UFRAG, PASSWORD, "theirs")
        relay.release(stream.id)
        assert alice.receive() == rtp(2, ssrc=2)
        assert bob.receive() == rtp(1)
        assert stream.stats(0).strangers == 1


def test_a_number_given_again_has_nothing_of_before(phone: PhoneMaker) -> None:
    with started(capacity=1) as relay:
        stream, alice = ice_stream(relay), phone()
        checked(alice, stream.port(0))
        relay.remove(stream.id)
        relay.reap()
        stream = Stream(relay)
        stream.remote(0, None, mode=native.ICE)
        alice.send(request(), stream.port(0))
        eventually(lambda: stream.stats(0).strangers == 1)
        assert (stream.stats(0).checks, stream.stats(0).remote) == (0, None)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("abc", PASSWORD, ""), "ufrag must be 4 to 32"),
        (("abcd", "short", ""), "password must be 22 to 32"),
        (("ab:d", PASSWORD, ""), "ufrag must be"),
        (("abcd", PASSWORD, "a b"), "peer must be 0 to 256"),
    ],
)
def test_credentials_are_checked(words: tuple[str, str, str], what: str) -> None:
    with started() as relay:
        stream = Stream(relay)
        with pytest.raises(ValueError, match=what):
            relay.set_ice(stream.id, 0, *words)
        with pytest.raises(KeyError):
            relay.set_ice(stream.id + 1, 0, UFRAG, PASSWORD, "")
