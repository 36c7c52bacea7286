"""Which packets go where, through our media daemon and through rtpengine; docs/ng.md says what differs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from interop.stalls import undisturbed
from tests.interop.beside import NO_ADDRESS, Relays
from tests.interop.ends import PATIENCE_S, Ends, line, rtcp, rtp

FEEDBACK = bytes.fromhex("81cd0002 00000001 00000009")  # RFC 4585 section 6.2
ALICE, BOB, SIX = "127.0.0.11", "127.0.0.12", "::1"


def talking(ends: Ends, offered: tuple[str, ...] = (), answered: tuple[str, ...] = (), **keys: Any) -> tuple[int, int]:
    """The relay's ports towards alice and bob."""
    alice, bob = ends.pair("alice", ALICE), ends.pair("bob", BOB)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice, *offered), **keys)
    flags = {"flags": keys["flags"]} if "flags" in keys else {}
    (towards_alice,) = ends.ask("answer", line(BOB, bob, *answered), to_tag="b", **flags)
    return towards_alice, towards_bob


def both_ways(ends: Ends, towards_alice: int, towards_bob: int, first: int = 1) -> None:
    ends.send("alice", towards_alice, rtp(first))
    ends.send("bob", towards_bob, rtp(first, 9))


def plain(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends)
    both_ways(ends, towards_alice, towards_bob)
    ends.send("alice'", towards_alice + 1, rtcp())
    ends.send("bob'", towards_bob + 1, rtcp(9))
    ends.send("alice", towards_alice, rtp(1000))  # after a gap
    ends.send("alice", towards_alice, rtp(1, 77))  # another source
    ends.send("alice", towards_alice, rtp(2, 77, 8))  # another format
    ends.send("alice", towards_alice, rtp(3, 77, payload=b""))
    ends.send("alice", towards_alice, rtp(4, 77, payload=bytes(1400)))
    ends.send("alice'", towards_alice + 1, rtp(5))


def multiplexed(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends, ("a=rtcp-mux",), ("a=rtcp-mux",))
    both_ways(ends, towards_alice, towards_bob)
    ends.send("alice", towards_alice, rtcp())
    ends.send("bob", towards_bob, rtcp(9))


def multiplexed_by_one(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends, ("a=rtcp-mux",), rtcp_mux=["demux"])
    both_ways(ends, towards_alice, towards_bob)
    ends.send("alice", towards_alice, rtcp())
    ends.send("bob'", towards_bob + 1, rtcp(9))


def multiplexed_by_the_other(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends, (), ("a=rtcp-mux",), rtcp_mux=["require"])
    both_ways(ends, towards_alice, towards_bob)
    ends.send("alice'", towards_alice + 1, rtcp())
    ends.send("bob", towards_bob, rtcp(9))


def from_another_port(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends)
    ends.open("other", ALICE)
    ends.send("other", towards_alice, rtp(1))
    ends.send("bob", towards_bob, rtp(1, 9))
    ends.send("alice", towards_alice, rtp(2))
    ends.send("bob", towards_bob, rtp(2, 9))


def with_flags(*flags: str) -> Callable[[Ends], None]:
    def moving(ends: Ends) -> None:
        towards_alice, towards_bob = talking(ends, flags=list(flags))
        both_ways(ends, towards_alice, towards_bob)
        ends.open("other", ALICE)
        ends.send("other", towards_alice, rtp(2))
        ends.send("bob", towards_bob, rtp(2, 9))
        both_ways(ends, towards_alice, towards_bob, 3)

    return moving


def waiting_for_its_first(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends, flags=["NAT wait"])
    ends.send("alice", towards_alice, rtp(1))
    ends.send("bob", towards_bob, rtp(1, 9))
    both_ways(ends, towards_alice, towards_bob, 2)


def directed(direction: str, other: str) -> Callable[[Ends], None]:
    def talk(ends: Ends) -> None:
        towards_alice, towards_bob = talking(ends, (f"a={direction}",), (f"a={other}",))
        both_ways(ends, towards_alice, towards_bob)
        ends.send("alice'", towards_alice + 1, rtcp())

    return talk


