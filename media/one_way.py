"""One-way audio: calls in which one party is heard by us and the other is not, though both said they would send."""

from collections.abc import Callable

import numpy as np

from media.calls import CallTable
from media.line import Line
from media.ng import Body
from media.sampling import QualitySampler
from media.session import Call, Dialogue

ROUNDS = 2  # samples in a row: a party may pause for one
COMFORT_NOISE = "cn"


class OneWayWatch:
    """``emit`` is given one event each time it begins."""

    def __init__(
        self, calls: CallTable, sampler: QualitySampler, emit: Callable[[Body], None], counters: dict[str, int]
    ) -> None:
        self._calls = calls
        self._sampler = sampler
        self._emit = emit
        self._counters = counters
        self._told: set[int] = set()  # streams

    @property
    def silent(self) -> int:
        """Audio streams of which only one side is heard."""
        return len(self._told)

    def is_silent(self, stream: int, side: int) -> bool:
        return stream in self._told and int(self._sampler.silent_side[stream]) == side

    def look(self) -> None:
        """After each sample."""
        suspects = set(np.flatnonzero(self._sampler.silent_rounds >= ROUNDS).tolist())
        self._told &= suspects
        if not suspects - self._told:
            return
        for call in self._calls:
            for dialogue in call.dialogues:
                for index, line in enumerate(dialogue.lines):
                    if line is not None and line.streams and line.streams[0] in suspects - self._told:
                        self._judge(call, dialogue, index, line)

    def _judge(self, call: Call, dialogue: Dialogue, index: int, line: Line) -> None:
        states = [side.described[index] for side in dialogue.sides if index < len(side.described)]
        if not dialogue.answered or len(states) < 2 or any(state.on_hold or state.kind != "audio" for state in states):
            return
        side = int(self._sampler.silent_side[line.streams[0]])
        if self._announced(line, side):
            return
        self._told.add(line.streams[0])
        self._counters["media_one_way_total"] += 1
        silent = dialogue.sides[side]
        names = {"from-tag": dialogue.sides[0].tag, "to-tag": dialogue.sides[1].tag, "via-branch": dialogue.via_branch}
        event = {"event": "one-way audio", "call-id": call.call_id, "silent": silent.tag}
        self._emit(event | {key: value for key, value in names.items() if value})

    def _announced(self, line: Line, side: int) -> bool:
        """Comfort noise was the last that the side sent: it says by this that it will be quiet (RFC 3389)."""
        stats = self._calls.lines.stats(line, side, 0, False)
        encoding = self._calls.lines.encoding(line.streams[0], stats.payload_type)
        return stats.packets > 0 and encoding.lower().partition("/")[0] == COMFORT_NOISE
