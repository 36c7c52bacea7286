"""Which domain a host name stands for."""

from collections.abc import Callable, Iterable

from sipcore.digest import ALGORITHMS, Algorithm
from sipmesh.config import Domain
from sipmesh.config_values import Srtp

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class Domains:
    """Our domains, and the addresses that stand for the first of them.

    ``is_local`` tells whether a host is one of our listeners', bound or advertised.
    """

    __slots__ = ("_algorithms", "_is_local", "by_name", "first", "without_digest")

    def __init__(self, domains: Iterable[Domain], is_local: Callable[[str], bool]) -> None:
        self.by_name = {domain.name.lower(): domain for domain in domains}
        self.without_digest = frozenset(name for name, domain in self.by_name.items() if not domain.auth)
        self._algorithms = {
            name: tuple(ALGORITHMS[each.lower()] for each in domain.digest) for name, domain in self.by_name.items()
        }
        self.first = next(iter(self.by_name), "")  # what our own addresses stand for; "" when no domain is configured
        self._is_local = is_local

    def canonical(self, host: str) -> str | None:
        """The domain of ours that ``host`` (lower case) names, with a dot at its end or without; None for anybody else's. Our
        addresses without any [[domain]] stand for themselves, which no account belongs to."""
        host = host.removesuffix(".")
        if host in self.by_name:
            return host
        return (self.first or host) if self.is_address(host) else None

    def is_address(self, host: str) -> bool:
        """Whether ``host`` is one of our own addresses rather than a domain."""
        return host not in self.by_name and (host in LOOPBACK_NAMES or self._is_local(host))

    def srtp(self, domain: str) -> Srtp:
        found = self.by_name.get(domain)
        return "pass" if found is None else found.srtp

    def algorithms(self, domain: str) -> tuple[Algorithm, ...]:
        """Of its digest, in the order of the challenges."""
        return self._algorithms[domain]
