"""What TLS connections are made with: certificates, keys, authorities, and the SIP identities of a certificate (RFC 5922)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM: the certificate with those between it and the authority behind it, and its key."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class ListenerTls:
    """Of one listener: ``server`` for connections it accepts, ``client`` for those that leave from it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def listener_tls(
    own: CertificateFiles, by_name: Mapping[str, CertificateFiles], client_ca: str = "", ca: str = ""
) -> ListenerTls:
    """``by_name``: other certificates for clients that ask for these names, in lower case. ``client_ca``: clients must show a
    certificate of these authorities. ``ca``: those that servers we connect to must be certified by; "": the system's.

    OSError (ssl.SSLError included) or ValueError when a file can't be used.
    """
    others = {name: server_context(files, client_ca) for name, files in by_name.items()}
    server = server_context(own, client_ca)

    def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """RFC 5922 section 7.8; an unknown name gets our own certificate."""
        other = others.get(name.lower()) if name else None
        if other is not None:
            connection.context = other

    server.sni_callback = choose
    return ListenerTls(server, client_context(own, ca))


def server_context(own: CertificateFiles, client_ca: str = "") -> ssl.SSLContext:
    context = _context(ssl.PROTOCOL_TLS_SERVER, own)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


def client_context(own: CertificateFiles, ca: str = "") -> ssl.SSLContext:
    """Shows our certificate when asked. The name of the server is ours to compare: OpenSSL would accept wildcards."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT, own, check_hostname=False)
    if ca:
        context.load_verify_locations(ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def identities_of(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """The SIP domains that a verified certificate (``getpeercert``) stands for, in lower case (RFC 5922 section 7.1)."""
    if not certificate:
        return frozenset()
    names = certificate.get("subjectAltName", ())
    uris = {host for kind, value in names if kind == "URI" and (host := _sip_host(value))}
    if uris:
        return frozenset(uris)
    if names:
        return frozenset(value.lower() for kind, value in names if kind == "DNS")
    subject = (pair for group in certificate.get("subject", ()) for pair in group)
    return frozenset(value.lower() for kind, value in subject if kind == "commonName")


def _context(protocol: int, own: CertificateFiles, check_hostname: bool | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    if check_hostname is not None:
        context.check_hostname = check_hostname
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(own.certificate, own.key, password=_no_password)
    return context


def _no_password() -> str:
    """Asked for when a key is encrypted; without this OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted; a node has nobody to ask for its password")


def _sip_host(uri: str) -> str:
    """The host of ``sip:host`` without user; "" for what identifies no domain."""
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "sip" or "@" in rest:
        return ""
    host = rest.partition(";")[0].partition("?")[0].lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
