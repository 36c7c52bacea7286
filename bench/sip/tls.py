"""What TLS costs others: memory of idle connections, and the delay of UDP requests while peers shake hands, slowly (half-open)
or one after the other as fast as they can (storm)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from pathlib import Path

from bench.sip.report import Result
from interop.certificates import Authority
from interop.node import Setup, SipmeshNode

HALF_OPEN = 200
IDLE = 1000
PACE_S = 0.002  # between two OPTIONS
OPTIONS = (
    "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
    "From: <sip:a@example.test>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\nCall-ID: {number}\r\nCSeq: 1 OPTIONS\r\n"
    "Content-Length: 0\r\n\r\n"
)

Load = Callable[[SipmeshNode, Authority], AbstractContextManager[None]]


def measure(rounds: int, seconds: float) -> Result:
    """By kind of key: the delay of OPTIONS over UDP alone, beside half-open handshakes, and in a storm of them."""
    result: Result = {"half_open_connections": HALF_OPEN}
    with tempfile.TemporaryDirectory(prefix="bench-tls-") as name:
        for kind in ("ecdsa", "rsa"):
            with served(Path(name) / kind, kind) as (node, authority):
                result[kind] = delays(node, authority, rounds, seconds)
    return result


@contextlib.contextmanager
def served(folder: Path, kind: str) -> Iterator[tuple[SipmeshNode, Authority]]:
    authority = Authority(folder)
    own = authority.issue("own", "DNS:127.0.0.1", kind=kind)
    node = SipmeshNode(Setup(tls=(own.certificate, own.key)), folder / "node")
    cores = sorted(os.sched_getaffinity(0))
    for task in Path(f"/proc/{node.workers()['signal-0']}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores[:1])
        ahead_of_others(int(task.name))
    os.sched_setaffinity(0, cores[1:] or cores)
    ahead_of_others(0)
    try:
        yield node, authority
    finally:
        os.sched_setaffinity(0, cores)
        node.stop()


def ahead_of_others(task: int) -> None:
    """A machine that does other things too would be what the high quantiles show."""
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, task, -15)


def delays(node: SipmeshNode, authority: Authority, rounds: int, seconds: float) -> dict[str, float]:
    """Quantiles in ms of the answer to OPTIONS over UDP, the median of all rounds; the loads take turns."""
    loads: dict[str, Load] = {"alone": nothing, "half_open": half_open, "storm": storm}
    taken: dict[str, list[list[float]]] = {name: [] for name in loads}
    handshakes = 0.0
    for _ in range(rounds):
        for name, load in loads.items():
            before = node.metric("sipmesh_sip_tls_handshakes_total")
            with load(node, authority):
                taken[name].append(answers_ms(node.port, seconds))
            time.sleep(1.2)  # the counters are written once a second
            if name == "storm":
                handshakes += node.metric("sipmesh_sip_tls_handshakes_total") - before
    result: dict[str, float] = {"storm_handshakes_per_s": round(handshakes / rounds / seconds)}
    for name, rows in taken.items():
        for percent in (50, 99):
            quantiles = [statistics.quantiles(row, n=100)[percent - 1] for row in rows]
            result[f"{name}_p{percent}_ms"] = round(statistics.median(quantiles), 3)
    return result


def answers_ms(port: int, seconds: float) -> list[float]:
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(5)
        number, own = time.monotonic_ns(), probe.getsockname()[1]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            number += 1
            data = OPTIONS.format(port=port, own=own, number=number).encode()
            sent = time.perf_counter()
            probe.sendto(data, ("127.0.0.1", port))
            while f"Call-ID: {number}".encode() not in probe.recv(4096):
                pass
            found.append((time.perf_counter() - sent) * 1000)
            time.sleep(PACE_S)
    return found


@contextlib.contextmanager
def nothing(_: SipmeshNode, __: Authority) -> Iterator[None]:
    yield


@contextlib.contextmanager
def half_open(node: SipmeshNode, authority: Authority) -> Iterator[None]:
    """Slow clients: some bytes of a ClientHello, then one more each now and then."""
    with helper(drip, node.tls_port, authority.ca):
        yield


@contextlib.contextmanager
def storm(node: SipmeshNode, authority: Authority) -> Iterator[None]:
    with helper(shake, node.tls_port, authority.ca):
        yield


@contextlib.contextmanager
def helper(work: Callable[[int, str, Event], None], port: int, ca: str) -> Iterator[None]:
    stop = multiprocessing.Event()
    process = multiprocessing.Process(target=work, args=(port, ca, stop))
    process.start()
    time.sleep(0.5)
    try:
        yield
    finally:
        stop.set()
        process.join(10)


def drip(port: int, ca: str, stop: Event) -> None:
    hello = client_hello(ca)
    clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(HALF_OPEN)]
    for client in clients:
        client.sendall(hello[:100])
    at = 100
    while not stop.wait(0.1):
        at = min(at + 1, len(hello) - 1)
        for client in clients:
            with contextlib.suppress(OSError):
                client.sendall(hello[at : at + 1])
    for client in clients:
        client.close()


def client_hello(ca: str) -> bytes:
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=ca).wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def shake(port: int, ca: str, stop: Event) -> None:
    context = trusting(ca)
    while not stop.is_set():
        connect(port, context).close()


def trusting(ca: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca)
    context.check_hostname = False
    return context


def connect(port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 10))


def idle_kb(node: SipmeshNode, authority: Authority) -> float:
    """Growth of the signal worker, per connection that has had one request and its answer."""
    context = trusting(authority.ca)
    pid = node.workers()["signal-0"]
    held = [connect(node.tls_port, context) for _ in range(50)]  # what is taken once and for all
    before = rss_kb(pid)
    for number in range(IDLE):
        client = connect(node.tls_port, context)
        request = OPTIONS.format(port=node.tls_port, own=5061, number=f"i{number}").replace("SIP/2.0/UDP", "SIP/2.0/TLS")
        client.sendall(request.encode())
        client.recv(4096)
        held.append(client)
    time.sleep(1.0)
    grown = rss_kb(pid) - before
    for client in held:
        client.close()
    return round(grown / IDLE, 1)


def rss_kb(pid: int) -> int:
    fields = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\n")
    return int(next(line for line in fields if line.startswith("Pss:")).split()[1])
