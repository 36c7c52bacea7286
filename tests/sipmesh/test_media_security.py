"""sipmesh.signalling.media_security: SRTP as the configuration has it, on its way to the media daemon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sipmesh.config import Route, Trunk, TrunkTarget
from sipmesh.signalling.media_glue import DialogMedia, InviteMedia
from sipmesh.signalling.media_security import asked, is_secured
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.signal_calls import call
from tests.sipmesh.test_media_glue import CALLER, Gate, branch, glued, request, response
from tests.sipmesh.test_signal_media import FakeDaemon, with_daemon

PLAIN = b"v=0\r\nm=audio 5000 RTP/AVP 0\r\n"
SECURE = b"v=0\r\nm=audio 5000 RTP/SAVP 0\r\na=crypto:1 x\r\n"


@pytest.mark.parametrize(
    ("offerer", "answerer", "keys"),
    [
        ("pass", "pass", {}),
        ("off", "pass", {}),
        ("mandatory", "pass", {"OSRTP": ["accept"]}),
        ("pass", "off", {"transport-protocol": "RTP", "SDES": ["off"]}),
        ("pass", "mandatory", {"transport-protocol": "SRTP"}),
        ("optional", "optional", {"transport-protocol": "RTP", "OSRTP": ["accept", "offer"]}),
        ("mandatory", "off", {"transport-protocol": "RTP", "SDES": ["off"], "OSRTP": ["accept"]}),
    ],
)
def test_what_an_offer_asks_the_daemon_for(offerer: Any, answerer: Any, keys: dict[str, Any]) -> None:
    assert asked(offerer, answerer) == keys


@pytest.mark.parametrize(
    ("sdp", "secured"),
    [
        (PLAIN, False),
        (SECURE, True),
        (b"v=0\nm=audio 5000 RTP/AVPF 0\na=crypto:1 x\n", True),
        (b"v=0\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\n", True),
        (SECURE + b"m=video 5002 RTP/AVP 96\r\n", False),
        (SECURE + b"m=video 0 RTP/AVP 96\r\nm=image 5004 udptl t38\r\nm=x\r\n", True),
        (b"", True),
    ],
)
def test_whether_a_body_has_srtp_on_every_line_of_rtp(sdp: bytes, secured: bool) -> None:
    assert is_secured(sdp) is secured


def test_plain_rtp_of_who_must_have_srtp_is_refused() -> None:
    glue, media, counters = glued({"result": "ok", "sdp": "x"})
    refused, gate = branch(), Gate()
    InviteMedia(glue, request(body=PLAIN), CALLER, ("mandatory", "off")).request_out(refused, request(body=PLAIN), gate)
    assert gate.calls == refused.context.refuse.calls == [(488, "SRTP Needed")]
    assert media.asked == []
    assert counters["ng_requests_total|command=offer,outcome=insecure"] == 1


@pytest.mark.parametrize(("told", "outcome"), [(PLAIN, (488, "SRTP Needed")), (SECURE, (0, ""))])
def test_an_answer_must_leave_srtp_where_that_is_mandatory(told: bytes, outcome: tuple[int, str]) -> None:
    glue, _, _ = glued({"result": "ok", "sdp": told.decode()})
    gate = Gate()
    call = InviteMedia(glue, request(body=SECURE), CALLER, ("mandatory", "pass"))
    call.request_out(branch(), request(body=SECURE), Gate())
    call.response_in(branch(), response(200, PLAIN), gate)
    assert gate.calls == [outcome]


@pytest.mark.parametrize(("answered", "outcome"), [(PLAIN, (488, "SRTP Needed")), (SECURE, (0, ""))])
def test_who_must_use_srtp_must_answer_with_it(answered: bytes, outcome: tuple[int, str]) -> None:
    glue, _, _ = glued({"result": "ok", "sdp": PLAIN.decode()})
    gate = Gate()
    call = InviteMedia(glue, request(body=PLAIN), CALLER, ("pass", "mandatory"))
    call.request_out(branch(), request(body=PLAIN), Gate())
    call.response_in(branch(), response(200, answered), gate)
    assert gate.calls == [outcome]


def test_an_offer_in_a_response_is_the_callees() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": "x"})
    call = InviteMedia(glue, request(body=b""), CALLER, ("mandatory", "optional"))
    call.response_in(branch(), response(200, PLAIN), Gate())
    assert media.bodies[0]["transport-protocol"] == "SRTP"
    assert media.bodies[0]["OSRTP"] == ["accept"]


def test_offers_within_a_dialog_are_the_senders() -> None:
    glue, media, _ = glued({"result": "ok", "sdp": SECURE.decode()})
    again, gate = request(body=SECURE, to_tag="B"), Gate()
    dialog = DialogMedia(glue, again, CALLER, receiver_natted=False, srtp=("mandatory", "off"))
    dialog.request_out(again, gate)
    dialog.response_in(branch(), response(200, PLAIN), gate)
    assert media.bodies[0]["transport-protocol"] == "RTP"
    assert gate.calls == [(0, ""), (0, "")]


KEYS = ("transport-protocol", "SDES", "OSRTP")


def test_each_user_is_asked_for_what_it_wants_after_a_restart_too(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, bob = await node.phone("alice"), await node.phone("bob")
        invite, _ = await call(alice, bob, "sip:bob@example.com")
        await node.restart()
        again = bob.from_callee("INVITE", invite, 1, body=PLAIN)
        bob.send(again)
        alice.answer(await alice.incoming("INVITE"), 200, body=PLAIN)
        assert (await bob.final(again)).status == 200
        offers = [{key: body[key] for key in KEYS if key in body} for body in daemon.asked if body["command"] == "offer"]
        assert offers == [
            {"transport-protocol": "RTP", "OSRTP": ["offer"]},
            {"transport-protocol": "RTP", "SDES": ["off"], "OSRTP": ["accept"]},
        ]

    with_daemon(tmp_path, scenario, srtp={"alice": "off", "bob": "optional"})


def test_a_trunk_is_asked_for_what_it_wants(tmp_path: Path) -> None:
    async def scenario(node: LiveNode, daemon: FakeDaemon) -> None:
        alice, carrier = await node.phone("alice"), await node.phone("carrier", register=False)
        target = TrunkTarget(uri=f"sip:127.0.0.1:{carrier.port}")
        node.store.directory.put_trunk(Trunk(name="carrier", targets=(target,), probe_s=0.0, srtp="mandatory"))
        node.store.directory.put_route(Route(match="9*", to="trunk:carrier"))
        await node.restart()
        await call(alice, carrier, "sip:900@example.com", answered_by=SECURE)
        assert [body.get("transport-protocol") for body in daemon.asked] == ["SRTP", None]

    with_daemon(tmp_path, scenario)
