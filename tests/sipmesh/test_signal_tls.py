"""The signal node over TLS: calls between transports, sips, certificates that change."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from interop.certificates import Authority
from sipcore.transport.tls_context import CertificateFiles
from sipmesh.config import Route, Tls, Trunk, TrunkTarget
from tests.sipcore.test_tls_out import Server
from tests.sipmesh.live_node import LiveNode
from tests.sipmesh.phones import Phone
from tests.sipmesh.signal_calls import call, hang_up, run


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def files(authority: Authority) -> CertificateFiles:
    return authority.issue("own", "DNS:example.com")


@pytest.mark.parametrize(("first", "second"), [("tls", "udp"), ("udp", "tls"), ("tls", "tcp"), ("tls", "tls")])
def test_calls_cross_between_tls_and_the_rest(
    tmp_path: Path, authority: Authority, files: CertificateFiles, first: str, second: str
) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            alice, bob = await node.phone("alice", first), await node.phone("bob", second)
            invite, answered = await call(alice, bob, "sip:bob@example.com")
            assert invite.via.transport == second.upper()
            ports = {"udp": node.port, "tcp": node.port, "tls": node.tls_port}
            routes = [(route.uri.port, route.uri.transport or "udp") for route in invite.record_routes]
            # RFC 3261 section 16.6 item 4: the topmost is for the callee's side
            sides = [second] if first == second else [second, first]
            assert routes == [(ports[side], side) for side in sides]
            await hang_up(alice, bob, alice.within("BYE", answered, 9))

    run(scenario())


@pytest.mark.parametrize("elsewhere", ["alice", "bob"])
def test_a_phone_that_names_another_port_is_reached_over_its_connection(
    tmp_path: Path, authority: Authority, files: CertificateFiles, elsewhere: str
) -> None:
    """As phones do that listen on 5061, where they have no certificate to show."""

    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            phones = [await node.phone(name, "tls", register=False) for name in ("alice", "bob")]
            for phone in phones:
                if phone.user == elsewhere:
                    phone.port = 5061
                assert (await phone.register()).status == 200
            alice, bob = phones
            invite, _ = await call(alice, bob, "sip:bob@example.com")
            await hang_up(bob, alice, bob.from_callee("BYE", invite, 9))

    run(scenario())


def test_sips_reaches_a_phone_over_tls_only(tmp_path: Path, authority: Authority, files: CertificateFiles) -> None:
    """RFC 3261 section 26.2.2: never in the clear."""

    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            alice = await node.phone("alice", "tls")
            await node.phone("bob", "udp")
            invite = alice.request("INVITE", "sips:bob@example.com")
            assert (await alice.ask(invite)).status == 480

    run(scenario())


class SipsPhone(Phone):
    """Whose Contact is a sips URI."""

    @property
    def contact(self) -> str:
        return f"<sips:{self.user}@127.0.0.1:{self.port}>"


@pytest.mark.parametrize("scheme", ["sips", "sip"])
def test_a_phone_with_a_sips_contact_is_called_over_its_connection(
    tmp_path: Path, authority: Authority, files: CertificateFiles, scheme: str
) -> None:
    """RFC 5630 section 5.3: by a Request-URI of the scheme that the caller used."""

    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            phones = [await node.phone(user, "tls", register=False) for user in ("alice", "bob")]
            for phone in phones:
                phone.__class__ = SipsPhone
                assert (await phone.register()).status == 200
            alice, bob = phones
            invite, answered = await call(alice, bob, f"{scheme}:bob@example.com")
            assert invite.request_uri_text == f"{scheme}:bob@127.0.0.1:{bob.port}"
            assert invite.record_routes[0].uri.scheme == scheme
            await hang_up(alice, bob, alice.within("BYE", answered, 9))

    run(scenario())


@pytest.mark.parametrize(("certified", "status"), [("localhost", 486), ("other.test", 500)])
def test_a_trunk_is_reached_over_tls_when_it_proves_its_name(
    tmp_path: Path, authority: Authority, files: CertificateFiles, certified: str, status: int
) -> None:
    """RFC 5922 section 7.3: the name is that of the URI, not the address behind it."""
    carrier_tls = authority.server(authority.issue("carrier", f"DNS:{certified}"))

    async def scenario() -> None:
        async with Server(carrier_tls) as carrier:
            trunk = Trunk(name="carrier", targets=(TrunkTarget(uri=f"sip:localhost:{carrier.port};transport=tls"),), probe_s=0)
            routes = (Route(match="+44*", to="trunk:carrier"),)
            client: Any = {"files": files, "trust": authority.client(), "tls": Tls(ca=authority.ca)}
            async with LiveNode(tmp_path, trunks=(trunk,), routes=routes, **client) as node:
                alice = await node.phone("alice")
                calling = asyncio.create_task(alice.ask(alice.request("INVITE", "sip:+441234@example.com")))
                if status == 486:
                    stream = await carrier.accepted.get()
                    invite = await stream.message()
                    assert (invite.via.transport, invite.via.port) == ("TLS", node.tls_port)
                    stream.send(invite.reply(486).raw)
                assert (await calling).status == status

    run(scenario())


def test_new_handshakes_use_a_renewed_certificate(tmp_path: Path, authority: Authority, files: CertificateFiles) -> None:
    async def shown(node: LiveNode) -> list[str]:
        trust, port = authority.client(), node.tls_port
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname="example.com")
        certificate = writer.get_extra_info("peercert")
        writer.close()
        return [value for _, value in certificate["subjectAltName"]]

    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            alice = await node.phone("alice", "tls")
            assert await shown(node) == ["example.com"]
            authority.issue("own", "DNS:renewed.test")
            node.node.load_certificates()
            assert await shown(node) == ["renewed.test"]
            Path(files.key).write_text("gone")
            node.node.load_certificates()
            assert await shown(node) == ["renewed.test"]
            assert node.counters["sip_certificate_errors_total"] == 1
            assert (await alice.register()).status == 200

    run(scenario())


def test_an_unverified_client_is_no_problem_without_client_ca(
    tmp_path: Path, authority: Authority, files: CertificateFiles
) -> None:
    async def scenario() -> None:
        async with LiveNode(tmp_path, files=files, trust=authority.client()) as node:
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            bare.load_verify_locations(authority.ca)
            node.trust = bare  # compares the name too
            assert (await (await node.phone("alice", "tls")).register()).status == 200

    run(scenario())
