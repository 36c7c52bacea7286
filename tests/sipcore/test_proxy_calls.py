"""Whole calls through the proxy core, and what each hop of them looks like (RFC 3261 sections 16.6 and 16.7)."""

import pytest

from native.sip import Message
from sipcore.flow import Destination, Listener
from sipcore.ports import Target
from sipcore.proxy.forward import OwnNames
from tests.sipcore.proxy_world import World, call


def test_a_call_is_set_up_and_ended_from_either_side() -> None:
    for caller_hangs_up in (True, False):
        world = World()
        alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
        world.app.register("bob@example.com", bob)
        invite, answer = call(world, alice, bob)
        first, second = (alice, bob) if caller_hangs_up else (bob, alice)
        first.within(answer if caller_hangs_up else invite, "BYE")
        world.run()
        second.reply(second.expect("BYE"), 200)
        world.run()
        first.expect(200)
        assert len(world.app.requests) == 1
        assert len(world.app.dialog_requests) == 1
        assert world.app.acks[0] == world.app.dialog_requests[0][1]


def test_16_6_2_the_binding_becomes_the_request_uri() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20", 5080)
    world.app.register("bob@example.com", bob)
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    assert bob.expect("INVITE").request_uri_text == "sip:user@192.0.2.20:5080"


def test_16_6_2_what_a_request_uri_may_not_have_is_removed() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.targets["bob@example.com"] = [Target("sip:user@192.0.2.20;method=INVITE;x=y?Subject=hi")]
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    assert bob.expect("INVITE").request_uri_text == "sip:user@192.0.2.20;x=y"


def test_16_6_3_max_forwards_counts_down_and_is_70_when_absent() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("OPTIONS", "sip:bob@192.0.2.20", max_forwards=5)
    alice.request("OPTIONS", "sip:bob@192.0.2.20", max_forwards=None, call_id="call-2")
    world.run()
    assert [bob.expect("OPTIONS").max_forwards for _ in range(2)] == [4, 70]


def test_16_6_4_record_route_names_us_with_lr_and_a_cookie_above_those_of_others() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Record-Route", "<sip:192.0.2.99;lr>"),))
    world.run()
    ours, other = bob.expect("INVITE").record_routes
    assert (ours.uri.host, ours.uri.port, ours.uri.lr, ours.uri.transport) == ("192.0.2.1", 5060, True, None)
    assert ours.uri.params["c"]
    assert other.text == "<sip:192.0.2.99;lr>"


def test_16_6_4_requests_that_make_no_dialog_get_no_record_route_and_unknown_methods_do() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    for number, (method, recorded) in enumerate(
        [("MESSAGE", False), ("OPTIONS", False), ("PUBLISH", False), ("SUBSCRIBE", True), ("REFER", True), ("FROBNICATE", True)]
    ):
        alice.request(method, "sip:bob@192.0.2.20", call_id=f"call-{number}")
        world.run(0.02)
        assert bob.expect(method).has("Record-Route") is recorded, method


def test_16_6_4_two_entries_when_the_transport_changes_and_both_are_removed_later() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10", transport="tcp"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    invite, answer = call(world, alice, bob)
    assert [value.uri.transport for value in invite.record_routes] == [None, "tcp"]
    alice.within(answer, "BYE")
    world.run()
    bye = bob.expect("BYE")
    assert not bye.routes
    bob.reply(bye, 200)
    world.run()
    alice.expect(200)
    bob.within(invite, "BYE", cseq=7)
    world.run()
    assert not alice.expect("BYE").routes
    assert [packet.transport for packet in world.wire.sent(world.proxy, "BYE")] == ["udp", "tcp"]


