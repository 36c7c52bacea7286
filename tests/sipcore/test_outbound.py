"""RFC 5626: flows of user agent instances at the registrar, and calls that take the next flow when one fails."""

from __future__ import annotations

import pytest

from sipcore.ports import Target
from tests.sipcore.proxy_world import World
from tests.sipcore.test_registrar import AOR, TCP, Phone, Source

INSTANCE = '+sip.instance="<urn:uuid:1>"'


def flow(user: str, reg_id: int = 1, *more: str) -> str:
    return ";".join((f"<sip:{user}@203.0.113.9>", INSTANCE, f"reg-id={reg_id}", *more))


def test_a_flow_replaces_the_one_of_the_same_instance_and_reg_id() -> None:
    phone = Phone()
    phone.register(flow("before"))
    phone.source = Source(TCP, ("203.0.113.9", 40000), 7)
    headers = phone.register(flow("after"), call_id="another", Supported="outbound, path")
    (binding,) = phone.table.get(AOR)
    assert (binding.contact, binding.remote_port, binding.connection_id) == ("sip:after@203.0.113.9", 40000, 7)
    assert ("Require", "outbound") in headers
    assert ("Flow-Timer", "120") in headers


def test_other_reg_ids_and_instances_are_other_bindings() -> None:
    phone = Phone()
    phone.register(flow("a"))
    phone.register(flow("a", 2))
    phone.register(flow("a").replace("uuid:1", "uuid:2"))
    phone.register("<sip:a@203.0.113.9>")
    assert [(binding.instance, binding.reg_id) for binding in phone.table.get(AOR)] == [
        ("<urn:uuid:1>", 1),
        ("<urn:uuid:1>", 2),
        ("<urn:uuid:2>", 1),
        ("", 0),
    ]


def test_a_flow_is_removed_by_its_name_too() -> None:
    phone = Phone()
    phone.register(flow("a"))
    phone.register(flow("other", 1, "expires=0"))
    assert not phone.table.get(AOR)


def test_without_support_nothing_is_required() -> None:
    headers = Phone().register(flow("a"))
    assert not {name for name, _ in headers} & {"Require", "Flow-Timer"}


@pytest.mark.parametrize("reg_id", ["0", "x", "-1", "", "12345678901"])
def test_a_reg_id_without_meaning_is_ignored(reg_id: str) -> None:
    phone = Phone()
    phone.register(f"<sip:a@203.0.113.9>;{INSTANCE};reg-id={reg_id}" if reg_id else f"<sip:a@203.0.113.9>;{INSTANCE};reg-id")
    phone.register("<sip:b@203.0.113.9>;reg-id=1", Supported="outbound")
    assert [binding.reg_id for binding in phone.table.get(AOR)] == [0, 0]


def test_only_one_contact_may_come_with_a_reg_id() -> None:
    phone = Phone()
    assert phone.refused(flow("a"), flow("b", 2)).status == 400
    phone.register(flow("a"), flow("b", 2, "expires=0"))
    assert len(phone.table.get(AOR)) == 1


def test_the_first_hop_must_support_outbound() -> None:
    phone = Phone()
    phone.via += ", SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKy"
    edge = "<sip:edge.example;lr>"
    assert phone.refused(flow("a"), Supported="path, outbound", Path=edge).status == 439
    phone.register(flow("a"), Supported="path", Path=edge)
    assert [binding.reg_id for binding in phone.table.get(AOR)] == [0]
    headers = phone.register(flow("b"), Supported="path, outbound", Path=edge.replace(";lr", ";lr;ob"))
    assert ("Require", "outbound") in headers
    assert "Flow-Timer" not in dict(headers)
    assert phone.table.get(AOR)[-1].reg_id == 1


class Call:
    """Alice calls Bob, whose user agent has two flows."""

    def __init__(self) -> None:
        self.world = world = World()
        self.alice, self.first, self.second = (world.phone(f"192.0.2.{host}") for host in (10, 20, 30))
        world.app.targets["bob@example.com"] = [Target(self.first.contact, spare=(Target(self.second.contact),))]
        self.sent = self.alice.request("INVITE", "sip:bob@example.com")
        world.run()
        self.invite = self.first.expect("INVITE")


@pytest.mark.parametrize("status", [408, 430])
def test_the_next_flow_is_taken_when_one_failed(status: int) -> None:
    call = Call()
    call.first.reply(call.invite, status)
    call.world.run()
    call.second.reply(call.second.expect("INVITE"), 200)
    call.world.run()
    call.alice.expect(200)


def test_a_flow_that_stays_silent_counts_as_failed() -> None:
    call = Call()
    call.world.run(33.0)
    call.second.expect("INVITE")


@pytest.mark.parametrize("status", [486, 480, 503, 603])
def test_the_user_agent_is_asked_once(status: int) -> None:
    call = Call()
    call.first.reply(call.invite, status)
    call.world.run()
    call.second.expect_nothing()


def test_after_the_last_flow_the_call_has_failed() -> None:
    call = Call()
    call.first.reply(call.invite, 430)
    call.world.run()
    call.second.reply(call.second.expect("INVITE"), 486)
    call.world.run()
    call.alice.expect(486)


def test_a_cancelled_call_takes_no_other_flow() -> None:
    call = Call()
    call.first.reply(call.invite, 180)
    call.world.run()
    call.alice.cancel(call.sent)
    call.world.run()
    call.first.reply(call.invite, 408)
    call.world.run()
    call.second.expect_nothing()
