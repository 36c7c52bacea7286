"""Calls, registrations and OPTIONS whose every message may be damaged on its way to a whole node: nothing that comes in is an
error of ours, and the node works on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from bench import micro_signal
from native.sip import Message, ParseError

ROUNDS = 60
BATCH = 6
SWAPS = (
    *((b"INVITE", b"UPDATE"), (b"INVITE", b"CANCEL"), (b"BYE", b"PRACK"), (b"ACK", b"INVITE"), (b"REGISTER", b"SUBSCRIBE")),
    *((b"200 OK", b"486 Busy"), (b"180 ", b"302 "), (b"200 ", b"183 "), (b"UDP", b"TCP"), (b"sip:", b"sips:")),
    *((b"sip:", b"tel:"), (b"tag=", b"gr=")),
)
LOST = (RuntimeError, ParseError, AttributeError, IndexError, UnicodeEncodeError)  # phones that make nothing of an answer
NOISE = b'\r\n;,:<>"@=% \t\0\xff\xe9SIP/2.0z9hG4bK'


class Damage:
    """Seeded."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._seen: list[bytes] = []

    def messages(self, sent: list[bytes]) -> list[bytes]:
        """What arrives: about half of it as sent, some of it twice, some in another order."""
        self._seen = (self._seen + sent)[-500:]
        arriving = list(self._arriving(sent))
        if self.random.random() < 0.2:
            self.random.shuffle(arriving)
        return arriving

    def _arriving(self, sent: list[bytes]) -> Iterator[bytes]:
        for data in sent:
            luck = self.random.random()
            if luck >= 0.6:
                data = self._damaged(data)
            yield data
            if 0.55 <= luck < 0.6:
                yield data

    def _damaged(self, data: bytes) -> bytes:
        for _ in range(self.random.choice((1, 1, 2, 5))):
            change = self.random.choice((self._byte, self._cut, self._insert, self._lines, self._swap))
            data = change(data) if data else data
        return data

    def _byte(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + bytes([self.random.randrange(256)]) + data[at + 1 :]

    def _cut(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + data[at + self.random.choice((1, 1, 2, 8, 40, 9999)) :]

    def _insert(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + bytes(self.random.choices(NOISE, k=self.random.choice((1, 2, 9)))) + data[at:]

    def _lines(self, data: bytes) -> bytes:
        lines = data.split(b"\r\n")
        line = lines.pop(self.random.randrange(len(lines)))
        source = self.random.choice((lines, [line, line], self.random.choice(self._seen).split(b"\r\n")))
        for added in self.random.choices(source or [line], k=self.random.choice((0, 1, 2))):
            lines.insert(self.random.randrange(len(lines) + 1), added)
        return b"\r\n".join(lines)

    def _swap(self, data: bytes) -> bytes:
        old, new = self.random.choice(SWAPS)
        return data.replace(old, new, self.random.choice((1, 9)))


class DamagedPhone(micro_signal.Phone):
    damage: Damage

    def send(self, messages: list[bytes]) -> None:
        super().send(self.damage.messages(messages))

    def receive(self) -> list[Message]:
        messages = []
        while batch := self._socket.receive():
            for data, _, _ in batch:
                with contextlib.suppress(ParseError):
                    messages.append(Message(data))
        return messages


@pytest.mark.parametrize("seed", [1, 2])
def test_a_node_bears_damaged_traffic(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        plain.bind(("127.0.0.1", 0))
        port = plain.getsockname()[1]
        store, node = micro_signal.prepared(micro_signal.configured("call", tmp_path, port))
        await node.start({0: plain})
        meter = micro_signal.Meter()
        with monkeypatch.context() as patched:
            DamagedPhone.damage = Damage(seed)
            patched.setattr(micro_signal, "Phone", DamagedPhone)
            damaged = micro_signal.Exchanges(port, meter.turn, BATCH)
        for _ in range(ROUNDS):
            for exchange in (damaged.register, damaged.call, damaged.options, damaged.register_digest, damaged.call):
                with contextlib.suppress(*LOST):
                    await exchange()
        counters = node.engine.counters
        assert counters["sip_calls_started_total"] > ROUNDS
        assert counters["sip_parse_errors_total|header=start"] > ROUNDS
        assert counters["sip_internal_errors_total"] == 0
        assert counters["sip_batches_lost_total"] == 0
        sound = micro_signal.Exchanges(port, meter.turn, BATCH)
        for exchange in (sound.register, sound.call, sound.options, sound.register_digest):
            await exchange()
        for each in (damaged, sound):
            each.close()
        await node.stop()
        store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