def test_16_6_5_untouched_headers_leave_byte_for_byte() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    odd = (
        b"INVITE sip:bob@192.0.2.20 SIP/2.0\r\n"
        b"v:  SIP / 2.0 / UDP 192.0.2.10:5060;branch=z9hG4bKodd\r\n"
        b"FROM:\t<sip:alice@example.com>;tag=1\r\n"
        b"t: Bob   <sip:bob@example.com>\r\n"
        b"UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n"
        b"i: odd-1\r\n"
        b"Date: not a date at all\r\n"
        b"CSeq:\r\n 1  INVITE\r\n"
        b"Subject: one\r\n two\r\n"
        b"Allow: INVITE, ACK\r\nAllow: BYE\r\n"
        b"m: <sip:alice@192.0.2.10>\r\n"
        b"l: 4\r\n\r\nbody"
    )
    alice.send_bytes(odd)
    world.run()
    sent = bob.expect("INVITE").raw
    for line in (
        b"v:  SIP / 2.0 / UDP 192.0.2.10:5060;branch=z9hG4bKodd",
        b"FROM:\t<sip:alice@example.com>;tag=1",
        b"t: Bob   <sip:bob@example.com>",
        b"UnknownHeaderWithUnusualValue: ;;,,;;,;",
        b"Date: not a date at all",
        b"CSeq:\r\n 1  INVITE",
        b"Subject: one\r\n two",
        b"Allow: INVITE, ACK\r\nAllow: BYE",
        b"m: <sip:alice@192.0.2.10>",
    ):
        assert b"\r\n" + line + b"\r\n" in sent
    assert sent.endswith(b"\r\n\r\nbody")


def test_16_6_8_via_has_the_sent_by_of_the_listener_rport_and_a_branch_per_call() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    for call_id in ("call-1", "call-2"):
        alice.request("INVITE", "sip:bob@192.0.2.20", call_id=call_id)
    world.run()
    vias = [bob.expect("INVITE").via for _ in range(2)]
    assert {via.sent_by for via in vias} == {"192.0.2.1:5060"}
    assert all(via.has_rport and (via.branch or "").startswith("z9hG4bK") for via in vias)
    assert vias[0].branch != vias[1].branch


def test_16_6_9_content_length_is_added_on_streams() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20", transport="tcp")
    raw = (
        b"MESSAGE sip:bob@192.0.2.20;transport=tcp SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKm\r\n"
        b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:bob@example.com>\r\nCall-ID: m\r\nCSeq: 1 MESSAGE\r\n"
        b"Content-Type: text/plain\r\n\r\nhello"
    )
    alice.send(Message(raw))
    world.run()
    message = bob.expect("MESSAGE")
    assert message.get("Content-Length") == "5"
    assert message.body == b"hello"


def test_16_6_6_path_of_the_binding_is_pushed_as_routes_in_order() -> None:
    world = World()
    alice, edge = world.phone("192.0.2.10"), world.phone("192.0.2.50")
    path = ("<sip:192.0.2.50;lr>", "<sip:192.0.2.51;lr;ob>")
    world.app.targets["bob@example.com"] = [Target("sip:bob@10.0.0.9", routes=path)]
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    invite = edge.expect("INVITE")
    assert [route.text for route in invite.routes] == list(path)
    assert invite.request_uri_text == "sip:bob@10.0.0.9"


def test_16_6_6_a_strict_router_gets_the_form_it_expects() -> None:
    world = World()
    alice, strict = world.phone("192.0.2.10"), world.phone("192.0.2.60")
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Route", "<sip:192.0.2.60>, <sip:192.0.2.61;lr>"),))
    world.run()
    invite = strict.expect("INVITE")
    assert invite.request_uri_text == "sip:192.0.2.60"
    assert [route.uri.text for route in invite.routes] == ["sip:192.0.2.61;lr", "sip:bob@192.0.2.20"]


def test_16_6_7_maddr_decides_where_the_request_goes() -> None:
    world = World()
    alice, other = world.phone("192.0.2.10"), world.phone("192.0.2.70")
    alice.request("OPTIONS", "sip:bob@192.0.2.20;maddr=192.0.2.70")
    world.run()
    assert other.expect("OPTIONS").request_uri_text == "sip:bob@192.0.2.20;maddr=192.0.2.70"


def test_26_2_2_a_sips_request_never_leaves_in_the_clear() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    flow = world.proxy.flows.flow_to(Destination("udp", "192.0.2.20", 5060))
    world.app.targets["bob@example.com"] = [Target("sips:bob@192.0.2.20")]
    world.app.targets["carol@example.com"] = [Target("sips:carol@192.0.2.20", flow=flow)]
    alice.request("INVITE", "sips:bob@example.com")
    alice.request("INVITE", "sips:carol@example.com", call_id="call-2")
    world.run()
    assert [message.status for message in alice.got(480, 500)] == [500, 480]
    bob.expect_nothing()


