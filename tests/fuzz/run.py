"""The fuzzer of what Python reads: ``python -m tests.fuzz.run [SECONDS] [TARGET ...]``, 10 seconds each, every target.

It starts from the corpus, keeps what takes a new path, and writes an input that breaks a promise to var/fuzz.
"""

from __future__ import annotations

import hashlib
import logging
import random
import sys
import time
from pathlib import Path

from tests.fuzz.targets import TARGETS, Target, seeds

FINDINGS = Path("var/fuzz")
MAX_BYTES = 4096
PIECES = [
    b"",
    b"\0",
    b"\xff",
    b"\r\n",
    b" ",
    b":",
    b";",
    b",",
    b'"',
    b"<",
    b">",
    b"=",
    b"-1",
    b"0",
    b"99999999999",
    b"%00",
    b"\xc3",
]


def mutated(data: bytes, others: list[bytes], choose: random.Random) -> bytes:
    """``data`` with up to six stretches cut out, doubled, turned over, or replaced by pieces or parts of other inputs."""
    for _ in range(choose.randint(1, 6)):
        at = choose.randint(0, len(data))
        end = min(len(data), at + choose.choice((0, 1, 1, 2, 4, 16, 64)))
        other = choose.choice(others)
        start = choose.randint(0, len(other))
        middle = choose.choice(
            (
                b"",
                data[at:end] * 2,
                bytes(byte ^ 1 << choose.randint(0, 7) for byte in data[at:end]),
                choose.choice(PIECES),
                other[start : start + choose.randint(1, 32)],
            )
        )
        data = data[:at] + middle + data[end:]
    return data[:MAX_BYTES]


def fuzz(target: Target, pool: list[bytes], seconds: float, choose: random.Random) -> tuple[int, bytes | None]:
    """(inputs tried, the one that broke a promise)."""
    paths = {target(data) for data in pool}
    deadline = time.monotonic() + seconds
    tried = 0
    while time.monotonic() < deadline:
        data = mutated(choose.choice(pool), pool, choose)
        tried += 1
        try:
            path = target(data)
        except Exception:
            return tried, data
        if path not in paths:
            paths.add(path)
            pool.append(data)
    return tried, None


def main(arguments: list[str]) -> int:
    seconds = float(arguments[0]) if arguments else 10.0
    logging.disable()  # a line for each malformed message
    seed = random.randrange(1 << 32)
    for name in arguments[1:] or TARGETS:
        pool = [path.read_bytes() for path in seeds(name)]
        first = len(pool)
        tried, broken = fuzz(TARGETS[name], pool, seconds, random.Random(seed))
        print(f"{name}: {tried} inputs from {first} seeds, {len(pool) - first} new paths, seed {seed}")
        if broken is not None:
            FINDINGS.mkdir(parents=True, exist_ok=True)
            file = FINDINGS / f"{name}-{hashlib.sha256(broken).hexdigest()[:12]}"
            file.write_bytes(broken)
            print(f"{name}: {file} breaks it; put it into tests/fuzz/corpus/{name} once it is understood")
            TARGETS[name](broken)  # with its traceback
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
