"""The relay's fast path (docs/relay.md): whoever still may puts its program at the interfaces, the relay tells it what to do.

The program lives as long as somebody holds its links, its maps as long as somebody holds them: nothing is left behind.
"""

from __future__ import annotations

import ctypes
import logging
import os
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

    def for_relay(self) -> tuple[int, int, list[int]]:
        return self.pairs, self.legs, self.interfaces

    def close(self) -> None:
        for descriptor in (self.pairs, self.legs, self.program, *self.links):
            if descriptor >= 0:
                os.close(descriptor)
        self.pairs = self.legs = self.program = -1
        self.links = []


def open_fast_path(addresses: Iterable[str], streams: int) -> FastPath | None:
    """At the interfaces that have these addresses, for as many streams. None, and a line in the log, where it can't be."""
    interfaces = sorted(interfaces_of(addresses))
    if not PROGRAM.exists():
        log.info("no fast path: built without clang")
        return None
    if not interfaces:
        log.info("no fast path: no Ethernet interface or loopback has the relay's addresses; a wildcard is none")
        return None
    try:
        opened = load(streams)
    except OSError as error:
        log.info("no fast path: %s", error.strerror)
        return None
    try:
        for interface in interfaces:
            opened.links.append(_attach(opened.program, interface))
            opened.interfaces.append(interface)
    except OSError as error:
        log.info("no fast path, which takes Linux 6.6, CAP_BPF and CAP_NET_ADMIN: %s", error.strerror)
        opened.close()
        return None
    return opened


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
        return FastPath(os.dup(pairs), os.dup(legs), [], os.dup(program))
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
    library.bpf_link_create.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_int, pointer
    for name in ("bpf_object__load", "bpf_object__close"):
        getattr(library, name).argtypes = (pointer,)
    library.libbpf_set_print.argtypes = (pointer,)
    library.libbpf_set_print(None)  # what goes wrong is in errno
    return library
