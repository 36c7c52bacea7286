"""The load maker (bench/rtpload) against a relay of one call."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from bench.relay import load
from bench.relay.ng import Call, Party
from native import relay as native
from tests.native.relay_wire import Phone, Stream, started


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load.build(tmp_path_factory.mktemp("rtpload"))


def free_address() -> tuple[str, int]:
    with contextlib.closing(Phone()) as phone:
        return phone.address


KEY = bytes(range(30))


def loaded_call(program: Path, own: bytes | None = None, relay_key: bytes | None = None) -> tuple[load.Load, Any]:
    """40 packets through our relay, the caller secure with these keys."""
    with started() as relay:
        stream = Stream(relay)
        ends = free_address(), free_address()
        for side in (0, 1):
            relay.set_remote(stream.id, side, 0, ends[side])
        if own:
            relay.set_crypto(
                stream.id, 0, receive=("AES_CM_128_HMAC_SHA1_80", KEY, 0), send=("AES_CM_128_HMAC_SHA1_80", KEY[::-1], 0)
            )
        relays = Party(stream.port(0), relay_key), Party(stream.port(1))
        call = Call(0, (Party(ends[0], own), Party(ends[1])), relays)
        seen = load.run(program, [call], os.getpid(), warm_up_s=0.1, measure_s=0.4)
        return seen, (stream.stats(0), stream.stats(1))


def test_load_maker_counts_what_a_relay_relayed(program: Path) -> None:
    seen, stats = loaded_call(program)
    assert (seen.sent, seen.received, seen.send_errors) == (40, 40, 0)
    assert 0 < seen.p50_us <= seen.p99_us <= seen.p999_us <= seen.max_us
    assert seen.relay_cpu_ns > 0
    assert stats[0].packets >= 20
    assert stats[0].lost == 0
    assert native.monotonic_ns() > stats[1].last_ns > 0


def test_load_maker_speaks_srtp(program: Path) -> None:
    seen, stats = loaded_call(program, KEY, KEY[::-1])
    assert (seen.sent, seen.received, seen.wrong) == (40, 40, 0)
    assert stats[0].auth_failed == 0


def test_load_maker_notices_packets_of_another_key(program: Path) -> None:
    with pytest.raises(load.LoadError, match="1 ends got packets that are not what the other end sent"):
        loaded_call(program, KEY, KEY)


def test_load_maker_says_what_it_could_not_do(program: Path) -> None:
    with pytest.raises(load.LoadError, match="no calls"):
        load.run(program, [], os.getpid(), 0.1, 0.1)
    nowhere, relay = (Party(("192.0.2.77", 1)), Party(("192.0.2.77", 2))), Party(("127.0.0.1", 9))
    with pytest.raises(load.LoadError, match="bind"):
        load.run(program, [Call(0, nowhere, (relay, relay))], os.getpid(), 0.1, 0.1)
