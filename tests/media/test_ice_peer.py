"""A full ICE agent, aioice, against a real daemon: it checks us, nominates, and media flows to a party of plain RTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aioice
import pytest

from tests.media.live import LOOPBACK, Live, Phone, Proxy, phones, port_of

TIMEOUT_S = 20.0


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: [LOOPBACK])


@pytest.fixture
def live() -> Iterator[Live]:
    with Live() as daemon:
        yield daemon


class Agent:
    """The controlling agent of one line, and its descriptions."""

    def __init__(self, components: int, mux: bool = False) -> None:
        self.connection = aioice.Connection(ice_controlling=True, components=components)
        self.mux = mux

    def sdp(self) -> str:
        own = self.connection
        first = own.get_default_candidate(1)
        assert first is not None
        lines = [
            "v=0",
            f"o=- 1 1 IN IP4 {LOOPBACK}",
            "s=-",
            f"c=IN IP4 {first.host}",
            "t=0 0",
            f"m=audio {first.port} RTP/AVP 0",
        ]
        second = None if self.mux else own.get_default_candidate(2)
        lines += ["a=rtcp-mux"] if self.mux else [f"a=rtcp:{second.port}"] if second is not None else []
        lines += [f"a=ice-ufrag:{own.local_username}", f"a=ice-pwd:{own.local_password}"]
        lines += [f"a=candidate:{candidate.to_sdp()}" for candidate in own.local_candidates]
        return "\r\n".join(lines) + "\r\n"

    async def meet(self, body: str) -> None:
        """Takes what we say, and checks it until it has nominated."""
        own = self.connection
        own.remote_is_lite = "a=ice-lite" in body
        for line in body.splitlines():
            name, _, value = line.partition(":")
            if name == "a=candidate":
                await own.add_remote_candidate(aioice.Candidate.from_sdp(value))
            elif name == "a=ice-ufrag":
                own.remote_username = value
            elif name == "a=ice-pwd":
                own.remote_password = value
        await own.add_remote_candidate(None)  # type: ignore[arg-type]
        await asyncio.wait_for(own.connect(), TIMEOUT_S)

    async def hears(self, data: bytes, component: int = 1) -> bool:
        """What comes next on that component is this."""
        received = await asyncio.wait_for(self.connection.recvfrom(), TIMEOUT_S)
        return received == (data, component)


@contextlib.asynccontextmanager
async def agent(components: int = 1, mux: bool = False) -> AsyncIterator[Agent]:
    made = Agent(components, mux)
    await made.connection.gather_candidates()
    try:
        yield made
    finally:
        await made.connection.close()


def asked(proxy: Proxy, command: str, sdp: str, **keys: Any) -> str:
    tags = {"from_tag": "a", **({"to_tag": "b"} if command == "answer" else {})}
    reply = proxy.ask(command, call_id="call", sdp=sdp, **(tags | keys))
    assert reply["result"] == "ok", reply
    return str(reply["sdp"])


def line_of(proxy: Proxy, tag: str) -> dict[str, Any]:
    line: dict[str, Any] = proxy.ask("query", call_id="call")["tags"][tag]["medias"][0]
    return line


async def talk(caller: Agent, bob: Phone, to: int) -> None:
    """A packet each way."""
    data = bob.packet()
    bob.rtp.sendto(data, (LOOPBACK, to))
    assert await caller.hears(data)
    data = bob.packet()
    await caller.connection.sendto(data, 1)
    assert await asyncio.to_thread(bob.rtp.recv, 2048) == data


@pytest.mark.parametrize("mux", [True, False])
def test_a_caller_with_ice_talks_to_a_phone_without(live: Live, mux: bool) -> None:
    async def call(bob: Phone) -> None:
        proxy = Proxy(live)
        async with agent(1 if mux else 2, mux) as caller:
            offered = asked(proxy, "offer", caller.sdp(), ICE="remove", rtcp_mux=["demux"])
            assert "a=candidate" not in offered
            await caller.meet(asked(proxy, "answer", bob.sdp()))
            await talk(caller, bob, port_of(offered))
            report = bob.report()
            bob.rtcp.sendto(report, (LOOPBACK, port_of(offered) + 1))
            assert await caller.hears(report, 1 if mux else 2)
            await caller.connection.sendto(report, 1 if mux else 2)
            assert await asyncio.to_thread(bob.rtcp.recv, 2048) == report
            line = line_of(proxy, "a")
            assert "ICE" in line["flags"]
            assert line["streams"][0]["checks"] > 0
            assert line["streams"][0]["endpoint"]["port"] == caller.connection.get_default_candidate(1).port  # type: ignore[union-attr]

    with phones(7) as (bob,):
        asyncio.run(call(bob))


def test_a_callee_with_ice_is_offered_it_and_may_check_before_its_answer_is_known(live: Live) -> None:
    async def call(alice: Phone) -> None:
        proxy = Proxy(live)
        async with agent(2) as callee:
            offered = asked(proxy, "offer", alice.sdp(), ICE="force")
            await callee.meet(offered)
            told = asked(proxy, "answer", callee.sdp())
            assert "a=ice" not in told
            await talk(callee, alice, port_of(told))

    with phones(7) as (alice,):
        asyncio.run(call(alice))


def test_a_restart_leads_media_to_another_socket(live: Live) -> None:
    async def call(bob: Phone) -> None:
        proxy = Proxy(live)
        async with agent(1, True) as first, agent(1, True) as second:
            offered = asked(proxy, "offer", first.sdp(), ICE="remove", rtcp_mux=["demux"])
            await first.meet(asked(proxy, "answer", bob.sdp()))
            await talk(first, bob, port_of(offered))
            asked(proxy, "offer", second.sdp(), to_tag="b", ICE="remove", rtcp_mux=["demux"])
            told = asked(proxy, "answer", bob.sdp())
            data = bob.packet()
            bob.rtp.sendto(data, (LOOPBACK, port_of(offered)))
            assert await first.hears(data)  # nobody has nominated anything else yet
            await second.meet(told)
            await talk(second, bob, port_of(offered))

    with phones(7) as (bob,):
        asyncio.run(call(bob))


def test_two_agents_talk_through_two_legs_of_ice(live: Live) -> None:
    async def call() -> None:
        proxy = Proxy(live)
        async with agent(1, True) as caller, agent(1, True) as callee:
            offered = asked(proxy, "offer", caller.sdp())
            told = asked(proxy, "answer", callee.sdp())
            await asyncio.gather(caller.meet(told), callee.meet(offered))
            packet = b"\x80\x00\x00\x01" + bytes(168)
            await caller.connection.sendto(packet, 1)
            assert await callee.hears(packet)
            await callee.connection.sendto(packet, 1)
            assert await caller.hears(packet)

    asyncio.run(call())


def test_what_is_no_rtp_goes_over_ice_as_it_is(live: Live) -> None:
    async def call(bob: Phone) -> None:
        proxy = Proxy(live)
        async with agent() as caller:
            offered = asked(
                proxy, "offer", caller.sdp().replace("RTP/AVP 0", "udptl t38").replace("audio", "image"), ICE="remove"
            )
            await caller.meet(asked(proxy, "answer", bob.sdp(kind="image", protocol="udptl t38")))
            bob.rtp.sendto(b"fax", (LOOPBACK, port_of(offered)))
            assert await caller.hears(b"fax")
            await caller.connection.sendto(b"page", 1)
            assert await asyncio.to_thread(bob.rtp.recv, 2048) == b"page"

    with phones(7) as (bob,):
        asyncio.run(call(bob))
