"""What a media daemon is told at start. Everything is handed in; nothing here reads files or the environment."""

import ipaddress
from dataclasses import dataclass, field

from media.addresses import family_of, is_loopback, is_wildcard, numeric
from media.errors import ConfigError

EXPEDITED = 46  # DSCP of media (EF, RFC 3246)
LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Interface:
    """One local address RTP is relayed on. ``advertise`` is what session descriptions say of it (1:1 NAT)."""

    address: str  # numeric, bound
    advertise: str = ""  # numeric; empty: ``address``
    name: str = "default"  # as the ng key ``direction`` names it
    family: int = field(init=False)  # 4 or 6
    announced: str = field(init=False)  # in session descriptions

    def __post_init__(self) -> None:
        known = numeric(self.address)
        if known is not None:  # in the form that the kernel tells sources in
            object.__setattr__(self, "address", known.host)
        object.__setattr__(self, "family", family_of(self.address))
        object.__setattr__(self, "announced", self.advertise or self.address)

    def reaches(self, host: str) -> bool:
        """Whether media may go from here to that numeric address: of its family, and to servers that listen on this machine's
        loopback only, from there only."""
        if family_of(host) != self.family:
            return False
        return not is_loopback(host) or is_loopback(self.address) or is_wildcard(self.address)


@dataclass(frozen=True, slots=True)
class RecordingSettings:
    """Where calls are recorded, and how far that goes."""

    folder: str = ""  # empty: not at all
    max_bytes: int = 256 * 1024 * 1024  # of one file: about two hours of G.711
    min_free_bytes: int = 1024 * 1024 * 1024  # left on that file system, else every recording ends
    max_calls: int = 100  # recorded at once


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """ConfigError names the field that can't be."""

    interfaces: tuple[Interface, ...]  # the first of a family is its default
    first_port: int = 20000
    last_port: int = 29999
    ng: tuple[str, int] | None = None  # UDP address to serve proxies on; None: closed
    ng_allow: tuple[str, ...] = LOOPBACK  # networks that may use it
    servers: tuple[tuple[str, int], ...] = ()  # UDP addresses of this node that no media may go to; ``ng`` is one anyway
    unix_path: str = ""  # seqpacket socket for the node's own proxy; empty: none
    max_calls: int = 0  # of this and the next three, 0: no limit; new calls are refused, others go on
    max_cpu_percent: float = 0.0  # of all processors of the machine
    max_load_average: float = 0.0  # of the last minute
    max_bytes_per_s: int = 0  # received, over all calls
    timeout_s: float = 60.0  # no packet on any stream of an answered call
    held_timeout_s: float = 3600.0  # the same while every line is on hold
    unanswered_timeout_s: float = 3600.0  # offer without answer
    delete_delay_s: int = 0  # between ``delete`` and the end of the streams
    scan_interval_s: float = 1.0
    dscp: int = EXPEDITED  # of relayed packets
    short_reply_bytes: int = 1400  # to which statistics and lists for other hosts are shortened, to fit into one datagram

    recording: RecordingSettings = RecordingSettings()

    def __post_init__(self) -> None:
        if not self.interfaces:
            raise ConfigError("interfaces: at least one address is needed")
        for interface in self.interfaces:
            _check_interface(interface)
        if not 1 <= self.first_port <= self.last_port <= 65535:
            raise ConfigError(f"ports: {self.first_port}-{self.last_port} is no range within 1-65535")
        if self.last_port - self.first_port < 3:
            raise ConfigError(f"ports: {self.first_port}-{self.last_port} has no room for one stream (two even/odd pairs)")
        for network in self.ng_allow:
            try:
                ipaddress.ip_network(network)
            except ValueError as cause:
                raise ConfigError(f"ng_allow: {cause}") from None
        if not 0 <= self.dscp <= 63:
            raise ConfigError(f"dscp: {self.dscp} is not within 0-63")


def parse_ports(text: str) -> tuple[int, int]:
    """``20000-29999`` as (20000, 29999). ConfigError."""
    first, dash, last = text.partition("-")
    if not (dash and first.strip().isdigit() and last.strip().isdigit()):
        raise ConfigError(f"ports: {text!r} is not FIRST-LAST")
    return int(first), int(last)


def parse_address(text: str) -> tuple[str, int]:
    """``127.0.0.1:2223`` or ``[::1]:2223`` as (host, port). ConfigError."""
    host, colon, port = text.rpartition(":")
    address = numeric(host.strip("[]"))
    if address is None:
        raise ConfigError(f"{text!r} is not ADDRESS:PORT with a numeric address")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise ConfigError(f"{text!r} has no port from 0 to 65535")
    return address.host, int(port)


def _check_interface(interface: Interface) -> None:
    if numeric(interface.address) is None:
        raise ConfigError(f"address: {interface.address!r} is no IPv4 or IPv6 address")
    if not interface.advertise:
        return
    announced = numeric(interface.advertise)
    if announced is None:
        raise ConfigError(f"advertise: {interface.advertise!r} is no IPv4 or IPv6 address")
    if announced.family != interface.family:
        raise ConfigError(f"advertise: {interface.advertise} and {interface.address} are of different families")
