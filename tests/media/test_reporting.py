"""RTCP of our own: whose lines have it, and when it is due."""

from __future__ import annotations

from itertools import pairwise

import pytest

from media.reporting import Reporting
from media.sdes import OwnKeys
from tests.media.world import World, sdp

A, B = sdp(), sdp("m=audio 6000 RTP/AVP 0")
KEY = f"a=crypto:{OwnKeys().crypto(1, 'AES_CM_128_HMAC_SHA1_80')}"
SECURE_A, SECURE_B = (sdp(f"m=audio {port} RTP/SAVP 0|{KEY}") for port in (5000, 6000))
WANTED = {"flags": ["generate RTCP"]}


@pytest.mark.parametrize("asked", ["offer", "answer", "both"])
def test_it_begins_with_the_answer(asked: str) -> None:
    world = World()
    world.offer(A, **(WANTED if asked != "answer" else {}))
    assert world.relay.reports == {}
    world.answer(B, **(WANTED if asked != "offer" else {}))
    assert world.relay.reports == {world.streams()[0]: True}


def test_it_stays_until_it_is_not_wanted() -> None:
    world = World()
    world.offer(A, **WANTED)
    world.answer(B)
    world.offer(B, frm="b", to_tag="a")
    world.answer(A, frm="b", to="a")
    (stream,) = world.streams()
    assert world.relay.reports == {stream: True}
    world.offer(A, to_tag="b", **{"generate RTCP": "off"})
    world.answer(B)
    assert world.relay.reports == {stream: False}


@pytest.mark.parametrize(
    ("offer", "answer", "reports"),
    [
        (SECURE_A, SECURE_B, False),
        (sdp(f"m=audio 5000 RTP/AVP 0|{KEY}"), sdp(f"m=audio 6000 RTP/AVP 0|{KEY}"), False),
        (sdp(f"m=audio 5000 RTP/AVP 0|{KEY}"), B, True),
        (sdp("m=image 5000 udptl t38"), sdp("m=image 6000 udptl t38"), False),
    ],
    ids=["SRTP of the parties", "OSRTP of the parties", "OSRTP not taken", "no RTP"],
)
def test_only_rtcp_that_we_can_read_is_replaced(offer: str, answer: str, reports: bool) -> None:
    world = World()
    world.offer(offer, **WANTED)
    world.answer(answer)
    assert any(world.relay.reports.values()) == reports


def test_srtp_that_ends_here_has_it() -> None:
    world = World()
    world.offer(SECURE_A, transport_protocol="RTP/AVP", **WANTED)
    world.answer(B)
    assert list(world.relay.reports.values()) == [True]


def test_reports_come_at_intervals_until_the_call_ends() -> None:
    world = World()
    world.offer(A, **WANTED)
    world.answer(B)
    reporting = world.calls.lines.reporting
    times = []
    for second in range(60):
        reporting.look(second * 1_000_000_000)
        if world.relay.reported:
            times.append(second)
            world.relay.reported.clear()
    assert 3 <= times[0] <= 6
    assert {later - earlier for earlier, later in pairwise(times)} <= {3, 4, 5, 6}
    world.serve("delete", call_id="call-1", from_tag="a")
    reporting.look(100_000_000_000)
    assert world.relay.reported == []
    assert not reporting.due_ns


def test_a_report_is_due_once_in_an_interval() -> None:
    world = World()
    world.offer(A, **WANTED)
    world.answer(B)
    reporting = Reporting(world.relay, uniform=lambda low, high: high)
    reporting.set(*world.calls.lines.reporting.due_ns, True)
    for second in (1, 2, 5, 6, 7, 11):
        reporting.look(second * 1_000_000_000)
    assert world.relay.reported == 2 * world.streams()
