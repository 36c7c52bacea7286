"""Route preprocessing and requests of a dialog (RFC 3261 sections 16.4 and 16.12)."""

import pytest

from native.sip import Message, Uri
from sipcore.flow import Destination
from sipcore.ports import Target
from tests.sipcore.proxy_world import Phone, World, call


def world_with_call() -> tuple[World, Phone, Phone, Message, Message]:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    return world, alice, bob, *call(world, alice, bob)


def changed_cookie(route: str) -> str:
    at = route.index(";c=") + 6
    return route[:at] + ("A" if route[at] != "A" else "B") + route[at + 1 :]


@pytest.mark.parametrize(
    "route",
    [
        "<sip:192.0.2.1;lr>",
        "<sip:192.0.2.1:5060;lr>",
        "<sip:192.0.2.1:5060;transport=tcp;lr>",
        "<sip:example.com;lr>",
        "<sip:EXAMPLE.com:5060;lr>",
        "<sip:192.0.2.1;lr>, <sip:192.0.2.1;transport=tcp;lr>",
    ],
)
def test_16_4_our_own_route_is_removed_under_any_of_our_names(route: str) -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Route", route),))
    world.run()
    assert not bob.expect("INVITE").routes


@pytest.mark.parametrize(
    ("uri", "routes"),
    [
        ("sip:bob@192.0.2.20", ("",)),
        ("sip:bob@192.0.2.20", (" , ",)),
        ("sip:bob@192.0.2.20", ("<sip:192.0.2.1;lr>", "")),
        ("sip:192.0.2.1;lr;c=x", ("",)),
    ],
)
def test_16_3_a_route_without_any_value_is_malformed(uri: str, routes: tuple[str, ...]) -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    headers = tuple(("Route", route) for route in routes)
    alice.request("OPTIONS", uri, headers)
    world.run()
    assert alice.expect(400).get("Warning") == '399 192.0.2.1:5060 "empty Route"'
    alice.request("ACK", uri, headers, cseq=2, to_tag="x")
    world.run()
    bob.expect_nothing()
    assert not world.counters["sip_internal_errors_total"]


def test_16_4_an_empty_route_behind_one_with_our_cookie_is_malformed() -> None:
    world, alice, _, _, answer = world_with_call()
    alice.within(answer, "INFO", cseq=5, headers=(("Route", ""),))
    world.run()
    assert alice.expect(400).get("Warning") == '399 192.0.2.1:5060 "empty Route"'


@pytest.mark.parametrize("uri", ["sip:192.0.2.1:5070", "sip:192.0.2.2", "sip:example.com:5070", "sip:example.org"])
def test_16_4_what_only_resembles_us_is_not_ours(uri: str) -> None:
    assert not World().core.is_ours(Uri(uri))


def test_16_5_a_maddr_stands_in_the_place_of_the_host() -> None:
    core = World().core
    assert not core.is_ours(Uri("sip:bob@example.com;maddr=192.0.2.99"))
    assert not core.is_ours(Uri("sip:bob@example.com;maddr=other.example"))
    assert not core.is_ours(Uri("sip:bob@example.com;maddr=192.0.2.1%20x"))
    assert core.is_ours(Uri("sip:bob@other.example;maddr=192.0.2.1"))
    assert core.is_ours(Uri("sip:bob@other.example;maddr=EXAMPLE.com"))


def test_16_4_a_numeric_host_is_ours_only_as_a_listener() -> None:
    world = World()
    world.app.domains.add("192.0.2.77")
    assert not world.core.is_ours(Uri("sip:bob@192.0.2.77"))
    assert not world.core.is_ours(Uri("tel:+31201234567"))


def test_a_route_with_our_cookie_is_ours_whatever_name_it_has() -> None:
    world, alice, bob, _, answer = world_with_call()
    renamed = Message(answer.to_bytes())
    renamed.set("Record-Route", answer.record_routes[0].text.replace("192.0.2.1:5060", "old-name.example.net"))
    alice.within(renamed, "BYE")
    world.run()
    assert not bob.expect("BYE").routes
    assert len(world.app.dialog_requests) == 1


