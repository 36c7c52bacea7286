"""sipmesh.signalling.identity and privacy: who is shown to whom, in requests and responses, outside dialogs and within."""

from __future__ import annotations

from typing import Any

import pytest

from native.sip import Message
from sipmesh.config import Numbers, Register, Route, Trunk, TrunkTarget, User
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import CARRIER, SignalWorld

ALICE = "sip:alice@open.example"
CALLED = "sip:+442071838750@open.example"
ASSERTED = "P-Asserted-Identity"
ANONYMOUS = '"Anonymous" <sip:anonymous@anonymous.invalid>'
UK = Numbers(country="44", sent="national", received="national")

Header = tuple[str, str]


def world_of(transport: str = "udp", **trunk: Any) -> tuple[SignalWorld, Phone, Phone]:
    """Alice has two numbers; what begins with + goes to the carrier."""
    carrier = Trunk(
        name="carrier", targets=(TrunkTarget(uri=f"sip:{CARRIER}"),), sources=(f"{CARRIER}/32",), probe_s=0, **trunk
    )
    alice = User(aor="alice@open.example", password="pw", caller_ids=("+442071838000", "+442071838001"))
    world = SignalWorld((carrier,), (Route(match="+*", to="trunk:carrier"),), (alice, "bob", "carol"))
    return world, world.phone("192.0.2.10", transport=transport), world.phone(CARRIER)


def request(phone: Phone, uri: str, *headers: Header, from_: str = f'"Alice A." <{ALICE}>', **more: Any) -> Message:
    method = more.get("method", "INVITE")
    message = Message.request(
        method,
        uri,
        [
            ("Via", f"SIP/2.0/{phone.transport.upper()} {phone.says_host}:5060;branch=z9hG4bK-i{next(Phone._branches)}"),
            ("Max-Forwards", "70"),
            ("From", f"{from_};tag=caller"),
            ("To", f"<{uri}>"),
            ("Call-ID", more.get("call_id", "call-1")),
            ("CSeq", f"1 {method}"),
            ("Contact", f"<{phone.contact}>"),
            *headers,
        ],
    )
    phone.send(message)
    phone.world.run()
    return message


def sent_out(*headers: Header, trunk: dict[str, Any] | None = None, **more: Any) -> Message:
    """What the carrier gets of alice's INVITE."""
    _, alice, carrier = world_of(**(trunk or {}))
    request(alice, CALLED, *headers, **more)
    return carrier.expect("INVITE")


def test_our_user_is_named_to_a_trunk_we_trust() -> None:
    invite = sent_out()
    assert invite.get_all(ASSERTED) == ["<sip:+442071838000@open.example>"]
    assert invite.get("From") == f'"Alice A." <{ALICE}>;tag=caller'


def test_a_user_without_numbers_is_named_by_his_aor() -> None:
    world, _, carrier = world_of()
    request(world.phone("192.0.2.20"), CALLED, from_="<sip:bob@open.example>")
    assert carrier.expect("INVITE").get_all(ASSERTED) == ["<sip:bob@open.example>"]


@pytest.mark.parametrize(
    ("preferred", "asserted"),
    [
        ("<sip:+442071838001@open.example>", "sip:+442071838001@open.example"),
        ('"CEO" <sip:+442071838001@anywhere.example>', "sip:+442071838001@open.example"),
        ("<tel:+442071838001>", "sip:+442071838001@open.example"),
        ("<sip:+44999@open.example>, <tel:+442071838001>", "sip:+442071838001@open.example"),
        ("<sip:alice@open.example>", "sip:alice@open.example"),
        ("<sip:+44999@open.example>", "sip:+442071838000@open.example"),
        ("<sip:bob@open.example>", "sip:+442071838000@open.example"),
        ("<<broken", "sip:+442071838000@open.example"),
    ],
)
def test_a_preferred_identity_counts_when_it_is_the_users_own(preferred: str, asserted: str) -> None:
    invite = sent_out(("P-Preferred-Identity", preferred))
    assert invite.get_all(ASSERTED) == [f"<{asserted}>"]
    assert not invite.has("P-Preferred-Identity")


def test_nobody_asserts_himself_to_a_trunk() -> None:
    assert sent_out((ASSERTED, "<sip:queen@open.example>")).get_all(ASSERTED) == ["<sip:+442071838000@open.example>"]


