"""What is dropped before it costs anything: requests of scanners, and of sources that send too many. They get no answer, so
that a scanner learns nothing and nobody can aim our answers at others."""

from __future__ import annotations

import logging
import re
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from native.sip import SourceGate
from sipcore.ports import Counters
from sipcore.quiet_log import QuietLog
from sipcore.timers import Timers
from sipmesh.signalling.rates import MAX_KEYS, Rates

# how tools that look for open proxies and weak passwords call themselves, as they come
SCANNERS = re.compile(r"friendly-(scanner|request)|sipvicious|sip-?scan|sipcli|sundayddr|pplsip|siparmyknife", re.IGNORECASE)
MAX_AGENT_CHARS = 256  # of them are looked at
MAX_AGENTS = 1024  # kept in mind

log = logging.getLogger(__name__)


class Exempt:
    """Sources without limits. ``covers`` is asked once a request, so it keeps its last answers."""

    __slots__ = ("_networks", "covers")

    def __init__(self, networks: tuple[IPv4Network | IPv6Network, ...]) -> None:
        self._networks = networks
        self.covers = lru_cache(MAX_KEYS)(self._find)

    def _find(self, host: str) -> bool:
        address = ip_address(host) if self._networks else None
        return any(address in network for network in self._networks)


class Gate(SourceGate):
    """Says of a request and its flow whether it may come in. ``rates``: of requests by source; ACK is not counted, it answers
    our own answers. What each request needs is in C (``native.sip.SourceGate``), what each source needs is here."""

    __slots__ = ("_counters", "_is_exempt", "_quiet", "_rates", "_timers")

    def __init__(
        self, exempt: Exempt, rates: Rates[str] | None, timers: Timers, counters: Counters, *, refuse_scanners: bool
    ) -> None:
        super().__init__(rates is not None, refuse_scanners)
        self._is_exempt = exempt.covers
        self._rates = rates
        self._timers = timers
        self._counters = counters
        self._quiet = QuietLog(log)

    def find_exempt(self, host: str) -> bool:
        if len(self.exempt) >= MAX_KEYS:
            self.exempt.clear()
        found = self.exempt[host] = self._is_exempt(host)
        return found

    def exceeds(self, host: str) -> bool:
        """Whether one more request of ``host`` is too many."""
        if self._rates is None or self._rates.take(host, self._timers.now):
            return False
        self._dropped("source", "too many requests", host)
        return True

    def find_scanner(self, agent: str) -> bool:
        found = SCANNERS.search(agent, 0, MAX_AGENT_CHARS) is not None
        if len(agent) <= MAX_AGENT_CHARS:
            if len(self.scanners) >= MAX_AGENTS:
                self.scanners.clear()
            self.scanners[agent] = found
        return found

    def refuse_scanner(self, host: str) -> None:
        self._dropped("scanner", "a scanner", host)

    def _dropped(self, why: str, what: str, host: str) -> None:
        self._counters[f"sip_requests_dropped_total|why={why}"] += 1
        self._quiet.warning(f"requests dropped, {what}", self._timers.now, host)
