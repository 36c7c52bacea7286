"""Reading of messages: typed values, faults, keys, check and salvage."""

import pytest

from native import sip
from native.sip import Message, ParseError, crc_slot
from tests.native.sip_samples import INVITE, REGISTER, RESPONSE, replaced


def test_a_request_reads_whole() -> None:
    message = Message(INVITE)
    assert message.is_request
    assert (message.method, message.request_uri_text, message.version) == ("INVITE", "sip:bob@biloxi.example.com", "2.0")
    assert (message.status, message.reason) == (0, "")
    assert message.request_uri.aor == "bob@biloxi.example.com"
    assert message.via.branch == "z9hG4bK74bf9"
    assert (message.via_count, message.call_id, message.cseq, message.cseq_method) == (
        1,
        "3848276298220188511@atlanta.example.com",
        2,
        "INVITE",
    )
    assert (message.from_.display, message.from_tag, message.to_tag) == ("Alice", "9fxced76sl", None)
    assert (message.max_forwards, message.expires, message.content_type) == (70, None, "application/sdp")
    assert [route.uri.host for route in message.routes] == ["p1.example.com", "p2.example.com"]
    assert (message.record_routes, message.paths) == ([], [])
    assert (message.body, message.trailing_bytes, message.raw) == (b"v=0\n", 0, INVITE)
    assert message.get("x-odd") == "kept as it is".replace("kept as", "kept  as")
    assert message.values("Allow") == ["INVITE", "ACK", "CANCEL", "OPTIONS", "BYE", "REFER"]
    assert message.get_all("Allow") == ["INVITE, ACK, CANCEL, OPTIONS, BYE", "REFER"]
    assert message.header_names()[:3] == ["Via", "Max-Forwards", "Route"]
    message.check()


def test_a_response_reads_whole() -> None:
    message = Message(RESPONSE)
    assert not message.is_request
    assert (message.method, message.status, message.reason) == ("INVITE", 180, "Ringing")
    assert (message.via.host, message.via_count) == ("proxy.example.com", 2)
    assert (message.from_tag, message.to_tag, message.get("l")) == ("1", "2", "0")
    assert message.header_names() == ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length"]
    assert message.get("Via") == message.get("v") == message.get("VIA")
    for name in ("request_uri", "request_uri_text"):
        with pytest.raises(AttributeError):
            getattr(message, name)
    message.check()


def test_a_register_reads_its_lists() -> None:
    message = Message(REGISTER)
    assert [contact.is_star for contact in message.contacts] == [False, False, True]
    assert message.contacts[0].params == {"q": "0.7", "expires": "60"}
    assert message.paths[0].uri.lr
    assert message.expires == 3600
    assert message.max_forwards is None
    assert message.via.transport == "TCP"


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        (b"Contact: <sip:a@h;x=1?y=2>;q=1, <sip:b@h>\r\n", "sip:a@h;x=1?y=2"),
        (b"m: sip:a@h;expires=5\r\n", "sip:a@h"),
        (b"Contact:\r\n\t<sip:a@h>\r\n", "sip:a@h"),
        (b"Contact: *\r\n", ""),
        (b"", ""),
    ],
)
def test_the_uri_of_the_first_contact(contact: bytes, uri: str) -> None:
    message = Message(INVITE.replace(b"Contact: <sip:alice@client.atlanta.example.com;transport=udp>\r\n", contact))
    assert message.contact_uri_text == uri
    assert message.contact_uri_text == (message.contacts[0].uri.text if uri else "")


@pytest.mark.parametrize(
    ("line", "uri"),
    [
        (b"From: Alice <sip:alice@h;x=1>;tag=7", "sip:alice@h;x=1"),
        (b"f: sip:alice@h;tag=7", "sip:alice@h"),
        (b"From: <sip:alice@-_$>\r\n ;tag=7", None),
        (b"From:\r\n\t<tel:+44;phone-context=x>;tag=7", "tel:+44;phone-context=x"),
    ],
)
def test_the_uri_in_from(line: bytes, uri: str | None) -> None:
    data = b"\r\n".join(line if each.startswith(b"From:") else each for each in INVITE.split(b"\r\n"))
    for order in (("from_uri_text", "from_tag"), ("from_tag", "from_uri_text")):
        message = Message(data)
        if uri is None:
            with pytest.raises(ParseError, match="From"):
                getattr(message, order[0])
            continue
        assert {name: getattr(message, name) for name in order} == {"from_uri_text": uri, "from_tag": "7"}
        message.set("From", "<sip:bob@h>;tag=8")
        assert (message.from_uri_text, message.from_tag) == ("sip:bob@h", "8")


