"""What strangers send and Python reads: one function a form, which takes any bytes and holds its reader to what it promises.

A reader may refuse, by its own error; anything else it raises, and any promise it breaks, is a finding. The result names the
path the bytes took, so that the fuzzer can tell new ones from old ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from media import bencode, ng
from media.errors import BencodeError, RequestError, SdpError
from media.flags import parse_raw
from media.sdp import parse
from native.sip import DigestClaim, Message, NameAddr, ParseError, Uri, Via
from sipcore.digest_header import MalformedDigestError, parse_credentials
from sipcore.transport.stun import stun_answer
from tests.media.world import World, passed_on, sdp
from tests.native.shell import Engine, Stream
from tests.sipcore.users import RecordingUser
from tests.sipcore.wire import Stack, Wire

CORPUS = Path(__file__).parent / "corpus"
Target = Callable[[bytes], str]


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def path_of(error: Exception) -> str:
    """A refusal without what varies in it: numbers and quoted text."""
    return re.sub(r"'.*'|\".*\"|\d+|(?<= of ).*(?= is )", "#", str(error))[:80]


def read_bencode(data: bytes) -> str:
    """What is read is written and read again to the same."""
    try:
        value = bencode.decode(data)
    except BencodeError as error:
        return path_of(error)
    assert bencode.decode(bencode.encode(value)) == value
    return type(value).__name__


def read_json(data: bytes) -> str:
    """The same of an ng message in JSON; bencode has words for it too."""
    try:
        body = ng.split(b"c {" + data).body()
    except RequestError as error:
        return path_of(error)
    assert ng.split(b"c " + ng.encode_json(body)).body() == body
    bencode.encode(body)
    return "read"


def read_flags(data: bytes) -> str:
    """The string ``rtpp-flags``."""
    try:
        words, values = parse_raw(text_of(data))
    except RequestError as error:
        return path_of(error)
    return f"{bool(words)} {bool(values)}"


def read_sdp(data: bytes) -> str:
    """A body is refused by line and reason, or keeps its lines; as an offer and as an answer it gets a reply."""
    text = text_of(data)
    try:
        description = parse(text)
    except SdpError as error:
        taken = path_of(error)
    else:
        written = passed_on(text)
        assert passed_on(written) == written
        taken = " ".join(sorted({media.protocol.upper()[:20] for media in description.media}))
    world = World()
    replies = [
        world.serve("offer", sdp=text, call_id="c", from_tag="a", **{"transport-protocol": "RTP/SAVP"}),
        world.serve("offer", sdp=sdp(), call_id="d", from_tag="a"),
        world.serve("answer", sdp=text, call_id="d", from_tag="a", to_tag="b"),
    ]
    for call in list(world.calls):
        world.calls.end(call)
    assert not world.streams()
    return f"{taken} {[reply['result'] for reply in replies]}"


def read_stun(data: bytes) -> str:
    """An answer is framed as RFC 5389 section 6 says and no amplifier."""
    answer = stun_answer(data, ("192.0.2.1", 5060))
    if answer is None:
        return "none"
    assert len(answer) == 20 + int.from_bytes(answer[2:4], "big")
    assert answer[4:20] == data[4:20]
    assert len(answer) <= len(data) + 48
    return answer[:2].hex()


def read_sip(data: bytes) -> str:
    """Every value is there or a ParseError; what is written is read again."""
    try:
        message = Message(data)
    except ParseError as error:
        salvaged = Message.salvage(data)
        return f"{error.reason} {salvaged is not None and salvaged.reply(400).status}"
    refused = [name for name in VALUES if not _is_read(message, name)]
    for name in message.header_names()[:8]:
        message.get_all(name)
        message.values(name)
    copy = message.copy()
    if message.is_request:
        copy.set_request_uri("sip:x@example.com")
        copy.push_via("SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx")
    copy.set_body(b"body", "text/plain")
    again = Message(copy.to_bytes(stream=True))
    assert again.body == b"body"
    assert again.is_request == message.is_request
    return " ".join(refused)


VALUES = (
    *("request_uri", "via", "call_id", "cseq", "cseq_method", "from_"),
    *("to", "from_tag", "to_tag", "max_forwards", "expires", "content_type", "routes"),
    *("record_routes", "contacts", "paths", "server_key", "client_key"),
    *("identity", "loop_hash", "body", "check"),
)
OF_REQUESTS = ("request_uri", "loop_hash")


def _is_read(message: Message, name: str) -> bool:
    try:
        value = getattr(message, name)
        if callable(value):
            value()
    except ParseError:
        return False
    except AttributeError:
        assert name in OF_REQUESTS
        assert not message.is_request
    return True


def read_uri(data: bytes) -> str:
    """A URI equals itself, has one hash, and goes on without its parameters; so do the values that hold one."""
    text = text_of(data)
    paths = []
    try:
        uri = Uri(text)
    except ParseError as error:
        paths.append(error.reason)
    else:
        assert uri == Uri(uri.text)
        assert hash(uri) == hash(Uri(uri.text))
        paths.append(f"{uri.scheme if uri.scheme in ('sip', 'sips', 'tel') else 'other'} {uri.host_is_ip}")
        if uri.scheme in ("sip", "sips"):
            names = [name for name in uri.params if name.isascii()]
            assert len(uri.without_params(*names).params) == len(uri.params) - len(names)
    for kind in (NameAddr, Via):
        try:
            value = kind(text)
            _ = value.params
        except ParseError as error:
            paths.append(error.reason)
    return "|".join(paths)


def read_digest(data: bytes) -> str:
    """A challenge as a client reads it, and the credentials as a server does: the same, but that only a client cares for names
    which it doesn't know."""
    text = text_of(data)
    try:
        fields = parse_credentials(text)
    except MalformedDigestError as error:
        fields, reason = None, path_of(error)
    else:
        reason = "other scheme" if fields is None else str(len(fields))
    try:
        claim = DigestClaim.read(text)
    except ParseError as error:
        if fields is not None:
            raise
        return path_of(error)
    if claim is not None:
        claim.matches("0" * 32, "REGISTER", data)
        reason += f" {claim.fault}"
        read = {name: getattr(claim, name) for name in ("username", "realm", "nonce")}
        assert fields is None or read == {name: fields.get(name) for name in read}
    return reason


