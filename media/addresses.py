"""Numeric IP addresses, looked at once: the same few come with every message."""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

# what means something only behind some NAT or on one host; documentation ranges are not among them
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)


@dataclass(frozen=True, slots=True)
class Numeric:
    host: str  # in its shortest form
    family: int  # 4 or 6
    multicast: bool
    private: bool


@lru_cache(maxsize=10_000)
def numeric(text: str) -> Numeric | None:
    """None when ``text`` is no IPv4 or IPv6 address, or has a zone. An IPv4-mapped IPv6 address is the IPv4 address it stands
    for (RFC 5118 section 4.9)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if "%" in text:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    private = any(address in network for network in _PRIVATE if network.version == address.version)
    return Numeric(str(address), address.version, address.is_multicast, private)


def family_of(host: str) -> int:
    """4 or 6 of a numeric address."""
    return 6 if ":" in host else 4


def is_wildcard(host: str) -> bool:
    """Whether ``host``, a numeric address, stands for every address of its family."""
    return ipaddress.ip_address(host).is_unspecified


def is_loopback(host: str) -> bool:
    return host.startswith(("127.", "::ffff:127.")) or host == "::1"


def is_private(host: str) -> bool:
    address = numeric(host)
    return address is not None and address.private
