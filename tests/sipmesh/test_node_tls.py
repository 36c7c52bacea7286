"""A whole node with the TLS listener and the certificate of the README; a renewal; an account that can't read the key."""

from __future__ import annotations

import re
import shlex
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from interop.ports import free_port
from sipmesh.certificates import CertificateError
from sipmesh.config_load import parse_config
from sipmesh.node import run_node
from tests.sipmesh.test_node import OPTIONS, ROOT, Node

README = (ROOT / "README.md").read_text()
SECTION = README.split("### TLS\n")[1].split("\n### ")[0]
[LISTEN] = re.findall(r"```toml\n(.*?)```", SECTION, flags=re.DOTALL)
[COMMAND] = re.findall(r"```sh\n(.*?)```", SECTION, flags=re.DOTALL)


def make_certificate(folder: Path) -> None:
    subprocess.run(shlex.split(COMMAND), cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def node(tmp_path: Path, port: int) -> Iterator[Node]:
    make_certificate(tmp_path)
    started = Node(tmp_path, LISTEN.replace("192.0.2.5:5061", f"127.0.0.1:{port}"))
    try:
        started.wait_for_ready_line()
        yield started
    finally:
        started.process.terminate()
        started.process.wait(60)


def connect(folder: Path, port: int) -> ssl.SSLSocket:
    """As a phone that trusts this certificate only, and compares the name."""
    context = ssl.create_default_context(cafile=str(folder / "tls.pem"))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname="example.com")


def test_the_readme_s_listener_serves_and_takes_a_renewed_certificate_over(node: Node, port: int) -> None:
    before = connect(node.folder, port)
    old = before.getpeercert(binary_form=True)
    make_certificate(node.folder)
    node.process.send_signal(signal.SIGHUP)

    def renewed() -> bool:
        try:
            with connect(node.folder, port) as secure:
                return secure.getpeercert(binary_form=True) != old
        except ssl.SSLCertVerificationError:  # still the old one, which we no longer trust
            return False

    node.wait(renewed)
    request = OPTIONS.replace("SIP/2.0/UDP", "SIP/2.0/TLS").format(port=port, mine=5999, branch="tls1")
    for secure in (before, connect(node.folder, port)):
        with secure:
            secure.sendall(request.encode())
            assert secure.recv(4096).startswith(b"SIP/2.0 200 ")
    assert node.worker("signal")["restarts"] == 0


def test_a_renewal_with_a_wrong_key_changes_nothing(node: Node, port: int) -> None:
    good = (node.folder / "tls.key").read_text()
    (node.folder / "tls.key").write_text("gone\n")
    node.process.send_signal(signal.SIGHUP)
    node.wait(lambda: "certificates stay as they were" in node.log() and "configuration refused" in node.log())
    with connect(node.folder, port) as secure:
        assert secure.version() == "TLSv1.3"
    (node.folder / "tls.key").write_text(good)


def test_a_key_that_the_account_can_not_read_is_said_at_the_start(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_certificate(tmp_path)
    listen = LISTEN.replace("192.0.2.5:5061", f"127.0.0.1:{port}")
    config = parse_config(f'[node]\nname = "a"\nuser = "somebody"\n{listen}', base=tmp_path).config
    monkeypatch.setattr("sipmesh.node.become", lambda *_: (tmp_path / "tls.key").unlink())
    with pytest.raises(CertificateError, match=r"tls\.key can't be read"):
        run_node(config, tmp_path / "sipmesh.toml", on_ready=lambda: None)
