"""TLS connections that peers open, over real loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from interop.certificates import Authority
from sipcore.transport.tls import TlsLayer, missing_bytes, whole_records
from sipcore.transport.tls_context import CertificateFiles, ListenerTls, listener_tls
from tests.sipcore.loop import Running, Stream, run
from tests.sipcore.messages import request


@pytest.fixture(scope="module")
def tls(own: CertificateFiles) -> ListenerTls:
    return listener_tls(own, {})


def options(branch: str = "z9hG4bK-1", **more: object) -> bytes:
    return request("OPTIONS", transport="TLS", sent_by="127.0.0.1:5999", branch=branch, **more).raw  # type: ignore[arg-type]


def shown_names(stream: Stream) -> list[str]:
    certificate = stream.writer.get_extra_info("ssl_object").getpeercert()
    return [value for _, value in certificate["subjectAltName"]]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_requests_are_served_over_tls(authority: Authority, tls: ListenerTls, version: ssl.TLSVersion) -> None:
    async def main() -> None:
        context = authority.client()
        context.minimum_version = context.maximum_version = version
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(context)
            for n in range(3):
                stream.send(options(f"z9hG4bK-{n}"))
                assert (await stream.message()).status == 200
            assert world.counters["sip_tls_handshakes_total"] == 1
            assert world.counters["sip_requests_total|method=OPTIONS,transport=tls"] == 3

    run(main())


def test_messages_longer_than_a_record_and_many_in_one(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(authority.client())
            stream.send(b"".join(options(f"z9hG4bK-{n}", body=b"x" * 3000) for n in range(20)))
            assert [(await stream.message()).via.branch for _ in range(20)] == [f"z9hG4bK-{n}" for n in range(20)]
            stream.send(options("z9hG4bK-long", body=b"y" * 60000))
            assert (await stream.message()).status == 200
            assert len(world.user.requests[-1].body) == 60000

    run(main())


def test_what_we_send_may_be_longer_than_a_record(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(authority.client())
            stream.send(options())
            await stream.message()
            [connection] = world.engine.flows.endpoints[2].connections.values()  # type: ignore[union-attr]
            world.engine.run(connection.send, b"z" * 100_000)
            assert await stream.bytes(100_000) == b"z" * 100_000

    run(main())


def test_keep_alives_are_answered(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(authority.client())
            stream.send(b"\r\n\r\n")
            assert await stream.bytes(2) == b"\r\n"
            assert world.counters["sip_keepalives_total|transport=tls"] == 1

    run(main())


@pytest.mark.parametrize(
    "garbage", [b"OPTIONS sip:a.test SIP/2.0\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"\xaa" * 70000, b"\0" * 9]
)
def test_garbage_instead_of_a_client_hello_ends_that_connection_only(
    authority: Authority, tls: ListenerTls, garbage: bytes
) -> None:
    async def main() -> None:
        async with Running(tls=tls, handshake_s=3600.0) as world:
            stream = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            stream.send(garbage)
            assert (await stream.closed())[:1] in (b"", b"\x15")  # an alert
            await world.until(lambda: not world.engine.flows.endpoints[2].busy)
            assert sum(n for name, n in world.counters.items() if name.startswith("sip_tls_handshakes_failed_total")) == 1
            good = await world.connect_tls(authority.client())
            good.send(options())
            assert (await good.message()).status == 200

    run(main())


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_is_refused(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        context = authority.client()
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        async with Running(tls=tls) as world:
            with pytest.raises(OSError, match=r"(?i)protocol|alert|reset"):
                await world.connect_tls(context)
            await world.until(lambda: world.counters["sip_tls_handshakes_failed_total|reason=protocol"] == 1)

    run(main())


def test_a_handshake_that_takes_too_long_is_cut_off(tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls, handshake_s=0.1) as world:
            mute = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            begun = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            begun.send(client_hello()[:100])
            assert await mute.closed() == await begun.closed() == b""
            assert world.counters["sip_tls_handshakes_failed_total|reason=timeout"] == 2
            assert world.counters["sip_connections_closed_total|reason=handshake"] == 2

    run(main())


def test_a_peer_that_goes_away_in_its_handshake(tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            stream.send(client_hello())
            stream.close()
            await world.until(lambda: world.counters["sip_tls_handshakes_failed_total|reason=closed"] == 1)
            assert not world.engine.flows.endpoints[2].busy

    run(main())


def test_a_client_hello_in_single_bytes(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            for byte in client_hello():
                stream.send(bytes([byte]))
                await asyncio.sleep(0)
            assert (await stream.bytes(1)) == b"\x16"  # ServerHello

    run(main())


def test_a_hello_that_comes_in_drops_wakes_us_up_a_few_times_only(
    authority: Authority, tls: ListenerTls, monkeypatch: pytest.MonkeyPatch
) -> None:
    received: list[int] = []
    pass_on = TlsLayer.data_received

    def counted(layer: TlsLayer, data: bytes) -> None:
        received.append(len(data))
        pass_on(layer, data)

    monkeypatch.setattr(TlsLayer, "data_received", counted)

    async def main() -> None:
        async with Running(tls=tls) as world:
            hello = client_hello()
            stream = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            stream.writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in hello:
                stream.send(bytes([byte]))
                await asyncio.sleep(0.001)
            assert (await stream.bytes(1)) == b"\x16"  # ServerHello
            assert sum(received) == len(hello)
            assert len(received) <= 4  # the first byte, its header, the rest

    run(main())


def test_after_a_hello_in_drops_single_bytes_are_read_again(authority: Authority, tls: ListenerTls) -> None:
    """Of what the connection carries, that is: each keep-alive is answered though it is shorter than a record's header."""

    async def main() -> None:
        async with Running(tls=tls) as world:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            client = authority.client().wrap_bio(incoming, outgoing, server_hostname="a.test")
            stream = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            while True:
                with contextlib.suppress(ssl.SSLWantReadError):
                    client.do_handshake()
                    break
                for byte in outgoing.read():
                    stream.send(bytes([byte]))
                    await asyncio.sleep(0)
                incoming.write(await stream.reader.read(65536))
            stream.send(outgoing.read())
            await world.until(lambda: world.counters["sip_tls_handshakes_total"] == 1)
            client.write(options())
            for byte in outgoing.read():
                stream.send(bytes([byte]))
                await asyncio.sleep(0)
            await world.until(lambda: world.counters["sip_requests_total|method=OPTIONS,transport=tls"])
            assert world.counters["sip_requests_total|method=OPTIONS,transport=tls"] == 1

    run(main())


