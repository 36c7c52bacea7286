"""The certificate files of the configuration: what is wrong with them, and what the transports make of them."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

from sipcore.transport.tls_context import CertificateFiles, ListenerTls, identities_of, listener_tls, server_context
from sipmesh.config import Config, Domain, Listen
from sipmesh.config_lines import Path

Found = Iterator[tuple[Path, str]]


class CertificateError(Exception):
    """A file can't be used; the text names it and says why."""


def load_certificates(config: Config) -> dict[int, ListenerTls]:
    """By index in ``config.listen``. CertificateError."""
    problems = [message for _, message in certificate_errors(config)]
    if problems:
        raise CertificateError("; ".join(problems))
    by_name = {each.name.lower(): files_of(each) for each in config.domain if each.certificate}
    try:
        return {
            index: listener_tls(files_of(each), by_name, each.client_ca, config.tls.ca)
            for index, each in enumerate(config.listen)
            if each.transport == "tls"
        }
    except (OSError, ValueError) as error:
        raise CertificateError(str(error)) from error


def certificate_errors(config: Config) -> Found:
    """(path, message) of each file that can't be used."""
    for index, listen in enumerate(config.listen):
        if listen.transport == "tls":
            yield from pair_errors(files_of(listen), ("listen", index))
            yield from authority_errors(listen.client_ca, ("listen", index, "client_ca"))
    for index, domain in enumerate(config.domain):
        if domain.certificate:
            yield from pair_errors(files_of(domain), ("domain", index))
    yield from authority_errors(config.tls.ca, ("tls", "ca"))


def certificate_warnings(config: Config) -> Found:
    """What lets a node start and its peers refuse it; only for files without errors."""
    served = any(each.transport == "tls" for each in config.listen)
    for index, listen in enumerate(config.listen):
        if listen.transport == "tls":
            host = (listen.advertise or listen.address).rpartition(":")[0].strip("[]").lower()
            advice = f"{host}, which our Via and Record-Route name; set advertise"
            yield from pair_warnings(files_of(listen), host, advice, ("listen", index, "certificate"))
    for index, domain in enumerate(config.domain):
        if domain.certificate and not served:
            yield ("domain", index, "certificate"), 'is not used: no [[listen]] has transport = "tls"'
        elif domain.certificate:
            name = domain.name.lower()
            yield from pair_warnings(files_of(domain), name, f"the domain {name}", ("domain", index, "certificate"))


def files_of(table: Listen | Domain) -> CertificateFiles:
    return CertificateFiles(table.certificate, table.key)


def pair_errors(files: CertificateFiles, path: Path) -> Found:
    unreadable = [
        ((*path, key), f"{file} can't be read: {reason}")
        for key, file in (("certificate", files.certificate), ("key", files.key))
        if (reason := why_unreadable(file))
    ]
    if unreadable:
        yield from unreadable
    elif not holds_certificates(files.certificate):
        yield (*path, "certificate"), f"{files.certificate} holds no certificate in PEM form"
    else:
        try:
            server_context(files)
        except ssl.SSLError as error:
            other = error.reason == "KEY_VALUES_MISMATCH"
            why = f"is not the key of {files.certificate}" if other else "holds no key in PEM form"
            yield (*path, "key"), f"{files.key} {why}"
        except ValueError as error:
            yield (*path, "key"), f"{files.key} can't be used: {error}"


def authority_errors(file: str, path: Path) -> Found:
    if not file:
        return
    if reason := why_unreadable(file):
        yield path, f"{file} can't be read: {reason}"
    elif not holds_certificates(file):
        yield path, f"{file} holds no certificate in PEM form"


def pair_warnings(files: CertificateFiles, name: str, meaning: str, path: Path) -> Found:
    """``name``: whom peers will expect, ``meaning``: said of it when the certificate is for others."""
    try:
        identities = shown_identities(files)
    except ssl.SSLError as error:
        why = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else error.reason
        yield path, f"{files.certificate} will be refused by peers: {why}"
        return
    if name not in identities:
        yield path, f"{files.certificate} is for {', '.join(sorted(identities)) or 'nobody'}, not for {meaning}"


def why_unreadable(file: str) -> str:
    try:
        with open(file, "rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def holds_certificates(file: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except ssl.SSLError:
        return False
    return True


def shown_identities(files: CertificateFiles) -> frozenset[str]:
    """The SIP domains that a client finds in our certificate, shown to one that trusts it as it is. ssl.SSLError says what
    every client would say of it (RFC 5280 section 6)."""
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    trusting.load_verify_locations(files.certificate)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting.wrap_bio(to_client, to_server)
    server = server_context(files).wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while client in waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    return identities_of(client.getpeercert())
