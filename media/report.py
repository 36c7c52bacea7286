"""What ``query`` and ``delete`` tell of a call, in the words of the ng protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from media.clock import Clock
from media.line import Line, StreamStats, Totals
from media.ng import Body
from media.quality import Quality, estimate
from media.sampling import History
from media.session import Call, Described, Dialogue
from media.streams import Lines
from native.relay import STATIC_ENCODINGS, ComponentStats, Tally, stream_report

Counts = dict[Line, list[StreamStats]]

# by what the party says that it does
_FLAGS = {
    "sendrecv": ("initialized", "send", "recv"),
    "sendonly": ("initialized", "recv"),
    "recvonly": ("initialized", "send"),
    "inactive": ("initialized",),
}


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
        for dialogue in _answered_first(dialogues):
            for side in (0, 1):
                key = dialogue.sides[side].tag or f"<untagged {len(tags)}>"
                if key not in tags:
                    tags[key] = self._party(dialogue, side, counts, sources)
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

    def _party(self, dialogue: Dialogue, side: int, counts: Counts, sources: dict[str, Any]) -> Body:
        party, other = dialogue.sides[side], dialogue.sides[1 - side]
        body: Body = {"tag": party.tag, "created": int(party.created_at)}
        if dialogue.via_branch:
            body["via-branch"] = dialogue.via_branch
        if party.label:
            body["label"] = party.label
        if other.tag:
            body["in dialogue with"] = other.tag
            body["subscriptions"] = body["subscribers"] = [{"tag": other.tag, "type": "offer/answer"}]
        body["medias"] = medias = []
        for index, (line, described) in enumerate(dialogue.shown(side)):
            medias.append(self._media(index, line, described, side, counts, sources))
        return body

    def _media(
        self, index: int, line: Line | None, described: Described, side: int, counts: Counts, sources: dict[str, Any]
    ) -> Body:
        body: Body = {
            "index": index + 1,
            "type": described.kind,
            "protocol": described.protocol,
            "flags": [*_FLAGS[described.direction], "rtcp-mux"] if described.mux else [*_FLAGS[described.direction]],
        }
        if line is None:
            return body | {"streams": []}
        place, host, port = described.endpoint, line.interfaces[side].address, line.blocks[side].port
        now = self.clock.unix_s(), self.clock.monotonic_ns()
        body["streams"] = stream_report(counts[line], side, host, port, place.rtp, place.rtcp, *now)
        for pair, sides in enumerate(counts[line]):
            stats = sides[side][0]
            if self.is_silent(line.streams[pair], side):
                body["flags"].append("silent")
            if stats.packets and not pair:
                body["codec"] = self._codec(line.streams[pair], stats.payload_type)
            if stats.ssrc:
                sources[str(stats.ssrc)] = self._source(line.streams[pair], side, stats, described)
                body.setdefault("ingress SSRCs", []).append({"SSRC": stats.ssrc, **sources[str(stats.ssrc)]})
        return body

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
