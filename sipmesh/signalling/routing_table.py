"""The [[route]] tables, compiled: which route a called number takes.

A pattern is a number or an AOR, exact or ending in ``*``. The longest matching pattern whose conditions hold wins; between
equal patterns the one with more conditions, then the earlier one. An account of ours is as exact as a match can be, so
it is asked between the exact patterns and the ones that end in ``*`` (see ``targeting``).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain, repeat

import msgspec

from sipcore.ports import Target
from sipmesh.config import Route

Network = IPv4Network | IPv6Network


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What is known of a request when a route is looked for."""

    user: str  # called number or name, escapes undone
    domain: str  # ours, canonical
    source_host: str  # numeric
    trunk: str = ""  # it came in by, "" for a user's
    caller_user: str = ""
    caller_domain: str = ""


class Hop(msgspec.Struct, frozen=True, gc=False):
    """Where a request goes: to ``trunk`` with the number to dial there, to ``aor`` of one of ours, or to ``uris`` in turn."""

    trunk: str = ""
    number: str = ""
    aor: str = ""
    route: str = ""  # id of the route; "policy" for one that it chose
    uris: tuple[str, ...] = ()
    instance: str = ""  # of ``aor``, the only one it is for (RFC 5627)
    ways: tuple[Target, ...] = ()  # to each target of ``trunk``, of calls that pass as they are


class Condition(IntEnum):
    """What else than the called number matters, the least first."""

    NOTHING = 0
    SOURCE = 1
    CALLER = 2


@dataclass(frozen=True, slots=True)
class _Pattern:
    """``text`` without its ``*``. With an ``@`` it is compared with user@domain, else with the user part."""

    text: str
    open_ended: bool
    with_domain: bool

    @staticmethod
    def parse(text: str) -> "_Pattern":
        stem = text.removesuffix("*")
        user, at, domain = stem.rpartition("@")
        return _Pattern(f"{user}@{domain.lower()}" if at else stem, stem != text, bool(at))

    def matches(self, user: str, domain: str) -> bool:
        subject = f"{user}@{domain}" if self.with_domain else user
        return subject.startswith(self.text) if self.open_ended else subject == self.text


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: _Pattern
    caller: _Pattern | None
    source_trunk: str
    source_network: Network | None
    strip: int
    prefix: str
    trunk: str
    aor: str
    id: str

    def holds(self, asked: Asked) -> bool:
        """Whether the conditions besides the called number are met."""
        if self.source_trunk and self.source_trunk != asked.trunk:
            return False
        if self.source_network is not None and ip_address(asked.source_host) not in self.source_network:
            return False
        return self.caller is None or self.caller.matches(asked.caller_user, asked.caller_domain)

    @property
    def condition(self) -> Condition:
        if self.caller is not None:
            return Condition.CALLER
        return Condition.SOURCE if self.source_trunk or self.source_network is not None else Condition.NOTHING

    def hop(self, asked: Asked) -> Hop:
        number = self.prefix + asked.user[self.strip :]
        return Hop(aor=self.aor, route=self.id) if self.aor else Hop(self.trunk, number, route=self.id)


class RoutingTable:
    """Look-ups cost one dictionary access per length of pattern in use."""

    __slots__ = ("_exact", "_lengths", "_open", "any", "any_exact")

    def __init__(self, routes: Iterable[Route], ids: Iterable[str] = ()) -> None:
        """``ids`` of the routes, in the same order."""
        rules = [_compiled(route, route_id) for route, route_id in zip(routes, chain(ids, repeat("")), strict=False)]
        rules.sort(key=_conditions, reverse=True)  # stable, so the order of the file stays between equals
        self._exact: dict[str, list[_Rule]] = {}
        self._open: dict[str, list[_Rule]] = {}
        for rule in rules:
            table = self._open if rule.pattern.open_ended else self._exact
            table.setdefault(rule.pattern.text, []).append(rule)
        self.any, self.any_exact = bool(rules), bool(self._exact)
        self._lengths = sorted({len(text) for text in self._open}, reverse=True)

    def exact(self, asked: Asked) -> Hop | None:
        """The route whose pattern is this number or AOR itself."""
        if not self._exact:
            return None
        return _first(self._exact, f"{asked.user}@{asked.domain}", asked) or _first(self._exact, asked.user, asked)

    def condition(self, asked: Asked) -> Condition:
        """The most that a route looks at whose pattern matches."""
        aor = f"{asked.user}@{asked.domain}"
        found = [self._exact.get(text, ()) for text in (aor, asked.user)]
        found += [self._open.get(aor[:length], ()) for length in self._lengths]
        matching = (rule for rule in chain.from_iterable(found) if rule.pattern.matches(asked.user, asked.domain))
        return max((rule.condition for rule in matching), default=Condition.NOTHING)

    def longest(self, asked: Asked) -> Hop | None:
        """The route with the longest ``*`` pattern that matches."""
        if not self._open:
            return None
        aor = f"{asked.user}@{asked.domain}"
        for length in self._lengths:
            if length <= len(aor):
                hop = _first(self._open, aor[:length], asked)
                if hop is not None:
                    return hop
        return None


def _first(table: dict[str, list[_Rule]], text: str, asked: Asked) -> Hop | None:
    for rule in table.get(text, ()):
        if rule.pattern.matches(asked.user, asked.domain) and rule.holds(asked):
            return rule.hop(asked)
    return None


def _conditions(rule: _Rule) -> int:
    return bool(rule.caller) + bool(rule.source_trunk or rule.source_network)


def _compiled(route: Route, route_id: str) -> _Rule:
    kind, _, name = route.to.partition(":")
    source_kind, _, source_name = (route.source or "").partition(":")
    by_trunk = source_kind == "trunk"
    user, _, domain = name.rpartition("@")
    return _Rule(
        pattern=_Pattern.parse(route.match),
        caller=_Pattern.parse(route.from_) if route.from_ else None,
        source_trunk=source_name if by_trunk else "",
        source_network=ip_network(route.source) if route.source and not by_trunk else None,
        strip=route.strip,
        prefix=route.prefix,
        trunk=name if kind == "trunk" else "",
        aor=f"{user}@{domain.lower()}" if kind == "user" else "",
        id=route_id,
    )
