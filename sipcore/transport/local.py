"""Which hosts and ports are ours: bound or advertised, wildcard binds and localhost included."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from sipcore.flow import Listener
from sipcore.timers import Timers
from sipcore.transport.via import DEFAULT_PORTS

WILDCARDS = frozenset(("0.0.0.0", "::"))  # noqa: S104  compared, not bound
KEPT_S = 30.0  # how long an answer is believed: this host's addresses may change
MAX_KEPT = 4096

Place = tuple[str, int | None, str | None]


class LocalAddresses:
    """Answers ``FlowTable.is_local`` for ``listeners``, and keeps the answers for a while."""

    def __init__(self, listeners: Iterable[Listener], timers: Timers) -> None:
        self._listeners = tuple(listeners)
        self._timers = timers
        self.places: dict[Place, tuple[bool, float]] = {}

    def has(self, host: str, port: int | None, transport: str | None) -> bool:
        """``port`` None: the transport's default, as in a URI (RFC 3261 section 19.1.2); ``transport`` None: any."""
        place = (host, port, transport)
        now = self._timers.now
        known = self.places.get(place)
        if known is not None and known[1] > now:
            return known[0]
        if len(self.places) >= MAX_KEPT:
            self.places.clear()
        local = self._find(host.lower().strip("[]"), port, transport)
        self.places[place] = (local, now + KEPT_S)
        return local

    def _find(self, host: str, port: int | None, transport: str | None) -> bool:
        return any(
            _matches(listener, host, DEFAULT_PORTS[listener.transport] if port is None else port)
            for listener in self._listeners
            if transport in (None, listener.transport)
        )


def is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _matches(listener: Listener, host: str, port: int) -> bool:
    if port == listener.advertised_port and host == listener.advertised_host.lower():
        return True
    if port != listener.port:
        return False
    if host == listener.host:
        return True
    wildcard = listener.host in WILDCARDS
    if host == "localhost":
        return wildcard or is_loopback(listener.host)
    return wildcard and _is_own(host, socket.AF_INET6 if listener.host == "::" else socket.AF_INET)


def _is_own(host: str, family: socket.AddressFamily) -> bool:
    """Whether this machine has the address ``host``: then, and only then, a socket can be bound to it."""
    try:
        socket.inet_pton(family, host)
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return host not in WILDCARDS
