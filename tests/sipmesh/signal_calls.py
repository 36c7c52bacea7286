"""Calls between phones of a live signal node."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from native.sip import Message
from tests.sipmesh.phones import Phone

SDP = b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, 300.0))


async def call(
    caller: Phone, callee: Phone, uri: str, *, trusted: bool = False, answered_by: bytes = SDP
) -> tuple[Message, Message]:
    """A call set up: (INVITE as the callee got it, 200 as the caller got it), ACK delivered. A ``trusted`` caller is not
    challenged."""
    invite = caller.request("INVITE", uri, body=SDP)
    caller.send(invite)
    if not trusted:
        invite = caller.authorized(invite, await caller.final(invite))
        caller.send(invite)
    received = await callee.incoming("INVITE")
    callee.answer(received, 180)
    assert (await caller.status(180)).to_tag
    callee.answer(received, 200, body=answered_by)
    answered = await caller.status(200)
    caller.send(caller.within("ACK", answered, invite.cseq))
    await callee.incoming("ACK")
    return received, answered


async def hang_up(ender: Phone, other: Phone, bye: Message) -> None:
    ender.send(bye)
    received = await other.incoming("BYE")
    other.answer(received, 200)
    assert (await ender.final(bye)).status == 200
