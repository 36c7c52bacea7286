"""Which connection or datagram a message takes: RFC 3261 sections 18 and 26.2, RFC 3263, RFC 5922, RFC 5923."""

from __future__ import annotations

import socket
import time

from sipmesh.conformance.agent import SDP, Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.errors import NotApplicableError
from sipmesh.conformance.message import Message
from sipmesh.conformance.tls import self_signed
from sipmesh.conformance.transports import options

CASES = Cases()
LONG = "x" * 1400  # no datagram for this (RFC 3261 section 18.1.1)


def without_tls(world: World) -> None:
    if world.target.transport == "tls":
        raise NotApplicableError("about connections without TLS")


@CASES.add(26, "RFC 3261 18.1.1", "sends by TCP what is longer than 1300 bytes, and says so in Via")
def long_request(world: World) -> None:
    _ = world.udp_only
    (_, listening), agent = world.callee_by_both(), world.agent()
    agent.start(agent.request("MESSAGE", world.account.uri, body=LONG))
    peer = listening.expect()
    got = peer.expect_incoming("MESSAGE")
    peer.reply(got, 200)
    require(got["Via"].startswith("SIP/2.0/TCP"), f"Via: {got['Via']}")


@CASES.add(26, "RFC 3261 18.1.1", "sends a long request by UDP when TCP is refused")
def long_request_without_tcp(world: World) -> None:
    _ = world.udp_only
    callee, agent = world.callee(), world.agent()
    agent.start(agent.request("MESSAGE", world.account.uri, body=LONG))
    got = callee.expect_incoming("MESSAGE", 3.0)
    callee.reply(got, 200)
    require(got["Via"].startswith("SIP/2.0/UDP"), f"Via: {got['Via']}")


@CASES.add(28, "RFC 3261 18.2.2", "when the connection is gone, answers over one to the port in Via")
def answer_after_close(world: World) -> None:
    without_tls(world)
    callee, agent, listening = world.callee(), world.agent(transport="tcp"), world.listening()
    via = f"SIP/2.0/TCP {listening.address};branch=z9hG4bKclosed{time.monotonic_ns()}"
    sent = agent.start(agent.request("INVITE", world.account.uri, body=SDP.format(agent.host), Via=via))
    got = callee.expect_incoming("INVITE")
    callee.reply(got, 180)
    agent.expect_response(sent, least=180)
    agent.close()
    time.sleep(0.1)
    callee.reply(got, 486)
    require(listening.expect().expect_response(sent, least=200).status == 486, "another answer")


@CASES.add(40, "RFC 3261 26.2.2", "sends nothing that asks for sips in the clear")
def sips_in_the_clear(world: World) -> None:
    without_tls(world)
    callee, agent = world.callee(), world.agent()
    sent = agent.start(agent.request("MESSAGE", world.account.uri.replace("sip:", "sips:", 1)))
    got = callee.incoming("MESSAGE", 0.7)
    require(got is None, f"left by {world.target.transport.upper()}")
    answer = agent.response(sent, 0.3, least=200)
    require(answer is None or answer.status >= 300, "answered as if it had arrived")


def poisoned(world: World, agent: Agent, address: str) -> Message:
    """The answer to a request for a phone at ``address`` over TCP."""
    world.bind(agent, f"<sip:nobody@{address};transport=tcp>")
    return agent.ask(agent.request("MESSAGE", world.account.uri), 5.0)


@CASES.add(49, "RFC 3263 4.3", "tries a target again that refused the request before")
def refused_once(world: World) -> None:
    without_tls(world)
    agent = world.agent()
    free = world.listening()
    free.close()
    require(poisoned(world, agent, free.address).status >= 400, "answered as if it had arrived")
    listening = world.listening(free.port)
    agent.start(agent.request("MESSAGE", world.account.uri))
    peer = listening.expect()
    peer.reply(peer.expect_incoming("MESSAGE"), 200)


@CASES.add(50, "RFC 3263 4", "answers others while a name is looked up")
def name_looked_up(world: World) -> None:
    agent, other = world.agent(), world.agent("other")
    world.bind(agent, "<sip:nobody@no-such-host.conformance.test>")
    agent.start(agent.request("MESSAGE", world.account.uri), 0.05)
    request = options(world, other)
    before = other.waited_s
    other.send(request)
    other.expect_response(request)
    require(other.waited_s - before < 0.5, f"took {other.waited_s - before:.1f} s")


@CASES.add(58, "RFC 5922 7.3, 7.4", "sends nothing over TLS to a server whose certificate nobody has signed")
def unproved_server(world: World) -> None:
    agent, listening = world.agent(), world.listening()
    world.bind(agent, f"<sip:nobody@{listening.address};transport=tls>")
    agent.start(agent.request("MESSAGE", world.account.uri), 0.1)
    connection = listening.accept_socket(1.0)
    if connection is None:
        raise NotApplicableError("opens no TLS connections")
    with connection:
        require(not first_bytes(connection), "sent the request")


def first_bytes(connection: socket.socket) -> bytes:
    """What a client says inside TLS after it has seen a certificate that we have signed ourselves."""
    connection.settimeout(1.0)
    try:
        with self_signed().wrap_socket(connection, server_side=True) as secured:
            return secured.recv(65535)
    except OSError:
        return b""


@CASES.add(59, "RFC 5923 9.3", "believes no alias that nobody has certified")
def alias_without_certificate(world: World) -> None:
    without_tls(world)
    liar, agent, listening = world.agent("liar", "tcp"), world.agent(), world.listening()
    request = options(world, liar)
    liar.send(request.with_header("Via", request["Via"].replace(liar.address, listening.address) + ";alias"))
    liar.expect_response(request)
    world.bind(agent, f"<sip:somebody@{listening.address};transport=tcp>")
    agent.start(agent.request("MESSAGE", world.account.uri))
    require(liar.incoming("MESSAGE", 0.3) is None, "sent the request over the connection that said alias")
    peer = listening.expect()
    peer.reply(peer.expect_incoming("MESSAGE"), 200)
