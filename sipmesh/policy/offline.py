"""The tables without a node: for tests of a policy, and to say what a changed configuration would do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from native.sip import Message
from sipmesh.config import Config
from sipmesh.policy.host import Asked, load_within_limits, new_runner, said
from sipmesh.policy.views import Request
from sipmesh.signalling.domains import Domains
from sipmesh.signalling.routing_table import Asked as Called
from sipmesh.signalling.routing_table import Hop, RoutingTable

if TYPE_CHECKING:
    from sipmesh.store import RecentRoute, Store


class OfflineTables:
    """``config``: with its users, trunks and routes, and whatever else there shall be of these."""

    def __init__(self, config: Config, more_aors: Iterable[str] = ()) -> None:
        self.domains = Domains(config.domain, lambda host: False)
        self.trunks = {trunk.name: trunk for trunk in config.trunk}
        self._routes = RoutingTable(config.route)
        aors = (each.aor.rpartition("@") for each in config.user)
        self._aors = {*(f"{user}@{domain.lower()}" for user, _, domain in aors), *more_aors}

    def hop(self, view: Request) -> Hop | None:
        """An exact route, else an account, else the route with the longest pattern; a foreign address as it is."""
        if self.domains.canonical(view.domain) is None:
            return Hop(uris=(view.uri,))
        caller_user, _, caller_domain = view.caller.rpartition("@")
        called = Called(view.called, view.domain, view.source, view.trunk, caller_user, caller_domain)
        aor = f"{view.called}@{view.domain}"
        return self._routes.exact(called) or (Hop(aor=aor) if aor in self._aors else self._routes.longest(called))


def differences(config: Config, store: Store) -> tuple[list[str], int]:
    """What the last requests routed by the node would become by ``config``, and how many of them there are. PolicyError when
    its policy can't be loaded."""
    recent = store.recent_routes.all()
    if config.policy is None or not recent:
        return [], 0
    directory = store.directory
    trunks = (*config.trunk, *(each.trunk for each in directory.trunks() if each.origin == "cli"))
    routes = (*config.route, *(each.route for each in directory.routes() if each.origin == "cli"))
    users = [each.aor for each in directory.users() if each.origin == "cli"]
    tables = OfflineTables(msgspec.structs.replace(config, trunk=trunks, route=routes), users)
    counters: defaultdict[str, int] = defaultdict(int)
    policy, runner = load_within_limits(config.policy, counters), new_runner(config.policy, counters)
    found = []
    for each in recent:
        view = view_of(each)
        asked = Asked(policy, runner, view, Message(each.message), tables.trunks.__contains__)
        now = asked.described(lambda view=view: tables.hop(view))  # type: ignore[misc]
        if asked.failed:
            now = f"{now}, because {asked.failed} fails"
        if now != each.decision:
            found.append("{} from {} to {}: {}".format(*said(view), f"{each.decision} becomes {now}"))
    return found, len(recent)


def view_of(recent: RecentRoute) -> Request:
    message = Message(recent.message)
    return Request(
        method=message.method,
        uri=message.request_uri_text,
        called=recent.called,
        domain=recent.domain,
        caller=recent.caller,
        trunk=recent.trunk,
        from_uri=message.from_.uri.text,
        call_id=message.call_id,
        source=recent.source,
        source_port=recent.source_port,
        transport=recent.transport,
        _message=message,
    )
