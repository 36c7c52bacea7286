"""Every call of the binding, in a loop: references and memory stay as they were."""

import contextlib
import gc
import resource
import socket
import sys
import tracemalloc
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from native import sip
from native.sip import Cookie, Mac, Message, NameAddr, ParseError, UdpSocket, Uri, Via
from sipcore.keys import Key, KeyRing
from sipcore.location import Binding, encode_bindings
from sipcore.ports import Target
from tests.native.shell import Engine, Ingress, Layer, Shell, Stream
from tests.native.sip_samples import INVITE, REGISTER, RESPONSE, replaced

LOOPS = 100
LATIN = replaced(b"Alice", b"\xff\xe9")
BAD = replaced(b"Content-Length: 4", b"Content-Length: 40")


class Flows:
    """Has one flow, by whatever name."""

    def __init__(self, flow: object = SimpleNamespace(closed=False)) -> None:
        self.flow = flow

    def flow_of(self, *name: object) -> object:
        return self.flow


class Text(str):
    """Not a compact ASCII str to the C API."""

    __slots__ = ()


ATTRIBUTES = [name for name in dir(Message) if not name.startswith("_") and not callable(getattr(Message, name))]


def read_all(value: object, names: list[str]) -> None:
    for name in names:
        try:
            getattr(value, name)
        except (ParseError, AttributeError):
            continue


def read_messages() -> None:
    for data in (INVITE, RESPONSE, REGISTER, LATIN):
        message = Message(data)
        read_all(message, ATTRIBUTES)
        read_all(message, ATTRIBUTES)
        message.check()
        repr(message)
        for name in ("Via", "Allow", "X-Odd", Text("From"), "Ünknown"):
            message.get(name), message.get_all(name), message.values(name), message.has("X", name)
        message.header_names()
        message.sender_natted("192.0.2.1", True), message.sender_natted(Text("ü"), False)


def read_bindings() -> None:
    for contact in ("sip:a@192.0.2.1", "sip:é@h", "tel:1"):
        for flow in ({}, {"natted": True}, {"reg_id": 1, "connection_id": 4}, {"path": ("<sip:p;lr>", "<sip:q;lr>")}):
            sip.bound_to(encode_bindings([Binding(contact, "c", 1, 100.0, **flow)]), 1.0, Flows(), Target)
    token = sip.flow_name(1, "2001:db8::1", 5060, 1 << 40)
    sip.flow_of_token(Flows(), token), sip.flow_of_token(Flows(None), token)


def remember() -> None:
    texts = sip.RecentTexts()
    for text in ("a@b", Text("a@b"), "é", "x" * 64):
        texts.add(text), text in texts
    texts.clear()
    texts.add("c@d")
    Message(INVITE).request_uri, Message(REGISTER).request_uri
    sip.forget_idle_uris(), sip.forget_idle_uris()


def read_faults() -> None:
    spoiled = INVITE.replace(b"UDP", b"").replace(b"CSeq: 2", b"CSeq: x").replace(b"<sip:", b"<")
    message = Message(spoiled)
    read_all(message, ATTRIBUTES)
    for call in (
        message.check,
        message.pop_via,
        message.pop_via,
        lambda: message.derive("ACK"),
        lambda: message.stamp_source("x", 1),
        lambda: Message(BAD),
    ):
        try:
            call()
        except ParseError:
            continue


def edit() -> None:
    message = Message(LATIN)
    read_all(message, ATTRIBUTES)
    copy = message.copy()
    copy.stamp_source("192.0.2.1", 5)
    copy.push_via("SIP/2.0/UDP a;branch=z9hG4bKé")
    copy.push_route("<sip:a>")
    copy.append_route(Text("<sip:b>"))
    copy.push_record_route("<sip:c>")
    copy.set(Text("X-A"), Text("b"))
    copy.push("X-B", "c" * 2000)
    copy.append("X-C", "ü")
    copy.remove("Allow")
    copy.set_request_uri("sip:é@x")
    copy.set_body(b"x" * 100, "text/plain")
    read_all(copy, ATTRIBUTES)
    copy.to_bytes(), copy.to_bytes(stream=True), copy.copy().to_bytes()
    copy.push_via("SIP/2.0/UDP é"), copy.push_record_route("<sip:é>"), copy.push_record_route(Text("<sip:e>"))
    copy.route_param("lr"), copy.route_param(Text("c")), copy.route_param("é")
    for uri in (copy.request_uri_text, Text("sip:new"), "sip:é"):
        read_all(copy.forwarded(uri, 70, 60), ATTRIBUTES)
    copy.pop_via(), copy.pop_route(), copy.pop_last_route()
    copy.set("CSeq", "1 INVITE")
    response = Message(RESPONSE)
    response.set("CSeq", "1 BYE")


