"""Messages and values of SIP: read, changed, written, made, refused."""

from __future__ import annotations

import contextlib

from native import sip
from sipcore.keys import Key, KeyRing
from tests.native.nomemory.cases import tried

INVITE = (
    b"INVITE sip:bob@b.example;x=%41 SIP/2.0\r\nVia: SIP/2.0/UDP a.example:5060;branch=z9hG4bK7;rport\r\nMax-Forwards: 70\r\n"
    b'Route: <sip:p1;lr>, <sip:p2;lr>\r\nFrom: "\xc3\xa9" <sip:a@a.example>;tag=9\r\nTo: <sip:bob@b.example>\r\n'
    b"Call-ID: 1@a\r\n"
    b"CSeq: 2 INVITE\r\nContact: <sip:a@192.0.2.1>;q=0.5\r\nX-Odd: a\r\n b\r\n"
    b"Content-Type: application/sdp\r\nContent-Length: 4\r\n\r\nv=0\n"
)
RING = KeyRing("cookie", Key("k", bytes(32)))


@tried
def parse_and_read() -> object:
    message = sip.Message(INVITE)
    lists = [message.routes, message.contacts, message.contact_uri_text, message.from_uri_text]
    return lists, [getattr(message, name) for name in ("via", "from_", "to", "request_uri", "call_id", "server_key")]


@tried
def lines_that_end_with_lf() -> object:
    return sip.Message(INVITE.replace(b"\r\n", b"\n")).to_bytes()


@tried
def read_more() -> object:
    message = sip.Message(INVITE)
    message.check()
    message.sender_natted("192.0.2.1", False)
    read = [getattr(message, name) for name in ("identity", "loop_hash", "client_key", "content_type", "body")]
    return read, message.get("X-Odd"), message.get_all("Via"), message.values("Route"), message.header_names()


@tried
def edit_and_write() -> object:
    message = sip.Message(INVITE).copy()
    message.stamp_source("192.0.2.1", 5)
    message.push_via("SIP/2.0/UDP z;branch=z9hG4bKé")
    message.pop_route()
    message.push_route("<sip:r>")
    message.push_record_route("<sip:us;lr>")
    message.set("Max-Forwards", "69")
    message.append("X-More", "y" * 300)
    message.remove("X-Odd")
    message.set_request_uri("sip:c@c.example")
    message.set_body(b"x" * 100, "text/plain")
    message.count_hop(70, 60)
    return message.to_bytes(stream=True)


@tried
def reply_and_derive() -> object:
    message = sip.Message(INVITE)
    answer = message.reply(486, "Büsy", to_tag="t", headers=[("Contact", "<sip:x>")], body=b"x")
    return answer.to_bytes(), message.derive("ACK").to_bytes(), message.derive("CANCEL").to_bytes()


@tried
def make_and_salvage() -> object:
    made = sip.Message.request("OPTIONS", "sip:x", [("Via", "x"), ("From", "é")], b"body").to_bytes()
    salvaged = sip.Message.salvage(INVITE.replace(b"Length: 4", b"Length: 40"))
    assert salvaged is not None
    return made, salvaged.reply(400).to_bytes()


@tried
def refuse() -> object:
    with contextlib.suppress(sip.ParseError):
        sip.Message(b"noise\r\n\r\n")
    with contextlib.suppress(sip.ParseError):
        _ = sip.Message(INVITE.replace(b"CSeq: 2", b"CSeq: x")).cseq
    return None


@tried
def uris() -> object:
    uri = sip.Uri("sip:%61:pw@[::1]:5;lr;x=%41;transport=TCP?y=z")
    assert uri == sip.Uri(uri.text)
    built = sip.Uri.build("sip", "a", "::1", 5, {"lr": None, "x": "y"})
    return hash(uri), uri.params, uri.aor, uri.user_unescaped, uri.without_params("lr").text, str(built)


@tried
def header_values() -> object:
    address, via = sip.NameAddr('"A \\" é" <sip:a@b>;tag=x;y="z"'), sip.Via('SIP/2.0/UDP [::1]:5;branch=a;rport;x="é"')
    return address.display, address.uri.text, address.params, via.params, via.sent_by, via.branch


@tried
def small_things() -> object:
    mac = sip.Mac(bytes(16))
    assert mac.matches("text", mac.of("text"))
    return sip.digest_params('Digest a="\\"b", C=é'), sip.crc_slot("x"), sip.frame_length(INVITE)


@tried
def cookies() -> object:
    fields = f"key~{sip.tag_hash('x')}~0_192.0.2.9_1_0~"
    request = sip.Message.request("BYE", "sip:a@b", [("From", "<a:b>;tag=x"), ("To", "<a:b>;tag=y"), ("Call-ID", "call")])
    cookie = sip.Cookie.read(RING, sip.Cookie.issue(RING, fields, "call").text, request)
    assert cookie is not None
    return cookie.caller_flow


@tried
def digest() -> object:
    claim = sip.DigestClaim.read(
        'Digest username="\\"b", realm=é, nonce=n, uri=u, response=r, cnonce=c, nc=00000001, qop=auth-int'
    )
    assert claim is not None
    return claim.matches("ha1", "REGISTER", b"body"), claim.username, claim.realm, claim.algorithm, claim.fault
