"""What tells overload from a burst, and how much may wait in it: the waits, the served and the refused of one interval after
the other."""

from __future__ import annotations

from math import inf

INTERVAL_S = 0.1
STANDING_S = 0.01  # a shorter wait is no sign of anything
BUSY_AFTER = 3  # intervals one after the other, each with a queue that stands and does not get shorter, are overload
CALM_AFTER = 10  # more intervals without a refusal than with one are its end
ROOM_S = 0.02  # in overload as many may wait as are served in so long a time that the process runs
PATIENCE_S = 0.4  # before: less than T1 (RFC 3261 section 17.1.1.1), so that nobody has repeated it by then
SURE_S = 0.75 * PATIENCE_S  # what is served in it will be in time
MIN_WAITING = 8  # may wait always, however slow we are
MAX_WAITING = 4096  # in each queue


class Signs:
    """``turn`` at ``end``, before anything is read or told. A pause of the process makes waits long in one interval, and after
    it the queue gets shorter; in overload the shortest wait of each interval is longer than that before, or refusals hold it
    where it is."""

    __slots__ = (
        "_calm",
        "_least",
        "_least_before",
        "_ran_since",
        "_stood",
        "busy",
        "end",
        "limit",
        "refused",
        "served",
        "share",
    )

    def __init__(self) -> None:
        self.busy = False
        self.end = 0.0  # of this interval
        self.limit = MAX_WAITING  # of each queue
        self.share = 0.0  # refused of all, in the interval before
        self.served = 0  # in this interval
        self.refused = 0
        self._ran_since = 0.0
        self._least = inf  # wait of this interval
        self._least_before = inf
        self._stood = 0  # intervals up to now
        self._calm = 0

    def serve(self, waited_s: float) -> None:
        self.served += 1
        self._least = min(self._least, waited_s)

    def turn(self, now: float, ran: float) -> None:
        """Ends the interval, which is over. ``ran``: how long the process has run so far."""
        idle = int((now - self.end) / INTERVAL_S)  # intervals in which nobody asked
        self._weigh(idle)
        self._judge(idle)
        self._measure(now - self.end + INTERVAL_S, ran - self._ran_since)
        self.served = self.refused = 0
        self._least_before, self._least = self._least, inf
        self._ran_since = ran
        self.end = now + INTERVAL_S

    def _weigh(self, idle: int) -> None:
        both = self.served + self.refused
        self.share = self.refused / both if both and not idle else 0.0

    def _measure(self, elapsed_s: float, ran_s: float) -> None:
        if not self.busy:
            self.limit = max(MIN_WAITING, int(self.served * SURE_S / elapsed_s)) if self._stood else MAX_WAITING
        elif ran_s > 0:
            self.limit = max(MIN_WAITING, int(self.served * ROOM_S / ran_s))

    def _judge(self, idle: int) -> None:
        if self.busy:
            self._calm = max(0, self._calm - 1) if self.refused else self._calm + 1
            self.busy = self._calm + idle < CALM_AFTER
            self._stood = 0
            return
        stands = self._least >= STANDING_S and (self.refused > 0 or self._least >= self._least_before)
        self._stood = self._stood + 1 if stands and not idle and self.served else 0
        self.busy = self._stood >= BUSY_AFTER
        self._calm = 0