def receive_sip(data: bytes) -> str:
    """From a socket to the transaction layer: nothing is raised, and each message is counted as one thing. A request that got
    in has its transaction or its answer; of a stream the same comes however it is cut."""
    node = Wire(delay_s=0.0).node("192.0.2.1", transports=("udp", "tcp"))
    stack = Stack(node, RecordingUser(lambda transaction: transaction.respond(transaction.request.reply(200, to_tag="x"))))
    flow = node.flows.flow_of(0, ("192.0.2.2", 5060), 0)
    assert flow is not None
    stack.ingress.receive(data, flow)
    counted = {name.partition(",")[0]: count for name, count in stack.counters.items() if name.startswith(COUNTED)}
    assert sum(counted.values()) == 1, counted
    assert framed(data, len(data) or 1) == framed(data, 7)
    return str(sorted(stack.counters))


COUNTED = ("sip_keepalives", "sip_not_sip", "sip_parse_errors", "sip_requests_total", "sip_responses", "sip_dropped_responses")


def framed(data: bytes, size: int) -> tuple[list[bytes], bool]:
    """The messages in a stream that comes in pieces of that size, and whether it can't go on."""
    engine = Engine()
    messages: list[bytes] = []
    engine.receive = lambda message, flow: messages.append(message)
    stream = Stream(engine)
    for start in range(0, len(data), size):
        stream.data_received(data[start : start + size])
    assert not engine.errors
    ended = stream.closing
    stream.transport = None
    return messages, ended


TARGETS: dict[str, Target] = {
    "bencode": read_bencode,
    "json": read_json,
    "flags": read_flags,
    "sdp": read_sdp,
    "stun": read_stun,
    "sip": read_sip,
    "receive": receive_sip,
    "uri": read_uri,
    "digest": read_digest,
}


def seeds(name: str) -> Iterator[Path]:
    """The files of a target in the repository; every finding becomes one of them."""
    yield from sorted((CORPUS / name).iterdir())
    if name in ("sip", "receive"):
        torture = CORPUS.parents[1] / "torture"
        yield from sorted(path for folder in ("rfc4475", "rfc5118") for path in (torture / folder).iterdir())
