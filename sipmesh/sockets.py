"""The sockets of a node, opened once by the supervisor, so that they outlive every worker."""

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sipmesh.addresses import split_host_port
from sipmesh.config import Config
from sipmesh.spec import ng_path

UDP_BUFFER_BYTES = 8 << 20  # asked for; the kernel caps it at net.core.rmem_max unless we are root
BACKLOG = 1024
SO_RCVBUFFORCE = 33
MAX_UNIX_PATH_BYTES = 107


class SocketError(Exception):
    """An address can't be opened; the text names it, the reason and the key to change."""


@dataclass(slots=True)
class NodeSockets:
    sip: dict[int, socket.socket] = field(default_factory=dict)  # by listener index
    ng: socket.socket | None = None
    ng_udp: socket.socket | None = None
    console: socket.socket | None = None

    def close(self) -> None:
        for opened in (*self.sip.values(), self.ng, self.ng_udp, self.console):
            if opened is not None:
                opened.close()


def open_sockets(config: Config) -> NodeSockets:
    """All or none. SocketError."""
    sockets = NodeSockets()
    try:
        for index, listen in enumerate(config.listen):
            with named(f"{listen.address} ({listen.transport})", f"address of [[listen]] {index + 1}"):
                opener = open_udp if listen.transport == "udp" else open_tcp
                sockets.sip[index] = opener(listen.host, listen.port)
        if config.media.ng:
            with named(f"{config.media.ng} (udp)", "ng in [media]"):
                sockets.ng_udp = open_udp(*split_host_port(config.media.ng))
        if config.console:
            with named(f"{config.console.address} (tcp)", "address in [console]"):
                sockets.console = open_tcp(*split_host_port(config.console.address))
        path = ng_path(config.node.data)
        with named(str(path), "data in [node]"):
            sockets.ng = open_unix(path)
    except SocketError:
        sockets.close()
        raise
    return sockets


@contextlib.contextmanager
def named(address: str, key: str) -> Iterator[None]:
    """Translates what the kernel says about ``address``; ``key``: where it is configured."""
    try:
        yield
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "is taken by another program; stop that one, or change",
            errno.EADDRNOTAVAIL: "is no address of this machine; change",
            errno.EACCES: "may only be opened by root; start as root, or change",
            errno.ENAMETOOLONG: "is too long a path for a socket; change",
        }
        reason = reasons.get(error.errno or 0, f"can't be opened ({error.strerror}); change")
        raise SocketError(f"{address} {reason} {key}") from error


def open_udp(host: str, port: int) -> socket.socket:
    opened = socket.socket(family_of(host), socket.SOCK_DGRAM)
    try:
        only_its_family(opened)
        enlarge(opened)
        opened.setblocking(False)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def open_tcp(host: str, port: int) -> socket.socket:
    opened = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        only_its_family(opened)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setblocking(False)
        opened.bind((host, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def open_unix(path: Path) -> socket.socket:
    """A listening seqpacket socket that only our account may connect to."""
    if len(str(path).encode()) > MAX_UNIX_PATH_BYTES:
        raise OSError(errno.ENAMETOOLONG, "path too long")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        opened.setblocking(False)
        opened.bind(str(path))
        path.chmod(0o600)
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def family_of(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def only_its_family(opened: socket.socket) -> None:
    if opened.family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def enlarge(opened: socket.socket) -> None:
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, option, UDP_BUFFER_BYTES)
            return
