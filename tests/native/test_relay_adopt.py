"""A stream table that another process goes on with."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from native import relay as native
from tests.native.relay_wire import Phone, Stream, descriptors, eventually, rtcp, rtp, started

PhoneMaker = Callable[..., Phone]
ROOT = Path(__file__).resolve().parents[2]

# takes table and sockets over, says so, and relays until its stdin ends
SUCCESSOR = """
import sys
from native import relay
table_fd, stream, *fds = map(int, sys.argv[1:])
successor = relay.Relay(capacity=1, table_fd=table_fd)
successor.adopt(stream, ((fds[0], fds[1]), (fds[2], fds[3])))
successor.start()
print(successor.capacity, successor.events(), flush=True)
sys.stdin.read()
print(successor.stats(stream, 0, 0).packets, successor.stats(stream, 0, 0).lost, flush=True)
"""


def inheritable(fds: list[int]) -> list[int]:
    copies = [os.dup(fd) for fd in fds]
    for fd in copies:
        os.set_inheritable(fd, True)
    return copies


def copies_of(stream: Stream) -> list[int]:
    return [os.dup(fd) for pair in stream.fds for fd in pair]


def as_ports(fds: list[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return ((fds[0], fds[1]), (fds[2], fds[3]))


def test_another_process_goes_on_with_latches_and_counters(phone: PhoneMaker) -> None:
    with started(capacity=8) as relay:
        Stream(relay)
        stream, announced, alice, bob = Stream(relay), phone(), phone(), phone()
        stream.remote(0, announced)
        stream.remote(1, bob)
        for sequence in (1, 2, 4):
            alice.send(rtp(sequence), stream.port(0))
            bob.receive()
        passed = inheritable([relay.table_fd, *(fd for pair in stream.fds for fd in pair)])
        relay.stop()
        alice.send(rtp(5), stream.port(0))
        command = [sys.executable, "-c", SUCCESSOR, str(passed[0]), str(stream.id), *map(str, passed[1:])]
        with subprocess.Popen(
            command, pass_fds=passed, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin
            assert process.stdout
            for fd in passed:
                os.close(fd)
            assert process.stdout.readline() == "8 []\n"
            assert bob.receive_from() == (rtp(5), stream.port(1))  # sent while nobody relayed
            bob.send(rtp(9), stream.port(1))
            assert alice.receive() == rtp(9)  # the latch, not the announced address
            process.stdin.close()
            assert process.stdout.readline() == "4 1\n"


def relay_in_child(table_fd: int, stream: Stream) -> int:
    """A forked process that took the table over and relays until it is killed."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            relay = native.Relay(table_fd=table_fd)
            relay.adopt(stream.id, as_ports(copies_of(stream)))
            relay.start()
            os.write(tell, b"1")
            signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    assert os.read(ready, 1) == b"1"
    os.close(ready)
    return child


def test_killed_process_loses_no_packet(phone: PhoneMaker) -> None:
    relay = native.Relay(capacity=4)
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)
    child = relay_in_child(relay.table_fd, stream)
    alice.send(rtp(1), stream.port(0))
    assert bob.receive() == rtp(1)
    table = np.memmap(os.fdopen(os.dup(relay.table_fd), "rb"), np.dtype(native.STREAM_DTYPE), "r", 4096, (stream.id + 1,))
    eventually(lambda: table[stream.id]["component"][0, 0]["flow"]["forwarded"] == 1)  # which is counted when it has left
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    alice.send(rtp(2), stream.port(0))
    with started(table_fd=relay.table_fd) as second:
        second.adopt(stream.id, as_ports(copies_of(stream)))
        assert bob.receive() == rtp(2)
        eventually(lambda: second.stats(stream.id, 0, 0).forwarded == 2)
        assert second.stats(stream.id, 0, 0).latched


def test_streams_are_idle_until_adopted_and_settings_survive(phone: PhoneMaker) -> None:
    with started(capacity=4) as first:
        stream, alice, bob = Stream(first), phone(), phone()
        stream.remote(0, alice)
        stream.remote(1, bob)
        first.set_mux(stream.id, 0, True)
        first.set_mux(stream.id, 1, True)
        with started(table_fd=first.table_fd, threads=2) as second:
            alice.send(rtcp(), stream.port(0))
            assert second.stats(stream.id, 0, 0).remote == alice.address
            assert second.stats(stream.id, 0, 1).packets == 0
            second.adopt(stream.id, as_ports(copies_of(stream)))
            assert bob.receive() == rtcp()
            with pytest.raises(ValueError, match="already"):
                second.adopt(stream.id, as_ports(copies_of(stream)))
            fresh = Stream(second)
            assert fresh.id != stream.id
            second.remove(stream.id)


def test_dscp_that_was_set_marks_the_sockets_given_later() -> None:
    first = native.Relay(capacity=2)
    stream = Stream(first)
    first.set_dscp(stream.id, 1, 12)
    fds = [native.bind_udp("127.0.0.1", 0) for _ in range(4)]
    watched = [socket.socket(fileno=os.dup(fd)) for fd in fds]
    second = native.Relay(table_fd=first.table_fd)
    second.adopt(stream.id, as_ports(fds))
    marks = [one.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) >> 2 for one in watched]
    assert marks == [46, 46, 12, 12]
    for one in watched:
        one.close()
    second.stop()
    first.stop()