@pytest.mark.parametrize(
    ("via", "contact", "natted"),
    [
        (b"192.0.2.1:5070;rport=5070", b"<sip:a@192.0.2.1:5070>", False),
        (b"192.0.2.1", b"<sip:a@192.0.2.1>;q=1, <sip:a@10.0.0.1>", False),
        (b"192.0.2.1;rport=5060;received=192.0.2.1", b"sip:192.0.2.1", False),
        (b"192.0.2.1;rport=5070", b"<sip:a@192.0.2.1>", True),
        (b"192.0.2.1;received=192.0.2.2", b"<sip:a@192.0.2.1>", True),
        (b"[2001:db8::2];received=192.0.2.1", b"<sip:a@192.0.2.1>", True),
        (b"a.example;received=192.0.2.2", b"<sip:a@192.0.2.1>", False),
        (b"1.2.3;received=192.0.2.2", b"<sip:a@192.0.2.1>", False),
        (b"a.invalid", b"<sip:a@192.0.2.1>", True),
        (b"192.0.2.2", b"<sip:a@192.0.2.1>", False),
        (b"192.0.2.1", b"<sip:a@192.0.2.2>", None),
        (b"192.0.2.1", b"<sip:a@b.example>", False),
        (b"192.0.2.1", b"<sip:a@b.Invalid>", True),
        (b"192.0.2.1, SIP/2.0/UDP 10.0.0.1;received=192.0.2.1", b"<sip:a@10.0.0.1>", False),
        (b"192.0.2.1", b"*", False),
        (b"192.0.2.1", b"<sip:a@", False),
        (b"192.0.2.1", b"", False),
    ],
)
def test_whether_the_sender_is_where_it_says(via: bytes, contact: bytes, natted: bool | None) -> None:
    message = Message(
        b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP " + via + b";branch=z9hG4bK1\r\nContact: " + contact + b"\r\n\r\n"
    )
    assert message.sender_natted("192.0.2.1", False) is natted


def test_over_a_connection_the_port_of_the_sender_says_nothing() -> None:
    message = Message(b"INVITE sip:b@h SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;rport=5070;branch=z9hG4bK1\r\n\r\n")
    assert message.sender_natted("192.0.2.1", False) is True
    assert message.sender_natted("192.0.2.1", True) is False
    with pytest.raises(TypeError):
        message.sender_natted("192.0.2.1")  # type: ignore[call-arg]


def test_lists_belong_to_the_caller() -> None:
    message = Message(INVITE)
    message.routes.clear()
    assert len(message.routes) == 2
    message.contacts[0].uri.params.clear()
    assert message.contacts[0].uri.params == {"transport": "udp"}


def test_values_that_are_asked_for_often_are_made_once() -> None:
    message = Message(INVITE)
    for name in ("via", "from_", "to", "request_uri", "call_id", "server_key", "body"):
        assert getattr(message, name) is getattr(message, name)
    assert message.method is Message(INVITE).method
    assert message.from_.uri is message.from_.uri


