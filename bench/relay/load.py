"""Builds and runs the load maker (bench/rtpload)."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.relay.contenders import LOAD_CORE, RELAY_CORE, prepare
from bench.relay.ng import Address, Call, Party
from bench.relay.windows import Seen, Window

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "bench" / "rtpload").glob("*.c"), *(ROOT / "native" / "crelay").glob("relay_srtp*.c")])
FLOOR_SOURCES = [Path(__file__).parent / "floor.c"]
OPTIONS = ["-std=c11", "-O2", "-Wall", "-D_GNU_SOURCE", "-fno-strict-aliasing", f"-I{ROOT / 'native' / 'crelay'}"]
FIRST_HOST, FIRST_PORT = 30, 20000  # of 127.0.0.x; two hosts for each group
END_S = 60.0  # for its last turn


class LoadError(Exception):
    """The load could not be made."""


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that are loaded together, and the process that relays them."""

    calls: Sequence[Call]
    pid: int


@dataclass(frozen=True, slots=True)
class Pace:
    settle_s: float  # loaded before each window, not measured
    window_s: float
    rounds: int  # windows of each group, at most
    enough: int  # of them undisturbed in each group


def addresses_of(group: int, number: int) -> tuple[Address, Address]:
    """Of caller and callee."""
    host, port = FIRST_HOST + 2 * group, FIRST_PORT + 2 * number
    return (f"127.0.0.{host}", port), (f"127.0.0.{host + 1}", port)


def _build(program: Path, sources: Sequence[Path], *libraries: str) -> Path:
    command = ["gcc", *OPTIONS, *map(str, sources), *libraries, "-o", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LoadError(f"{program.name} does not compile:\n{done.stderr}")
    return program


def build(folder: Path) -> Path:
    return _build(folder / "rtpload", SOURCES, "-lcrypto")


def build_floor(folder: Path) -> Path:
    return _build(folder / "floor", FLOOR_SOURCES)


def _line(group: int, own: Party, relay: Party) -> str:
    keys = (party.key.hex() if party.key else "-" for party in (own, relay))
    return f"{group} {own.address[0]} {own.address[1]} {relay.address[0]} {relay.address[1]} {' '.join(keys)}\n"


def _lines(groups: Sequence[Group]) -> Iterator[str]:
    for number, group in enumerate(groups):
        for call in group.calls:
            for own, relay in zip(call.ends, call.relays, strict=True):
                yield _line(number, own, relay)


@contextmanager
def _loading(command: list[str], calls: str) -> Iterator[subprocess.Popen[str]]:
    """Ended with the context; LoadError when it ended badly by itself."""
    with tempfile.TemporaryFile("w+") as lines, tempfile.TemporaryFile("w+") as errors:
        lines.write(calls)
        lines.seek(0)
        maker = subprocess.Popen(
            command, stdin=lines, stdout=subprocess.PIPE, stderr=errors, text=True, preexec_fn=prepare(LOAD_CORE)
        )
        try:
            yield maker
            if maker.wait(END_S) != 0:
                errors.seek(0)
                raise LoadError(errors.read().strip())
        finally:
            maker.kill()
            maker.wait()


def run(program: Path, groups: Sequence[Group], pace: Pace) -> list[Seen]:
    """What was seen of each group."""
    numbers = [int(pace.settle_s * 1000), int(pace.window_s * 1000), pace.rounds, RELAY_CORE]
    command = [str(program), *map(str, numbers), *(str(group.pid) for group in groups)]
    seen = [Seen([]) for _ in groups]
    with _loading(command, "".join(_lines(groups))) as maker:
        for line in maker.stdout or ():
            window = Window(**json.loads(line))
            seen[window.group].windows.append(window)
            if all(each.undisturbed >= pace.enough for each in seen):
                maker.terminate()
    fewest = min(len(each.windows) for each in seen)
    return [Seen(each.windows[:fewest]) for each in seen]
