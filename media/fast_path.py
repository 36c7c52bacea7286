"""The relay's fast path (docs/relay.md): whoever still may puts its program at the interfaces, the relay tells it what to do.

The program lives as long as somebody holds its links, its maps as long as somebody holds them: nothing is left behind.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import mmap
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from media.addresses import is_loopback, is_wildcard
from native.relay import interface_of

PROGRAM: Final = Path(__file__).parent.parent / "native" / "relay_fast.bpf.o"  # made by setup.py where there is clang
TCX_INGRESS: Final = 46  # enum bpf_attach_type, Linux 6.6
LEGS_A_STREAM: Final = 2

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FastPath:
    """Descriptors of ours. ``pairs`` and ``legs`` are the maps by which the relay speaks to the program."""

    pairs: int
    legs: int
    interfaces: list[int]  # that packets may come in and leave by
    program: int = -1
    links: list[int] = field(default_factory=list)
    legs_bytes: int = 0

    def for_relay(self) -> tuple[int, int, list[int]]:
        return self.pairs, self.legs, self.interfaces

    def empty(self) -> None:
        """Nothing is relayed by it any more, until a relay takes streams on: for when the one that did is gone. OSError."""
        with mmap.mmap(self.legs, self.legs_bytes) as legs:
            legs[:] = bytes(self.legs_bytes)

    def close(self) -> None:
        for descriptor in (self.pairs, self.legs, self.program, *self.links):
            if descriptor >= 0:
                os.close(descriptor)
        self.pairs = self.legs = self.program = -1
        self.links = []


class FastPathError(Exception):
    """There can't be one; the text says why, and what would help."""


class FastPathForbiddenError(FastPathError):
    """We may not; others may."""


def open_fast_path(addresses: Iterable[str], streams: int) -> FastPath | None:
    """At the interfaces that have these addresses, for as many streams. None, and a line in the log, where it can't be."""
    try:
        return require_fast_path(addresses, streams)
    except FastPathError as error:
        log.info("no fast path: %s", error)
        return None


def require_fast_path(addresses: Iterable[str], streams: int) -> FastPath:
    """The same. FastPathError."""
    interfaces = sorted(interfaces_of(addresses))
    if not PROGRAM.exists():
        raise FastPathError("built without clang; install it and build again")
    if not interfaces:
        raise FastPathError("no Ethernet interface or loopback has the relay's addresses; a wildcard is none")
    try:
        opened = load(streams)
    except OSError as error:
        raise _refused(error) from None
    try:
        for interface in interfaces:
            opened.links.append(_attach(opened.program, interface))
            opened.interfaces.append(interface)
    except OSError as error:
        opened.close()
        raise _refused(error) from None
    return opened


def _refused(error: OSError) -> FastPathError:
    if error.errno in (errno.EPERM, errno.EACCES):
        return FastPathForbiddenError(f"it takes CAP_BPF and CAP_NET_ADMIN, or root: {error.strerror}")
    if error.errno == 0:
        return FastPathError(error.strerror)
    return FastPathError(f"it takes Linux 6.6 or newer, and this is {platform.release()}: {error.strerror}")


def load(streams: int) -> FastPath:
    """The program with maps for as many streams, at no interface yet. OSError: there is no such thing here, or we may not."""
    libbpf = _libbpf()
    loaded = libbpf.bpf_object__open_file(os.fsencode(PROGRAM), None)
    if not loaded:
        raise _error()
    try:
        for name in (b"relay_pairs", b"relay_legs"):
            libbpf.bpf_map__set_max_entries(libbpf.bpf_object__find_map_by_name(loaded, name), streams * LEGS_A_STREAM)
        if libbpf.bpf_object__load(loaded) != 0:
            raise _error()
        program = libbpf.bpf_program__fd(libbpf.bpf_object__find_program_by_name(loaded, b"relay_fast"))
        pairs, legs = (libbpf.bpf_object__find_map_fd_by_name(loaded, name) for name in (b"relay_pairs", b"relay_legs"))
        leg_bytes = libbpf.bpf_map__value_size(libbpf.bpf_object__find_map_by_name(loaded, b"relay_legs"))
        return FastPath(os.dup(pairs), os.dup(legs), [], os.dup(program), legs_bytes=leg_bytes * streams * LEGS_A_STREAM)
    finally:
        libbpf.bpf_object__close(loaded)


def interfaces_of(addresses: Iterable[str]) -> set[int]:
    """Numbers of the interfaces that packets to these addresses come in by. Wildcards have none: the program knows packets by
    the address they are to."""
    numbers = {1 if is_loopback(address) else interface_of(address) for address in addresses if not is_wildcard(address)}
    return numbers - {0}


def _attach(program: int, interface: int) -> int:
    link: int = _libbpf().bpf_link_create(program, interface, TCX_INGRESS, None)
    if link < 0:
        raise _error()
    return link


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


@cache
def _libbpf() -> ctypes.CDLL:
    """OSError when it is not installed."""
    try:
        library = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError:
        raise OSError(0, "libbpf.so.1 is not installed") from None
    pointer = ctypes.c_void_p
    for name in ("bpf_object__open_file", "bpf_object__find_map_by_name", "bpf_object__find_program_by_name"):
        getattr(library, name).restype = pointer
    library.bpf_object__open_file.argtypes = ctypes.c_char_p, pointer
    library.bpf_object__find_map_by_name.argtypes = pointer, ctypes.c_char_p
    library.bpf_object__find_program_by_name.argtypes = pointer, ctypes.c_char_p
    library.bpf_object__find_map_fd_by_name.argtypes = pointer, ctypes.c_char_p
    library.bpf_map__set_max_entries.argtypes = pointer, ctypes.c_uint32
    library.bpf_program__fd.argtypes = (pointer,)
    library.bpf_map__value_size.argtypes = (pointer,)
    library.bpf_link_create.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_int, pointer
    for name in ("bpf_object__load", "bpf_object__close"):
        getattr(library, name).argtypes = (pointer,)
    library.libbpf_set_print.argtypes = (pointer,)
    library.libbpf_set_print(None)  # what goes wrong is in errno
    return library
