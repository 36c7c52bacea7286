"""GRUUs at the registrar and the proxy (RFC 5627), in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from native.sip import Message, NameAddr
from sipmesh.config import Domain, Trunk
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import SignalWorld

INSTANCES = ("<urn:uuid:11111111-1111-1111-1111-111111111111>", "<urn:uuid:22222222-2222-2222-2222-222222222222>")
ALICE = "sip:alice@open.example"


def world_of() -> tuple[SignalWorld, list[Phone], Phone]:
    """Alice's two phones, not registered, and bob."""
    world = SignalWorld()
    return world, [world.phone(f"192.0.2.{10 + number}") for number in (0, 1)], world.phone("192.0.2.20")


def sent(phone: Phone, method: str, uri: str, *headers: tuple[str, str], user: str = "bob", **more: Any) -> Message:
    contact = more.pop("contact", f"<{phone.contact}>")
    message = Message.request(
        method,
        uri,
        [
            ("Via", f"SIP/2.0/UDP {phone.says_host}:5060;branch=z9hG4bK-g{next(Phone._branches)}"),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{user}@open.example>;tag=caller"),
            ("To", f"<{more.pop('to', uri)}>"),
            ("Call-ID", more.pop("call_id", "call-1")),
            ("CSeq", f"{more.pop('cseq', 1)} {method}"),
            ("Contact", contact),
            *headers,
        ],
    )
    phone.send(message)
    phone.world.run()
    return message


def registered(phone: Phone, number: int, *, cseq: int = 1, call_id: str = "", expires: int = 600, **more: Any) -> Message:
    """The answer to a REGISTER of alice's phone ``number``."""
    contact = more.pop("contact", phone.contact)
    sent(
        *(phone, "REGISTER", "sip:open.example", ("Supported", more.pop("supported", "path, gruu"))),
        contact=f'<{contact}>;+sip.instance="{INSTANCES[number]}";expires={expires}{more.pop("params", "")}',
        user="alice",
        to=ALICE,
        cseq=cseq,
        call_id=call_id or f"reg-{number}",
    )
    return phone.got()[-1]


def gruus(response: Message, number: int) -> tuple[str, str]:
    """Public and temporary GRUU of phone ``number``."""
    for contact in map(NameAddr, response.values("Contact")):
        if contact.params["+sip.instance"] == INSTANCES[number]:
            return contact.params["pub-gruu"] or "", contact.params["temp-gruu"] or ""
    raise AssertionError("no such contact")


def test_a_registration_gets_both_gruus() -> None:
    _, phones, _ = world_of()
    answer = registered(phones[0], 0)
    public, temporary = gruus(answer, 0)
    assert public == f"{ALICE};gr={INSTANCES[0].strip('<>')}"
    assert temporary.startswith("sip:tgruu.")
    assert temporary.endswith("@open.example;gr")
    assert "gruu" not in f"{answer.get('Supported')} {answer.get('Require')}"


@pytest.mark.parametrize("supported", ["path", ""])
def test_who_does_not_know_gruus_gets_none(supported: str) -> None:
    _, phones, _ = world_of()
    assert "gruu" not in (registered(phones[0], 0, supported=supported).get("Contact") or "")


def test_what_a_phone_says_of_its_gruus_is_ignored() -> None:
    _, phones, _ = world_of()
    answer = registered(phones[0], 0, params=';pub-gruu="sip:x@y;gr=1";temp-gruu="sip:z@y;gr"')
    assert "sip:x@y" not in (answer.get("Contact") or "")


def test_the_answer_names_those_of_every_instance() -> None:
    _, phones, _ = world_of()
    registered(phones[0], 0)
    answer = registered(phones[1], 1)
    assert gruus(answer, 0)[0] != gruus(answer, 1)[0]


@pytest.mark.parametrize("kind", [0, 1])
def test_a_call_to_a_gruu_reaches_that_phone_alone(kind: int) -> None:
    world, phones, bob = world_of()
    registered(phones[0], 0)
    gruu = gruus(registered(phones[1], 1), 0)[kind]
    sent(bob, "INVITE", gruu)
    invite = phones[0].expect(200) and phones[0].expect("INVITE")
    assert invite.request_uri_text == phones[0].contact
    assert not phones[1].got("INVITE")
    phones[0].reply(invite, 486)
    world.run()
    assert bob.expect(486)
    assert not phones[1].got("INVITE")


def test_the_aor_still_reaches_both() -> None:
    _, phones, bob = world_of()
    for number, phone in enumerate(phones):
        registered(phone, number)
    sent(bob, "INVITE", ALICE)
    assert all(phone.got("INVITE") for phone in phones)


def test_old_temporary_gruus_stay_valid_while_the_registration_goes_on() -> None:
    _, phones, bob = world_of()
    first = gruus(registered(phones[0], 0), 0)[1]
    second = gruus(registered(phones[0], 0, cseq=2), 0)[1]
    assert first != second
    for number, gruu in enumerate((first, second)):
        sent(bob, "MESSAGE", gruu, call_id=f"m{number}")
    assert len(phones[0].got("MESSAGE")) == 2


