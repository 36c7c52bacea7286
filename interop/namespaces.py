"""Network namespaces of one's own, joined by pairs of Ethernet devices."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """Sockets made ``inside`` belong to it for good. OSError when we may not make one."""

    def __init__(self) -> None:
        before = _current()
        try:
            if _libc.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "unshare")
            self.descriptor = _current()
            run("link set lo up")
        finally:
            _enter(before)
            os.close(before)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread, and the processes it starts."""
        before = _current()
        _enter(self.descriptor)
        try:
            yield
        finally:
            _enter(before)
            os.close(before)

    def join(self, other: Namespace, here: tuple[str, ...], there: tuple[str, ...]) -> None:
        """A link to ``other``; addresses with prefix length of its two ends, each end's device named by the first."""
        names = (_device(here[0]), _device(there[0]))
        with self.inside():
            path = f"/proc/{os.getpid()}/fd/{other.descriptor}"
            run(f"link add {names[0]} type veth peer name {names[1]} netns {path}")
        for namespace, name, addresses in ((self, names[0], here), (other, names[1], there)):
            with namespace.inside():
                for address in addresses:
                    run(f"address add {address} dev {name} nodad" if ":" in address else f"address add {address} dev {name}")
                run(f"link set {name} up")

    def close(self) -> None:
        os.close(self.descriptor)


def run(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True, capture_output=True)


def _device(address: str) -> str:
    return "v" + address.partition("/")[0].replace(".", "")[-10:]


def _current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")
