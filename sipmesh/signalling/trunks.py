"""Trunks: who may call in, by source address or to a Contact we registered, and which target a call out tries in which order.

The state of a target (``TargetState``) outlives a reload of the tables, as long as the trunk keeps its name and its URI.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from random import Random

from native.sip import Message, TargetBase, TrunkBase, Uri
from sipcore.digest import Algorithm, ha1
from sipcore.digest_client import DigestClient
from sipcore.errors import PeerError
from sipcore.keys import KeyRing
from sipcore.ports import Target
from sipmesh.config import Credentials, Numbers, Trunk, TrunkTarget
from sipmesh.signalling.number_forms import write_uri

PLAIN_FORMS = Numbers()
MAX_REMEMBERED_SOURCES = 4096
SEAL = "~"  # between a trunk's name and the proof, in the Contact we register; names have none
RETRY_AFTER = re.compile(r"[0-9]{1,9}")  # what parameters and a comment may follow
MAX_RETRY_AFTER_S = 600  # a target that asks for a longer rest than this is tried again all the same

RETRY_AFTER_S = "5"  # of a call over the limit

log = logging.getLogger(__name__)


class TargetState(TargetBase):
    """One target of a trunk and what is known of its health."""

    __slots__ = ("trunk_name", "uri")

    failed_at: float | None  # monotonic, s; None: alive
    rests_until: float  # monotonic, s; it asked for that

    def __init__(self, trunk_name: str, uri: Uri, weight: int, probed: bool) -> None:
        self.trunk_name = trunk_name
        self.uri = uri
        self.weight = weight
        self.probed = probed

    # ``alive`` is the base's: at a time, monotonic

    def overloaded(self, now: float, retry_after: str | None) -> None:
        """A 503 that may say when to come back (RFC 3261 sections 20.33 and 21.5.4)."""
        seconds = RETRY_AFTER.match(retry_after or "")
        if seconds is not None:
            self.rests_until = now + min(int(seconds[0]), MAX_RETRY_AFTER_S)
            log.warning("trunk %s: target %s wants no calls for %s s", self.trunk_name, self.uri, seconds[0])

    def failed(self, now: float, why: str) -> None:
        if self.failed_at is None:
            log.warning("trunk %s: target %s is out: %s", self.trunk_name, self.uri, why)
        self.failed_at = now

    def answered(self) -> None:
        if self.failed_at is not None:
            log.info("trunk %s: target %s is back", self.trunk_name, self.uri)
        self.failed_at = None

    def request_uri(self, number: str) -> str:
        """RFC 3261 section 19.1.1: the called number at the target."""
        uri = self.uri
        host = f"[{uri.host}]" if ":" in uri.host else uri.host
        port = "" if uri.port is None else f":{uri.port}"
        params = "".join(f";{name}" if value is None else f";{name}={value}" for name, value in uri.params.items())
        user = f"{number}@" if number else ""
        return f"{uri.scheme}:{user}{host}{port}{params}"


class TrunkState(TrunkBase):
    """One trunk as configured, its targets, and what answers its challenges, if anything does. How many calls use it is counted
    by the base, which puts the targets in the order to try them (``in_turn``)."""

    __slots__ = ("config", "digest")

    targets: list[TargetState]
    calls_elsewhere: dict[int, int]  # by index of the worker
    on_count: Callable[[TrunkState], None] | None

    def __init__(self, config: Trunk, targets: list[TargetState]) -> None:
        self.name = config.name
        self.digest = digest_of(config)
        self._take(config, targets)

    def change(self, config: Trunk, targets: list[TargetState]) -> None:
        if credentials_of(config) != credentials_of(self.config):
            self.digest = digest_of(config)
        self._take(config, targets)

    def _take(self, config: Trunk, targets: list[TargetState]) -> None:
        self.config, self.targets = config, targets
        self.max_calls, self.transit, self.trusted = config.max_calls, config.transit, config.trusted
        self.edits = self.digest is not None
        as_it_comes = config.from_ == "caller" and config.numbers == PLAIN_FORMS and config.srtp == "pass"
        self.plain = as_it_comes and not self.edits

    @property
    def names_numbers(self) -> bool:
        """Whether it calls numbers, or the Contact that we registered, in a form of its own."""
        return self.config.register is not None or self.config.numbers.received != "as-is"


@dataclass(frozen=True, slots=True)
class _Source:
    network: IPv4Network | IPv6Network
    trunk: TrunkState


class Trunks:
    """All trunks. ``random`` spreads calls over the targets by weight; ``keys`` seal the Contacts we register."""

    def __init__(self, random: Random, keys: KeyRing) -> None:
        self._random = random
        self._keys = keys
        self.by_name: dict[str, TrunkState] = {}  # the same dict at all times
        self._sources: list[_Source] = []
        self._by_host: dict[str, TrunkState | None] = {}
        self.usernames: dict[str, TrunkState] = {}  # of trunks that prove by digest who they are
        self._registering = False

    def load(self, configs: Iterable[Trunk]) -> None:
        """Replaces the trunks; calls and health of those that stay are kept."""
        before, loaded = self.by_name.copy(), {}
        for config in configs:
            old = before.get(config.name)
            known = {target.uri.text: target for target in old.targets} if old else {}
            targets = [_target(config, each, known.get(each.uri)) for each in config.targets]
            if old is None:
                loaded[config.name] = new = TrunkState(config, targets)
                new.random = self._random.random
            else:
                old.change(config, targets)
                loaded[config.name] = old
        self.by_name.clear()
        self.by_name.update(loaded)
        sources = [_Source(ip_network(text), trunk) for trunk in self.by_name.values() for text in trunk.config.sources]
        self._sources = sorted(sources, key=lambda source: source.network.prefixlen, reverse=True)
        self._by_host.clear()
        self.usernames = {trunk.config.incoming.username: trunk for trunk in self if trunk.config.incoming is not None}
        self._registering = any(trunk.config.register is not None for trunk in self)

    def __iter__(self) -> Iterator[TrunkState]:
        return iter(self.by_name.values())

    def get(self, name: str) -> TrunkState | None:
        return self.by_name.get(name)

    def by_source(self, host: str) -> TrunkState | None:
        """The trunk with the narrowest network that ``host`` (numeric) is in."""
        if not self._sources:
            return None
        try:
            return self._by_host[host]
        except KeyError:
            pass
        if len(self._by_host) >= MAX_REMEMBERED_SOURCES:
            self._by_host.clear()
        address = ip_address(host)
        found = next((source.trunk for source in self._sources if address in source.network), None)
        self._by_host[host] = found
        return found

    def with_target(self, host: str) -> set[str]:
        """Names of the trunks that ``host`` is a target of."""
        return {trunk.name for trunk in self for target in trunk.targets if target.uri.host == host}

    def targets(self, trunk: TrunkState, number: str, now: float) -> list[Target]:
        """Where to send a call to ``number``, one after the other."""
        return self._ways(trunk, trunk.in_turn(now), number)

    def ways(self, name: str, number: str) -> tuple[Target, ...]:
        """To each target of the trunk ``name``, of calls to ``number``, if it changes nothing of them."""
        trunk = self.by_name.get(name)
        if trunk is None or not trunk.plain:
            return ()
        ways = self._ways(trunk, trunk.targets, number)
        return tuple(ways) if all(way.uri.startswith("sip:") for way in ways) else ()

    def of_request(self, source_host: str, request: Message) -> TrunkState | None:
        """The trunk that sends ``request``: by its address, or because it calls the Contact that we registered there."""
        found = self.by_source(source_host) if self._sources else None
        if found is None and self._registering:
            found = self.by_contact(request.request_uri.user or "")
        return found

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        """``sipcore.digest.Credentials``."""
        trunk = self.usernames.get(username)
        if trunk is None or trunk.config.incoming is None:
            return None
        return ha1(username, realm, trunk.config.incoming.password, algorithm)

    def by_username(self, aor: str, source_host: str) -> TrunkState | None:
        """The trunk whose digest, of a user called ``aor``, was accepted; PeerError when it came from none of its sources."""
        trunk = self.usernames.get(aor) or self.usernames.get(aor.rpartition("@")[0])
        if trunk is not None and trunk.config.sources and self.by_source(source_host) is not trunk:
            raise PeerError(403, "Not From Here")
        return trunk

    def contact_user(self, trunk: TrunkState) -> str:
        """User part of the Contact that we register at ``trunk``: the same as long as the keys are, and nobody can guess it."""
        key_id, mac = self._keys.sign(trunk.name)
        return f"{trunk.name}{SEAL}{key_id}{mac}"

    def by_contact(self, user: str) -> TrunkState | None:
        """The trunk that ``user`` was registered at; None for a user part that isn't such a one."""
        name, mark, seal = user.rpartition(SEAL)
        trunk = self.by_name.get(name) if mark else None
        if trunk is None or trunk.config.register is None or not self._keys.verify(seal[:1], seal[1:], name):
            return None
        return trunk

    def _ways(self, trunk: TrunkState, targets: list[TargetState], number: str) -> list[Target]:
        numbers = trunk.config.numbers
        return [
            Target(
                uri=(uri := called_at(target, number, numbers)),
                routes=(f"<{target.uri};lr>",) if uri.startswith("tel:") else (),
                group=group,
                failover=True,
                first_response_s=trunk.config.first_response_s,
                label=target,
            )
            for group, target in enumerate(targets)
        ]


def trunk_full() -> PeerError:
    """RFC 3398 section 8.2.6.1 gives "no circuit available" this status."""
    return PeerError(503, "Trunk Call Limit Reached", (("Retry-After", RETRY_AFTER_S),))


def _target(trunk: Trunk, config: TrunkTarget, known: TargetState | None) -> TargetState:
    probed = trunk.probe_s > 0
    if known is None:
        return TargetState(trunk.name, Uri(config.uri), config.weight, probed)
    known.weight, known.probed = config.weight, probed
    return known


def called_at(target: TargetState, number: str, numbers: Numbers) -> str:
    """Request-URI of a call to ``number``, in the form that the trunk wants."""
    uri = target.request_uri(number)
    return uri if numbers == PLAIN_FORMS else write_uri(Uri(uri), numbers)


def credentials_of(config: Trunk) -> Credentials | None:
    """What answers the trunk's challenges."""
    return config.register.credentials if config.register is not None else config.credentials


def digest_of(config: Trunk) -> DigestClient | None:
    found = credentials_of(config)
    return None if found is None else DigestClient(found.username, found.password, new_cnonce)


def new_cnonce() -> str:
    return secrets.token_hex(8)
