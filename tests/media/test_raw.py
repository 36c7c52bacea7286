"""media.raw: which raw sockets are opened, and what is told of those that were given up."""

from __future__ import annotations

import logging
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import pytest

from media.raw import RawWatch, close_raw, open_raw
from native.relay import RAW_ADDRESSES, RawStatus, Relay
from tests.native.relay_raw import MAY_OPEN_RAW


def opened_on(*addresses: str, threads: int = 1) -> list[str]:
    raw = open_raw(addresses, 46, threads)
    hosts = [each.getsockname()[0] for each in raw]
    close_raw(raw)
    return hosts


def test_each_thread_gets_one_on_each_address() -> None:
    hosts = opened_on("127.0.0.1", "::1", "127.0.0.1", threads=2)
    assert hosts == (["127.0.0.1"] * 2 + ["::1"] * 2 if MAY_OPEN_RAW else [])


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_wildcard_address_has_none(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert opened_on(address) == []
    assert caplog.text == ""


def test_no_more_addresses_than_the_relay_takes() -> None:
    hosts = opened_on(*(f"127.0.0.{number}" for number in range(1, RAW_ADDRESSES + 3)))
    assert len(hosts) == (RAW_ADDRESSES if MAY_OPEN_RAW else 0)


def test_what_the_kernel_refuses_is_told_and_nothing_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert opened_on("127.0.0.1", "192.0.2.77") == []
    assert "no raw sockets for relaying" in caplog.text


def test_sockets_given_up_are_told_and_counted_once_each(caplog: pytest.LogCaptureFixture) -> None:
    relay = SimpleNamespace(raw=RawStatus(2, 0, 0, 0))
    counters: dict[str, int] = defaultdict(int)
    watch = RawWatch(cast(Relay, cast(Any, relay)), counters)
    watch.look()
    assert (caplog.text, counters) == ("", {})
    for raw in (RawStatus(1, 1, 7, 64), RawStatus(1, 1, 7, 64), RawStatus(0, 2, 7, 128)):
        relay.raw = raw
        watch.look()
    assert counters == {"media_raw_given_up_total": 2}
    assert caplog.text.count("of 2 raw sockets") == 2
