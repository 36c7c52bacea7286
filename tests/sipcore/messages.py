"""Requests as a phone would write them."""

from native.sip import Message


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:bob@example.com",
    branch: str = "z9hG4bK-1",
    sent_by: str = "192.0.2.2:5060",
    transport: str = "UDP",
    via_params: str = "",
    call_id: str = "call-1@192.0.2.2",
    cseq: int = 1,
    from_tag: str = "from-1",
    to_tag: str = "",
    headers: tuple[tuple[str, str], ...] = (),
    body: bytes = b"",
) -> Message:
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/{transport} {sent_by};branch={branch}{via_params}",
        "Max-Forwards: 70",
        f"From: <sip:alice@example.com>;tag={from_tag}",
        "To: <sip:bob@example.com>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *(f"{name}: {value}" for name, value in headers),
        f"Content-Length: {len(body)}",
        "",
        "",
    ]
    return Message("\r\n".join(lines).encode() + body)