@pytest.mark.parametrize("privacy", ["", "id", "none"])
def test_a_trunk_we_do_not_trust_is_told_nothing_we_assert(privacy: str) -> None:
    headers = (("Privacy", privacy),) if privacy else ()
    assert not sent_out(*headers, trunk={"trusted": False}).has(ASSERTED)


def test_a_preferred_identity_reaches_no_user_either() -> None:
    world, alice, _ = world_of()
    bob = world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    request(alice, "sip:bob@open.example", ("P-Preferred-Identity", "<sip:x@y>"), (ASSERTED, "<sip:queen@open.example>"))
    invite = bob.expect("INVITE")
    assert not invite.has("P-Preferred-Identity")
    assert not invite.has(ASSERTED)


def test_an_anonymous_caller_is_named_to_those_we_trust_and_his_wish_goes_with_it() -> None:
    invite = sent_out(("Privacy", "id"))
    assert (invite.get(ASSERTED), invite.get("Privacy")) == ("<sip:+442071838000@open.example>", "id")
    assert invite.get("From") == f'"Alice A." <{ALICE}>;tag=caller'


def test_from_is_anonymous_for_carriers_that_want_it_so() -> None:
    invite = sent_out(("Privacy", "id"), trunk={"anonymous_from": True})
    assert invite.get("From") == f"{ANONYMOUS};tag=caller"
    assert invite.get(ASSERTED) == "<sip:+442071838000@open.example>"
    assert sent_out(trunk={"anonymous_from": True}).from_.uri.text == ALICE


@pytest.mark.parametrize(
    ("trunk", "from_"),
    [
        ({"from_": "identity"}, "sip:+442071838000@open.example"),
        ({"from_": "account", "register": Register(aor="acct@carrier.example", password="x")}, "sip:acct@carrier.example"),
        ({"from_": "identity", "numbers": UK}, "sip:02071838000@open.example"),
        ({"from_": "identity", "numbers": Numbers(uri="tel")}, "tel:+442071838000"),
    ],
)
def test_from_as_the_trunk_wants_it(trunk: dict[str, Any], from_: str) -> None:
    assert sent_out(trunk=trunk).get("From") == f'"Alice A." <{from_}>;tag=caller'


@pytest.mark.parametrize(
    ("numbers", "uri", "to", "asserted"),
    [
        (UK, "sip:02071838750@192.0.2.90", "sip:02071838750@open.example", "sip:02071838000@open.example"),
        (
            Numbers(sent="plain", uri="user-phone"),
            "sip:442071838750@192.0.2.90;user=phone",
            "sip:442071838750@open.example;user=phone",
            "sip:442071838000@open.example;user=phone",
        ),
        (Numbers(uri="tel"), "tel:+442071838750", "tel:+442071838750", "tel:+442071838000"),
    ],
)
def test_numbers_in_every_place_as_the_trunk_wants_them(numbers: Numbers, uri: str, to: str, asserted: str) -> None:
    invite = sent_out(trunk={"numbers": numbers})
    assert invite.request_uri_text == uri
    assert invite.to.uri.text == to
    assert invite.get(ASSERTED) == f"<{asserted}>"


def test_a_tel_uri_finds_its_way_by_a_route() -> None:
    invite = sent_out(trunk={"numbers": Numbers(uri="tel")})
    assert [route.text for route in invite.routes] == [f"<sip:{CARRIER};lr>"]


def test_user_privacy_takes_the_name_away_and_is_done_then() -> None:
    headers = [
        (name, "<sip:x@y>") for name in ("Subject", "Call-Info", "Organization", "User-Agent", "Reply-To", "In-Reply-To")
    ]
    invite = sent_out(("Privacy", "user;id;critical"), ("Proxy-Require", "privacy"), *headers)
    assert invite.get("From") == f"{ANONYMOUS};tag=caller"
    assert not [name for name, _ in headers if invite.has(name)]
    assert (invite.get("Privacy"), invite.get("Proxy-Require")) == ("id;critical", "privacy")
    alone = sent_out(("Privacy", "user"), ("Proxy-Require", "privacy"))
    assert not alone.has("Privacy")
    assert not alone.has("Proxy-Require")


@pytest.mark.parametrize(
    ("display", "shown"),
    [
        ('"A \\\\ \\"B\\""', '"A \\\\ \\"B\\"" '),
        ("Alice", '"Alice" '),
        ("", ""),
    ],
)
def test_display_names_are_written_back_as_they_may_stand(display: str, shown: str) -> None:
    invite = sent_out(from_=f"{display} <{ALICE}>", trunk={"from_": "identity"})
    assert invite.get("From") == f"{shown}<sip:+442071838000@open.example>;tag=caller"


