"""UdpSocket over loopback, IPv4 and IPv6."""

import errno
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from native.sip import BATCH, MAX_MESSAGE_BYTES, UdpSocket

HERE = Path(__file__).resolve().parent


def opened(family: int, host: str, buffer: int | None = None) -> UdpSocket:
    plain = socket.socket(family, socket.SOCK_DGRAM)
    if buffer is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    plain.bind((host, 0))
    return UdpSocket(plain.detach())


@pytest.fixture(params=[(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["v4", "v6"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[UdpSocket, UdpSocket]]:
    family, host = request.param
    assert family == socket.AF_INET or socket.has_ipv6, "IPv6 is off: these tests need ::1"
    near, far = opened(family, host), opened(family, host)
    yield near, far
    near.close()
    far.close()


def test_a_datagram_arrives_with_both_addresses(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    near.queue(b"hello", far.address)
    assert near.pending == 1
    assert far.receive() == []
    assert near.flush() == []
    assert near.pending == 0
    assert far.receive() == [(b"hello", near.address, far.address[0])]
    assert far.receive() == []


def test_many_datagrams_are_sent_at_once_and_those_that_lead_nowhere_are_named(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    nowhere = ("a.name.test", 5060)
    batch: list[tuple[bytes, tuple[str, int], str | None]] = [(b"%d" % n, far.address, None) for n in range(BATCH + 3)]
    refused = near.send([*batch[:2], (b"lost", nowhere, None), (b"lost", far.address, "no host"), *batch[2:]])
    assert refused == [(nowhere, errno.EINVAL), (far.address, errno.EINVAL)]
    arrived = [data for data, _, _ in (*far.receive(), *far.receive())]
    assert arrived == [data for data, _, _ in batch]
    assert near.send([]) == []


@pytest.mark.parametrize("wrong", [5, [5], [(b"x",)], [("x", ("127.0.0.1", 5060), None)], [(b"x", 5, None)]])
def test_what_is_no_list_of_datagrams_is_refused(pair: tuple[UdpSocket, UdpSocket], wrong: object) -> None:
    with pytest.raises(TypeError):
        pair[0].send(wrong)  # type: ignore[arg-type]


def test_the_same_peer_is_the_same_address_object(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    for text in (b"1", b"2"):
        near.queue(text, far.address)
    near.flush()
    (_, first, first_host), (_, second, second_host) = far.receive()
    assert first is second
    assert first_host is second_host


def test_an_answer_goes_back_from_where_it_was_asked(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    near.queue(b"ask", far.address)
    near.flush()
    ((_, source, destination_host),) = far.receive()
    far.queue(b"answer", source, destination_host)
    assert far.flush() == []
    assert near.receive() == [(b"answer", far.address, near.address[0])]


def test_a_wildcard_socket_knows_and_chooses_its_address() -> None:
    any_host = opened(socket.AF_INET, "0.0.0.0")
    client = opened(socket.AF_INET, "127.0.0.1")
    port = any_host.address[1]
    for host in ("127.0.0.1", "127.0.0.2"):
        client.queue(b"x", (host, port))
    client.flush()
    assert [where for _, _, where in any_host.receive()] == ["127.0.0.1", "127.0.0.2"]
    any_host.queue(b"y", client.address, "127.0.0.3")
    any_host.flush()
    assert client.receive() == [(b"y", ("127.0.0.3", port), "127.0.0.1")]
    any_host.close()
    client.close()


def test_batches_longer_than_one_system_call(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    total = 2 * BATCH + 5
    for number in range(total):
        near.queue(b"%d" % number, far.address)
    assert near.pending == 5
    assert near.flush() == []
    sizes, seen = [], []
    while batch := far.receive():
        sizes.append(len(batch))
        seen += [int(data) for data, _, _ in batch]
    assert sizes == [BATCH, BATCH, 5]
    assert seen == list(range(total))


def test_sizes_from_nothing_to_the_largest(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    for size in (0, 1, 1500, 65487):
        near.queue(b"x" * size, far.address)
        assert near.flush() == []
        assert [len(data) for data, _, _ in far.receive()] == [size]
    assert far.oversized == 0


def test_a_datagram_no_socket_can_send_is_told(pair: tuple[UdpSocket, UdpSocket]) -> None:
    near, far = pair
    near.queue(b"before", far.address)
    near.queue(b"x" * MAX_MESSAGE_BYTES, far.address)
    near.queue(b"after", far.address)
    assert near.flush() == [(far.address, errno.EMSGSIZE)]
    assert [data for data, _, _ in far.receive()] == [b"before", b"after"]
    assert near.flush() == []


def test_refusals_of_a_forced_flush_are_told_at_the_next() -> None:
    near = opened(socket.AF_INET, "127.0.0.1")
    nowhere = ("127.0.0.1", 0)
    for _ in range(BATCH + 1):
        near.queue(b"x", nowhere)
    failed = near.flush()
    assert len(failed) == BATCH + 1
    assert {destination for destination, _ in failed} == {nowhere}
    assert near.flush() == []
    near.close()


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_what_icmp_says_names_the_destination(family: int, host: str) -> None:
    near, gone, far = opened(family, host), opened(family, host), opened(family, host)
    dead = gone.address
    gone.close()
    watch = select.epoll()
    watch.register(near.fileno(), select.EPOLLIN)
    assert near.unreachable() == ()
    near.queue(b"lost", dead)
    near.queue(b"arrives", far.address)
    assert near.flush() == []
    assert [mask for _, mask in watch.poll(1.0)] == [select.EPOLLERR]
    assert near.receive() == []
    assert near.unreachable() == ((dead, b"lost"),)
    assert watch.poll(0) == []
    assert [data for data, _, _ in far.receive()] == [b"arrives"]
    for each in (near, far, watch):
        each.close()


def test_many_errors_are_read_a_batch_at_a_time() -> None:
    near, gone = opened(socket.AF_INET, "127.0.0.1"), opened(socket.AF_INET, "127.0.0.1")
    dead = gone.address
    gone.close()
    for _ in range(20):
        near.queue(b"lost", dead)
        near.flush()
    found: list[object] = []
    while near.receive() == [] and (more := near.unreachable()):
        found += more
    assert set(found) == {(dead, b"lost")}
    near.close()


def test_errors_that_icmp_left_are_skipped() -> None:
    gone = opened(socket.AF_INET, "127.0.0.1")
    address = gone.address
    gone.close()
    near, far = opened(socket.AF_INET, "127.0.0.1"), opened(socket.AF_INET, "127.0.0.1")
    for _ in range(3):
        near.queue(b"lost", address)
        assert near.flush() == []
    far.queue(b"news", near.address)
    far.flush()
    assert [data for data, _, _ in near.receive()] == [b"news"]
    near.queue(b"still works", far.address)
    assert near.flush() == []
    near.close()
    far.close()


def test_the_kernels_drops_are_counted() -> None:
    slow, fast = opened(socket.AF_INET, "127.0.0.1", buffer=4096), opened(socket.AF_INET, "127.0.0.1")
    for _ in range(200):
        fast.queue(b"x" * 500, slow.address)
    fast.flush()
    arrived = len(slow.receive())
    fast.queue(b"x", slow.address)  # the counter travels with the next datagram
    fast.flush()
    arrived += len(slow.receive())
    assert slow.dropped > 0
    assert arrived + slow.dropped == 201
    slow.close()
    fast.close()


def test_datagrams_without_room_wait(tmp_path: Path) -> None:
    shim = tmp_path / "no_room.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim, HERE / "csip" / "no_room.c", "-ldl"], check=True)
    preload = " ".join(filter(None, [os.environ.get("LD_PRELOAD"), str(shim)]))
    command = [sys.executable, "-m", "tests.native.udp_without_room", shim]
    environment = {**os.environ, "LD_PRELOAD": preload}
    done = subprocess.run(
        command, cwd=HERE.parent.parent, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("host", ["localhost", "", "1.2.3", "::1", "127.0.0.1 ", "127.0.0.1\0", "1" * 100])
def test_destinations_are_numeric_and_of_the_family(host: str) -> None:
    near = opened(socket.AF_INET, "127.0.0.1")
    with pytest.raises(ValueError, match="not a numeric IPv4 address"):
        near.queue(b"x", (host, 5060))
    with pytest.raises(ValueError, match="not a numeric IPv4 address"):
        near.queue(b"x", ("127.0.0.1", 5060), host)
    near.close()


def test_arguments_are_checked() -> None:
    near = opened(socket.AF_INET, "127.0.0.1")
    for port in (-1, 65536):
        with pytest.raises(ValueError, match="port"):
            near.queue(b"x", ("127.0.0.1", port))
    for wrong in (
        (b"x", "127.0.0.1"),
        (b"x", ("127.0.0.1",)),
        ("x", ("127.0.0.1", 1)),
        (b"x", (b"127.0.0.1", 1)),
        (b"x", ("127.0.0.1", "1")),
        (b"x",),
    ):
        with pytest.raises(TypeError):
            near.queue(*wrong)  # type: ignore[arg-type]
    assert near.pending == 0
    near.close()


def test_a_closed_socket_says_so() -> None:
    near = opened(socket.AF_INET, "127.0.0.1")
    near.queue(b"never sent", near.address)
    near.close()
    near.close()
    assert (near.pending, near.dropped, near.oversized) == (0, 0, 0)
    for call in (
        near.fileno,
        near.receive,
        near.flush,
        near.unreachable,
        lambda: near.queue(b"x", ("127.0.0.1", 1)),
        lambda: near.address,
    ):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_only_udp_sockets_are_taken() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream, pytest.raises(OSError, match=r".+"):
        UdpSocket(stream.fileno())
    with pytest.raises(OSError, match=r".+"):
        UdpSocket(-1)


def test_link_local_scopes_survive() -> None:
    near = opened(socket.AF_INET6, "::1")
    near.queue(b"x", ("fe80::1%1", 9))
    for wrong in ("fe80::1%", "fe80::1%x"):
        with pytest.raises(ValueError, match="IPv6"):
            near.queue(b"x", (wrong, 9))
    near.close()
