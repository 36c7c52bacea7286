"""Ends what a case has left: a tester must not leave calls behind that ring or talk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from select import select

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.requests import ack_failure

ROUNDS = 4
QUIET_S = 0.04  # without a message: all has been said
READ_S = 0.002  # for what is there already


def hang_up(agents: Sequence[Agent]) -> None:
    """Refuses INVITEs that wait, says BYE in calls that were answered, and answers whatever follows from it."""
    ended: set[str] = set()
    living = [agent for agent in agents if agent.socket.fileno() >= 0]
    for _ in range(ROUNDS):
        said = [agent for agent in living if _settle(agent, ended)]
        ready = select([agent.socket for agent in living], [], [], QUIET_S)[0]
        if not said and not ready:
            return


def _settle(agent: Agent, ended: set[str]) -> bool:
    """Whether there was anything to do."""
    with suppress(OSError):
        read = _read(agent)
        waiting = agent.unanswered
        for invite in waiting:
            agent.reply(invite, 486)
        return _say_bye(agent, ended) or read or bool(waiting)
    return False


def _read(agent: Agent) -> bool:
    read = False
    while (message := agent.receive(READ_S)) is not None:
        read = True
        if message.is_request and message.method not in ("INVITE", "ACK"):
            agent.reply(message, 200)
        elif message.status >= 300 and message.method == "INVITE":
            sent = agent.sent.get((message["Call-ID"], message.cseq[0]))
            if sent is not None:
                agent.send(ack_failure(sent, message))
    return read


def _say_bye(agent: Agent, ended: set[str]) -> bool:
    said = False
    for answer in agent.answers:
        call = f"{answer['Call-ID']} {answer.tag('To')}"
        if call not in ended:
            ended.add(call)
            agent.send(agent.of_caller("ACK", answer, answer.cseq[0]))
            agent.send(agent.of_caller("BYE", answer, answer.cseq[0] + 10))
            said = True
    return said