def test_16_4_a_request_uri_that_only_looks_like_a_route_of_ours_is_left_alone() -> None:
    world = World()
    alice, other = world.phone("192.0.2.10"), world.phone("192.0.2.50")
    alice.request("INVITE", "sip:192.0.2.60;lr;c=kAAAAAAAAAAAA~~~", (("Route", "<sip:192.0.2.50;lr>"),))
    world.run()
    assert other.expect("INVITE").request_uri_text == "sip:192.0.2.60;lr;c=kAAAAAAAAAAAA~~~"


def test_16_4_the_route_of_another_stays_and_leads_the_way() -> None:
    world = World()
    alice, other = world.phone("192.0.2.10"), world.phone("192.0.2.50")
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Route", "<sip:192.0.2.1;lr>"), ("Route", "<sip:192.0.2.50;lr>")))
    world.run()
    invite = other.expect("INVITE")
    assert [route.text for route in invite.routes] == ["<sip:192.0.2.50;lr>"]
    assert invite.request_uri_text == "sip:bob@192.0.2.20"


def test_16_4_what_a_strict_router_did_is_undone() -> None:
    """RFC 3261 section 16.12.1.2: our Record-Route came back as Request-URI, the real one as the last Route."""
    world, alice, bob, invite, answer = world_with_call()
    ours = answer.record_routes[0].uri.text
    bye = alice.within(answer, "BYE")
    world.run()
    bob.expect("BYE")
    strict = Message.request(
        "BYE",
        ours,
        [
            ("Via", "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK-strict"),
            ("Route", f"<{bob.contact}>"),
            *((name, bye.get(name) or "") for name in ("From", "To", "Call-ID")),
            ("CSeq", "9 BYE"),
        ],
    )
    alice.send(strict)
    world.run()
    bye = bob.expect("BYE")
    assert (bye.request_uri_text, bye.routes, bye.cseq) == (bob.contact, [], 9)
    assert invite.request_uri_text == bob.contact
    assert len(world.app.requests) == 1


@pytest.mark.parametrize(
    ("uri", "left"),
    [
        ("sip:bob@example.com;maddr=192.0.2.1", "sip:bob@example.com"),
        ("sip:bob@example.com:5060;transport=udp;maddr=192.0.2.1;user=phone", "sip:bob@example.com;user=phone"),
        ("sip:bob@example.com;transport=tcp;maddr=192.0.2.1", "sip:bob@example.com;transport=tcp;maddr=192.0.2.1"),
        ("sip:bob@example.com;maddr=192.0.2.99", "sip:bob@example.com;maddr=192.0.2.99"),
    ],
)
def test_16_4_a_maddr_that_names_us_is_stripped_if_it_came_to_that_port_and_transport(uri: str, left: str) -> None:
    world = World()
    world.app.hold = True
    alice = world.phone("192.0.2.10")
    alice.request("INVITE", uri)
    world.run()
    assert world.app.requests[0].message.request_uri_text == left


def test_16_5_a_foreign_domain_is_not_retargeted() -> None:
    world = World()
    alice, bob, foreign = world.phone("192.0.2.10"), world.phone("192.0.2.20"), world.phone("192.0.2.80")
    world.app.register("bob@example.com", bob)
    world.names.hosts["example.org"] = [Destination("udp", "192.0.2.80", 5060)]
    alice.request("INVITE", "sip:bob@example.org")
    world.run()
    assert foreign.expect("INVITE").request_uri_text == "sip:bob@example.org"
    bob.expect_nothing()


