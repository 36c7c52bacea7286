"""TLS connections that we open: whom we believe, and which connections are used again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from interop.certificates import Authority
from native.sip import Message, Via
from sipcore.errors import TransportError
from sipcore.flow import Destination, Flow, Listener
from sipcore.proxy.forward import via_start
from sipcore.transport.tls_context import CertificateFiles, ListenerTls, listener_tls
from tests.sipcore.loop import Running, Stream, run
from tests.sipcore.messages import request
from tests.sipcore.users import RecordingClient


@pytest.fixture(scope="module")
def tls(authority: Authority, own: CertificateFiles) -> ListenerTls:
    return listener_tls(own, {}, ca=authority.ca)


class Server:
    """A TLS peer that accepts, on loopback."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.context = context
        self.accepted: asyncio.Queue[Stream] = asyncio.Queue()
        self.asked: list[str | None] = []
        context.sni_callback = lambda _, name, __: self.asked.append(name)

    async def __aenter__(self) -> Server:
        self.server = await asyncio.start_server(
            lambda r, w: self.accepted.put_nowait(Stream(r, w)), "127.0.0.1", 0, ssl=self.context
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()

    def named(self, name: str) -> Destination:
        return Destination("tls", "127.0.0.1", self.port, name)


def options(flow: Flow, branch: str = "z9hG4bK-1") -> Message:
    return request("OPTIONS", transport="TLS", sent_by=flow.listener.sent_by, branch=branch)


def test_a_request_goes_out_and_its_answer_comes_back(authority: Authority, tls: ListenerTls) -> None:
    context = authority.server(authority.issue("peer", "DNS:peer.test"))

    async def main() -> None:
        async with Server(context) as peer, Running(tls=tls) as world:
            flow = world.engine.flows.flow_to(peer.named("peer.test"))
            client = RecordingClient()
            world.engine.run(world.layer.request, options(flow), flow, client)
            stream = await peer.accepted.get()
            stream.send((await stream.message()).reply(200).raw)
            await world.until(lambda: client.told == [200])
            assert peer.asked == ["peer.test"]
            assert world.engine.flows.flow_to(peer.named("peer.test")) is flow

    run(main())


def wrong_name(authority: Authority, _: Path) -> ssl.SSLContext:
    return authority.server(authority.issue("bad", "DNS:other.test"))


def wildcard(authority: Authority, _: Path) -> ssl.SSLContext:
    return authority.server(authority.issue("bad", "DNS:*.test"))


def uri_for_another(authority: Authority, _: Path) -> ssl.SSLContext:
    """A sip URI among the names makes the DNS names count for nothing (RFC 5922 section 7.1)."""
    return authority.server(authority.issue("bad", "DNS:peer.test", "URI:sip:other.test"))


def expired(authority: Authority, _: Path) -> ssl.SSLContext:
    return authority.server(authority.issue("bad", "DNS:peer.test", days=-1))


def unknown_authority(_: Authority, folder: Path) -> ssl.SSLContext:
    other = Authority(folder, "Somebody Else")
    return other.server(other.issue("bad", "DNS:peer.test"))


@pytest.mark.parametrize(
    ("server", "reason", "said"),
    [
        (wrong_name, "identity", "the certificate is for other.test, not for peer.test"),
        (wildcard, "identity", "the certificate is for *.test, not for peer.test"),
        (uri_for_another, "identity", "the certificate is for other.test, not for peer.test"),
        (expired, "certificate", "certificate has expired"),
        (unknown_authority, "certificate", "unable to get local issuer certificate"),
    ],
)
def test_a_server_that_does_not_prove_its_name_gets_nothing(
    authority: Authority,
    tls: ListenerTls,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    server: Callable[[Authority, Path], ssl.SSLContext],
    reason: str,
    said: str,
) -> None:
    async def main() -> None:
        async with Server(server(authority, tmp_path)) as peer, Running(tls=tls) as world:
            flow = world.engine.flows.flow_to(peer.named("peer.test"))
            client = RecordingClient()
            world.engine.run(world.layer.request, options(flow), flow, client)
            await world.until(lambda: flow.closed and client.told == ["transport error"])
            assert world.counters[f"sip_tls_handshakes_failed_total|reason={reason}"] == 1
            assert said in caplog.text
            if not peer.accepted.empty():  # with TLS 1.3 the server is done before we judge
                assert await peer.accepted.get_nowait().closed() == b""
            assert world.engine.flows.flow_to(peer.named("peer.test")) is not flow

    run(main())


@pytest.mark.parametrize("names", [("URI:sip:peer.test", "DNS:other.test"), ("DNS:other.test", "DNS:Peer.Test"), ()])
def test_names_that_do_match(authority: Authority, tls: ListenerTls, names: tuple[str, ...]) -> None:
    context = authority.server(authority.issue("peer", *names, subject="peer.test"))

    async def main() -> None:
        async with Server(context) as peer, Running(tls=tls) as world:
            flow = world.engine.flows.flow_to(peer.named("peer.test"))
            world.engine.run(flow.send, options(flow).raw)
            assert (await (await peer.accepted.get()).message()).method == "OPTIONS"

    run(main())


def test_a_connection_is_used_again_for_the_names_proved_on_it_and_no_other(authority: Authority, tls: ListenerTls) -> None:
    """RFC 5923 section 8.1."""
    context = authority.server(authority.issue("peer", "DNS:peer.test", "DNS:second.test"))

    async def main() -> None:
        async with Server(context) as peer, Running(tls=tls) as world:
            flows = world.engine.flows
            flow = flows.flow_to(peer.named("peer.test"))
            await peer.accepted.get()
            await world.until(lambda: world.counters["sip_tls_handshakes_total"] == 1)
            assert flows.flow_to(peer.named("second.test")) is flow
            assert flows.flow_to(peer.named("127.0.0.1")) is flow
            assert flows.flow_to(peer.named("third.test")) is not flow
            with pytest.raises(TransportError, match="no name"):
                flows.flow_to(peer.named(""))

    run(main())


@pytest.mark.parametrize(("certified", "alias"), [(True, True), (True, False), (False, True)])
def test_an_alias_needs_a_client_certificate_and_the_word(
    authority: Authority, own: CertificateFiles, certified: bool, alias: bool
) -> None:
    """RFC 5923 section 8.2."""
    peer = authority.issue("peer", "DNS:peer.test")
    tls = listener_tls(own, {}, client_ca=authority.ca if certified else "", ca=authority.ca)

    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(authority.client(peer))
            asked = request("OPTIONS", transport="TLS", sent_by="peer.test:15061", branch="z9hG4bK-1").raw
            stream.send(asked.replace(b";branch", b";alias;branch") if alias else asked)
            assert (await stream.message()).status == 200
            [connection] = world.engine.flows.endpoints[2].connections.values()  # type: ignore[union-attr]
            flow = world.engine.flows.flow_to(Destination("tls", "127.0.0.1", 15061, "peer.test"))
            assert (flow is connection) == (certified and alias)
            assert world.engine.flows.flow_to(Destination("tls", "127.0.0.1", stream.port, "127.0.0.1")) is connection

    run(main())


def test_clause_59_our_via_says_alias_over_tls_alone() -> None:
    """RFC 5923 section 8.1."""
    listeners = [Listener(index, name, "192.0.2.1", 5061, "p.test", 5061) for index, name in enumerate(("udp", "tcp", "tls"))]
    assert ["alias" in Via(via_start(each) + "z9hG4bK1").params for each in listeners] == [False, False, True]


def test_an_ack_after_the_connection_closed_takes_another_one_to_the_same_name(authority: Authority, tls: ListenerTls) -> None:
    context = authority.server(authority.issue("peer", "DNS:peer.test"))

    async def main() -> None:
        async with Server(context) as peer, Running(tls=tls) as world:
            flow = world.engine.flows.flow_to(peer.named("peer.test"))
            (await peer.accepted.get()).close()
            await world.until(lambda: flow.closed)
            again = world.layer.live_flow(flow)
            assert again is not flow
            assert again.name == "peer.test"
            world.engine.run(again.send, options(again, "z9hG4bK-2").raw)
            assert (await (await peer.accepted.get()).message()).method == "OPTIONS"

    run(main())


def test_a_server_that_wants_a_certificate_gets_ours(authority: Authority, tls: ListenerTls) -> None:
    context = authority.server(authority.issue("peer", "DNS:peer.test"), wants_client=True)

    async def main() -> None:
        async with Server(context) as peer, Running(tls=tls) as world:
            flow = world.engine.flows.flow_to(peer.named("peer.test"))
            world.engine.run(flow.send, options(flow).raw)
            stream = await peer.accepted.get()
            assert (await stream.message()).method == "OPTIONS"
            shown = stream.writer.get_extra_info("ssl_object").getpeercert()
            assert shown["subjectAltName"] == (("DNS", "a.test"),)

    run(main())


def test_a_server_that_never_answers_the_hello(tls: ListenerTls) -> None:
    kept = []  # a writer that nobody holds is closed

    async def keep(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept.append(writer)
        await asyncio.sleep(9)

    async def main() -> None:
        silent = await asyncio.start_server(keep, "127.0.0.1", 0)
        async with silent, Running(tls=tls, handshake_s=0.1) as world:
            port = silent.sockets[0].getsockname()[1]
            flow = world.engine.flows.flow_to(Destination("tls", "127.0.0.1", port, "peer.test"))
            client = RecordingClient()
            world.engine.run(world.layer.request, options(flow), flow, client)
            await world.until(lambda: client.told == ["transport error"])
            assert world.counters["sip_tls_handshakes_failed_total|reason=timeout"] == 1

    run(main())
