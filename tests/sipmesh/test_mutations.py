"""Calls, registrations and OPTIONS whose every message may be damaged on its way to a whole node: nothing that comes in is an
error of ours, and the node works on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from random import Random

import pytest
import uvloop

from bench import micro_signal, signal_exchanges
from native.sip import Message, ParseError
from tests.fuzz.damage import Damage

ROUNDS = 60
BATCH = 6
LOST = (RuntimeError, ParseError, AttributeError, IndexError, UnicodeEncodeError)  # phones that make nothing of an answer


class DamagedPhone(signal_exchanges.Phone):
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
        meter = micro_signal.signal_meter()
        with monkeypatch.context() as patched:
            DamagedPhone.damage = Damage(Random(seed))
            patched.setattr(signal_exchanges, "Phone", DamagedPhone)
            damaged = signal_exchanges.Exchanges(port, meter.turn, BATCH)
        for _ in range(ROUNDS):
            for exchange in (damaged.register, damaged.call, damaged.options, damaged.register_digest, damaged.call):
                with contextlib.suppress(*LOST):
                    await exchange()
        counters = node.engine.counters
        assert counters["sip_calls_started_total"] > ROUNDS
        assert counters["sip_parse_errors_total|header=start"] > ROUNDS
        assert counters["sip_internal_errors_total"] == 0
        assert counters["sip_batches_lost_total"] == 0
        sound = signal_exchanges.Exchanges(port, meter.turn, BATCH)
        for exchange in (sound.register, sound.call, sound.options, sound.register_digest):
            await exchange()
        for each in (damaged, sound):
            each.close()
        await node.stop()
        store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
