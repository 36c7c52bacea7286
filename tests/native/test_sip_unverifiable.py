"""Whether a phone that calls over TLS can be connected to where its Contact says (sip_reach.c)."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from native.sip import Message, is_unverifiable


def flow_of(transport: str, host: str, port: int) -> Any:
    listener = SimpleNamespace(transport=transport, index=0)
    return SimpleNamespace(remote=(host, port), listener=listener, reliable=transport != "udp", connection_id=7)


def invite(*contacts: str, vias: int = 1) -> Message:
    lines = [("Via", f"SIP/2.0/TLS 192.0.2.9;branch=z9hG4bK{n}") for n in range(vias)]
    lines += [("From", "<sip:a@b>;tag=1"), ("To", "<sip:c@b>"), ("Call-ID", "1"), ("CSeq", "1 INVITE")]
    return Message.request("INVITE", "sip:c@b", [*lines, *(("Contact", contact) for contact in contacts)])


@pytest.mark.parametrize(
    ("contact", "transport", "host", "port", "unverifiable"),
    [
        ("<sip:a@192.0.2.9:40000>", "tls", "192.0.2.9", 40000, False),
        ("<sip:a@192.0.2.9:5061>", "tls", "192.0.2.9", 40000, True),
        ("<sip:a@192.0.2.9>", "tls", "192.0.2.9", 5061, False),
        ("<sip:a@192.0.2.9:0>", "tls", "192.0.2.9", 5061, False),
        ("<sip:a@192.0.2.9>", "wss", "192.0.2.9", 443, False),
        ("<sip:a@192.0.2.9>", "wss", "192.0.2.9", 5061, True),
        ("<sip:a@phone.example:40000>", "tls", "192.0.2.9", 40000, True),
        ("<sip:a@[2001:DB8:0::9]:40000>", "tls", "2001:db8::9", 40000, False),
        ("<sip:a@[2001:db8::8]:40000>", "tls", "2001:db8::9", 40000, True),
        ("<sip:a@192.0.2.9:5061>", "tcp", "192.0.2.9", 40000, False),
        ("<sip:a@192.0.2.9:5061>", "udp", "192.0.2.9", 40000, False),
        ("*", "tls", "192.0.2.9", 40000, False),
        ("what is this", "tls", "192.0.2.9", 40000, False),
    ],
)
def test_by_contact_and_flow(contact: str, transport: str, host: str, port: int, unverifiable: bool) -> None:
    assert is_unverifiable(invite(contact), flow_of(transport, host, port)) is unverifiable


def test_without_contact_and_behind_a_proxy_nothing_is_said() -> None:
    flow = flow_of("tls", "192.0.2.9", 40000)
    assert not is_unverifiable(invite(), flow)
    assert is_unverifiable(invite("<sip:a@192.0.2.9>"), flow)
    assert not is_unverifiable(invite("<sip:a@192.0.2.9>", vias=2), flow)


def test_it_wants_a_message_and_a_flow() -> None:
    with pytest.raises(TypeError, match="a Message and a flow"):
        is_unverifiable(b"", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="host and port"):
        is_unverifiable(invite(), SimpleNamespace(**{**vars(flow_of("tls", "", 0)), "remote": ("192.0.2.9",)}))