@pytest.mark.parametrize(
    ("old", "new", "attribute", "header"),
    [
        (b"Via: SIP/2.0/UDP client", b"Via: SIP/2.0 client", "via", "Via"),
        (b"CSeq: 2 INVITE", b"CSeq: x INVITE", "cseq", "CSeq"),
        (b"CSeq: 2 INVITE", b"CSeq: 2", "cseq_method", "CSeq"),
        (b"CSeq: 2 INVITE", b"CSeq: 4294967296 INVITE", "cseq", "CSeq"),
        (b"Call-ID: 3848276298220188511@atlanta", b"Call-ID: a b@atlanta", "call_id", "Call-ID"),
        (b"Alice <sip:alice@", b"Alice <sip:alice@@", "from_", "From"),
        (b"Bob <sip:bob@", b'"Bob <sip:bob@', "to", "To"),
        (b"Bob <sip:bob@biloxi.example.com>", b"*", "to", "To"),
        (b"Max-Forwards: 70", b"Max-Forwards: 256", "max_forwards", "Max-Forwards"),
        (b"Max-Forwards: 70", b"Max-Forwards: many", "max_forwards", "Max-Forwards"),
        (b"<sip:p2.example.com;lr>", b"<sip:p2.example.com;lr", "routes", "Route"),
        (b"<sip:alice@client", b"<sip:alice@-_$", "contacts", "Contact"),
        (b"<sip:alice@client", b"<sip:alice@-_$", "contact_uri_text", "Contact"),
        (b"application/sdp", b"sdp", "content_type", "Content-Type"),
        (b"INVITE sip:bob@biloxi.example.com ", b"INVITE sip:bob@:5 ", "request_uri", None),
        (b"INVITE sip:bob@biloxi.example.com ", b"INVITE sip:bob@b?Route=x ", "request_uri", None),
    ],
)
def test_a_bad_value_is_named_and_the_rest_stays(old: bytes, new: bytes, attribute: str, header: str | None) -> None:
    message = Message(replaced(old, new))
    with pytest.raises(ParseError) as caught:
        getattr(message, attribute)
    assert (caught.value.header, caught.value.status) == (header, 400)
    assert caught.value.reason.startswith(f"bad {header or 'Request-URI'}: ")
    assert str(caught.value) == caught.value.reason
    with pytest.raises(ParseError) as again:
        message.check()
    assert again.value.header == header
    assert message.body == b"v=0\n"
    assert message.reply(400).status == 400


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_missing_header_is_named(name: str) -> None:
    lines = [line for line in INVITE.split(b"\r\n") if not line.startswith(name.encode() + b":")]
    message = Message(b"\r\n".join(lines))
    with pytest.raises(ParseError, match=f"missing {name}") as caught:
        message.check()
    assert caught.value.header == name
    attribute = {"Via": "via", "From": "from_", "To": "to", "Call-ID": "call_id", "CSeq": "cseq"}[name]
    with pytest.raises(ParseError):
        getattr(message, attribute)


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type"])
def test_a_repeated_header_is_named(name: str) -> None:
    (line,) = (line for line in INVITE.split(b"\r\n") if line.startswith(name.encode() + b":"))
    message = Message(replaced(line, line + b"\r\n" + line))
    with pytest.raises(ParseError, match=f"repeated {name}"):
        message.check()


def test_check_minds_version_and_method() -> None:
    with pytest.raises(ParseError) as caught:
        Message(replaced(b" SIP/2.0\r\n", b" SIP/3.0\r\n")).check()
    assert caught.value.status == 505
    with pytest.raises(ParseError, match="CSeq"):
        Message(replaced(b"CSeq: 2 INVITE", b"CSeq: 2 BYE")).check()
    Message(RESPONSE.replace(b"CSeq: 7 INVITE", b"CSeq: 7 BYE")).check()


def test_expires_out_of_range_is_taken_as_absent() -> None:
    for value in (b"never", b"99999999999", b"-1"):
        assert Message(replaced(b"Expires: 3600", b"Expires: " + value, REGISTER)).expires is None


def test_a_response_without_readable_cseq_has_no_method() -> None:
    assert Message(RESPONSE.replace(b"CSeq: 7 INVITE", b"CSeq: INVITE")).method == ""
    assert Message(b"SIP/2.0 200 OK\r\n\r\n").method == ""


def test_server_keys_match_as_section_17_2_3_says() -> None:
    invite = Message(INVITE)
    ack = INVITE.replace(b"INVITE", b"ACK")
    assert invite.server_key == Message(ack).server_key
    assert invite.server_key == "z9hG4bK74bf9|client.atlanta.example.com:5060|INVITE"
    assert invite.server_key != Message(INVITE.replace(b"INVITE", b"CANCEL")).server_key
    assert invite.server_key != Message(INVITE.replace(b":5060", b":5061")).server_key
    assert (
        invite.server_key
        == Message(INVITE.replace(b"client.atlanta.example.com:5060", b"CLIENT.atlanta.example.com:5060")).server_key
    )


