"""A DNS server on loopback that answers from a zone in a test and counts what it is asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

SOA = "ns.test. admin.test. 1 3600 600 86400 30"


class DnsServer(asyncio.DatagramProtocol):
    """``zone`` maps (name without final dot, type) to record texts. Unknown names: NXDOMAIN. Names in ``silent``: no answer.
    ``lies``: by name, what is sent in place of the answer."""

    def __init__(
        self,
        zone: dict[tuple[str, str], list[str]],
        silent: tuple[str, ...] = (),
        ttl: int = 60,
        lies: dict[str, Callable[[dns.message.Message], bytes]] | None = None,
    ) -> None:
        self.zone = zone
        self.silent = silent
        self.lies = lies or {}
        self.ttl = ttl
        self.asked: Counter[tuple[str, str]] = Counter()
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self._transport.get_extra_info("sockname")[1]

    def stop(self) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if name in self.silent:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        records = self.zone.get((name, kind))
        if records:
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *records))
        else:
            if not any(known == name for known, _ in self.zone):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            answer.authority.append(dns.rrset.from_text("test.", self.ttl, "IN", "SOA", SOA))
        wire = self.lies[name](answer) if name in self.lies else answer.to_wire()
        self._transport.sendto(wire, source)
