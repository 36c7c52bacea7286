"""What ``query`` and ``delete`` tell of a call, in the words of the ng protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from media import bencode
from media.clock import Clock
from media.line import Line, StreamStats, Totals
from media.ng import Body
from media.quality import Quality, estimate
from media.sampling import History
from media.session import Call, Described, Dialogue
from media.streams import Lines
from native.relay import STATIC_ENCODINGS, ComponentStats, Tally, party_report

Counts = dict[Line, list[StreamStats]]


@dataclass(frozen=True, slots=True)
class Reporter:
    lines: Lines
    clock: Clock
    history: Callable[[int, int], History | None]  # of what a stream's side sent
    is_silent: Callable[[int, int], bool]  # whether nothing is heard of a stream's side, while the other one is

    def query(self, call: Call, totals: Totals, dialogues: list[Dialogue]) -> Body:
        """Times of the call, its totals, and of ``dialogues`` each party (``tags``) and each source it sends (``SSRC``)."""
        counts = {line: self.lines.counts(line) for dialogue in dialogues for line in dialogue.all_lines()}
        body: Body = {
            "created": int(call.created_at),
            "created_us": int(call.created_at % 1 * 1_000_000),
            "created_ts": int(call.created_at * 1_000_000),
            "last signal": int(call.signalled_at),
            "totals": {"RTP": _tally(totals.rtp), "RTCP": _tally(totals.rtcp)},
        }
        if call.metadata:
            body["metadata"] = call.metadata
        sources: dict[str, Any] = {}
        tags: dict[str, Any] = {}
        now = self.clock.unix_s(), self.clock.monotonic_ns()
        more = partial(self._heard, sources)
        for dialogue in _answered_first(dialogues):
            sides, branch = dialogue.sides, dialogue.via_branch
            for side in (0, 1):
                key = sides[side].tag or f"<untagged {len(tags)}>"
                if key not in tags:
                    tags[key] = party_report(
                        sides[side], side, sides[1 - side].tag, branch, dialogue.shown(side), counts, *now, more
                    )
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
                quality = self._history(line.streams[pair], side, stats, described).average
                sample = {"MOS": quality.mos_x10, "jitter": quality.jitter_ms, "round-trip time": quality.round_trip_us}
                sources.append({"cumulative loss": stats.lost, "loss bursts": stats.gaps, "average MOS": sample})
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
                sources[str(stats.ssrc)] = source = self._source(line.streams[pair], side, stats, described)
                ingress.append({"SSRC": stats.ssrc, **source})
        if ingress:
            body["ingress SSRCs"] = ingress
        return flags, bencode.encode(body)[1:-1]

    def _codec(self, stream: int, payload_type: int) -> str:
        """Of its last packet, with the clock rate; "" when unknown."""
        encoding = self.lines.encoding(stream, payload_type)
        return encoding if "/" in encoding else STATIC_ENCODINGS.get(payload_type, encoding)

    def _source(self, stream: int, side: int, stats: ComponentStats, described: Described) -> Body:
        encoding = self.lines.encoding(stream, stats.payload_type)
        history = self._history(stream, side, stats, described)
        trip_us = stats.round_trip_us
        body = {
            "cumulative loss": stats.lost,
            "loss bursts": stats.gaps,
            "average MOS": _sample(history.average, trip_us) | {"samples": history.samples},
            "lowest MOS": _sample(history.lowest, trip_us) | {"reported at": history.lowest_at},
            "highest MOS": _sample(history.highest, trip_us) | {"reported at": history.highest_at},
        }
        return body | {"codec": encoding} if encoding else body

    def _history(self, stream: int, side: int, stats: ComponentStats, described: Described) -> History:
        """By samples, before the first one by the counts so far."""
        history = self.history(stream, side)
        if history is None:
            encoding = self.lines.encoding(stream, stats.payload_type)
            whole = estimate(stats, described.clock_hz(stats.payload_type), encoding)
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


def _tally(tally: Tally) -> Body:
    return {"packets": tally.packets, "bytes": tally.bytes, "errors": tally.errors}