def test_half_open_handshakes_count_as_connections(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls, max_connections_per_source=2) as world:
            held = [Stream(*await asyncio.open_connection(world.host, world.tls_port)) for _ in range(2)]
            await world.until(lambda: len(world.engine.flows.endpoints[2].connections) == 2)  # type: ignore[union-attr]
            assert await refused(world, authority.client())
            assert world.counters["sip_connections_closed_total|reason=connections per source"] == 1
            held[0].close()
            await world.until(lambda: len(world.engine.flows.endpoints[2].connections) == 1)  # type: ignore[union-attr]
            stream = await world.connect_tls(authority.client())
            stream.send(options())
            assert (await stream.message()).status == 200

    run(main())


def test_half_open_handshakes_of_one_source_are_limited(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls, max_handshakes_per_source=2) as world:
            connections = world.engine.flows.endpoints[2].connections  # type: ignore[union-attr]
            served = [await world.connect_tls(authority.client()) for _ in range(3)]  # those that have ended theirs don't count
            for number, stream in enumerate(served):
                stream.send(options(f"z9hG4bK-{number}"))
                assert (await stream.message()).status == 200
            held = [Stream(*await asyncio.open_connection(world.host, world.tls_port)) for _ in range(2)]
            await world.until(lambda: len(connections) == len(served) + 2)
            assert await refused(world, authority.client())
            assert world.counters["sip_connections_closed_total|reason=handshakes per source"] == 1
            held[0].close()
            await world.until(lambda: len(connections) == len(served) + 1)
            stream = await world.connect_tls(authority.client())
            stream.send(options("z9hG4bK-last"))
            assert (await stream.message()).status == 200

    run(main())


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", 0),
        (b"\x16", 0),
        (b"\x16\x03\x01\x00", 0),
        (b"\x16\x03\x01\x00\x02a", 0),
        (b"\x16\x03\x01\x00\x02ab", 7),
        (b"\x16\x03\x01\x00\x02ab\x14\x03", 7),
        (b"\x16\x03\x01\x00\x02ab\x14\x03\x03\x00\x01\x01", 13),
        (b"GET / HTTP/1.1\r\n", 16),
        (b"\x16\x03\x01\xff\xffab", 7),
    ],
)
def test_only_whole_records_are_worked_on(data: bytes, whole: int) -> None:
    assert whole_records(data) == whole


