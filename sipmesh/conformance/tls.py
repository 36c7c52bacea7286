"""TLS of the tester: a client that believes everybody, and a server that nobody has reason to believe."""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from pathlib import Path

from sipmesh.conformance.errors import NotApplicableError

NAME = "/CN=nobody.invalid"
LONGEST_S = 10.0


def unverified() -> ssl.SSLContext:
    """Of a client: it is SIP that is tested, not who has signed a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def self_signed() -> ssl.SSLContext:
    """Of a server with a certificate made just now; NotApplicableError without the openssl command."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", NAME]
        files = ["-keyout", str(key), "-out", str(certificate)]
        try:
            subprocess.run([*command, *files], check=True, capture_output=True, timeout=LONGEST_S)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            raise NotApplicableError("needs the openssl command") from error
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
    return context