def test_server_keys_of_rfc_2543_clients() -> None:
    old = INVITE.replace(b";branch=z9hG4bK74bf9", b"")
    key = Message(old).server_key
    ack = old.replace(b"INVITE", b"ACK").replace(
        b"To: Bob <sip:bob@biloxi.example.com>", b"To: Bob <sip:bob@biloxi.example.com>;tag=x"
    )
    assert Message(ack).server_key == key
    for change in (
        (b"CSeq: 2", b"CSeq: 3"),
        (b"tag=9fxced76sl", b"tag=other"),
        (b"Call-ID: 3", b"Call-ID: 4"),
        (b"sip:bob@biloxi.example.com SIP", b"sip:b SIP"),
    ):
        assert Message(replaced(*change, old)).server_key != key
    assert Message(old.replace(b"INVITE", b"BYE")).server_key != key


def test_client_keys_keep_the_case_of_the_branch() -> None:
    assert Message(RESPONSE).client_key == "z9hG4bKours|INVITE"
    assert Message(RESPONSE.replace(b"ours", b"OURS")).client_key == "z9hG4bKOURS|INVITE"


@pytest.mark.parametrize(
    "spoiled",
    [
        replaced(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"INVITE  sip:bob@biloxi.example.com SIP/2.0"),
        replaced(b"Content-Length: 4", b"Content-Length: 400"),
        replaced(b"Content-Length: 4", b"Content-Length: -4"),
        replaced(b"Max-Forwards: 70", b"Max-Forwards 70"),
        replaced(b"Max-Forwards: 70", b"Max: " + b"x" * 20000),
        replaced(b"Max-Forwards: 70", b"A: b\r\n" * 300 + b"Max-Forwards: 70").replace(b"Route", b"Other"),
        INVITE + b"x" * 65535,
    ],
)
def test_salvage_gives_what_a_400_needs(spoiled: bytes) -> None:
    with pytest.raises(ParseError):
        Message(spoiled)
    message = Message.salvage(spoiled)
    if spoiled.count(b"A: b") == 300:  # the limit of lines comes first
        assert message is None
        return
    assert message is not None
    assert (message.method, message.call_id, message.from_tag) == (
        "INVITE",
        "3848276298220188511@atlanta.example.com",
        "9fxced76sl",
    )
    reply = message.reply(400, "bad", to_tag="t")
    assert reply.get("Via") == "SIP/2.0/UDP client.atlanta.example.com:5060;branch=z9hG4bK74bf9;rport"
    assert (reply.to_tag, reply.get("Content-Length")) == ("t", "0")
    reply.check()


@pytest.mark.parametrize(
    "hopeless",
    [
        b"",
        b"\r\n",
        b"noise",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        RESPONSE.replace(b"180", b"9180"),
        INVITE.replace(b"Via", b"Vie"),
    ],
)
def test_salvage_gives_up(hopeless: bytes) -> None:
    assert Message.salvage(hopeless) is None


def test_bytes_that_are_no_utf_8_come_back() -> None:
    data = replaced(b"Alice", b"\xff\xfe\xc3\xbc")
    message = Message(data)
    assert message.from_.display == "\udcff\udcfeü"
    copy = message.copy()
    copy.set("From", message.get("From") or "")
    assert copy.to_bytes() == data
    assert crc_slot("\udcff") == crc_slot("\udcff") != crc_slot("")


def test_the_slot_hash_is_crc_32() -> None:
    assert crc_slot("123456789") == 0xCBF43926
    assert crc_slot("") == 0


