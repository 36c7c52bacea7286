"""Ends what a case has left: a tester must not leave calls behind that ring or talk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.requests import ack_failure

ROUNDS = 3
QUIET_S = 0.03


def hang_up(agents: Sequence[Agent]) -> None:
    """Refuses INVITEs that wait, says BYE in calls that were answered, and answers whatever follows from it."""
    ended: set[str] = set()
    for _ in range(ROUNDS):
        for agent in agents:
            with suppress(OSError):
                _settle(agent, ended)


def _settle(agent: Agent, ended: set[str]) -> None:
    while (message := agent.receive(QUIET_S)) is not None:
        if message.is_request and message.method not in ("INVITE", "ACK"):
            agent.reply(message, 200)
        elif message.status >= 300 and message.method == "INVITE":
            sent = agent.sent.get((message["Call-ID"], message.cseq[0]))
            if sent is not None:
                agent.send(ack_failure(sent, message))
    for invite in agent.unanswered:
        agent.reply(invite, 486)
    for answer in agent.answers:
        call = f"{answer['Call-ID']} {answer.tag('To')}"
        if call not in ended:
            ended.add(call)
            agent.send(agent.of_caller("ACK", answer, answer.cseq[0]))
            agent.send(agent.of_caller("BYE", answer, answer.cseq[0] + 10))
