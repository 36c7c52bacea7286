"""Where a live node sends no media, whatever a party says: to itself."""

from __future__ import annotations

import re

import pytest

from interop.node import Node, Setup
from interop.rawsip import Client
from tests.interop.conftest import USERS

OPAQUE = "v=0\r\no=- 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=image {port} udptl t38\r\n"


@pytest.fixture(scope="module")
def setup() -> Setup:
    return Setup(users=USERS, auth=False)


def answer(invite: str, body: str) -> bytes:
    kept = [line for line in invite.split("\r\n") if re.match(r"(?i)(via|record-route|from|call-id|cseq):", line)]
    to = re.search(r"(?mi)^To:[^\r]*", invite)
    assert to is not None
    lines = ["SIP/2.0 200 OK", *kept, f"{to[0]};tag=bob", "Contact: <sip:bob@127.0.0.1>", "Content-Type: application/sdp"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()


def test_a_party_at_the_port_of_sip(node: Node) -> None:
    domain = node.setup.domain
    bob, alice = (Client((node.address, node.port)) for _ in range(2))
    contacts = [f"Contact: <sip:phone@127.0.0.1:{client.port}>" for client in (bob, alice)]
    bob.request("REGISTER", f"sip:{domain}", "bob", domain, (contacts[0], "Expires: 60"), to=f"<sip:bob@{domain}>")
    registered = bob.final()
    assert registered is not None
    assert registered.status == 200
    offered = OPAQUE.format(host="127.0.0.1", port=6000)
    alice.request("INVITE", f"sip:bob@{domain}", "alice", domain, (contacts[1],), body=offered)
    invite = bob.receive()
    assert invite is not None
    bob.send(answer(invite.decode(), OPAQUE.format(host="127.0.0.1", port=node.port)))
    final = alice.final()
    assert final is not None
    assert final.status == 488
