"""Malformed and odd messages, in the manner of RFC 4475 and RFC 5118."""

from __future__ import annotations

from collections.abc import Callable

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.message import Message
from sipmesh.conformance.transports import options

CASES = Cases()

Spoil = Callable[[Message], Message]


def without(*names: str) -> Spoil:
    return lambda request: Message(request.start, [each for each in request.headers if each[0] not in names])


def with_start(old: str, new: str) -> Spoil:
    return lambda request: Message(request.start.replace(old, new, 1), request.headers)


def with_value(name: str, value: str) -> Spoil:
    return lambda request: request.with_header(name, value)


SPOILED: dict[str, Spoil] = {
    "no Call-ID": without("Call-ID"),
    "no From": without("From"),
    "no To": without("To"),
    "CSeq of another method": with_value("CSeq", "1 INVITE"),
    "CSeq above 2^32": with_value("CSeq", "36893488147419103232 OPTIONS"),
    "To with an open quote": with_value("To", '"Mr. J. User <sip:j.user@example.com>'),
    "negative Content-Length": with_value("Content-Length", "-999"),
    "empty Via parameter": lambda request: request.with_header("Via", f"{request['Via']};;"),
    "Request-URI in angle brackets": with_start(" sip:", " <sip:"),
}


def answers(agent: Agent, request: Message) -> str:
    """The status of the answer, matched by branch: a spoiled request may have nothing else that tells it."""
    agent.send(request)
    got = agent.receive(1.0, lambda message: not message.is_request and message.branch == request.branch)
    return str(got.status) if got is not None else "nothing"


@CASES.add(72, "RFC 4475 3.1.2, RFC 3261 16.3(1)", "answers 400 to what it can't understand, and goes on")
def malformed(world: World) -> None:
    _ = world.udp_only
    agent = world.agent()
    others = []
    for what, spoil in SPOILED.items():
        status = answers(agent, spoil(options(world, agent)))
        if status != "400":
            others.append(f"{what}: {status}")
    request = options(world, agent)
    agent.send(request)
    agent.expect_response(request)
    require(not others, ", ".join(others))


@CASES.add(71, "RFC 5118 4.1, 4.3, 4.5", "reads IPv6 addresses in Via, From and Contact")
def ipv6_addresses(world: World) -> None:
    agent = world.agent()
    request = options(world, agent)
    for received in ("2001:db8::9:255", "[2001:db8::9:255]"):
        via = f"SIP/2.0/UDP [2001:db8::9:1];received={received};branch=z9hG4bKas3-111"
        odd = agent.again(request)
        odd.headers.insert(1, ("Via", via))
        odd = odd.with_header("From", "<sip:caller@[2001:db8::10]:5070>;tag=81x2")
        odd = odd.with_header("Contact", "<sip:caller@[2001:db8::10]>")
        status = answers(agent, odd)
        require(status.isdigit() and status != "400" and status < "500", f"received={received}: {status}")


@CASES.add(71, "RFC 5118 4.2", "refuses a Request-URI with a bare IPv6 address")
def ipv6_without_brackets(world: World) -> None:
    agent = world.agent()
    status = answers(agent, agent.request("OPTIONS", "sip:2001:db8::10"))
    require(status == "400", f"answered {status}")
