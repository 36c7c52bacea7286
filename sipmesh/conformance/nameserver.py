"""A DNS server of the tester, for targets that ask it: what it is told is all there is."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.exception import DNSException

from sipmesh.conformance.errors import NotApplicableError
from sipmesh.conformance.message import host_and_port

TTL_S = 60
LONGEST_S = 0.1  # until it sees that it is closed


class Nameserver:
    """Serves over UDP from now on. ``asked``: the names and types that the target wanted to know."""

    def __init__(self, address: str) -> None:
        host, port = host_and_port(f"sip:{address}", 53)
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise NotApplicableError(f"can't serve DNS on {address}: {error.strerror}") from error
        self._socket.settimeout(LONGEST_S)
        self.address: tuple[str, int] = self._socket.getsockname()[:2]
        self._known: dict[tuple[str, str], list[str]] = {}
        self._closed = False
        self.asked: list[tuple[str, str]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def add(self, name: str, kind: str, *values: str) -> None:
        """Records of ``name``; ``values`` as a zone file has them, names in them ending with a dot."""
        self._known.setdefault((name, kind), []).extend(values)

    def close(self) -> None:
        self._closed = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._closed:
            with suppress(OSError, DNSException):
                data, source = self._socket.recvfrom(4096)
                self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), source)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        if not query.question:
            return answer
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if values := self._known.get((name, kind)):
            answer.answer.append(dns.rrset.from_text_list(question.name, TTL_S, "IN", kind, values))
        elif not any(known == name for known, _ in self._known):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
