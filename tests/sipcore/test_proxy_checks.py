"""Request validation (RFC 3261 section 16.3, RFC 5393)."""

import pytest

from native.sip import Message
from sipcore.ports import Target
from sipcore.proxy.core import ProxySettings
from tests.sipcore.proxy_world import App, Phone, World


def pair() -> tuple[World, Phone, Phone]:
    world = World()
    return world, world.phone("192.0.2.10"), world.phone("192.0.2.20")


def raw(start: str = "OPTIONS sip:bob@192.0.2.20 SIP/2.0", **replaced: str) -> bytes:
    lines = {
        "Via": "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKraw",
        "Max-Forwards": "70",
        "From": "<sip:alice@example.com>;tag=1",
        "To": "<sip:bob@example.com>",
        "Call-ID": "raw-1",
        "CSeq": f"1 {start.split()[0]}",
        "Content-Length": "0",
    } | {name.replace("_", "-"): value for name, value in replaced.items()}
    return "\r\n".join([start, *(f"{name}: {value}" for name, value in lines.items() if value), "", ""]).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"CSeq": "one OPTIONS"},
        {"CSeq": "1 INVITE"},
        {"CSeq": "99999999999 OPTIONS"},
        {"From": "<sip:alice@example.com"},
        {"To": "<sip:bob@example.com"},
        {"To": ""},
        {"From": ""},
        {"Max-Forwards": "many"},
        {"Max-Breadth": "-1"},
        {"Max-Breadth": "wide"},
        {"Max-Breadth": "9" * 5000},
    ],
)
def test_16_3_1_malformed_requests_get_400_with_what_was_wrong(changes: dict[str, str]) -> None:
    world, alice, bob = pair()
    alice.send_bytes(raw(**changes))
    world.run()
    answer = alice.expect(400)
    assert (answer.get("Warning") or "").startswith('399 192.0.2.1:5060 "')
    bob.expect_nothing()


def test_16_3_1_another_version_gets_505() -> None:
    world, alice, bob = pair()
    alice.send_bytes(raw("OPTIONS sip:bob@192.0.2.20 SIP/7.0"))
    world.run()
    alice.expect(505)
    bob.expect_nothing()


def test_16_3_1_a_malformed_header_that_is_none_of_our_business_passes() -> None:
    world, alice, bob = pair()
    alice.send_bytes(raw(Date="yesterday, I think", Retry_After="@@"))
    world.run()
    assert bob.expect("OPTIONS").get("Date") == "yesterday, I think"


@pytest.mark.parametrize("uri", ["nobodyKnowsThisScheme:totallyopaquecontent", "soap.beep://192.0.2.103:3002"])
def test_16_3_2_an_unknown_scheme_gets_416(uri: str) -> None:
    world, alice, _ = pair()
    alice.request("OPTIONS", uri)
    world.run()
    alice.expect(416)
    assert not world.app.requests
    assert world.counters["sip_proxy_refused_total|status=416"] == 1


def test_16_3_2_a_tel_uri_reaches_the_application() -> None:
    world, alice, _ = pair()
    world.app.hold = True
    alice.request("INVITE", "tel:+31201234567")
    world.run()
    assert world.app.requests[0].message.request_uri.scheme == "tel"


def test_16_3_3_max_forwards_zero_gets_483() -> None:
    world, alice, bob = pair()
    alice.request("INVITE", "sip:bob@192.0.2.20", max_forwards=0)
    world.run()
    assert alice.expect(483).to_tag
    bob.expect_nothing()


def test_16_3_3_options_with_zero_to_us_is_answered() -> None:
    world, alice, _ = pair()
    alice.request("OPTIONS", "sip:192.0.2.1", max_forwards=0)
    alice.request("OPTIONS", "sip:bob@192.0.2.20", max_forwards=0, call_id="call-2")
    alice.request("OPTIONS", "sip:bob@example.com", max_forwards=0, call_id="call-3")
    alice.request("MESSAGE", "sip:192.0.2.1", max_forwards=0, call_id="call-4")
    world.run()
    assert "INVITE" in (alice.expect(200).get("Allow") or "")
    assert len(alice.got(483)) == 3


def test_16_3_4_a_request_that_comes_back_unchanged_gets_482() -> None:
    world, alice, mirror = pair()
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    mirror.send(mirror.expect("INVITE"))
    world.run()
    mirror.expect(482)


def test_16_3_4_a_spiral_with_another_request_uri_passes() -> None:
    world, alice, mirror = pair()
    carol = world.phone("192.0.2.30")
    world.app.register("carol@example.com", carol)
    alice.request("INVITE", "sip:bob@192.0.2.20")
    world.run()
    invite = mirror.expect("INVITE")
    invite.set_request_uri("sip:carol@example.com")
    mirror.send(invite)
    world.run()
    spiral = carol.expect("INVITE")
    assert spiral.via_count == 3
    branches = [value.partition("branch=")[2] for value in spiral.values("Via")]
    assert len(set(branches)) == 3


def test_16_3_4_a_request_for_ourselves_that_loops_at_once_gets_482() -> None:
    world, alice, _ = pair()
    world.app.targets["bob@example.com"] = [Target("sip:bob@192.0.2.1")]
    world.app.targets["bob@192.0.2.1"] = [Target("sip:bob@192.0.2.1")]
    alice.request("INVITE", "sip:bob@example.com")
    world.run()
    alice.expect(482)
    assert len(world.app.requests) == 2


