"""A received session description turned into the one we send on: our addresses and ports, everything else in its place."""

from dataclasses import dataclass

from media.sdp import DIRECTIONS, Description, Media, insert_connection
from media.sdp_fields import Connection

# We offer no candidates, so what is left of ICE would only make an ICE agent see a mismatch (RFC 8839 section 4.2.5)
_ICE = frozenset(
    {
        "candidate",
        "remote-candidates",
        "end-of-candidates",
        "ice-ufrag",
        "ice-pwd",
        "ice-options",
        "ice-lite",
        "ice-mismatch",
        "ice-pacing",
    }
)
_RTCP = frozenset({"rtcp", "rtcp-mux", "rtcp-mux-only"})
_HELD = {"sendrecv": "sendonly", "sendonly": "sendonly", "recvonly": "inactive", "inactive": "inactive"}
# What a party says of its keys, when they are for its own leg only
_KEYS = frozenset({"crypto", "fingerprint", "setup", "tls-id", "key-mgmt", "zrtp-hash"})
# Each m= line keeps ports of its own here, which BUNDLE would take from it (RFC 9143 section 7.3)
_GONE = _ICE | {"bundle-only"}
_GONE_WITH_KEYS = _GONE | _KEYS
LOOP_MARK = "x-relayed-by"


@dataclass(frozen=True, slots=True)
class LocalLine:
    """What we announce for one m= line."""

    port: int  # 0: rejected or removed
    count: int = 1
    rtcp_port: int = 0  # 0: no a=rtcp line
    mux: bool = False
    protocol: str = ""
    keys: tuple[str, ...] | None = None  # a=crypto values in place of what was said of keys; None: left as it is


@dataclass(frozen=True, slots=True)
class Style:
    connection: Connection  # our address
    full_rtcp: bool = False  # the address in a=rtcp too
    replace_zero: bool = False  # our address even in place of 0.0.0.0
    loop_mark: str = ""  # put at session level when not empty


def rewrite(description: Description, locals_: list[LocalLine | None], style: Style) -> list[str]:
    """The lines to send on, o= as received. ``locals_``: per m= line; None passes it on untouched."""
    lines = _session_lines(description, style)
    for media, local in zip(description.media, locals_, strict=True):
        lines += _untouched(description, media) if local is None else _media_lines(description, media, local, style)
    return lines


def _session_lines(description: Description, style: Style) -> list[str]:
    lines = []
    for line, name, value in description.session.fields:
        if name == "c=":
            lines.append(_connection_line(line, style))
        elif name not in _ICE and not (name == "group" and value.startswith("BUNDLE")):
            lines.append(line)
    if style.loop_mark:
        lines.append(f"a={LOOP_MARK}:{style.loop_mark}")
    return lines


def _media_lines(description: Description, media: Media, local: LocalLine, style: Style) -> list[str]:
    lines = [_media_line(media, local)]
    direction = _direction(description, media, style)
    rtcp = _rtcp_lines(local, style)
    gone = _GONE_WITH_KEYS if local.keys is not None else _GONE
    for line, name, _ in media.fields[1:]:
        if name in _RTCP:
            line = rtcp.pop(name, "")
        elif name == "c=":
            line = _connection_line(line, style)
        if line and name not in gone and not (direction and name in DIRECTIONS):
            lines.append(line)
    lines += [f"a=crypto:{value}" for value in local.keys or ()]
    lines += [rtcp[name] for name in ("rtcp", "rtcp-mux") if name in rtcp]
    return [*lines, f"a={direction}"] if direction else lines


def _direction(description: Description, media: Media, style: Style) -> str:
    """What says "hold" where our address replaces the zero one that said so; empty: as received."""
    connection = description.connection_of(media)
    if not style.replace_zero or connection is None or not connection.zero:
        return ""
    return _HELD[description.direction_of(media)]


def _media_line(media: Media, local: LocalLine) -> str:
    port = f"{local.port}/{local.count}" if local.port and local.count > 1 else str(local.port)
    return f"m={media.kind} {port} {local.protocol or media.protocol} {media.formats}"


def _rtcp_lines(local: LocalLine, style: Style) -> dict[str, str]:
    """By attribute name, what a section may hold of RTCP; rtcp-mux-only stays only where it was."""
    lines: dict[str, str] = {}
    if local.rtcp_port and local.port:
        address = f" {style.connection}" if style.full_rtcp else ""
        lines["rtcp"] = f"a=rtcp:{local.rtcp_port}{address}"
    if local.mux:
        lines["rtcp-mux"] = "a=rtcp-mux"
        lines["rtcp-mux-only"] = "a=rtcp-mux-only"
    return lines


def _connection_line(line: str, style: Style) -> str:
    """Hold by zero address (RFC 3264 section 8.4) passes through, unless told otherwise."""
    address = line.rsplit(None, 1)[-1]
    if address in {"0.0.0.0", "::"} and not style.replace_zero:  # noqa: S104
        return line if style.connection.family == (6 if ":" in address else 4) else _zero_line(style)
    return f"c={style.connection}"


def _zero_line(style: Style) -> str:
    return f"c={Connection(style.connection.family, '::' if style.connection.family == 6 else '0.0.0.0')}"  # noqa: S104


def _untouched(description: Description, media: Media) -> list[str]:
    """An inherited c= line was true of the session; ours is not."""
    lines = [line for line, _, _ in media.fields]
    if media.connection is None and description.session.connection is not None:
        insert_connection(media, lines, description.session.connection)
    return lines
