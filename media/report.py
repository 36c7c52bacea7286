"""What ``query`` and ``delete`` tell of a call, in the words of the ng protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from media import bencode
from media.clock import Clock
from media.line import Line
from media.ng import Body
from media.quality import Quality, estimate, loss_bursts
from media.sampling import History
from media.session import Call, Described, Dialogue
from media.streams import Lines
from native.relay import STATIC_ENCODINGS, ComponentStats, StreamStats, Totals, party_report

Counts = dict[Line, list[StreamStats]]
Histories = Callable[[int, int, ComponentStats, int], History | None]
"""Of what a stream's side sent, by its counters and the round trip between the parties (µs, 0 unknown)."""


@dataclass(frozen=True, slots=True)
class Reporter:
    lines: Lines
    clock: Clock
    history: Histories
    is_silent: Callable[[int, int], bool]  # whether nothing is heard of a stream's side, while the other one is

    def query(self, call: Call, totals: Totals, dialogues: list[Dialogue]) -> Body:
        """Times of the call, its totals, and of ``dialogues`` each party (``tags``) and each source it sends (``SSRC``)."""
        body: Body = {
            "created": int(call.created_at),
            "created_us": int(call.created_at % 1 * 1_000_000),
            "created_ts": int(call.created_at * 1_000_000),
            "last signal": int(call.signalled_at),
            "totals": totals.told(),
        }
        if call.metadata:
            body["metadata"] = call.metadata
        sources: dict[str, Any] = {}
        tags: dict[str, Any] = {}
        counts: Counts = {}
        how = self.lines, counts, self.clock.unix_s(), self.clock.monotonic_ns(), partial(self._heard, sources)
        for dialogue in _answered_first(dialogues):
            sides, branch = dialogue.sides, dialogue.via_branch
            for side in (0, 1):
                key = sides[side].tag or f"<untagged {len(tags)}>"
                if key not in tags:
                    lines, described = dialogue.shown(side)
                    tags[key] = party_report(sides[side], side, sides[1 - side].tag, branch, lines, described, *how)
        body["SSRC"] = sources
        body["tags"] = tags
        return body

    def brief(self, dialogues: list[Dialogue]) -> Body:
        """Of each party what a CDR wants to know: what it sent, how much of it was lost, how it sounded on the whole."""
        tags: dict[str, Any] = {}
        for dialogue in _answered_first(dialogues):
            counts = [[] if line is None else self.lines.counts(line) for line in dialogue.lines]
            for side, party in enumerate(dialogue.sides):
                if party.tag and party.tag not in tags:
                    lines = zip(dialogue.lines, counts, party.described, strict=False)
                    tags[party.tag] = {"medias": [self._brief_media(*line, side) for line in lines]}
        return {"tags": tags}

    def _brief_media(self, line: Line | None, counts: list[StreamStats], described: Described, side: int) -> Body:
        streams, sources = [], []
        for pair, sides in enumerate(counts):
            stats = sides[side][0]
            streams.append({"stats": {"packets": stats.packets}})
            if stats.ssrc and line is not None:
                quality = self._history(line.streams[pair], side, sides, described).average
                sample = {"jitter": quality.jitter_ms, "round-trip time": quality.round_trip_us}
                if described.kind == "audio":
                    sample["MOS"] = quality.mos_x10
                loss = {"cumulative loss": max(stats.lost, 0), "loss bursts": loss_bursts(stats)}
                sources.append(loss | {"average MOS": sample})
        return {"streams": streams, "ingress SSRCs": sources}

    def _heard(
        self, sources: dict[str, Any], line: Line, described: Described, side: int, counts: list[StreamStats]
    ) -> tuple[bytes, bytes]:
        """Of a line on which anybody was heard: more flags, and more entries, in bencode; its sources go to ``sources`` too."""
        flags, ingress = b"", []
        body: Body = {}
        for pair, sides in enumerate(counts):
            stats = sides[side][0]
            if self.is_silent(line.streams[pair], side):
                flags += bencode.encode("silent")
            if stats.packets and not pair:
                body["codec"] = self._codec(line.streams[pair], stats.payload_type)
            if stats.ssrc:
                sources[str(stats.ssrc)] = source = self._source(line.streams[pair], side, sides, described)
                ingress.append({"SSRC": stats.ssrc, **source})
        if ingress:
            body["ingress SSRCs"] = ingress
        return flags, bencode.encode(body)[1:-1]

    def _codec(self, stream: int, payload_type: int) -> str:
        """Of its last packet, with the clock rate; "" when unknown."""
        encoding = self.lines.encoding(stream, payload_type)
        return encoding if "/" in encoding else STATIC_ENCODINGS.get(payload_type, encoding)

    def _source(self, stream: int, side: int, sides: StreamStats, described: Described) -> Body:
        stats = sides[side][0]
        encoding = self.lines.encoding(stream, stats.payload_type)
        history = self._history(stream, side, sides, described)
        trip_us = stats.round_trip_us
        body = {
            "cumulative loss": stats.lost,
            "loss bursts": loss_bursts(stats),
            "average MOS": _sample(history.average, trip_us) | {"samples": history.samples},
            "lowest MOS": _sample(history.lowest, trip_us) | {"reported at": history.lowest_at},
            "highest MOS": _sample(history.highest, trip_us) | {"reported at": history.highest_at},
        }
        return body | {"codec": encoding} if encoding else body

    def _history(self, stream: int, side: int, sides: StreamStats, described: Described) -> History:
        """By samples, before the first one by the counts so far."""
        stats, trip_us = sides[side][0], sides[0][0].round_trip_us + sides[1][0].round_trip_us
        history = self.history(stream, side, stats, trip_us)
        if history is None:
            encoding = self.lines.encoding(stream, stats.payload_type)
            whole = estimate(stats, described.clock_hz(stats.payload_type), encoding, trip_us)
            now_s = int(self.clock.unix_s())
            history = History(whole, whole, now_s, whole, now_s, 1)
        return history


def _answered_first(dialogues: list[Dialogue]) -> list[Dialogue]:
    return dialogues if len(dialogues) < 2 else sorted(dialogues, key=lambda item: not item.answered)


def _sample(quality: Quality, leg_us: int) -> Body:
    """``leg_us``: the round trip to the party alone."""
    return {
        "MOS": quality.mos_x10,
        "jitter": quality.jitter_ms,
        "packet loss": quality.loss_percent,
        "round-trip time": quality.round_trip_us,
        "round-trip time leg": leg_us,
    }