def test_what_no_header_may_have_is_left_out_of_a_display_name() -> None:
    world, alice, carrier = world_of(from_="identity")
    data = request(world.phone("192.0.2.99"), CALLED, from_=f'"A\\ZB" <{ALICE}>').to_bytes()
    alice.send_bytes(data.replace(b"192.0.2.99", b"192.0.2.10").replace(b"\\Z", b"\\\0").replace(b"call-1", b"call-2"))
    world.run()
    names = [invite.get("From") for invite in carrier.got("INVITE")]
    assert names[-1] == '"AB" <sip:+442071838000@open.example>;tag=caller'


def test_none_is_left_alone() -> None:
    invite = sent_out(("Privacy", "none"), ("Subject", "x"), trunk={"anonymous_from": True})
    assert (invite.get("Privacy"), invite.get("Subject"), invite.from_.uri.text) == ("none", "x", ALICE)


@pytest.mark.parametrize("wish", ["history;critical", "session;critical", "id;x-other;critical"])
def test_critical_privacy_that_we_lack_fails_the_call(wish: str) -> None:
    _, alice, carrier = world_of()
    request(alice, CALLED, ("Privacy", wish))
    answer = alice.expect(500)
    assert answer.reason.startswith("Privacy Not Provided: ")
    assert wish.split(";")[-2] in answer.reason
    carrier.expect_nothing()


def test_privacy_that_is_not_critical_is_passed_on() -> None:
    assert sent_out(("Privacy", "session")).get("Privacy") == "session"


def hidden_call(behind: str = "") -> tuple[SignalWorld, Phone, Phone, Message, Message]:
    """Of alice, who wants nobody to know where she is. ``behind`` NAT that is her address."""
    world, alice, carrier = world_of()
    alice.says_host = behind or alice.says_host
    request(alice, CALLED, ("Privacy", "header;critical"), ("Proxy-Require", "privacy"))
    invite = carrier.expect("INVITE")
    carrier.reply(invite, 200)
    world.run()
    return world, alice, carrier, invite, alice.expect(200)


def tells_of(phone: Phone, message: Message) -> bool:
    return any(host.encode() in message.to_bytes() for host in (phone.node.listeners[0].host, phone.says_host))


@pytest.mark.parametrize("behind", ["", "10.0.0.7"])
def test_header_privacy_hides_where_the_caller_is(behind: str) -> None:
    _, alice, _, invite, answer = hidden_call(behind)
    assert not tells_of(alice, invite)
    assert not invite.has("Privacy", "Proxy-Require")
    assert invite.via_count == 2
    assert invite.contact_uri_text.startswith("sip:anonymous@192.0.2.1:5060")
    assert answer.via_count == 1
    assert answer.via.host == alice.says_host


@pytest.mark.parametrize("behind", ["", "10.0.0.7"])
def test_and_goes_on_hiding_it_within_the_dialog(behind: str) -> None:
    world, alice, carrier, invite, answer = hidden_call(behind)
    alice.within(answer, "ACK", cseq=1)
    alice.within(answer, "UPDATE", cseq=2, headers=(("Contact", f"<{alice.contact}>"),))
    world.run()
    ack, update = carrier.expect("ACK"), carrier.expect("UPDATE")
    assert not tells_of(alice, ack)
    assert not tells_of(alice, update)
    carrier.reply(update, 200)
    world.run()
    assert alice.expect(200).via.host == alice.says_host
    world.start()  # it is in the store
    carrier.within(invite, "INVITE", cseq=1, headers=(("Contact", f"<{carrier.contact}>"),))
    world.run()
    reinvite = alice.expect("INVITE")
    assert reinvite.request_uri_text == alice.contact
    alice.reply(reinvite, 200)
    world.run()
    back = carrier.expect(200)
    assert not tells_of(alice, back)
    carrier.within(invite, "ACK", cseq=1)
    carrier.within(invite, "BYE", cseq=2)
    world.run()
    assert [message.request_uri_text for message in (alice.expect("ACK"), alice.expect("BYE"))] == [alice.contact] * 2