def test_only_bytes_are_messages() -> None:
    for wrong in ("INVITE", bytearray(INVITE), None, 5):
        with pytest.raises(TypeError):
            Message(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Message()  # type: ignore[call-arg]
    assert Message(data=INVITE).method == "INVITE"


def identity_of(message: Message) -> str:
    return f"{message.server_key.rpartition('|')[0]} {message.call_id} {message.cseq} {message.from_tag or ''}"


def loop_hash_of(message: Message) -> str:
    """RFC 5393 section 4.2.1, written out."""
    parts = [f"{message.request_uri_text} {message.call_id} {message.cseq} {message.from_tag or ''}", message.to_tag or ""]
    for name in ("Route", "Proxy-Require", "Proxy-Authorization"):
        parts += message.get_all(name)
    return str(crc_slot("|".join(parts)))


@pytest.mark.parametrize(
    "data",
    [
        INVITE,
        REGISTER,
        INVITE.replace(b";branch=z9hG4bK74bf9", b""),
        INVITE.replace(b";tag=9fxced76sl", b""),
        replaced(b"Max-Forwards: 70", b"Proxy-Require: a,\r\n b\r\nProxy-Authorization: Digest x=1\r\nProxy-Authorization: y"),
        replaced(b"<sip:bob@biloxi.example.com>\r\nCall", b"<sip:bob@biloxi.example.com>;tag=there\r\nCall"),
    ],
)
def test_identity_and_loop_hash_are_made_of_the_fields_they_name(data: bytes) -> None:
    message = Message(data)
    assert message.identity == identity_of(message)
    assert message.loop_hash == loop_hash_of(message)
    assert message.identity == Message(data.replace(b" INVITE\r\n", b" ACK\r\n").replace(b"INVITE sip", b"ACK sip")).identity


def test_identity_and_loop_hash_follow_edits() -> None:
    message = Message(INVITE)
    before = message.identity, message.loop_hash
    message.set_request_uri("sip:carol@example.com")
    message.pop_route()
    assert message.loop_hash == loop_hash_of(message) != before[1]
    message.push_via("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKother")
    assert message.identity == identity_of(message) != before[0]


def test_identity_and_loop_hash_of_what_can_not_be_read() -> None:
    for missing in (b"Call-ID", b"CSeq", b"From", b"Via"):
        message = Message(INVITE.replace(missing + b":", b"X-Gone:"))
        with pytest.raises(ParseError):
            message.identity  # noqa: B018
    with pytest.raises(AttributeError):
        Message(RESPONSE).loop_hash  # noqa: B018


@pytest.mark.parametrize(
    ("old", "new", "traits"),
    [
        (b"Max-Forwards: 70", b"Max-Forwards: 70", 0),
        (b"sip:bob@biloxi.example.com SIP", b"tel:+1 SIP", 0),
        (b"sip:bob@biloxi.example.com SIP", b"urn:x SIP", sip.OTHER_SCHEME),
        (b"biloxi.example.com SIP", b"biloxi.example.com;LR SIP", sip.URI_DIRECTS),
        (b"biloxi.example.com SIP", b"biloxi.example.com;maddr=a SIP", sip.URI_DIRECTS),
        (b"Max-Forwards: 70", b"Max-Forwards: 0", sip.LAST_HOP),
        (b"Max-Forwards: 70", b"Proxy-Require: x", sip.REQUIRES),
        (b"Max-Forwards: 70", b"Max-Breadth: x", sip.HAS_BREADTH),
        (b"biloxi.example.com>", b"biloxi.example.com>;tag=a", sip.IN_DIALOG),
        (b";rport", b";rport, SIP/2.0/UDP b", sip.SEVERAL_VIAS),
        (b"Max-Forwards: 70", b"Via: SIP/2.0/UDP b", sip.SEVERAL_VIAS),
    ],
)
def test_the_traits_of_a_request(old: bytes, new: bytes, traits: int) -> None:
    message = Message(replaced(old, new))
    assert message.check() == traits | sip.ROUTED
    message.remove("Route")
    assert message.check() == traits


def test_the_traits_follow_an_edited_request_uri() -> None:
    message = Message(INVITE)
    for uri, traits in (("urn:x", sip.OTHER_SCHEME), ("sip:a;lr", sip.URI_DIRECTS), ("sip:a", 0)):
        message.check()
        message.set_request_uri(uri)
        assert message.check() == traits | sip.ROUTED


def test_has_any_of_several_names() -> None:
    message = Message(INVITE)
    assert message.has("Path", "v")
    assert message.has("Via", "Path")
    assert not message.has("Path", "X-None")
    assert not message.has()
    with pytest.raises(TypeError):
        message.has("Path", 5)  # type: ignore[arg-type]
