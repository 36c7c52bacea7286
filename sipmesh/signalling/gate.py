"""What is dropped before it costs anything: requests of scanners, and of sources that send too many. They get no answer, so
that a scanner learns nothing and nobody can aim our answers at others."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from native.sip import Message
from sipcore.flow import Flow
from sipcore.ports import Counters
from sipcore.quiet_log import QuietLog
from sipcore.timers import Timers
from sipmesh.signalling.rates import MAX_KEYS, Rates

# how tools that look for open proxies and weak passwords call themselves, as they come
SCANNERS = re.compile(r"friendly-(scanner|request)|sipvicious|sip-?scan|sipcli|sundayddr|pplsip|siparmyknife", re.IGNORECASE)
MAX_AGENT_CHARS = 256  # of them are looked at

log = logging.getLogger(__name__)


class Exempt:
    """Sources without limits. ``covers`` is asked once a request, so it keeps its last answers."""

    __slots__ = ("_networks", "covers")

    def __init__(self, networks: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._networks = networks
        self.covers = lru_cache(MAX_KEYS)(self._find)

    def __contains__(self, host: object) -> bool:
        return isinstance(host, str) and self.covers(host)

    def _find(self, host: str) -> bool:
        address = ip_address(host) if self._networks else None
        return any(address in network for network in self._networks)


class Gate:
    """``rates``: of requests by source. ACK is not counted, it answers our own answers."""

    __slots__ = ("_counters", "_is_exempt", "_quiet", "_rates", "_refuse_scanners", "_timers")

    def __init__(
        self, exempt: Exempt, rates: Rates[str] | None, timers: Timers, counters: Counters, *, refuse_scanners: bool
    ) -> None:
        self._is_exempt = exempt.covers
        self._rates = rates
        self._refuse_scanners = refuse_scanners
        self._timers = timers
        self._counters = counters
        self._quiet = QuietLog(log)

    def __call__(self, request: Message, flow: Flow) -> bool:
        """Whether ``request`` may come in."""
        host = flow.remote[0]
        if self._is_exempt(host):
            return True
        if self._rates is not None and request.method != "ACK" and not self._rates.take(host, self._timers.now):
            self._dropped("source", "too many requests", host)
            return False
        if self._refuse_scanners:
            agent = request.get("User-Agent")
            if agent is not None and SCANNERS.search(agent, 0, MAX_AGENT_CHARS):
                self._dropped("scanner", "a scanner", host)
                return False
        return True

    def _dropped(self, why: str, what: str, host: str) -> None:
        self._counters[f"sip_requests_dropped_total|why={why}"] += 1
        self._quiet.warning(f"requests dropped, {what}", self._timers.now, host)