def test_a_hidden_caller_whose_connection_is_gone_is_not_looked_for_elsewhere() -> None:
    world, alice, carrier = world_of("tcp")
    alice.says_host = "10.0.0.7"
    request(alice, CALLED, ("Privacy", "header"))
    invite = carrier.expect("INVITE")
    carrier.reply(invite, 200)
    world.run()
    alice.within(alice.expect(200), "ACK", cseq=1)
    world.run()
    carrier.expect("ACK")
    for flow in alice.node.flows.connections.values():
        flow.close()
    world.run()
    carrier.within(invite, "BYE", cseq=1)
    world.run()
    assert carrier.expect(430).reason == "Flow Failed"


def test_a_message_is_hidden_too_and_a_subscription_is_not() -> None:
    _, alice, carrier = world_of()
    request(alice, CALLED, ("Privacy", "header"), method="MESSAGE")
    message = carrier.expect("MESSAGE")
    assert not tells_of(alice, message)
    carrier.reply(message, 200)
    alice.world.run()
    assert alice.expect(200).via.host == alice.says_host
    request(alice, CALLED, ("Privacy", "header"), ("Event", "presence"), method="SUBSCRIBE", call_id="call-2")
    assert carrier.expect("SUBSCRIBE").get("Privacy") == "header"


def test_what_others_recorded_is_not_hidden() -> None:
    recorded = ("Record-Route", "<sip:192.0.2.77;lr>")
    assert sent_out(("Privacy", "header"), recorded).get("Privacy") == "header"
    _, alice, carrier = world_of()
    request(alice, CALLED, ("Privacy", "header;critical"), recorded)
    assert alice.expect(500).reason == "Privacy Not Provided: header"
    carrier.expect_nothing()


def private_call() -> tuple[SignalWorld, Phone, Phone, Message, Message]:
    world, alice, carrier = world_of(numbers=UK)
    request(alice, CALLED, ("Privacy", "user"))
    invite = carrier.expect("INVITE")
    carrier.reply(invite, 200)
    world.run()
    return world, alice, carrier, invite, alice.expect(200)


def test_whoever_hides_sees_his_own_name_in_all_that_comes_back() -> None:
    world, alice, carrier, invite, answer = private_call()
    assert answer.get("From") == f'"Alice A." <{ALICE}>;tag=caller'
    assert answer.get("To") == f"<{CALLED}>;tag=callee"
    world.start()  # the names are in the store
    carrier.within(invite, "INFO", cseq=1)
    world.run()
    info = alice.expect("INFO")
    assert (info.get("From"), info.get("To")) == (f"<{CALLED}>;tag=callee", f'"Alice A." <{ALICE}>;tag=caller')
    alice.reply(info, 200)
    world.run()
    back = carrier.expect(200)
    assert (back.from_.uri.text, back.to.uri.text) == ("sip:02071838750@open.example", "sip:anonymous@anonymous.invalid")


def test_and_is_seen_by_nobody_in_all_that_follows() -> None:
    world, alice, carrier, _, answer = private_call()
    alice.within(answer, "ACK", cseq=1)
    alice.within(answer, "BYE", cseq=2, headers=(("User-Agent", "Alice's phone"),))
    world.run()
    ack, bye = carrier.expect("ACK"), carrier.expect("BYE")
    for message in (ack, bye):
        assert (message.get("From"), message.to.uri.text) == (f"{ANONYMOUS};tag=caller", "sip:02071838750@open.example")
    assert not bye.has("User-Agent")
    carrier.reply(bye, 200)
    world.run()
    assert alice.expect(200).from_.uri.text == ALICE
    assert not world.stored.records


def test_a_call_between_users_may_be_private_too() -> None:
    world, alice, _ = world_of()
    bob = world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    request(alice, "sip:bob@open.example", ("Privacy", "user"))
    assert bob.expect("INVITE").get("From") == f"{ANONYMOUS};tag=caller"


def called_in(
    *headers: Header, uri: str = "sip:bob@open.example", from_: str = "<sip:+4420@carrier.example>", **trunk: Any
) -> Message:
    world, _, carrier = world_of(**trunk)
    bob = world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    request(carrier, "sip:bob@open.example", *headers, from_=from_)
    return bob.expect("INVITE")


IDENTITY = (ASSERTED, '"X" <sip:+442071838999@carrier.example>, <tel:+442071838999>')


@pytest.mark.parametrize(
    ("trusted", "privacy", "shown"),
    [
        (True, "", True),
        (True, "none", True),
        (True, "id", False),
        (True, "user;id", False),
        (False, "", False),
        (False, "none", False),
    ],
)
def test_what_a_trunk_asserts_reaches_users_as_it_should(trusted: bool, privacy: str, shown: bool) -> None:
    headers = [IDENTITY, *([("Privacy", privacy)] if privacy else [])]
    assert called_in(*headers, trusted=trusted).has(ASSERTED) == shown


