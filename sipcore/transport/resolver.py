"""Next hops of a URI by RFC 3263 section 4: NAPTR, SRV, A and AAAA, asked asynchronously and cached."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.rdataset
import dns.resolver

from native.sip import NumericHosts, Uri
from sipcore.flow import Destination
from sipcore.ports import Counters
from sipcore.transport.via import DEFAULT_PORTS

Done = Callable[[list[Destination]], None]

NAPTR_SERVICES = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}
SRV_PREFIXES = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}
VERIFIED_TRANSPORTS = frozenset(("tls", "wss"))
MAX_NUMERIC, MAX_NUMERIC_CHARS = 20_000, 256  # URIs whose next hop is kept, and the length of one: strangers write them
LOCALHOST = {4: "127.0.0.1", 6: "::1"}  # never asked for (RFC 6761 section 6.3)


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """``nameservers`` empty: those of the system."""

    nameservers: tuple[str, ...] = ()
    port: int = 53
    lifetime_s: float = 3.0  # for one question, retransmissions and all servers included
    cache_entries: int = 4096
    failure_s: float = 5.0  # an answer that didn't come isn't asked for again so soon
    max_pending: int = 1000  # different names being looked up
    max_destinations: int = 32  # of one name


@dataclass(frozen=True, slots=True)
class Question:
    """What of a URI matters to its next hops."""

    host: str
    port: int | None
    transport: str | None  # demanded by the URI
    secure: bool  # sips

    @property
    def default_transport(self) -> str:
        return self.transport or ("tls" if self.secure else "udp")


class DnsResolver(NumericHosts):
    """Implements ``sipcore.ports.Resolver``; of URIs seen before that need no DNS it is the base's. ``done`` is called inside
    ``run`` (``Engine.run``), in a later batch."""

    def __init__(
        self,
        run: Callable[..., None],
        counters: Counters,
        transports: Iterable[str],
        families: Iterable[int] = (4, 6),
        settings: ResolverSettings | None = None,
    ) -> None:
        self._run = run
        self._counters = counters
        self._transports = [name for name in SRV_PREFIXES if name in set(transports)]
        self._families = sorted(families)
        self._settings = settings or ResolverSettings()
        self._pending: dict[Question, list[Done]] = {}
        self._failed_until: dict[Question, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dns = dns.asyncresolver.Resolver(configure=not self._settings.nameservers)
        if self._settings.nameservers:
            self._dns.nameservers = list(self._settings.nameservers)
            self._dns.port = self._settings.port
        self._dns.cache = dns.resolver.LRUCache(self._settings.cache_entries)

    def find(self, uri: Uri, done: Done) -> list[Destination] | None:
        """RFC 3263 section 4, for what is not in ``numeric``. A sips URI gives TLS destinations only, even for
        ``transport=tcp`` (RFC 3261 section 26.2.2)."""
        secure = uri.scheme == "sips"
        transport = uri.transport
        if secure and transport in ("tcp", "udp"):
            transport = "tls"
        maddr = uri.maddr
        if uri.host_is_ip and maddr is None:
            transport = transport or ("tls" if secure else "udp")
            return self._keep(uri, _destination(transport, uri.host, uri.port or DEFAULT_PORTS.get(transport, 5060), uri.host))
        question = Question((maddr or uri.host).lower().strip("[]").rstrip("."), uri.port, transport, secure)
        known = self._known(question)
        if known is not None:
            return known
        if question in self._pending:
            self._pending[question].append(done)
        elif self._refuse(question):
            return []
        else:
            self._pending[question] = [done]
            task = asyncio.get_running_loop().create_task(self._look_up(question))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return None

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _keep(self, uri: Uri, destination: Destination) -> list[Destination]:
        known = [destination]
        if len(uri.text) <= MAX_NUMERIC_CHARS:
            if len(self.numeric) >= MAX_NUMERIC:
                self.numeric.clear()
            self.numeric[uri.text] = known
        return known

    def _known(self, question: Question) -> list[Destination] | None:
        """The next hops of what needs no DNS: localhost, a numeric maddr."""
        transport = question.default_transport
        port = question.port or DEFAULT_PORTS.get(transport, 5060)
        if question.host == "localhost":
            return [_destination(transport, LOCALHOST[family], port, question.host) for family in self._families]
        try:
            ip_address(question.host)
        except ValueError:
            return None
        return [_destination(transport, question.host, port, question.host)]

    def _refuse(self, question: Question) -> bool:
        if question.host.endswith(".invalid") or not question.host:  # RFC 6761 section 6.4
            return True
        until = self._failed_until.get(question)
        if until is not None and until > asyncio.get_running_loop().time():
            return True
        if len(self._pending) >= self._settings.max_pending:
            self._counters["sip_dns_failures_total|reason=too many"] += 1
            return True
        return False

    async def _look_up(self, question: Question) -> None:
        try:
            found = await self._find(question)
        except (dns.exception.DNSException, OSError, ValueError, EOFError) as error:
            self._counters[f"sip_dns_failures_total|reason={type(error).__name__}"] += 1
            found = []
            if len(self._failed_until) >= self._settings.cache_entries:
                self._failed_until.clear()
            self._failed_until[question] = asyncio.get_running_loop().time() + self._settings.failure_s
        finally:
            waiting = self._pending.pop(question)
        found = [_destination(each.transport, each.host, each.port, question.host) for each in found]
        for done in waiting:
            self._run(done, found[: self._settings.max_destinations])

    async def _find(self, question: Question) -> list[Destination]:
        if question.port is not None:
            return await self._addresses(question.host, question.default_transport, question.port)
        services = await self._services(question)
        answers = await asyncio.gather(*(self._ask(name, "SRV") for _, name in services), return_exceptions=True)
        found: list[Destination] = []
        for (transport, _), answer in zip(services, answers, strict=True):
            if isinstance(answer, list):
                found += await self._targets(transport, answer)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if any(isinstance(answer, list) and answer for answer in answers):
            return found
        if errors:
            raise errors[0]
        transport = question.default_transport
        return await self._addresses(question.host, transport, DEFAULT_PORTS.get(transport, 5060))

    async def _targets(self, transport: str, records: list[Any]) -> list[Destination]:
        """Addresses of SRV records in their order; a target nobody answers for is left out."""
        named = [(record.target.to_text(omit_final_dot=True), record.port) for record in records]
        lookups = [
            self._addresses(target, transport, port)
            for target, port in named[: self._settings.max_destinations]
            if target not in (".", "")  # "." says that there is no such service (RFC 2782)
        ]
        answers = await asyncio.gather(*lookups, return_exceptions=True)
        return [destination for answer in answers if isinstance(answer, list) for destination in answer]

    async def _services(self, question: Question) -> list[tuple[str, str]]:
        """(transport, SRV name) in the order to try: as NAPTR says, else one for each transport of ours; for sips TLS alone
        (RFC 3263 section 4.1)."""
        if question.transport is not None:
            prefix = SRV_PREFIXES.get(question.transport)
            return [(question.transport, prefix + question.host)] if prefix else []
        usable = ["tls"] if question.secure else self._transports
        services = []
        for record in await self._naptr(question.host):
            transport = NAPTR_SERVICES.get(record.service.decode("ascii", "replace").lower())
            if transport in usable and record.flags.lower() == b"s":
                services.append((transport, record.replacement.to_text(omit_final_dot=True)))
        return services or [(transport, SRV_PREFIXES[transport] + question.host) for transport in usable]

    async def _naptr(self, host: str) -> list[Any]:
        """None, too, when every server says that it can't: there are some that know no such type."""
        try:
            return await self._ask(host, "NAPTR")
        except dns.resolver.NoNameservers:
            return []

    async def _addresses(self, host: str, transport: str, port: int) -> list[Destination]:
        """Addresses of the families we can send to, IPv4 first. Fails only if no family is answered for."""
        kinds = ["A" if family == 4 else "AAAA" for family in self._families]
        answers = await asyncio.gather(*(self._ask(host, kind) for kind in kinds), return_exceptions=True)
        errors = [answer for answer in answers if isinstance(answer, BaseException)]
        if len(errors) == len(kinds):
            raise errors[0]
        records = [record for answer in answers if isinstance(answer, list) for record in answer]
        return [Destination(transport, record.address, port) for record in records]

    async def _ask(self, name: str, kind: str) -> list[Any]:
        """Records in the order to use them, SRV by weight (RFC 2782); empty if there are none. Else raises DNSException."""
        try:
            answer = await self._dns.resolve(
                name, kind, raise_on_no_answer=False, search=False, lifetime=self._settings.lifetime_s
            )
        except dns.resolver.NXDOMAIN:
            return []
        rrset: dns.rdataset.Rdataset | None = answer.rrset
        return list(rrset.processing_order()) if rrset is not None else []


def _destination(transport: str, host: str, port: int, name: str) -> Destination:
    """``name``: what was looked up; over TLS the other side must prove to be it."""
    return Destination(transport, host, port, name if transport in VERIFIED_TRANSPORTS else "")
