"""Sides behind NAT: who counts as such, and how requests of the dialog find back (RFC 5626 section 5.3, RFC 3581)."""

import pytest

from native.sip import Message
from sipcore.flow import Destination
from sipcore.ports import Target
from sipcore.proxy.nat import sender_is_natted
from tests.sipcore.proxy_world import Phone, World, call


def behind_nat(world: World, host: str, port: int, transport: str = "udp") -> Phone:
    phone = world.phone(host, port, transport)
    phone.says_host = "10.0.0.5"
    phone.rport = True
    return phone


def test_a_caller_behind_nat_gets_its_bye_over_its_flow() -> None:
    world = World()
    alice, bob = behind_nat(world, "192.0.2.10", 33333), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    invite, _ = call(world, alice, bob)
    assert invite.contacts[0].uri.host == "10.0.0.5"
    bob.within(invite, "BYE")
    world.run()
    bye = alice.expect("BYE")
    assert bye.request_uri.host == "10.0.0.5"
    alice.reply(bye, 200)
    world.run()
    bob.expect(200)


def test_a_callee_behind_nat_is_called_and_gets_ack_and_bye_over_its_flow() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), behind_nat(world, "192.0.2.20", 44444)
    flow = world.proxy.flows.flow_to(Destination("udp", "192.0.2.20", 44444))
    world.app.targets["bob@example.com"] = [Target(bob.contact, flow=flow, natted=True)]
    _, answer = call(world, alice, bob)
    assert answer.contacts[0].uri.host == "10.0.0.5"
    alice.within(answer, "BYE")
    world.run()
    bob.expect("BYE")
    assert "10.0.0.5" not in {packet.destination[0] for packet in world.wire.log}


def test_a_re_invite_keeps_the_cookie_of_its_dialog() -> None:
    world = World()
    alice, bob = behind_nat(world, "192.0.2.10", 33333), behind_nat(world, "192.0.2.20", 44444)
    flow = world.proxy.flows.flow_to(Destination("udp", "192.0.2.20", 44444))
    world.app.targets["bob@example.com"] = [Target(bob.contact, flow=flow, natted=True)]
    invite, answer = call(world, alice, bob)
    alice.within(answer, "INVITE")
    bob.within(invite, "INVITE", cseq=9)
    world.run()
    cookies = {phone.expect("INVITE").record_routes[0].uri.params["c"] for phone in (alice, bob)}
    assert cookies == {answer.record_routes[0].uri.params["c"]}


def test_both_sides_behind_nat_over_tcp() -> None:
    world = World()
    alice, bob = behind_nat(world, "192.0.2.10", 33333, "tcp"), behind_nat(world, "192.0.2.20", 44444, "tcp")
    bob.request("REGISTER", "sip:example.com")
    world.app.hold = True
    world.run()
    flow = world.app.requests[0].flow
    world.app.hold = False
    world.app.targets["bob@example.com"] = [Target(bob.contact, flow=flow, natted=True)]
    invite, answer = call(world, alice, bob)
    alice.within(answer, "INFO")
    bob.within(invite, "INFO", cseq=9)
    world.run()
    bob.expect("INFO")
    alice.expect("INFO")
    connections = {packet.destination for packet in world.wire.sent(world.proxy)}
    assert all(port > 40000 for _, port in connections)


def test_5626_5_3_a_flow_that_is_gone_is_430() -> None:
    world = World()
    alice, bob = behind_nat(world, "192.0.2.10", 33333, "tcp"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    invite, _ = call(world, alice, bob)
    for flow in list(world.proxy.flows.connections.values()):
        flow.close()
    world.run()
    bob.within(invite, "BYE")
    world.run()
    bob.expect(430)
    bob.within(invite, "ACK")
    world.run()
    bob.expect_nothing()
    assert world.counters["sip_proxy_acks_dropped_total|why=flow gone"] == 1


def test_the_application_may_overrule_the_default() -> None:
    world = World()
    alice, bob = behind_nat(world, "192.0.2.10", 33333), world.phone("192.0.2.20")
    world.app.hold = True
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    request = world.app.requests[0]
    assert request.natted
    request.natted = False
    world.app.decide(request)
    world.run()
    assert bob.expect("INVITE").record_routes[0].uri.params["c"].endswith("~~")


def natted(via: str, contact: str | None, source: tuple[str, int] = ("198.51.100.7", 5060), transport: str = "udp") -> bool:
    world = World()
    headers = [
        ("Via", via),
        ("From", "<sip:a@example.com>;tag=1"),
        ("To", "<sip:b@example.com>"),
        ("Call-ID", "x"),
        ("CSeq", "1 INVITE"),
    ]
    if contact is not None:
        headers.append(("Contact", contact))
    flow = world.proxy.flows.flow_to(Destination(transport, *source))
    return sender_is_natted(Message.request("INVITE", "sip:b@example.com", headers), flow)


@pytest.mark.parametrize(
    ("via", "contact", "expected"),
    [
        ("SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKa", "<sip:a@198.51.100.7>", False),
        ("SIP/2.0/UDP 198.51.100.7;received=198.51.100.7;rport=5060;branch=z9hG4bKa", "<sip:a@198.51.100.7>", False),
        ("SIP/2.0/UDP 10.0.0.5;received=198.51.100.7;rport=5060;branch=z9hG4bKa", "<sip:a@198.51.100.7>", True),
        ("SIP/2.0/UDP 198.51.100.7;received=198.51.100.7;rport=9999;branch=z9hG4bKa", "<sip:a@198.51.100.7>", True),
        ("SIP/2.0/UDP pbx.example.org;received=198.51.100.7;branch=z9hG4bKa", "<sip:a@pbx.example.org>", False),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@192.168.1.9>", True),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@100.64.3.3>", True),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@[fd00::1]>", True),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@8.8.8.8>", False),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@127.0.0.1:5070>", False),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", "<sip:a@", False),
        ("SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKa", None, False),
        ("SIP/2.0/WS abc.invalid;branch=z9hG4bKa", "<sip:a@abc.invalid;transport=ws>", True),
        (
            "SIP/2.0/UDP 203.0.113.1;branch=z9hG4bKb, SIP/2.0/UDP 10.0.0.5;received=8.8.8.8;branch=z9hG4bKa",
            "<sip:a@10.0.0.5>",
            False,
        ),
    ],
)
def test_the_default_rule(via: str, contact: str | None, expected: bool) -> None:
    assert natted(via, contact) is expected


def test_over_tcp_another_source_port_is_no_sign_of_nat() -> None:
    via = "SIP/2.0/TCP 198.51.100.7;received=198.51.100.7;rport=40001;branch=z9hG4bKa"
    assert not natted(via, "<sip:a@198.51.100.7;transport=tcp>", ("198.51.100.7", 40001), "tcp")