def fork_outcome(run: Callable[[], int]) -> int:
    """What ``run`` returned in a forked process; it may not touch the parent's output."""
    child = os.fork()
    if child == 0:
        outcome = 99
        try:
            outcome = run()
        finally:
            os._exit(outcome)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_fork_can_not_use_the_relay_and_does_it_no_harm(phone: PhoneMaker) -> None:
    relay = native.Relay(capacity=4)
    relay.start()
    stream, alice, bob = Stream(relay), phone(), phone()
    stream.remote(0, alice)
    stream.remote(1, bob)

    def misuse() -> int:
        relay.stop()
        with pytest.raises(RuntimeError, match="forked"):
            relay.remove(stream.id)
        return len(relay.events())

    def forget() -> int:
        nonlocal relay
        before = descriptors()
        del relay, stream.relay
        return before - descriptors()

    bob.send(rtp(), stream.port(1))
    alice.receive()
    assert fork_outcome(misuse) == 0
    assert fork_outcome(forget) == 9  # four sockets; table, events, inbox, epoll, wake
    alice.send(rtp(), stream.port(0))
    assert bob.receive() == rtp()
    assert len(relay.events()) == 2
    relay.stop()


def test_the_former_owner_stops_and_says_so(phone: PhoneMaker) -> None:
    with started(capacity=4) as first:
        stream, alice, bob = Stream(first), phone(), phone()
        stream.remote(0, alice)
        stream.remote(1, bob)
        with started(table_fd=first.table_fd) as second:
            for call in (lambda: Stream(first), lambda: first.stats(stream.id, 0, 0), lambda: first.remove(stream.id)):
                with pytest.raises(RuntimeError, match="taken the stream table over"):
                    call()
            alice.send(rtp(1), stream.port(0))
            turns = first.progress()
            second.adopt(stream.id, as_ports(copies_of(stream)))
            assert bob.receive() == rtp(1)
            alice.send(rtp(2), stream.port(0))
            assert bob.receive() == rtp(2)
            assert first.progress() == turns
            eventually(lambda: second.stats(stream.id, 0, 0).forwarded == 2)


def damage(table_fd: int, stream: int, field: str) -> None:
    table = np.memmap(
        os.fdopen(os.dup(table_fd), "r+b"), dtype=np.dtype(native.STREAM_DTYPE), mode="r+", offset=4096, shape=stream + 1
    )
    if field == "latch":
        table[stream]["component"][0][0]["leg"]["remote"][2] ^= 1
    else:
        table[stream]["setting"][0][0]["mode"] ^= 1
    table.flush()


def test_damaged_entry_is_refused_and_can_be_removed() -> None:
    first = native.Relay(capacity=4)
    stream = Stream(first)
    first.set_remote(stream.id, 0, 0, ("127.0.0.1", 4000))
    damage(first.table_fd, stream.id, "setting")
    second = native.Relay(table_fd=first.table_fd)
    fds = copies_of(stream)
    with pytest.raises(ValueError, match="checksum mismatch"):
        second.adopt(stream.id, as_ports(fds))
    second.remove(stream.id)
    second.reap()
    assert second.add(native.RTP, as_ports(fds)) == stream.id
    second.stop()
    first.stop()


def test_damaged_latch_is_forgotten_and_learned_again(phone: PhoneMaker) -> None:
    with started(capacity=4) as first:
        stream, announced, alice, bob = Stream(first), phone(), phone(), phone()
        stream.remote(0, announced)
        stream.remote(1, bob)
        alice.send(rtp(1), stream.port(0))
        bob.receive()
        copies = copies_of(stream)
        table_fd = os.dup(first.table_fd)
    damage(table_fd, stream.id, "latch")
    with started(table_fd=table_fd) as second:
        os.close(table_fd)
        second.adopt(stream.id, as_ports(copies))
        assert second.stats(stream.id, 0, 0)[-2:] == (announced.address, False)
        alice.send(rtp(2), stream.port(0))
        assert bob.receive() == rtp(2)
        assert second.stats(stream.id, 0, 0).remote == alice.address


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(OSError, match="Bad file descriptor"):
        native.Relay(table_fd=10**6)
    empty = os.memfd_create("empty")
    with pytest.raises(ValueError, match="not a stream table"):
        native.Relay(table_fd=empty)
    sealed = os.memfd_create("zeros", os.MFD_ALLOW_SEALING)
    os.truncate(sealed, 8192)
    fcntl.fcntl(sealed, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    with pytest.raises(ValueError, match="not a stream table"):
        native.Relay(table_fd=sealed)
    relay = native.Relay(capacity=2)
    os.pwrite(relay.table_fd, (native.TABLE_VERSION + 1).to_bytes(4, "little"), 8)
    with pytest.raises(ValueError, match="another version"):
        native.Relay(table_fd=relay.table_fd)
    os.close(empty)
    os.close(sealed)


def test_table_is_not_inherited_by_accident() -> None:
    relay = native.Relay(capacity=2)
    assert not os.get_inheritable(relay.table_fd)
    assert not os.get_inheritable(relay.event_fd)
