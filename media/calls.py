"""All calls of a daemon, by Call-ID."""

from collections.abc import Iterator

from media.clock import Clock
from media.errors import LoadLimitError
from media.line import NOTHING, Line
from media.load import Load
from media.recording import Recordings
from media.session import Call, Dialogue
from media.streams import Lines
from native.relay import Totals


class CallTable:
    """Creates and ends calls; keeps what ended ones have relayed."""

    def __init__(self, lines: Lines, recordings: Recordings, clock: Clock, load: Load) -> None:
        self.lines = lines
        self.recordings = recordings
        self.clock = clock
        self.ended_count = 0
        self.ended_seconds = 0.0
        self.ended_seconds2 = 0.0  # their squares
        self.unheard_count = 0  # ended without a packet of RTP
        self.ended_totals = NOTHING
        self.rejected_count = 0
        self._calls: dict[str, Call] = {}
        self._load = load

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def get(self, call_id: str) -> Call | None:
        return self._calls.get(call_id)

    def create(self, call_id: str) -> Call:
        """LoadLimitError when there are as many as there may be, or too much to do."""
        try:
            self._load.admit(len(self._calls))
        except LoadLimitError:
            self.rejected_count += 1
            raise
        unix_s, now_ns = self.clock.unix_s(), self.clock.monotonic_ns()
        call = Call(call_id, unix_s, unix_s, now_ns)
        self._calls[call_id] = call
        return call

    def drop(self, call: Call) -> None:
        """Forgets a call whose first offer failed; it never was one."""
        del self._calls[call.call_id]

    def totals(self, call: Call) -> Totals:
        """What it has relayed so far."""
        totals = call.past
        for dialogue in call.dialogues:
            totals = totals.plus(dialogue.past)
            for line in dialogue.all_lines():
                totals = totals.plus(self.lines.totals(line))
        return totals

    def release(self, call: Call) -> None:
        """All that was agreed and wished for is in effect: what a party sent before its answer is treated as what follows."""
        for dialogue in call.dialogues:
            for line in dialogue.lines:
                if line is not None:
                    self.lines.release(line)

    def end(self, call: Call, totals: Totals | None = None) -> None:
        """Closes everything the call has. ``totals``: its, when they are known."""
        if self._calls.pop(call.call_id, None) is None:
            return
        self.ended_count += 1
        duration_s = self.clock.unix_s() - call.created_at
        self.ended_seconds += duration_s
        self.ended_seconds2 += duration_s * duration_s
        totals = self.totals(call) if totals is None else totals
        self.ended_totals = self.ended_totals.plus(totals)
        self.unheard_count += not totals.rtp.packets
        if call.recording is not None:
            self.recordings.stop(call)
        for line in call.lines():
            self.lines.close(line)
        call.dialogues.clear()

    def end_dialogue(self, call: Call, dialogue: Dialogue) -> None:
        """The call stays, even without dialogues: its caller decides."""
        for line in dialogue.all_lines():
            self.close_line(dialogue, line)
        call.past = call.past.plus(dialogue.past)
        call.dialogues.remove(dialogue)

    def close_line(self, dialogue: Dialogue, line: Line) -> None:
        dialogue.past = dialogue.past.plus(self.lines.totals(line))
        self.lines.close(line)