def refuse_edits() -> None:
    message = Message(INVITE)
    calls: list[Callable[[], object]] = [
        lambda: message.set("é", "x"),
        lambda: message.set(Text("X"), "a\nb"),
        lambda: message.set("X", "é\n"),
        lambda: message.set("X", "y" * 70000),
        lambda: message.set("X", 5),  # type: ignore[arg-type]
        lambda: message.push("X"),  # type: ignore[call-arg]
        lambda: message.set_request_uri("é x"),
        lambda: message.forwarded("é x", 70, 60),
        lambda: message.forwarded("sip:x", 70, -1),
        lambda: message.forwarded("sip:x", 70),  # type: ignore[call-arg]
        lambda: message.forwarded("y" * 70000, 70, 60),
        lambda: Message(RESPONSE).forwarded("sip:x", 70, 60),
        lambda: message.route_param(5),  # type: ignore[arg-type]
        lambda: message.set_body("x"),  # type: ignore[arg-type]
        lambda: message.set_body(b"x", "é\n"),
        lambda: message.stamp_source("é\n", 5),
        lambda: message.stamp_source("192.0.2.1", 70000),
        lambda: message.reply(200, "é\n"),
        lambda: message.reply(200, "é", to_tag="é"),
        lambda: message.reply(200, headers=[("X", "y"), ("X", "é\n")]),
        lambda: message.reply(200, headers=[("X",)]),  # type: ignore[list-item]
        lambda: message.reply(999),
        lambda: Message(RESPONSE).trying(),
        lambda: message.derive("é"),  # type: ignore[arg-type]
        lambda: Message.request("é", "é", []),
        lambda: Message.request("A", "é b", []),
        lambda: Message.request("A", "é", [5]),  # type: ignore[list-item]
        lambda: Message("x"),  # type: ignore[arg-type]
        lambda: Message.received(INVITE, ("é\n", 5)),
        lambda: Message.received(BAD, ("192.0.2.1", 5)),
        lambda: Message(INVITE, data=INVITE),  # type: ignore[misc]
        lambda: Message(other=INVITE),  # type: ignore[call-arg]
        lambda: message.to_bytes(True),  # type: ignore[misc]
        lambda: message.get(b"x"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError, AttributeError)):
            call()


def credentials() -> None:
    for value in ('Digest a="\\"b", C=é', "Digest a=b,a=c", 'Digest a="', Text("Digest a=b"), "Basic x"):
        try:
            sip.digest_params(value)
        except ParseError:
            continue


def build() -> None:
    message = Message(LATIN)
    message.reply(100), message.trying()
    message.reply(486, Text("Büsy"), to_tag=Text("t"), headers=[(Text("Contact"), "<sip:ü>")], body=b"x")
    for tags, reason in ((Mac(bytes(16)), "é"), (Mac(bytes(16)), "a\n"), (None, None)):
        try:
            message.answer(tags, 200, reason, ((Text("Contact"), "<sip:ü>"),), b"x")  # type: ignore[arg-type]
        except (ValueError, TypeError):
            continue
    message.derive("ACK"), message.derive(Text("CANCEL"))  # type: ignore[arg-type]
    Message.request(Text("OPTIONS"), "sip:é", [("Via", "x"), ("From", "é")], b"body")
    Message(data=INVITE)


def salvage() -> None:
    for data in (BAD, LATIN, b"", b"noise\r\n\r\n", RESPONSE):
        message = Message.salvage(data)
        if message is not None:
            read_all(message, ATTRIBUTES)
            message.reply(400).to_bytes()


def values() -> None:
    for text in ("sip:%61:b@C:5;lr;x=%41;transport=TCP;maddr=a?x=y", "tel:+1;a=b", "urn:x", "sip:é@x", Text("sip:[::1]")):
        uri = Uri(text)
        read_all(uri, [name for name in dir(uri) if name[0] != "_"] * 2)
        assert uri == Uri(text)
        hash(uri), str(uri), repr(uri)
        uri.without_params("lr", "x")
    for text in ('"é" <sip:a@b>;tag=x;y="z"', "*", "sip:a", "é <sip:a>"):
        addr = NameAddr(text)
        read_all(addr, ["display", "uri", "params", "tag", "is_star"] * 2)
        str(addr), repr(addr)
    via = Via(Text('SIP/2.0/UDP [::1]:5;branch=a;rport;received=1.1.1.1;x="é"'))
    read_all(via, [name for name in dir(via) if name[0] != "_"] * 2)
    str(via), repr(via)
    Uri.build("sip", "a", "::1", 5, {"lr": None, "x": "y"}), Uri.build("sip", None, "b", None, None)


