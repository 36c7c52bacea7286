"""A real daemon on loopback: sockets, relay threads and an event loop in a thread of its own."""

import asyncio
import contextlib
import itertools
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from interop.ports import free_port
from media import bencode
from media.daemon import MediaDaemon
from media.settings import Interface, MediaSettings
from native.relay import Relay
from tests.native.relay_wire import AN_HOUR_MS

LOOPBACK = "127.0.0.1"
COOKIES = itertools.count(1)  # over all clients: one may get the port of another, whose replies are still known
_PORTS = 200


def free_ports(count: int) -> int:
    """The first of so many that no socket has."""
    return free_port((socket.SOCK_DGRAM,), LOOPBACK, count)


class Live:
    """``daemon`` belongs to its own thread; tests talk to it over its sockets only."""

    def __init__(self, early_ms: int = AN_HOUR_MS, **settings: Any) -> None:
        self._early_ms = early_ms
        first = free_ports(_PORTS)
        self.folder = tempfile.TemporaryDirectory()
        self.unix_path = f"{self.folder.name}/ng.sock"
        defaults: dict[str, Any] = {
            "interfaces": (Interface(LOOPBACK),),
            "first_port": first,
            "last_port": first + _PORTS - 1,
            "ng": (LOOPBACK, 0),
            "unix_path": self.unix_path,
            "scan_interval_s": 0.05,
        }
        self.settings = MediaSettings(**(defaults | settings))
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> "Live":
        self._thread.start()
        assert self._started.wait(100)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(100)
        assert not self._thread.is_alive()
        self.folder.cleanup()

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        relay = Relay(threads=1, capacity=256, fifo=False, early_ms=self._early_ms)
        relay.start()
        try:
            self.daemon = MediaDaemon(self.settings, relay)
            await self.daemon.start()
            self.address = self.daemon.ng_address
            self._started.set()
            await self.daemon.run(self._stopping)
        finally:
            relay.stop()


class Proxy:
    """An ng client over UDP."""

    def __init__(self, live: Live) -> None:
        self.socket = udp()
        assert live.address is not None
        self.socket.connect(live.address)

    def raw(self, datagram: bytes) -> bytes:
        self.socket.send(datagram)
        return self.socket.recv(65535)

    def ask(self, command: str, **keys: Any) -> dict[str, Any]:
        cookie = b"%d " % next(COOKIES)
        reply = self.raw(cookie + json.dumps(request(command, **keys)).encode())
        assert reply.startswith(cookie)
        return dict(json.loads(reply[len(cookie) :]))


class OwnProxy:
    """An ng client over the seqpacket socket. Events that come in between are kept."""

    def __init__(self, live: Live) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(100)
        self.socket.connect(live.unix_path)
        self.events: list[dict[str, Any]] = []
        self._cookies = itertools.count(1)

    def ask(self, command: str, **keys: Any) -> dict[str, Any]:
        cookie = b"own%d" % next(self._cookies)
        self.socket.send(cookie + b" " + bencode.encode(request(command, **keys)))
        while True:
            answered, body = self.receive()
            if answered == cookie:
                return body
            self.events.append(body)

    def receive(self) -> tuple[bytes, dict[str, Any]]:
        cookie, _, data = self.socket.recv(1 << 20).partition(b" ")
        return cookie, dict(bencode.decode(data))


class Phone:
    """An RTP and an RTCP socket, with one SSRC."""

    def __init__(self, ssrc: int, host: str = LOOPBACK) -> None:
        while True:
            self.rtp = udp(host)
            self.port = self.rtp.getsockname()[1]
            with contextlib.suppress(OSError):
                self.rtcp = udp(host, self.port + 1)
                break
            self.rtp.close()
        self.host = host
        self.ssrc = ssrc
        self._sequence = itertools.count(1)

    def sdp(self, *attributes: str, kind: str = "audio", protocol: str = "RTP/AVP 0") -> str:
        lines = ["v=0", f"o=- {self.ssrc} 1 IN IP4 {self.host}", "s=-", f"c=IN IP4 {self.host}", "t=0 0"]
        lines += [f"m={kind} {self.port} {protocol}", *attributes]
        return "\r\n".join(lines) + "\r\n"

    def packet(self) -> bytes:
        number = next(self._sequence)
        head = b"\x80\x00" + number.to_bytes(2, "big") + (160 * number).to_bytes(4, "big")
        return head + self.ssrc.to_bytes(4, "big") + b"\xd5" * 160

    def report(self) -> bytes:
        """An RTCP receiver report without blocks."""
        return b"\x80\xc9\x00\x01" + self.ssrc.to_bytes(4, "big")

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def request(command: str, **keys: Any) -> dict[str, Any]:
    return {"command": command} | {key.replace("_", "-"): value for key, value in keys.items()}


def udp(host: str = LOOPBACK, port: int = 0) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    opened.settimeout(100)
    try:
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def port_of(body: str) -> int:
    return int(body.partition("\r\nm=")[2].split()[1])


@contextlib.contextmanager
def phones(*ssrcs: int) -> Iterator[list[Phone]]:
    made = [Phone(ssrc) for ssrc in ssrcs]
    try:
        yield made
    finally:
        for phone in made:
            phone.close()
