"""The relay: its streams, ports, keys, recordings, and its successor."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import time
from collections.abc import Iterator
from typing import Any

from media.fast_path import FastPath, open_fast_path
from native import relay
from tests.native.nomemory.cases import tried

SMALL_NUMBERS = 257  # that CPython keeps ready


@contextlib.contextmanager
def four_sockets() -> Iterator[list[int]]:
    """Descriptors that the relay has not taken over are closed."""
    made = [-1, -1, -1, -1]
    try:
        for index in (0, 1, 2, 3):
            made[index] = relay.bind_udp("127.0.0.1", 0)
        yield made
    finally:
        for descriptor in made:
            if descriptor >= 0:
                os.close(descriptor)


@contextlib.contextmanager
def started(capacity: int = 8, **options: Any) -> Iterator[relay.Relay]:
    made = relay.Relay(capacity=capacity, fifo=False, **options)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def add(to: relay.Relay) -> int:
    with four_sockets() as sockets:
        stream = to.add(relay.RTP, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
        sockets.clear()
    return stream


@tried
def streams() -> object:
    with started() as one:
        stream = add(one)
        one.set_remote(stream, 0, 0, ("127.0.0.1", 9), mode=relay.SYMMETRIC, learn_host="127.0.0.2")
        one.set_mux(stream, 0, True)
        one.set_dscp(stream, 1, 46)
        one.set_clock(stream, 96, 48000)
        one.set_reports(stream, True)
        one.send_reports(stream, "0123456789ab")
        one.place(stream, 1, (("127.0.0.1", 9), None), (None, "127.0.0.2"), relay.SYMMETRIC, False)
        counts = one.stats(stream, 0, 0), one.stream_stats(stream)[0], one.totals([stream]).told()
        events = one.events(), one.progress()
        one.remove(stream)
        one.reap()
    return counts, len(events)


@tried
def handshakes() -> object:
    with started() as one:
        stream = add(one)
        one.set_dtls(stream, 1, True)
        one.set_remote(stream, 1, 0, ("127.0.0.1", 9), mode=relay.FIXED)
        one.latch(stream, 1, ("127.0.0.1", 9))
        one.set_dtls(stream, 1, False)
        return one.inbox(), one.inbox_dropped, one.inbox_fd >= 0, one.send(stream, 1, None, b"x")


@tried
def held_back() -> object:
    with started() as one:
        stream = add(one)
        one.own_ports("0.0.0.0", 1, 2)
        one.set_forward(stream, 0, False)
        one.set_silenced(stream, 1, True)
        one.set_feedback(stream, 0, False)
        one.set_blocked_types(stream, 1, 1 << 5)
        one.release(stream)
        known = one.raw, one.early, one.threads, one.fifo_threads, one.last_packet_ns(stream)
        with contextlib.suppress(ValueError):
            one.place(stream, 0, (("2001:db8::1", 9), None), (None, "127.0.0.1"), relay.SYMMETRIC, True)
    return known


@tried
def recordings() -> object:
    """Before there are so many descriptors that os.open itself could lose one."""
    with started() as one:
        stream, number = add(one), recording(one)
        one.tape(stream, number, "127.0.0.1", "::1")
        one.tape(stream, None)
        one.end_recording(number)
        while (status := one.recording_status(number)).state == relay.RECORDING:
            time.sleep(0.001)
    return status.state, status.bytes


def recording(to: relay.Relay) -> int:
    descriptor = os.open("/dev/null", os.O_WRONLY)
    try:
        return to.begin_recording(descriptor, 1000)
    except BaseException:
        os.close(descriptor)
        raise


@functools.cache
def crowded() -> relay.Relay:
    """With so many streams that the number of another one is an object of its own."""
    made = relay.Relay(capacity=SMALL_NUMBERS + 2, fifo=False)
    made.start()
    for _ in range(SMALL_NUMBERS):
        made.add(relay.OPAQUE, ((relay.bind_udp("127.0.0.1", 0), -1), (relay.bind_udp("127.0.0.1", 0), -1)))
    return made


@tried
def late_stream() -> object:
    one, near, far = crowded(), -1, -1
    try:
        near = relay.bind_udp("127.0.0.1", 0)
        far = relay.bind_udp("127.0.0.1", 0)
        stream = one.add(relay.OPAQUE, ((near, -1), (far, -1)))
        near = far = -1
    finally:
        for descriptor in (near, far):
            if descriptor >= 0:
                os.close(descriptor)
    one.remove(stream)
    one.reap()
    return stream >= SMALL_NUMBERS


@tried
def ports() -> object:
    with started() as one:
        pairs = relay.bind_pairs("127.0.0.9", 30000, 2, 46)
        try:
            one.add(relay.RTP, (pairs[0], pairs[1]))
            pairs = ()
        finally:
            for pair in pairs:
                os.close(pair[0])
                os.close(pair[1])
    return None


@tried
def keys() -> object:
    with started() as one:
        stream = add(one)
        one.set_crypto(stream, 0, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0), ("AEAD_AES_256_GCM", bytes(44), 0))
        one.set_crypto(stream, 1, ("AES_256_CM_HMAC_SHA1_32", bytes(46), 4), None)
        one.set_crypto(stream, 0, None, None)
    return None


@tried
def keys_by_turns() -> object:
    """A key that is left is set aside, and taken up again."""
    one, other = (("AES_CM_128_HMAC_SHA1_80", bytes([number]) * 30, 0) for number in (1, 2))
    with started() as first:
        stream = add(first)
        for key in (one, other, one, None):
            first.set_crypto(stream, 0, key, key)
        first.remove(stream)
        first.reap()
    return None


@tried
def successor() -> object:
    with started() as first:
        stream = add(first)
        first.set_crypto(stream, 0, ("AES_CM_128_HMAC_SHA1_80", bytes(30), 0), None)
        with started(table_fd=first.table_fd) as second, four_sockets() as sockets:
            second.adopt(stream, ((sockets[0], sockets[1]), (sockets[2], sockets[3])))
            sockets.clear()
            return second.stats(stream, 1, 1)


@functools.cache
def fast_path() -> FastPath | None:
    """None where there may be none; opened before anything fails."""
    return open_fast_path(["127.0.0.1"], 8)


@tried
def streams_on_the_fast_path() -> object:
    opened = fast_path()
    with (
        started(fast=opened.for_relay() if opened else None) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as alice,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bob,
    ):
        phones = alice, bob
        pairs = relay.bind_pairs("127.0.0.8", 30000, 2, 46)
        try:
            stream = one.add(relay.RTP, (pairs[0], pairs[1]))
            pairs = ()
        finally:
            for pair in pairs:
                os.close(pair[0])
                os.close(pair[1])
        for side, phone in enumerate(phones):
            phone.bind(("127.0.0.1", 0))
            one.set_remote(stream, side, 0, phone.getsockname())
        for side, phone in enumerate(phones):
            phone.sendto(b"\x80\0" + bytes(10), ("127.0.0.8", 30000 + 2 * side))
            phones[1 - side].recv(100)
        while not one.fast.on and opened is not None:
            one.scan_fast()
        one.set_mux(stream, 0, True)
        return one.stats(stream, 0, 0).packets