def test_another_call_id_ends_the_temporary_ones_and_not_the_public_one() -> None:
    _, phones, bob = world_of()
    public, temporary = gruus(registered(phones[0], 0), 0)
    registered(phones[0], 0, call_id="after-a-restart")
    sent(bob, "MESSAGE", temporary, call_id="m1")
    assert bob.expect(404)
    sent(bob, "MESSAGE", public, call_id="m2")
    assert phones[0].got("MESSAGE")


def test_after_the_registration_the_public_one_is_unavailable_and_the_temporary_one_unknown() -> None:
    world, phones, bob = world_of()
    public, temporary = gruus(registered(phones[0], 0, expires=60), 0)
    registered(phones[1], 1)
    world.run(100.0)
    sent(bob, "MESSAGE", public, call_id="m1")
    sent(bob, "MESSAGE", temporary, call_id="m2")
    assert [message.status for message in bob.got() if message.status >= 200] == [480, 404]
    assert not phones[1].got("MESSAGE")
    registered(phones[0], 0, cseq=2)
    sent(bob, "MESSAGE", public, call_id="m3")
    assert phones[0].got("MESSAGE")


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:nobody@open.example;gr=urn:uuid:1", 404),
        (f"{ALICE};gr=urn:uuid:1", 480),
        (f"{ALICE};gr", 404),
        ("sip:tgruu.forged@open.example;gr", 404),
    ],
)
def test_gruus_that_are_none(uri: str, status: int) -> None:
    _, phones, bob = world_of()
    registered(phones[0], 0)
    sent(bob, "INVITE", uri)
    assert bob.expect(status)


@pytest.mark.parametrize("contact", [ALICE, f"{ALICE};gr=urn:uuid:9", f"{ALICE};transport=tcp", "mailto:a@b"])
def test_a_contact_that_leads_back_is_refused(contact: str) -> None:
    _, phones, _ = world_of()
    assert registered(phones[0], 0, contact=contact).status == 403


def test_so_is_one_that_is_a_temporary_gruu() -> None:
    _, phones, _ = world_of()
    temporary = gruus(registered(phones[0], 0), 0)[1]
    assert registered(phones[1], 1, contact=temporary).status == 403


def test_the_newest_of_several_contacts_is_tried_and_the_next_when_it_is_gone() -> None:
    world, phones, bob = world_of()
    public = gruus(registered(phones[0], 0), 0)[0]
    world.run(5.0)
    registered(phones[1], 0, call_id="rebooted")
    sent(bob, "INVITE", public)
    invite = phones[1].expect(200) and phones[1].expect("INVITE")
    assert not phones[0].got("INVITE")
    phones[1].reply(invite, 430)
    world.run()
    assert phones[0].got("INVITE")


def test_a_dialog_whose_contact_is_a_gruu() -> None:
    """ACK, requests in both directions, and an end by the node: all reach the phone behind the GRUU."""
    world, phones, bob = world_of()
    public = gruus(registered(phones[0], 0), 0)[0]
    phones[0].__class__ = type("At", (Phone,), {"contact": public})
    world.bind("bob@open.example", bob)
    sent(phones[0], "INVITE", "sip:bob@open.example", user="alice")
    invite = bob.expect("INVITE")
    assert invite.contacts[0].uri.text == public
    bob.reply(invite, 200)
    world.run()
    answer = phones[0].got(200)[-1]
    phones[0].within(answer, "ACK", cseq=1)
    world.run()
    bob.within(invite, "INVITE", cseq=1, headers=(("Contact", f"<{bob.contact}>"),))
    world.run()
    again = phones[0].got("INVITE")[0]
    assert again.request_uri_text == "sip:user@192.0.2.10:5060"
    phones[0].reply(again, 200)
    world.run()
    bob.within(invite, "ACK", cseq=1)
    world.run()
    assert phones[0].got("ACK")[0].request_uri_text == "sip:user@192.0.2.10:5060"
    [(key, _)] = world.stored.all()
    world.ender.end(key, "operator", "SIP;cause=487")
    world.run()
    assert phones[0].got("BYE")
    assert bob.got("BYE")


def test_a_gruu_of_somebody_else_opens_no_door_within_a_dialog() -> None:
    """The cookie of a call with the carrier lets bob reach the carrier without digest, and not alice."""
    carrier = Trunk(name="carrier", sources=("192.0.2.90/32",))
    world = SignalWorld((carrier,), domains=(Domain(name="open.example"),))
    gateway, bob, alice = world.phone("192.0.2.90"), world.phone("192.0.2.20"), world.phone("192.0.2.10")
    world.bind("bob@open.example", bob)
    world.bind("alice@open.example", alice, instance=INSTANCES[0])
    sent(gateway, "INVITE", "sip:bob@open.example", user="+4420")
    invite = bob.expect("INVITE")
    bob.reply(invite, 200)
    world.run()
    bob.within(invite, "INFO", cseq=1)
    elsewhere = bob.within(invite, "INFO", cseq=2).copy()
    elsewhere.set_request_uri(f"{ALICE};gr={INSTANCES[0].strip('<>')}")
    elsewhere.pop_via()
    elsewhere.push_via("SIP/2.0/UDP 192.0.2.20:5060;branch=z9hG4bK-elsewhere")
    bob.send(elsewhere)
    world.run()
    assert len(gateway.got("INFO")) == 2
    assert not alice.got()
    assert bob.got(407)
