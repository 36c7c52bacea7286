"""Where a GRUU leads: to the contacts of one instance (RFC 5627 section 6.1)."""

from __future__ import annotations

from operator import attrgetter

from msgspec.structs import replace

from native.sip import Message, Uri
from sipcore.errors import PeerError
from sipcore.flow import FlowTable
from sipcore.gruu import PARAM, Gruus, instance_in
from sipcore.location import Binding, Locations
from sipcore.ports import Target
from sipcore.timers import Timers
from sipmesh.signalling.authorize import Accounts
from sipmesh.signalling.locate import targets_of_instance

GRUU_MARK = f";{PARAM}"  # in the text of a URI that may be one; ``Uri`` knows for certain


class Instances:
    def __init__(self, gruus: Gruus, accounts: Accounts, locations: Locations, flows: FlowTable, timers: Timers) -> None:
        self._gruus = gruus
        self._accounts = accounts
        self._locations = locations
        self._flows = flows
        self._timers = timers

    def find(self, uri: Uri, domain: str) -> tuple[str, str] | None:
        """AOR and instance of the GRUU ``uri``, whose host stands for ``domain``; None when it is none. PeerError: it is not
        valid (404), or its user agent isn't registered now (480)."""
        if PARAM not in uri.params:
            return None
        bound = self._temporary(uri, domain) if instance_in(uri) is None else self._public(uri, domain)
        if not bound[1]:
            raise PeerError(480, "Temporarily Unavailable")
        return bound[0], bound[1][0].instance

    def targets(self, aor: str, instance: str, request: Message) -> list[Target]:
        """The contact of the instance refreshed last; the others are its spares."""
        bindings = [binding for binding in self._live(aor) if binding.instance == instance]
        bindings.sort(key=attrgetter("registered_at"), reverse=True)
        targets = targets_of_instance(bindings, self._flows)
        if request.has_route:  # the way is given already
            targets = [replace(target, routes=()) for target in targets]
        return targets

    def _public(self, uri: Uri, domain: str) -> tuple[str, list[Binding]]:
        aor = f"{uri.user_unescaped or ''}@{domain}"
        if not self._accounts.has(aor):
            raise PeerError(404, "Not Found")
        instance = instance_in(uri)
        return aor, [binding for binding in self._live(aor) if binding.instance == instance]

    def _temporary(self, uri: Uri, domain: str) -> tuple[str, list[Binding]]:
        found = self._gruus.read(uri.user or "")
        if found is None or found.aor.rpartition("@")[2] != domain or not self._accounts.has(found.aor):
            raise PeerError(404, "Not Found")
        bindings = [binding for binding in self._live(found.aor) if found.is_of(binding)]
        if not any(map(found.is_valid_for, bindings)):
            raise PeerError(404, "GRUU Not Valid Any More")
        return found.aor, bindings

    def _live(self, aor: str) -> list[Binding]:
        now = self._timers.wall
        return [binding for binding in self._locations.get(aor) if binding.expires_at > now]
