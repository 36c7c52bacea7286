"""Which line has which of our own ports: what one line sends may be what another one gets.

A party may name one of our ports as its place. Calls that come through here twice do, and form a chain; a chain that comes
back to where it began would send every packet round for ever."""

from collections.abc import Iterable, Mapping

from media.addresses import is_wildcard, numeric
from media.endpoint import Address, Endpoint, targets
from media.line import Line
from media.settings import Interface
from native.relay import ChainsBase

Exit = tuple[Line, int]
"""A line and the side that gets what it sends there."""
MAX_EXITS = 64  # of one chain; a longer one is taken for a circle


class Chains(ChainsBase):
    """``interfaces``: what we are known by. Lines come and go in the base (native/crelay/relay_chains_type.c)."""

    __slots__ = ("_anywhere", "_bound")

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        super().__init__()
        self._bound: dict[str, set[str]] = {}  # by host, as parties may name it
        self._anywhere: dict[int, str] = {}  # the wildcard we are bound to, by family
        for interface in interfaces:
            for host in (interface.address, interface.announced):
                known = numeric(host)
                if known is not None:
                    self._bound.setdefault(known.host, set()).add(interface.address)
            if is_wildcard(interface.address):
                self._anywhere[interface.family] = interface.address

    def has(self, host: str, port: int) -> bool:
        """Whether that port, of RTP or RTCP, is a line's."""
        return self.may_have(port) and bool(self._behind((host, port)))

    def circle(self, placed: Mapping[Line, tuple[Endpoint, Endpoint]]) -> Address | None:
        """The first address by which what these lines send would come back to them, were their sides there."""
        for line, places in placed.items():
            for side, endpoint in enumerate(places):
                if endpoint.rtp is not None and self._reaches_us(endpoint) and self._returns((line, side), placed):
                    return endpoint.rtp
        return None

    def _reaches_us(self, endpoint: Endpoint) -> bool:
        """Whether it is on a host that may be ours: what is sent anywhere else does not come back by us."""
        for address in (endpoint.rtp, endpoint.rtcp):
            known = None if address is None else numeric(address[0])
            if known is not None and (known.host in self._bound or known.family in self._anywhere):
                return True
        return False

    def _returns(self, start: Exit, placed: Mapping[Line, tuple[Endpoint, Endpoint]]) -> bool:
        seen: set[Exit] = set()
        ahead = [start]
        while ahead and len(seen) <= MAX_EXITS:
            line, side = ahead.pop()
            endpoint = placed.get(line, line.places)[side]
            ports = len(line.blocks[0].sockets)
            found = {exit_ for address in targets(endpoint, ports) for exit_ in self._behind(address) if exit_[0].streams}
            if start in found:
                return True
            ahead.extend(found - seen)
            seen |= found
        return bool(ahead)

    def _behind(self, address: Address) -> list[Exit]:
        """Where what is sent to that address leaves us again."""
        known = numeric(address[0])
        if known is None:
            return []
        hosts = self._bound.get(known.host, set())
        if known.family in self._anywhere:
            hosts = hosts | {self._anywhere[known.family]}
        even = address[1] & ~1
        return [self.exits[host, even] for host in hosts if (host, even) in self.exits] if hosts else []