@pytest.mark.parametrize(
    ("begun", "missing"),
    [(b"\x16", 4), (b"\x16\x03\x01\x00", 1), (b"\x16\x03\x01\x02\x00", 512), (b"\x16\x03\x01\x00\x02a", 1)],
)
def test_what_a_record_lacks(begun: bytes, missing: int) -> None:
    assert missing_bytes(begun) == missing


def test_a_half_closed_connection_is_closed_after_what_came_before(authority: Authority, tls: ListenerTls) -> None:
    def client(port: int) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 3) as plain:
            secure = authority.client().wrap_socket(plain, server_hostname="a.test")
            secure.sendall(options())
            answer = secure.recv(65536)
            secure.unwrap()  # sends close_notify and waits for that of the other side
            return answer

    async def main() -> None:
        async with Running(tls=tls) as world:
            assert (await asyncio.to_thread(client, world.tls_port)).startswith(b"SIP/2.0 200")
            await world.until(lambda: not world.engine.flows.endpoints[2].busy)

    run(main())


def test_a_broken_record_ends_the_connection(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls) as world:
            stream = await world.connect_tls(authority.client())
            stream.send(options())
            await stream.message()
            raw = stream.writer.get_extra_info("socket")
            socket.socket(fileno=socket.dup(raw.fileno())).send(b"\x17\x03\x03\x00\x20" + b"\0" * 32)
            with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
                await stream.closed()
            await world.until(lambda: world.counters["sip_connections_closed_total|reason=tls"])

    run(main())


def test_stopping_ends_open_and_half_open_connections(authority: Authority, tls: ListenerTls) -> None:
    async def main() -> None:
        async with Running(tls=tls, stop_s=3600.0) as world:
            stream = await world.connect_tls(authority.client())
            mute = Stream(*await asyncio.open_connection(world.host, world.tls_port))
            await world.until(lambda: len(world.engine.flows.endpoints[2].connections) == 2)  # type: ignore[union-attr]
        assert await stream.closed() == await mute.closed() == b""

    run(main())


def client_hello() -> bytes:
    outgoing = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="a.test")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def test_a_client_certificate_is_demanded_when_an_authority_for_it_is_set(
    authority: Authority, own: CertificateFiles, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "Somebody Else").issue("peer", "DNS:b.test")

    async def main() -> None:
        async with Running(tls=listener_tls(own, {}, client_ca=authority.ca)) as world:
            for shown in (None, stranger):
                assert await refused(world, authority.client(shown))
            await world.until(lambda: sum(count_failed(world).values()) == 2)
            assert count_failed(world)["certificate"] == 1
            stream = await world.connect_tls(authority.client(authority.issue("peer", "DNS:b.test", "URI:sip:c.test")))
            stream.send(options())
            assert (await stream.message()).status == 200
            [connection] = world.engine.flows.endpoints[2].connections.values()  # type: ignore[union-attr]
            assert connection.identities == {"c.test"}

    run(main())


async def refused(world: Running, context: ssl.SSLContext) -> bool:
    """Whether a connection ends without an answer: in its handshake, or with TLS 1.3 after what is the client's end of it."""
    try:
        stream = await world.connect_tls(context)
        stream.send(options())
        return not await stream.closed()
    except OSError:
        return True


def count_failed(world: Running) -> dict[str, int]:
    head = "sip_tls_handshakes_failed_total|reason="
    return {name.removeprefix(head): n for name, n in world.counters.items() if name.startswith(head)}


def test_each_name_gets_its_certificate(authority: Authority, own: CertificateFiles) -> None:
    """RFC 5922 section 7.8."""
    by_name = {name: authority.issue(name, f"DNS:{name}") for name in ("b.test", "c.test")}

    async def main() -> None:
        async with Running(tls=listener_tls(own, by_name)) as world:
            for asked, shown in (("b.test", "b.test"), ("C.Test", "c.test"), ("d.test", "a.test"), ("127.0.0.1", "a.test")):
                stream = await world.connect_tls(authority.client(), asked)
                assert shown_names(stream) == [shown]
                stream.send(options())
                assert (await stream.message()).status == 200

    run(main())


def test_a_certificate_can_be_changed_while_connections_stay(authority: Authority, tls: ListenerTls) -> None:
    renewed = listener_tls(authority.issue("renewed", "DNS:renewed.test"), {})

    async def main() -> None:
        async with Running(tls=tls) as world:
            before = await world.connect_tls(authority.client())
            world.engine.tls = {2: renewed}
            after = await world.connect_tls(authority.client())
            assert (shown_names(before), shown_names(after)) == (["a.test"], ["renewed.test"])
            for stream in (before, after):
                stream.send(options())
                assert (await stream.message()).status == 200

    run(main())