def test_dialog_requests_need_no_policy_in_either_direction() -> None:
    world, alice, bob, invite, answer = world_with_call()
    bob.within(invite, "INFO", cseq=5)
    alice.within(answer, "INFO", cseq=6)
    world.run()
    alice.expect("INFO")
    bob.expect("INFO")
    assert len(world.app.requests) == 1
    directions = [cookie.caller_to_callee(request.message) for request, cookie in world.app.dialog_requests]
    assert directions == [False, True]


def test_the_cookie_names_the_call_of_the_request_that_made_it() -> None:
    world, alice, _, _, answer = world_with_call()
    alice.within(answer, "BYE")
    world.run()
    assert world.app.dialog_requests[0][1].call_key == world.app.requests[0].call_key
    assert world.app.dialog_requests[0][0].call_key == world.app.requests[0].call_key


@pytest.mark.parametrize("damage", ["cookie", "missing", "call_id", "from_tag", "no_to_tag"])
def test_a_bad_or_missing_cookie_makes_a_request_out_of_dialog(damage: str) -> None:
    world, alice, bob, _, answer = world_with_call()
    route = answer.record_routes[0].text
    if damage == "cookie":
        route = changed_cookie(route)
    elif damage == "missing":
        route = "<sip:192.0.2.1;lr>"
    alice.request(
        "BYE",
        bob.contact,
        (("Route", route),),
        cseq=2,
        call_id="call-2" if damage == "call_id" else "call-1",
        from_tag="stranger" if damage == "from_tag" else "caller",
        to_tag=None if damage == "no_to_tag" else "stranger" if damage == "from_tag" else "callee",
    )
    world.run()
    assert len(world.app.requests) == 2
    assert not world.app.dialog_requests
    assert world.counters["sip_proxy_bad_cookies_total"] == (0 if damage == "missing" else 1)


def test_16_12_target_refresh_in_the_dialog_is_followed() -> None:
    world, alice, bob, _, answer = world_with_call()
    moved = world.phone("192.0.2.21")
    refreshed = Message(answer.to_bytes())
    refreshed.set("Contact", f"<{moved.contact}>")
    alice.within(refreshed, "INVITE")
    world.run()
    again = moved.expect("INVITE")
    assert again.record_routes[0].text == answer.record_routes[0].text
    bob.expect_nothing()


def test_a_dialog_request_for_the_proxy_itself_gets_404_and_no_loop() -> None:
    world, alice, _, _, answer = world_with_call()
    to_us = Message(answer.to_bytes())
    to_us.set("Contact", "<sip:192.0.2.1:5060>")
    alice.within(to_us, "BYE")
    world.run()
    alice.expect(404)
    assert not world.wire.sent(world.proxy, "BYE")


def test_a_dialog_request_for_one_of_our_users_is_looked_up() -> None:
    """A callee whose Contact is its AOR: the application knows where that is."""
    world, alice, bob, _, answer = world_with_call()
    by_name = Message(answer.to_bytes())
    by_name.set("Contact", "<sip:bob@example.com>")
    alice.within(by_name, "BYE")
    world.run()
    assert world.app.requests[1].cookie is not None
    bob.expect("BYE")


def test_a_spiral_passes_each_of_its_passages_again_in_the_dialog() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.targets["bob@example.com"] = [Target("sip:carol@192.0.2.1")]
    world.app.register("carol@192.0.2.1", bob)
    invite, answer = call(world, alice, bob)
    assert len({value.uri.params["c"] for value in invite.record_routes}) == 2
    alice.within(answer, "BYE")
    world.run()
    assert not bob.expect("BYE").routes
    keys = [request.call_key for request in world.app.requests]
    assert [cookie.call_key for _, cookie in world.app.dialog_requests] == keys


def test_a_request_inside_a_dialog_over_a_dead_destination_is_answered() -> None:
    world, alice, bob, _, answer = world_with_call()
    gone = Message(answer.to_bytes())
    gone.set("Contact", "<sip:bob@192.0.2.99:5060;transport=tcp>")
    alice.within(gone, "INFO")
    world.run()
    alice.expect(500)
    bob.expect_nothing()
