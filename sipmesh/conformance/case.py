"""Cases: one clause each, a function that returns when the target obeys it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Literal

from sipmesh.conformance.agent import Account, Agent, uri_transport
from sipmesh.conformance.errors import FailedError, NotApplicableError
from sipmesh.conformance.hang_up import hang_up
from sipmesh.conformance.listening import Listening
from sipmesh.conformance.message import Message
from sipmesh.conformance.nameserver import Nameserver

Outcome = Literal["pass", "fail", "not applicable"]
Transport = Literal["udp", "tcp", "tls"]


@dataclass(frozen=True, slots=True)
class Target:
    """What is tested, and the account to test it with."""

    host: str
    port: int
    transport: Transport
    account: Account
    dns: str = ""  # address where the tester may serve DNS and the target asks for it


@dataclass(frozen=True, slots=True)
class Case:
    clause: int  # number in docs/conformance.md
    source: str  # RFC and section
    title: str  # what an obedient target does
    run: Callable[[World], None]
    slow: bool = False  # takes longer than ten seconds


@dataclass(frozen=True, slots=True)
class Result:
    case: Case
    outcome: Outcome
    reason: str = ""
    trace: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        case = self.case
        seen = {"messages": list(self.trace)} if self.trace else {}
        return {
            "clause": case.clause,
            "name": case.run.__name__,
            "source": case.source,
            "title": case.title,
            "verdict": self.outcome,
            "reason": self.reason,
            **seen,
        }


class Cases:
    """The cases of one topic, in the order they are written."""

    def __init__(self) -> None:
        self._cases: list[Case] = []

    def __iter__(self) -> Iterator[Case]:
        return iter(self._cases)

    def add(
        self, clause: int, source: str, title: str, *, slow: bool = False
    ) -> Callable[[Callable[[World], None]], Callable[[World], None]]:
        def put(run: Callable[[World], None]) -> Callable[[World], None]:
            self._cases.append(Case(clause, source, title, run, slow))
            return run

        return put


@dataclass(slots=True)
class World:
    """One case at work: its agents, which are closed and unregistered at the end."""

    target: Target
    trace: list[str] = field(default_factory=list)
    _agents: list[Agent] = field(default_factory=list)
    _listening: list[Listening] = field(default_factory=list)
    _names: list[Nameserver] = field(default_factory=list)
    _registered: bool = False

    @property
    def account(self) -> Account:
        return self.target.account

    @property
    def udp_only(self) -> None:
        """NotApplicableError over anything else."""
        if self.target.transport != "udp":
            raise NotApplicableError("about UDP")

    @property
    def stream(self) -> str:
        """The transport with connections."""
        return "tcp" if self.target.transport == "udp" else self.target.transport

    @property
    def address(self) -> str:
        """The target's, as hosts and ports stand in URIs."""
        host = self.target.host
        return f"[{host}]:{self.target.port}" if ":" in host else f"{host}:{self.target.port}"

    @property
    def uri_transport(self) -> str:
        return uri_transport(self.target.transport)

    def agent(self, name: str = "caller", transport: str = "", port: int = 0) -> Agent:
        target = self.target
        if target.transport == "tls" and transport not in ("", "tls"):
            raise NotApplicableError(f"about {transport.upper()}")
        try:
            address = target.host, target.port
            agent = Agent(name, address, transport or target.transport, target.account, self.trace, port=port)
        except OSError as error:
            raise NotApplicableError(f"no {transport or target.transport} connection: {error.strerror or error}") from error
        self._agents.append(agent)
        return agent

    def listening(self, port: int = 0) -> Listening:
        """A TCP port of ours, on the address that an agent has."""
        with suppress(OSError):
            listening = Listening(self.agent("probe").host, port, self._accepted)
            self._listening.append(listening)
            return listening
        raise NotApplicableError(f"can't listen on TCP port {port}")

    def names(self) -> Nameserver:
        """What the target learns from DNS."""
        if not self.target.dns:
            raise NotApplicableError("about DNS")
        self._names.append(Nameserver(self.target.dns))
        return self._names[-1]

    def _accepted(self, connection: socket.socket) -> Agent:
        target = self.target
        agent = Agent("listener", (target.host, target.port), "tcp", target.account, self.trace, accepted=connection)
        self._agents.append(agent)
        return agent

    def callee(self, name: str = "callee", transport: str = "", contact: str = "", q: str = "") -> Agent:
        """An agent registered under the account."""
        agent = self.agent(name, transport)
        self.bind(agent, (contact or agent.contact) + (f";q={q}" if q else ""))
        return agent

    def callee_by_both(self) -> tuple[Agent, Listening]:
        """An agent registered over UDP, and the TCP port of the same number."""
        for _ in range(9):
            listening = self.listening()
            with suppress(NotApplicableError):
                agent = self.agent("callee", "udp", listening.port)
                break
        else:
            raise NotApplicableError("no port is free for both UDP and TCP")
        self.bind(agent, agent.contact)
        return agent, listening

    def bind(self, agent: Agent, contact: str, headers: list[tuple[str, str]] | None = None) -> Message:
        """Registers ``contact``; the first of a case removes what an earlier one left. NotApplicableError when refused."""
        if not self._registered:
            self._registered = True
            agent.register(contact="*", expires_s=0)
        answer = agent.register(contact, headers=headers)
        if answer.status != 200:
            raise NotApplicableError(f"can't register: {answer.start}")
        return answer

    def close(self) -> None:
        hang_up(self._agents)
        if self._registered:
            with suppress(FailedError, NotApplicableError, OSError):
                self.agent("cleaner").register(contact="*", expires_s=0)
        for agent in self._agents:
            agent.close()
        for listening in self._listening:
            listening.close()
        for names in self._names:
            names.close()


def require(condition: bool, reason: str) -> None:
    """FailedError with ``reason`` unless ``condition`` holds."""
    if not condition:
        raise FailedError(reason)
