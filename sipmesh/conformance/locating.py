"""Where a request goes by DNS: RFC 3263. The target must ask the tester's DNS server."""

from __future__ import annotations

import secrets
import socket

from sipmesh.conformance.agent import Agent
from sipmesh.conformance.case import Cases, World, require
from sipmesh.conformance.message import Message
from sipmesh.conformance.nameserver import Nameserver

CASES = Cases()
SPREAD = 16  # requests; that two equal targets don't both get one of them happens once in 32768 runs


def new_name(names: Nameserver, *hosts: str) -> str:
    """Never asked for before, so that nobody remembers it; with an address for it and its ``hosts``."""
    name = f"n{secrets.token_hex(4)}.test"
    for each in (name, *(f"{host}.{name}" for host in hosts)):
        names.add(each, "A", "127.0.0.1")
    return name


def bound(world: World, name: str, port: int | None = None) -> Agent:
    """A caller; the account is bound to ``name`` alone."""
    caller = world.agent("caller")
    world.bind(caller, f"<sip:{world.account.user}@{name}{f':{port}' if port else ''}>")
    return caller


def servers(world: World, names: Nameserver, *ranks: str) -> tuple[str, list[Agent]]:
    """A name with an SRV record for each of ``ranks`` (priority and weight), and who listens there."""
    agents = [world.agent(f"server{number}", "udp") for number in range(len(ranks))]
    name = new_name(names, *(f"host{number}" for number in range(len(ranks))))
    for number, (rank, agent) in enumerate(zip(ranks, agents, strict=True)):
        names.add(f"_sip._udp.{name}", "SRV", f"{rank} {agent.port} host{number}.{name}.")
    return name, agents


def dead_port(host: str) -> int:
    """Nobody listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@CASES.add(45, "RFC 3263 4.2", "asks for no SRV record where a port is given")
def port_given(world: World) -> None:
    names = world.names()
    callee = world.agent("callee", "udp")
    name = new_name(names, "other")
    names.add(f"_sip._udp.{name}", "SRV", f"10 10 {dead_port(callee.host)} other.{name}.")
    caller = bound(world, name, callee.port)
    caller.start(caller.request("MESSAGE", world.account.uri))
    callee.reply(callee.expect_incoming("MESSAGE"), 200)
    require((f"_sip._udp.{name}", "SRV") not in names.asked, "asked for the SRV record")


@CASES.add(46, "RFC 3263 4.1", "takes the transport of the NAPTR record with the lowest order")
def naptr_order(world: World) -> None:
    names = world.names()
    listening, callee = world.listening(), world.agent("callee", "udp")
    name = new_name(names, "tcp", "udp")
    names.add(name, "NAPTR", f'20 10 "s" "SIP+D2U" "" _sip._udp.{name}.', f'10 10 "s" "SIP+D2T" "" _sip._tcp.{name}.')
    names.add(f"_sip._udp.{name}", "SRV", f"10 10 {callee.port} udp.{name}.")
    names.add(f"_sip._tcp.{name}", "SRV", f"10 10 {listening.port} tcp.{name}.")
    caller = bound(world, name)
    caller.start(caller.request("MESSAGE", world.account.uri))
    connected = listening.expect()
    connected.reply(connected.expect_incoming("MESSAGE"), 200)


@CASES.add(47, "RFC 3263 4.2, RFC 2782", "takes the SRV record with the lowest priority first")
def srv_priority(world: World) -> None:
    names = world.names()
    name, (later, first) = servers(world, names, "20 100", "10 0")
    caller = bound(world, name)
    caller.start(caller.request("MESSAGE", world.account.uri))
    first.reply(first.expect_incoming("MESSAGE"), 200)
    require(later.incoming("MESSAGE", 0.1) is None, "sent it to the other, too")


@CASES.add(47, "RFC 3263 4.2, RFC 2782", "spreads requests over SRV records of one priority, those of weight zero too")
def srv_spread(world: World) -> None:
    names = world.names()
    name, both = servers(world, names, "10 0", "10 0")
    caller = bound(world, name)
    counts = [0, 0]
    for _ in range(SPREAD):
        caller.start(caller.request("MESSAGE", world.account.uri))
        index, got = one_of(both)
        both[index].reply(got, 200)
        counts[index] += 1
    require(min(counts) > 0, f"all {SPREAD} went to one")


@CASES.add(48, "RFC 3263 4.3", "goes on to the next SRV target after 503, with another branch")
def next_after_503(world: World) -> None:
    names = world.names()
    name, (first, second) = servers(world, names, "10 0", "20 0")
    caller = bound(world, name)
    sent = caller.start(caller.request("INVITE", world.account.uri))
    refused = first.expect_incoming("INVITE")
    first.reply(refused, 503)
    taken = second.expect_incoming("INVITE")
    require(taken.branch != refused.branch, "with the same branch")
    second.reply(taken, 200)
    answer = caller.expect_response(sent)
    require(answer.status == 200, f"answered {answer.start}")


@CASES.add(48, "RFC 3263 4.3", "goes on to the next SRV target when nobody listens at nine of them")
def next_after_nobody(world: World) -> None:
    names = world.names()
    callee = world.agent("callee", "udp")
    name = new_name(names, *(f"host{number}" for number in range(10)))
    for number in range(9):
        names.add(f"_sip._udp.{name}", "SRV", f"{number} 0 {dead_port(callee.host)} host{number}.{name}.")
    names.add(f"_sip._udp.{name}", "SRV", f"9 0 {callee.port} host9.{name}.")
    caller = bound(world, name)
    caller.start(caller.request("MESSAGE", world.account.uri))
    callee.reply(callee.expect_incoming("MESSAGE", 5.0), 200)


def one_of(agents: list[Agent]) -> tuple[int, Message]:
    """Who of them gets the next MESSAGE, which must come soon."""
    for _ in range(20):
        for index, agent in enumerate(agents):
            if (got := agent.incoming("MESSAGE", 0.05)) is not None:
                return index, got
    return 0, agents[0].expect_incoming("MESSAGE", 0.05)


@CASES.add(60, "RFC 7118 5.2, RFC 6761 6.4", "looks up no name under .invalid")
def invalid_names(world: World) -> None:
    names = world.names()
    caller = world.agent("caller")
    world.bind(caller, f"<sip:{world.account.user}@n{secrets.token_hex(4)}.invalid>")
    sent = caller.start(caller.request("MESSAGE", world.account.uri))
    caller.response(sent, 0.5, least=200)
    asked = [name for name, _ in names.asked if name.endswith(".invalid")]
    require(not asked, f"asked for {asked}")
