"""``python -m media`` as a process of its own."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.media.live import LOOPBACK, udp


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "media", "--threads", "1", *arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def free_port() -> int:
    with udp() as probe:
        return int(probe.getsockname()[1])


def test_it_serves_and_stops() -> None:
    port = free_port()
    with started("--ng", f"{LOOPBACK}:{port}", "--address", f"lan={LOOPBACK}!203.0.113.5", "--ports", "48000-48009") as process:
        assert process.stderr is not None
        assert f"ng on ('{LOOPBACK}', {port})" in process.stderr.readline()
        with udp() as client:
            client.connect((LOOPBACK, port))
            client.send(b"1 d7:command4:pinge")
            assert client.recv(1000) == b"1 d6:result4:ponge"
            body = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio 5000 RTP/AVP 0\r\n"
            client.send(
                b'2 {"command":"offer","call-id":"c","from-tag":"a","sdp":"%b"}' % body.replace("\r\n", "\\r\\n").encode()
            )
            assert b"c=IN IP4 203.0.113.5\\r\\nm=audio 480" in client.recv(2000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--ng", "2223"], 2, "media: '2223' is not ADDRESS:PORT with a numeric address"),
        (["--ng", "127.0.0.1:x"], 2, "media: '127.0.0.1:x' has no port from 0 to 65535"),
        (["--ports", "20000"], 2, "media: ports: '20000' is not FIRST-LAST"),
        (["--address", "here"], 2, "media: address: 'here' is no IPv4 or IPv6 address"),
        (["--ng-allow", "10.0.0.0/99"], 2, "media: ng_allow: "),
    ],
)
def test_wrong_arguments_are_named(arguments: list[str], code: int, text: str) -> None:
    with started(*arguments) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith(text)
        assert process.wait(100) == code


def test_a_port_of_somebody_else_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind((LOOPBACK, 0))
        with started("--ng", f"{LOOPBACK}:{holder.getsockname()[1]}") as process:
            assert process.stderr is not None
            assert "Address already in use" in process.stderr.readline()
            assert process.wait(100) == 1
