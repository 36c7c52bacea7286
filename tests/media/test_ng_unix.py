import asyncio
import errno
import os
import socket
import stat
from collections.abc import Callable

import pytest

from media import bencode, ng_unix
from media.ng_unix import MAX_WAITING, NgUnixServer
from tests.media.live import Live, OwnProxy
from tests.media.world import World, lines_of, sdp


def test_the_origin_is_ours_and_its_version_grows_with_the_body(live: Live) -> None:
    own = OwnProxy(live)
    bodies = [sdp(), sdp(version=2), sdp("m=audio 5000 RTP/AVP 0")]
    told = [own.ask("offer", call_id="o", from_tag="a", sdp=body)["sdp"] for body in bodies]
    origins = [lines_of(body, "o=")[0].split() for body in told]
    assert {(origin[0], origin[1], origin[5]) for origin in origins} == {("o=-", origins[0][1], "127.0.0.1")}
    assert [origin[2] for origin in origins] == ["1", "1", "2"]
    own.ask("delete", call_id="o")


def test_several_connections_are_served_at_once(live: Live) -> None:
    clients = [OwnProxy(live) for _ in range(5)]
    assert [client.ask("ping")["result"] for client in clients] == ["pong"] * 5
    clients[0].socket.close()
    assert clients[1].ask("ping")["result"] == "pong"


def test_packets_sent_at_once_are_answered_in_order(live: Live) -> None:
    own = OwnProxy(live)
    for number in range(100):
        own.socket.send(b"%d d7:command4:pinge" % number)
    assert [own.receive()[0] for _ in range(100)] == [b"%d" % number for number in range(100)]


def test_what_is_no_ng_is_passed_over(live: Live) -> None:
    own = OwnProxy(live)
    own.socket.send(b"nonsense")
    own.socket.send(b"1 nonsense")
    assert own.receive()[1]["error-reason"].startswith("Could not decode bencode at byte 0")


def test_a_large_body_fits_into_a_packet(live: Live) -> None:
    own = OwnProxy(live)
    body = sdp("m=audio 5000 RTP/AVP 0" + "|a=x-long:" + "y" * 60_000)
    assert len(own.ask("offer", call_id="large", from_tag="a", sdp=body)["sdp"]) > 60_000
    own.ask("delete", call_id="large")


def test_the_socket_is_its_owners_only(live: Live) -> None:
    assert stat.S_IMODE(os.stat(live.unix_path).st_mode) == 0o600


def test_a_stale_socket_file_is_replaced(live: Live) -> None:
    path = f"{live.folder.name}/stale.sock"
    ng_unix.listen(path).close()
    again = ng_unix.listen(path)
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.connect(path)
    again.settimeout(100)
    taken, _ = again.accept()
    client.send(b"1 ping")
    assert taken.recv(100) == b"1 ping"
    for each in (taken, client, again):
        each.close()


def test_events_go_to_every_connection_with_cookies_of_their_own(tmp_path: object) -> None:
    async def run() -> None:
        path = f"{tmp_path}/ng.sock"
        server = NgUnixServer(World().dispatcher, ng_unix.listen(path))
        clients = [_connected(path) for _ in range(2)]
        await _turns()
        server.emit({"event": "media timeout", "call-id": "c"})
        server.emit({"event": "offer timeout", "call-id": "d"})
        for client in clients:
            packets = [client.recv(1000).partition(b" ") for _ in range(2)]
            assert [packet[0] for packet in packets] == [b"event1", b"event2"]
            assert bencode.decode(packets[0][2]) == {"event": "media timeout", "call-id": "c"}
            client.close()
        server.close()
        server.close()

    asyncio.run(run())


def test_a_peer_that_does_not_read_waits_and_then_loses_its_connection(tmp_path: object) -> None:
    async def run() -> None:
        path = f"{tmp_path}/ng.sock"
        server = NgUnixServer(World().dispatcher, ng_unix.listen(path))
        slow = _connected(path)
        await _turns()
        sent = 0
        while server.waiting == 0:
            server.emit({"event": "x" * 20_000})
            sent += 1
        for _ in range(10):
            server.emit({"event": "y"})
        slow.setblocking(False)
        received = 0
        for _ in range(sent + 10):
            await _turns()
            received += len(slow.recv(30_000)) > 0
        assert received == sent + 10
        assert server.waiting == 0
        for _ in range(sent + MAX_WAITING + 2):
            server.emit({"event": "x" * 20_000})
        assert server.connections == 0
        server.close()
        slow.close()

    asyncio.run(run())


class Full(socket.socket):
    """A listener of a process that has no descriptor left, ``tries`` times so far."""

    tries = 0
    full = True

    def accept(self) -> tuple[socket.socket, object]:
        if self.full:
            self.tries += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


def test_without_a_descriptor_left_it_does_not_spin(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        later: list[Callable[[], None]] = []
        monkeypatch.setattr(asyncio.get_running_loop(), "call_later", lambda delay, call: later.append(call))
        path = f"{tmp_path}/ng.sock"
        listener = Full(fileno=ng_unix.listen(path).detach())
        server = NgUnixServer(World().dispatcher, listener)
        client = _connected(path)
        await _turns()
        assert (listener.tries, len(later), server.connections) == (1, 1, 0)
        listener.full = False
        later[0]()
        await _turns()
        assert server.connections == 1
        server.close()
        later[0]()
        client.close()

    asyncio.run(run())


def _connected(path: str) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(100)
    client.connect(path)
    return client


async def _turns() -> None:
    """Lets the loop see what is ready."""
    for _ in range(5):
        await asyncio.sleep(0)
