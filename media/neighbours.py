"""Servers on our own hosts that parties' media never goes to: what they get from a host of ours they may take for a neighbour's
words, and a line that is not RTP carries whatever a party likes."""

import socket

from media.addresses import family_of, is_wildcard, numeric
from media.endpoint import Address, Endpoint, targets
from media.settings import MediaSettings


class Neighbours:
    def __init__(self, settings: MediaSettings) -> None:
        self._announced = frozenset(each.announced for each in settings.interfaces if each.announced != each.address)
        self._hosts: dict[int, set[str]] = {}  # where servers are bound, by port
        for host, port in settings.servers if settings.ng is None else (*settings.servers, settings.ng):
            known = numeric(host)
            self._hosts.setdefault(port, set()).add(host if known is None else known.host)

    @property
    def ports(self) -> list[int]:
        """They are on."""
        return list(self._hosts)

    def reached(self, endpoint: Endpoint, pairs: int) -> Address | None:
        """The first of them that gets what is sent to ``endpoint``, a place of so many port pairs."""
        return next((address for address in targets(endpoint, pairs) if self._has(*address)), None)

    def _has(self, host: str, port: int) -> bool:
        bound, known = self._hosts.get(port), numeric(host)
        if bound is None or known is None:
            return False
        return known.host in bound or any(self._may_be(each, known.host) for each in bound)

    def _may_be(self, bound: str, host: str) -> bool:
        if family_of(bound) != family_of(host):
            return False
        return host in self._announced or (is_wildcard(bound) and _is_local(host))


def _is_local(host: str) -> bool:
    """Whether this machine has that address now."""
    with socket.socket(socket.AF_INET6 if family_of(host) == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError:
            return False
    return True
