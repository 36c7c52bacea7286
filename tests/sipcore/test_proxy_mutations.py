"""Messages damaged at random: whatever a peer sends, the core answers or drops it, and serves the next call."""

from random import Random

import pytest

from native.sip import Message
from tests.sipcore.proxy_world import Phone, Recorder, World, call

SNIPPETS = (
    b"",
    b"\r\n",
    b";",
    b",",
    b"<",
    b">",
    b'"',
    b":",
    b"@",
    b"=",
    b"\0",
    b"\xff\xfe",
    b"%zz",
    b"9" * 40,
    b"[::",
    b"sip:",
    b";lr",
)


def damage(data: bytes, random: Random) -> bytes:
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data))
        kind = random.randrange(4)
        if kind == 0:
            data = data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]
        elif kind == 1:
            data = data[:at] + random.choice(SNIPPETS) + data[at + random.randint(0, 3) :]
        elif kind == 2:
            lines = data.split(b"\r\n")
            lines.insert(random.randrange(len(lines)), random.choice(lines))
            data = b"\r\n".join(lines)
        else:
            data = data[:at] + data[at + random.randint(1, 20) :]
        data = data or b"x"
    return data


def still_serves(world: World, alice: Phone, bob: Phone) -> bool:
    world.run(1)
    alice.node.received.clear()
    bob.node.received.clear()
    invite = alice.request("INVITE", "sip:bob@example.com", call_id="after", from_tag="after")
    world.run(0.1)
    received = [message for message in bob.got("INVITE") if message.call_id == invite.call_id]
    if len(received) != 1:
        return False
    bob.reply(received[0], 200)
    world.run(0.1)
    return any(message.call_id == "after" for message in alice.got(200))


@pytest.mark.parametrize("seed", range(6))
def test_damaged_requests_do_no_harm(seed: int) -> None:
    random = Random(seed)
    world = World()
    world.app.exchange = Recorder()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    _, answer = call(world, alice, bob)
    samples = [
        alice.request("INVITE", "sip:bob@example.com", (("Proxy-Require", "x"), ("Max-Breadth", "60")), call_id="c2"),
        alice.request("OPTIONS", "sip:192.0.2.1", max_forwards=0),
        alice.request("INVITE", "sip:bob@example.com;maddr=192.0.2.1", (("Route", "<sip:192.0.2.1;lr>"),), call_id="c3"),
        alice.within(answer, "BYE"),
        alice.within(answer, "INVITE", 5),
        alice.within(answer, "ACK"),
        alice.cancel(alice.request("INVITE", "sip:bob@example.com", call_id="c4")),
    ]
    for number in range(120):
        alice.send_bytes(damage(random.choice(samples).to_bytes(), random))
        if number % 25 == 0:
            world.run(0.1)
    assert still_serves(world, alice, bob)


@pytest.mark.parametrize("seed", range(6))
def test_damaged_responses_do_no_harm(seed: int) -> None:
    random = Random(seed)
    world = World()
    world.app.exchange = Recorder()
    alice, bob = world.phone("192.0.2.10"), world.phone("192.0.2.20")
    world.app.register("bob@example.com", bob)
    for number in range(20):
        alice.request(random.choice(["INVITE", "MESSAGE"]), "sip:bob@example.com", call_id=f"c{number}")
        world.run(0.02)
        request = bob.got("INVITE", "MESSAGE")[-1]
        for _ in range(6):
            status = random.choice([100, 180, 200, 302, 401, 407, 486, 503, 603])
            headers = [("Record-Route", value) for value in request.get_all("Record-Route")]
            headers.append(("Proxy-Authenticate" if status == 407 else "Contact", "<sip:x@192.0.2.20>"))
            response = request.reply(status, to_tag="t", headers=headers)
            bob.send_bytes(damage(response.to_bytes(), random))
    assert still_serves(world, alice, bob)
    assert isinstance(alice.got()[0], Message)
