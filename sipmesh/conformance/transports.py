"""UDP, TCP and what Via says of them: RFC 3261 section 18, RFC 3581."""

from __future__ import annotations

import socket

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.message import Message, parameter

CASES = Cases()


def options(world: World, agent: Agent) -> Message:
    return agent.request("OPTIONS", f"sip:{world.account.domain}")


@CASES.add(13, "RFC 3261 16.9, 17.1.4", "answers at once when a target can't be reached")
def closed_port(world: World) -> None:
    agent = world.agent()
    with socket.socket(socket.AF_INET6 if ":" in agent.host else socket.AF_INET) as closed:
        closed.bind((agent.host, 0))
        port = closed.getsockname()[1]
    host = f"[{agent.host}]" if ":" in agent.host else agent.host
    world.bind(agent, f"<sip:nobody@{host}:{port};transport=tcp>")
    before = agent.waited_s
    answer = agent.ask(agent.request("INVITE", world.account.uri), 5.0)
    require(answer.status >= 400, f"answered {answer.start}")
    require(agent.waited_s - before < 2.0, f"took {agent.waited_s - before:.1f} s")


@CASES.add(13, "RFC 3261 18.4", "answers at once when ICMP says that nobody listens")
def closed_udp_port(world: World) -> None:
    agent = world.agent()
    with socket.socket(socket.AF_INET6 if ":" in agent.host else socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind((agent.host, 0))
        port = closed.getsockname()[1]
    host = f"[{agent.host}]" if ":" in agent.host else agent.host
    world.bind(agent, f"<sip:nobody@{host}:{port}>")
    answer = agent.ask(agent.request("INVITE", world.account.uri))
    require(answer.status >= 400, f"answered {answer.start}")


@CASES.add(27, "RFC 3261 18.2.1", "adds received when sent-by is a name")
def received(world: World) -> None:
    agent = world.agent()
    request = options(world, agent)
    request = request.with_header("Via", request["Via"].replace(agent.address, f"phone.invalid:{agent.port}"))
    agent.send(request)
    via = agent.expect_response(request)["Via"]
    require(parameter(via, "received") == agent.host, f"Via: {via}")


@CASES.add(51, "RFC 3581 4", "fills rport, and answers to the port the request came from")
def rport(world: World) -> None:
    agent = world.agent()
    request = options(world, agent)
    request = request.with_header("Via", request["Via"].replace(agent.address, "192.0.2.55:5099"))
    agent.send(request)
    via = agent.expect_response(request)["Via"]
    require(parameter(via, "rport") == str(agent.port), f"Via: {via}")
    require(parameter(via, "received") == agent.host, f"Via: {via}")


@CASES.add(29, "RFC 3261 18.3", "reads a message that comes byte by byte")
def byte_by_byte(world: World) -> None:
    agent = world.agent(transport=world.stream)
    agent.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    request = options(world, agent)
    for byte in request.to_bytes():
        agent.socket.sendall(bytes((byte,)))
    agent.expect_response(request)


@CASES.add(29, "RFC 3261 18.3, 7.5", "reads ten messages in one segment, empty lines between them")
def ten_at_once(world: World) -> None:
    agent = world.agent(transport=world.stream)
    requests = [options(world, agent) for _ in range(10)]
    agent.send(b"\r\n\r\n".join(request.to_bytes() for request in requests))
    for request in requests:
        agent.expect_response(request)


@CASES.add(57, "RFC 5626 4.2.2", "doesn't wait for a phone whose connection is gone")
def closed_connection(world: World) -> None:
    callee = world.callee(transport=world.stream)
    callee.close()
    agent = world.agent("caller")
    before = agent.waited_s
    answer = agent.ask(agent.request("INVITE", world.account.uri), 5.0)
    require(answer.status >= 400, f"answered {answer.start}")
    require(agent.waited_s - before < 2.0, f"took {agent.waited_s - before:.1f} s")
