"""One seed after the other, as a fuzzer on the command line plays them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable
from itertools import count


def play_seeds(name: str, each: str, check: Callable[[int], object], arguments: list[str]) -> int:
    """For as many seconds as the first argument says, from the seed that is the second; ``each`` says what one is. Whatever
    ``check`` raises ends it with its seed."""
    seconds = float(arguments[0]) if arguments else 10.0
    first = int(arguments[1]) if len(arguments) > 1 else secrets.randbelow(1 << 32)
    logging.disable()  # a line for each message that is malformed or can't be served
    deadline, played = time.monotonic() + seconds, 0
    for seed in count(first):
        if time.monotonic() > deadline:
            break
        try:
            check(seed)
        except BaseException:
            print(f"{name}: seed {seed}")
            raise
        played += 1
    print(f"{name}: {played} seeds from {first} on, {each}")
    return 0