def test_16_3_4_the_via_of_another_proxy_with_our_hash_is_no_loop() -> None:
    """Two proxies of the same make forward a request unchanged: each finds the other's hash equal to its own."""
    world, alice, bob = pair()
    second = App()
    node, _ = world.add_proxy("192.0.2.2", second)
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Route", "<sip:192.0.2.2;lr>"),))
    world.run()
    assert node.listeners[0].host == "192.0.2.2"
    assert len(second.requests) == 1
    bob.expect("INVITE")


@pytest.mark.parametrize(
    "via", ["SIP/2.0/UDP", "gibberish", 'SIP/2.0/UDP h;x="z9hG4bK0.', "SIP/2.0/UDP [::1;branch=z9hG4bK0.x"]
)
def test_5393_4_2_4_malformed_vias_of_others_do_no_harm(via: str) -> None:
    world, alice, bob = pair()
    request = raw().replace(
        b"Max-Forwards", f"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0.x\r\nVia: {via}\r\nMax-Forwards".encode()
    )
    alice.send_bytes(request)
    world.run()
    assert bob.got("OPTIONS") or alice.got(400)


def test_16_3_5_an_unknown_proxy_require_gets_420_with_unsupported() -> None:
    world, alice, bob = pair()
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Proxy-Require", "nothingSupportsThis, norThis"),))
    world.run()
    assert alice.expect(420).get("Unsupported") == "nothingSupportsThis, norThis"
    bob.expect_nothing()


def test_16_3_5_supported_tags_pass() -> None:
    world = World(ProxySettings(supported=frozenset({"known"})))
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    alice.request("INVITE", "sip:bob@192.0.2.20", (("Proxy-Require", "Known"),))
    world.run()
    bob.expect("INVITE")


def test_an_ack_is_never_answered() -> None:
    world, alice, bob = pair()
    for number, (uri, headers) in enumerate(
        [
            ("sip:bob@192.0.2.20", (("Proxy-Require", "no"),)),
            ("nobodyknows:this", ()),
            ("sip:192.0.2.1", ()),
            ("sip:bob@nowhere.invalid", ()),
        ]
    ):
        alice.request("ACK", uri, headers, call_id=f"call-{number}")
    alice.request("ACK", "sip:bob@192.0.2.20", max_forwards=0, call_id="call-9")
    world.run()
    assert not alice.got()
    assert not bob.got()
    dropped = {name: value for name, value in world.counters.items() if name.startswith("sip_proxy_acks_dropped")}
    assert dropped == {
        "sip_proxy_acks_dropped_total|why=420": 1,
        "sip_proxy_acks_dropped_total|why=416": 1,
        "sip_proxy_acks_dropped_total|why=own uri": 1,
        "sip_proxy_acks_dropped_total|why=unresolvable": 1,
        "sip_proxy_acks_dropped_total|why=483": 1,
    }


def test_5393_5_3_3_max_breadth_is_inserted_kept_and_capped() -> None:
    world, alice, bob = pair()
    for number, (sent, expected) in enumerate([(None, "60"), ("7", "7"), ("1000", "60")]):
        headers = (("Max-Breadth", sent),) if sent else ()
        alice.request("MESSAGE", "sip:bob@192.0.2.20", headers, call_id=f"call-{number}")
        world.run()
        assert bob.expect("MESSAGE").values("Max-Breadth") == [expected]


def test_5393_5_3_3_max_breadth_is_split_over_parallel_branches() -> None:
    world, alice, bob = pair()
    others = [bob, world.phone("192.0.2.30"), world.phone("192.0.2.40")]
    world.app.register("bob@example.com", *others)
    alice.request("INVITE", "sip:bob@example.com", (("Max-Breadth", "7"),))
    world.run()
    assert [phone.expect("INVITE").get("Max-Breadth") for phone in others] == ["2", "2", "2"]


def test_5393_5_3_3_too_little_max_breadth_gets_440() -> None:
    world, alice, bob = pair()
    carol = world.phone("192.0.2.30")
    world.app.register("bob@example.com", bob, carol)
    alice.request("INVITE", "sip:bob@example.com", (("Max-Breadth", "1"),))
    world.run()
    alice.expect(440)
    bob.expect_nothing()
    carol.expect_nothing()


def test_5393_5_5_serial_branches_reuse_max_breadth() -> None:
    world, alice, bob = pair()
    carol = world.phone("192.0.2.30")
    world.app.targets["bob@example.com"] = [Target(bob.contact), Target(carol.contact, group=1)]
    alice.request("INVITE", "sip:bob@example.com", (("Max-Breadth", "1"),))
    world.run()
    bob.reply(bob.expect("INVITE"), 486)
    world.run()
    assert carol.expect("INVITE").get("Max-Breadth") == "1"


def test_5393_3_two_aors_that_point_at_each_other_do_not_multiply() -> None:
    """The attack of RFC 5393 section 3: bob and carol each fork to both."""
    world, alice, _ = pair()
    both = [Target("sip:bob@192.0.2.1"), Target("sip:carol@192.0.2.1")]
    for user in ("bob@example.com", "bob@192.0.2.1", "carol@192.0.2.1"):
        world.app.targets[user] = list(both)
    alice.request("INVITE", "sip:bob@example.com")
    world.run(5)
    assert alice.got(482)
    assert len(world.wire.sent(world.proxy, "INVITE")) <= 14


def test_malformed_messages_never_reach_the_application() -> None:
    world, alice, _ = pair()
    alice.send_bytes(raw(CSeq="x"))
    world.run()
    assert not world.app.requests
    assert isinstance(alice.expect(400), Message)
