"""Addresses: numeric ones as configuration writes them, ``192.0.2.1:5060``, ``[2001:db8::1]:5060``; AORs as URIs."""

import ipaddress
import socket
from urllib.parse import quote

USER_CHARS = "-_.!~*'()&=+$,;?/"  # of a URI's user part that stay as they are (RFC 3261 section 25.1)
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


def split_host_port(text: str, *, numeric: bool = True) -> tuple[str, int]:
    """(host, port) of ``host:port``. ValueError says what is wrong. IPv6 wants brackets; ``numeric`` refuses names."""
    host, colon, port_text = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{text!r} has no port; write address:port, like 127.0.0.1:5060 or [::1]:5060")
    if not port_text.isascii() or not port_text.isdigit() or not 0 < int(port_text) < 65536:
        raise ValueError(f"{text!r} has a wrong port; a port is a number from 1 to 65535")
    if host.startswith("[") and host.endswith("]"):
        return numeric_host(host[1:-1]), int(port_text)
    if ":" in host:
        raise ValueError(f"{text!r} is IPv6 without brackets; write [{host}]:{port_text}")
    return numeric_host(host) if numeric else host.lower(), int(port_text)


def numeric_host(text: str) -> str:
    """``text`` in its shortest form. ValueError when it is no IPv4 or IPv6 address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no numeric address; write an IPv4 or IPv6 one") from None


def join_host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host).is_loopback


def outgoing_host(family: socket.AddressFamily) -> str:
    """The address this machine would send from; loopback when it has no route out. Sends nothing."""
    beyond, fallback = ("2001:db8::1", "::1") if family == socket.AF_INET6 else ("192.0.2.1", "127.0.0.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((beyond, 9))
        except OSError:
            return fallback
        return str(probe.getsockname()[0])


def reachable_host(host: str) -> str:
    """``host`` itself, or for a wildcard the address others can reach this machine at."""
    if host not in WILDCARDS:
        return host
    return outgoing_host(socket.AF_INET6 if ":" in host else socket.AF_INET)


def sip_uri(aor: str) -> str:
    """user@host, the user part unescaped, or a host alone, as a SIP URI."""
    user, at, host = aor.rpartition("@")
    return f"sip:{quote(user, safe=USER_CHARS)}@{host}" if at else f"sip:{host}"