def moved(ends: Ends) -> None:
    both_ways(ends, *talking(ends))
    new = ends.pair("alice, moved", ALICE)
    (towards_bob,) = ends.ask("offer", line(ALICE, new), to_tag="b")
    (towards_alice,) = ends.ask("answer", line(BOB, ends.port_of("bob")), to_tag="b")
    ends.send("alice, moved", towards_alice, rtp(2))
    ends.send("bob", towards_bob, rtp(2, 9))
    ends.send("alice, moved'", towards_alice + 1, rtcp())


def held(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends)
    both_ways(ends, towards_alice, towards_bob)
    relay = ends.host
    ends.ask("offer", line(NO_ADDRESS[4], 5000), to_tag="b")
    ends.host = relay
    ends.ask("answer", line(BOB, ends.port_of("bob")), to_tag="b")
    ends.send("alice", towards_alice, rtp(2), relay)
    ends.send("bob", towards_bob, rtp(2, 9), relay)


def branches(ends: Ends) -> None:
    alice, bob = ends.open("alice", ALICE), ends.open("bob", BOB)
    ends.ask("offer", line(ALICE, alice), via_branch="1")
    (towards_bob,) = ends.ask("offer", line(ALICE, alice), via_branch="2")
    (towards_alice,) = ends.ask("answer", line(BOB, bob), via_branch="2", to_tag="b")
    both_ways(ends, towards_alice, towards_bob)
    ends.ask("delete", via_branch="1")
    both_ways(ends, towards_alice, towards_bob, 2)


def of_two_families(ends: Ends) -> None:
    alice, bob = ends.open("alice", ALICE), ends.open("bob", SIX)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice), address_family="IP6")
    six = ends.host
    (towards_alice,) = ends.ask("answer", line(SIX, bob), to_tag="b")
    ends.send("alice", towards_alice, rtp(1))
    ends.send("bob", towards_bob, rtp(1, 9), six)


def over_named_interfaces(ends: Ends) -> None:
    alice, bob = ends.open("alice", ALICE), ends.open("bob", BOB)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice), direction=["inside", "outside"])
    outside = ends.host
    (towards_alice,) = ends.ask("answer", line(BOB, bob), to_tag="b")
    assert (ends.host, outside) == ("127.0.0.7", "127.0.0.8")
    ends.send("alice", towards_alice, rtp(1))
    ends.send("bob", towards_bob, rtp(1, 9), outside)


def from_where_sip_came(ends: Ends) -> None:
    ends.open("alice", ALICE)
    bob = ends.open("bob", BOB)
    (towards_bob,) = ends.ask("offer", line("10.1.1.1", 5000), received_from=["IP4", ALICE], flags=["SIP source address"])
    (towards_alice,) = ends.ask("answer", line(BOB, bob), to_tag="b")
    both_ways(ends, towards_alice, towards_bob)


def before_the_answer(ends: Ends) -> None:
    alice, bob = ends.pair("alice", ALICE), ends.pair("bob", BOB)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice))
    ends.send("bob", towards_bob, rtp(1, 9))
    ends.send("bob'", towards_bob + 1, rtcp(9))
    ends.send("bob", towards_bob, rtp(2, 9))
    (towards_alice,) = ends.ask("answer", line(BOB, bob), to_tag="b")
    both_ways(ends, towards_alice, towards_bob, 3)


def before_the_answer_from_anyone(ends: Ends) -> None:
    alice, bob = ends.pair("alice", ALICE), ends.pair("bob", BOB)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice), endpoint_learning="any")
    ends.open("elsewhere", "127.0.0.13")
    ends.send("elsewhere", towards_bob, rtp(1, 9))
    ends.ask("answer", line(BOB, bob), to_tag="b", endpoint_learning="any")


def fax(ends: Ends) -> None:
    alice, bob = ends.open("alice", ALICE), ends.open("bob", BOB)
    (towards_bob,) = ends.ask("offer", line(ALICE, alice, profile="udptl", kind="image", form="t38"))
    (towards_alice,) = ends.ask("answer", line(BOB, bob, profile="udptl", kind="image", form="t38"), to_tag="b")
    ends.send("alice", towards_alice, b"\0\1\2fax")
    ends.send("bob", towards_bob, b"\0\1\2back")


