"""Values of the SDP lines a relay understands (RFC 8866 section 9)."""

from functools import lru_cache
from typing import NamedTuple

from media.addresses import numeric
from native import relay

FIRST_DYNAMIC = 96  # payload type (RFC 3551 section 6)
NO_TYPES = 0  # of payload types as bits
ZERO = frozenset({"0.0.0.0", "::"})  # noqa: S104 - "send nothing to me", RFC 3264 section 8.4


class Connection(relay.ConnectionBase):
    """``address`` may be a host name or a multicast address with its TTL, as written."""

    __slots__ = ()

    def __new__(cls, family: int, address: str) -> "Connection":
        known = numeric(address)
        zero = known is not None and known.host in ZERO
        return super().__new__(
            cls,
            known.family if known else family,
            address,
            f"IN IP{family} {address}",
            known.host if known else None,
            zero,
            known is not None and not known.multicast and not zero,
            known is not None and known.private,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


class Origin(NamedTuple):
    """The o= line's fields (RFC 8866 section 5.2). Odd ids and addresses pass: nothing here depends on them."""

    username: str
    session_id: str
    version: str
    family: int
    address: str


@lru_cache(maxsize=10_000)
def read_connection(text: str) -> Connection | str:
    """The value of a c= line, or what is wrong with it. The same few come with every message."""
    fields = text.split()
    if len(fields) != 3:
        return f"{text[:60]!r} is not net type, address type and address"
    net_type, address_type, host = fields
    if net_type.upper() != "IN":
        return f"net type {net_type[:20]!r} is not IN"
    family = {"IP4": 4, "IP6": 6}.get(address_type.upper())
    if family is None:
        return f"address type {address_type[:20]!r} is neither IP4 nor IP6"
    address = numeric(host)
    if address is None and not _is_host_name(host):
        return f"{host[:60]!r} is no address others could use"
    if address is not None and (6 if ":" in host else 4) != family:
        return f"{host} is no IP{family} address"
    return Connection(family, host)


def _is_host_name(text: str) -> bool:
    """A name, or a multicast address with TTL or count; never something that looks like a broken IPv4 address."""
    name = text.partition("/")[0]
    if name != text:
        group = numeric(name)
        return group is not None and group.multicast
    plain = name.replace("-", "").replace(".", "")
    return plain.isascii() and plain.isalnum() and not plain.isdigit()


def is_number(text: str, most: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 8 and int(text) <= most


def parse_event_type(rtpmap: str) -> int:
    """The bit of a dynamic payload type whose a=rtpmap value names telephone events (RFC 4733), 96 the lowest; 0 for others."""
    payload_type, _, encoding = rtpmap.partition(" ")
    if not is_number(payload_type, 127) or int(payload_type) < FIRST_DYNAMIC:
        return NO_TYPES
    return 1 << (int(payload_type) - FIRST_DYNAMIC) if encoding.strip().lower().startswith("telephone-event/") else NO_TYPES


def parse_clock_rate(rtpmap: str) -> tuple[int, int] | None:
    """(payload type, RTP clock in Hz) of an a=rtpmap value (RFC 8866 section 6.6), None when it is none."""
    payload_type, _, encoding = rtpmap.partition(" ")
    rate = encoding.split("/")[1] if "/" in encoding else ""
    if is_number(payload_type, 127) and is_number(rate, 10_000_000):
        return int(payload_type), int(rate)
    return None
