"""A caller, our proxy, and a carrier that challenges."""

from __future__ import annotations

from typing import Any

from native.sip import Message
from sipmesh.config import Credentials, Route, Trunk, TrunkTarget
from tests.sipcore.proxy_world import Phone
from tests.sipmesh.signal_world import CARRIER, Carrier, SignalWorld

CALLED = "sip:+4420@open.example"


def trunk(*targets: str, **more: Any) -> Trunk:
    fields: dict[str, Any] = {"credentials": Credentials(username="acct", password="s3cret"), "probe_s": 0} | more
    made = tuple(TrunkTarget(uri=uri) for uri in targets or (f"sip:{CARRIER}",))
    return Trunk(name="carrier", targets=made, sources=(f"{CARRIER}/32",), **fields)


def world_of(**more: Any) -> tuple[SignalWorld, Alice, Carrier]:
    world = SignalWorld((trunk(),), (Route(match="+44*", to="trunk:carrier"),))
    return world, Alice(world), Carrier(world, **more)


class Alice(Phone):
    def __init__(self, world: Any) -> None:
        super().__init__(world, "192.0.2.10", 5060, "udp")

    def request(self, method: str, uri: str, headers: Any = (), **more: Any) -> Message:
        message = Message.request(
            method,
            uri,
            [
                ("Via", f"SIP/2.0/UDP {self.says_host}:5060;branch=z9hG4bK-a{next(self._branches)}"),
                ("Max-Forwards", "70"),
                ("From", f"<sip:alice@open.example>;tag={more.get('from_tag', 'caller')}"),
                ("To", f"<{uri}>"),
                ("Call-ID", more.get("call_id", "call-1")),
                ("CSeq", f"{more.get('cseq', 1)} {method}"),
                ("Contact", f"<{self.contact}>"),
                *headers,
            ],
        )
        self.send(message)
        return message


def answered(world: SignalWorld, alice: Alice, carrier: Carrier, cseq: int = 1) -> tuple[Message, Message]:
    """A call set up: INVITE as accepted by the carrier, 200 as the caller got it."""
    alice.request("INVITE", CALLED, cseq=cseq)
    world.run()
    invite = carrier.expect("INVITE")
    carrier.reply(invite, 200)
    world.run()
    answer = alice.expect(200)
    alice.within(answer, "ACK", cseq=cseq)
    world.run()
    return invite, answer
