"""A server with a queue in virtual time: every step costs it time, and callers repeat what is not answered.

It reads its socket in batches and serves a ``Backlog`` in turns, as the engine does; without one it handles what comes in the
order it comes.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from random import Random

from native.sip import BATCH, MAX_BATCHES
from sipcore.admission import TURN
from sipcore.overload import Backlog

SOCKET_ROOM = 2000  # datagrams
RECEIVE_S, REFUSE_S, INVITE_S, LATER_S = 3e-6, 6e-6, 250e-6, 100e-6
LATER = 4  # messages of a call behind its INVITE
CAPACITY = 1 / (INVITE_S + LATER * LATER_S + (1 + LATER) * RECEIVE_S)  # calls a second
ROUND_TRIP_S = 0.005
T1_S = 0.5
PATIENCE_S = 4.0  # of a caller


@dataclass(slots=True)
class Call:
    began: float
    answered: float = 0.0  # the INVITE, by anything
    refused: bool = False
    ended: float = 0.0  # successfully


@dataclass(slots=True)
class Server:
    """``phases``: until when how many calls a second are offered, at random times."""

    phases: tuple[tuple[float, float], ...]
    backlog: Backlog[Call] | None
    seed: int = 1
    pauses: tuple[tuple[float, float], ...] = ()  # at, for how long the process does not run at all
    now: float = 0.0
    paused: float = 0.0
    calls: list[Call] = field(default_factory=list)
    lost: int = 0
    _events: list[tuple[float, int, Call, int]] = field(default_factory=list)  # at, order, call, which of its messages
    _socket: deque[tuple[Call, int]] = field(default_factory=deque)
    _order: int = 0

    def run(self) -> Server:
        if self.backlog is not None:
            self.backlog.ran = lambda: self.now - self.paused
        random, at = Random(self.seed), 0.0
        for until, calls_per_s in self.phases:
            while at < until:
                at += random.expovariate(calls_per_s)
                self.calls.append(Call(at))
                self._arrive(at, self.calls[-1], 0)
        pauses = deque(sorted(self.pauses))
        while self.now < self.phases[-1][0]:
            while pauses and pauses[0][0] <= self.now:
                length = pauses.popleft()[1]
                self.now += length
                self.paused += length
            for _ in range(MAX_BATCHES):
                if self._read() < BATCH:
                    break
            self._turn()
        return self

    def completed_per_s(self, since: float, until: float) -> float:
        return sum(since <= call.ended < until for call in self.calls) / (until - since)

    def refusal_delays(self, since: float) -> list[float]:
        return sorted(call.answered - call.began for call in self.calls if call.refused and call.began >= since)

    def _arrive(self, at: float, call: Call, number: int) -> None:
        self._order += 1
        heapq.heappush(self._events, (at, self._order, call, number))

    def _let_arrive(self) -> None:
        while self._events and self._events[0][0] <= self.now:
            _, _, call, number = heapq.heappop(self._events)
            if number == 0:
                if call.answered or self.now - call.began > PATIENCE_S:
                    continue
                self._arrive(self.now + max(T1_S, self.now - call.began), call, 0)
            if len(self._socket) < SOCKET_ROOM:
                self._socket.append((call, number))
            else:
                self.lost += 1

    def _read(self) -> int:
        if not self._socket and not self.backlog and self._events:
            self.now = max(self.now, self._events[0][0])
        self._let_arrive()
        count = min(BATCH, len(self._socket))
        backlog, began = self.backlog, self.now
        sorting = backlog is not None and (count == BATCH or len(backlog) > 0 or backlog.busy)
        for _ in range(count):
            call, number = self._socket.popleft()
            self.now += RECEIVE_S
            if backlog is None or number or not sorting or call.answered:
                self._handle(call, number)
            elif str(id(call)) not in backlog and not backlog.put(str(id(call)), call, began, goes_on=False):
                self._refuse(call)
        return count

    def _turn(self) -> None:
        if self.backlog is None:
            return
        now = self.now
        for call in self.backlog.late(now):
            self._refuse(call)
        for _ in range(TURN):
            call = self.backlog.next(now)
            if call is None:
                break
            self._handle(call, 0)

    def _refuse(self, call: Call) -> None:
        self.now += REFUSE_S
        call.refused, call.answered = True, self.now

    def _handle(self, call: Call, number: int) -> None:
        if number == 0 and call.answered:
            return  # a retransmission is absorbed
        self.now += LATER_S if number else INVITE_S
        if number == 0:
            call.answered = self.now
        if number < LATER:
            self._arrive(self.now + ROUND_TRIP_S, call, number + 1)
        elif self.now - call.began < PATIENCE_S:
            call.ended = self.now
