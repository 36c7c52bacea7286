"""Subscriptions over a trunk that challenges: their CSeq is shifted as a call's is."""

from __future__ import annotations

from native.sip import Message
from tests.sipmesh.editing_world import CALLED, Alice, trunk, world_of
from tests.sipmesh.signal_world import Carrier, SignalWorld


def subscribed(world: SignalWorld, alice: Alice, carrier: Carrier) -> tuple[Message, Message]:
    """SUBSCRIBE number 7 as accepted by the carrier, and the 200 as Alice got it."""
    alice.request("SUBSCRIBE", CALLED, (("Event", "presence"),), cseq=7)
    world.run()
    subscribe = carrier.expect("SUBSCRIBE")
    carrier.reply(subscribe, 200, (("Expires", "600"),))
    world.run()
    return subscribe, alice.expect(200)


def notify(carrier: Carrier, subscribe: Message, cseq: int, state: str) -> None:
    headers = (("Event", "presence"), ("Subscription-State", state), ("Contact", f"<{carrier.contact}>"))
    carrier.within(subscribe, "NOTIFY", cseq=cseq, headers=headers)


def test_a_subscription_is_shifted_as_a_call_is() -> None:
    world, alice, carrier = world_of()
    subscribe, answer = subscribed(world, alice, carrier)
    assert (carrier.challenged[0].cseq, subscribe.cseq, answer.cseq) == (7, 8, 7)
    notify(carrier, subscribe, 50, "active;expires=600")
    world.run()
    assert alice.expect("NOTIFY").cseq == 50
    for cseq in (8, 9):
        alice.within(answer, "SUBSCRIBE", cseq=cseq, headers=(("Event", "presence"), ("Contact", f"<{alice.contact}>")))
        world.run()
        refresh = carrier.got("SUBSCRIBE")[-1]
        assert refresh.cseq == cseq + 1
        carrier.reply(refresh, 200)
        world.run()
        assert alice.got(200)[-1].cseq == cseq
    carrier.digest = carrier.new_digest()  # the nonce is stale
    alice.within(answer, "SUBSCRIBE", cseq=10, headers=(("Event", "presence"), ("Contact", f"<{alice.contact}>")))
    world.run()
    assert [carrier.challenged[-1].cseq, carrier.got("SUBSCRIBE")[-1].cseq] == [11, 12]


def test_a_subscription_that_has_ended_is_forgotten() -> None:
    world, alice, carrier = world_of()
    subscribe, answer = subscribed(world, alice, carrier)
    assert len(world.calls.trunks.subscriptions) == 1
    notify(carrier, subscribe, 50, "terminated;reason=timeout")
    world.run()
    assert alice.expect("NOTIFY").get("Subscription-State") == "terminated;reason=timeout"
    assert not len(world.calls.trunks.subscriptions)
    alice.within(answer, "SUBSCRIBE", cseq=8, headers=(("Event", "presence"), ("Contact", f"<{alice.contact}>")))
    world.run()
    assert alice.expect(403)
    assert len(carrier.got("SUBSCRIBE")) == 1


def test_who_is_subscribed_to_by_a_trunk_has_his_notifies_answered_for() -> None:
    world = SignalWorld((trunk(),), users=("bob",))
    carrier, bob = Carrier(world), world.phone("192.0.2.20")
    carrier.wants = {"NOTIFY"}
    world.bind("bob@open.example", bob)
    carrier.request("SUBSCRIBE", "sip:bob@open.example", (("Event", "presence"),), from_tag="far")
    world.run()
    subscribe = bob.expect("SUBSCRIBE")
    bob.reply(subscribe, 200)
    world.run()
    for cseq in (20, 21):
        headers = (("Event", "presence"), ("Subscription-State", "active"), ("Contact", f"<{bob.contact}>"))
        bob.within(subscribe, "NOTIFY", cseq=cseq, headers=headers)
        world.run()
        assert carrier.got("NOTIFY")[-1].cseq == cseq + 1
    assert len(carrier.challenged) == 1