def test_numbers_of_a_trunk_are_read() -> None:
    asserted = (ASSERTED, '"X" <sip:02071838999@carrier.example>, <tel:02071838999;phone-context=+44>, <<broken')
    invite = called_in(asserted, from_="<sip:02071838999@carrier.example>", numbers=UK)
    assert invite.from_.uri.text == "sip:+442071838999@carrier.example"
    assert invite.get_all(ASSERTED) == ['"X" <sip:+442071838999@carrier.example>', "<tel:+442071838999>"]


@pytest.mark.parametrize(
    "uri", ["sip:02071838750@open.example", "tel:+44-20-7183-8750", "sip:+442071838750@open.example;user=phone"]
)
def test_a_route_is_found_for_the_number_in_every_form(uri: str) -> None:
    carrier = Trunk(name="carrier", sources=(f"{CARRIER}/32",), numbers=UK)
    routes = (Route(match="+442071838750", to="user:bob@open.example"),)
    world = SignalWorld((carrier,), routes)
    bob, gateway = world.phone("192.0.2.20"), world.phone(CARRIER)
    world.bind("bob@open.example", bob)
    request(gateway, uri, from_="<sip:02071838999@carrier.example>")
    assert bob.expect("INVITE").request_uri_text == bob.contact


def test_what_is_no_number_of_the_trunk_stays_as_it_came() -> None:
    invite = called_in(numbers=UK)
    assert invite.request_uri.user == "user"
    _, _, carrier = world_of(numbers=UK)
    request(carrier, "sips:bob@open.example", from_="<sip:+4420@carrier.example>")
    assert carrier.expect(480)


def test_a_user_may_dial_a_tel_uri() -> None:
    _, alice, carrier = world_of()
    request(alice, "tel:+44-20-7183-8750")
    assert carrier.expect("INVITE").request_uri_text == "sip:+442071838750@192.0.2.90"


@pytest.mark.parametrize("privacy", ["", "id"])
def test_responses_of_a_trunk(privacy: str) -> None:
    world, alice, carrier = world_of()
    request(alice, CALLED)
    headers = (IDENTITY, *((("Privacy", privacy),) if privacy else ()))
    carrier.reply(carrier.expect("INVITE"), 200, headers)
    world.run()
    assert alice.expect(200).has(ASSERTED) == (not privacy)


def test_responses_of_a_trunk_we_do_not_trust() -> None:
    world, alice, carrier = world_of(trusted=False)
    request(alice, CALLED)
    carrier.reply(carrier.expect("INVITE"), 183, (IDENTITY,))
    world.run()
    assert not alice.expect(183).has(ASSERTED)


def test_users_assert_nothing_in_responses_and_within_the_dialog() -> None:
    world, alice, _ = world_of()
    bob = world.phone("192.0.2.20")
    world.bind("bob@open.example", bob)
    request(alice, "sip:bob@open.example")
    invite = bob.expect("INVITE")
    bob.reply(invite, 200, (IDENTITY, ("P-Preferred-Identity", "<sip:x@y>")))
    world.run()
    answer = alice.expect(200)
    alice.within(answer, "UPDATE", cseq=2, headers=(IDENTITY,))
    bob.within(invite, "REFER", cseq=1, headers=(IDENTITY, ("Refer-To", "<sip:x@y>"), ("Contact", f"<{bob.contact}>")))
    world.run()
    update, refer = bob.expect("UPDATE"), alice.expect("REFER")
    assert not [message for message in (answer, update, refer) if message.has(ASSERTED) or message.has("P-Preferred-Identity")]
    bob.reply(update, 200, (IDENTITY,))
    world.run()
    assert not alice.expect(200).has(ASSERTED)


def test_within_a_call_a_trunk_may_assert_and_be_told() -> None:
    world, alice, carrier = world_of()
    request(alice, CALLED)
    invite = carrier.expect("INVITE")
    carrier.reply(invite, 200)
    world.run()
    answer = alice.expect(200)
    carrier.within(invite, "UPDATE", cseq=9, headers=(IDENTITY,))
    carrier.within(invite, "INFO", cseq=10, headers=(IDENTITY, ("Privacy", "id")))
    world.run()
    assert alice.expect("UPDATE").has(ASSERTED)
    assert not alice.expect("INFO").has(ASSERTED)
    assert not answer.has(ASSERTED)