def test_16_6_7_a_sips_request_uri_makes_the_next_hop_sips() -> None:
    world = World()
    alice, other = world.phone("192.0.2.10"), world.phone("192.0.2.50")
    alice.request("INVITE", "sips:bob@192.0.2.20", (("Route", "<sip:192.0.2.50;lr>"),))
    world.run()
    assert world.names.asked == ["sips:192.0.2.50;lr"]
    alice.expect(500)
    other.expect_nothing()


@pytest.mark.parametrize(
    ("uri", "route", "near", "far", "expected"),
    [
        ("sip:b@h", "", 0, 0, ["<sip:[2001:db8::1]:5060;lr;c=x>"]),
        ("sip:b@h", "", 0, 1, ["<sip:h1:5061;transport=tls;lr;c=x>", "<sip:[2001:db8::1]:5060;lr;c=x>"]),
        ("sips:b@h", "", 1, 1, ["<sips:h1:5061;lr;c=x>"]),
        ("SIPS:b@h", "", 1, 1, ["<sips:h1:5061;lr;c=x>"]),
        ("sip:b@h", "<sips:n;lr>", 1, 1, ["<sips:h1:5061;lr;c=x>"]),
        ("sip:b@h", "<sip:n;lr>", 1, 0, ["<sip:[2001:db8::1]:5060;lr;c=x>", "<sip:h1:5061;transport=tls;lr;c=x>"]),
    ],
)
def test_16_6_4_record_route_by_listener_and_scheme(uri: str, route: str, near: int, far: int, expected: list[str]) -> None:
    names = OwnNames([Listener(0, "udp", "::", 5060, "2001:db8::1", 5060), Listener(1, "tls", "0.0.0.0", 5061, "h1", 5061)])
    message = Message.request("INVITE", uri, [("Route", route)] if route else [])
    for record_route in names.record_routes(message, "x", near, far):
        message.push_record_route(record_route)
    assert [value.text for value in message.record_routes] == expected


def test_16_2_invite_is_answered_100_at_once_and_others_are_not() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20")
    alice.request("MESSAGE", "sip:bob@192.0.2.20", call_id="call-2")
    world.run(0.011)
    assert [(message.status, message.call_id) for message in alice.got()] == [(100, "call-1")]
    bob.expect("INVITE")
    bob.expect("MESSAGE")


def test_16_7_3_only_our_via_is_removed() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.rport = True
    request = alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    bob.reply(bob.expect("INVITE"), 180)
    world.run()
    ringing = alice.expect(180)
    assert ringing.via_count == 1
    assert ringing.via.branch == request.via.branch
    assert (ringing.via.received, ringing.via.rport) == ("192.0.2.10", 5060)


def test_16_7_3_a_response_with_no_via_but_ours_is_not_forwarded() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    invite = bob.expect("INVITE")
    for status in (180, 200):
        response = invite.reply(status, to_tag="x")
        top = invite.via.text
        response.set("Via", top)
        bob.send(response)
    world.run()
    assert [message.status for message in alice.got(180, 200, 502)] == [502]
    assert world.counters["sip_proxy_responses_without_via_total"] == 2


def test_6026_stray_responses_are_dropped_and_counted() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    invite = bob.expect("INVITE")
    stray = invite.reply(200, to_tag="x")
    stray.pop_via()
    stray.push_via("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKunknown")
    bob.send(stray)
    world.run()
    assert not alice.got(200)
    assert world.counters["sip_proxy_stray_responses_total"] == 1


def test_everything_is_let_go_of_when_a_call_is_over() -> None:
    world = World()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    _, answer = call(world, alice, bob)
    alice.within(answer, "BYE")
    world.run()
    bob.reply(bob.expect("BYE"), 200)
    world.run(200)
    layer = world.core.transactions
    assert (layer.server_count, layer.client_count) == (0, 0)
    assert world.wire.timers.next_deadline() is None
