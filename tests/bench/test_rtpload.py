"""The load maker (bench/rtpload) against a relay of one call, and the bare loop that the benchmark has beside the relays."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pytest

from bench.relay import load
from bench.relay.contenders import running_floor
from bench.relay.ng import Call, Party
from bench.relay.windows import Seen
from native import relay as native
from tests.native.relay_wire import Phone, Stream, started

PACE = load.Pace(settle_s=0.1, window_s=0.4, rounds=1, enough=1)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return load.build(tmp_path_factory.mktemp("rtpload"))


def free_address() -> tuple[str, int]:
    with contextlib.closing(Phone()) as phone:
        return phone.address


KEY = bytes(range(30))


def loaded_call(
    program: Path, own: bytes | None = None, relay_key: bytes | None = None, pace: load.Pace = PACE
) -> tuple[Seen, Any]:
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
        [seen] = load.run(program, [load.Group([call], os.getpid())], pace)
        return seen, (stream.stats(0), stream.stats(1))


def test_load_maker_counts_what_a_relay_relayed(program: Path) -> None:
    all_seen, stats = loaded_call(program)
    [seen] = all_seen.windows
    assert (seen.sent, seen.received, seen.send_errors) == (40, 40, 0)
    assert sum(packets for _, packets in seen.latency_ns) == 40
    assert 0 < seen.latency_ns[0][0] <= seen.latency_ns[-1][0]
    assert seen.relay_cpu_ns > 0
    assert seen.window_ns > 0
    assert stats[0].packets >= 20
    assert stats[0].lost == 0
    assert native.monotonic_ns() > stats[1].last_ns > 0


def test_load_maker_speaks_srtp(program: Path) -> None:
    seen, stats = loaded_call(program, KEY, KEY[::-1])
    assert [(window.sent, window.received) for window in seen.windows] == [(40, 40)]
    assert stats[0].auth_failed == 0


def test_load_maker_notices_packets_of_another_key(program: Path) -> None:
    with pytest.raises(load.LoadError, match="1 ends got packets that are not what the other end sent"):
        loaded_call(program, KEY, KEY)


def test_load_maker_says_what_it_could_not_do(program: Path) -> None:
    with pytest.raises(load.LoadError, match="no calls"):
        load.run(program, [load.Group([], os.getpid())], PACE)
    nowhere, relay = (Party(("192.0.2.77", 1)), Party(("192.0.2.77", 2))), Party(("127.0.0.1", 9))
    with pytest.raises(load.LoadError, match="bind"):
        load.run(program, [load.Group([Call(0, nowhere, (relay, relay))], os.getpid())], PACE)


def test_relays_take_turns_and_the_bare_loop_relays(program: Path, tmp_path: Path) -> None:
    floor = load.build_floor(tmp_path)
    with contextlib.ExitStack() as stack:
        groups = []
        for host in ("127.0.0.26", "127.0.0.27"):
            ends = Party(free_address()), Party(free_address())
            pid, calls = stack.enter_context(running_floor(floor, tmp_path, [ends], host))
            groups.append(load.Group(calls, pid))
        seen = load.run(program, groups, load.Pace(settle_s=0.03, window_s=0.1, rounds=3, enough=4))
        assert [[window.received for window in each.windows] for each in seen] == [[10, 10, 10]] * 2
        states = [Path(f"/proc/{group.pid}/stat").read_text().rpartition(")")[2].split()[0] for group in groups]
        assert "T" not in states


def test_no_more_windows_than_enough_and_srtp_goes_on(program: Path) -> None:
    seen, _ = loaded_call(program, KEY, KEY[::-1], load.Pace(settle_s=0.03, window_s=0.1, rounds=500, enough=0))
    assert 1 <= len(seen.windows) < 500
    assert {window.received for window in seen.windows} == {10}
