"""Messages that several tests of native.sip use."""

INVITE = (
    b"INVITE sip:bob@biloxi.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b"Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\n"
    b"From: Alice <sip:alice@atlanta.example.com>;tag=9fxced76sl\r\n"
    b"To: Bob <sip:bob@biloxi.example.com>\r\n"
    b"Call-ID: 3848276298220188511@atlanta.example.com\r\n"
    b"CSeq: 2 INVITE\r\n"
    b"Contact: <sip:alice@client.atlanta.example.com;transport=udp>\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\n"
    b"Allow: REFER\r\n"
    b"X-Odd:   kept  as\r\n\tit is \r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"v=0\n"
)
RESPONSE = (
    b"SIP/2.0 180 Ringing\r\n"
    b"v: SIP/2.0/UDP proxy.example.com;branch=z9hG4bKours,\r\n SIP/2.0/UDP a.example.com;branch=z9hG4bKa\r\n"
    b"f: <sip:alice@atlanta.example.com>;tag=1\r\n"
    b"t: <sip:bob@biloxi.example.com>;tag=2\r\n"
    b"i: abc@example.com\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"l: 0\r\n\r\n"
)
REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP [2001:db8::1]:5062;branch=z9hG4bKr\r\n"
    b"From: <sip:a@example.com>;tag=f\r\nTo: <sip:a@example.com>\r\nCall-ID: r1\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: <sip:a@192.0.2.1>;q=0.7;expires=60, <sip:a@192.0.2.2>\r\nContact: *\r\n"
    b"Path: <sip:edge.example.com;lr>\r\nExpires: 3600\r\n\r\n"
)


def replaced(old: bytes, new: bytes, data: bytes = INVITE) -> bytes:
    assert data.count(old) == 1
    return data.replace(old, new)
