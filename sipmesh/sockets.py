"""The sockets of a node, opened once by the supervisor, so that they outlive every worker."""

import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from media.fast_path import FastPath, open_fast_path
from media.raw import open_raw
from media.settings import EXPEDITED
from sipcore.transport.siblings import MAX_WORKERS
from sipmesh.addresses import split_host_port
from sipmesh.config import Config
from sipmesh.spec import ng_path
from sipmesh.steering import steer

BUFFER_BYTES = 8 << 20  # asked for; the kernel caps it at net.core.rmem_max unless we are root
BACKLOG = 1024
SO_SNDBUFFORCE, SO_RCVBUFFORCE = 32, 33
MAX_UNIX_PATH_BYTES = 107


class SocketError(Exception):
    """An address can't be opened; the text names it, the reason and the key to change."""


@dataclass(slots=True)
class NodeSockets:
    sip: list[dict[int, socket.socket]] = field(default_factory=list)  # of each signal worker, by listener index
    siblings: list[dict[int, socket.socket]] = field(default_factory=list)  # of each signal worker, by the other's index
    ng: socket.socket | None = None
    ng_udp: socket.socket | None = None
    console: socket.socket | None = None
    raw: list[socket.socket] = field(default_factory=list)  # for relay threads to send by
    fast: FastPath | None = None  # the relay's

    def close(self) -> None:
        shared = (opened for each in (*self.sip, *self.siblings) for opened in each.values())
        for opened in (*shared, *self.raw, self.ng, self.ng_udp, self.console):
            if opened is not None:
                opened.close()
        if self.fast is not None:
            self.fast.close()


def open_sockets(config: Config) -> NodeSockets:
    """All or none. SocketError."""
    workers = range(signal_worker_count(config))
    sockets = NodeSockets([{} for _ in workers])
    try:
        for index, listen in enumerate(config.listen):
            with named(f"{listen.address} ({listen.transport})", f"address of [[listen]] {index + 1}"):
                opener = open_udp if listen.transport == "udp" else open_tcp
                for worker, opened in zip(workers, open_shared(opener, listen.host, listen.port, len(workers)), strict=True):
                    sockets.sip[worker][index] = opened
        sockets.siblings = open_links(len(workers))
        if len(workers) > 1:
            steer(
                [
                    [shared[index] for shared in sockets.sip]
                    for index, each in enumerate(config.listen)
                    if each.transport == "udp"
                ]
            )
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


def signal_worker_count(config: Config) -> int:
    return config.node.signal_workers or min(len(os.sched_getaffinity(0)), MAX_WORKERS)


def relay_thread_count(config: Config) -> int:
    return config.media.threads or os.cpu_count() or 1


def media_address(config: Config) -> str:
    """What the relay binds."""
    return config.media.address or config.listen[0].host


def open_raw_sockets(config: Config) -> list[socket.socket]:
    """For the relay to send by; none where that is turned off or the kernel doesn't let us."""
    if not config.media.send_raw:
        return []
    return open_raw([media_address(config)], EXPEDITED, relay_thread_count(config))


def open_fast(config: Config) -> FastPath | None:
    """The relay's fast path; None where that is not asked for or can't be. It takes what root may."""
    if config.media.fastpath == "off":
        return None
    return open_fast_path([media_address(config)], config.media.max_streams)


def open_shared(opener: Callable[..., socket.socket], host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` sockets on one address. First one that shares it with nobody must get it, or two nodes could serve it."""
    first = opener(host, port)
    if count == 1:
        return [first]
    port = first.getsockname()[1]
    first.close()
    shared: list[socket.socket] = []
    try:
        for _ in range(count):
            shared.append(opener(host, port, shared=True))
    except OSError:
        for opened in shared:
            opened.close()
        raise
    return shared


def open_links(count: int) -> list[dict[int, socket.socket]]:
    """A pair of connected datagram sockets for every two of ``count`` workers."""
    links: list[dict[int, socket.socket]] = [{} for _ in range(count)]
    for one, other in combinations(range(count), 2):
        links[one][other], links[other][one] = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (links[one][other], links[other][one]):
            enlarge(end, SO_SNDBUFFORCE, socket.SO_SNDBUF)
    return links


def open_udp(host: str, port: int, *, shared: bool = False) -> socket.socket:
    opened = socket.socket(family_of(host), socket.SOCK_DGRAM)
    try:
        only_its_family(opened)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        enlarge(opened, SO_RCVBUFFORCE, socket.SO_RCVBUF)
        opened.setblocking(False)
        opened.bind((host, port))
    except OSError:
        opened.close()
        raise
    return opened


def open_tcp(host: str, port: int, *, shared: bool = False) -> socket.socket:
    opened = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        only_its_family(opened)
        if shared:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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


def enlarge(opened: socket.socket, *options: int) -> None:
    """Of ``options`` the first that the kernel allows."""
    for option in options:
        with contextlib.suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
            return
