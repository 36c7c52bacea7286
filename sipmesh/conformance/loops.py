"""Requests that come back, and such as only look like it: RFC 3261 sections 8.2.2.2 and 16.3, RFC 5393 section 4."""

from __future__ import annotations

import re

from sipmesh.conformance.agent import CHALLENGE_S, Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.credentials import answer
from sipmesh.conformance.message import Headers, Message
from sipmesh.conformance.requests import new_branch

CASES = Cases()
CREDENTIALS = ("Authorization", "Proxy-Authorization")


def first_passage(world: World) -> tuple[Agent, Message]:
    """A MESSAGE that has reached the callee, with the credentials that the caller had sent, whether they were left in or not: a
    target may count them among what decides the way."""
    callee, agent = world.callee(), world.agent()
    sent = agent.start(agent.request("MESSAGE", world.account.uri))
    got = callee.expect_incoming("MESSAGE")
    rest = [each for each in got.headers if each[0] not in CREDENTIALS]
    return callee, Message(got.start, [*rest, *(each for each in sent.headers if each[0] in CREDENTIALS)], got.body)


def sent_back(callee: Agent, got: Message, uri: str, more: Headers | None = None) -> Message:
    """What a proxy makes of ``got`` that sends it on to ``uri``."""
    via = f"SIP/2.0/{callee.transport.upper()} {callee.address};rport;branch={new_branch()}"
    counted = got.with_header("Max-Forwards", str(int(got["Max-Forwards"] or 70) - 1))
    return Message(f"{got.method} {uri} SIP/2.0", [("Via", via), *counted.headers, *(more or [])], got.body)


def insist(agent: Agent, request: Message) -> Message | None:
    """The first response to ``request``; when that is a challenge, to the same one with credentials and a new branch."""
    agent.send(request)
    first = agent.response(request, CHALLENGE_S, least=200)
    header = None if first is None else answer(first, request, agent.account.user, agent.account.password)
    if header is None:
        return first
    own, rest = request.headers[0], [each for each in request.headers[1:] if each[0] not in CREDENTIALS]
    via = re.sub(r"branch=[^;,\s]+", f"branch={new_branch()}", own[1])
    again = Message(request.start, [("Via", via), *rest, header], request.body)
    agent.send(again)
    return agent.response(again, CHALLENGE_S, least=200)


def second_passage(callee: Agent, request: Message, timeout_s: float) -> Message | None:
    """``request`` as it comes again, not the first passage repeated."""
    return callee.receive(timeout_s, lambda got: got.is_request and len(got.values("Via")) > len(request.values("Via")))


def require_loop(callee: Agent, request: Message) -> None:
    seen = insist(callee, request)
    require(second_passage(callee, request, 0.1) is None, "passed it on again")
    require(seen is not None and seen.status == 482, f"answered {seen.start if seen else 'nothing'}")


@CASES.add(4, "RFC 3261 16.3(4)", "answers 482 to a request that comes back as it was")
def loop(world: World) -> None:
    callee, got = first_passage(world)
    require_loop(callee, sent_back(callee, got, world.account.uri))


@CASES.add(4, "RFC 3261 16.3(4)", "passes a spiral: a request that comes back for another address")
def spiral(world: World) -> None:
    callee, got = first_passage(world)
    back = sent_back(callee, got, f"{world.account.uri};way=2")
    answered = insist(callee, back)
    again = second_passage(callee, back, 1.0)
    require(again is not None, f"answered {answered.start}" if answered else "the request did not come back")


@CASES.add(52, "RFC 5393 4.2.1", "recognises a loop by what decides the way, whatever else has changed")
def loop_in_disguise(world: World) -> None:
    callee, got = first_passage(world)
    changed = [("Subject", "something new"), ("P-Odd", "x"), ("User-Agent", "another")]
    require_loop(callee, sent_back(callee, got, world.account.uri, changed))


@CASES.add(31, "RFC 3261 8.2.2.2", "leaves it to the user agent to refuse a request that came by two ways")
def merged(world: World) -> None:
    callee, agent, account = world.callee(), world.agent(), world.account
    request = agent.request("MESSAGE", account.uri)
    agent.send(request)
    challenge = agent.response(request, CHALLENGE_S)
    headers = [None if challenge is None else answer(challenge, request, account.user, account.password, n) for n in (1, 2)]
    ways = [agent.again(request), agent.again(request)]
    for way, header in zip(ways, headers, strict=True):
        way = way.with_header("CSeq", ways[0]["CSeq"])
        if header is not None:
            way.headers.append(header)
        agent.send(way)
    for _ in range(2):
        callee.reply(callee.expect_incoming("MESSAGE"), 200)