def refuse_values() -> None:
    calls: list[Callable[[], object]] = [
        lambda: Uri("sip:é@"),
        lambda: Uri("x"),
        lambda: Uri(5),  # type: ignore[arg-type]
        lambda: Uri("\ud800"),
        lambda: Uri.build("sip", None, "é"),
        lambda: Uri.build("sip", "a", "b", None, []),  # type: ignore[arg-type]
        lambda: Uri("sip:a;b").without_params("é"),
        lambda: NameAddr("é"),
        lambda: NameAddr("\ud800"),
        lambda: Via("é"),
        lambda: Via("\ud800"),
        lambda: sip.crc_slot("\ud800"),
        lambda: sip.tag_hash("\ud800"),
        lambda: sip.tag_hash(5),  # type: ignore[arg-type]
        lambda: sip.crc_slot(5),  # type: ignore[arg-type]
        lambda: sip.frame_length(INVITE, 99999),
        lambda: sip.frame_length(b"\x16\x03\x01"),
        lambda: sip.frame_length("x"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises((ValueError, TypeError)):
            call()


def module_functions() -> None:
    sip.frame_length(INVITE)
    sip.frame_length(bytearray(INVITE), 0)
    sip.frame_length(memoryview(INVITE)[:-1])
    sip.crc_slot("é"), sip.crc_slot(Text("x"))


def macs() -> None:
    mac = Mac(bytes(16))
    for text in ("text", "é", Text("text"), "\udcff"):
        assert mac.matches(text, mac.of(text))
        mac.matches(text, text)
        mac.branch(text, text, text, text, text, text, 0)
        sip.tag_hash(text), sip.tag_hash(None)
    for wrong in (b"", None):
        for call in (
            *(Mac, mac.of, lambda value: mac.matches("", value), lambda value: mac.matches(value, "")),
            lambda value: mac.branch("é", "é", value, "", "", "", 0),
            lambda value: mac.branch("é", "", "", "", "", "", value),
        ):
            with pytest.raises((TypeError, ValueError)):
                call(wrong)  # type: ignore[operator]


RING = KeyRing("cookie", Key("k", bytes(32)))


def cookies() -> None:
    request = Message.request("BYE", "sip:a@b", [("From", "<sip:a@b>;tag=x"), ("To", "<sip:a@b>;tag=y"), ("Call-ID", "call")])
    hashed = sip.tag_hash("x")
    for fields in (f"key~{hashed}~~", f"key~{hashed}~0_192.0.2.9_1_0~", f"key~{hashed}~~{'é' * 1100}"):
        text = Cookie.issue(RING, fields, "call").text
        assert Cookie.read(RING, text, request) is not None
        Cookie.read(RING, text + "é", request), Cookie.read(RING, text[:-1], request)
    for wrong in ((RING, "key", "call"), (RING, b"", "call"), (RING, "1~2~~", None), (None, "", "call")):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            Cookie.issue(*wrong)  # type: ignore[arg-type]


def sockets() -> None:
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.bind(("127.0.0.1", 0))
    near = UdpSocket(plain.detach())
    for _ in range(3):
        near.queue(INVITE, near.address, "127.0.0.1")
        near.queue(b"x", ("127.0.0.1", 0))
        near.queue(b"y", (Text("127.0.0.1"), near.address[1]), Text("127.0.0.1"))
        near.flush()
        near.receive()
        near.queue(INVITE, ("127.0.0.1", 9))  # nobody listens
        near.flush()
        near.receive()
        near.unreachable()
    for wrong in ((b"x", ("é", 1)), (b"x", 5), (5, ("127.0.0.1", 1)), (b"x", ("127.0.0.1", 1), "é")):
        with pytest.raises((ValueError, TypeError)):
            near.queue(*wrong)  # type: ignore[arg-type]
    near.queue(b"never sent", near.address)
    near.fileno(), near.dropped, near.oversized, near.pending, near.address


def overloads() -> None:
    held = ({Message(REGISTER).server_key: 1},)
    with Shell() as shell:
        shell.engine.admission = SimpleNamespace(sorting=True, shed=lambda count: None)
        for rules in ((0, 5, held, 1, 0), (0, 0, held, 1, 0), None):
            shell.port.shedding = lambda rules=rules: rules
            for data in (
                INVITE,
                REGISTER,
                RESPONSE,
                LATIN,
                BAD,
                INVITE.replace(b"Via: ", b"Via: SIP/2.0/UDP 127.0.0.1;rport,"),
            ):
                with contextlib.suppress(ValueError):
                    shell.send(data)
        shell.engine.admission = None


def shells() -> None:
    with Shell() as shell:
        for _ in range(3):
            shell.send(INVITE, RESPONSE, BAD, b"", b"\r\n", LATIN)
            shell.answers(2)
            for remote in (("127.0.0.1", 9), ("nowhere", 1), shell.peer.getsockname()):
                shell.port.flow(remote).send(b"x")
                shell.port.flow(remote, "127.0.0.2")
            shell.port.flush()
            shell.port.discard()
        with pytest.raises(TypeError):
            shell.port.flow(5)  # type: ignore[arg-type]


def streams() -> None:
    engine = Engine()
    engine.receive = Ingress(Layer(), {}).receive
    stream = Stream(engine)
    for piece in (INVITE[:100], INVITE[100:] + b"\r\n" + INVITE, INVITE[:5], INVITE[5:] + BAD + b"\x16"):
        stream.data_received(piece)
    stream.forget()
    engine.receive = None  # type: ignore[assignment]
    stream.transport = None


def rates() -> None:
    """Numbers kept here, and those of a class of Python's."""
    flow = SimpleNamespace(
        remote=("192.0.2.9", 40000), listener=SimpleNamespace(transport="tls", index=0), reliable=True, connection_id=7
    )
    sip.is_unverifiable(Message(INVITE), flow)
    for numbers in (sip.RecentBase(2), Slow()):
        taken, pauses = sip.RatesBase(1.0, 2.0, numbers), sip.BackoffBase(numbers, numbers)
        for key in ("a", ("b", "c"), "d", "a"):
            taken.take(key, 10.0), pauses.pause_left_s(key, 10.0), pauses.succeeded(key)
            for refused in (taken.take, pauses.pause_left_s):
                with contextlib.suppress(TypeError):
                    refused([], 10.0)
                with contextlib.suppress(TypeError):
                    refused(key, key)


class Slow(dict[object, float]):
    """The interface of RecentBase."""

    put = dict.__setitem__

    def hold(self, key: object) -> None:
        pass

    def release(self, key: object) -> None:
        pass

    def drop(self, key: object) -> None:
        self.pop(key, None)


CALLS = [
    rates,
    read_messages,
    read_bindings,
    read_faults,
    edit,
    refuse_edits,
    credentials,
    build,
    salvage,
    values,
    refuse_values,
    module_functions,
    remember,
    macs,
    cookies,
    sockets,
    overloads,
    shells,
    streams,
]


def shared_counts() -> list[int]:
    """Reference counts of what many calls touch."""
    shared = [
        None,
        INVITE,
        RESPONSE,
        LATIN,
        BAD,
        Message(INVITE).method,
        Message(INVITE).header_names()[0],
        Uri,
        NameAddr,
        Via,
        Message,
        ParseError,
    ]
    return [sys.getrefcount(thing) for thing in shared]


def growth(call: Callable[[], None]) -> int:
    """Bytes that LOOPS calls leave behind."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(LOOPS):
        call()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_loops_leave_nothing_behind(call: Callable[[], None]) -> None:
    tracemalloc.start()
    try:
        call()
        gc.collect()  # the garbage of earlier tests holds references too
        before = shared_counts()
        grown = min(growth(call) for _ in range(3))  # the interpreter's own caches grow once, a leak each time
        after = shared_counts()
    finally:
        tracemalloc.stop()
    assert grown < LOOPS * 16, f"{grown / LOOPS:.0f} bytes a loop"
    assert all(abs(one - other) < LOOPS for one, other in zip(before, after, strict=True))


def test_the_cores_own_memory_stays() -> None:
    """What the C core allocates is no business of tracemalloc: the process must not grow."""
    for _ in range(2000):
        edit()
        build()
        salvage()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(6000):
        edit()
        build()
        salvage()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000  # KiB; one leaked line table a loop would be 5000