def rtcp_elsewhere(ends: Ends) -> None:
    port = ends.open("reports", ALICE)
    towards_alice, towards_bob = talking(ends, (f"a=rtcp:{port}",))
    both_ways(ends, towards_alice, towards_bob)
    ends.send("bob'", towards_bob + 1, rtcp(9))
    ends.send("reports", towards_alice + 1, rtcp())


def with_feedback(profile: str) -> Callable[[Ends], None]:
    """Alice's, towards a profile that may have none."""

    def talk(ends: Ends) -> None:
        alice, bob = ends.pair("alice", ALICE), ends.pair("bob", BOB)
        (towards_bob,) = ends.ask("offer", line(ALICE, alice, profile="RTP/AVPF"), transport_protocol=profile)
        (towards_alice,) = ends.ask("answer", line(BOB, bob, profile=profile), to_tag="b")
        both_ways(ends, towards_alice, towards_bob)
        ends.send("alice'", towards_alice + 1, rtcp() + FEEDBACK)
        ends.send("alice'", towards_alice + 1, FEEDBACK)
        ends.send("bob'", towards_bob + 1, rtcp(9) + FEEDBACK)

    return talk


def two_lines(ends: Ends) -> None:
    ports = {
        name: ends.open(name, BOB if "bob" in name else ALICE) for name in ("alice", "alice's video", "bob", "bob's video")
    }
    of = {name: port for name, port in ports.items() if "video" in name}
    first = ends.ask("offer", line(ALICE, ports["alice"]), line(ALICE, of["alice's video"], kind="video", form="97"))
    second = ends.ask("answer", line(BOB, ports["bob"]), line(BOB, of["bob's video"], kind="video", form="97"), to_tag="b")
    both_ways(ends, second[0], first[0])
    ends.send("alice's video", second[1], rtp(1, 5, 97))
    ends.send("bob's video", first[1], rtp(1, 6, 97))


def blocked(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends)
    both_ways(ends, towards_alice, towards_bob)
    for number, (command, keys) in enumerate(
        (("block media", {}), ("unblock media", {}), ("block media", {"from_tag": ""}), ("unblock media", {"from_tag": ""})), 2
    ):
        ends.ask(command, **keys)
        both_ways(ends, towards_alice, towards_bob, number)


def reports_end_here(ends: Ends) -> None:
    towards_alice, towards_bob = talking(ends, flags=["generate RTCP"])
    both_ways(ends, towards_alice, towards_bob)
    ends.send("alice'", towards_alice + 1, rtcp())
    ends.send("bob'", towards_bob + 1, rtcp(9))


SCENES: dict[str, Callable[[Ends], None]] = {
    scene.__name__: scene
    for scene in (
        *(plain, multiplexed, multiplexed_by_one, multiplexed_by_the_other, from_another_port, moved, held, branches),
        *(
            of_two_families,
            over_named_interfaces,
            from_where_sip_came,
            fax,
            rtcp_elsewhere,
            two_lines,
            waiting_for_its_first,
            before_the_answer,
            before_the_answer_from_anyone,
            blocked,
            reports_end_here,
        ),
    )
} | {
    **{
        f"with flag {flag}": with_flags(flag)
        for flag in ("strict source", "media handover", "port latching", "no port latching", "asymmetric", "symmetric")
    },
    **{f"asymmetric and {flag}": with_flags("asymmetric", flag) for flag in ("strict source", "media handover")},
    "feedback to a profile that has it": with_feedback("RTP/AVPF"),
    "feedback to a profile without": with_feedback("RTP/AVP"),
    "sendonly": directed("sendonly", "recvonly"),
    "recvonly": directed("recvonly", "sendonly"),
    "inactive": directed("inactive", "inactive"),
}


@pytest.mark.parametrize("name", SCENES)
def test_packets_go_where_rtpengine_sends_them(name: str, relays: Relays) -> None:
    def attempt() -> None:
        with closing(Ends(relays.theirs)) as theirs, closing(Ends(relays.ours)) as ours:
            for each in (theirs, ours):
                SCENES[name](each)
            expected, told = theirs.told(), ours.told()
        assert told == expected
        assert any(heard != "nobody" for _, _, heard in told)

    undisturbed(attempt, PATIENCE_S / 2)
