"""media.raw: which raw sockets are opened, and what is told of those that were given up."""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections import defaultdict
from types import SimpleNamespace
from typing import Any, cast

import pytest

from media.raw import RawWatch, close_raw, open_raw
from native.relay import RawStatus, Relay
from tests.native.relay_raw import MAY_OPEN_RAW

SO_DETACH_FILTER = 27  # <asm/socket.h>
FOUR, SIX = socket.AF_INET, socket.AF_INET6


def opened_for(*addresses: str, threads: int = 1) -> list[int]:
    raw = open_raw(addresses, 46, threads)
    close_raw(raw)
    return [each.family for each in raw]


def test_each_thread_gets_one_of_each_family() -> None:
    families = opened_for("127.0.0.1", "::1", "127.0.0.2", threads=2)
    assert families == ([FOUR, FOUR, SIX, SIX] if MAY_OPEN_RAW else [])


def test_what_came_before_it_was_closed_for_reading_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened_late(*kind: int) -> socket.socket:
        made = socket.socket(*kind)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            other.sendto(b"secret", other.getsockname())
            other.sendto(b"more", other.getsockname())
        return made

    with monkeypatch.context() as late:
        late.setattr("media.raw.socket", SimpleNamespace(**vars(socket) | {"socket": opened_late}))
        opened = open_raw(["127.0.0.1"], 46, 1)
    for each in opened:
        with each, pytest.raises(BlockingIOError):
            each.recv(100, socket.MSG_DONTWAIT)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_comes_in_is_not_for_them_even_if_somebody_binds_them_anew(host: str) -> None:
    for opened in open_raw([host], 46, 1):
        with opened, socket.socket(opened.family, socket.SOCK_DGRAM) as other:
            other.bind((host, 0))
            opened.bind((host, 0))
            with pytest.raises(PermissionError):
                opened.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
            other.sendto(b"secret", other.getsockname())
            assert other.recv(100) == b"secret"
            with pytest.raises(BlockingIOError):
                opened.recv(100, socket.MSG_DONTWAIT)


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_wildcard_address_has_none(address: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert opened_for(address) == []
    assert caplog.text == ""


def test_what_the_kernel_refuses_is_told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("media.raw.socket.socket", refuse)
    assert opened_for("127.0.0.1") == []
    assert "no raw sockets for relaying, which CAP_NET_RAW would make steadier: Operation not permitted" in caplog.text


def refuse(*_: object) -> socket.socket:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


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
