"""A certificate authority for tests and measurements, made with the ``openssl`` command."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

from interop.process import PATIENCE_S
from sipcore.transport.tls_context import CertificateFiles

KINDS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("rsa:2048",)}


class Authority:
    """Files in ``folder``: ``ca`` is its own certificate."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca = str(folder / "ca.pem")
        self._key = str(folder / "ca.key")
        openssl("req", "-x509", "-newkey", *KINDS["ecdsa"], "-nodes", "-days", "9", "-subj", f"/CN={name}", *self._out("ca"))

    def issue(self, name: str, *san: str, days: int = 9, kind: str = "ecdsa", subject: str = "test") -> CertificateFiles:
        """``san``: like ``DNS:a.test`` and ``URI:sip:a.test``; none: no such extension. ``days`` below 0: expired."""
        request, made = str(self.folder / f"{name}.csr"), CertificateFiles(*self._out(name)[1::2])
        names = ("-addext", f"subjectAltName={','.join(san)}") if san else ()
        openssl(
            "req",
            "-new",
            "-newkey",
            *KINDS[kind],
            "-nodes",
            "-keyout",
            made.key,
            "-out",
            request,
            "-subj",
            f"/CN={subject}",
            *names,
        )
        signing = ("-CA", self.ca, "-CAkey", self._key, "-days", str(days), "-copy_extensions", "copy")
        openssl("x509", "-req", "-in", request, *signing, "-out", made.certificate)
        return made

    def client(self, own: CertificateFiles | None = None) -> ssl.SSLContext:
        """Of a client that trusts this authority, whatever the name."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.load_verify_locations(self.ca)
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context

    def server(self, own: CertificateFiles, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca)
        return context

    def _out(self, name: str) -> tuple[str, str, str, str]:
        return "-out", str(self.folder / f"{name}.pem"), "-keyout", str(self.folder / f"{name}.key")


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=PATIENCE_S)
