"""Whether the relay's fast path would work on this machine, tried, and what whoever turns it on has to know (docs/relay.md)."""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from media.fast_path import FastPathError, FastPathForbiddenError, require_fast_path

SIOCGIFMTU: Final = 0x8921
LEAST_MTU: Final = 1280  # RELAY_FAST_BYTES
LOOPBACK: Final = 1
HOOKS: Final = ("ingress", "prerouting", "input", "output", "postrouting")
LEGACY: Final = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
MOST_NAMED: Final = 8

Status = Literal["ready", "unknown", "unavailable"]


@dataclass(frozen=True, slots=True)
class FastReport:
    """``unknown``: this account may not try. ``reason``: why it isn't ready. ``notes``: what holds all the same."""

    status: Status
    reason: str = ""
    interfaces: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def examine(addresses: Iterable[str]) -> FastReport:
    """Puts the program at the interfaces with these addresses for a moment, with room for one stream and none in it."""
    try:
        opened = require_fast_path(addresses, 1)
    except FastPathForbiddenError as error:
        return FastReport("unknown", str(error))
    except FastPathError as error:
        return FastReport("unavailable", str(error))
    numbers = opened.interfaces
    opened.close()
    names = tuple(socket.if_indextoname(number) for number in numbers)
    return FastReport("ready", "", names, (*_of_interfaces(dict(zip(numbers, names, strict=True))), *_of_rules()))


def _of_interfaces(names: dict[int, str]) -> list[str]:
    notes = []
    if set(names) == {LOOPBACK}:
        notes.append("only calls whose parties are on this machine come onto it: the relay's address is loopback")
    for name in names.values():
        mtu = mtu_of(name)
        if mtu < LEAST_MTU:
            notes.append(f"no call by {name} comes onto it: its MTU is {mtu}, and {LEAST_MTU} is the least")
    return notes


def mtu_of(interface: str) -> int:
    """OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        answer = fcntl.ioctl(asking, SIOCGIFMTU, struct.pack("16si12x", interface.encode(), 0))
    return int(struct.unpack("16si12x", answer)[1])


def _of_rules() -> list[str]:
    chains = [*_chains(), *_legacy_tables()]
    if not chains:
        return []
    named = ", ".join(chains[:MOST_NAMED]) + (f" and {len(chains) - MOST_NAMED} more" if len(chains) > MOST_NAMED else "")
    return [f"packets on it do not meet the rules of {named}"]


def _chains() -> list[str]:
    """Those of nf_tables, iptables-nft's among them; none where nft is missing or does not answer."""
    nft = shutil.which("nft")
    if nft is None:
        return []
    try:
        said = subprocess.run([nft, "-j", "list", "chains"], capture_output=True, timeout=10, check=True).stdout  # noqa: S603
        entries = json.loads(said)["nftables"]
    except (OSError, subprocess.SubprocessError, ValueError, KeyError):
        return []
    chains = [entry["chain"] for entry in entries if entry.get("chain", {}).get("hook") in HOOKS]
    return [f"{each['family']} {each['table']} {each['name']}" for each in chains]


def _legacy_tables() -> list[str]:
    """Those of iptables-legacy that were used since the machine started."""
    tables = []
    for path in map(Path, LEGACY):
        try:
            tables += [f"{path.name.partition('_')[0]}tables {name}" for name in path.read_text().split()]
        except OSError:
            continue
    return tables
