"""Takes one server's turns of an event loop that it shares with its load."""

from __future__ import annotations

import asyncio
import cProfile
from collections.abc import Callable


class Meter:
    """What turns cost by ``clock`` (ns of CPU time), or their profile while there is one.

    ``looks``: how often the loop looks at the sockets in a turn. A wake-up within a turn is seen by its next look only.
    """

    def __init__(self, clock: Callable[[], int], looks: int) -> None:
        self.spent_ns = 0
        self.profile: cProfile.Profile | None = None
        self._clock = clock
        self._looks = looks

    async def turn(self) -> None:
        if self.profile is not None:
            self.profile.enable()
        started = self._clock()
        for _ in range(self._looks):
            await asyncio.sleep(0)
        self.spent_ns += self._clock() - started
        if self.profile is not None:
            self.profile.disable()
