"""Run by test_sip_udp.py with csip/no_room.c preloaded (its path is the argument): flushes while the kernel has no room."""

import ctypes
import errno
import socket
import sys

from native.sip import BATCH, UdpSocket

shim = ctypes.CDLL(sys.argv[1])


def opened() -> UdpSocket:
    plain = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    plain.bind(("127.0.0.1", 0))
    return UdpSocket(plain.detach())


def drain(near: UdpSocket) -> list[bytes]:
    found = []
    while batch := near.receive():
        found += [data for data, _, _ in batch]
    return found


near, far = opened(), opened()

# a few wait for the next flush, in order, and keep their bytes and their source
texts = [b"%d" % number for number in range(10)]
shim.set_room(3)
for text in texts:
    near.queue(bytes(text), far.address, "127.0.0.1" if text in texts[5:] else None)
assert near.flush() == []
assert near.pending == 7
assert drain(far) == texts[:3]
shim.set_room(-1)
assert near.flush() == []
assert near.pending == 0
assert drain(far) == texts[3:]

# a full batch stays; what comes on top is dropped and told
shim.set_room(0)
for number in range(BATCH + 3):
    near.queue(b"%d" % number, far.address)
assert near.pending == BATCH
assert near.flush() == [(far.address, errno.EAGAIN)] * 3
assert near.pending == BATCH
shim.set_room(10)
assert near.flush() == []
assert near.pending == BATCH - 10
near.queue(b"last", far.address)
shim.set_room(-1)
assert near.flush() == []
assert drain(far) == [b"%d" % number for number in range(BATCH)] + [b"last"]

# what waits at the end is dropped with the socket
shim.set_room(0)
near.queue(b"x", far.address)
near.close()
far.close()
