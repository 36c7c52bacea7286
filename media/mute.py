"""What a party sends and others shall not get: everything, its sound, or its DTMF (ng ``block``, ``silence``)."""

from media.calls import CallTable
from media.errors import NO_ADDRESS, NO_LABEL, NO_MATCH, NO_TAG, RequestError
from media.line import NOT_MUTED, Muting
from media.request import Request
from media.sdp_fields import NO_TYPES
from media.session import Call, Dialogue, Side
from media.streams import Lines

MEDIA, SOUND, DTMF = "media", "sound", "dtmf"


def apply(lines: Lines, dialogue: Dialogue) -> None:
    """To the lines in effect; after each answer, for a new line knows nothing of it."""
    for index, line in enumerate(dialogue.lines):
        if line is None:
            continue
        for number, side in enumerate(dialogue.sides):
            if side.muted or line.muted[number] is not NOT_MUTED:
                lines.mute(line, number, _muting(dialogue, index, side) if side.muted else NOT_MUTED)


def _muting(dialogue: Dialogue, index: int, side: Side) -> Muting:
    types = NO_TYPES
    for party in dialogue.sides if DTMF in side.muted else ():
        types |= party.described[index].rtp_map.event_types if index < len(party.described) else NO_TYPES
    return Muting(MEDIA in side.muted, SOUND in side.muted, types)


class Mute:
    def __init__(self, calls: CallTable) -> None:
        self._calls = calls

    def set(self, call: Call, request: Request, what: str, on: bool) -> None:
        """For the party that ``request`` names by tag, label or address, else for all. RequestError when it is nobody."""
        chosen = [
            (dialogue, side) for dialogue in call.dialogues for side in dialogue.sides if _is_chosen(dialogue, side, request)
        ]
        if not chosen:
            raise RequestError(_nobody(call, request))
        for dialogue, side in chosen:
            side.muted = side.muted | {what} if on else side.muted - {what}
            side.label = request.options.set_label or side.label
            apply(self._calls.lines, dialogue)

    def block_dtmf(self, call: Call) -> None:
        """Of every party, from now on."""
        for dialogue in call.dialogues:
            for side in dialogue.sides:
                side.muted = side.muted | {DTMF}
            apply(self._calls.lines, dialogue)


def _is_chosen(dialogue: Dialogue, side: Side, request: Request) -> bool:
    if "all" in request.options.flags:
        return True
    if request.options.label:
        return side.label == request.options.label
    if request.options.address:
        return any(
            state.endpoint.rtp is not None and state.endpoint.rtp[0] == request.options.address for state in side.described
        )
    if request.from_tag:
        return side.tag == request.from_tag and (not request.to_tag or dialogue.side_of(request.to_tag) is not None)
    return True


def _nobody(call: Call, request: Request) -> str:
    """Why ``request`` names none of the parties."""
    if request.options.label:
        return NO_LABEL
    if request.options.address:
        return NO_ADDRESS
    return NO_MATCH if call.matching(request.from_tag, "", "") else NO_TAG
